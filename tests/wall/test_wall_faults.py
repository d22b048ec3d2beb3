"""Zabbix, the database and the wall itself die and return; storms; many who look."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests
import yaml
from conftest import REPOSITORY, PostgresServer
from extracting import IMPATIENT
from walls import COLUMNS, TABLES, House, Running, database_of, house, running, until
from zabbix_fixtures import loaded as after_a_load  # noqa: F401
from zabbix_fixtures import template, zabbix  # noqa: F401
from zabbix_loads import Extraction

from demo.zabbix.server import Server
from extract.errors import DatabaseError
from extract.zabbix.monitoring import Zabbix
from extract.zabbix.watch import Watch
from pipeline import embedded
from pipeline.database import Database, ensure_schemas
from pipeline.ownership import claim, made_tables, refuse_strangers_tables
from wall import record
from wall.board import Board
from wall.watcher import Watcher

# what dbt's view shows, as far as these tests need it
VIEW = """
    create schema ops;
    create schema marts;
    create table ops.made_relations (
        schema_name text, relation_name text, primary key (schema_name, relation_name)
    );
    create view marts.fct_open_incidents as
    select
        events.eventid::text as incident_id, 'zabbix'::text as source,
        events.objectid::text as trigger_id, events.name as trigger_name,
        hosts.name as host, '(none)'::text as host_group, '(none)'::text as host_groups,
        '(none)'::text as site, coalesce(hosts.inventory ->> 'site_rack', '(none)') as rack,
        '(none)'::text as position, '(none)'::text as service,
        events.severity::integer as severity, 'High'::text as severity_name,
        'Высокая'::text as severity_name_ru, to_timestamp(events.clock) as started_at,
        null::timestamptz as acknowledged_at, events.acknowledged as is_acknowledged,
        '(none)'::text as acknowledged_by, '(none)'::text as last_comment,
        null::timestamptz as last_comment_at, events.suppressed as is_suppressed,
        '(none)'::text as ticket, '(none)'::text as ticket_url
    from raw_zabbix.events
    inner join raw_zabbix.triggers on triggers.triggerid = events.objectid
    inner join raw_zabbix.hosts on hosts.hostid = (triggers.hosts -> 0 ->> 'hostid')::bigint
    where events.is_listed and events.r_eventid = 0
