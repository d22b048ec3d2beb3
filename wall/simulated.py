"""With nothing configured: the wall over the made-up company, in which something always happens.

It has a database of its own beside that of `make run`, made anew at each start: what happened while
somebody looked is over with the company that lived then.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TextIO

from psycopg2 import sql

from demo.zabbix.live import VIEWER_TOKEN
from extract.errors import RunError
from extract.tracker import Load
from extract.zabbix.monitoring import Zabbix, ZabbixSettings
from pipeline import publish
from pipeline.build import Dbt
from pipeline.database import Database, embedded_database, ensure_schemas
from pipeline.ownership import claim, made_tables
from pipeline.record import make_tables
from pipeline.settings import PROJECT_ROOT

NAME = "leadtime_wall_demo"
IDENTITY = "the company before the wall"
# about five hundred incidents of two years: enough for places, little to load
ISSUES = 1500


@dataclass(frozen=True)
class Company:
    """The company that lives, loaded and built."""

    database: Database
    zabbix: ZabbixSettings
    viewer_token: str
    youtrack_url: str
    youtrack_token: str


@contextmanager
def simulated_company(tell: Callable[[str], None]) -> Iterator[Company]:
    """Serve the company and its database while the block lasts; `tell` hears how far it is."""
    with subprocess.Popen(  # noqa: S603  (our own module)
        [sys.executable, "-m", "demo", "--port", "0", "--issues", str(ISSUES),
         "--with-monitoring", "--live"],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DEMO_EXIT_ON_EOF": "1"},
    ) as process:  # fmt: skip
        try:
            database = _fresh_database()
            youtrack_url, youtrack_token = _address(process.stdout, "YouTrack")
            url, token = _address(process.stdout, "Zabbix")
            zabbix = ZabbixSettings(zabbix_url=url, zabbix_token=token, zabbix_messages=True)
            _fill(database, zabbix, tell)
            yield Company(database, zabbix, VIEWER_TOKEN, youtrack_url, youtrack_token)
        finally:
            process.terminate()


def _fresh_database() -> Database:
    connection = embedded_database("postgres").connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(NAME))
            )
    finally:
        connection.close()
    return embedded_database(NAME)


def _fill(database: Database, zabbix: ZabbixSettings, tell: Callable[[str], None]) -> None:
    """What a run would leave there of a monitoring."""
    now = datetime.now(timezone.utc)
    source = Zabbix()
    folder = PROJECT_ROOT / ".local" / "dlt" / NAME
    connection = database.connect()
    try:
        ensure_schemas(connection, [source.schema])
        claim(connection, made_tables([source]))
        with connection.cursor() as cursor:
            make_tables(cursor)
        tell("loading the simulated monitoring")
        order = Load(
            dsn=database.url(), run_id="wall", as_of=now, working_dir=folder,
            on_progress=lambda *_: None, identity=IDENTITY,
        )  # fmt: skip
        source.load(zabbix, order)
        tell("building what is shown")
        dbt = Dbt(
            database, {}, as_of=now, trackers=["youtrack"], monitorings=[source.name],
            on_progress=lambda *_: None,
        )  # fmt: skip
        dbt.parse()
        dbt.build_open_incidents()
        with connection.cursor() as cursor:
            cursor.execute(f"drop schema {publish.LIVE}")
            cursor.execute(f"alter schema {publish.NEXT} rename to {publish.LIVE}")
    finally:
        connection.close()
        shutil.rmtree(folder, ignore_errors=True)


def _address(said: TextIO | None, title: str) -> tuple[str, str]:
    """Address and token of a server, from the line that it prints when it is ready."""
    line = said.readline() if said else ""
    found = re.search(rf"{title} at (http://\S+) \(token (\S+)\)", line)
    if not found:
        raise RunError(f"the demo {title} did not start; it said: {line.strip()!r}")
    return found[1], found[2]
