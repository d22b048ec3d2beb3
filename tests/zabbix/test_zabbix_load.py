"""Loads of the simulated Zabbix: raw equals what it holds, after a first run and after many."""

import random
from pathlib import Path
from typing import Any

import pytest
from conftest import PostgresServer, more_draws
from zabbix_fixtures import empty, loaded, template, zabbix  # noqa: F401
from zabbix_loads import Extraction, asked, assert_complete, fresh, simulated

from demo.zabbix.api import PRIVATE
from demo.zabbix.monitoring import Event, Monitoring, Trigger
from demo.zabbix.server import Server
from extract.landing import Landing
from extract.zabbix import reader
from extract.zabbix.journal import ZabbixJournal
from extract.zabbix.reader import Reader

DAY = 86_400


def quiet_trigger(monitoring: Monitoring, *, is_multiple: bool = False) -> Trigger:
    """A trigger without an open problem, on a host that nobody works on."""
    busy = {event.trigger.id for event in monitoring.open_problems()}
    worked_on = {host.id for each in monitoring.maintenances.values() for host in each.hosts
                 if each.till > monitoring.now}  # fmt: skip
    return next(
        trigger
        for trigger in monitoring.triggers.values()
        if trigger.id not in busy
        and trigger.is_multiple == is_multiple
        and trigger.host.id not in worked_on
    )


def later(zabbix: Server, seconds: int = DAY) -> Monitoring:
    zabbix.tracker.advance(by=seconds * 1000)
    return zabbix.monitoring


@pytest.mark.parametrize("version", ["6.0.14", "6.4.3", "7.0.5", "7.2.1"])
def test_a_first_load_holds_everything_whatever_the_version(
    server: PostgresServer, tmp_path: Path, version: str
) -> None:
    with simulated(version) as zabbix:
        for empty in fresh(server, zabbix, tmp_path / "dlt"):
            report = empty.load()
            monitoring = zabbix.monitoring
            assert_complete(empty, monitoring)
            assert (report.kind, report.warnings) == ("full", ())
            assert report.events_loaded >= len(monitoring.events)
            raw = empty.raw()
    assert raw["host_groups"].keys() == set(monitoring.groups)
    assert {key: row["inventory"] for key, row in raw["hosts"].items()} == {
        key: host.inventory
        and {name: host.inventory[name] for name in host.inventory if name != "poc_1_name"}
        for key, host in monitoring.hosts.items()
    }
    assert None in [row["inventory"] for row in raw["hosts"].values()]
    # every trigger that has fired and is still there
    fired = {event.trigger.id for event in monitoring.events.values()}
    assert raw["triggers"].keys() == fired & monitoring.triggers.keys()
    assert all(row["hosts"] for row in raw["triggers"].values())
    assert {key: row["hosts"] for key, row in raw["maintenances"].items()} == {
        key: [{"hostid": str(host.id)} for host in each.hosts]
        for key, each in monitoring.maintenances.items()
    }
    causes = {row["cause_eventid"] for row in raw["events"].values()}
    assert causes == ({None} if version.startswith("6.0") else {0})
    assert any(row["first_suppressed"] for row in raw["events"].values())


def test_a_quiet_run_changes_nothing_and_takes_five_requests(
    loaded: Extraction, zabbix: Server
) -> None:
    before = loaded.raw()
    report = loaded.load()
    assert loaded.raw() == before
    assert (report.kind, report.events_loaded) == ("incremental", 0)
    assert report.requests == zabbix.stats.requests <= 5
    # triggers of open problems only
    zabbix.calls.clear()
    loaded.load()
    [triggers] = asked(zabbix, "trigger.get")
    assert set(triggers["triggerids"]) == {
        str(event.trigger.id) for event in zabbix.monitoring.open_problems()
    }


# --- what happens after the first load


