"""The commands of docs/backup.md, run as they stand there with PostgreSQL's own programs."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPOSITORY, PostgresServer
from psycopg2 import sql

from pipeline import embedded

RESTORED = "leadtime_restored"

# What a run leaves, as far as a backup is concerned: views elsewhere hang on raw, names and texts
# are Russian, and a run is still at work.
LEFT_BY_RUNS = """
    create schema raw; create schema raw_yandex_tracker; create schema raw_zabbix;
    create schema ops;
    create schema staging; create schema marts;
    create table raw.issues (id varchar primary key, summary varchar, custom_fields jsonb,
        loaded_at timestamptz, _dlt_load_id varchar, _dlt_id varchar);
    create table raw._dlt_pipeline_state (state text);
    create table raw_yandex_tracker.issues as select id, 'DEV-' || id as key
        from (values ('5a'), ('5b')) as issues (id);
    insert into raw.issues select '2-' || n, 'Задача ' || n,
        jsonb_build_array(jsonb_build_object('$type', 'StateIssueCustomField', 'n', n)),
        '2026-06-01 00:00Z'::timestamptz + n * interval '1 minute', 'load', n::text
    from generate_series(1, 5000) as numbers(n);
    create table ops.pipeline_runs (run_id text primary key, status text, log text);
    insert into ops.pipeline_runs values ('a', 'OK', 'журнал'), ('b', 'RUNNING', null);
    create view staging.stg_youtrack__issues as select id as issue_id from raw.issues;
    create table marts.fct_issues as select * from staging.stg_youtrack__issues;
"""
CONTENT = """
    select
        (select md5(string_agg(row_to_json(issues)::text, chr(10) order by id)) from raw.issues),
        (select md5(string_agg(row_to_json(runs)::text, chr(10) order by run_id))
            from ops.pipeline_runs as runs),
        (select array_agg(id || key order by id) from raw_yandex_tracker.issues)
"""


def _documented(name: str) -> str:
    """The fenced commands that follow `<!-- test: name -->`."""
    page = (REPOSITORY / "docs" / "backup.md").read_text(encoding="utf-8")
    return re.search(rf"<!-- test: {name} -->\n```sh\n(.*?)```", page, re.S).group(1)


def _shell(commands: str, folder: Path, environment: dict[str, str]) -> str:
    completed = subprocess.run(
        ["sh", "-euc", commands],
        cwd=folder,
        env={**os.environ, "PATH": f"{embedded.binaries()}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout


@pytest.fixture
def left_by_runs(server: PostgresServer, database: str) -> Iterator[str]:
    with server.connect(database).cursor() as cursor:
        cursor.execute(LEFT_BY_RUNS)
    yield database
    connection = server.connect()
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(RESTORED))
        )
    connection.close()


def _content(server: PostgresServer, database: str) -> tuple[str, str, list[str]]:
    with server.connect(database).cursor() as cursor:
        cursor.execute(CONTENT)
        return cursor.fetchone()


def test_what_was_backed_up_is_restored(server: PostgresServer, left_by_runs: str, tmp_path: Path):
    environment = server.environment(left_by_runs)
    _shell(_documented("back up"), tmp_path, environment)
    said = _shell(_documented("restore"), tmp_path, environment)
    assert "5000" in said
    assert _content(server, RESTORED) == _content(server, left_by_runs)
    with server.connect(RESTORED).cursor() as cursor:
        cursor.execute(
            "select array_agg(nspname order by nspname) from pg_namespace "
            "where nspname ~ '^(raw|ops|staging|marts)'"
        )
        kept = ["ops", "raw", "raw_yandex_tracker", "raw_zabbix"]
        assert cursor.fetchone() == (kept,), "what a run builds anew is not in it"


def test_the_embedded_database_is_found_and_dumped(tmp_path: Path):
    data = tmp_path / ".local" / "postgres"
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    for package in ("extract", "pipeline", "report"):
        (tmp_path / package).symlink_to(REPOSITORY / package)
    commands = _documented("embedded")
    socket = embedded.start(data)
    try:
        prepare = "createdb leadtime && psql -qd leadtime -c 'create schema raw; create schema ops'"
        _shell(prepare, tmp_path, {"PGHOST": str(socket), "PGUSER": "postgres"})
        _shell(commands, tmp_path, {"PATH": os.environ["PATH"]})
    finally:
        embedded.stop(data)
    listed = _shell("pg_restore --list leadtime.dump", tmp_path, {})
    assert "SCHEMA - raw" in listed and "SCHEMA - ops" in listed
