"""What an analyst meets who edits the models: mistakes told with the line that mends them, once."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import FROZEN, PostgresServer, Project, source_environment
from test_run import fingerprint, value

from demo.youtrack.server import Server
from extract.errors import DatabaseError
from pipeline import trial
from pipeline.build import Dbt
from pipeline.trial import Difference, differences

MARTS = "dbt_project/models/marts"


@contextmanager
def edited(project: Project, changes: dict[str, tuple[str, str]]) -> Iterator[None]:
    """Files of the project with the first text replaced by the second, while the block lasts."""
    before = {name: (project.root / name).read_text(encoding="utf-8") for name in changes}
    try:
        for name, (old, new) in changes.items():
            assert old in before[name]
            (project.root / name).write_text(before[name].replace(old, new), encoding="utf-8")
        yield
    finally:
        for name, text in before.items():
            (project.root / name).write_text(text, encoding="utf-8")


def test_what_a_contract_does_not_know_is_told_with_the_line_to_add(
    server: PostgresServer, project: Project, published: tuple[str, dict[str, str]]
) -> None:
    database, environment = published
    before = fingerprint(server, database)
    last = "select * from final"
    changes = {
        f"{MARTS}/fct_lead_time_differences.sql": (
            last,
            "select *, 1 as my_column, now() as my_moment from final",
        ),
        f"{MARTS}/agg_lead_time_percentiles.sql": (
            last,
            "select * from final where no_such_column",
        ),
    }
    with edited(project, changes):
        completed = project.run("build", "--vars", FROZEN, environment=environment)
    assert completed.returncode == 1
    said = completed.stderr
    for column, data_type in (("my_column", "integer"), ("my_moment", "timestamptz")):
        advice = (
            f"the contract does not know the column {column}: add "
            f'"- name: {column}" with "data_type: {data_type}" to the model\'s columns in '
            f"{MARTS}/_marts__models.yml"
        )
        assert said.count(advice) == 1, said
    assert said.count('column "no_such_column" does not exist') == 1, said
    assert "> in macro" not in said
    assert fingerprint(server, database) == before


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("select * from {{ ref('no_such_model') }}", "depends on a node named 'no_such_model'"),
        ("select * from final {% if %}", "Expected an expression"),
    ],
)
def test_a_mistake_that_parsing_shows_is_told_before_the_tracker_is_asked(
    project: Project,
    youtrack: Server,
    server: PostgresServer,
    database: str,
    mistake: str,
    told: str,
) -> None:
    environment = {**server.environment(database), **source_environment(youtrack)}
    youtrack.requests = []
    with edited(project, {f"{MARTS}/fct_issues.sql": ("select * from final", mistake)}):
        completed = project.run("run", "--vars", FROZEN, environment=environment)
    youtrack.requests, asked = None, youtrack.requests
    assert completed.returncode == 1
    assert told in completed.stderr
    assert asked == []


def test_a_run_at_another_time_parses_nothing_again(
    project: Project, published: tuple[str, dict[str, str]]
) -> None:
    _, environment = published
    parsed = Path(environment["DBT_TARGET_PATH"]) / "partial_parse.msgpack"
    # the test before this one may have left its mistake in what was parsed
    assert project.run("build", "--vars", FROZEN, environment=environment).returncode == 0
    before = parsed.stat().st_mtime_ns
    manifest = parsed.with_name("manifest.json").stat()
    completed = project.run("build", "--vars", "{as_of: 2026-06-18}", environment=environment)
    assert completed.returncode == 0, completed.stderr
    assert parsed.stat().st_mtime_ns == before
    after = parsed.with_name("manifest.json").stat()
    assert after.st_ino == manifest.st_ino, "it is not written again"
    assert after.st_mtime_ns > manifest.st_mtime_ns, "it was held against the project"


def test_the_manifest_is_written_whole_when_something_was_parsed(tmp_path: Path) -> None:
    written: list[str] = []

    class Parsed:
        def write(self, path: str) -> None:
            written.append(Path(path).name)
            Path(path).write_text(f"{len(written)}")

    dbt = SimpleNamespace(_target=tmp_path, _manifest=Parsed())
    kept, manifest = tmp_path / "partial_parse.msgpack", tmp_path / "manifest.json"
    for was_parsed, wanted in ((True, "1"), (False, "1"), (True, "2")):
        if was_parsed:
            kept.write_bytes(b"")
            newer = time.time_ns() + 1_000_000_000 * len(written)
            os.utime(kept, ns=(newer, newer))
        Dbt._write_manifest(dbt)
        assert manifest.read_text() == wanted
        assert manifest.name not in written, "a run that is killed leaves no half of it"
    manifest.unlink()
    Dbt._write_manifest(dbt)
    assert manifest.read_text() == "3"


def test_a_try_shows_what_would_change_and_changes_nothing(
    server: PostgresServer, project: Project, published: tuple[str, dict[str, str]]
) -> None:
    database, environment = published
    # the marts as the definitions stand, at the company's own time
    assert project.run("build", "--vars", FROZEN, environment=environment).returncode == 0
    page = project.root / ".local" / "report.html"
    before = fingerprint(server, database), page.stat().st_mtime_ns, _runs(server, database)

    seed = "dbt_project/seeds/state_categories.csv"
    duplicates = value(
        server, database, "select count(*) from marts.fct_issues where state = 'Duplicate'"
    )
    assert duplicates
    with edited(project, {seed: ("Duplicate,cancelled", "Duplicate,done")}):
        tried = project.run("try", environment=environment)
    assert tried.returncode == 0, tried.stderr
    (issues,) = (line for line in tried.stdout.splitlines() if line.startswith("fct_issues: "))
    assert f"another state_category in {duplicates}," in issues
    assert "400 rows published, 400 tried" in issues

    # a model that fails; what was not edited does not differ
    mistake = ("select * from final", "select * from final union all select * from final")
    with edited(project, {f"{MARTS}/fct_lead_time_differences.sql": mistake}):
        failing = project.run("try", environment=environment)
    assert failing.returncode == 1
    assert "error: " in failing.stderr
    assert failing.stdout.splitlines()[-1].startswith("NOK: ")
    told = re.findall(r"^(\w+: [\d,]+ rows.*)$", failing.stdout, re.MULTILINE)
    assert [line.partition(":")[0] for line in told] == ["fct_lead_time_differences"]
    assert told[0].endswith(" rows published, not built now")

    assert (
        fingerprint(server, database),
        page.stat().st_mtime_ns,
        _runs(server, database),
    ) == before
    schemas = "select count(*) from pg_namespace where nspname like 'try\\_%%'"
    assert value(server, database, schemas) == 4
    assert project.run("try", "--drop", environment=environment).returncode == 0
    assert value(server, database, schemas) == 0


def test_a_schema_that_no_try_has_made_is_named_and_stays(
    server: PostgresServer, database: str
) -> None:
    connection = server.connect(database)
    with connection.cursor() as cursor:
        cursor.execute("create schema try_anna_marts")
        cursor.execute("create table try_anna_marts.sales as select 1 as amount")
        with pytest.raises(DatabaseError, match="no try has made the schemas try_anna_marts"):
            trial._drop(cursor, "try_anna")
        cursor.execute("select amount from try_anna_marts.sales")
        assert cursor.fetchall() == [(1,)]
    connection.close()


def _runs(server: PostgresServer, database: str) -> tuple[int, str]:
    return (
        value(server, database, "select count(*) from ops.pipeline_runs"),
        value(server, database, "select status from marts.pipeline_status"),
    )


def test_a_try_without_published_marts_says_what_to_run(
    server: PostgresServer, project: Project, database: str
) -> None:
    completed = project.run("try", environment=server.environment(database))
    assert completed.returncode == 78
    assert completed.stderr.strip().endswith("no marts are published yet to compare with: make run")


def test_differences_are_counted_by_key_and_column_the_largest_first(
    server: PostgresServer, database: str
) -> None:
    connection = server.connect(database)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            create schema marts;
            create schema try_anna_marts;
            create table marts.same (id text primary key, days numeric(12, 2));
            insert into marts.same values ('1', 1), ('2', null);
            create table try_anna_marts.same as table marts.same;
            create table marts.few (id text primary key, a text, b integer, old text);
            insert into marts.few values ('1', 'x', 1, 'o'), ('2', 'y', 2, 'o'), ('3', null, 3, '');
            create table try_anna_marts.few (id text primary key, a text, b bigint, "New" text);
            insert into try_anna_marts.few values ('2', 'z', 5), ('3', 'n', 3), ('4', 'x', 4);
            create table marts.keyless as select generate_series(1, 9) % 3 as n;
            create table try_anna_marts.keyless as select generate_series(1, 6) % 3 as n;
            create table marts.wider as select 1 as id;
            create table try_anna_marts.wider as select 1 as id, 'high' as priority;
            create table marts.gone as select 1 as n;
            create table try_anna_marts.added as select generate_series(1, 7) as n;
            """
        )
        found = differences(cursor, "marts", "try_anna_marts")
    connection.close()
    assert found == [
        Difference("added", None, 7),
        Difference("keyless", 9, 6, only_published=3),
        Difference("few", 3, 3, 1, 1, (("a", 2), ("b", 1)), ("old",), ("New",)),
        Difference("gone", 1, None),
        Difference("wider", 1, 1, columns_new=("priority",)),
    ]
