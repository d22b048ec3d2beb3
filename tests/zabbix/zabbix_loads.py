"""For the tests of Zabbix's extractor: a simulated one, loads of it, raw as a value."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

from conftest import PostgresServer, fresh_database
from extracting import IMPATIENT

from demo.company import Company
from demo.zabbix.dialect import Dialect
from demo.zabbix.monitoring import Event, Monitoring
from demo.zabbix.server import Server, start
from extract.tracker import Load, LoadReport
from extract.zabbix.load import Source, load
from extract.zabbix.tables import TABLES

COMPANY = {"issues": 200, "seed": 7, "today": "2026-06-01"}

# they say when and by which load a row came, not what Zabbix said
STAMPS = {"loaded_at", "seen_at", "_dlt_load_id", "_dlt_id"}


@contextmanager
def simulated(version: str = "6.0.14", **options: Any) -> Iterator[Server]:
    """A Zabbix with some incidents; `server.monitoring` is where things happen."""
    with start(Company(**{**COMPANY, **options}), port=0) as server:
        server.dialect = Dialect(version)
        server.calls = []
        yield server


@dataclass
class Extraction:
    """One database, loaded from one Zabbix again and again."""

    connection: Any
    dsn: str
    folder: Path
    source: Source
    as_of: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def load(self, **options: Any) -> LoadReport:
        """One load; `source` options (messages, token, url) are told from those of `load`."""
        changes = {key: options.pop(key) for key in list(options) if hasattr(self.source, key)}
        patience = options.pop("patience", IMPATIENT)
        self.as_of += timedelta(seconds=1)
        order = {
            "run_id": f"run_{next(self._numbers)}",
            "as_of": self.as_of,
            "working_dir": self.folder,
            "on_progress": lambda *_: None,
            # the port of a simulation is chance
            "identity": "the company",
            **options,
        }
        source = replace(self.source, **changes)
        return load(source, Load(dsn=self.dsn, **order), patience=patience)

    def rows(self, statement: str, *parameters: Any) -> list[tuple]:
        with self.connection.cursor() as cursor:
            cursor.execute("set search_path to raw_zabbix")
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def one(self, statement: str, *parameters: Any) -> Any:
        return self.rows(statement, *parameters)[0][0]

    def event(self, event: Event | int) -> dict[str, Any]:
        """An event as raw has it."""
        key = event if isinstance(event, int) else event.id
        return self.one("select to_jsonb(t) from events as t where eventid = %s", key)

    def raw(self) -> dict[str, dict[str, Any]]:
        """All that Zabbix said, as raw holds it: table → key → row."""
        tables = {}
        for table in TABLES:
            if table.name == "extract_runs":
                continue
            rows = [row[0] for row in self.rows(f"select to_jsonb(t) from {table.name} as t")]
            assert len({row[table.key] for row in rows}) == len(rows), table.name
            tables[table.name] = {
                row[table.key]: {key: value for key, value in row.items() if key not in STAMPS}
                for row in rows
            }
        return tables


def extraction(server: Any, database: str, zabbix: Any, folder: Path) -> Extraction:
    """An extraction from `zabbix` into a database of the test session's PostgreSQL."""
    environment = server.environment(database)
    dsn = (
        f"postgresql://{environment['PGUSER']}:none@{quote(environment['PGHOST'], safe='')}"
        f":{environment['PGPORT']}/{database}"
    )
    return Extraction(server.connect(database), dsn, folder, Source(zabbix.url, zabbix.token))


def fresh(
    server: PostgresServer, zabbix: Any, folder: Path, template: str = "template1"
) -> Iterator[Extraction]:
    """A database of its own, empty or a copy of one that was loaded before."""
    for name in fresh_database(server, template):
        made = extraction(server, name, zabbix, folder)
        yield made
        made.connection.close()


def loaded_template(server: PostgresServer, folder: Path) -> Iterator[str]:
    """A database after a first load of the company, for copies."""
    for name in fresh_database(server):
        with simulated() as zabbix:
            made = extraction(server, name, zabbix, folder)
            made.load()
            made.connection.close()
        yield name


def told(event: Event) -> tuple[Any, ...]:
    """What an event is, as the monitoring knows it."""
    return (
        event.trigger.id, event.clock, event.ns, event.value, event.name or None, event.severity,
        event.is_acknowledged, event.recovery, event.user, bool(event.suppressed_by),
        [{"tag": tag, "value": value} for tag, value in event.tags],
    )  # fmt: skip


def assert_complete(loaded: Extraction, monitoring: Monitoring) -> None:
    """Raw holds every event and every acknowledgement as they are now, and what is open."""
    rows = loaded.rows(
        "select eventid, objectid, clock, ns, value, name, severity, acknowledged, r_eventid, "
        "userid, suppressed, tags from events"
    )
    assert {row[0]: row[1:] for row in rows} == {
        key: told(event) for key, event in monitoring.events.items()
    }
    assert sorted(loaded.rows("select acknowledgeid, eventid, userid, action from acknowledgements"
    )) == sorted(
        (each.id, event.id, each.user, each.action)
        for event in monitoring.events.values()
        for each in event.acknowledgements
    )  # fmt: skip
    listed = {key for (key,) in loaded.rows("select eventid from events where is_listed")}
    assert listed == {event.id for event in monitoring.open_problems()}


def asked(zabbix: Server, method: str) -> list[dict[str, Any]]:
    """The parameters of the calls of a method."""
    return [params for name, params in zabbix.calls or () if name == method]
