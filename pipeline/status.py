"""The small commands beside a run: its status, and psql in its database."""

import os
import sys
from contextlib import closing, suppress
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg2
from rich.console import Console

from extract.errors import DatabaseError
from pipeline.build import Dbt
from pipeline.database import Database, loaded_monitorings, open_database, trackers_of
from pipeline.embedded import binaries
from pipeline.redaction import plain
from pipeline.settings import load_environment, nothing_is_configured
from pipeline.summary import by_tracker
from report.data import NONE

DOCS_PORT = 8080


def _database() -> Database:
    load_environment()
    return open_database(is_demo=nothing_is_configured())


def show_status() -> int:
    """Print `marts.pipeline_status`; exit code 0 for OK and RUNNING, 1 for NOK and NEVER."""
    console = Console(highlight=False, soft_wrap=True)
    connection = _database().connect()
    trackers: list[str] = []
    clickhouse_at = None
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select status, last_run_at, last_ok_at, data_as_of, age_hours, error "
                "from marts.pipeline_status"
            )
            status, last_run_at, last_ok_at, data_as_of, age_hours, error = cursor.fetchone()
            # before the first good run, and of a version that knew one tracker, there is none
            with suppress(psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn):
                trackers = by_tracker(cursor)
            # a reader may not look, and a database of an earlier version has no such column
            with suppress(psycopg2.errors.InsufficientPrivilege, psycopg2.errors.UndefinedColumn):
                cursor.execute("select max(clickhouse_at) from ops.pipeline_runs")
                (clickhouse_at,) = cursor.fetchone()
    except psycopg2.errors.UndefinedTable:
        console.print("NEVER: no run yet. Start one with: make run")
        return 1
    except psycopg2.Error as problem:
        raise DatabaseError(f"marts.pipeline_status cannot be read: {problem}") from None
    finally:
        connection.close()
    is_fine = status in ("OK", "RUNNING")
    console.print(status, style="bold green" if is_fine else "bold red")
    for label, value in (
        ("last run", last_run_at),
        ("last OK", last_ok_at),
        ("data as of", data_as_of),
        ("in ClickHouse since", clickhouse_at),
        ("hours since the last OK", age_hours),
        ("error", plain(error) if error != NONE else None),
    ):
        if value is not None:
            shown = (
                value.isoformat(sep=" ", timespec="seconds") if hasattr(value, "date") else value
            )
            console.print(f"{label}: {shown}", markup=False)
    for line in trackers:
        console.print(line, markup=False)
    return 0 if is_fine else 1


def show_docs() -> None:
    """Write the lineage site and serve it on loopback until it is interrupted."""
    sys.stderr.write("writing the lineage site: dbt asks for the columns of every table …\n")
    database = _database()
    with closing(database.connect()) as connection:
        trackers = trackers_of(connection, is_demo=nothing_is_configured())
        monitorings = loaded_monitorings(connection)
    dbt = Dbt(
        database,
        {},
        as_of=datetime.now(timezone.utc),
        trackers=[tracker.name for tracker in trackers],
        monitorings=[monitoring.name for monitoring in monitorings],
        on_progress=lambda *_: None,
    )
    page = dbt.write_docs()
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"The lineage site, one file that opens from disk: {page}", markup=False)
    with _serving(page) as server:
        console.print(f"served at http://127.0.0.1:{server.server_port}/ until Ctrl-C")
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def _serving(page: Path) -> ThreadingHTTPServer:
    """A server on loopback that knows one file; on another port where the usual one is taken."""

    class OneFile(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802  (the base class's name)
            if self.path.partition("?")[0] != "/":
                self.send_error(404)
                return
            content = page.read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing: who reads the page is no news."""

    try:
        return ThreadingHTTPServer(("127.0.0.1", DOCS_PORT), OneFile)
    except OSError:  # DataLens itself listens there
        return ThreadingHTTPServer(("127.0.0.1", 0), OneFile)


def run_psql(statement: str | None, *, has_header: bool) -> int:
    """Become psql: interactive, or with `statement` printing bare rows and nothing else.

    `has_header`: the answer is a table for people, with the columns' names.
    """
    database = _database()
    arguments = ["psql", "-X", "-v", "ON_ERROR_STOP=1"]
    if statement:
        arguments += ["-q", *([] if has_header else ["-A", "-t"]), "-c", statement]
    # the password travels in the environment, which the process list does not show
    environment = {**os.environ, **database.environment()}
    os.execve(binaries() / "psql", arguments, environment)  # noqa: S606
