"""The demo YouTrack for a run with nothing configured, in a process of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)

from extract.errors import RunError
from extract.tracker import Configured
from extract.youtrack.tracker import YouTrack, YouTrackSettings
from pipeline.settings import PROJECT_ROOT


@contextmanager
def simulated_company(today: date) -> Iterator[Callable[[], Configured]]:
    """Serve the demo company, as it stands on `today`, while the block lasts.

    The company is made while the block does something else; what it gets waits for the company and
    says where it is. The process watches its stdin and ends with it, so it dies with this one,
    however that dies.
    """
    with subprocess.Popen(  # noqa: S603  (our own module)
        [sys.executable, "-m", "demo", "--port", "0", "--today", str(today), *_size()],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DEMO_EXIT_ON_EOF": "1"},
    ) as process:
        try:
            yield lambda: _configured(
                process.stdout.readline() if process.stdout else "",
                identity=" ".join(["the demo company of", str(today), *_size()]),
            )
        finally:
            process.terminate()


def _size() -> list[str]:
    """DEMO_ISSUES is for measuring: the same run over a larger company."""
    issues = os.environ.get("DEMO_ISSUES")
    return ["--issues", issues] if issues else []


def _configured(line: str, identity: str) -> Configured:
    """The address and the token from the line that the demo prints when it is ready."""
    words = line.replace("(", " ").replace(")", " ").split()
    url = next((word for word in words if word.startswith("http://")), None)
    token = next((word for word in words if word.startswith("perm")), None)
    if not url or not token:
        raise RunError(f"the demo YouTrack did not start; it said: {line.strip()!r}")
    settings = YouTrackSettings(youtrack_url=url, youtrack_token=token)
    return Configured(YouTrack(), settings, identity)


def forget_other_company(connection: Connection, company: Configured, working_dir: Path) -> bool:
    """Drop simulated raw data of another day or size; returns whether there was any.

    The company moves with the day, so yesterday's is another one, with the same ids.
    """
    schema = sql.Identifier(company.kind.schema)
    with connection.cursor() as cursor:
        try:
            cursor.execute(
                sql.SQL(
                    "select source_url from {}.extract_runs order by started_at desc limit 1"
                ).format(schema)
            )
        except psycopg2.errors.UndefinedTable:
            return False
        row = cursor.fetchone()
        if row is None or row[0] == company.identity:
            return False
        cursor.execute(sql.SQL("drop schema {} cascade").format(schema))
        cursor.execute(sql.SQL("create schema {}").format(schema))
    shutil.rmtree(working_dir, ignore_errors=True)
    return True
