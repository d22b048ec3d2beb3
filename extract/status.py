"""The small commands beside a run: its status, and psql in its database."""

import os
from datetime import datetime, timezone

import psycopg2
from rich.console import Console

from extract.build import Dbt
from extract.database import NONE, Database, open_database
from extract.embedded import binaries
from extract.errors import DatabaseError
from extract.redaction import plain
from extract.settings import load_environment, nothing_is_configured


def _database() -> Database:
    load_environment()
    return open_database(is_demo=nothing_is_configured())


def show_status() -> int:
    """Print `marts.pipeline_status`; exit code 0 for OK and RUNNING, 1 for NOK and NEVER."""
    console = Console(highlight=False, soft_wrap=True)
    connection = _database().connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select status, last_run_at, last_ok_at, data_as_of, age_hours, error "
                "from marts.pipeline_status"
            )
            status, last_run_at, last_ok_at, data_as_of, age_hours, error = cursor.fetchone()
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
        ("hours since the last OK", age_hours),
        ("error", plain(error) if error != NONE else None),
    ):
        if value is not None:
            shown = (
                value.isoformat(sep=" ", timespec="seconds") if hasattr(value, "date") else value
            )
            console.print(f"{label}: {shown}", markup=False)
    return 0 if is_fine else 1


def show_docs() -> None:
    """Write the lineage site and serve it on loopback until it is interrupted."""
    dbt = Dbt(_database(), {}, as_of=datetime.now(timezone.utc), on_progress=lambda *_: None)
    dbt.serve_docs()


def run_psql(statement: str | None) -> int:
    """Become psql: interactive, or with `statement` printing bare rows and nothing else."""
    database = _database()
    arguments = ["psql", "-X", "-v", "ON_ERROR_STOP=1"]
    if statement:
        arguments += ["-q", "-A", "-t", "-c", statement]
    # the password travels in the environment, which the process list does not show
    environment = {**os.environ, **database.environment()}
    os.execve(binaries() / "psql", arguments, environment)  # noqa: S606