def test_problems_and_all_that_becomes_of_them(loaded: Extraction, zabbix: Server) -> None:
    monitoring = later(zabbix)
    event = monitoring.problem(quiet_trigger(monitoring))
    # a late value: a new id, an old clock
    late = monitoring.problem(quiet_trigger(monitoring), monitoring.now - 30 * DAY)
    by_hand = monitoring.problem(quiet_trigger(monitoring))
    multiple = quiet_trigger(monitoring, is_multiple=True)
    several = [monitoring.problem(multiple) for _ in range(3)]
    loaded.load()
    for each in (event, late, by_hand, *several):
        row = loaded.event(each)
        assert (row["value"], row["r_eventid"], row["is_listed"]) == (1, 0, True)
    assert loaded.event(late)["clock"] == monitoring.now - 30 * DAY
    later(zabbix, 60)
    first = event.severity
    monitoring.acknowledge(event, "seen", severity=5)
    monitoring.acknowledge(by_hand, close=True, user=4)
    recovery = monitoring.recover(multiple)
    loaded.load()
    row = loaded.event(event)
    assert (row["severity"], row["acknowledged"], row["is_listed"]) == (5, True, True)
    said = loaded.rows(
        "select action, old_severity, new_severity, message from acknowledgements "
        "where eventid = %s", event.id,
    )  # fmt: skip
    assert said == [(14, first, 5, None)]
    # of a hand, the recovery says whose
    closed = loaded.event(by_hand)
    assert loaded.event(closed["r_eventid"])["userid"] == 4
    # one recovery closes many
    assert {loaded.event(each)["r_eventid"] for each in several} == {recovery.id}
    later(zabbix, 60)
    recovery = monitoring.recover(event.trigger)
    loaded.load()
    row = loaded.event(event)
    assert (row["r_eventid"], row["is_listed"]) == (recovery.id, False)
    assert_complete(loaded, monitoring)


def test_an_event_that_another_writer_brings_late_is_found(
    loaded: Extraction, zabbix: Server
) -> None:
    monitoring = later(zabbix)
    trigger = quiet_trigger(monitoring, is_multiple=True)
    late, _ = monitoring.problem(trigger), monitoring.problem(trigger)
    del monitoring.events[late.id]
    loaded.load()
    monitoring.events = dict(sorted({**monitoring.events, late.id: late}.items()))
    loaded.load()
    assert_complete(loaded, monitoring)


