"""Comments are Zabbix's own, with the viewer's own token, and nothing of the token stays anywhere."""

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import PostgresServer, fresh_database
from pages import needs_browser
from walls import House, Running, Screen, house, running, until
from zabbix_loads import simulated

from demo.zabbix.dialect import Dialect
from demo.zabbix.monitoring import Event
from demo.zabbix.server import Server

TOKEN = "c0ffee00" * 8


@pytest.fixture(scope="module")
def database(server: PostgresServer) -> Iterator[House]:
    for name in fresh_database(server):
        with house(server, name) as made:
            yield made


@pytest.fixture
def zabbix() -> Iterator[Server]:
    with simulated() as running_one:
        running_one.viewers[TOKEN] = 42
        yield running_one


@pytest.fixture
def hurried() -> list[int]:
    return []


@pytest.fixture
def wall(database: House, zabbix: Server, hurried: list[int]) -> Iterator[Running]:
    database.execute("truncate marts.fct_open_incidents")
    database.read()
    with running(database, zabbix_url=zabbix.url, hurry=lambda: hurried.append(1)) as made:
        yield made


def open_ones(database: House, zabbix: Server, wall: Running, number: int = 3) -> list[Event]:
    """Problems of Zabbix that the wall shows."""
    events = [each for each in zabbix.monitoring.open_problems() if not each.is_acknowledged]
    events = events[:number]
    assert len(events) == number
    for event in events:
        database.burn(incident_id=str(event.id))
    until(lambda: len(wall.board.snapshot.incidents) == number)
    return events


def say(wall: Running, ids: Any, message: Any = "Смотрю", *, take: Any = True, token: str = TOKEN):
    body = {"ids": ids, "message": message, "acknowledge": take}
    return wall.post("/api/comment", body, **{"X-Zabbix-Token": token})


@pytest.mark.parametrize("version", ["6.0.14", "6.4.2", "7.0.1", "7.2.1"])
def test_a_comment_is_zabbix_s_own_and_the_viewer_s(
    database: House, zabbix: Server, wall: Running, hurried: list[int], version: str
) -> None:
    zabbix.dialect = Dialect(version)
    [event] = open_ones(database, zabbix, wall, 1)
    assert say(wall, [str(event.id)]).json() == {"count": 1}
    [said] = event.acknowledgements
    assert (said.user, said.message, said.action) == (42, "Смотрю", 6)
    # the watcher looks at once
    assert hurried == [1]


def test_many_at_once_are_one_call_and_speaking_is_not_taking(
    database: House, zabbix: Server, wall: Running
) -> None:
    events = open_ones(database, zabbix, wall)
    zabbix.stats.reset()
    assert say(wall, [str(each.id) for each in events], "known", take=False).ok
    assert [each.acknowledgements[-1].action for each in events] == [4, 4, 4]
    assert not any(each.is_acknowledged for each in events)
    assert zabbix.stats.requests == 2
    assert say(wall, [str(each.id) for each in events], "").ok
    assert [each.acknowledgements[-1].action for each in events] == [2, 2, 2]


def test_a_token_that_is_refused_is_told_and_nothing_is_written(
    database: House, zabbix: Server, wall: Running
) -> None:
    [event] = open_ones(database, zabbix, wall, 1)
    answer = say(wall, [str(event.id)], token="f" * 64)
    assert answer.status_code == 502
    assert re.match("Nothing was written: Zabbix refuses the token", answer.json()["error"])
    # it is the viewer's, not the one of the settings
    assert "ZABBIX_TOKEN" not in answer.text and "f" * 64 not in answer.text
    assert event.acknowledgements == []


