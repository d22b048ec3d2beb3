"""Boards that change under their sprints: a project is taken off, or put on again."""

import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import PostgresServer, fresh_database, source_environment
from conftest import Project as CopiedProject
from test_server import execute
from warehouse import Pipeline

from demo.model import Project
from demo.random_edits import RandomEdits
from demo.tracker import Tracker
from demo.youtrack.server import Server, start

DAY = 86_400_000
SPRINT_MARTS = ("fct_sprint_issues", "agg_sprint_throughput")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000)


class World(Tracker):
    """Projects that share two boards: one filled by hand, one whose sprints follow a field."""

    def __init__(self, *names: str) -> None:
        super().__init__(ms("2026-09-01T08:00:00"))
        user = self.add_user("anna", "Anna", None)
        kinds = {"state": "state[1]", "team": "enum[1]", "points": "float", "sprint": "version[1]"}
        named = {"points": "Story points"}
        fields = {
            role: self.add_custom_field(named.get(role, role.title()), kind)
            for role, kind in kinds.items()
        }
        states = [{"name": "Open"}, {"name": "In Progress"}, {"name": "Done", "is_resolved": True}]
        for name in names:
            project = self.add_project(name, name, user)
            self.attach(
                project, fields["state"], states, role="state", default="Open", can_be_empty=False
            )
            self.attach(project, fields["team"], ["Red", "Blue"], role="team")
            self.attach(project, fields["points"], role="points")
            self.attach(project, fields["sprint"], role="sprint")
        self.by_hand = self.add_board("By hand", [*self.projects])
        self.synced = self.add_board(
            "Synced", [*self.projects], is_explicit=False, sync_field=fields["sprint"]
        )

    def add_sprints(self, name: str, start: int, finish: int) -> None:
        """A sprint on each board, and the value that it follows in each project."""
        for project in self.projects:
            self.add_element(project.roles["sprint"].bundle, name)
        for board in self.boards:
            self.add_sprint(board, name, start, finish)

    def fill(self, project: Project) -> None:
        """Three issues in the latest sprints, one of which was on the board from its creation."""
        for number in range(3):
            issue = self.create_issue(project, f"{project.name} {number}", team="Red", points=3.0)
            self.add_to_sprint(issue, self.synced.sprints[-1])
            if number:
                self.add_to_sprint(issue, self.by_hand.sprints[-1])
            else:
                self._join(issue, self.by_hand.sprints[-1])

    def take_off_boards(self, project: Project) -> None:
        for board in self.boards:
            self.take_off_board(board, project)

    def put_on_boards(self, project: Project) -> None:
        for board in self.boards:
            self.put_on_board(board, project)


@pytest.fixture
def world() -> Iterator[tuple[World, Server]]:
    """Two projects with a sprint that ends on 20 September and one that begins on the 21st."""
    made = World("AAA", "BBB")
    made.add_sprints("One", ms("2026-09-07T00:00:00"), ms("2026-09-20T23:59:59.999"))
    for project in made.projects:
        made.fill(project)
    made.advance(ms("2026-09-15T10:00:00"))
    for number in (1, 2):
        made.set_state(f"AAA-{number}", "Done")
        made.set_state(f"BBB-{number}", "Done")
    made.add_sprints("Two", ms("2026-09-21T00:00:00"), ms("2026-10-04T23:59:59.999"))
    for project in made.projects:
        made.fill(project)
    made.advance(ms("2026-09-20T22:00:00"))
    for project in made.projects:  # the review of the first sprint
        rest = f"{project.short_name}-3"
        made.add_to_sprint(rest, made.synced.sprints[1])
        made.move_between_sprints(rest, *made.by_hand.sprints)
    with start(made) as running:
        yield made, running


@pytest.fixture
def pipeline(
    server: PostgresServer, world: tuple[World, Server], tmp_path: Path
) -> Iterator[Pipeline]:
    for name in fresh_database(server):
        made = Pipeline(server, name, world[1], tmp_path)
        yield made
        made.close()


def rows_of(marts: dict[str, Any], mart: str, sprint: str) -> list[str]:
    """The rows of the sprints of this name, whatever their board."""
    ids = {row["sprint_id"] for row in marts["dim_sprints"] if row["sprint"].startswith(sprint)}
    return sorted(str(row) for row in marts[mart] if row["sprint_id"] in ids)


