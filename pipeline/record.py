"""The run's record, one row of `ops.pipeline_runs`, and the lock that proves a run alive.

`marts.pipeline_status` reads nothing but this table: a row that says RUNNING while its lock is
free belongs to a run that died without a word.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from extract.errors import DatabaseError, LockedError
from pipeline import __version__

# "leadtime" in ASCII, read as a bigint; any number that nobody else locks would do
LOCK_KEY = int.from_bytes(b"leadtime", "big")

LONGEST_LOG_BYTES = 64 * 1024
# The last good run stays however old it is: the status and the alarm look for it.
KEPT_DAYS = 400

_TABLE = """
    create table if not exists ops.pipeline_runs (
        run_id text primary key,
        started_at timestamptz not null,
        finished_at timestamptz,
        status text not null check (status in ('RUNNING', 'OK', 'NOK')),
        stage text check (stage in ('extract', 'build', 'publish')),
        error text,
        log text,
        as_of timestamptz,
        data_as_of timestamptz,
        version text,
        issues_loaded bigint,
        activities_loaded bigint,
        loads jsonb,
        models_built integer,
        tests_failed integer,
        tests_warned integer,
        lock_key bigint not null,
        open_fault text,
        warnings text,
        clickhouse_at timestamptz
    )
"""
# What became of a ticket that was to be made of an incident: the row stands before the tracker is
# asked. The marts read it, so it is there without any ticket.
_TICKETS = """
    create table if not exists ops.tickets (
        incident_id text primary key,
        source text not null,
        tracker text not null,
        project text not null,
        summary text not null,
        state text not null check (state in ('sending', 'sent', 'doubtful', 'failed')),
        ticket text,
        ticket_url text,
        error text,
        requested_at timestamptz not null,
        settled_at timestamptz
    )
"""
# Columns that came after the first version. Looked for before they are added, because even an
# `alter` that changes nothing waits for whoever reads the status.
_LATER_COLUMNS = {
    "loads": "jsonb",
    "open_fault": "text",
    "warnings": "text",
    # when ClickHouse had got the run's marts
    "clickhouse_at": "timestamptz",
}


def make_tables(cursor: Cursor) -> None:
    """Make the tables of `ops` that the marts read, or bring those of an earlier version up."""
    for name, statement in (("pipeline_runs", _TABLE), ("tickets", _TICKETS)):
        cursor.execute("select to_regclass(%s) is null", (f"ops.{name}",))
        # asked first, as `if not exists` answers with a notice
        if cursor.fetchone()[0]:
            cursor.execute(statement)
    cursor.execute(
        "select attname from pg_attribute where attrelid = 'ops.pipeline_runs'::regclass"
    )
    there = {name for (name,) in cursor.fetchall()}
    for name, kind in _LATER_COLUMNS.items():
        if name not in there:
            cursor.execute(f"alter table ops.pipeline_runs add column {name} {kind}")


def take_lock(connection: Connection) -> None:
    """Take the session's advisory lock, which lasts as long as `connection`.

    Raises LockedError when another run holds it, and DatabaseError where a pooler hides it: a
    lock taken in a session that is handed to others guards nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", (LOCK_KEY,))
        if not cursor.fetchone()[0]:
            raise LockedError("another run is at work in this database; this one leaves")
    if not holds_lock(connection):
        raise DatabaseError(
            "the run's lock does not show in pg_locks: a connection pooler in transaction mode "
            "stands before PostgreSQL. Point PGHOST and PGPORT at PostgreSQL itself, or at a pool "
            "in session mode"
        )


def holds_lock(connection: Connection) -> bool:
    """Whether this very session still holds the run's lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select exists (
                select from pg_locks
                where
                    locktype = 'advisory' and granted and pid = pg_backend_pid() and objsubid = 1
                    and database = (select oid from pg_database where datname = current_database())
                    and (classid::bigint << 32) | objid::bigint = %s
            )
            """,
            (LOCK_KEY,),
        )
        return cursor.fetchone()[0]


@dataclass
class RunRecord:
    """One row of `ops.pipeline_runs`; every change is committed at once.

    `columns` are written with the end of the run.
    """

    connection: Connection
    run_id: str
    as_of: datetime
    columns: dict[str, Any] = field(default_factory=dict)

    def start(self, started_at: datetime) -> bool:
        """Write the row as RUNNING; returns whether a run before had died without a word.

        Such a run's row is closed as NOK.
        """
        with self.connection.cursor() as cursor:
            make_tables(cursor)
            # we hold the lock: whatever else says RUNNING is dead
            cursor.execute(
                "update ops.pipeline_runs set status = 'NOK', finished_at = clock_timestamp(), "
                "error = coalesce(error, 'the run died without a word (killed, or a power cut)') "
                "where status = 'RUNNING'"
            )
            died_before = cursor.rowcount > 0
            cursor.execute(
                "insert into ops.pipeline_runs "
                "(run_id, started_at, status, as_of, version, lock_key, open_fault) "
                "values (%s, %s, 'RUNNING', %s, %s, %s, "
                "(select open_fault from ops.pipeline_runs order by started_at desc limit 1))",
                (self.run_id, started_at, self.as_of, __version__, LOCK_KEY),
            )
        self.forget_old()
        return died_before

    def last_ok_at(self) -> datetime | None:
        """When the last good run ended."""
        with self.connection.cursor() as cursor:
            cursor.execute("select max(finished_at) from ops.pipeline_runs where status = 'OK'")
            return cursor.fetchone()[0]

    def open_fault(self) -> str | None:
        """The fault that the alarm has told and not taken back; a new row takes it over."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "select open_fault from ops.pipeline_runs where run_id = %s", (self.run_id,)
            )
            row = cursor.fetchone()
        return row[0] if row else None

    def keep_open_fault(self, fault: str | None) -> None:
        """Remember what the alarm has told; None: all is well."""
        self.update(open_fault=fault)

    def update(self, **columns: Any) -> None:
        """Set columns of the row, e.g. `stage` or `issues_loaded`."""
        assignments = ", ".join(f"{name} = %s" for name in columns)
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"update ops.pipeline_runs set {assignments} where run_id = %s",  # noqa: S608
                (*columns.values(), self.run_id),
            )

    def keep_data_as_of(self) -> None:
        """Take over how new the data are from the run that loaded them."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "update ops.pipeline_runs set data_as_of = "
                "(select max(data_as_of) from ops.pipeline_runs) where run_id = %s",
                (self.run_id,),
            )

    def forget_old(self) -> None:
        """Delete the rows of runs that are too old to matter."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "delete from ops.pipeline_runs "
                "where started_at < clock_timestamp() - make_interval(days => %s) and started_at < "
                "(select max(started_at) from ops.pipeline_runs where status = 'OK')",
                (KEPT_DAYS,),
            )

    def finish(self, *, error: str | None, log: str) -> None:
        """Close the row: OK without an error, NOK with one (a single line)."""
        self.update(
            **self.columns,
            status="NOK" if error else "OK",
            finished_at=datetime.now().astimezone(),
            error=" ".join(error.split()) if error else None,
            log=_tail(log),
        )


def _tail(log: str) -> str:
    """The end of the log, at most 64 KiB of UTF-8, without the NUL that PostgreSQL refuses."""
    encoded = log.replace("\x00", "").encode()
    return encoded[-LONGEST_LOG_BYTES:].decode(errors="ignore")
