"""What a run needs of somebody's PostgreSQL, looked at before anything is read or written.

A run asks `refuse_unfit` first of all; `make doctor` tells every line of `faults_of`. What a
session may set for itself is no demand: `fit_sessions` sets it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)

from extract.errors import DatabaseError
from pipeline.database import SCHEMAS, Database
from pipeline.settings import WORK_MEM

# Lock and record of a run, the loader's and dbt's threads; seen at most in pg_stat_activity: 7
SESSIONS_OF_A_RUN = 8

# What a role or a database may have set to end long or quiet sessions. A run waits for its
# tracker while its lock's session is quiet; how long it may take says RUN_TIMEOUT_MINUTES.
_TIME_OUTS = (
    "idle_session_timeout", "idle_in_transaction_session_timeout", "statement_timeout",
    "lock_timeout", "transaction_timeout",
)  # fmt: skip
# Those that this version has, in one round trip. Compiling a query takes seconds where the costs
# look high, as they do of a column that may be an array, and the rows are few.
_SET = (
    "select set_config(name, '0', false) from pg_settings where name = any(%(time_outs)s) "
    "union all select set_config('jit', 'off', false) "
    "union all select set_config('work_mem', %(memory)s, false) where %(memory)s <> '' "
    "and (%(is_asked)s or pg_size_bytes(%(memory)s) > (select setting::bigint * 1024 "
    "from pg_settings where name = 'work_mem')) "
    "union all select set_config('search_path', %(path)s, false) where %(path)s <> ''"
)
# Four threads of dbt, each with a few sorts and hashes at a time, in a part of the memory
_WORK_MEM_SHARE = 64
_WORK_MEM_MB = (16, 256)
_SEARCH_PATH = re.compile(r"\s*-c\s*search_path=(\S+)\s*")

# Of cgroups, version 2 and 1; the first holds `max` where there is no limit
_CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)

# Less does not show in a metric; a clock that takes local time for UTC is an hour off or more.
CLOCKS_APART = timedelta(minutes=30)

# A table without a key refuses updates and deletes as soon as they are published.
_PUBLISHED = (
    "select pubname from pg_publication where (pubupdate or pubdelete) and (puballtables or exists "
    "(select from pg_publication_namespace inner join pg_namespace on pg_namespace.oid = pnnspid "
    "where pnpubid = pg_publication.oid and nspname = any(%s))) order by pubname"
)

# what dbt's sessions call themselves, unless told otherwise
_DBT = "dbt"

_connect = psycopg2.connect
# dbt's sessions that nobody uses, by how they were asked for; none are kept outside a command
_kept: dict[Hashable, list[_FitConnection]] | None = None
_keeping = threading.Lock()


def fit_sessions() -> None:
    """From now on each session that this process opens, dlt's and dbt's too, has no time-outs.

    It speaks UTF-8, and sorts and joins in memory where there is enough (`work_mem`).

    Neither of the two lets us set anything on a new connection, and libpq's `options`, in which
    dlt sends its search path, are refused by poolers (PgBouncer before 1.20).
    """
    psycopg2.connect = _fit_session


@contextmanager
def kept_sessions() -> Iterator[None]:
    """Keep dbt's sessions for each other while a command of it runs.

    It opens one for each model and each test, and a new session reads PostgreSQL's catalogue anew:
    a fifth of the server's time for a build of the demo. What one has set, made or locked for
    itself, the next does not find.
    """
    global _kept
    _kept = {}
    try:
        yield
    finally:
        with _keeping:
            kept, _kept = _kept, None
        for each in chain(*kept.values()):
            each.close()


def _take(asked: Hashable) -> _FitConnection | None:
    """A session that was kept, as if it were new."""
    while True:
        with _keeping:
            free = _kept.get(asked) if _kept else None
            session = free.pop() if free else None
        # somebody may have ended it meanwhile
        with suppress(psycopg2.Error):
            if session:
                session.reset()
            return session


class _FitConnection(Connection):
    """A session without time-outs, also after a `reset`, which dlt begins and mends with."""

    search_path = ""
    # how it was asked for, where it may be kept
    asked: Hashable = None

    def close(self) -> None:
        if self.asked and _kept is not None and self._is_left_clean():
            with _keeping:
                if _kept is not None:
                    _kept.setdefault(self.asked, []).append(self)
                    return
        super().close()

    def _is_left_clean(self) -> bool:
        """Outside a transaction, without temporary tables and locks; not if it is gone."""
        try:
            self.rollback()
            self.autocommit = True
            with self.cursor() as cursor:
                cursor.execute("discard temp; select pg_advisory_unlock_all()")
            self.autocommit = False
        except psycopg2.Error:
            return False
        return True

    def reset(self) -> None:
        super().reset()
        self.fit()

    def fit(self) -> None:
        # outside a transaction: a rollback would take the settings back
        was_autocommit, self.autocommit = self.autocommit, True
        asked = os.environ.get("BUILD_WORK_MEM", "")
        is_asked = bool(re.fullmatch(WORK_MEM, asked))
        values = {
            "time_outs": list(_TIME_OUTS),
            "path": self.search_path,
            "memory": asked if is_asked else self._share_of_memory(),
            "is_asked": is_asked,
        }
        with self.cursor() as cursor:
            cursor.execute(_SET, values)
        self.autocommit = was_autocommit

    def _share_of_memory(self) -> str:
        """A sort's share of this machine's memory, '' for a server elsewhere."""
        host = self.info.host or ""
        if not (host.startswith("/") or host in ("localhost", "127.0.0.1", "::1")):
            return ""
        least, most = _WORK_MEM_MB
        return f"{min(max(memory_mb() // _WORK_MEM_SHARE, least), most)}MB"


def memory_mb() -> int:
    """The memory of this machine, or of the container that this is, in MB."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _CONTAINER_LIMITS:
        with suppress(OSError, ValueError):
            limits.append(int(file.read_text()))
    return min(limits) >> 20


