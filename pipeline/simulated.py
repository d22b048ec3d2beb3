"""The demo YouTrack and Zabbix for a run with nothing configured, in a process of their own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TextIO

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)

from extract.errors import RunError
from extract.tracker import Configured
from extract.youtrack.tracker import YouTrack, YouTrackSettings
from extract.zabbix.monitoring import Zabbix, ZabbixSettings
from pipeline.settings import PROJECT_ROOT


@contextmanager
def simulated_company(
    connection: Connection, today: date
) -> Iterator[Callable[[], list[Configured]]]:
    """Serve the demo company, as it stands on `today`, while the block lasts.

    Its monitoring stands beside it, unless raw holds all of it already: it moves with the day, as
    the company does, and in between nothing happens there. The company is made while the block does
    something else; what it gets waits for the company and says where it is. The process watches its
    stdin and ends with it, so it dies with this one, however that dies.
    """
    identity = " ".join(["the demo company of", str(today), *_size()])
    has_monitoring = not _is_loaded(connection, Zabbix.schema, identity)
    with subprocess.Popen(  # noqa: S603  (our own module)
        [sys.executable, "-m", "demo", "--port", "0", "--today", str(today), *_size()]
        + ["--with-monitoring"] * has_monitoring,
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DEMO_EXIT_ON_EOF": "1"},
    ) as process:
        try:
            yield lambda: _configured(process.stdout, identity, has_monitoring=has_monitoring)
        finally:
            process.terminate()


def _size() -> list[str]:
    """DEMO_ISSUES is for measuring: the same run over a larger company."""
    issues = os.environ.get("DEMO_ISSUES")
    return ["--issues", issues] if issues else []


def _configured(said: TextIO | None, identity: str, *, has_monitoring: bool) -> list[Configured]:
    """What to load, by the lines that the demo prints, one of each server that is ready."""
    url, token = _address(said, "YouTrack")
    company = YouTrackSettings(youtrack_url=url, youtrack_token=token)
    sources = [Configured(YouTrack(), company, identity)]
    if has_monitoring:
        url, token = _address(said, "Zabbix")
        monitoring = ZabbixSettings(zabbix_url=url, zabbix_token=token, zabbix_messages=True)
        sources.append(Configured(Zabbix(), monitoring, identity))
    return sources


def _address(said: TextIO | None, title: str) -> tuple[str, str]:
    """Address and token of a server."""
    line = said.readline() if said else ""
    found = re.search(rf"{title} at (http://\S+) \(token (\S+)\)", line)
    if not found:
        raise RunError(f"the demo {title} did not start; it said: {line.strip()!r}")
    return found[1], found[2]


def _is_loaded(connection: Connection, schema: str, identity: str) -> bool:
    """Whether raw holds all of this very company, by its last load in the schema."""
    return _last_load(connection, schema) == (identity, True)


def _last_load(connection: Connection, schema: str) -> tuple[str, bool] | None:
    """Of the last load: whose data it read, and whether it came to its end."""
    statement = sql.SQL(
        "select source_url, kind <> 'window' from {}.extract_runs "
        "order by started_at desc, finished_at desc limit 1"
    )
    with connection.cursor() as cursor:
        try:
            cursor.execute(statement.format(sql.Identifier(schema)))
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
            return None
        return cursor.fetchone()


def forget_other_company(connection: Connection, company: Configured, working_dir: Path) -> bool:
    """Drop simulated raw data of another day or size; returns whether there was any.

    The company moves with the day, so yesterday's is another one, with the same ids.
    """
    last = _last_load(connection, company.kind.schema)
    if last is None or last[0] == company.identity:
        return False
    schema = sql.Identifier(company.kind.schema)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("drop schema {} cascade").format(schema))
        cursor.execute(sql.SQL("create schema {}").format(schema))
    shutil.rmtree(working_dir, ignore_errors=True)
    return True
