"""Loads of the simulated YouTrack: raw equals what it holds, after a first run and after many."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PostgresServer, fresh_database
from extracting import Extraction, differences, extraction, simulated

from demo.server import Server


@pytest.fixture
def youtrack() -> Iterator[Server]:
    with simulated() as server:
        yield server


@pytest.fixture
def loaded(
    server: PostgresServer, database: str, youtrack: Server, tmp_path: Path
) -> Iterator[Extraction]:
    """A database after a first load."""
    extractor = extraction(server, database, youtrack, tmp_path / "dlt")
    extractor.first = extractor.load()
    yield extractor
    extractor.connection.close()


@pytest.fixture
def clean(server: PostgresServer, youtrack: Server, tmp_path: Path) -> Iterator[Extraction]:
    """An empty database, for the one clean load to compare with."""
    for name in fresh_database(server):
        extractor = extraction(server, name, youtrack, tmp_path / "clean")
        yield extractor
        extractor.connection.close()


def test_first_load_holds_everything_that_the_tracker_holds(
    loaded: Extraction, youtrack: Server
) -> None:
    company, raw = youtrack.tracker, loaded.raw()
    issues = company.issues_by_created()
    assert {key: row["id_readable"] for key, row in raw["issues"].items()} == {
        issue.id: issue.id_readable for issue in issues
    }
    kept = {"CustomFieldCategory", "SprintCategory", "IssueCreatedCategory",
            "IssueResolvedCategory", "ProjectCategory"}  # fmt: skip
    told = {each.id for each in company.feed() if each.kind.category.id in kept}
    assert raw["activities"].keys() == told
    members = {
        sprint.id: {issue.id for issue in company.members(sprint)}
        for board in company.boards
        for sprint in board.sprints
    }
    assert {
        key: {issue["id"] for issue in row["issues"]} for key, row in raw["sprints"].items()
    } == members
    assert loaded.first.kind == "full"
    assert loaded.first.warnings == ()
    assert loaded.first.data_as_of.timestamp() * 1000 == max(
        max(issue.updated for issue in issues), max(each.timestamp for each in company.feed())
    )


def test_a_quiet_run_changes_nothing_and_asks_little(loaded: Extraction, youtrack: Server) -> None:
    before = loaded.raw()
    report = loaded.load()
    assert differences(before, loaded.raw()) == []
    assert report.kind == "incremental"
    assert report.activities_loaded == 0
    assert report.requests <= 10 + len(youtrack.tracker.boards)


@pytest.mark.parametrize("seed", range(4))
def test_runs_between_random_edits_end_in_the_raw_of_one_clean_load(
    loaded: Extraction, clean: Extraction, youtrack: Server, seed: int
) -> None:
    rng = random.Random(seed)
    for _ in range(3):
        youtrack.tracker.random_edits(rng, 40)
        loaded.load()
    clean.load()
    raw, expected = loaded.raw(without_names=True), clean.raw(without_names=True)
    for table in ("issues", "activities", "sprints"):
        # what only earlier runs could know stays
        raw[table] = {key: row for key, row in raw[table].items() if key in expected[table]}
    assert differences(raw, expected) == []