def _fit_session(*arguments: Any, **parameters: Any) -> Connection:
    path = _SEARCH_PATH.fullmatch(parameters.get("options") or "")
    if path:
        del parameters["options"]
    # texts of any language, whatever PGCLIENTENCODING or the role would have
    parameters["client_encoding"] = "UTF8"
    asked = None
    if parameters.get("application_name") == _DBT:
        # so that whoever ends a run finds them (libpq's own name for it)
        parameters["application_name"] = os.environ.get("PGAPPNAME") or _DBT
        asked = (arguments, path and path[1], tuple(sorted(parameters.items())))
        if kept := _take(asked):
            return kept
    connection = _connect(*arguments, connection_factory=_FitConnection, **parameters)
    connection.search_path = path[1] if path else ""
    connection.asked = asked
    connection.fit()
    return connection


def refuse_unfit(database: Database, connection: Connection) -> None:
    """Raise DatabaseError with the first thing that keeps a run from working in this database."""
    for fault in faults_of(database, connection):
        raise fault


def faults_of(database: Database, connection: Connection) -> Iterator[DatabaseError]:
    """Everything that keeps a run from working in this database, each with its mend."""
    if _shares_sessions(database, connection):
        # what a pooled session says of itself may be another's
        yield DatabaseError(
            "a connection pooler in transaction mode stands before PostgreSQL: a run's lock would "
            "not hold. Point PGHOST and PGPORT at PostgreSQL itself, or at a pool in session mode"
        )
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_encoding_to_char(encoding), current_setting('transaction_read_only') = 'on',"
            " pg_is_in_recovery(), rolconnlimit, datconnlimit, rolsuper, clock_timestamp() "
            "from pg_database inner join pg_roles on rolname = current_user "
            "where datname = current_database()"
        )
        row = cursor.fetchone()
        cursor.execute(_PUBLISHED, (list(SCHEMAS),))
        publications = [name for (name,) in cursor.fetchall()]
    encoding, is_read_only, is_standby, of_role, of_database, is_superuser, its_clock = row
    name, user = database.name.replace('"', '""'), database.user.replace('"', '""')
    if encoding != "UTF8":
        yield DatabaseError(
            f'the encoding of the database "{database.name}" is {encoding} and must be UTF8. Make '
            f"another and name it in PGDATABASE: create database \"{name}_utf8\" encoding 'UTF8' "
            "locale 'C' template template0"
        )
    if is_standby:
        yield DatabaseError(
            "this PostgreSQL is a standby, which takes no writes: point PGHOST and PGPORT at the "
            "primary"
        )
    elif is_read_only:
        yield DatabaseError(
            f'the sessions of the role "{database.user}" are read-only. Ask an administrator for: '
            f'alter role "{user}" in database "{name}" set default_transaction_read_only = off'
        )
    if publications:
        yield DatabaseError(
            f"the publication {', '.join(publications)} takes in the tables of a run, and "
            "PostgreSQL then refuses to change rows of those without a key. Give the runs a "
            "database of their own (PGDATABASE), or make the publication for the tables that are "
            "meant"
        )
    our_clock = datetime.now(timezone.utc)
    if abs(its_clock - our_clock) > CLOCKS_APART:
        yield DatabaseError(
            f"the clock of PostgreSQL says {_minute(its_clock)} and the clock of this machine "
            f"{_minute(our_clock)}: set the wrong one right, or ages and the status are wrong"
        )
    # PostgreSQL holds superusers to neither limit
    for statement, limit in (
        (f'alter role "{user}" connection limit -1', of_role),
        (f'alter database "{name}" connection limit -1', of_database),
    ):
        if 0 <= limit < SESSIONS_OF_A_RUN and not is_superuser:
            yield DatabaseError(
                f"a run needs {SESSIONS_OF_A_RUN} sessions, and {limit} are allowed. Ask an "
                f"administrator for: {statement}"
            )


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"


def _shares_sessions(database: Database, connection: Connection) -> bool:
    """Whether a pooler hands one server process to two of our sessions, or changes it under one."""
    other = database.connect()
    try:
        with connection.cursor() as ours, other.cursor() as theirs:
            before = _process(ours)
            try:
                # keeps its process to itself until it is closed
                theirs.execute("begin")
            except psycopg2.OperationalError:
                # what a pool of statements answers to a transaction
                return True
            return _process(theirs) == before or _process(ours) != before
    finally:
        other.close()


def _process(cursor: Any) -> int:
    cursor.execute("select pg_backend_pid()")
    return cursor.fetchone()[0]
