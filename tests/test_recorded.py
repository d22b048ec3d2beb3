"""A run over issues recorded from a real tracker, beside what the recording itself says."""

import json
import subprocess
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from conftest import (
    REPOSITORY,
    SAMPLES,
    PostgresServer,
    Project,
    fresh_database,
    source_environment,
)
from reference import KEYS, Definitions, compare, compute, read_marts, read_raw, read_seeds

from demo.youtrack.recorded import load
from demo.youtrack.server import start

pytestmark = pytest.mark.skipif(
    not (SAMPLES / "idea-issues.ndjson").exists(), reason="the recorded issues are not here"
)

ISSUES = 95
NOW = datetime(2026, 12, 1, 12, tzinfo=timezone.utc)  # later than all of it


@pytest.fixture(scope="module")
def recorded(
    server: PostgresServer, project: Project
) -> Iterator[tuple[subprocess.CompletedProcess[str], Any]]:
    """One run over the recording, and a cursor in its database."""
    for name in fresh_database(server):
        with start(load(SAMPLES)) as youtrack:
            environment = {**server.environment(name), **source_environment(youtrack)}
            as_of = f"{{as_of: {NOW.isoformat()}}}"
            completed = project.run("run", "--vars", as_of, environment=environment)
        connection = server.connect(name)
        with connection.cursor() as cursor:
            yield completed, cursor
        connection.close()


def recording() -> list[dict[str, Any]]:
    lines = (SAMPLES / "idea-issues.ndjson").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def field(issue: dict[str, Any], name: str, key: str) -> str:
    values = [f["value"] for f in issue["customFields"] if f["name"] == name]
    return values[0][key] if values and values[0] else "(none)"


def test_the_run_ends_ok_and_warns_that_there_is_no_team_field(recorded) -> None:
    completed, _ = recorded
    assert completed.returncode == 0, completed.stderr[-3000:]
    assert "Team" in completed.stderr


def test_states_types_and_assignees_equal_the_recording(recorded) -> None:
    _, cursor = recorded
    cursor.execute(
        "select issue_id, issue_id_readable, state, issue_type, assignee from marts.fct_issues"
    )
    expected = {
        (
            issue["id"],
            issue["idReadable"],
            field(issue, "State", "name"),
            field(issue, "Type", "name"),
            field(issue, "Assignee", "login"),
        )
        for issue in recording()
    }
    assert len(expected) == ISSUES
    assert set(cursor.fetchall()) == expected


def test_every_history_is_replayed_and_changes_between_equal_names_are_no_visits(recorded) -> None:
    _, cursor = recorded
    activities = [
        json.loads(line)
        for line in (SAMPLES / "idea-activities.ndjson").read_text(encoding="utf-8").splitlines()
    ]
    changes = [a for a in activities if "State" in (a["targetMember"] or "")]
    equal = [a for a in changes if names(a["removed"]) == names(a["added"])]
    assert len(equal) > 0
    cursor.execute("select count(distinct issue_id), count(*) from marts.fct_state_intervals")
    assert cursor.fetchone() == (ISSUES, ISSUES + len(changes) - len(equal))
    cursor.execute("select count(*) from marts.fct_issues where has_history_mismatch")
    assert cursor.fetchone()[0] == 0


def test_every_mart_is_what_the_reference_computes_from_raw(recorded) -> None:
    _, cursor = recorded
    seeds = read_seeds(REPOSITORY / "dbt_project" / "seeds")
    wanted = compute(read_raw(cursor.connection), Definitions.from_vars({}, seeds), NOW)
    found = read_marts(cursor.connection)
    assert len(found["agg_flow_daily"]) > ISSUES
    assert len(found["agg_throughput_weekly"]) > 52
    for mart, key in KEYS.items():
        assert compare(wanted[mart], found[mart], key) == [], mart


def names(values: list[dict[str, Any]]) -> list[str]:
    return [value["name"] for value in values]