@pytest.mark.parametrize(
    ("ids", "message", "take", "token", "status"),
    [
        (["999999"], "x", True, TOKEN, 409),
        ([], "x", True, TOKEN, 400),
        ("all", "x", True, TOKEN, 400),
        ([7], "x", True, TOKEN, 409),
        (None, "", False, TOKEN, 400),
        (None, "x" * 2001, True, TOKEN, 400),
        (None, 7, True, TOKEN, 400),
        (None, "x", "yes", TOKEN, 400),
        (None, "x", True, "", 400),
        (None, "x", True, "a" * 201, 400),
        (None, "x", True, "a b", 400),
    ],
)
def test_a_malformed_comment_reaches_no_zabbix(
    database: House, zabbix: Server, wall: Running, ids: Any, message: Any, take: Any, token: str,
    status: int,
) -> None:  # fmt: skip
    [event] = open_ones(database, zabbix, wall, 1)
    zabbix.stats.reset()
    given = [str(event.id)] if ids is None else ids
    assert say(wall, given, message, take=take, token=token).status_code == status
    assert zabbix.stats.requests == 0


def test_a_zabbix_that_is_down_is_told_apart_from_one_that_may_have_written(
    database: House, zabbix: Server, wall: Running
) -> None:
    [event] = open_ones(database, zabbix, wall, 1)
    zabbix.fault("status", "apiinfo", status=502, count=1)
    told = say(wall, [str(event.id)]).json()["error"]
    assert told.startswith("Nothing was written") and event.acknowledgements == []
    zabbix.fault("truncate", "event.acknowledge", count=1)
    told = say(wall, [str(event.id)]).json()["error"]
    assert told.startswith("Nobody knows whether it was written")
    # once: it is not sent again by itself
    assert len(event.acknowledgements) == 1


def test_the_token_is_in_no_log_and_in_no_table(
    database: House, zabbix: Server, wall: Running, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    # those, too, that a library has silenced in this process
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)
        monkeypatch.setattr(logging.getLogger(name), "disabled", False)
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
    [event] = open_ones(database, zabbix, wall, 1)
    say(wall, [str(event.id)])
    zabbix.fault("html", "event.acknowledge", count=1)
    say(wall, [str(event.id)])
    zabbix.fault("reset", "event.acknowledge", count=1)
    assert TOKEN not in say(wall, [str(event.id)]).text
    assert len(caplog.records) > 0
    assert TOKEN not in caplog.text
    tables = database.execute(
        "select schemaname || '.' || tablename from pg_tables where schemaname in ('ops', 'marts')"
    )
    for (table,) in tables:
        assert TOKEN not in str(database.execute(f"select * from {table}"))


@needs_browser
def test_a_person_gives_a_token_once_and_takes_several_at_once(
    database: House, zabbix: Server, wall: Running, browser: Any
) -> None:
    events = open_ones(database, zabbix, wall)
    screen = Screen(browser, wall.url)
    for event in events[:2]:
        screen.click(f"tr[data-id='{event.id}'] .pick input")
    screen.click("#write")
    assert screen.script("return document.querySelector('#token_dialog').open")
    screen.script("document.querySelector('#token_value').value = arguments[0]", TOKEN)
    screen.click("#token_dialog [type=submit]")
    assert screen.script("return document.querySelector('#comment_dialog').open")
    assert screen.text("#comment_dialog .about") == "2 chosen"
    screen.script("document.querySelector('#comment_text').value = '<b>Смотрю</b>'")
    screen.click("#comment_dialog [type=submit]")
    screen.until("return !document.querySelector('#comment_dialog').open")
    assert [each.acknowledgements[0].message for each in events[:2]] == ["<b>Смотрю</b>"] * 2
    assert events[2].acknowledgements == []
    # the second time nobody asks
    screen.click(f"tr[data-id='{events[2].id}'] td.comment button")
    assert screen.script("return document.querySelector('#comment_dialog').open")
    kept = screen.script(
        "return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, "
        "document.documentElement.outerHTML, location.href, history.state])"
    )
    assert TOKEN not in kept
    again = Screen(browser, wall.url)
    again.click(f"tr[data-id='{events[2].id}'] td.comment button")
    assert again.script("return document.querySelector('#token_dialog').open"), "a reload forgets"
    assert screen.complaints() == []


def test_without_a_zabbix_the_wall_reads_only(database: House) -> None:
    database.execute("truncate marts.fct_open_incidents")
    one = database.burn()
    with running(database) as wall:
        until(lambda: wall.board.snapshot.incidents)
        assert say(wall, [one]).status_code == 409
