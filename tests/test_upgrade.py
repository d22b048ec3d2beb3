"""The present version over databases that earlier versions left (tests/earlier_versions)."""

import gzip
import random
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import (
    REPOSITORY,
    PostgresServer,
    Project,
    fresh_database,
    more_draws,
    source_environment,
)
from extracting import extraction
from reference import KEYS, compare, read_marts
from test_run import value

from demo.company import Company
from demo.youtrack.server import Server, start
from pipeline import __version__, embedded

FOLDER = Path(__file__).parent / "earlier_versions"
# the oldest first
EARLIER = [FOLDER / f"{commit}.sql.gz" for commit in ("b647b05", "ceb30b7", "79e894e")]
# the latest; the older ones take as long again
DUMPS = [*more_draws(*EARLIER[:-1]), EARLIER[-1]]
# the company and the address that their README names
COMPANY = {"issues": 25, "seed": 3, "today": "2026-06-17"}
ADDRESS = "127.0.0.1:8088"
AS_OF = "{as_of: 2026-06-27T12:00:00+00:00}"

Marts = dict[str, list[dict]]


@pytest.fixture(scope="module")
def youtrack() -> Iterator[Server]:
    """The company some days after the earlier version's run."""
    company = Company(**COMPANY)
    company.random_edits(random.Random(1), 20, deletions=False)
    with start(company) as server:
        yield server


@pytest.fixture(scope="module")
def clean(server: PostgresServer, project: Project, youtrack: Server) -> Marts:
    """The marts of the present version over an empty database."""
    for name in fresh_database(server):
        return run(server, project, youtrack, name)
    raise AssertionError


@pytest.fixture(scope="module")
def on_the_board(server: PostgresServer, project: Project) -> Marts:
    """The marts of the company as the earlier versions have read it."""
    with start(Company(**COMPANY)) as youtrack:
        for name in fresh_database(server):
            return run(server, project, youtrack, name)
    raise AssertionError


def run(server: PostgresServer, project: Project, youtrack: Server, database: str) -> Marts:
    environment = {**server.environment(database), **source_environment(youtrack)}
    completed = project.run("run", "--vars", AS_OF, environment=environment)
    assert completed.returncode == 0, completed.stderr[-3000:]
    with closing(server.connect(database)) as connection:
        return read_marts(connection)


def restore(server: PostgresServer, database: str, dump: Path, youtrack: Server) -> None:
    """The dump, its YouTrack moved to where ours stands now."""
    text = gzip.decompress(dump.read_bytes()).decode().replace(ADDRESS, youtrack.url[7:])
    completed = subprocess.run(
        [str(embedded.binaries() / "psql"), "-qX", "-v", "ON_ERROR_STOP=1"],
        input=text,
        env=server.environment(database),
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr


def assert_same(clean: Marts, marts: Marts) -> None:
    for mart, key in KEYS.items():
        assert compare(clean[mart], marts[mart], key) == [], mart


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.name)
def test_a_run_over_the_database_of_an_earlier_version_equals_a_clean_load(
    server: PostgresServer,
    project: Project,
    youtrack: Server,
    clean: Marts,
    database: str,
    dump: Path,
) -> None:
    restore(server, database, dump, youtrack)
    execute(server, database, "update ops.pipeline_runs set version = 'earlier'")
    loaded = value(server, database, "select min(loaded_at) from raw.issues")
    assert_same(clean, run(server, project, youtrack, database))
    assert value(server, database, "select min(loaded_at) from raw.issues") == loaded
    versions = "select array_agg(version order by started_at) from ops.pipeline_runs"
    assert value(server, database, versions) == ["earlier", __version__]
    assert value(server, database, "select status from marts.pipeline_status") == "OK"
    assert value(server, database, "select warnings_count from marts.pipeline_status") >= 0
    kept = "select array_agg(warnings is null order by started_at) from ops.pipeline_runs"
    assert value(server, database, kept) == [True, False]


def execute(server: PostgresServer, database: str, *statements: str) -> None:
    with closing(server.connect(database)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def drop_columns(server: PostgresServer, database: str) -> None:
    """Take away what a version that read less of issues and changes would not have had."""
    execute(
        server,
        database,
        *(
            f"alter table {schema}.{table} drop column {column} cascade"
            for table, column in (("issues", "resolved"), ("activities", "field_id"))
            for schema in ("raw", "raw_staging")
        ),
    )


def test_columns_that_an_earlier_version_did_not_know_are_added_and_filled(
    server: PostgresServer, project: Project, youtrack: Server, clean: Marts, database: str
) -> None:
    restore(server, database, EARLIER[0], youtrack)
    drop_columns(server, database)
    # what dlt remembers of its tables
    forget = "delete from {}._dlt_version"
    execute(server, database, forget.format("raw"), forget.format("raw_staging"))
    assert_same(clean, run(server, project, youtrack, database))


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.name)
def test_what_an_earlier_version_saw_on_a_board_is_known_when_it_is_gone(
    server: PostgresServer, project: Project, on_the_board: Marts, database: str, dump: Path
) -> None:
    before, company = on_the_board, Company(**COMPANY)
    board = next(one for one in company.boards if one.sync_field is not None)
    with start(company) as youtrack:
        restore(server, database, dump, youtrack)
        company.take_off_board(board, company.rus)
        after = run(server, project, youtrack, database)
    closed = {
        row["sprint_id"]
        for row in before["dim_sprints"]
        if row["board_id"] == board.id and row["is_closed"]
    }
    left, right = (
        [row for row in marts["fct_sprint_issues"] if row["sprint_id"] in closed]
        for marts in (before, after)
    )
    assert left
    assert compare(left, right, KEYS["fct_sprint_issues"]) == []


def test_fields_that_are_detached_stay_where_an_earlier_version_took_them_out(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    company = Company(**COMPANY)
    with start(company) as youtrack:
        restore(server, database, EARLIER[0], youtrack)
        extractor = extraction(server, database, youtrack, tmp_path)
        try:
            extractor.load()
            project = company.projects[0]
            team = project.roles["team"]
            company.detach(team)
            added = company.attach(company.rus, team.field, ["Red"])
            before = extractor.one("select max(seen_at) from raw.custom_fields")
            extractor.load()
            extractor.load()
            assert extractor.rows(
                "select id, first_seen_at from raw.custom_fields where seen_at = %s", before
            ) == [(team.id, None)]
            assert extractor.rows(
                "select id, first_seen_at > %s, first_seen_at < seen_at from raw.custom_fields "
                "where first_seen_at is not null",
                before,
            ) == [(added.id, True, True)]
        finally:
            extractor.connection.close()


def test_the_version_that_is_recorded_is_that_of_the_package() -> None:
    declared = re.search(
        r'^version = "(.+)"$', (REPOSITORY / "pyproject.toml").read_text("utf-8"), re.M
    )
    assert declared and declared.group(1) == __version__


def test_every_dump_is_tried() -> None:
    assert sorted(EARLIER) == sorted(FOLDER.glob("*.sql.gz"))
