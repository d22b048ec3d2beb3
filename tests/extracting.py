"""For the tests of the extractor: a small simulated YouTrack, loads of it, raw as a value."""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

from demo.company import Company
from demo.youtrack.server import Server, start
from extract.client import Patience
from extract.tracker import Load, LoadReport
from extract.youtrack.load import Source, load

# a fault costs a test a moment, not a minute
IMPATIENT = Patience(
    connect_seconds=2, read_seconds=1, tries=4, first_wait_seconds=0.02, longest_wait_seconds=0.1
)

KEYS = {
    "projects": "id", "custom_fields": "id", "users": "id", "work_time_settings": "id",
    "boards": "id", "sprints": "id", "issues": "id", "activities": "id",
}  # fmt: skip

# they say when and by which load a row came, not what YouTrack said
STAMPS = {"loaded_at", "first_seen_at", "seen_at", "_dlt_load_id", "_dlt_id"}

# what a rename changes: staging takes it from the catalogue (see the raw tables' description)
NAMES = {
    "name", "localizedName", "login", "presentation", "id_readable", "shortName", "field_name",
    "idReadable", "archived", "ordinal", "isResolved", "released", "releaseDate", "startDate",
}  # fmt: skip


@contextmanager
def simulated(**options: Any) -> Iterator[Server]:
    """A YouTrack of some issues; `server.tracker` is the company, to be edited."""
    options = {"issues": 150, "seed": 7, "today": "2026-06-01", **options}
    with start(Company(**options), port=0) as server:
        yield server


@dataclass
class Extraction:
    """One database, loaded from one YouTrack again and again."""

    connection: Any
    dsn: str
    folder: Path
    source: Source
    progress: list[tuple[str, int, int | None]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def load(self, **options: Any) -> LoadReport:
        """One load; `source` options (projects, token, url, …) are told from those of `load`."""
        changes = {key: options.pop(key) for key in list(options) if hasattr(self.source, key)}
        patience = options.pop("patience", IMPATIENT)
        order = {
            "run_id": f"run_{next(self._numbers)}",
            "as_of": datetime.now(timezone.utc),
            "working_dir": self.folder,
            "on_progress": lambda *told: self.progress.append(told),
            **options,
        }
        source = replace(self.source, **changes)
        return load(source, Load(dsn=self.dsn, **order), patience=patience)

    def rows(self, statement: str, *parameters: Any) -> list[tuple]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def one(self, statement: str, *parameters: Any) -> Any:
        return self.rows(statement, *parameters)[0][0]

    def raw(self, *, without_names: bool = False) -> dict[str, dict[str, Any]]:
        """All that YouTrack said, as raw holds it: table → key → row."""
        tables = {}
        for table, key in KEYS.items():
            rows = (row[0] for row in self.rows(f"select to_jsonb(t) from raw.{table} as t"))
            tables[table] = {row[key]: _plain(row, without_names) for row in rows}
        return tables

    def is_missing(self) -> set[str]:
        """The issues that count as missing, as staging reads it."""
        rows = self.rows(
            "select issue_id from raw.issue_census inner join raw.issues on id = issue_id "
            "where missed_sweeps >= 2 and issues.loaded_at < swept_at"
        )
        return {row[0] for row in rows}


def _plain(value: Any, without_names: bool) -> Any:
    left_out = STAMPS | (NAMES if without_names else set())
    if isinstance(value, dict):
        return {k: _plain(v, without_names) for k, v in value.items() if k not in left_out}
    if isinstance(value, list):
        return [_plain(each, without_names) for each in value]
    return value


def extraction(server: Any, database: str, youtrack: Server, folder: Path) -> Extraction:
    """An extraction from `youtrack` into a database of the test session's PostgreSQL."""
    environment = server.environment(database)
    dsn = (
        f"postgresql://{environment['PGUSER']}:none@{quote(environment['PGHOST'], safe='')}"
        f":{environment['PGPORT']}/{database}"
    )
    source = Source(youtrack.url, youtrack.token)
    return Extraction(server.connect(database), dsn, folder, source)


def what_is_left(raw: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """A raw without what only earlier runs could know: issues and sprints that are gone."""
    left = {**raw}
    for table in ("issues", "activities", "sprints"):
        left[table] = {key: row for key, row in raw[table].items() if key in now[table]}
    for row in left["sprints"].values():
        row["issues"] = [issue for issue in row["issues"] if issue["id"] in now["issues"]]
    return left


def differences(left: dict[str, Any], right: dict[str, Any]) -> list[str]:
    """What two raws do not have in common, in words."""
    found = []
    for table in KEYS:
        a, b = left[table], right[table]
        found += [f"{table} {key}: only on the left" for key in sorted(a.keys() - b.keys())]
        found += [f"{table} {key}: only on the right" for key in sorted(b.keys() - a.keys())]
        found += [
            f"{table} {key}: {_difference(a[key], b[key])}"
            for key in sorted(a.keys() & b.keys())
            if a[key] != b[key]
        ]
    return found


def _difference(a: dict[str, Any], b: dict[str, Any]) -> str:
    return ", ".join(
        f"{key} {json.dumps(a.get(key), ensure_ascii=False)[:200]} ≠ "
        f"{json.dumps(b.get(key), ensure_ascii=False)[:200]}"
        for key in sorted(a.keys() | b.keys())
        if a.get(key) != b.get(key)
    )


Change = Callable[[Any], Any]