"""


@pytest.fixture
def loaded(after_a_load: Extraction) -> Extraction:
    after_a_load.rows(VIEW)
    return after_a_load


@contextmanager
def watched(server: PostgresServer, loaded: Extraction) -> Iterator[Running]:
    """A whole wall: its watcher, its board, its page."""
    name = loaded.connection.info.dbname
    home = House(loaded.connection, database_of(server, name))
    with running(home) as wall:
        watch = Watch(loaded.source, loaded.dsn, simulated="the company", patience=IMPATIENT)
        watcher = Watcher(watch, home.database, wall.board.hurry, seconds=0.1)
        watcher.start()
        try:
            yield wall
        finally:
            watcher.stop()


def open_ids(zabbix: Server) -> set[str]:
    return {str(event.id) for event in zabbix.monitoring.open_problems()}


def shown_ids(wall: Running) -> set[str]:
    return set(wall.board.snapshot.incidents)


def troubles(wall: Running) -> dict[str, str]:
    found = wall.get("/api/incidents").json()["troubles"]
    return {each["what"]: each["text"] for each in found}


def test_the_columns_of_the_tests_are_those_of_the_mart() -> None:
    folder = REPOSITORY / "dbt_project" / "models" / "marts" / "incidents"
    models = yaml.safe_load((folder / "_incidents__models.yml").read_text(encoding="utf-8"))
    [model] = [each for each in models["models"] if each["name"] == "fct_open_incidents"]
    promised = {column["name"] for column in model["columns"]}
    named = re.findall(r"(\w+) (?:text|integer|boolean|timestamptz)\b", COLUMNS)
    assert set(named) == promised


def test_zabbix_dies_and_returns(
    server: PostgresServer, loaded: Extraction, zabbix: Server
) -> None:
    with watched(server, loaded) as wall:
        until(lambda: shown_ids(wall) == open_ids(zabbix))
        assert troubles(wall) == {}
        before = open_ids(zabbix)
        zabbix.fault("status", ".*", status=502, count=None)
        monitoring = zabbix.monitoring
        quiet = [each for each in monitoring.triggers.values() if not each.is_multiple]
        begun = list(filter(None, map(monitoring.problem, quiet[:20])))
        until(lambda: "HTTP 502" in troubles(wall).get("zabbix", ""))
        # what was known stays on the screen
        assert shown_ids(wall) == before
        for event in begun[:5]:
            monitoring.recover(event.trigger)
        zabbix.faults.clear()
        until(lambda: shown_ids(wall) == open_ids(zabbix), 30)
        until(lambda: troubles(wall) == {})
        assert wall.get("/health").ok


def test_five_thousand_problems_within_a_minute(
    server: PostgresServer, loaded: Extraction, zabbix: Server
) -> None:
    with watched(server, loaded) as wall:
        until(lambda: shown_ids(wall) == open_ids(zabbix))
        bad = next(each for each in zabbix.monitoring.triggers.values() if each.is_multiple)
        for _ in range(5000):
            zabbix.tracker.advance(by=12)
            zabbix.monitoring.problem(bad)
        until(lambda: len(shown_ids(wall)) > 5000, 60)
        answer = wall.get("/api/incidents")
        assert len(answer.json()["incidents"]) == len(open_ids(zabbix))
        packed = len(wall.board.snapshot.packed)
        assert packed < 400_000, "a screen gets it in a second over a slow line"
        zabbix.monitoring.recover(bad)
        until(lambda: shown_ids(wall) == open_ids(zabbix), 60)


def test_of_two_walls_one_watches_and_both_show_it(
    server: PostgresServer, loaded: Extraction, zabbix: Server
) -> None:
    with ExitStack() as others:
        one = others.enter_context(watched(server, loaded))
        until(lambda: one.board.read_at)
        with watched(server, loaded) as other:
            zabbix.monitoring.problem(next(iter(zabbix.monitoring.triggers.values())))
            until(lambda: shown_ids(one) == shown_ids(other) == open_ids(zabbix))
            until(lambda: one.get("/health").ok and other.get("/health").ok)
            # the first one is gone
            others.close()
            trigger = list(zabbix.monitoring.triggers.values())[7]
            zabbix.monitoring.problem(trigger)
            until(lambda: shown_ids(other) == open_ids(zabbix), 30)


def test_a_load_beside_the_wall_harms_neither(
    server: PostgresServer, loaded: Extraction, zabbix: Server
) -> None:
    with watched(server, loaded) as wall:
        until(lambda: shown_ids(wall) == open_ids(zabbix))
        for trigger in list(zabbix.monitoring.triggers.values())[:15]:
            zabbix.monitoring.problem(trigger)
        loaded.load()
        until(lambda: shown_ids(wall) == open_ids(zabbix))
        assert troubles(wall) == {}


def test_a_database_that_restarts_is_told_and_met_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    host = str(embedded.start(data))
    database = Database(host, embedded.PORT, embedded.SUPERUSER, "postgres")
    try:
        connection = database.connect()
        with connection.cursor() as cursor:
            cursor.execute(TABLES)
        home = House(connection, database)
        home.burn(incident_id="1")
        with running(home) as wall:
            until(lambda: shown_ids(wall) == {"1"})
            connection.close()
            embedded.stop(data)
            until(lambda: "database" in troubles(wall))
            assert shown_ids(wall) == {"1"}
            embedded.start(data)
            until(lambda: troubles(wall) == {}, 30)
            home.connection = database.connect()
            home.burn(incident_id="2")
            until(lambda: shown_ids(wall) == {"1", "2"})
            home.connection.close()
    finally:
        embedded.stop(data)


def test_marts_that_are_not_there_are_told_and_what_was_shown_stays(
    server: PostgresServer, database: str
) -> None:
    with house(server, database) as home:
        one = home.burn()
        with running(home) as wall:
            until(lambda: shown_ids(wall) == {one})
            home.execute("alter schema marts rename to gone")
            until(lambda: "view" in troubles(wall))
            assert shown_ids(wall) == {one}
            home.execute("alter schema gone rename to marts")
            until(lambda: troubles(wall) == {})


def test_an_empty_database_is_no_end(server: PostgresServer, database: str) -> None:
    board = Board(database_of(server, database))
    board.refresh()
    assert [each["what"] for each in board._trouble.values()] == ["view"]
    assert board.age() is None
    board._connection.close()


def test_fifty_viewers_cost_the_database_nothing(server: PostgresServer, database: str) -> None:
    with house(server, database) as home:
        for number in range(200):
            home.burn(host=f"srv-{number}")
        with running(home, seconds=600) as wall:
            until(lambda: len(shown_ids(wall)) == 200)

            def sessions() -> list[tuple]:
                """The others' sessions, and when each of them did something last."""
                return home.execute(
                    "select pid, state, state_change from pg_stat_activity "
                    "where datname = current_database() and pid <> pg_backend_pid() order by pid"
                )

            codes: list[int] = []

            def look() -> None:
                session = requests.Session()
                etag = ""
                for _ in range(20):
                    answer = session.get(
                        f"{wall.url}/api/incidents", headers={"If-None-Match": etag}, timeout=30
                    )
                    codes.append(answer.status_code)
                    etag = answer.headers["ETag"]

            # the board reads once more when it begins
            until(lambda: sessions() == (time.sleep(0.5) or sessions()))
            before = sessions()
            assert len(before) == 1
            started = time.monotonic()
            threads = [threading.Thread(target=look) for _ in range(50)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(120)
            took = time.monotonic() - started
            assert sessions() == before
            assert codes.count(200) == 50 and codes.count(304) == 950
            assert took < 30, f"1000 answers took {took:.1f} s"


def test_an_etag_stands_for_what_is_shown_and_for_nothing_else(
    server: PostgresServer, database: str
) -> None:
    with house(server, database) as home:
        one = home.burn()
        with running(home) as wall:
            first = wall.get("/api/incidents")
            etag = first.headers["ETag"]
            same = wall.get("/api/incidents", **{"If-None-Match": etag})
            assert (same.status_code, same.content) == (304, b"")
            # the age goes on beside it
            home.read(ago=50)
            until(lambda: int(wall.get("/api/incidents").headers["X-Wall-Age"]) >= 50)
            assert wall.get("/api/incidents").headers["ETag"] == etag
            home.take(one)
            until(lambda: wall.get("/api/incidents").headers["ETag"] != etag)
            changed = wall.get("/api/incidents", **{"If-None-Match": etag})
            assert changed.status_code == 200
            plain = wall.get("/api/incidents", **{"Accept-Encoding": "identity"})
            assert "Content-Encoding" not in plain.headers and plain.json() == changed.json()


def test_nothing_that_a_round_meets_ends_the_watcher(
    server: PostgresServer, loaded: Extraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = loaded.connection.info.dbname
    rounds: list[int] = []

    class Broken:
        def round(self) -> Any:
            rounds.append(1)
            raise [ValueError("a fault of ours"), psycopg2.OperationalError("gone")][
                len(rounds) % 2
            ]

        def close(self) -> None:
            rounds.append(-1)

    watcher = Watcher(Broken(), database_of(server, name), lambda: None, seconds=0.01)
    watcher.start()
    until(lambda: len(rounds) > 5)
    watcher.stop()
    assert rounds[-1] == -1


def resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@pytest.mark.long
def test_an_hour_of_storm_leaves_memory_flat(
    server: PostgresServer, loaded: Extraction, zabbix: Server
) -> None:
    """The 120 rounds of an hour, 200 problems beginning and 200 ending in each, 50 who look."""
    name = loaded.connection.info.dbname
    board = Board(database_of(server, name), seconds=600)
    home = House(loaded.connection, database_of(server, name))
    watch = Watch(loaded.source, loaded.dsn, simulated="the company", patience=IMPATIENT)
    watcher = Watcher(watch, home.database, board.refresh)
    zabbix.calls = None
    monitoring = zabbix.monitoring
    triggers = [each for each in monitoring.triggers.values() if not each.is_multiple]
    sizes = []
    with running(home, seconds=600) as wall:
        wall.wall.board.refresh()
        for number in range(120):
            for trigger in triggers[:200] if number % 2 else triggers[200:400]:
                monitoring.problem(trigger)
            for trigger in triggers[200:400] if number % 2 else triggers[:200]:
                monitoring.recover(trigger)
            zabbix.tracker.advance(by=30_000)
            # the simulated Zabbix is in this very process: what is over is forgotten
            newest = max(monitoring.events)
            monitoring.purge(lambda event, newest=newest: event.id < newest - 3000)
            watcher.round()
            wall.wall.board.refresh()
            for _ in range(50):
                wall.get("/api/incidents")
            sizes.append(resident_mb())
    watch.close()
    print([round(size) for size in sizes[::10]])
    assert shown_ids(wall) == open_ids(zabbix)
    assert sizes[-1] - sizes[30] < 15, sizes[::10]


def test_a_run_takes_the_wall_s_table_for_one_of_ours(
    server: PostgresServer, database: str
) -> None:
    connection = server.connect(database)
    ensure_schemas(connection, [Zabbix.schema])
    claim(connection, made_tables([Zabbix()]))
    record.prepare(connection)
    record.prepare(connection)
    record.failed(connection, "zabbix", "HTTP 502")
    record.went_well(connection, "zabbix")
    with connection.cursor() as cursor:
        refuse_strangers_tables(cursor)
        cursor.execute("select source, read_at is null, trouble from ops.watch")
        assert cursor.fetchall() == [("zabbix", False, None)]
        cursor.execute("create table ops.strange ()")
        with pytest.raises(DatabaseError, match=r"ops\.strange"):
            refuse_strangers_tables(cursor)
    connection.close()
