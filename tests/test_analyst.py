"""What an analyst meets who edits the models: mistakes told with the line that mends them, once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import FROZEN, PostgresServer, Project
from test_run import fingerprint

from demo.server import Server

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
    published: tuple[str, dict[str, str]],
    mistake: str,
    told: str,
) -> None:
    youtrack.requests = []
    with edited(project, {f"{MARTS}/fct_issues.sql": ("select * from final", mistake)}):
        completed = project.run("run", "--vars", FROZEN, environment=published[1])
    youtrack.requests, asked = None, youtrack.requests
    assert completed.returncode == 1
    assert told in completed.stderr
    assert asked == []


def test_a_run_at_another_time_parses_nothing_again(
    project: Project, published: tuple[str, dict[str, str]]
) -> None:
    _, environment = published
    parsed = Path(environment["DBT_TARGET_PATH"]) / "partial_parse.msgpack"
    moments = []
    for day in (18, 19):
        completed = project.run(
            "build", "--vars", f"{{as_of: 2026-06-{day}}}", environment=environment
        )
        assert completed.returncode == 0, completed.stderr
        moments.append(parsed.stat().st_mtime_ns)
    assert moments[0] == moments[1]
