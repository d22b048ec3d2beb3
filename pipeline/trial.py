"""`make try`: the models as they stand now, built beside the published marts and held against them.

Everything goes into schemas of one's own (`try_anna_marts`, …): the status, the page, the alarm and
the published marts know nothing of it. "Now" is that of the published marts, so that what differs
is what was edited.
"""

import getpass
import os
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812  (psycopg2's own name)

from extract.errors import ConfigurationError, DatabaseError
from pipeline import publish
from pipeline.build import BuildError, BuildReport, Dbt, check_vars, moment_of
from pipeline.console import RunConsole
from pipeline.database import (
    Database,
    loaded_monitorings,
    open_database,
    refuse_without_rights,
    trackers_of,
)
from pipeline.record import make_tables
from pipeline.redaction import Redactor
from pipeline.seeds import check_seeds
from pipeline.server import fit_sessions
from pipeline.settings import SECRETS, load_environment, nothing_is_configured

# the longest suffix is _intermediate, and a name ends at 63 bytes
LONGEST_PREFIX = 40
COLUMNS_SHOWN = 8
# the comment by which a try knows a schema of its own
MADE_HERE = "made by make try, which replaces it"
LAYERS = ("seeds", "staging", "intermediate", "marts")


@dataclass(frozen=True)
class Difference:
    """How a tried mart differs from the published one; no counts where there is nothing to compare.

    `changed` counts by column the rows, found in both by their key, whose values differ.
    """

    mart: str
    rows_published: int | None
    rows_tried: int | None
    only_published: int = 0
    only_tried: int = 0
    changed: tuple[tuple[str, int], ...] = ()
    columns_gone: tuple[str, ...] = ()
    columns_new: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The largest single count, by which differences are ordered."""
        if self.rows_published is None or self.rows_tried is None:
            return self.rows_published or self.rows_tried or 0
        counts = [count for _, count in self.changed]
        return max(self.only_published, self.only_tried, *counts, 0)


def execute(given_vars: dict[str, Any], *, drop: bool = False) -> int:
    """Build, test and compare, or drop what an earlier try has left; returns the exit code.

    Raises RunError where nothing can be built or compared.
    """
    console = RunConsole(Redactor())
    with console:
        for warning in load_environment():
            console.warn(warning)
        console.redact.add(*(os.environ.get(name) for name in SECRETS))
        database = open_database(is_demo=nothing_is_configured())
        console.redact.add(database.password)
        fit_sessions()
        connection = database.connect()
        try:
            with connection.cursor() as cursor:
                if drop:
                    _drop(cursor, own_prefix())
                    return 0
                refuse_without_rights(connection)
                check_vars(connection, given_vars, role=database.user)
                check_seeds()
                as_of = _published_as_of(cursor)
                report, error = _build(database, connection, given_vars, as_of, console)
                _tell(console, cursor, report, error)
        finally:
            connection.close()
    return BuildError.exit_code if error else 0


def own_prefix() -> str:
    """What the schemas of this person's tries begin with."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user whom the system does not know by name
        name = str(os.getuid())
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:LONGEST_PREFIX]
    return f"try_{plain or os.getuid()}"


def _published_as_of(cursor: Cursor) -> datetime:
    """The "now" of the published marts; raises ConfigurationError where there are none."""
    cursor.execute("select to_regclass('ops.pipeline_runs'), to_regclass('marts.fct_issues')")
    if None not in cursor.fetchone():
        cursor.execute(
            "select as_of from ops.pipeline_runs where status = 'OK' and models_built > 0 "
            "order by finished_at desc limit 1"
        )
        if found := cursor.fetchone():
            return found[0]
    raise ConfigurationError("no marts are published yet to compare with: make run")


