"""What the data or a seed says wrongly is told by a counted warning that names it."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from conftest import PostgresServer, Project, source_environment
from test_server import execute

from demo.tracker import Tracker
from demo.youtrack.server import start


def ms(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000)


STATES = ("Parked", "Open", "In Progress", "Review", "Done", "Duplicate")
ESTIMATES = ("1", "0.5", "0,5", "1/2", "8 SP", "L")
NO_ESTIMATES = ("1/2", "2, 3", "8 SP", "L")


def company() -> Tracker:
    """Seven estimates in one closed sprint, and an issue that was imported with its past."""
    tracker = Tracker(ms("2026-09-01T08:00:00"))
    user = tracker.add_user("anna", "Anna", None)
    project = tracker.add_project("AAA", "AAA", user)
    states = [{"name": name, "is_resolved": name in STATES[-2:]} for name in STATES]
    state = tracker.add_custom_field("State", "state[1]")
    tracker.attach(project, state, states, role="state", default="Open", can_be_empty=False)
    for name, role, values in (
        ("Team", "team", ["Red", "Mobile"]),
        ("Type", "type", ["Story", "Bug"]),
        ("Story points", "points", list(ESTIMATES)),
    ):
        tracker.attach(project, tracker.add_custom_field(name, "enum[1]"), values, role=role)
    board = tracker.add_board("Manual", [project])
    sprint = tracker.add_sprint(
        board, "Sprint 1", ms("2026-09-07T00:00:00"), ms("2026-09-20T23:59:59")
    )
    for value in ESTIMATES:
        issue = tracker.create_issue(project, value, team="Red", type="Bug", points=value)
        tracker.add_to_sprint(issue, sprint)
    # the field of another project holds several values
    other = tracker.add_project("BBB", "BBB", user)
    tracker.attach(other, state, states, role="state", default="Open", can_be_empty=False)
    several = tracker.add_custom_field("Story points", "enum[*]")
    points = tracker.attach(other, several, ["2", "3"], role="points")
    issue = tracker.create_issue(other, "2, 3")
    issue.values[points] = points.bundle.values
    tracker.advance(ms("2026-09-10T12:00:00"))
    imported = tracker.create_issue(project, "imported", team="Mobile")
    field = project.roles["state"]
    elements = {element.name: element for element in field.bundle.values}
    for at, old, new in (
        ("2026-08-01T00:00:00", "Open", "In Progress"),
        ("2026-08-03T00:00:00", "In Progress", "Open"),
        ("2026-08-04T00:00:00", "Open", "In Progress"),
        ("2026-08-05T00:00:00", "In Progress", "Review"),
    ):
        tracker._record(
            imported, field.field.kind, ms(at), user, (elements[new],), (elements[old],)
        )
    imported.values[field] = elements["Review"]
    tracker.advance(ms("2026-09-11T12:00:00"))
    tracker.set_state(imported, "Done")
    duplicate = tracker.create_issue(project, "twice", team="Mobile")
    tracker.set_state(duplicate, "Duplicate")
    tracker.advance(ms("2026-11-01T10:00:00"))
    return tracker


@pytest.fixture
def misspelt(project: Project) -> Iterator[Project]:
    """The project while somebody has misspelt its seeds."""
    seeds = project.root / "dbt_project" / "seeds"
    kept = {path: path.read_bytes() for path in seeds.glob("*.csv")}
    try:
        misspell(seeds)
        yield project
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


def misspell(seeds: Path) -> None:
    categories = (seeds / "state_categories.csv").read_text(encoding="utf-8")
    assert "\nDuplicate,cancelled\n" in categories
    misspelt = categories.replace("\nDuplicate,cancelled\n", "\nDuplicat,cancelled\n")
    # a state that no issue is in, in another case
    misspelt += "PARKED,waiting\n"
    (seeds / "state_categories.csv").write_text(misspelt, encoding="utf-8")
    (seeds / "excluded_teams.csv").write_text("team\nMobil\nRED\n", encoding="utf-8")
    # whose last year nobody has renewed
    days = "date,is_working,opens_at,closes_at,name\n2025-12-31,false,,,New Year's Eve\n"
    (seeds / "work_calendar_days.csv").write_text(days, encoding="utf-8")


def test_what_is_misspelt_or_odd_is_named_with_its_number(
    server: PostgresServer, database: str, misspelt: Project
) -> None:
    with start(company()) as youtrack:
        environment = {**server.environment(database), **source_environment(youtrack)}
        variables = "{story_types: [STORY, Stroy, Feature]}"
        completed = misspelt.run("run", "--vars", variables, environment=environment)
    assert completed.returncode == 0, completed.stderr[-3000:]
    said = completed.stderr
    # the status keeps the same words
    [(count, words)] = execute(
        server, database, "select warnings_count, warnings from marts.pipeline_status"
    )
    told = [line for line in said.splitlines() if line.startswith("warning: ")]
    assert [f"warning: {each}" for each in words.split("\n")] == told
    assert count == len(told) > 5
    # the seed
    assert (
        'state_categories.csv does not name the state "Duplicate" (issues: 1), which counts as done'
        in said
    )
    assert (
        'warn_seed_states_unknown (1 row): state_categories.csv names the state "Duplicat"' in said
    )
    assert 'excluded_teams.csv names the team "Mobil"' in said
    assert "RED" not in said
    assert (
        "warn_work_calendar_ends (1 row): work_calendar_days.csv names no day of 2026, whose "
        "holidays count as working days (issues: " in said
    )
    # the var: no issue is a story but the project knows the type, and Feature ships
    assert 'warn_story_types_unknown (1 row): The var story_types names "Stroy"' in said
    # numbers in words
    points = execute(
        server, database, "select summary, story_points::text from marts.fct_issues order by 1"
    )
    assert dict(points) == {
        "0,5": "0.50", "0.5": "0.50", "1": "1.00", **dict.fromkeys(NO_ESTIMATES),
        "imported": None, "twice": None,
    }  # fmt: skip
    # of four, three are shown
    assert "warn_story_points_unreadable (4 rows)" in said
    for value in NO_ESTIMATES[:3]:
        assert f'The estimate "{value}" (issues: 1) is no number of story points' in said
    assert 'The estimate "0,5"' not in said
    # a past that is older than the issue
    assert "AAA-7 has changes from before its creation (4)" in said
    times = (
        "select started_at = created_at, lead_time_days::text, cycle_time_days::text, "
        "has_time_error from marts.fct_issues where summary = 'imported'"
    )
    assert execute(server, database, times) == [(True, "1.00", "1.00", False)]
    visits = (
        "select visits.state, days::text from marts.fct_state_intervals as visits "
        "inner join marts.fct_issues using (issue_id) where summary = 'imported' "
        "order by visit_number"
    )
    found = execute(server, database, visits)
    assert [row[0] for row in found] == [
        "Open", "In Progress", "Open", "In Progress", "Review", "Done",
    ]  # fmt: skip
    assert [row[1] for row in found] == ["0.00", "0.00", "0.00", "0.00", "1.00", "0.00"]