def counts(marts: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Planned, completed and carried over by sprint."""
    names = ("planned_count", "completed_count", "carried_over_count")
    return {row["sprint"]: tuple(map(row.get, names)) for row in marts["agg_sprint_throughput"]}


BOTH, ONE = (6, 4, 2), (3, 2, 1)
OPEN_BOTH, OPEN_ONE = (8, 0, 8), (4, 0, 4)


def test_a_project_off_the_board_stays_in_the_sprints_that_had_finished(
    world: tuple[World, Server], pipeline: Pipeline
) -> None:
    tracker, _ = world
    tracker.advance(ms("2026-09-22T04:00:00"))
    before = pipeline.run(sweep=True)
    told = {"One (By hand)": BOTH, "One (Synced)": BOTH}
    running = {"Two (By hand)": OPEN_BOTH, "Two (Synced)": OPEN_BOTH}
    assert counts(before) == told | running
    tracker.take_off_boards(tracker.project("BBB"))
    for _ in range(2):
        tracker.advance(by=DAY)
        after = pipeline.run()
        for mart in SPRINT_MARTS:
            assert rows_of(after, mart, "One") == rows_of(before, mart, "One")
        assert counts(after)["Two (Synced)"] == OPEN_ONE
        assert pipeline.differences() == []
    tracker.put_on_boards(tracker.project("BBB"))
    tracker.advance(by=DAY)
    assert counts(pipeline.run()) == told | running
    assert pipeline.differences() == []


def test_a_sprint_counts_as_finished_by_the_run_that_first_misses_the_project(
    world: tuple[World, Server], pipeline: Pipeline
) -> None:
    tracker, _ = world
    bbb = tracker.project("BBB")
    for moment, off in (("2026-09-20T23:00:00", None), ("2026-09-20T23:59:59.999", bbb)):
        tracker.advance(ms(moment))
        if off:
            tracker.take_off_boards(off)
        pipeline.load(sweep=True)
    tracker.advance(by=DAY)
    assert counts(pipeline.run())["One (Synced)"] == ONE
    # put on again, and missed for the first time a day after the finish
    tracker.put_on_boards(bbb)
    pipeline.load()
    tracker.take_off_boards(bbb)
    assert counts(pipeline.run())["One (Synced)"] == BOTH
    assert pipeline.differences() == []


def past_projects(pipeline: Pipeline) -> dict[str, list[str]]:
    with pipeline.warehouse.connection.cursor() as cursor:
        cursor.execute("select name, past_projects from raw.boards")
        return {
            name: [(one["id"], one["missed_at"]) for one in past]
            for name, past in cursor.fetchall()
        }


def test_raw_remembers_who_was_on_a_board_whatever_youtrack_answers_in_between(
    world: tuple[World, Server], pipeline: Pipeline
) -> None:
    tracker, youtrack = world
    bbb = tracker.project("BBB")
    tracker.advance(ms("2026-09-22T04:00:00"))
    pipeline.load(sweep=True)
    # a narrower scope takes nothing off a board
    pipeline.load(projects=("AAA",))
    assert past_projects(pipeline) == {"By hand": [], "Synced": []}
    # neither does an answer that does not come, nor does it forget
    tracker.take_off_board(tracker.synced, bbb)
    broken = youtrack.fault("status", r"/agiles$", status=500, count=None)
    pipeline.load()
    assert broken.hits > 0
    assert past_projects(pipeline) == {"By hand": [], "Synced": []}
    youtrack.faults.clear()
    tracker.advance(by=DAY)
    missed = [(bbb.id, pipeline.as_of.isoformat())]
    pipeline.load()
    assert past_projects(pipeline) == {"By hand": [], "Synced": missed}
    of_synced = rf"/agiles/{tracker.synced.id}/sprints$"
    for change in (
        lambda: youtrack.fault("status", r"/agiles$", status=500, count=None),
        lambda: youtrack.fault("status", of_synced, status=403, count=None),
        lambda: tracker.hide_board(tracker.synced),
    ):
        change()
        tracker.advance(by=DAY)
        pipeline.load()
        youtrack.faults.clear()
        assert past_projects(pipeline)["Synced"] == missed
    tracker.hide_board(tracker.synced, hidden=False)
    tracker.advance(by=DAY)
    pipeline.load()
    assert past_projects(pipeline)["Synced"] == missed
    tracker.put_on_board(tracker.synced, bbb)
    pipeline.load()
    assert past_projects(pipeline) == {"By hand": [], "Synced": []}


def test_members_that_are_kept_cost_no_request_on_a_quiet_night(
    world: tuple[World, Server], pipeline: Pipeline
) -> None:
    tracker, youtrack = world
    tracker.advance(ms("2026-10-20T04:00:00"))
    pipeline.load(sweep=True)
    asked = youtrack.fault("call", r"/issues$", change=lambda: None, count=None)
    pipeline.load(sweep=False)
    quiet = asked.hits
    tracker.take_off_boards(tracker.project("BBB"))
    pipeline.load(sweep=False)
    asked.hits = 0
    pipeline.load(sweep=False)
    assert asked.hits == quiet


@pytest.fixture
def late() -> World:
    """A project left the boards before the first run; a third board follows a query."""
    tracker = World("AAA", "BBB", "CCC")
    tracker.add_sprints("One", ms("2026-09-07T00:00:00"), ms("2026-09-20T23:59:59.999"))
    for project in tracker.projects[:2]:
        tracker.fill(project)
    aaa, bbb, ccc = tracker.projects
    for board in tracker.boards:
        tracker.take_off_board(board, bbb)
        tracker.take_off_board(board, ccc)
    # a name that the project's own board uses too: whose sprint it was nobody knows
    tracker.add_sprints("Twin", ms("2026-09-07T00:00:00"), ms("2026-09-20T23:59:59.999"))
    own = tracker.add_board("Own", [ccc], is_explicit=False, sync_field=tracker.synced.sync_field)
    tracker.add_sprint(own, "Twin", ms("2026-09-07T00:00:00"), ms("2026-09-20T23:59:59.999"))
    tracker.add_to_sprint(tracker.create_issue(bbb, "twin", team="Red"), own.sprints[0])
    tracker.add_to_sprint(tracker.create_issue(ccc, "own", team="Red"), own.sprints[0])
    query = tracker.add_board(
        "By query", [aaa], is_explicit=False, query="#Unresolved",
        member_of=lambda issue: issue.resolved is None and issue.project is aaa,
    )  # fmt: skip
    tracker.add_sprint(query, "Q", ms("2026-09-07T00:00:00"), ms("2026-09-20T23:59:59.999"))
    tracker.add_sprint(query, "Without dates", None, None)
    tracker.advance(ms("2026-09-22T04:00:00"))
    # named after the sprint was over: no member of it anyway
    tracker.add_to_sprint(tracker.create_issue(bbb, "late", team="Red"), tracker.synced.sprints[0])
    return tracker


def test_boards_that_cannot_be_told_as_they_stood_are_named(
    server: PostgresServer, database: str, project: CopiedProject, late: World
) -> None:
    with start(late) as youtrack:
        environment = {**server.environment(database), **source_environment(youtrack)}
        frozen = "{as_of: 2026-09-22T04:00:00+00:00}"
        completed = project.run("run", "--vars", frozen, environment=environment)
    assert completed.returncode == 0, completed.stderr[-3000:]
    said = completed.stderr
    assert (
        'warn_boards_follow_query (1 row): The board "By query" is filled by a query (sprints: 1), '
        "which tells who is in a sprint now, not who was" in said
    )
    assert (
        'warn_board_projects_unknown (1 row): Closed sprints of the board "Synced" were given to '
        "issues of BBB (issues: 3), which was not on the board when it was first read: if it was "
        "taken off before, these sprints are told without it" in said
    )
    inferred = (
        "select distinct board, is_membership_inferred from marts.fct_sprint_issues order by 1, 2"
    )
    found = execute(server, database, inferred)
    assert [row for row in found if row[0] == "By query"] == [("By query", True)]
    assert ("Synced", False) in found


def check_nights(server: PostgresServer, folder: Path, seed: int) -> None:
    """Draw edits between nights, and hold the closed sprints against those of the night before."""
    rng = random.Random(seed)
    tracker = World("AAA", "BBB", "CCC")
    for number in range(8):
        first = tracker.now + (7 * number - 14) * DAY
        tracker.add_sprints(f"Sprint {number}", first, first + 7 * DAY - 1)
    for project in tracker.projects:
        tracker.fill(project)
    edits = RandomEdits(tracker, rng, deletions=False, renames=False, boards=True)
    with start(tracker) as youtrack:
        for name in fresh_database(server):
            pipeline = Pipeline(server, name, youtrack, folder)
            edits.make(150)
            closed: dict[str, dict[str, list[str]]] = {}
            for _ in range(4):
                marts = pipeline.run(sweep=True)
                assert pipeline.differences() == []
                ids = {row["sprint_id"] for row in marts["dim_sprints"] if row["is_closed"]}
                now = {
                    sprint: {
                        mart: sorted(str(r) for r in marts[mart] if r["sprint_id"] == sprint)
                        for mart in SPRINT_MARTS
                    }
                    for sprint in ids
                }
                assert {sprint: now[sprint] for sprint in closed} == closed
                closed = now
                # what a run has missed stays off: put on again, it would be a present project
                edits.taken_off.clear()
                edits.make(40)
                tracker.advance(by=DAY)
            pipeline.close()


def test_closed_sprints_stand_still_while_projects_leave_the_boards(
    server: PostgresServer, tmp_path: Path
) -> None:
    check_nights(server, tmp_path, 1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_closed_sprints_stand_still_while_projects_leave_the_boards(
    server: PostgresServer, tmp_path: Path, seed: int
) -> None:
    check_nights(server, tmp_path, seed)