def _build(
    database: Database,
    connection: psycopg2.extensions.connection,
    given_vars: dict[str, Any],
    as_of: datetime,
    console: RunConsole,
) -> tuple[BuildReport, str | None]:
    dbt = Dbt(
        database,
        given_vars,
        as_of=moment_of(given_vars, as_of),
        trackers=[
            tracker.name for tracker in trackers_of(connection, is_demo=nothing_is_configured())
        ],
        monitorings=[monitoring.name for monitoring in loaded_monitorings(connection)],
        on_progress=console.progress,
        own_schema=own_prefix(),
    )
    dbt.parse()
    # a model that fails now must not show what it was last time
    with connection.cursor() as cursor:
        # the marts read them, and the next run may be hours away
        make_tables(cursor)
        _drop(cursor, own_prefix())
        for schema in _own_schemas(own_prefix()):
            cursor.execute(
                sql.SQL("create schema {0}; comment on schema {0} is {1}").format(
                    sql.Identifier(schema), sql.Literal(MADE_HERE)
                )
            )
    try:
        return dbt.build(connection), None
    except BuildError as failure:
        if failure.report is None:
            raise
        return failure.report, str(failure)


def _tell(console: RunConsole, cursor: Cursor, report: BuildReport, error: str | None) -> None:
    for warning in report.warnings:
        console.warn(warning)
    for failed in report.errors[1:]:
        console.say(f"failed: {failed}", style="red")
    if error:
        console.say(f"error: {error}", style="bold red")
    marts = f"{own_prefix()}_{publish.LIVE}"
    found = differences(cursor, publish.LIVE, marts)
    out = console.out
    out.print()
    for each in found:
        out.print(_line(each), markup=False, soft_wrap=True)
    if not found:
        out.print("Nothing differs from the published marts.")
    out.print(
        f"What was tried stands in {marts} until the next try; make try ARGS=--drop removes it. "
        "The published marts, the status and the page are as they were.",
        markup=False,
        soft_wrap=True,
    )
    words = "NOK" if error else "OK"
    out.print(
        f"{words}: {report.models_built} models tried, {report.tests_failed} tests failed, "
        f"{report.tests_warned} warned",
        style="bold red" if error else "bold green",
        markup=False,
    )


def _line(each: Difference) -> str:
    if each.rows_published is None:
        return f"{each.mart}: {each.rows_tried:,} rows, not published yet"
    if each.rows_tried is None:
        return f"{each.mart}: {each.rows_published:,} rows published, not built now"
    parts = [f"{each.mart}: {each.rows_published:,} rows published, {each.rows_tried:,} tried"]
    if each.only_published or each.only_tried:
        parts.append(f"{each.only_published:,} gone, {each.only_tried:,} new")
    if each.changed:
        shown = [f"{column} in {count:,}" for column, count in each.changed[:COLUMNS_SHOWN]]
        more = len(each.changed) - len(shown)
        more_columns = f" and {more} more columns" if more else ""
        parts.append(f"another {', '.join(shown)}{more_columns}")
    for what, columns in (("gone", each.columns_gone), ("new", each.columns_new)):
        if columns:
            parts.append(f"{what} columns: {', '.join(columns)}")
    return "; ".join(parts)


@dataclass(frozen=True)
class _Mart:
    """A table as it stands: its columns, and those of its primary key."""

    columns: list[str]
    key: list[str]


def differences(cursor: Cursor, published: str, tried: str) -> list[Difference]:
    """What differs between the tables of two schemas, the largest difference first."""
    before, after = _marts(cursor, published), _marts(cursor, tried)
    found = []
    for name in before.keys() | after.keys():
        old, new = (sql.Identifier(schema, name) for schema in (published, tried))
        rows = (
            _one(cursor, "select count(*) from {}", old) if name in before else None,
            _one(cursor, "select count(*) from {}", new) if name in after else None,
        )
        difference = Difference(name, *rows)
        if None not in rows:
            here, there = before[name].columns, after[name].columns
            difference = replace(
                difference,
                columns_gone=tuple(each for each in here if each not in there),
                columns_new=tuple(each for each in there if each not in here),
            )
            common = [each for each in after[name].columns if each in before[name].columns]
            key = after[name].key
            if key and set(key) <= set(common):
                difference = _by_key(cursor, old, new, key, common, difference)
            elif common:
                difference = _by_all(cursor, old, new, common, difference)
        has_other_columns = difference.columns_gone or difference.columns_new
        if difference.size or None in rows or has_other_columns:
            found.append(difference)
    return sorted(found, key=lambda each: (-each.size, each.mart))


