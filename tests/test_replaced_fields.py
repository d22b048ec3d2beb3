"""A field that was replaced: what it said while it played its role still counts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import PostgresServer, fresh_database, more_draws
from warehouse import Pipeline

from demo.model import Project
from demo.tracker import Tracker
from demo.youtrack.server import start

DAY = 86_400_000

Marts = dict[str, list[dict[str, Any]]]


def ms(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000)


# What happens to the fields of each project; no project's fields are another's.
REPLACED, FOLLOWED, IDLE, BETTERED, AGAIN = EVERY = ("AAA", "BBB", "CCC", "DDD", "EEE")


def company(team: str, *names: str) -> Tracker:
    """Projects with a closed sprint of issues whose fields changed before, in and after it."""
    tracker = Tracker(ms("2026-09-01T08:00:00"))
    user = tracker.add_user("anna", "Anna", None)
    for short_name in names:
        add_project(tracker, tracker.add_project(short_name, short_name, user), team)
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


def add_project(tracker: Tracker, project: Project, team: str) -> None:
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
    board = tracker.add_board(f"Manual {project.name}", [project])
    sprint = tracker.add_sprint(
        board, f"Sprint 1 {project.name}", ms("2026-09-07T00:00:00"), ms("2026-09-20T23:59:59")
    )
    for name in ("filled again", "left empty"):
        issue = tracker.create_issue(project, name)
        tracker.add_to_sprint(issue, sprint)
        fill(tracker, issue, team, "Red", "Story", "3")
        tracker.set_field(issue, "Команда", "Green")


def fill(tracker: Tracker, issue: Any, kind: str, team: str, issue_type: str, points: str) -> None:
    tracker.set_team(issue, (team,) if kind.endswith("[*]") else team)
    tracker.set_type(issue, issue_type)
    tracker.set_points(issue, points)


# a set of values is made of other models; each test runs with both, the first test always does
KINDS = ["enum[1]", *more_draws("enum[*]")]


@dataclass(frozen=True)
class Night:
    """What a run has built, and where it differs from the reference."""

    marts: Marts
    differences: list[str]

    def of(self, project: str) -> Marts:
        """What there is of the issues of one project."""
        ids = {row["issue_id"] for row in self.marts["fct_issues"] if row["project"] == project}
        return {
            mart: [row for row in rows if row["issue_id"] in ids]
            for mart, rows in self.marts.items()
            if mart in ("fct_issues", "fct_sprint_issues", "fct_state_intervals")
        }


@contextmanager
def pipeline_of(server: PostgresServer, tracker: Tracker, folder: Path) -> Iterator[Pipeline]:
    with start(tracker) as youtrack:
        for name in fresh_database(server):
            pipeline = Pipeline(server, name, youtrack, folder)
            yield pipeline
            pipeline.close()


@pytest.fixture(scope="module", params=KINDS)
def nights(
    request: pytest.FixtureRequest,
    server: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Night]:
    """The runs of one company in whose projects everything happens side by side.

    Before anything; after the first changes; after what followed them; after a second time.
    """
    kind = request.param
    tracker = company(kind, *EVERY)
    bettered = tracker.project(BETTERED)
    again = tracker.project(AGAIN)
    tracker.detach(bettered.roles["team"])
    with pipeline_of(server, tracker, tmp_path_factory.mktemp("replaced")) as pipeline:

        def night() -> Night:
            return Night(pipeline.run(), pipeline.differences())

        made = [night()]
        tracker.advance(by=DAY)
        for role, name in (
            ("state", "State"), ("team", "Team"), ("type", "Тип"), ("points", "Story Points"),
        ):  # fmt: skip
            tracker.replace_field(tracker.project(REPLACED), role, name)
        tracker.detach(tracker.project(FOLLOWED).roles["team"])
        tracker.detach(tracker.project(IDLE).roles["other"])
        tracker.attach(bettered, tracker.add_custom_field("Team", "enum[1]"), ["Red"], role="team")
        team = again.roles["team"]
        tracker.detach(team)
        made.append(night())
        tracker.advance(by=DAY)
        filled = next(
            one
            for one in tracker.issues.values()
            if one.summary == "filled again" and one.project.short_name == REPLACED
        )
        fill(tracker, filled, kind, "Blue", "Bug", "5")
        tracker.set_state(filled, "Open")
        tracker.advance(by=DAY)
        team = tracker.attach(again, team.field, bundle=team.bundle, role="team")
        made.append(night())
        tracker.advance(by=DAY)
        tracker.detach(team)
        pipeline.load()
        tracker.advance(by=DAY)
        tracker.attach(again, team.field, bundle=team.bundle, role="team")
        made.append(night())
    return made


def sprint_rows(marts: Marts) -> list[dict[str, Any]]:
    return sorted(marts["fct_sprint_issues"], key=lambda row: row["issue_id"])


def visits(marts: Marts) -> list[tuple]:
    rows = marts["fct_state_intervals"]
    return sorted((row["issue_id"], row["visit_number"], row["state"]) for row in rows)


def issues(marts: Marts) -> dict[str, dict[str, Any]]:
    return {row["summary"]: row for row in marts["fct_issues"]}


@pytest.mark.parametrize("nights", ["enum[1]", "enum[*]"], indirect=True)
def test_a_closed_sprint_stays_as_it_was_when_every_field_is_replaced(nights: list[Night]) -> None:
    before, night, after = (each.of(REPLACED) for each in nights[:3])
    assert {row["team"] for row in sprint_rows(before)} == {"Blue"}
    assert sprint_rows(night) == sprint_rows(before)
    assert visits(night) == visits(before)
    assert [row["has_history_mismatch"] for row in night["fct_issues"]] == [True, True]
    assert nights[1].differences == []
    assert sprint_rows(after) == sprint_rows(before)
    assert [row for row in visits(after) if row[1] <= 2] == visits(before)
    now = issues(after)
    assert (now["filled again"]["team"], now["filled again"]["issue_type"]) == ("Blue", "Bug")
    assert not now["filled again"]["has_history_mismatch"]
    # nobody filled the new fields: nothing is shown, and the history leads elsewhere
    assert (now["left empty"]["team"], now["left empty"]["state"]) == ("AAA", "(none)")
    assert now["left empty"]["has_history_mismatch"]
    assert nights[2].differences == []


def test_a_field_of_another_name_that_follows_counts_from_then_on(nights: list[Night]) -> None:
    """`Команда` was there all the time, and plays the role once `Team` is gone."""
    before, after = (each.of(FOLLOWED) for each in nights[:2])
    assert sprint_rows(before)
    assert sprint_rows(after) == sprint_rows(before)
    assert {row["team"] for row in after["fct_issues"]} == {"Green"}
    assert nights[1].differences == []


def test_a_field_that_played_no_role_changes_nothing_when_it_is_detached(
    nights: list[Night],
) -> None:
    before, after = (each.of(IDLE) for each in nights[:2])
    assert sprint_rows(before)
    assert sprint_rows(after) == sprint_rows(before)
    assert [row["has_history_mismatch"] for row in after["fct_issues"]] == [False, False]
    assert nights[1].differences == []


def test_a_better_name_beside_the_old_one_leaves_the_past_to_the_old_one(
    nights: list[Night],
) -> None:
    before, after = (each.of(BETTERED) for each in nights[:2])
    assert {row["team"] for row in sprint_rows(before)} == {"White"}
    assert sprint_rows(after) == sprint_rows(before)
    assert nights[1].differences == []


def test_a_field_that_was_detached_and_attached_again_is_the_same_field(
    nights: list[Night],
) -> None:
    before = nights[0].of(AGAIN)
    assert {row["team"] for row in sprint_rows(before)} == {"Blue"}
    for after in nights[2:]:
        assert sprint_rows(after.of(AGAIN)) == sprint_rows(before)
        assert after.differences == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_name_of_a_detached_field_is_refused_only_where_it_stands_alone(
    server: PostgresServer, tmp_path: Path, kind: str
) -> None:
    tracker = company(kind, "AAA")
    with pipeline_of(server, tracker, tmp_path) as pipeline:
        pipeline.load()
        tracker.advance(by=DAY)
        tracker.detach(tracker.projects[0].roles["team"])
        pipeline.load()

        def check(*names: str) -> None:
            variables = {"team_field": names}
            dbt = pipeline.warehouse.dbt
            dbt("seed", variables=variables)
            dbt("run", "--select", "+stg_field_roles", "+stg_fields", variables=variables)
            dbt("test", "--select", "assert_field_names_exist", variables=variables)

        check("Команда", "Team")
        with pytest.raises(AssertionError, match="assert_field_names_exist"):
            check("Team")