def test_one_that_comes_very_late_is_found_while_it_is_open(
    loaded: Extraction, zabbix: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.zabbix.events.OVERLAP", 0)
    test_an_event_that_another_writer_brings_late_is_found(loaded, zabbix)


def test_suppression_is_remembered_from_the_first_sight_on(
    loaded: Extraction, zabbix: Server
) -> None:
    monitoring = later(zabbix)
    trigger = quiet_trigger(monitoring)
    before = monitoring.problem(trigger)
    other = quiet_trigger(monitoring)
    loaded.load()
    hosts = [trigger.host] if trigger.host is other.host else [trigger.host, other.host]
    work = monitoring.maintain(hosts, "work", monitoring.now - 60, monitoring.now + 3600)
    within = monitoring.problem(other)
    loaded.load()
    assert loaded.event(within)["suppression_data"] == [
        {"maintenanceid": str(work.id), "suppress_until": str(work.till)}
    ]
    row = loaded.one("select to_jsonb(t) from maintenances as t where maintenanceid = %s", work.id)
    assert row["hosts"] == [{"hostid": str(host.id)} for host in hosts]
    monitoring.end_maintenance(work)
    loaded.load()
    seen = {
        event.id: (loaded.event(event)["suppressed"], loaded.event(event)["first_suppressed"])
        for event in (before, within)
    }
    assert seen == {before.id: (False, False), within.id: (False, True)}


def test_a_problem_without_its_trigger_is_lost_and_not_asked_for_again(
    loaded: Extraction, zabbix: Server
) -> None:
    monitoring = later(zabbix)
    event = monitoring.problem(quiet_trigger(monitoring))
    loaded.load()
    monitoring.delete_trigger(event.trigger)
    loaded.load()
    row = loaded.event(event)
    assert (row["r_eventid"], row["is_listed"]) == (0, False)
    # raw keeps the trigger with its host
    hosts = loaded.one("select hosts from triggers where triggerid = %s", event.trigger.id)
    assert hosts == [{"hostid": str(event.trigger.host.id)}]
    loaded.load()
    zabbix.calls.clear()
    loaded.load()
    again = [params["eventids"] for params in asked(zabbix, "event.get") if "eventids" in params]
    assert str(event.id) not in sum(again, [])


def test_events_that_vanish_stay_in_raw(loaded: Extraction, zabbix: Server) -> None:
    """As later versions have it: events go with their trigger, the newest one, too."""
    monitoring = later(zabbix)
    event = monitoring.problem(quiet_trigger(monitoring))
    loaded.load()
    monitoring.delete_trigger(event.trigger)
    del monitoring.events[event.id]
    assert loaded.load().warnings == ()
    row = loaded.event(event)
    assert (row["r_eventid"], row["is_listed"]) == (0, False)


def test_what_the_housekeeper_deletes_stays_in_raw(loaded: Extraction, zabbix: Server) -> None:
    monitoring = later(zabbix)
    before = len(monitoring.events)
    monitoring.purge(lambda event: event.clock < monitoring.now - 365 * DAY)
    assert len(monitoring.events) < before
    loaded.load()
    assert loaded.one("select count(*) from events") == before


def test_a_late_comment_is_found_for_a_week(
    loaded: Extraction, zabbix: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.zabbix.events.OVERLAP", 0)
    monitoring = later(zabbix)
    trigger = quiet_trigger(monitoring)
    old = monitoring.problem(trigger)
    monitoring.recover(trigger)
    later(zabbix, 8 * DAY)
    new = monitoring.problem(trigger)
    monitoring.recover(trigger)
    loaded.load()
    for event in (old, new):
        monitoring.acknowledge(event, "at last")
    loaded.load()
    found = {key for (key,) in loaded.rows("select eventid from acknowledgements")}
    assert {old.id, new.id} & found == {new.id}


@pytest.mark.parametrize("seed", [1, *more_draws(2, 3, 4)])
def test_many_nights_end_in_what_one_load_finds(
    server: PostgresServer, loaded: Extraction, zabbix: Server, tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)
    for _ in range(4):
        for _ in range(40):
            happen(draw, later(zabbix, draw.randrange(3600)))
        loaded.load()
    for clean in fresh(server, zabbix, tmp_path / "clean"):
        clean.load()
        raw, wanted = loaded.raw(), clean.raw()
    assert_complete(loaded, zabbix.monitoring)
    for table in ("acknowledgements", "hosts", "host_groups", "maintenances"):
        assert raw[table] == wanted[table], table
    # of triggers, raw keeps those that are gone
    assert raw["triggers"].items() >= wanted["triggers"].items()


def happen(draw: random.Random, monitoring: Monitoring) -> None:
    """Something."""
    triggers = list(monitoring.triggers.values())
    open_now = monitoring.open_problems()
    event: Event = draw.choice(open_now)
    kind = draw.random()
    if kind < 0.4 or len(open_now) < 3:
        monitoring.problem(draw.choice(triggers), monitoring.now - draw.choice([0, 0, 7200]))
    elif kind < 0.65:
        monitoring.recover(event.trigger)
    elif kind < 0.9:
        severity = draw.choice([None, draw.randrange(6)])
        monitoring.acknowledge(event, "!", severity=severity, close=draw.random() < 0.2)
    elif kind < 0.97:
        monitoring.maintain([event.trigger.host], "work", monitoring.now, monitoring.now + 1800)
    else:
        monitoring.delete_trigger(event.trigger)


# --- pages


def test_short_pages_end_in_the_same(
    empty: Extraction, zabbix: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, rows in (
        ("EVENTS_A_PAGE", 37), ("PROBLEMS_A_PAGE", 4), ("HOSTS_A_CALL", 11),
        ("TRIGGERS_A_CALL", 13),
    ):  # fmt: skip
        monkeypatch.setattr(reader, name, rows)
    empty.load()
    assert_complete(empty, zabbix.monitoring)
    assert len(empty.raw()["hosts"]) == len(zabbix.monitoring.hosts)
    empty.load()
    assert_complete(empty, zabbix.monitoring)


def test_less_is_asked_for_where_php_runs_out_of_memory(empty: Extraction, zabbix: Server) -> None:
    """HTTP 500 with nothing in it: pages halve, and lists of ids are cut."""
    zabbix.api.most_rows = 60
    empty.load()
    assert_complete(empty, zabbix.monitoring)
    limits = [params["limit"] for params in asked(zabbix, "event.get") if "limit" in params]
    assert (max(limits), min(limits)) == (reader.EVENTS_A_PAGE, 39)
    assert empty.load().events_loaded == 0


def test_every_call_has_a_limit_or_ids(empty: Extraction, zabbix: Server) -> None:
    empty.load()
    empty.load()
    for method, params in zabbix.calls:
        is_bounded = "limit" in params or any(name.endswith("ids") for name in params)
        assert is_bounded or method == "apiinfo.version", method
        assert "opdata" not in params.get("output", ())


# --- kills


@pytest.mark.parametrize("packages", [1, 2, 3])
def test_a_first_load_that_was_killed_is_gone_on_with(
    empty: Extraction, zabbix: Server, monkeypatch: pytest.MonkeyPatch, packages: int
) -> None:
    """Killed after the rows were there, before that was written down."""
    monkeypatch.setattr(reader, "EVENTS_A_PAGE", 50)
    monkeypatch.setattr("extract.zabbix.events.PAGES_A_PACKAGE", 2)
    landed, left = Landing.load, [packages]

    def load(self: Landing, pages: Any, **options: Any) -> None:
        landed(self, pages, **options)
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    monkeypatch.setattr(Landing, "load", load)
    with pytest.raises(KeyboardInterrupt):
        empty.load()
    monitoring = later(zabbix, 60)
    # what was open when it was read is closed before the next run
    for event in monitoring.open_problems()[:3]:
        monitoring.recover(event.trigger)
    zabbix.calls.clear()
    assert empty.load().kind == "full"
    starts = [int(params.get("eventid_from", 0)) for params in asked(zabbix, "event.get")]
    assert starts[0] == 100 * (packages - 1) + 1
    assert_complete(empty, monitoring)
    assert empty.one("select count(*) from triggers") == len(
        {event.trigger.id for event in monitoring.events.values()} & monitoring.triggers.keys()
    )


def test_a_load_that_was_killed_at_its_end_and_again_is_gone_on_with(
    empty: Extraction, zabbix: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys are unique by then, so that nothing may come twice."""
    with monkeypatch.context() as patched:
        patched.setattr(Reader, "lists", interrupted)
        with pytest.raises(KeyboardInterrupt):
            empty.load()
    monitoring = later(zabbix)
    monitoring.problem(quiet_trigger(monitoring))
    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(ZabbixJournal, "unsettled", interrupted)
            with pytest.raises(KeyboardInterrupt):
                empty.load()
    assert empty.load().kind == "full"
    assert_complete(empty, monitoring)


def interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


# --- people


def test_raw_holds_nobody_s_name_and_no_message(empty: Extraction, zabbix: Server) -> None:
    empty.load()
    text = "".join(
        row[0]
        for table in empty.raw()
        for row in empty.rows(f"select t::text from {table} as t")
    )  # fmt: skip
    assert [word for word in PRIVATE.values() if word in text] == []
    assert empty.rows("select distinct message from acknowledgements") == [(None,)]
    # nobody asked for them
    for params in asked(zabbix, "event.get"):
        assert "message" not in params["select_acknowledges"]


def test_messages_come_when_they_are_wanted_and_go_when_they_are_not(empty: Extraction) -> None:
    empty.load()
    without = empty.raw()
    empty.load(messages=True)
    said = {row["message"] for row in empty.raw()["acknowledgements"].values()}
    assert "known, restarting" in said and len(said) > 5
    assert empty.load(messages=True).events_loaded == 0
    empty.load(messages=False)
    assert empty.raw() == without
