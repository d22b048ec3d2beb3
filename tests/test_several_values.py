"""Fields that hold several values: a change names what came and what went, not the whole."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from conftest import PostgresServer, fresh_database
from warehouse import Pipeline

from demo.tracker import Tracker
from demo.youtrack.server import start


def ms(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000)


@pytest.fixture
def pipeline(server: PostgresServer, tmp_path: Path) -> Iterator[Pipeline]:
    """A closed sprint of issues that went from one set of teams to another."""
    tracker = Tracker(ms("2026-09-01T08:00:00"))
    user = tracker.add_user("anna", "Anna", None)
    project = tracker.add_project("AAA", "AAA", user)
    state = tracker.add_custom_field("State", "state[1]")
    states = [{"name": "Open"}, {"name": "Done", "is_resolved": True}]
    tracker.attach(project, state, states, role="state", default="Open", can_be_empty=False)
    for name, role, values in (
        ("Team", "team", ["Red", "Blue", "Green"]),
        ("Type", "type", ["Story", "Bug"]),
        ("Story points", "points", ["3", "5"]),
    ):
        tracker.attach(project, tracker.add_custom_field(name, "enum[*]"), values, role=role)
    board = tracker.add_board("Manual", [project])
    sprint = tracker.add_sprint(
        board, "Sprint 1", ms("2026-09-07T00:00:00"), ms("2026-09-20T23:59:59")
    )
    histories = {
        "joins": (("Red",), ("Red", "Blue"), ("Red", "Blue")),
        "leaves": (("Red", "Blue"), ("Red",), ("Red",)),
        "both": (("Red", "Blue"), ("Red", "Blue"), ("Red", "Blue")),
        "backwards": (("Blue",), ("Blue", "Red"), ("Blue", "Red")),
        "emptied later": (("Red", "Blue"), ("Red", "Blue"), ()),
        "swapped later": (("Red",), ("Red", "Green"), ("Blue",)),
    }
    issues = {}
    for name, (teams, *_) in histories.items():
        issues[name] = tracker.create_issue(project, name)
        tracker.set_field(issues[name], "Team", teams)
        tracker.set_field(issues[name], "Type", ("Story",))
        tracker.set_field(issues[name], "Story points", ("3",))
        tracker.add_to_sprint(issues[name], sprint)
    for when, place in (("2026-09-10T10:00:00", 1), ("2026-10-01T10:00:00", 2)):
        tracker.advance(ms(when))
        for name, teams in histories.items():
            tracker.set_field(issues[name], "Team", teams[place])
    tracker.set_field(issues["joins"], "Type", ("Story", "Bug"))
    tracker.set_field(issues["joins"], "Story points", ("3", "5"))
    tracker.advance(ms("2026-11-01T10:00:00"))
    with start(tracker) as youtrack:
        for name in fresh_database(server):
            made = Pipeline(server, name, youtrack, tmp_path)
            yield made
            made.close()


def test_a_set_stands_as_the_changes_since_leave_of_the_present_one(pipeline: Pipeline) -> None:
    marts = pipeline.run(sweep=True)
    names = {row["issue_id"]: row["summary"] for row in marts["fct_issues"]}
    then = {names[row["issue_id"]]: row for row in marts["fct_sprint_issues"]}
    assert {name: row["team"] for name, row in then.items()} == {
        "joins": "Red, Blue",
        "leaves": "Red",
        "both": "Red, Blue",
        "backwards": "Red, Blue",
        "emptied later": "Red, Blue",
        "swapped later": "Red, Green",
    }
    now = {row["summary"]: row for row in marts["fct_issues"]}
    assert (now["backwards"]["team"], now["emptied later"]["team"]) == ("Red, Blue", "AAA")
    assert (then["joins"]["issue_type"], now["joins"]["issue_type"]) == ("Story", "Story, Bug")
    assert (then["joins"]["story_points"], now["joins"]["story_points"]) == (3, None)
    assert pipeline.differences() == []
