"""Sprints that are over do not change when people edit their issues later."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PostgresServer, fresh_database
from warehouse import Pipeline

from demo.company import Company
from demo.youtrack.server import Server, start

DAY = 86_400_000
SPRINT_MARTS = ("dim_sprints", "fct_sprint_issues", "agg_sprint_throughput")


@pytest.fixture
def company() -> Iterator[tuple[Company, Server]]:
    """A small company of its own, to be edited."""
    edited = Company(issues=300, seed=11, today="2026-06-17")
    with start(edited) as running:
        yield edited, running


@pytest.fixture
def pipeline(
    server: PostgresServer, company: tuple[Company, Server], tmp_path: Path
) -> Iterator[Pipeline]:
    for name in fresh_database(server):
        made = Pipeline(server, name, company[1], tmp_path)
        yield made
        made.close()


def edit(company: Company) -> dict[str, list[str]]:
    """A batch of later edits to issues of closed sprints; returns the ids it took."""
    draw = random.Random(5)
    company.advance(by=3 * DAY)
    in_sprints = [i for i in company.issues.values() if i.sprints and not i.deleted]
    taken = draw.sample(in_sprints, 60)
    for issue in taken[:15]:
        if issue.resolved:
            company.reopen(issue)
        else:
            company.resolve(issue)
    for issue in taken[15:25]:
        teams = issue.project.roles["team"].bundle.values
        company.set_team(issue, draw.choice(teams).name)
        company.set_points(issue, 13)
    for issue in taken[25:35]:
        company.remove_from_sprint(issue, issue.sprints[0])
    for issue in taken[35:42]:
        other = draw.choice([p for p in company.projects if p is not issue.project])
        company.move_issue(issue, other)
    deleted = taken[42:52]
    for issue in deleted:
        company.delete_issue(issue)
    return {"deleted": [issue.id for issue in deleted]}


def test_rows_of_closed_sprints_stay_after_later_edits_and_deletions(
    company: tuple[Company, Server], pipeline: Pipeline
) -> None:
    tracker, _ = company
    before = pipeline.run(sweep=True)
    closed = {row["sprint_id"] for row in before["dim_sprints"] if row["is_closed"]}
    assert len(closed) > 10
    edited = edit(tracker)
    gone = next(s for b in tracker.boards for s in b.sprints if s.id in closed)
    tracker.delete_sprint(gone)
    # two sweeps in a row make an issue missing
    tracker.advance(by=DAY)
    pipeline.load(sweep=True)
    tracker.advance(by=DAY)
    after = pipeline.run(sweep=True)
    missing = {row["issue_id"] for row in after["fct_issues"] if row["is_missing"]}
    assert missing == set(edited["deleted"])
    assert {r["sprint_id"] for r in after["dim_sprints"] if r["is_missing"]} == {gone.id}
    for mart in SPRINT_MARTS:
        assert rows_of(after, mart, closed) == rows_of(before, mart, closed), mart
    assert pipeline.differences() == []


def rows_of(marts: dict[str, Any], mart: str, sprints: set[str]) -> list[tuple[Any, ...]]:
    """The rows of these sprints, in an order of their own; a sprint's own deletion is no edit."""
    return sorted(
        tuple(sorted((k, str(v)) for k, v in row.items() if k != "is_missing"))
        for row in marts[mart]
        if row["sprint_id"] in sprints
    )
