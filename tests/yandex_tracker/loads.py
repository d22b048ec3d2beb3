"""For the tests of Yandex.Tracker's extractor: a simulated one, loads of it, raw as a value."""

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
from demo.yandex_tracker.server import Server, start
from demo.yandex_tracker.words import issue_id
from extract.tracker import Load, LoadReport
from extract.yandex_tracker.load import Source, load
from extract.yandex_tracker.tables import TABLES

COMPANY = {"issues": 60, "seed": 7, "today": "2026-06-01"}

# they say when and by which load a row came, not what Tracker said
STAMPS = {"loaded_at", "seen_at", "swept_at", "_dlt_load_id", "_dlt_id"}


@contextmanager
def simulated(**options: Any) -> Iterator[Server]:
    """A Tracker of some issues; `server.tracker` is the company, to be edited."""
    with start(Company(**{**COMPANY, **options}), port=0) as server:
        yield server


@dataclass
class Extraction:
    """One database, loaded from one Tracker again and again."""

    connection: Any
    dsn: str
    folder: Path
    source: Source
    as_of: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def load(self, **options: Any) -> LoadReport:
        """One load; `source` options (queues, token, url, …) are told from those of `load`."""
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
            cursor.execute("set search_path to raw_yandex_tracker")
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def one(self, statement: str, *parameters: Any) -> Any:
        return self.rows(statement, *parameters)[0][0]

    def raw(self) -> dict[str, dict[str, Any]]:
        """All that Tracker said, as raw holds it: table → key → row."""
        tables = {}
        for table in TABLES:
            if table.name in ("extract_runs", "issue_census"):
                continue
            rows = [row[0] for row in self.rows(f"select to_jsonb(t) from {table.name} as t")]
            assert len({row[table.key] for row in rows}) == len(rows), table.name
            tables[table.name] = {
                row[table.key]: {key: value for key, value in row.items() if key not in STAMPS}
                for row in rows
            }
        return tables

    def is_missing(self) -> set[str]:
        """The issues that count as missing, as staging reads it."""
        rows = self.rows(
            "select issues.key from issue_census inner join issues on id = issue_id "
            "where missed_sweeps >= 2 and issues.loaded_at < swept_at"
        )
        return {row[0] for row in rows}


def extraction(server: Any, database: str, tracker: Server, folder: Path) -> Extraction:
    """An extraction from `tracker` into a database of the test session's PostgreSQL."""
    environment = server.environment(database)
    dsn = (
        f"postgresql://{environment['PGUSER']}:none@{quote(environment['PGHOST'], safe='')}"
        f":{environment['PGPORT']}/{database}"
    )
    source = Source(tracker.token, tracker.organisation, tracker.url)
    return Extraction(server.connect(database), dsn, folder, source)


def differences(left: dict[str, Any], right: dict[str, Any]) -> list[str]:
    """What two raws do not have in common, in words."""
    found = []
    for table in left.keys() | right.keys():
        a, b = left.get(table, {}), right.get(table, {})
        found += [f"{table} {key}: only on one side" for key in sorted(a.keys() ^ b.keys())]
        found += [
            f"{table} {key} {name}: {a[key][name]!r} ≠ {b[key][name]!r}"
            for key in sorted(a.keys() & b.keys())
            for name in a[key]
            if a[key][name] != b[key][name]
        ]
    return found


def fresh(
    server: PostgresServer, tracker: Server, folder: Path, template: str = "template1"
) -> Iterator[Extraction]:
    """A database of its own, empty or a copy of one that was loaded before."""
    for name in fresh_database(server, template):
        made = extraction(server, name, tracker, folder)
        yield made
        made.connection.close()


def loaded_template(server: PostgresServer, folder: Path, **options: Any) -> Iterator[str]:
    """A database after a first load of the company, for copies."""
    for name in fresh_database(server):
        with simulated(**options) as tracker:
            made = extraction(server, name, tracker, folder)
            made.load()
            made.connection.close()
        yield name


def entries_of(tracker: Server) -> dict[str, list[str]]:
    """What the company knows: issue id → ids of the entries of its changelog, oldest first."""
    return {
        issue_id(issue): [entry.id_of(issue) for entry in tracker.history(issue).entries]
        for issue in tracker.issues()
    }


def assert_complete(loaded: Extraction, tracker: Server) -> None:
    """Raw holds every issue and every entry that the company has, and no other."""
    wanted = entries_of(tracker)
    found: dict[str, list[str]] = {key: [] for (key,) in loaded.rows("select id from issues")}
    for issue, entry in loaded.rows("select issue_id, id from changelog order by position"):
        found[issue].append(entry)
    assert found == wanted


def asked_changelogs(tracker: Server) -> list[str]:
    """The issues whose changelog was asked for, first pages only."""
    return [
        line.split("/issues/")[1].split("/")[0]
        for line in tracker.requests or ()
        if "/changelog" in line and "id=" not in line.partition("?")[2]
    ]
