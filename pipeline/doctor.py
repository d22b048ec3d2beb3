"""`make doctor`: everything a run needs, looked at without changing anything."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)
from rich.console import Console

from extract.errors import ConfigurationError, DatabaseError, DiskError, RunError
from extract.tracker import Source
from pipeline import __version__, embedded
from pipeline.build import check_vars, definition
from pipeline.contracts import public_marts
from pipeline.database import OWN_DATABASE, Database, find_database, refuse_strangers
from pipeline.figures import StatsD
from pipeline.ownership import refuse_strangers_tables
from pipeline.redaction import Redactor, plain
from pipeline.seeds import check_seeds
from pipeline.server import faults_of
from pipeline.settings import (
    PROJECT_ROOT,
    SECRETS,
    ClickHouseSettings,
    Destinations,
    dbt_target,
    ignored_database_variables,
    is_complete,
    load_environment,
    named_sources,
    nothing_is_configured,
    read_clickhouse,
    read_settings,
    source_problem,
)
from report.data import NONE
from report.settings import read_details, read_locale

ENOUGH_DISK_BYTES = 2 * 1024**3

OK, WARNING, PROBLEM = "ok", "warning", "problem"
_MARKS = {OK: ("✓", "green"), WARNING: ("!", "yellow"), PROBLEM: ("✗", "bold red")}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it is, and what to mend."""

    level: str
    text: str
    # what a run would end with
    exit_code: int = 0

    @classmethod
    def of(cls, error: RunError) -> Finding:
        return cls(PROBLEM, str(error), error.exit_code)


Findings = Iterator[Finding]


def show_health() -> int:
    """Print every finding; returns what a run would end with, 0 if it can start."""
    console = Console(highlight=False, soft_wrap=True)
    redactor = Redactor()
    code = 0
    for part in (_machine, _settings, _folders, _database, _clickhouse, _sources):
        for finding in _told(part):
            redactor.add(*(os.environ.get(name) for name in SECRETS))
            mark, style = _MARKS[finding.level]
            console.print(f"{mark} {plain(redactor(finding.text))}", style=style, markup=False)
            code = code or finding.exit_code
    console.print("a run can start" if not code else "mend what is marked ✗, then run")
    return code


def _told(part: Callable[[], Findings]) -> Findings:
    """What a part finds, and what keeps it from finding more."""
    try:
        yield from part()
    except RunError as error:
        yield Finding.of(error)
    except OSError as error:
        # a folder that may not be entered; the other parts have more to say
        yield Finding.of(
            DiskError.of(error, "the folder of the project")
            or DiskError(f"{type(error).__name__}: {error}")
        )
    except psycopg2.Error as error:
        yield Finding.of(DatabaseError(f"PostgreSQL: {' '.join(str(error).split())}"))


def _machine() -> Findings:
    yield Finding(OK, f"version {__version__}, Python {sys.version.split()[0]}")
    # a volume of its own, in a container
    folder = PROJECT_ROOT / ".local"
    free = shutil.disk_usage(folder if _is_there(folder) else PROJECT_ROOT).free
    enough = free >= ENOUGH_DISK_BYTES
    yield Finding(
        OK if enough else WARNING,
        f"{free / 1024**3:.1f} GiB free on the disk of the working folder"
        + ("" if enough else "; a run needs about 2"),
    )


def _settings() -> Findings:
    for warning in load_environment():
        yield Finding(WARNING, warning)
    settings, _ = read_settings()
    yield from _destinations(settings)
    for read in (read_clickhouse, read_locale, read_details):
        try:
            read()
        except ConfigurationError as error:
            yield Finding.of(error)
    for name in ignored_database_variables():
        yield Finding(WARNING, f"{name} is ignored: no PGHOST, PGHOSTADDR or PGSERVICE is set")
    try:
        check_seeds(PROJECT_ROOT)
    except ConfigurationError as error:
        yield Finding.of(error)
    problem = source_problem()
    if problem:
        yield Finding.of(ConfigurationError(problem))
    elif nothing_is_configured():
        yield Finding(OK, "nothing is configured: a run loads simulated data")
    else:
        yield Finding(OK, "the settings are complete")


def _destinations(to: Destinations) -> Findings:
    """Where the figures go; what is wrong there, a run only warns of."""
    if to.statsd_host:
        found = StatsD(to.statsd_host, to.statsd_port, to.statsd_prefix).address()
        text = f"figures go to {to.statsd_host}, port {to.statsd_port}; no answer is expected"
        if found is None:
            text = f"STATSD_HOST: the name {to.statsd_host} is not known, or not at once"
        yield Finding(OK if found else WARNING, text)
    if to.metrics_file:
        file = PROJECT_ROOT / to.metrics_file
        may_write = file.parent.is_dir() and _may_write(file.parent)
        text = f"figures go to {file}"
        if not may_write:
            text = f"METRICS_FILE: the folder {file.parent} is not there, or may not be written"
        yield Finding(OK if may_write else WARNING, text)


def _folders() -> Findings:
    """What a run writes, where it may not: usually another user has made it."""
    local = PROJECT_ROOT / ".local"
    logs = PROJECT_ROOT / (os.environ.get("DBT_LOG_PATH") or "logs")
    written = [local]
    for folder in (local / "dbt", local / "dlt", dbt_target(), logs):
        written += (folder, *_files_in(folder))
    there = (next(each for each in (path, *path.parents) if _is_there(each)) for path in written)
    for refused in dict.fromkeys(each for each in there if not _may_write(each)):
        yield Finding.of(DiskError(f"{refused} may not be written: give it to the user of the run"))


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK | os.X_OK if path.is_dir() else os.W_OK)


