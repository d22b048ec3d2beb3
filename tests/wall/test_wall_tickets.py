"""Exactly one ticket an incident: after a double click, a time-out, a restart, a tracker's death."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PostgresServer, fresh_database
from pages import needs_browser
from trackers import TOKEN, Tracker, yandex_tracker, youtrack
from walls import House, Running, Screen, house, running, until

from wall import desks
from wall.desks import YandexTrackerDesk, YouTrackDesk

TEMPLATE = """---
match: {{}}
tracker: {tracker}
project: OPS
summary: "{{{{ host }}}}: {{{{ trigger_name }}}}"
---
Since {{{{ started_at }}}}.
"""


@pytest.fixture(scope="module")
def database(server: PostgresServer) -> Iterator[House]:
    for name in fresh_database(server):
        with house(server, name) as made:
            yield made


@pytest.fixture
def home(database: House) -> House:
    database.execute("truncate marts.fct_open_incidents, ops.tickets")
    database.read()
    return database


@pytest.fixture(params=["youtrack", "yandex_tracker"])
def tracker(request: pytest.FixtureRequest) -> Iterator[Tracker]:
    made = youtrack if request.param == "youtrack" else yandex_tracker
    with made() as running_one:
        running_one.name = request.param
        yield running_one


def desk_of(tracker: Tracker) -> Any:
    if tracker.name == "youtrack":
        return YouTrackDesk(tracker.url, TOKEN)
    return YandexTrackerDesk(
        tracker.url, TOKEN, "7", is_cloud=False, page="https://tracker.example"
    )


def template(folder: Path, tracker: Tracker) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    (folder / "any.md.j2").write_text(TEMPLATE.format(tracker=tracker.name))
    return {"wall_templates": folder}


@pytest.fixture
def wall(home: House, tracker: Tracker, tmp_path: Path) -> Iterator[Running]:
    with running(
        home, desks={tracker.name: desk_of(tracker)},
        settings=template(tmp_path / "tickets", tracker), tickets={"settling_seconds": 0},
    ) as made:  # fmt: skip
        yield made


def burning(home: House, wall: Running, **values: Any) -> str:
    one = home.burn(**values)
    until(lambda: one in wall.board.snapshot.incidents)
    return one


def press(wall: Running, incident_id: str, summary: str = "A title", text: str = "A text") -> Any:
    return wall.post("/api/ticket", {"id": incident_id, "summary": summary, "description": text})


def row(home: House, incident_id: str) -> tuple[Any, ...]:
    return home.execute(
        "select state, ticket, error is null, settled_at is null from ops.tickets "
        "where incident_id = %s", incident_id
    )[0]  # fmt: skip


def test_the_text_is_shown_edited_and_sent_with_its_mark(
    home: House, wall: Running, tracker: Tracker
) -> None:
    one = burning(home, wall, host="srv-9", trigger_name="Disk\nis full")
    draft = wall.get(f"/api/ticket/{one}").json()
    assert draft["summary"] == "srv-9: Disk is full" and draft["project"] == "OPS"
    assert draft["description"].startswith("Since 20")
    sent = press(wall, one, "Edited", "Mine\ntwo").json()
    assert sent["ticket"] == "OPS-1" and sent["is_new"] and sent["url"].endswith("/OPS-1")
    [made] = tracker.tickets
    assert made["summary"] == "Edited"
    assert made["description"] == f"Mine\ntwo\n\nincident zabbix/{one}\n"
    assert row(home, one) == ("sent", "OPS-1", True, False)
    assert TOKEN in tracker.headers[-1]["Authorization"]


def test_a_second_press_finds_the_first_one_s_ticket(
    home: House, wall: Running, tracker: Tracker
) -> None:
    one = burning(home, wall)
    first, second = press(wall, one).json(), press(wall, one).json()
    assert (first["is_new"], second["is_new"]) == (True, False)
    assert first["ticket"] == second["ticket"]
    assert len(tracker.tickets) == 1


def test_ten_presses_at_once_make_one_ticket(home: House, wall: Running, tracker: Tracker) -> None:
    tracker.way = "slow"
    one = burning(home, wall)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(press(wall, one))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(tracker.tickets) == 1
    made = [answer.json() for answer in answers if answer.ok]
    assert sum(each["is_new"] for each in made) == 1
    assert {each["ticket"] for each in made} == {"OPS-1"}
    told = {answer.json()["error"] for answer in answers if not answer.ok}
    assert told <= {"The ticket is being sent just now.", "Others are writing just now. Try again."}


def test_an_answer_that_is_lost_is_doubtful_and_the_ticket_is_found(
    home: House, wall: Running, tracker: Tracker
) -> None:
    tracker.way = "lost"
    one = burning(home, wall)
    answer = press(wall, one)
    assert answer.status_code == 502 and "Nobody knows whether" in answer.json()["error"]
    assert row(home, one)[0] == "doubtful"
    tracker.way = "well"
    found = press(wall, one).json()
    assert (found["ticket"], found["is_new"]) == ("OPS-1", False)
    assert len(tracker.tickets) == 1
    assert row(home, one)[:2] == ("sent", "OPS-1")


def test_a_time_out_is_doubtful(
    home: House, wall: Running, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "TIMEOUT", (5, 0.2))
    tracker.way, tracker.seconds = "slow", 1
    one = burning(home, wall)
    assert "did not answer in time" in press(wall, one).json()["error"]
    assert row(home, one)[0] == "doubtful"
    assert press(wall, one).json()["ticket"] == "OPS-1"
    assert len(tracker.tickets) == 1


def test_what_was_not_made_can_be_sent_again(home: House, wall: Running, tracker: Tracker) -> None:
    one = burning(home, wall)
    tracker.way = "broken"
    assert "Nobody knows" in press(wall, one).json()["error"]
    tracker.way = "well"
    # looked for, and not there
    assert press(wall, one).json()["error"] == (
        "No ticket was made the last time. Press again to send it."
    )
    assert row(home, one)[0] == "failed"
    assert press(wall, one).json()["is_new"]
    assert len(tracker.tickets) == 1


def test_a_ticket_that_comes_late_is_waited_for(
    home: House, tracker: Tracker, tmp_path: Path
) -> None:
    tracker.way, tracker.seconds = "late", 1
    with running(
        home, desks={tracker.name: desk_of(tracker)},
        settings=template(tmp_path / "tickets", tracker), tickets={"settling_seconds": 60},
    ) as wall:  # fmt: skip
        one = burning(home, wall)
        assert "Nobody knows" in press(wall, one).json()["error"]
        tracker.way = "well"
        assert press(wall, one).json()["error"].startswith("The ticket is not there yet.")
        until(lambda: tracker.tickets)
        assert press(wall, one).json()["ticket"] == "OPS-1"
    assert (len(tracker.tickets), tracker.posts) == (1, 1)


def test_a_refusal_is_told_in_the_tracker_s_words(
    home: House, wall: Running, tracker: Tracker
) -> None:
    tracker.way = "refuse"
    one = burning(home, wall)
    told = press(wall, one).json()["error"]
    assert "No ticket was made" in told and "A field is required" in told
    assert row(home, one)[0] == "failed"
    tracker.way = "well"
    assert press(wall, one).json()["is_new"]


def test_a_wall_that_was_killed_while_sending_is_made_good(
    home: House, tracker: Tracker, tmp_path: Path
) -> None:
    """Killed after the tracker had made it, and killed before it was asked."""
    made, unmade = home.burn(), home.burn()
    for one in (made, unmade):
        home.execute(
            "insert into ops.tickets (incident_id, source, tracker, project, summary, state, "
            "requested_at) values (%s, 'zabbix', %s, 'OPS', 'x', 'sending', "
            "now() - interval '10 minutes')", one, tracker.name
        )  # fmt: skip
    mark = f"incident zabbix/{made}"
    tracker.make({"summary": "x", "description": f"x\n\n{mark}\n", "unique": mark})
    tracker.make({"summary": "x", "description": f"x\n\n{mark}7\n", "unique": f"{mark}7"})
    with running(
        home, desks={tracker.name: desk_of(tracker)},
        settings=template(tmp_path / "tickets", tracker),
    ) as wall:  # fmt: skip
        assert press(wall, made).json()["ticket"] == "OPS-1"
        assert "Press again" in press(wall, unmade).json()["error"]
        assert press(wall, unmade).json()["ticket"] == "OPS-3"
    assert len(tracker.tickets) == 3


def test_a_tracker_that_cannot_be_looked_into_makes_nothing_again(
    home: House, wall: Running, tracker: Tracker
) -> None:
    if tracker.name != "youtrack":
        pytest.skip("the search of the other one is a POST")
    tracker.way = "lost"
    one = burning(home, wall)
    press(wall, one)
    tracker.way, tracker.is_blind = "well", True
    assert "cannot be found out now" in press(wall, one).json()["error"]
    assert (len(tracker.tickets), tracker.posts) == (1, 1)
    tracker.is_blind = False
    assert press(wall, one).json()["ticket"] == "OPS-1"


def test_without_a_database_nothing_is_sent(
    home: House, wall: Running, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = burning(home, wall)
    home.execute("alter table ops.tickets rename to gone")
    try:
        assert "The database failed" in press(wall, one).json()["error"]
    finally:
        home.execute("alter table ops.gone rename to tickets")
    assert tracker.posts == 0
    assert press(wall, one).json()["is_new"]


def test_tracker_and_project_are_the_template_s(
    home: House, wall: Running, tracker: Tracker
) -> None:
    one = burning(home, wall)
    body = {"id": one, "summary": "x", "description": "y", "project": "SECRET", "tracker": "other"}
    assert wall.post("/api/ticket", body).ok
    assert home.execute("select project, tracker from ops.tickets") == [("OPS", tracker.name)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"id": "nobody", "summary": "x", "description": "y"}, 409),
        ({"summary": "x", "description": "y"}, 409),
        ({"id": "1", "summary": "  ", "description": "y"}, 400),
        ({"id": "1", "summary": "x", "description": "y" * 20_001}, 400),
        ({"id": "1", "summary": 7, "description": "y"}, 400),
        ([], 400),
    ],
)
def test_a_malformed_request_makes_nothing(
    home: House, wall: Running, tracker: Tracker, body: Any, status: int
) -> None:
    burning(home, wall, incident_id="1")
    assert wall.post("/api/ticket", body).status_code == status
    assert tracker.posts == 0


def test_a_broken_template_is_said_on_the_page_and_mended_without_a_restart(
    home: House, wall: Running, tracker: Tracker, tmp_path: Path
) -> None:
    one = burning(home, wall)
    file = tmp_path / "tickets" / "any.md.j2"
    good = file.read_text()
    file.write_text(good + "{{ nobody }}")
    answer = wall.get(f"/api/ticket/{one}")
    assert answer.status_code == 409 and "'nobody' is undefined" in answer.json()["error"]
    troubles = wall.get("/api/incidents").json()["troubles"]
    assert [each["what"] for each in troubles] == ["templates"]
    file.write_text(good)
    assert wall.get(f"/api/ticket/{one}").ok
    assert wall.get("/api/incidents").json()["troubles"] == []


def test_a_tracker_without_a_token_is_told_before_anything_is_typed(
    home: House, tmp_path: Path
) -> None:
    with youtrack() as tracker:
        tracker.name = "youtrack"
        with running(home, settings=template(tmp_path / "tickets", tracker)) as wall:
            one = burning(home, wall)
            answer = wall.get(f"/api/ticket/{one}")
            assert answer.status_code == 409 and "No token may create" in answer.json()["error"]
            assert "no token may create one there" in press(wall, one).json()["error"]
            assert tracker.posts == 0


@needs_browser
def test_a_person_sees_edits_and_sends_and_a_double_click_is_one(
    home: House, browser: Any, tmp_path: Path
) -> None:
    with youtrack() as tracker:
        tracker.name, tracker.way = "youtrack", "slow"
        with running(
            home, desks={"youtrack": desk_of(tracker)},
            settings=template(tmp_path / "tickets", tracker),
        ) as wall:  # fmt: skip
            one = burning(home, wall, host="srv-9")
            screen = Screen(browser, wall.url)
            screen.click(f"tr[data-id='{one}'] td.ticket button")
            screen.until("return document.querySelector('#ticket_dialog').open")
            assert screen.script("return document.querySelector('#ticket_summary').value") == (
                "srv-9: Service is down"
            )
            screen.script("document.querySelector('#ticket_summary').value = 'Mine'")
            screen.script(
                "const b = document.querySelector('#ticket_dialog [type=submit]'); b.click(); "
                "b.click()"
            )
            screen.until("return !document.querySelector('#ticket_dialog').open")
            assert screen.text("#said") == "Made: OPS-1"
            assert [each["summary"] for each in tracker.tickets] == ["Mine"]
            home.change(one, ticket="OPS-1", ticket_url=f"{tracker.url}/issue/OPS-1")
            until(lambda: screen.look() or "OPS-1" in screen.row(one)["ticket"])
            tracker.way = "refuse"
            other = burning(home, wall)
            screen.look()
            screen.click(f"tr[data-id='{other}'] td.ticket button")
            screen.until("return document.querySelector('#ticket_dialog').open")
            screen.click("#ticket_dialog [type=submit]")
            screen.until("return document.querySelector('#ticket_dialog .fault').textContent")
            assert "A field is required" in screen.text("#ticket_dialog .fault")
            # what was typed is still there
            assert screen.script("return document.querySelector('#ticket_text').value")
            screen.complaints()
