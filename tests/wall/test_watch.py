"""Raw kept fresh between two loads: the same as a load would leave, and nobody harmed."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from conftest import PostgresServer
from extracting import IMPATIENT
from zabbix_fixtures import loaded, template, zabbix  # noqa: F401
from zabbix_loads import (
    Extraction,
    asked,
    assert_complete,
    fresh,
)

from demo.zabbix.server import Server
from extract.errors import ConfigurationError, DatabaseError, SourceError
from extract.zabbix.journal import WRITE_LOCK
from extract.zabbix.watch import LEFT_OUT, STOOD_BY, WORKED, NotLoadedError, Watch


@pytest.fixture
def watch(loaded: Extraction) -> Iterator[Watch]:
    yield from watching(loaded)


@pytest.fixture
def other(loaded: Extraction) -> Iterator[Watch]:
    yield from watching(loaded)


def watching(loaded: Extraction) -> Iterator[Watch]:
    made = Watch(loaded.source, loaded.dsn, simulated="the company", patience=IMPATIENT)
    yield made
    made.close()


def test_a_round_leaves_what_a_load_would(loaded: Extraction, watch: Watch, zabbix: Server) -> None:
    monitoring = zabbix.monitoring
    assert watch.round().outcome == WORKED
    assert_complete(loaded, monitoring)
    zabbix.tracker.advance(by=3_600_000)
    quiet = [each for each in monitoring.triggers.values() if not each.is_multiple]
    begun = list(filter(None, map(monitoring.problem, quiet[:40])))
    monitoring.acknowledge(begun[0], "Смотрю", severity=5)
    monitoring.recover(begun[1].trigger)
    zabbix.tracker.advance(by=60_000)
    assert watch.round().is_changed
    assert_complete(loaded, monitoring)
    # what was open for long
    monitoring.acknowledge(begun[2])
    monitoring.recover(begun[3].trigger)
    monitoring.acknowledge(begun[4], "closed by hand", close=True)
    begun[5].trigger.status = 1
    monitoring.maintain([begun[6].trigger.host], "works", 0, 1 << 40)
    found = watch.round()
    assert (found.is_changed, found.open_count) == (True, len(monitoring.open_problems()))
    assert_complete(loaded, monitoring)
    key = begun[5].trigger.id
    assert loaded.one("select status from triggers where triggerid = %s", key) == 1
    watched = loaded.raw()
    loaded.load()
    for table in ("events", "acknowledgements", "host_groups"):
        assert loaded.raw()[table] == watched[table], table


def test_a_quiet_round_writes_nothing_and_asks_little(
    loaded: Extraction, watch: Watch, zabbix: Server
) -> None:
    watch.round()
    zabbix.stats.reset()
    before = loaded.rows("select eventid, xmin::text from events order by 1")
    hosts = loaded.rows("select hostid, xmin::text from hosts order by 1")
    assert not watch.round().is_changed
    assert loaded.rows("select eventid, xmin::text from events order by 1") == before
    assert loaded.rows("select hostid, xmin::text from hosts order by 1") == hosts
    # the new, the lists, the open ones and their triggers
    assert zabbix.stats.requests == 4


def test_a_host_that_is_new_comes_with_its_first_problem(
    loaded: Extraction, watch: Watch, zabbix: Server
) -> None:
    monitoring = zabbix.monitoring
    watch.round()
    host = monitoring.add_host("new", "A new one", ["Network"], "network", {"site_rack": "Z-9"})
    trigger = monitoring.add_trigger(host, "Down", 5)
    monitoring.problem(trigger)
    watch.round()
    assert loaded.rows("select name, inventory from hosts where hostid = %s", host.id) == [
        ("A new one", {"site_rack": "Z-9"})
    ]
    assert loaded.one("select count(*) from hosts where seen_at < (select max(seen_at) from hosts)"
                      ) == 0  # fmt: skip
    assert_complete(loaded, monitoring)


def test_a_round_writes_no_row_of_runs_and_the_next_load_goes_on_as_ever(
    loaded: Extraction, watch: Watch, zabbix: Server
) -> None:
    before = loaded.rows("select run_id, kind, window_end from extract_runs order by 1")
    zabbix.monitoring.problem(next(iter(zabbix.monitoring.triggers.values())))
    watch.round()
    assert loaded.rows("select run_id, kind, window_end from extract_runs order by 1") == before
    loaded.load()
    assert_complete(loaded, zabbix.monitoring)


def test_of_two_watchers_one_works_and_the_other_takes_over(
    loaded: Extraction, watch: Watch, other: Watch, zabbix: Server
) -> None:
    assert [watch.round().outcome, other.round().outcome] == [WORKED, STOOD_BY]
    assert [watch.round().outcome, other.round().outcome] == [WORKED, STOOD_BY]
    watch.close()
    zabbix.monitoring.problem(next(iter(zabbix.monitoring.triggers.values())))
    # PostgreSQL frees the lock of a session a moment after that was closed
    deadline = time.monotonic() + 10
    while other.round().outcome == STOOD_BY and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [other.round().outcome, watch.round().outcome] == [WORKED, STOOD_BY]
    assert_complete(loaded, zabbix.monitoring)


def test_a_round_is_left_out_while_a_load_writes_and_a_load_waits_for_a_round(
    loaded: Extraction, watch: Watch
) -> None:
    with psycopg2.connect(loaded.dsn) as writing, writing.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (WRITE_LOCK,))
        assert watch.round().outcome == LEFT_OUT
        load = threading.Thread(target=loaded.load)
        load.start()
        load.join(1)
        assert load.is_alive()
        cursor.execute("select pg_advisory_unlock(%s)", (WRITE_LOCK,))
        load.join(60)
        assert not load.is_alive()
    writing.close()
    assert watch.round().outcome == WORKED


def test_rounds_and_loads_at_once_end_in_the_same_raw(
    loaded: Extraction, watch: Watch, zabbix: Server
) -> None:
    faults, is_over = [], threading.Event()

    def rounds() -> None:
        while not is_over.is_set():
            try:
                watch.round()
            except Exception as fault:
                faults.append(fault)

    thread = threading.Thread(target=rounds)
    thread.start()
    monitoring = zabbix.monitoring
    triggers = [each for each in monitoring.triggers.values() if not each.is_multiple]
    for number in range(3):
        for trigger in triggers[number * 20 :][:20]:
            monitoring.problem(trigger)
        loaded.load()
        for trigger in triggers[number * 20 :][:10]:
            monitoring.recover(trigger)
    is_over.set()
    thread.join(60)
    assert faults == []
    watch.round()
    assert_complete(loaded, monitoring)


def test_a_zabbix_that_dies_is_told_and_nothing_is_lost_when_it_is_back(
    loaded: Extraction, watch: Watch, zabbix: Server
) -> None:
    monitoring = zabbix.monitoring
    watch.round()
    zabbix.fault("status", ".*", status=502, count=None)
    begun = list(filter(None, map(monitoring.problem, list(monitoring.triggers.values())[:30])))
    with pytest.raises(SourceError, match="HTTP 502"):
        watch.round()
    for event in begun[:5]:
        monitoring.recover(event.trigger)
    zabbix.faults.clear()
    assert watch.round().outcome == WORKED
    assert_complete(loaded, monitoring)


def test_a_database_that_ends_the_session_is_met_again(
    loaded: Extraction, watch: Watch, zabbix: Server
) -> None:
    watch.round()
    zabbix.monitoring.problem(next(iter(zabbix.monitoring.triggers.values())))
    loaded.rows(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )
    with pytest.raises(DatabaseError):
        watch.round()
    assert watch.round().outcome == WORKED
    assert_complete(loaded, zabbix.monitoring)


def test_hosts_that_are_hidden_do_not_look_like_calm(
    loaded: Extraction, watch: Watch, zabbix: Server
) -> None:
    watch.round()
    before = loaded.one("select count(*) from events where is_listed")
    for host in zabbix.monitoring.hosts.values():
        host.is_hidden = host.service != "network"
    with pytest.raises(SourceError, match="are not shown to the token's user any more"):
        watch.round()
    assert loaded.one("select count(*) from events where is_listed") == before


def test_raw_that_was_never_loaded_or_is_another_s_is_left_alone(
    server: PostgresServer, loaded: Extraction, zabbix: Server, tmp_path: Path
) -> None:
    for empty in fresh(server, zabbix, tmp_path / "other"):
        nothing = Watch(empty.source, empty.dsn, patience=IMPATIENT)
        with pytest.raises(NotLoadedError, match="the first load is that of a run"):
            nothing.round()
        nothing.close()
    strange = Watch(loaded.source, loaded.dsn, simulated="another", patience=IMPATIENT)
    with pytest.raises(ConfigurationError, match="holds the data of the company"):
        strange.round()
    strange.close()


def test_five_thousand_problems_within_a_minute_are_there_after_one_round(
    loaded: Extraction, watch: Watch, zabbix: Server
) -> None:
    monitoring = zabbix.monitoring
    watch.round()
    bad = next(each for each in monitoring.triggers.values() if each.is_multiple)
    for number in range(5000):
        zabbix.tracker.advance(by=12)
        monitoring.problem(bad, name=f"{bad.name} {number}")
    assert watch.round().open_count > 5000
    assert_complete(loaded, monitoring)
    assert len(asked(zabbix, "event.get")) < 10
    monitoring.recover(bad)
    watch.round()
    assert_complete(loaded, monitoring)
