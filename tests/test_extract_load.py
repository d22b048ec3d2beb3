"""Loads of the simulated YouTrack: raw equals what it holds, after a first run and after many."""

import gc
import random
import shutil
import time
import weakref
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from conftest import PostgresServer, more_draws
from extracting import Extraction, differences, extraction, simulated, what_is_left

from demo.youtrack.server import Server
from extract.arrow import to_arrow
from extract.landing import Landing
from extract.tables import LOADED, Table, key
from extract.youtrack.selection import TABLES


@pytest.fixture
def youtrack() -> Iterator[Server]:
    with simulated() as server:
        yield server


def test_first_load_holds_everything_that_the_tracker_holds(
    empty: Extraction, youtrack: Server
) -> None:
    first = empty.load()
    company, raw = youtrack.tracker, empty.raw()
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
    assert first.kind == "full"
    assert first.warnings == ()
    assert first.data_as_of.timestamp() * 1000 == max(
        max(issue.updated for issue in issues), max(each.timestamp for each in company.feed())
    )


def test_a_quiet_run_changes_nothing_and_asks_little(loaded: Extraction, youtrack: Server) -> None:
    before = loaded.raw()
    report = loaded.load()
    assert differences(before, loaded.raw()) == []
    assert report.kind == "incremental"
    assert report.activities_loaded == 0
    assert report.requests <= 10 + len(youtrack.tracker.boards)


def test_a_quiet_run_after_a_busy_evening_asks_as_little(
    loaded: Extraction, youtrack: Server
) -> None:
    company = youtrack.tracker
    company.advance(by=86_400_000)
    # more than the shortest list that was ever seen cut
    for issue in company.issues_by_created()[:90]:
        company.advance(by=1000)
        company.edit_summary(issue, "Changed")
    # the first sweep learns how long the lists of ids get
    loaded.load(sweep=True)
    before = loaded.raw()
    quiet = loaded.load()
    # what is counted ends with a second of the clock: what ends with the same was counted already
    time.sleep(1)
    swept = loaded.load(sweep=True)
    assert (quiet.kind, swept.kind) == ("incremental", "sweep")
    # whoami twice, projects, users, working day, changes, issues, count twice, boards
    assert quiet.requests == 10 + len(company.boards)
    # and one page of ids
    assert swept.requests == quiet.requests + 1
    assert differences(before, loaded.raw()) == []


@pytest.mark.parametrize("seed", [0, *more_draws(1, 2, 3)])
def test_runs_between_random_edits_end_in_the_raw_of_one_clean_load(
    loaded: Extraction, clean: Extraction, youtrack: Server, seed: int
) -> None:
    rng = random.Random(seed)
    for _ in range(3):
        youtrack.tracker.random_edits(rng, 40)
        loaded.load()
    clean.load()
    expected = clean.raw(without_names=True)
    assert differences(what_is_left(loaded.raw(without_names=True), expected), expected) == []


def test_a_pile_of_issues_and_changes_in_one_moment_is_read_whole(
    loaded: Extraction, clean: Extraction, youtrack: Server
) -> None:
    company = youtrack.tracker
    company.advance(by=86_400_000)
    for number in range(350):
        issue = company.create_issue(company.projects[0], f"Imported {number}")
        for summary in ("a", "b"):
            company.set_points(issue, float(ord(summary)))
    assert loaded.load().issues_loaded >= 350
    clean.load()
    for extractor in (loaded, clean):
        assert extractor.one("select count(*) from raw.issues") == 500
        assert extractor.one(
            "select count(*) from raw.activities where timestamp = %s", company.now
        ) == len([each for each in company.feed() if each.timestamp == company.now])


def test_an_account_without_a_time_zone_is_read_completely(
    clean: Extraction, loaded: Extraction, youtrack: Server
) -> None:
    company = youtrack.tracker
    company.timezone = "Pacific/Kiritimati"
    youtrack.hidden_attributes = {"GeneralUserProfile.timezone"}
    company.random_edits(random.Random(1), 60, renames=False)
    report = loaded.load()
    assert any("time zone" in warning for warning in report.warnings)
    clean.load()
    expected = clean.raw()
    assert len(expected["issues"]) == len(company.issues_by_created())
    assert differences(what_is_left(loaded.raw(), expected), expected) == []


