"""A field that was replaced: what it said while it played its role still counts."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import PostgresServer, fresh_database, more_draws
from warehouse import Pipeline

from demo.tracker import Tracker
from demo.youtrack.server import Server, start

Marts = dict[str, list[dict[str, Any]]]


def ms(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000)


def company(team: str) -> Tracker:
    """A closed sprint of issues whose fields changed before, in and after it."""
    tracker = Tracker(ms("2026-09-01T08:00:00"))
    user = tracker.add_user("anna", "Anna", None)
    project = tracker.add_project("AAA", "AAA", user)
    state = tracker.add_custom_field("State", "state[1]")
    states = [{"name": "Open"}, {"name": "In Progress"}, {"name": "Done", "is_resolved": True}]
    tracker.attach(project, state, states, role="state", default="Open", can_be_empty=False)
    for name, role, kind, values in (
        ("Team", "team", team, ["Red", "Blue"]),
        ("Type", "type", "enum[1]", ["Story", "Bug"]),
        ("Story points", "points", "enum[1]", ["3", "5"]),
        # not the first of the names that are tried: it plays no role
        ("Команда", "other", "enum[1]", ["Green", "White"]),
    ):
        tracker.attach(project, tracker.add_custom_field(name, kind), values, role=role)
    board = tracker.add_board("Manual", [project])
    sprint = tracker.add_sprint(
        board, "Sprint 1", ms("2026-09-07T00:00:00"), ms("2026-09-20T23:59:59")
    )
    for name in ("filled again", "left empty"):
        issue = tracker.create_issue(project, name)
        tracker.add_to_sprint(issue, sprint)
        fill(tracker, issue, team, "Red", "Story", "3")
        tracker.set_field(issue, "Команда", "Green")
    for when, values, other in (
        ("2026-09-10T10:00:00", ("Blue", "Bug", "5"), "White"),
        ("2026-09-25T10:00:00", ("Red", "Story", "3"), "Green"),
    ):
        tracker.advance(ms(when))
        for issue in tracker.issues.values():
            fill(tracker, issue, team, *values)
            tracker.set_field(issue, "Команда", other)
    for issue in tracker.issues.values():
        tracker.set_state(issue, "In Progress")
    tracker.advance(ms("2026-10-01T10:00:00"))
    return tracker


def fill(tracker: Tracker, issue: Any, kind: str, team: str, issue_type: str, points: str) -> None:
    tracker.set_team(issue, (team,) if kind.endswith("[*]") else team)
    tracker.set_type(issue, issue_type)
    tracker.set_points(issue, points)


# a set of values is made of other models; each test runs with both, the first test always does
KINDS = ["enum[1]", *more_draws("enum[*]")]


@pytest.fixture(params=KINDS)
def youtrack(request: pytest.FixtureRequest) -> Iterator[Server]:
    with start(company(request.param)) as running:
        yield running


@pytest.fixture
def pipeline(server: PostgresServer, youtrack: Server, tmp_path: Path) -> Iterator[Pipeline]:
    for name in fresh_database(server):
        made = Pipeline(server, name, youtrack, tmp_path)
        yield made
        made.close()


def sprint_rows(marts: Marts) -> list[dict[str, Any]]:
    return sorted(marts["fct_sprint_issues"], key=lambda row: row["issue_id"])


def visits(marts: Marts) -> list[tuple]:
    rows = marts["fct_state_intervals"]
    return sorted((row["issue_id"], row["visit_number"], row["state"]) for row in rows)


def issues(marts: Marts) -> dict[str, dict[str, Any]]:
    return {row["summary"]: row for row in marts["fct_issues"]}


@pytest.mark.parametrize("youtrack", ["enum[1]", "enum[*]"], indirect=True)
def test_a_closed_sprint_stays_as_it_was_when_every_field_is_replaced(
    youtrack: Server, pipeline: Pipeline
) -> None:
    tracker = youtrack.tracker
    project = tracker.projects[0]
    kind = project.roles["team"].field.field_type.id
    before = pipeline.run()
    assert {row["team"] for row in sprint_rows(before)} == {"Blue"}
    tracker.advance(by=86_400_000)
    for role, name in (
        ("state", "State"), ("team", "Team"), ("type", "Тип"), ("points", "Story Points"),
    ):  # fmt: skip
        tracker.replace_field(project, role, name)
    night = pipeline.run()
    assert sprint_rows(night) == sprint_rows(before)
    assert visits(night) == visits(before)
    assert [row["has_history_mismatch"] for row in night["fct_issues"]] == [True, True]
    assert pipeline.differences() == []
    tracker.advance(by=86_400_000)
    filled = next(one for one in tracker.issues.values() if one.summary == "filled again")
    fill(tracker, filled, kind, "Blue", "Bug", "5")
    tracker.set_state(filled, "Open")
    tracker.advance(by=86_400_000)
    after = pipeline.run()
    assert sprint_rows(after) == sprint_rows(before)
    assert [row for row in visits(after) if row[1] <= 2] == visits(before)
    now = issues(after)
    assert (now["filled again"]["team"], now["filled again"]["issue_type"]) == ("Blue", "Bug")
    assert not now["filled again"]["has_history_mismatch"]
    # nobody filled the new fields: nothing is shown, and the history leads elsewhere
    assert (now["left empty"]["team"], now["left empty"]["state"]) == ("AAA", "(none)")
    assert now["left empty"]["has_history_mismatch"]
    assert pipeline.differences() == []


def test_a_field_of_another_name_that_follows_counts_from_then_on(
    youtrack: Server, pipeline: Pipeline
) -> None:
    """`Команда` was there all the time, and plays the role once `Team` is gone."""
    tracker = youtrack.tracker
    before = pipeline.run()
    tracker.advance(by=86_400_000)
    tracker.detach(tracker.projects[0].roles["team"])
    after = pipeline.run()
    assert sprint_rows(after) == sprint_rows(before)
    assert {row["team"] for row in after["fct_issues"]} == {"Green"}
    assert pipeline.differences() == []


def test_a_field_that_played_no_role_changes_nothing_when_it_is_detached(
    youtrack: Server, pipeline: Pipeline
) -> None:
    tracker = youtrack.tracker
    before = pipeline.run()
    tracker.advance(by=86_400_000)
    tracker.detach(tracker.projects[0].roles["other"])
    after = pipeline.run()
    assert sprint_rows(after) == sprint_rows(before)
    assert [row["has_history_mismatch"] for row in after["fct_issues"]] == [False, False]
    assert pipeline.differences() == []


def test_a_better_name_beside_the_old_one_leaves_the_past_to_the_old_one(
    youtrack: Server, pipeline: Pipeline
) -> None:
    tracker = youtrack.tracker
    project = tracker.projects[0]
    tracker.detach(project.roles["team"])
    before = pipeline.run()
    assert {row["team"] for row in sprint_rows(before)} == {"White"}
    tracker.advance(by=86_400_000)
    tracker.attach(project, tracker.add_custom_field("Team", "enum[1]"), ["Red"], role="team")
    after = pipeline.run()
    assert sprint_rows(after) == sprint_rows(before)
    assert pipeline.differences() == []


def test_a_field_that_was_detached_and_attached_again_is_the_same_field(
    youtrack: Server, pipeline: Pipeline
) -> None:
    tracker = youtrack.tracker
    project = tracker.projects[0]
    before = pipeline.run()
    team = project.roles["team"]
    for _ in range(2):
        tracker.advance(by=86_400_000)
        tracker.detach(team)
        pipeline.load()
        tracker.advance(by=86_400_000)
        team = tracker.attach(project, team.field, bundle=team.bundle, role="team")
        after = pipeline.run()
        assert sprint_rows(after) == sprint_rows(before)
        assert pipeline.differences() == []


def test_the_name_of_a_detached_field_is_refused_only_where_it_stands_alone(
    youtrack: Server, pipeline: Pipeline
) -> None:
    tracker = youtrack.tracker
    pipeline.run()
    tracker.advance(by=86_400_000)
    tracker.detach(tracker.projects[0].roles["team"])
    pipeline.load()

    def check(*names: str) -> None:
        variables = {"team_field": names}
        pipeline.warehouse.dbt(
            "run", "--select", "+stg_field_roles", "+stg_fields", variables=variables
        )
        pipeline.warehouse.dbt("test", "--select", "assert_field_names_exist", variables=variables)

    check("Команда", "Team")
    with pytest.raises(AssertionError, match="assert_field_names_exist"):
        check("Team")
