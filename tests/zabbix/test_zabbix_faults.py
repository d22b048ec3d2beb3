"""What a network and an unlucky Zabbix do, and answers that cannot be trusted: nothing is lost."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from zabbix_fixtures import empty, loaded, template, zabbix  # noqa: F401
from zabbix_loads import (
    Extraction,
    asked,
    assert_complete,
    simulated,
)

from demo.zabbix.dialect import Dialect
from demo.zabbix.monitoring import Event
from demo.zabbix.server import Server
from extract.client import Patience
from extract.errors import ConfigurationError, SourceError


def burn(zabbix: Server, number: int = 5) -> list[Event]:
    """New problems, a minute apart."""
    made = []
    for trigger in zabbix.monitoring.triggers.values():
        zabbix.tracker.advance(by=60_000)
        event = zabbix.monitoring.problem(trigger)
        made += [event] if event else []
        if len(made) == number:
            break
    return made


# --- what passes


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "status", "status": 503},
        {"action": "status", "status": 429, "retry_after": "0"},
        {"action": "close"},
        {"action": "reset"},
        {"action": "truncate"},
        {"action": "html"},
        {"action": "stall", "seconds": 1.5},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
def test_what_passes_is_tried_again(loaded: Extraction, zabbix: Server, fault: dict) -> None:
    burn(zabbix)
    methods = ("^event.get$", "^problem.get,", "^host.get,trigger.get$")
    rules = [zabbix.fault(path=method, **fault) for method in methods]
    loaded.load()
    assert [rule.hits for rule in rules] == [1] * len(methods)
    assert_complete(loaded, zabbix.monitoring)


def test_a_zabbix_that_stays_ill_ends_the_run_and_the_next_goes_on(
    loaded: Extraction, zabbix: Server
) -> None:
    burn(zabbix)
    zabbix.fault("status", "problem.get", status=502, count=None)
    with pytest.raises(SourceError, match="failed 4 times.*HTTP 502"):
        loaded.load()
    zabbix.faults.clear()
    loaded.load()
    assert_complete(loaded, zabbix.monitoring)


def test_a_frontend_without_memory_for_a_single_row_is_told(
    loaded: Extraction, zabbix: Server
) -> None:
    fault = zabbix.fault("status", "event.get", status=500, count=None)
    patience = Patience(tries=2, first_wait_seconds=0.01)
    with pytest.raises(SourceError, match="failed 2 times.*HTTP 500"):
        loaded.load(patience=patience)
    # 5000 halves twelve times until it is 1, which is asked for twice
    assert fault.hits == 14


def test_pages_grow_again_when_what_was_too_much_has_passed(
    empty: Extraction, zabbix: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.zabbix.reader.EVENTS_A_PAGE", 40)
    zabbix.fault("status", "event.get", status=500, count=2)
    empty.load()
    limits = [params["limit"] for params in asked(zabbix, "event.get") if "limit" in params]
    assert limits[:25] == [10] * 10 + [20] * 10 + [40] * 5
    assert_complete(empty, zabbix.monitoring)


def test_a_list_that_may_be_cut_ends_the_run(
    loaded: Extraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.zabbix.reader.MOST_ROWS", 50)
    with pytest.raises(SourceError, match="maintenance.get answers with 50 rows: there may be"):
        loaded.load()


# --- the door


@pytest.mark.parametrize("version", ["6.0.14", "6.4.3", "7.2.1"])
def test_a_token_that_is_refused_is_told_and_nothing_is_written(
    empty: Extraction, zabbix: Server, version: str
) -> None:
    zabbix.dialect = Dialect(version)
    by_header = "a proxy takes the header Authorization out"
    with pytest.raises(SourceError, match="Zabbix refuses the token.*in ZABBIX_TOKEN") as raised:
        empty.load(token="f" * 64)
    assert (by_header in str(raised.value)) == (version != "6.0.14")
    assert "f" * 64 not in str(raised.value)
    assert empty.rows("select from pg_namespace where nspname = 'raw_zabbix'") == []


@pytest.mark.parametrize(
    ("version", "message"),
    [("5.4.1", "5.4.1 is too old: 6.0 or newer"), ("nonsense", "its version reads 'nonsense'")],
)
def test_a_version_that_is_none_of_ours_is_told(
    empty: Extraction, zabbix: Server, version: str, message: str
) -> None:
    zabbix.dialect.version = version
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        empty.load()


def test_an_address_without_an_api_is_told(empty: Extraction, zabbix: Server) -> None:
    with pytest.raises(SourceError, match="a web page.*ZABBIX_URL has a wrong path"):
        empty.load(url=f"{zabbix.url}/elsewhere")
    zabbix.fault("redirect", "apiinfo")
    with pytest.raises(SourceError, match="redirects to http://elsewhere.invalid"):
        empty.load()
    with pytest.raises(SourceError, match="the connection is refused; look at ZABBIX_URL"):
        empty.load(url="http://127.0.0.1:1")


def test_a_user_without_rights_is_told_before_anything_is_written(
    empty: Extraction, zabbix: Server
) -> None:
    for host in zabbix.monitoring.hosts.values():
        host.is_hidden = True
    with pytest.raises(SourceError, match="the token's user sees no host"):
        empty.load()
    assert empty.rows("select from pg_namespace where nspname = 'raw_zabbix'") == []


def refused(code: int, message: str, data: str) -> Callable[[Any], Any]:
    error = {"code": code, "message": message, "data": data}

    def change(answer: Any) -> Any:
        if isinstance(answer, list):
            return [change(each) for each in answer]
        return {"jsonrpc": "2.0", "error": error, "id": answer["id"]}

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (refused(-32602, "Invalid params.", 'Invalid parameter "/": unexpected parameter "x".'),
         "6.0.14 refuses event.get: Invalid params. Invalid parameter"),
        (refused(-32500, "Application error.", 'No permissions to call "event.get".'),
         "may not call event.get: allow it under"),
        (lambda answer: {**answer, "id": 4711}, "answers other calls than"),
        (lambda answer: {"version": 1, "id": answer["id"]}, "answers, but not as Zabbix"),
        (lambda answer: {**answer, "result": "12"}, "event.get answers with something that is no"),
    ],
)  # fmt: skip
def test_what_is_no_answer_ends_the_run(
    loaded: Extraction, zabbix: Server, change: Callable[[Any], Any], message: str
) -> None:
    before = loaded.raw()
    zabbix.fault("rewrite", "^event.get$", change=change, count=None)
    with pytest.raises(SourceError, match=re.escape(message)):
        loaded.load()
    assert loaded.raw() == before


# --- answers that are not what was asked


def without(key: str) -> Callable[[Any], Any]:
    """The answer of a version that does not know the name of a parameter."""

    def change(answer: Any) -> Any:
        for each in answer if isinstance(answer, list) else [answer]:
            for row in each["result"]:
                row.pop(key, None)
        return answer

    return change


@pytest.mark.parametrize(
    ("method", "key"),
    [
        ("^event.get$", "acknowledges"),
        ("^event.get$", "tags"),
        ("^event.get$", "suppression_data"),
        ("^event.get$", "r_eventid"),
        ("^problem.get,", "eventid"),
        ("^problem.get,", "timeperiods"),
        ("^host.get,trigger.get$", "groups"),
        ("^host.get,trigger.get$", "inventory"),
        ("^host.get,trigger.get$", "hosts"),
    ],
)
def test_a_key_that_does_not_come_ends_the_run(
    loaded: Extraction, zabbix: Server, method: str, key: str
) -> None:
    before = loaded.raw()
    zabbix.fault("rewrite", method, change=without(key), count=None)
    with pytest.raises(SourceError, match=f"Zabbix 6.0.14 leaves {key} out of what"):
        loaded.load()
    assert loaded.raw() == before


@pytest.mark.parametrize(
    "change", [lambda rows: rows[::-1], lambda rows: [*rows[:1], *rows], lambda rows: rows * 9]
)
def test_a_page_that_is_not_in_order_ends_the_run(
    loaded: Extraction, zabbix: Server, change: Callable[[list], list]
) -> None:
    zabbix.fault(
        "rewrite", "^event.get$",
        change=lambda answer: {**answer, "result": change(answer["result"])},
    )  # fmt: skip
    with pytest.raises(SourceError, match="6.0.14 ignored what was asked: 5000 events from 1 on"):
        loaded.load()


def test_a_number_that_is_none_ends_the_run(loaded: Extraction, zabbix: Server) -> None:
    def change(answer: Any) -> Any:
        answer["result"][-1]["clock"] = "yesterday"
        return answer

    zabbix.fault("rewrite", "^event.get$", change=change)
    with pytest.raises(SourceError, match="'yesterday' as clock: that is no number"):
        loaded.load()


# --- ids that went backwards


def test_ids_that_begin_again_end_the_run(loaded: Extraction, zabbix: Server) -> None:
    """All events were purged: a cursor beyond the end is no quiet night."""
    cursor = max(zabbix.monitoring.events)
    before = loaded.raw()
    zabbix.monitoring.begin_again()
    with pytest.raises(SourceError, match=f"up to the id {cursor}, and the newest of Zabbix is 0"):
        loaded.load()
    burn(zabbix, 3)
    with pytest.raises(SourceError, match="the event 1 is another one than raw has") as raised:
        loaded.load()
    assert "drop the schema raw_zabbix" in str(raised.value)
    assert loaded.raw() == before


def test_ids_far_below_the_cursor_end_the_run(
    loaded: Extraction, zabbix: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.zabbix.events.OVERLAP", 10)
    zabbix.monitoring.begin_again()
    burn(zabbix, 3)
    with pytest.raises(SourceError, match="the event 3 is another one than raw has"):
        loaded.load()


def test_a_zabbix_that_came_from_a_backup_ends_the_run(loaded: Extraction, zabbix: Server) -> None:
    monitoring = zabbix.monitoring
    burn(zabbix, 2)
    loaded.load()
    cursor = max(monitoring.events)
    for key in list(monitoring.events)[-2:]:
        monitoring._open[monitoring.events[key].trigger.id].pop(key)
        del monitoring.events[key]
    with pytest.raises(SourceError, match=f"up to the id {cursor}, and the newest of Zabbix is "):
        loaded.load()


# --- rights


def test_hosts_that_go_are_told_and_many_end_the_run(loaded: Extraction, zabbix: Server) -> None:
    monitoring = zabbix.monitoring
    hosts = list(monitoring.hosts.values())
    monitoring.delete_host(hosts[0])
    assert loaded.load().warnings == (
        f"1 host(s) deleted or no longer shown to the token's user: {hosts[0].name}",
    )
    assert loaded.load().warnings == ()
    assert loaded.one("select count(*) from hosts where hostid = %s", hosts[0].id) == 1
    for host in hosts[1:30]:
        host.is_hidden = True
    with pytest.raises(SourceError, match="29 of 55 hosts are not shown.*--accept-missing"):
        loaded.load()
    assert "29 host(s) deleted" in loaded.load(accept_missing=True).warnings[0]
    for host in hosts:
        host.is_hidden = False
    loaded.load()
    assert_listed(loaded, zabbix)


def assert_listed(loaded: Extraction, zabbix: Server) -> None:
    listed = {key for (key,) in loaded.rows("select eventid from events where is_listed")}
    assert listed == {event.id for event in zabbix.monitoring.open_problems()}


# --- another address


def test_the_same_zabbix_at_another_address_is_gone_on_with(
    loaded: Extraction, zabbix: Server
) -> None:
    with pytest.raises(ConfigurationError, match="one database serves one Zabbix.*source-moved"):
        loaded.load(identity="another name")
    report = loaded.load(identity="another name", source_moved=True)
    assert re.match(r"the address of Zabbix has changed: 50 event\(s\)", report.warnings[0])
    assert loaded.load(identity="another name").warnings == ()


def test_another_zabbix_is_refused(loaded: Extraction) -> None:
    before = loaded.raw()
    with simulated(seed=8) as other, pytest.raises(ConfigurationError, match="is another one the"):
        loaded.load(url=other.url, identity="another name", source_moved=True)
    assert loaded.raw() == before