def _is_there(path: Path) -> bool:
    """Whether a path is there, as far as the folders above may be entered."""
    try:
        return path.exists()
    except OSError:
        return False


def _files_in(folder: Path) -> list[Path]:
    try:
        return list(folder.glob("*"))
    except OSError:
        return []


def _database() -> Findings:
    database = find_database(is_demo=nothing_is_configured())
    if database is None:
        embedded.refuse_nameless_user()
        data = PROJECT_ROOT / ".local" / "postgres"
        if embedded.running_socket(data):
            state = "running; the first run makes the database"
        else:
            state = "not running" if _is_there(data) else "made by the first run"
        yield Finding(OK, f"embedded PostgreSQL {embedded.MAJOR_VERSION}: {state}")
        return
    connection = database.connect()
    try:
        for fault in faults_of(database, connection):
            yield Finding.of(fault)
        yield from _rights(connection, database)
        yield from _last_run(connection)
        check_vars(connection, {}, role=database.user)
        yield Finding(OK, f"time zone of the reports: {definition('timezone', {}, 'UTC')}")
    finally:
        connection.close()


def _rights(connection: Connection, database: Database) -> Findings:
    version = connection.info.parameter_status("server_version")
    yield Finding(OK, f"PostgreSQL {version}, database {database.name}, role {database.user}")
    reader = definition("reader_role", {}, "datalens_reader")
    may_create, may_create_roles, reader_exists, may_connect, may_log_in = _row(
        connection,
        "select has_database_privilege(current_database(), 'CREATE'), "
        "(select rolcreaterole or rolsuper from pg_roles where rolname = current_user), "
        "reader.oid is not null, "
        "has_database_privilege(reader.oid, current_database(), 'CONNECT'), "
        "rolcanlogin and coalesce(rolvaliduntil > now(), true) "
        "from (values (%s)) as wanted (name) left join pg_roles as reader on rolname = name",
        (reader,),
    )
    if not may_create:
        yield Finding.of(
            DatabaseError(
                f'the role may not create schemas: grant create on database "{database.name}" to '
                f'"{database.user}"'
            )
        )
    with connection.cursor() as cursor:
        for refuse in (partial(refuse_strangers, user=database.user), refuse_strangers_tables):
            try:
                refuse(cursor)
            except DatabaseError as error:
                yield Finding.of(error)
    if not reader_exists and not may_create_roles:
        yield Finding(WARNING, f'an administrator has to: create role "{reader}" login')
    elif reader_exists and not may_log_in:
        yield Finding(
            WARNING,
            f"the reader's role {reader} may not log in. An administrator has to: "
            f"alter role \"{reader}\" login valid until 'infinity'",
        )
    elif reader_exists and not may_connect:
        yield Finding(
            WARNING,
            f"the reader's role {reader} may not connect to this database; a run grants it where "
            f'it may, else its owner has to: grant connect on database "{database.name}" to '
            f'"{reader}"',
        )
    elif reader_exists:
        yield Finding(OK, f"the reader's role {reader} exists and may connect")


def _last_run(connection: Connection) -> Findings:
    try:
        status, last_run_at, hours, error = _row(
            connection,
            "select status, last_run_at, extract(epoch from now() - last_run_at) / 3600, error "
            "from marts.pipeline_status",
            (),
        )
    except psycopg2.errors.UndefinedTable:
        yield Finding(OK, "no run yet")
        return
    text = f"the last run: {status}"
    if last_run_at:
        text += f", {last_run_at:%Y-%m-%d %H:%M %Z}, {hours:.0f} hours ago"
    yield Finding(
        WARNING if status == "NOK" else OK, text + (f": {error}" if error != NONE else "")
    )


def _row(connection: Connection, query: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()


def _clickhouse() -> Findings:
    with suppress(ConfigurationError):  # told with the settings
        settings = read_clickhouse()
        if settings:
            yield from _told(partial(_clickhouse_database, settings))


def _clickhouse_database(settings: ClickHouseSettings) -> Findings:
    # imported here: most installations have no ClickHouse
    from pipeline.clickhouse import ClickHouseError, Target

    name = settings.clickhouse_database
    database = find_database(is_demo=nothing_is_configured())
    with closing(Target(settings, database.name if database else OWN_DATABASE)) as target:
        target.refuse_unfit()
        yield Finding(OK, f"ClickHouse {target.version}, database {name}")
        missing = target.missing_rights()
        if missing:
            rights = ", ".join(missing)
            yield Finding.of(
                ClickHouseError(f"ClickHouse: grant {rights} on {name}.* to CLICKHOUSE_USER")
            )
        elif missing is None:
            yield Finding(WARNING, "this ClickHouse does not tell whether the rights suffice")
        manifest = dbt_target() / "manifest.json"
        if _is_there(manifest):  # the first run writes it
            target.refuse_strangers(public_marts(manifest))


def _sources() -> Findings:
    try:
        _, settings = read_settings()
    except ConfigurationError:
        return  # told with the settings
    for source in named_sources():
        if is_complete(source):
            yield from _told(partial(_source, source, settings[source.name]))


def _source(source: Source, settings: Any) -> Findings:
    for found in source.examine(settings):
        if isinstance(found, RunError):
            yield Finding.of(found)
        else:
            is_fine, text = found
            yield Finding(OK if is_fine else WARNING, text)
