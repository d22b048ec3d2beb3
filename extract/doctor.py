"""`make doctor`: everything a run needs, looked at without changing anything."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)
from rich.console import Console

from extract import __version__, embedded
from extract.build import definition
from extract.database import NONE, Database, find_database
from extract.errors import RunError
from extract.redaction import Redactor, plain
from extract.settings import (
    PROJECT_ROOT,
    ignored_database_variables,
    load_environment,
    nothing_is_configured,
    read_settings,
    source_problem,
)
from extract.youtrack.examination import examine

ENOUGH_DISK_BYTES = 2 * 1024**3

OK, WARNING, PROBLEM = "ok", "warning", "problem"
_MARKS = {OK: ("✓", "green"), WARNING: ("!", "yellow"), PROBLEM: ("✗", "bold red")}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it is, and what to mend."""

    level: str
    text: str


Findings = Iterator[Finding]


def show_health() -> int:
    """Print every finding; returns the exit code of the first problem, 0 without one."""
    console = Console(highlight=False, soft_wrap=True)
    redactor = Redactor()
    code = 0
    for part in (_machine, _settings, _database, _youtrack):
        try:
            findings = list(part())
        except RunError as error:
            findings = [Finding(PROBLEM, str(error))]
            code = code or error.exit_code
        redactor.add(os.environ.get("YOUTRACK_TOKEN"), os.environ.get("PGPASSWORD"))
        for finding in findings:
            mark, style = _MARKS[finding.level]
            console.print(f"{mark} {plain(redactor(finding.text))}", style=style, markup=False)
            if finding.level == PROBLEM:
                code = code or 1
    console.print("a run can start" if not code else "mend what is marked ✗, then run")
    return code


def _machine() -> Findings:
    yield Finding(OK, f"version {__version__}, Python {sys.version.split()[0]}")
    free = shutil.disk_usage(PROJECT_ROOT).free
    enough = free >= ENOUGH_DISK_BYTES
    yield Finding(
        OK if enough else WARNING,
        f"{free / 1024**3:.1f} GiB free on the disk of this folder"
        + ("" if enough else "; a run needs about 2"),
    )


def _settings() -> Findings:
    for warning in load_environment():
        yield Finding(WARNING, warning)
    read_settings()
    for name in ignored_database_variables():
        yield Finding(WARNING, f"{name} is ignored: no PGHOST, PGHOSTADDR or PGSERVICE is set")
    problem = source_problem()
    if problem:
        yield Finding(PROBLEM, problem)
    elif nothing_is_configured():
        yield Finding(OK, "nothing is configured: a run loads simulated data")
    else:
        yield Finding(OK, "the settings are complete")


def _database() -> Findings:
    database = find_database(is_demo=nothing_is_configured())
    if database is None:
        data = PROJECT_ROOT / ".local" / "postgres"
        state = "not running" if data.exists() else "made by the first run"
        yield Finding(OK, f"embedded PostgreSQL {embedded.MAJOR_VERSION}: {state}")
        return
    connection = database.connect()
    try:
        yield from _rights(connection, database)
        yield from _last_run(connection)
    finally:
        connection.close()


def _rights(connection: Connection, database: Database) -> Findings:
    version = connection.info.parameter_status("server_version")
    yield Finding(OK, f"PostgreSQL {version}, database {database.name}, role {database.user}")
    reader = definition("reader_role", {}, "datalens_reader")
    may_create, may_create_roles, reader_exists = _row(
        connection,
        "select has_database_privilege(current_database(), 'CREATE'), "
        "(select rolcreaterole or rolsuper from pg_roles where rolname = current_user), "
        "exists (select from pg_roles where rolname = %s)",
        (reader,),
    )
    if not may_create:
        yield Finding(
            PROBLEM,
            f'the role may not create schemas: grant create on database "{database.name}" to '
            f'"{database.user}"',
        )
    if not reader_exists and not may_create_roles:
        yield Finding(WARNING, f'an administrator has to: create role "{reader}" login')
    elif reader_exists:
        yield Finding(OK, f"the reader's role {reader} exists")


def _last_run(connection: Connection) -> Findings:
    try:
        status, last_run_at, error = _row(
            connection, "select status, last_run_at, error from marts.pipeline_status", ()
        )
    except psycopg2.errors.UndefinedTable:
        yield Finding(OK, "no run yet")
        return
    except psycopg2.Error as problem:
        yield Finding(WARNING, f"marts.pipeline_status cannot be read: {problem}")
        return
    text = f"the last run: {status}" + (f", {last_run_at:%Y-%m-%d %H:%M %Z}" if last_run_at else "")
    yield Finding(
        WARNING if status == "NOK" else OK, text + (f": {error}" if error != NONE else "")
    )


def _row(connection: Connection, query: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()


def _youtrack() -> Findings:
    settings = read_settings()
    if not settings.youtrack_url or not settings.youtrack_token:
        return
    token = settings.youtrack_token.get_secret_value()
    for is_fine, text in examine(settings.youtrack_url, token, settings.youtrack_projects):
        yield Finding(OK if is_fine else WARNING, text)