def _marts(cursor: Cursor, schema: str) -> dict[str, _Mart]:
    cursor.execute(
        """
        select
            relname,
            (
                select array_agg(attname::text order by attnum) from pg_attribute
                where attrelid = pg_class.oid and attnum > 0 and not attisdropped
            ),
            (
                select array_agg(attname::text order by attnum) from pg_constraint
                inner join pg_attribute on attrelid = conrelid and attnum = any(conkey)
                where conrelid = pg_class.oid and contype = 'p'
            )
        from pg_class
        where relnamespace = to_regnamespace(%s) and relkind = 'r'
        """,
        (schema,),
    )
    return {name: _Mart(columns or [], key or []) for name, columns, key in cursor.fetchall()}


def _by_key(
    cursor: Cursor,
    old: sql.Identifier,
    new: sql.Identifier,
    key: list[str],
    columns: list[str],
    difference: Difference,
) -> Difference:
    """Rows known by their key: those on one side only, and the values that differ, by column."""
    measures = [column for column in columns if column not in key]
    cursor.execute(
        sql.SQL(
            "select count(*) filter (where new.{first} is null), "
            "count(*) filter (where old.{first} is null){measures} "
            "from {old} as old full join {new} as new on {matches}"
        ).format(
            old=old,
            new=new,
            first=sql.Identifier(key[0]),
            # as texts, because a column may have got another type
            measures=sql.SQL("").join(
                sql.SQL(
                    ", count(*) filter (where old.{first} = new.{first} "
                    "and old.{column}::text is distinct from new.{column}::text)"
                ).format(first=sql.Identifier(key[0]), column=sql.Identifier(column))
                for column in measures
            ),
            matches=sql.SQL(" and ").join(
                sql.SQL("old.{0} = new.{0}").format(sql.Identifier(column)) for column in key
            ),
        )
    )
    only_old, only_new, *counts = cursor.fetchone()
    changed = [pair for pair in zip(measures, counts, strict=True) if pair[1]]
    return replace(
        difference,
        only_published=only_old,
        only_tried=only_new,
        changed=tuple(sorted(changed, key=lambda each: -each[1])),
    )


def _by_all(
    cursor: Cursor,
    old: sql.Identifier,
    new: sql.Identifier,
    columns: list[str],
    difference: Difference,
) -> Difference:
    """Without a key, a row is known by all that both sides have of it."""
    names = sql.SQL(", ").join(
        sql.SQL("{}::text").format(sql.Identifier(column)) for column in columns
    )
    query = (
        "select count(*) from (select {names} from {left} except all select {names} from {right})"
        " as rows_of_one"
    )
    return replace(
        difference,
        only_published=_one(cursor, query, names=names, left=old, right=new),
        only_tried=_one(cursor, query, names=names, left=new, right=old),
    )


def _one(cursor: Cursor, query: str, *parts: sql.Composable, **named: sql.Composable) -> int:
    cursor.execute(sql.SQL(query).format(*parts, **named))
    return cursor.fetchone()[0]


def _own_schemas(prefix: str) -> list[str]:
    return [f"{prefix}_{layer}" for layer in LAYERS]


def _drop(cursor: Cursor, prefix: str) -> None:
    """Drop the schemas of one's tries; raises DatabaseError for one that no try has made."""
    cursor.execute(
        "select nspname, obj_description(oid, 'pg_namespace') from pg_namespace "
        "where nspname = any(%s) order by nspname",
        (_own_schemas(prefix),),
    )
    found = cursor.fetchall()
    strangers = [name for name, comment in found if comment != MADE_HERE]
    if strangers:
        raise DatabaseError(
            f"no try has made the schemas {', '.join(strangers)}, which one would replace: rename "
            "or drop them; nothing was changed"
        )
    for name, _ in found:
        cursor.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(name)))
