"""What earlier runs left in the database: how far they came, and whose data it is.

dlt's own state is not used for this. A package is not atomic over its tables, so a state that
travels in it may be there before the rows that it speaks of; a run killed in between would never
read them. A row of `extract_runs` is written after the package that it speaks of, as plain SQL,
and holds the whole state, so that the folder of dlt may be lost.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)
from typing_extensions import Self

from extract.address import is_same_host
from extract.client import Service
from extract.errors import ConfigurationError, DatabaseError
from extract.tables import EXTRACT_RUNS, Column, DataType, Table

# as dlt makes them
_TYPES: dict[DataType, str] = {
    "text": "varchar",
    "bigint": "bigint",
    "bool": "boolean",
    "json": "jsonb",
    "timestamp": "timestamp with time zone",
}


def connect(dsn: str) -> Connection:
    """A connection whose every statement stands at once. Raises DatabaseError."""
    try:
        connection = psycopg2.connect(dsn)
    except psycopg2.Error as error:
        raise DatabaseError(f"PostgreSQL: {' '.join(str(error).split())}") from None
    connection.autocommit = True
    return connection


@dataclass
class State:
    """How far the runs over one source have come; each source has fields of its own, too."""

    # Every change after this moment (epoch ms) is still to be read: when the last finished run, or
    # the unfinished first load, began.
    read_until: int | None = None
    # the "now" of the run that swept last
    swept_at: str | None = None
    # whether raw holds the titles of issues
    summaries: bool = True
    # the tracker's count of issues less raw's, as the last look at all of them left it
    difference: int = 0
    # how many issues the tracker counts beyond those that it shows, accepted by the operator
    surplus: int = 0

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """The state that a version with more or fewer fields wrote."""
        known = {each.name for each in fields(cls)}
        return cls(**{key: value for key, value in document.items() if key in known})


class Journal:
    """The rows of `extract_runs` in one source's raw schema, and what stands there."""

    def __init__(
        self,
        connection: Connection,
        service: Service,
        schema: str,
        tables: Sequence[Table],
        *,
        source: str,
        run_id: str,
        state: State,
    ) -> None:
        self._connection = connection
        self.service = service
        self._schema = schema
        self._tables = tables
        self.source = source
        # the address that raw was filled from, as long as it is not this one
        self.moved_from: str | None = None
        self._run_id = run_id
        self._started_at = datetime.now(timezone.utc)
        self._last_scope: list[str] | None = None
        self.state = state

    @property
    def started_ms(self) -> int:
        return int(self._started_at.timestamp() * 1000)

    def open(self, *, source_moved: bool = False) -> None:
        """Read the state. Raises ConfigurationError when the data is another instance's.

        `source_moved`: the operator says that it is the same one at another address. Then, and
        where only the port differs, `moved_from` is set, and what is there has to be compared.
        """
        if not self._exists(EXTRACT_RUNS.name):
            return
        rows = self._rows(
            self._named(
                "select source_url, counts, scope from {extract_runs} "
                "order by started_at desc, finished_at desc limit 1"
            )
        )
        if not rows:
            return
        source, counts, self._last_scope = rows[0]
        self.state = type(self.state).from_json(counts.get("state", {}))
        if source == self.source:
            return
        if not source_moved and not is_same_host(source, self.source):
            name = self.service.name
            raise ConfigurationError(
                f"this database holds the data of {source}, but {self.service.url_setting} leads "
                f"to {self.source}: one database serves one {name}. If the same {name} has "
                "moved there: make run ARGS=--source-moved (once) compares the two and goes on. "
                f"For another {name}, give another PGDATABASE"
            )
        self.moved_from = source

    def write(
        self, kind: str, scope: list[str] | None, window: tuple[int, int], counts: dict[str, Any]
    ) -> None:
        """Add a row: what was just finished, and the state after it."""
        document = {**counts, "state": asdict(self.state)}
        with self._connection.cursor() as cursor:
            cursor.execute(
                self._named(
                    "insert into {extract_runs} (run_id, kind, source_url, scope, window_start, "
                    "window_end, counts, started_at, finished_at, loaded_at, _dlt_load_id, "
                    "_dlt_id) values (%s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp(), "
                    "clock_timestamp(), %s, gen_random_uuid())"
                ),
                (
                    self._run_id, kind, self.source, None if scope is None else json.dumps(scope),
                    *window, json.dumps(document), self._started_at, self._run_id,
                ),
            )  # fmt: skip

    def has_tables(self) -> bool:
        """Whether an earlier run created the raw tables."""
        return all(self._exists(table.name) for table in self._tables)

    def missing_columns(self) -> dict[str, list[str]]:
        """Which columns the tables of an earlier version lack: table → columns."""
        there = set(
            self._rows(
                "select relname, attname from pg_attribute "
                "inner join pg_class on pg_class.oid = attrelid "
                "where relnamespace = %(schema)s::regnamespace and not attisdropped",
                schema=self._schema,
            )
        )
        missing = {
            table.name: [
                column.name for column in table.columns if (table.name, column.name) not in there
            ]
            for table in self._tables
        }
        return {table: columns for table, columns in missing.items() if columns}

    def create_tables(self) -> None:
        """Make sure that every raw table exists with every column.

        As plain SQL: through dlt it would be a package, which costs a part of a second.
        """
        there = self._rows("select to_regnamespace(%(schema)s) is not null", schema=self._schema)
        create = sql.SQL("create schema {}").format(sql.Identifier(self._schema))
        statements = [] if there[0][0] else [create]
        for table in self._tables:
            name = sql.Identifier(self._schema, table.name)
            columns = sql.SQL(", ").join(map(_added, table.columns))
            statements += [
                sql.SQL("create table if not exists {} ()").format(name),
                sql.SQL("alter table {} {}").format(name, columns),
            ]
        with self._connection.cursor() as cursor:
            # one transaction
            cursor.execute(sql.SQL("; ").join(statements))

    def make_keys_unique(self, *tables: str) -> None:
        """Take out rows that a first load brought twice, and keep it so.

        A first load appends: a package that was killed after its COPY is read again whole. Of each
        id, the row that was loaded last stays.
        """
        keys = {table.name: table.key for table in self._tables}
        for table in tables:
            parts = {
                "table": sql.Identifier(self._schema, table),
                "key": sql.Identifier(keys[table]),
                "index": sql.Identifier(f"{table}_{keys[table]}_key"),
            }
            make = sql.SQL("create unique index if not exists {index} on {table} ({key})")
            take_out = sql.SQL(
                "delete from {table} where ctid in (select ctid from (select ctid, row_number() "
                "over (partition by {key} order by loaded_at desc, ctid desc) as place "
                "from {table}) as placed where place > 1)"
            )
            with self._connection.cursor() as cursor:
                try:
                    cursor.execute(make.format(**parts))
                except psycopg2.errors.UniqueViolation:
                    cursor.execute(take_out.format(**parts))
                    cursor.execute(make.format(**parts))

    def last_finished(self) -> datetime | None:
        """When the last run began that came to its end."""
        statement = "select max(started_at) from {extract_runs} where kind <> 'window'"
        return self._rows(self._named(statement))[0][0]

    def has_read(self, table: str) -> bool:
        """Whether raw has any row of a table."""
        if not self._exists(table):
            return False
        name = sql.Identifier(self._schema, table)
        return bool(self._rows(sql.SQL("select from {} limit 1").format(name)))

    def adopt_source(self) -> None:
        """From now on raw belongs to the present address."""
        raise NotImplementedError

    def newest(self) -> tuple[int | None, int | None]:
        """The newest change of an issue and of a history that raw knows, in epoch ms."""
        raise NotImplementedError

    def take_census(self, swept_at: datetime, holders: list[str] | None) -> int:
        """Write down that all issues of these projects or queues were seen; how many they are."""
        raise NotImplementedError

    def census(self) -> dict[str, datetime | None]:
        """When each issue of the census was last seen."""
        name = sql.Identifier(self._schema, "issue_census")
        return dict(self._rows(sql.SQL("select issue_id, seen_at from {}").format(name)))

    def forget_summaries(self) -> None:
        """Take the titles of all issues out of raw."""
        forget = sql.SQL("update {} set summary = null where summary is not null")
        with self._connection.cursor() as cursor:
            cursor.execute(forget.format(sql.Identifier(self._schema, "issues")))

    def _named(self, statement: str) -> sql.Composed:
        name = sql.Identifier(self._schema, EXTRACT_RUNS.name)
        return sql.SQL(statement).format(extract_runs=name)

    def _exists(self, table: str) -> bool:
        name = f"{self._schema}.{table}"
        return self._rows("select to_regclass(%(name)s) is not null", name=name)[0][0]

    def _rows(self, statement: str | sql.Composed, **parameters: Any) -> list[tuple]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()


def _added(column: Column) -> sql.Composed:
    """The part of `alter table` that adds a column where it is missing."""
    constraint = "" if column.nullable else " not null"
    definition = sql.SQL(_TYPES[column.data_type] + constraint)
    return sql.SQL("add column if not exists {} {}").format(sql.Identifier(column.name), definition)
