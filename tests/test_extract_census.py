"""Issues that go and come, projects that come into scope and leave it."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from conftest import PostgresServer, fresh_database
from extracting import Extraction, differences, extraction, simulated

from demo.youtrack.server import Server
from extract.census import Look, check
from extract.errors import SourceError
from extract.youtrack.census import Seen
from extract.youtrack.census import _windows as windows
from extract.youtrack.journal import Known
from extract.youtrack.paging import BEGINNING, FOREVER
from extract.youtrack.reader import IDS_A_PAGE


@pytest.fixture
def youtrack() -> Iterator[Server]:
    with simulated() as server:
        yield server


def test_a_first_load_is_the_first_sweep(empty: Extraction) -> None:
    empty.load()
    assert empty.one("select count(*) from raw.issue_census") == 150
    assert empty.rows("select distinct missed_sweeps from raw.issue_census") == [(0,)]


def test_an_issue_is_missing_after_two_sweeps_in_a_row_and_back_after_one(
    loaded: Extraction, youtrack: Server
) -> None:
    company = youtrack.tracker
    deleted, hidden = company.issues_by_created()[10:12]
    company.delete_issue(deleted)
    company.hide_issue(hidden)
    loaded.load()
    assert loaded.is_missing() == set()
    assert loaded.load(sweep=True).kind == "sweep"
    assert loaded.is_missing() == set()
    loaded.load(sweep=True)
    assert loaded.is_missing() == {deleted.id, hidden.id}
    assert loaded.one("select count(*) from raw.issues") == 150
    company.unhide_issue(hidden)
    loaded.load()
    assert loaded.is_missing() == {deleted.id}


def test_a_sweep_comes_once_a_day_by_itself(loaded: Extraction) -> None:
    now = datetime.now(timezone.utc)
    kinds = [loaded.load(as_of=now + timedelta(hours=hours)).kind for hours in (1, 12, 24, 30, 48)]
    assert kinds == ["incremental", "incremental", "sweep", "incremental", "sweep"]
    assert loaded.load(as_of=now + timedelta(hours=90), sweep=False).kind == "incremental"


def test_what_an_issue_did_while_it_was_hidden_is_read_when_it_comes_back(
    loaded: Extraction, clean: Extraction, youtrack: Server
) -> None:
    company = youtrack.tracker
    board = next(board for board in company.boards if board.is_explicit)
    issue = next(i for i in company.issues_by_created() if i.project in board.projects)
    sprint = next(each for each in board.sprints if issue not in company.members(each))
    # neither moves `updated`, and the feed does not tell of a hidden issue
    company.add_to_sprint(issue, sprint)
    company.hide_issue(issue)
    company.advance(by=86_400_000)
    company.touch(company.issues_by_created()[-1])
    loaded.load()
    company.unhide_issue(issue)
    company.advance(by=86_400_000)
    loaded.load()
    clean.load()
    assert differences(loaded.raw(), clean.raw()) == []


def test_a_project_that_comes_back_empty_marks_nothing_until_accepted(
    loaded: Extraction, youtrack: Server
) -> None:
    project = youtrack.tracker.projects[2]
    for issue in [i for i in youtrack.tracker.issues_by_created() if i.project is project]:
        youtrack.tracker.hide_issue(issue)
    for _ in range(2):
        with pytest.raises(SourceError, match=f"{project.short_name}.*--accept-missing"):
            loaded.load(sweep=True)
    assert loaded.rows("select distinct missed_sweeps from raw.issue_census") == [(0,)]
    loaded.load(accept_missing=True)
    assert loaded.one("select count(*) from raw.issue_census where missed_sweeps = 1") > 0
    row = loaded.one("select counts from raw.extract_runs order by finished_at desc limit 1")
    assert row["accepted_missing"] > 0


def test_many_issues_gone_at_once_mark_nothing(loaded: Extraction, youtrack: Server) -> None:
    for issue in youtrack.tracker.issues_by_created()[::7]:
        youtrack.tracker.hide_issue(issue)
    with pytest.raises(SourceError, match="22 of 150 known issues"):
        loaded.load(sweep=True)
    assert loaded.rows("select distinct missed_sweeps from raw.issue_census") == [(0,)]


@pytest.mark.parametrize(("known", "gone"), [(100, 20), (400, 20), (401, 20), (1000, 50)])
def test_the_limit_of_issues_newly_gone_is_twenty_or_a_twentieth(known: int, gone: int) -> None:
    before = {str(n): Known(f"A-{n}", "0-1", 0, 0, 0) for n in range(known)}

    def without(number: int) -> Look:
        seen = {key: Seen(each.id_readable, "0-1", 0, 0) for key, each in before.items()}
        return Look(datetime.now(timezone.utc), dict(list(seen.items())[number:]), before)

    check(without(gone), {})
    with pytest.raises(SourceError, match=f"{gone + 1} of {known} known issues"):
        check(without(gone + 1), {})


def test_a_few_issues_gone_are_no_fault(loaded: Extraction, youtrack: Server) -> None:
    for issue in youtrack.tracker.issues_by_created()[:140:7]:
        youtrack.tracker.hide_issue(issue)
    loaded.load(sweep=True)
    assert loaded.one("select count(*) from raw.issue_census where missed_sweeps = 1") == 20


def test_a_deleted_sprint_stays_with_the_time_it_was_last_seen(
    loaded: Extraction, youtrack: Server
) -> None:
    sprint = youtrack.tracker.boards[0].sprints[3]
    youtrack.tracker.delete_sprint(sprint)
    loaded.load()
    gone = loaded.rows(
        "select id from raw.sprints where seen_at < (select max(seen_at) from raw.sprints)"
    )
    assert gone == [(sprint.id,)]


# --- scope


def in_raw(extractor: Extraction, table: str = "issues") -> dict[str, int]:
    """Rows by the project of their issue."""
    join = "" if table == "issues" else "inner join raw.issues on issues.id = issue_id"
    return dict(
        extractor.rows(
            f"select project ->> 'shortName', count(*) from raw.{table} {join} group by 1"
        )
    )


def test_only_the_named_projects_are_read(clean: Extraction, youtrack: Server) -> None:
    first = youtrack.tracker.projects[0]
    clean.load(projects=(first.short_name.lower(),))
    assert in_raw(clean).keys() == {first.short_name}
    assert clean.one("select scope from raw.extract_runs limit 1") == [first.id]


def test_the_fields_of_other_projects_are_read_for_issues_that_came_from_there(
    clean: Extraction, youtrack: Server
) -> None:
    clean.load(projects=(youtrack.tracker.projects[0].short_name,))
    with_fields = {project.id for project in youtrack.tracker.projects if project.fields}
    assert set(clean.rows("select distinct project_id from raw.custom_fields")) == {
        (project_id,) for project_id in with_fields
    }


def test_a_wider_scope_back_fills_and_a_narrower_one_is_only_recorded(
    server: PostgresServer, clean: Extraction, youtrack: Server, tmp_path: Path
) -> None:
    company = youtrack.tracker
    names = [project.short_name for project in company.projects]
    clean.load(projects=(names[0],))
    company.advance(by=86_400_000)
    assert clean.load(projects=(names[0], names[1])).kind == "backfill"
    assert in_raw(clean).keys() == set(names[:2])
    clean.load(projects=(names[0],))
    assert in_raw(clean).keys() == set(names[:2])
    latest = "select scope from raw.extract_runs order by started_at desc, finished_at desc limit 1"
    assert clean.one(latest) == [company.projects[0].id]
    # what happens out of scope is caught up with when the project is back
    outside = next(i for i in company.issues_by_created() if i.project is company.projects[1])
    company.edit_summary(outside, "Changed out of scope")
    company.advance(by=30 * 86_400_000)
    clean.load(projects=None)
    for name in fresh_database(server):
        other = extraction(server, name, youtrack, tmp_path / "other")
        other.load()
        assert differences(clean.raw(), other.raw()) == []
        other.connection.close()


def test_a_project_that_becomes_readable_is_back_filled(
    server: PostgresServer, clean: Extraction, youtrack: Server, tmp_path: Path
) -> None:
    company = youtrack.tracker
    company.hide_project(company.projects[1])
    clean.load()
    company.advance(by=86_400_000)
    company.unhide_project(company.projects[1])
    assert clean.load().kind == "backfill"
    for name in fresh_database(server):
        other = extraction(server, name, youtrack, tmp_path / "other")
        other.load()
        assert differences(clean.raw(), other.raw()) == []
        other.connection.close()


def test_an_issue_that_moves_into_scope_brings_its_history(
    clean: Extraction, youtrack: Server
) -> None:
    company = youtrack.tracker
    inside, outside = company.projects[:2]
    clean.load(projects=(inside.short_name,))
    issue = next(i for i in company.issues_by_created() if i.project is outside)
    company.advance(by=10 * 86_400_000)
    company.move_issue(issue, inside)
    clean.load(projects=(inside.short_name,))
    assert clean.one("select count(*) from raw.activities where issue_id = %s", issue.id) == len(
        [each for each in issue.activities if each.kind.category.id != "SummaryCategory"]
    )


@pytest.mark.parametrize("number", [0, 1, 1994, 1995, 1996, 7980, 7981, 20_000])
def test_a_sweep_reads_all_time_in_windows_of_whole_pages(number: int) -> None:
    created = [1_700_000_000_000 + 60_000 * (each // 3) for each in range(number)]
    found = list(windows(created))
    starts, ends = zip(*found, strict=True)
    assert (starts[0], ends[-1]) == (BEGINNING, FOREVER)
    assert starts[1:] == ends[:-1]
    assert all(start < end for start, end in found)
    pages = [
        math.ceil(sum(start <= each < end for each in created) / IDS_A_PAGE) for start, end in found
    ]
    assert len(found) <= 4
    assert sum(pages) == math.ceil(number / 1995)


def test_a_sweep_of_issues_of_one_moment_or_of_1970_leaves_no_time_out() -> None:
    for moment in (0, 1, BEGINNING, 1_700_000_000_000):
        found = list(windows([moment] * 5000))
        assert found[0][0] <= moment
        assert found[-1][1] == FOREVER
        assert all(first[1] == second[0] for first, second in zip(found, found[1:], strict=False))