def test_a_profile_that_names_the_wrong_zone_loses_nothing(
    clean: Extraction, youtrack: Server
) -> None:
    company = youtrack.tracker
    company.timezone = "America/Los_Angeles"

    def lie(me: dict) -> dict:
        me["profiles"]["general"]["timezone"]["id"] = "Asia/Tokyo"
        return me

    youtrack.fault("rewrite", r"/users/me", change=lie, count=None)
    report = clean.load()
    assert any("Asia/Tokyo" in warning for warning in report.warnings)
    assert {row[0] for row in clean.rows("select id from raw.issues")} == {
        issue.id for issue in company.issues_by_created()
    }


def test_a_long_pause_is_caught_up_with_in_rounds(
    loaded: Extraction, clean: Extraction, youtrack: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.youtrack.catch_up.CHANGES_A_ROUND", 20)
    monkeypatch.setattr("extract.youtrack.paging.ACTIVITIES_A_PAGE", 10)
    monkeypatch.setattr("extract.youtrack.arrivals.ISSUES_A_PACKAGE", 30)
    youtrack.tracker.random_edits(random.Random(3), 60, renames=False)
    loaded.load()
    assert sum(step == "activities" for step, *_ in loaded.progress) > 3
    clean.load()
    expected = clean.raw()
    assert differences(what_is_left(loaded.raw(), expected), expected) == []


def test_the_folder_of_dlt_may_be_lost(loaded: Extraction, youtrack: Server) -> None:
    loaded.load()
    shutil.rmtree(loaded.folder)
    youtrack.tracker.random_edits(random.Random(5), 10)
    assert loaded.load().kind == "incremental"


def test_all_tables_and_columns_exist_even_when_there_is_nothing_to_hold(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    with simulated(issues=0) as nothing:
        nothing.tracker.boards.clear()
        extractor = extraction(server, database, nothing, tmp_path / "dlt")
        assert extractor.load().kind == "full"
        assert extractor.load().kind == "incremental"
    columns = extractor.rows(
        "select table_name, column_name from information_schema.columns where table_schema = 'raw'"
    )
    assert {
        (table.name, column.name) for table in TABLES for column in table.columns
    } <= set(columns)  # fmt: skip
    extractor.connection.close()


def test_tables_columns_and_dlts_own_that_are_gone_come_back(loaded: Extraction) -> None:
    before = loaded.raw()
    loaded.rows("drop table raw.sprints, raw._dlt_version, raw._dlt_loads")
    loaded.load()
    assert differences(before, loaded.raw()) == []
    loaded.rows("alter table raw.issues drop column resolved")
    loaded.rows("drop schema raw_staging cascade")
    loaded.load()
    assert differences(before, loaded.raw()) == []


DETACHED = (
    "select id from raw.custom_fields as fields where seen_at < "
    "(select max(seen_at) from raw.custom_fields where project_id = fields.project_id)"
)


def test_a_detached_field_stays_and_is_told_from_those_of_a_hidden_project(
    loaded: Extraction, youtrack: Server
) -> None:
    company = youtrack.tracker
    first, second = company.projects[:2]
    team = first.roles["team"]
    company.detach(team)
    company.hide_project(second)
    loaded.load(projects=(first.short_name,))
    assert loaded.rows(DETACHED) == [(team.id,)]
    assert loaded.one("select count(*) from raw.custom_fields where project_id = %s", second.id)
    company.attach(first, team.field, bundle=team.bundle, role="team")
    loaded.load(projects=(first.short_name,))
    assert loaded.rows(DETACHED) == [(team.id,)]


def test_a_project_out_of_scope_that_hides_its_fields_loses_none(
    loaded: Extraction, youtrack: Server
) -> None:
    first = youtrack.tracker.projects[0]
    before = loaded.one("select max(seen_at) from raw.custom_fields")

    def hide(projects: list[dict]) -> list[dict]:
        return [
            each if each["id"] == first.id else {**each, "customFields": []} for each in projects
        ]

    youtrack.fault("rewrite", r"/admin/projects$", change=hide, count=None)
    loaded.load(projects=(first.short_name,))
    assert loaded.rows(
        "select distinct project_id from raw.custom_fields where seen_at > %s", before
    ) == [(first.id,)]
    assert loaded.rows(DETACHED) == []


def test_a_package_leaves_nothing_of_itself_in_memory(empty: Extraction) -> None:
    table = Table("notes", (key("id", "id"), *LOADED))
    landing = Landing(empty.dsn, empty.folder, source="notes", schema="raw_notes", tables=[table])
    now = datetime.now(timezone.utc)
    pages = (to_arrow(table, [{"id": str(number)}], now) for number in range(3))
    kept = weakref.ref(pages)
    gc.disable()
    try:
        landing.load({"notes": pages})
        del pages
        assert kept() is None
    finally:
        gc.enable()
    assert empty.one("select count(*) from raw_notes.notes") == 3
