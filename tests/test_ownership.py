"""What somebody else keeps in the schemas of a run is named and left alone."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import (
    FROZEN,
    REPOSITORY,
    PostgresServer,
    Project,
    clean_environment,
    copy_project,
    source_environment,
)
from test_server import execute

from demo.youtrack.server import Server

SALES = (
    "create schema marts",
    "create table marts.fct_issues (issue_key text primary key, hours numeric)",
    "insert into marts.fct_issues values ('OLD-1', 7.5), ('OLD-2', 3)",
    "create table marts.sales (day date, amount numeric)",
    "comment on table marts.sales is 'Sales by day, of another project'",
    "insert into marts.sales values ('2026-01-01', 10), ('2026-01-02', 20)",
)
RUNS = (
    "create schema ops",
    "create table ops.pipeline_runs (id integer, pipeline text, finished timestamptz)",
    "insert into ops.pipeline_runs values (1, 'sales', now())",
)


@pytest.mark.parametrize(
    ("statements", "named"),
    [
        (SALES, "marts.fct_issues, marts.sales"),
        (RUNS, "ops.pipeline_runs"),
        (
            (
                "create schema raw",
                "create table raw.users (id text)",
                "create view raw.v as select 1",
            ),
            "raw.users, raw.v",
        ),
        (
            (
                "create schema raw",
                "create table raw.extract_runs (run_id text, kind text, source_url text)",
                "insert into raw.extract_runs values ('a', 'b', 'c')",
            ),
            "raw.extract_runs",
        ),
        (("create schema raw_staging", "create table raw_staging.x (y int)"), "raw_staging.x"),
        (("create schema marts_next", "create table marts_next.x (y int)"), "marts_next.x"),
        (
            (
                "create schema staging",
                "create materialized view staging.stg_youtrack__users as select 1",
            ),
            "staging.stg_youtrack__users",
        ),
        (
            (
                "create schema marts",
                "create function marts.total(integer) returns integer language sql as 'select 1'",
                "create type marts.mood as enum ('well')",
                "create sequence marts.numbers",
            ),
            "marts.mood, marts.numbers, marts.total(integer)",
        ),
    ],
    ids=["marts", "record", "raw", "half a proof", "staging of dlt", "next", "view", "no tables"],
)
def test_what_no_run_has_made_is_named_before_anything_is_read_and_stays(
    server: PostgresServer,
    database: str,
    project: Project,
    youtrack: Server,
    statements: tuple[str, ...],
    named: str,
) -> None:
    execute(server, database, *statements)
    content = (
        "select md5(string_agg(concat(c.oid, relname, attname), ',' order by c.oid, attnum)) "
        "from pg_class as c inner join pg_attribute on attrelid = c.oid where c.oid >= 16384"
    )
    before = execute(server, database, content)
    environment = {**server.environment(database), **source_environment(youtrack)}
    asked = youtrack.stats.requests
    completed = project.run("run", environment=environment)
    assert youtrack.stats.requests == asked
    doctor = project.run("doctor", environment=environment)
    assert completed.returncode == doctor.returncode == 4, completed.stderr
    for said in (completed.stderr, doctor.stdout):
        assert f"no run of this project has made and a run may drop: {named}. Move" in said
    assert execute(server, database, content) == before
    if statements is SALES:
        assert execute(server, database, "select sum(amount) from marts.sales") == [(30,)]
        assert execute(server, database, "select sum(hours) from marts.fct_issues") == [(10.5,)]


def test_what_comes_between_runs_is_named_too_and_what_is_ours_is_known(
    server: PostgresServer,
    project: Project,
    published: tuple[str, dict[str, str]],
) -> None:
    database, environment = published
    # an equal name of another schema and a comment prove nothing
    execute(
        server,
        database,
        "create table marts.stg_youtrack__issues (x int)",
        "comment on table marts.stg_youtrack__issues is 'a mart, it says'",
    )
    try:
        completed = project.run("build", "--vars", FROZEN, environment=environment)
        assert completed.returncode == 4
        assert "may drop: marts.stg_youtrack__issues. Move" in completed.stderr
    finally:
        execute(server, database, "drop table marts.stg_youtrack__issues")
    # of the retired marts, those of a run alone are dropped
    execute(server, database, "create schema marts_retired_by_hand")
    completed = project.run("build", "--vars", FROZEN, environment=environment)
    assert completed.returncode == 0, completed.stderr[-2000:]
    execute(server, database, "drop schema marts_retired_by_hand")


def test_dbt_by_hand_records_what_it_makes_and_replaces_nobody_s_table(
    server: PostgresServer,
    project: Project,
    published: tuple[str, dict[str, str]],
    tmp_path: Path,
) -> None:
    database, environment = published
    folder = project.root / "dbt_project" / "models" / "intermediate"
    model = folder / "int_by_hand.sql"
    model.write_text("{{ config(materialized='table') }}\nselect 1 as one\n")
    (tmp_path / "profiles.yml").write_text((project.root / "profiles.example.yml").read_text())
    command = [
        str(Path(sys.executable).with_name("dbt")), "run", "--select", "int_by_hand",
        "--profiles-dir", str(tmp_path), "--target-path", str(tmp_path / "target"),
    ]  # fmt: skip
    clean = {**clean_environment(environment), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}

    def by_hand() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=project.root, env=clean, capture_output=True, text=True, check=False
        )

    execute(server, database, "create table intermediate.int_by_hand (somebody text)")
    try:
        refused = by_hand()
        assert refused.returncode != 0
        assert "no run of this project has made intermediate.int_by_hand" in refused.stdout
        execute(server, database, "drop table intermediate.int_by_hand")
        made = by_hand()
        assert made.returncode == 0, made.stdout
        assert execute(server, database, "select one from intermediate.int_by_hand") == [(1,)]
        # the end of a killed build: dbt's own name for what it was making
        execute(server, database, "create table intermediate.int_by_hand__dbt_tmp (x int)")
        completed = project.run("build", "--vars", FROZEN, environment=environment)
        assert completed.returncode == 0, completed.stderr[-2000:]
    finally:
        model.unlink()
        execute(server, database, "drop table if exists intermediate.int_by_hand cascade")


FOREIGN = {
    "FULL_REFRESH": "True",
    "DEV_MODE": "true",
    "DATASET_NAME": "elsewhere",
    "PIPELINE_NAME": "another",
    "REFRESH": "drop_sources",
    "SCHEMA__NAMING": "direct",
    "DESTINATION__POSTGRES__CREDENTIALS__HOST": "nowhere.invalid",
    "DESTINATION__POSTGRES__CREATE_INDEXES": "true",
    "LOAD__WORKERS": "none",
    "NORMALIZE__LOADER_FILE_FORMAT": "parquet",
    "RUNTIME__LOG_LEVEL": "DEBUG",
    "RESTORE_FROM_DESTINATION": "false",
    "DLT_CONFIG_FOLDER": ".of_another",
    "DBT_FULL_REFRESH": "true",
    "DBT_EMPTY": "true",
    "DBT_TARGET": "production",
    "DBT_PROFILE": "another",
    "DBT_PROFILES_DIR": "/nowhere",
    "DBT_PROJECT_DIR": "/nowhere",
    "DBT_RESOURCE_TYPES": "seed",
    "DBT_EXCLUDE_RESOURCE_TYPES": "model",
    "DBT_WARN_ERROR": "true",
    "DBT_FAIL_FAST": "true",
    "DBT_STORE_FAILURES": "true",
    "DBT_INDIRECT_SELECTION": "empty",
    "DBT_DEFER": "true",
    "DBT_STATE": "/nowhere",
    "DBT_WRITE_JSON": "false",
    "DBT_INTROSPECT": "false",
    "DBT_VERSION_CHECK": "false",
    "DBT_ENGINE_FAIL_FAST": "true",
}


def test_what_other_programs_set_decides_nothing(
    server: PostgresServer,
    database: str,
    youtrack: Server,
    published: tuple[str, dict[str, str]],
    tmp_path: Path,
) -> None:
    project = copy_project(tmp_path / "clone")
    home = tmp_path / "home"
    for folder in (home / ".dlt", project.root / ".dlt", project.root / ".of_another"):
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text('dev_mode = true\n[broken\nname = "x"\n')
    environment = {**server.environment(database), **source_environment(youtrack)}
    environment |= {"HOME": str(home), **FOREIGN}
    completed = project.run("run", "--vars", FROZEN, environment=environment)
    assert completed.returncode == 0, completed.stderr[-3000:]
    schemas = "select nspname from pg_namespace where nspname !~ '^pg_' order by nspname"
    assert execute(server, database, schemas) == execute(server, published[0], schemas)
    for table in ("raw.issues", "raw.activities", "marts.fct_issues", "marts.fct_sprint_issues"):
        query = f"select count(*) from {table}"
        assert execute(server, database, query) == execute(server, published[0], query)


def test_dlt_is_imported_in_one_place_alone() -> None:
    importing = re.compile(r"^\s*(?:import|from) dlt\b", re.M)
    found = [
        path.relative_to(REPOSITORY).as_posix()
        for folder in ("extract", "pipeline", "report", "datalens", "bench", "demo")
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        if importing.search(path.read_text(encoding="utf-8"))
    ]
    assert found == ["extract/isolated_dlt.py"]
