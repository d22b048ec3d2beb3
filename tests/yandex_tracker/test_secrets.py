"""What must not be written anywhere: tokens, names of people, descriptions and comments."""

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PostgresServer
from loads import Extraction, differences, fresh, simulated

from demo.yandex_tracker.server import Server
from demo.yandex_tracker.words import PRIVATE
from extract.yandex_tracker.catalogue import _board
from extract.yandex_tracker.cleaning import changes, cleaned

PASSWORD = "correct-horse-battery-staple"
SELF = "https://tracker.invalid/v3/"


@pytest.fixture
def tracker() -> Iterator[Server]:
    with simulated(issues=60) as running:
        yield running


@pytest.fixture
def empty(server: PostgresServer, tracker: Server, tmp_path: Path) -> Iterator[Extraction]:
    yield from fresh(server, tracker, tmp_path / "dlt")


@pytest.mark.parametrize("fails", [False, True], ids=["succeeding", "failing"])
def test_no_secret_is_written_printed_or_raised(
    empty: Extraction, tracker: Server, fails: bool, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    empty.dsn = empty.dsn.replace(":none@", f":{PASSWORD}@")
    secrets = (tracker.token, PASSWORD)
    said = ""
    if fails:
        tracker.fault("status", r"/changelog$", status=401, first=2, count=None)
    try:
        empty.load()
    except Exception:
        said = traceback.format_exc()
    assert bool(said) is fails
    raw = empty.rows("select to_jsonb(t)::text from extract_runs as t")
    said += "".join(capfd.readouterr()) + caplog.text + str(raw) + repr(empty.source)
    written = [
        path for path in tmp_path.rglob("*")
        if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets)
    ]  # fmt: skip
    assert written == []
    assert not any(secret in said for secret in secrets)


def test_raw_holds_nobody_s_name_and_nothing_that_people_wrote(
    empty: Extraction, tracker: Server
) -> None:
    company = tracker.tracker
    # an answer has all of it, in issues and in histories
    [issue] = [each for each in tracker.issues() if each.comments][:1]
    rows = [tracker.entry_row(issue, entry, "ru") for entry in tracker.history(issue).entries]
    people = [person for person in company.users if " " in (person.full_name or "")]
    assert PRIVATE in str(rows) and PRIVATE in str(tracker.issue_row(issue, "ru"))
    assert any(person.full_name in str(rows) for person in people)
    empty.load()
    tables = empty.rows(
        "select table_name from information_schema.tables where table_schema = 'raw_yandex_tracker'"
    )
    text = "".join(
        row[0] for (table,) in tables for row in empty.rows(f'select t::text from "{table}" as t')
    )
    assert any(person.login in text for person in people)
    assert [p.full_name for p in people if p.full_name in text] == []
    assert [p.email for p in people if p.email and p.email in text] == []
    assert PRIVATE not in text
    assert '"self"' not in text


def test_summaries_leave_raw_when_they_are_not_wanted_and_come_back(empty: Extraction) -> None:
    empty.load()
    before = empty.raw()
    empty.load(summaries=False)
    assert empty.rows("select distinct summary from issues") == [(None,)]
    empty.load(summaries=False)
    empty.load(summaries=True)
    assert differences(before, empty.raw()) == []
    assert empty.load().kind == "incremental"


def test_summaries_that_were_never_wanted_never_come(empty: Extraction, tracker: Server) -> None:
    empty.load(summaries=False)
    assert empty.rows("select distinct summary from issues") == [(None,)]
    titles = [issue.summary for issue in tracker.issues()]
    text = str(empty.raw())
    assert [title for title in titles if title in text] == []


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"self": f"{SELF}users/10", "id": "10", "display": "N", "cloudUid": "a"}, {"id": "10"}),
        ({"id": "10", "display": "N"}, {"id": "10"}),
        ({"self": f"{SELF}issues/A-1", "id": "1", "key": "A-1", "display": "Title"},
         {"id": "1", "key": "A-1"}),
        ({"self": f"{SELF}components/7", "id": "7", "display": "Web"},
         {"id": "7", "display": "Web"}),
        ([{"self": f"{SELF}users/10", "id": "10", "display": "N"}, "tag", 3, None],
         [{"id": "10"}, "tag", 3, None]),
        ({"primary": {"self": f"{SELF}projects/1", "id": "1", "display": "P"}, "secondary": []},
         {"primary": {"id": "1", "display": "P"}, "secondary": []}),
        ({"id": "1", "text": "secret", "assignee": {"id": "10", "display": "N"}}, {"id": "1"}),
        ({"amount": 3, "unit": "RUB"}, {"amount": 3, "unit": "RUB"}),
        ({"login": "n", "display": "N", "email": "n@x"}, {"login": "n"}),
        ({"self": 5, "id": "1", "display": "?"}, {"id": "1"}),
    ],
)  # fmt: skip
def test_a_value_is_kept_without_names(value: object, kept: object) -> None:
    assert cleaned(value) == kept


def test_changes_of_texts_are_kept_without_the_texts() -> None:
    told = [
        {"field": {"id": name, "display": name}, "from": "old words", "to": "new words"}
        for name in ("description", "summary", "comment", "checklistItems", "key")
    ]
    kept = changes([*told, "nonsense", {"from": "lost", "to": "words"}])
    assert [each for each in kept or () if "to" in each] == [
        {"field": {"id": "key"}, "from": "old words", "to": "new words"}
    ]
    assert len(kept or ()) == 6
    assert changes(None) is None


def test_a_board_tells_its_queues_and_no_people() -> None:
    board = _board(
        {
            "id": 1,
            "filter": {"queue": ["A"], "assignee": ["Имя Фамилия"]},
            "autoFilterSettings": {"filter": {"queue": ["B"], "author": ["Имя"]}},
            "query": 'Queue: "A", B-2 Assignee: "Имя Фамилия" OR "Queue": !C "Queue Lead": "Имя"',
        }
    )
    assert board["filter"] == {"queue": ["A"]}
    assert board["autoFilterSettings"] == {"filter": {"queue": ["B"]}}
    assert board["query"] == 'Queue: "A", B-2 "Queue": !C'
