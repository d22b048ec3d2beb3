"""Loads of the simulated Tracker: raw equals what it holds, after a first run and after many."""

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, PostgresServer, Project, more_draws
from loads import (
    Extraction,
    asked_changelogs,
    assert_complete,
    differences,
    entries_of,
    fresh,
    loaded_template,
    simulated,
)

from demo.yandex_tracker.history import sprints_of
from demo.yandex_tracker.server import Server
from demo.yandex_tracker.words import issue_id, issue_key
from extract.errors import ConfigurationError, SourceError
from extract.landing import Landing
from extract.yandex_tracker.journal import YandexTrackerJournal


@pytest.fixture
def tracker() -> Iterator[Server]:
    with simulated() as running:
        running.requests = []
        yield running


@pytest.fixture(scope="module")
def template(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from loaded_template(server, tmp_path_factory.mktemp("dlt"))


@pytest.fixture
def loaded(
    server: PostgresServer, template: str, tracker: Server, tmp_path: Path
) -> Iterator[Extraction]:
    """A database after a first load."""
    yield from fresh(server, tracker, tmp_path / "dlt", template)


@pytest.fixture
def empty(server: PostgresServer, tracker: Server, tmp_path: Path) -> Iterator[Extraction]:
    yield from fresh(server, tracker, tmp_path / "empty")


def test_a_first_load_holds_everything_that_the_tracker_holds(
    empty: Extraction, tracker: Server
) -> None:
    report = empty.load()
    assert_complete(empty, tracker)
    assert (report.kind, report.warnings) == ("full", ())
    assert report.activities_loaded == sum(map(len, entries_of(tracker).values()))
    # each history exactly once
    assert sorted(asked_changelogs(tracker)) == sorted(entries_of(tracker))
    raw = empty.raw()
    words = tracker.words
    assert {
        (sprint["id"], key) for key, row in raw["issues"].items() for sprint in row["sprint"] or ()
    } == {
        (str(words.sprint_id(sprint)), issue_id(issue))
        for issue in tracker.issues()
        for sprint in sprints_of(words, issue)
    }
    assert raw["sprints"].keys() == {
        str(words.sprint_id(sprint))
        for board in words.boards()
        for sprint in words.sprints_of(board)
    }
    assert {row["type"] for row in raw["statuses"].values()} >= {"new", "inProgress", "done"}
    assert {row["queue"] and row["queue"]["key"] for row in raw["fields"].values()} > {None}
    assert {row[0] for row in empty.rows("select missed_sweeps from issue_census")} == {0}


def test_changelogs_are_asked_for_while_issues_still_come(
    empty: Extraction, tracker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.yandex_tracker.changelogs.ISSUES_A_PACKAGE", 7)
    monkeypatch.setattr("extract.yandex_tracker.reader.ISSUES_A_PAGE", 10)
    monkeypatch.setattr("extract.yandex_tracker.arrivals.PAGES_A_PACKAGE", 3)
    empty.load()
    assert_complete(empty, tracker)
    # some of them are under way when the others are looked up
    assert sorted(asked_changelogs(tracker)) == sorted(entries_of(tracker))
    lines = tracker.requests
    searches = [place for place, line in enumerate(lines) if "/_search" in line]
    first = next(place for place, line in enumerate(lines) if "/changelog" in line)
    pages = len(tracker.issues()) // 10
    assert first < searches[pages - 1]


def test_a_quiet_run_changes_nothing_and_asks_little(loaded: Extraction, tracker: Server) -> None:
    before = loaded.raw()
    seen_before = dict(loaded.rows("select id, seen_at from sprints"))
    report = loaded.load()
    assert differences(before, loaded.raw()) == []
    assert (report.kind, report.activities_loaded, report.issues_loaded) == ("incremental", 0, 0)
    assert report.requests == len(tracker.requests) <= 15
    # what was not asked for counts as seen, or it would be taken for deleted
    seen = dict(loaded.rows("select id, seen_at from sprints"))
    assert len(set(seen.values())) == 1
    assert min(seen.values()) > max(seen_before.values())
    assert loaded.one("select count(distinct seen_at) from fields") == 1


def test_a_run_asks_for_what_changed_and_for_nothing_else(
    loaded: Extraction, tracker: Server
) -> None:
    company = tracker.tracker
    company.advance(by=86_400_000)
    changed = company.issues_by_created()[5:8]
    for issue in changed:
        company.edit_summary(issue, "Changed")
    quiet = loaded.load().requests
    assert sorted(asked_changelogs(tracker)) == sorted(map(issue_id, changed))
    # a request for each board and each queue, because something changed
    assert quiet <= 15 + len(changed) + len(company.boards) + len(company.projects)
    assert_complete(loaded, tracker)
    assert loaded.one("select count(*) from issues where summary = 'Changed'") == 3


@pytest.mark.parametrize("seed", [0, *more_draws(1, 2, 3)])
def test_runs_between_random_edits_end_in_the_raw_of_one_clean_load(
    loaded: Extraction, empty: Extraction, tracker: Server, seed: int
) -> None:
    draw = random.Random(seed)
    for _ in range(3):
        tracker.tracker.random_edits(draw, 40)
        loaded.load()
    loaded.load(sweep=True)
    empty.load()
    left, right = loaded.raw(), empty.raw()
    for table in ("issues", "changelog", "issue_changelogs", "sprints", "fields", "queues"):
        # what is gone stays in the one that knew it
        gone = left[table].keys() - right[table].keys()
        assert len(gone) < len(left[table]) / 2
        left[table] = {key: row for key, row in left[table].items() if key not in gone}
    for raw in (left, right):
        for issue in raw["issues"].values():
            # names and types of today are those of the lists
            issue["sprint"] = sorted(sprint["id"] for sprint in issue["sprint"] or ())
            issue["boards"] = sorted(board["id"] for board in issue["boards"] or ())
            issue["status"], issue["status_type"] = issue["status"]["id"], None
            issue["type"] = issue["type"] and issue["type"]["id"]
            issue["priority"] = issue["priority"] and issue["priority"]["id"]
            issue["field_values"] = without_renames(issue["field_values"])
            for name in {"parent", "epic"} & issue["field_values"].keys():
                # nor does one when another issue gets a new key, or goes
                other = issue["field_values"].pop(name)["id"]
                if other in right["issues"]:
                    issue["field_values"][name] = other
        for entry in raw["changelog"].values():
            entry["fields"] = without_renames(entry["fields"])
    assert differences(left, right) == []


def without_renames(values: Any) -> Any:
    """The simulated company's edits name a team `Web  42`. A list's option is a text and no id:
    what was read before the rename keeps the old one, and no `updatedAt` moves."""
    return json.loads(re.sub(r"  \d+", "", json.dumps(values)))


def test_a_long_changelog_is_read_to_its_end(loaded: Extraction, tracker: Server) -> None:
    company = tracker.tracker
    issue = company.issues_by_created()[3]
    for number in range(230):
        company.advance(by=1000)
        company.set_points(issue, float(number))
    loaded.load()
    assert_complete(loaded, tracker)


def test_named_queues_are_read_alone_and_others_when_they_are_named_later(
    empty: Extraction, tracker: Server
) -> None:
    company = tracker.tracker
    first, second = (project.short_name for project in company.projects[:2])
    report = empty.load(queues=(first.lower(),))
    keys = "select distinct queue ->> 'key' from issues order by 1"
    assert empty.rows(keys) == [(first,)]
    assert report.kind == "full"
    tracker.requests.clear()
    report = empty.load(queues=(first, second))
    assert report.kind == "backfill"
    assert empty.rows(keys) == sorted([(first,), (second,)])
    of_the_second = {
        issue_id(each) for each in tracker.issues() if each.project.short_name == second
    }
    assert set(asked_changelogs(tracker)) == of_the_second
    with pytest.raises(ConfigurationError, match="NOPE does not exist.*Readable: "):
        empty.load(queues=(first, "NOPE"))


def test_a_first_load_that_is_cut_off_goes_on_issue_by_issue(
    empty: Extraction, tracker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token expires: said, and nothing that is there is asked for again."""
    monkeypatch.setattr("extract.yandex_tracker.changelogs.ISSUES_A_PACKAGE", 10)
    tracker.fault("status", r"/changelog$", status=401, first=31, count=None)
    with pytest.raises(SourceError, match="refuses the token.*the next run goes on from there"):
        empty.load()
    there = {key for (key,) in empty.rows("select issue_id from issue_changelogs")}
    assert 0 < len(there) < 60
    tracker.faults.clear()
    tracker.requests.clear()
    assert empty.load().kind == "full"
    assert sorted(asked_changelogs(tracker)) == sorted(entries_of(tracker).keys() - there)
    assert_complete(empty, tracker)


KILLS = {
    "before the first issues": (Landing, "load", 0),
    "after half of the issues": (Landing, "load", 2),
    "before the catch-up": (YandexTrackerJournal, "mark", 2),
    "before the last histories are written down": (YandexTrackerJournal, "take_changelogs", 2),
    "at the end": (YandexTrackerJournal, "write", 3),
}


class Killed(BaseException):
    """Nobody catches it, so nothing is written after it."""


@pytest.mark.parametrize("moment", KILLS)
def test_a_run_that_was_killed_is_made_good_by_the_next(
    empty: Extraction, tracker: Server, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr("extract.yandex_tracker.changelogs.ISSUES_A_PACKAGE", 25)
    monkeypatch.setattr("extract.yandex_tracker.reader.ISSUES_A_PAGE", 15)
    monkeypatch.setattr("extract.yandex_tracker.arrivals.PAGES_A_PACKAGE", 2)
    kind, method, calls = KILLS[moment]
    original = getattr(kind, method)
    left = [calls]

    def killed(self: object, *arguments: object, **named: object) -> object:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return original(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(kind, method, killed)
        with pytest.raises(Killed):
            empty.load()
    # what changed meanwhile is not lost either
    tracker.tracker.edit_summary(tracker.tracker.issues_by_created()[0], "Changed meanwhile")
    empty.load()
    assert_complete(empty, tracker)
    assert empty.one("select count(*) from issues where summary = 'Changed meanwhile'") == 1
    assert empty.load().activities_loaded == 0


SCRIPT = """
import os, signal, sys
sys.path[:0] = [{tests!r}, {here!r}]
from datetime import datetime, timezone
from pathlib import Path
from extract.tracker import Load
from extract.yandex_tracker import changelogs
from extract.yandex_tracker.journal import YandexTrackerJournal
from extract.yandex_tracker.load import Source, load
changelogs.ISSUES_A_PACKAGE = 20
original = YandexTrackerJournal.take_changelogs
def take(self, *arguments):
    original(self, *arguments)
    os.kill(os.getpid(), signal.SIGKILL)
YandexTrackerJournal.take_changelogs = take
load(
    Source({token!r}, {organisation!r}, {url!r}),
    Load({dsn!r}, "killed", datetime.now(timezone.utc), Path({folder!r}), lambda *_: None,
         identity="the company"),
)
"""


def test_a_process_that_is_killed_leaves_what_it_had(empty: Extraction, tracker: Server) -> None:
    script = SCRIPT.format(
        tests=str(REPOSITORY / "tests"),
        here=str(REPOSITORY),
        token=tracker.token,
        organisation=tracker.organisation,
        url=tracker.url,
        dsn=empty.dsn,
        folder=str(empty.folder),
    )
    run = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, timeout=60, check=False)
    assert run.returncode == -9
    there = {key for (key,) in empty.rows("select issue_id from issue_changelogs")}
    assert len(there) == 20
    tracker.requests.clear()
    empty.load()
    assert not there & set(asked_changelogs(tracker))
    assert_complete(empty, tracker)


def test_of_two_runs_at_once_one_works_and_one_leaves(
    server: PostgresServer, project: Project, tracker: Server, database: str
) -> None:
    """The one that leaves asks for nothing."""
    environment = {
        **server.environment(database),
        "YANDEX_TRACKER_URL": tracker.url,
        "YANDEX_TRACKER_TOKEN": tracker.token,
        "YANDEX_TRACKER_ORG_ID": tracker.organisation,
    }
    # long enough that both are there
    tracker.latency_ms = 50
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(Project(project.root).run, "load", environment=environment)
            for _ in range(2)
        ]
    assert sorted(run.result().returncode for run in runs) == [0, 75]
    assert sorted(asked_changelogs(tracker)) == sorted(entries_of(tracker))
    with closing(server.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("select status from ops.pipeline_runs")
        assert cursor.fetchall() == [("OK",)]
        cursor.execute("select count(*) from raw_yandex_tracker.issues")
        assert cursor.fetchone() == (len(tracker.issues()),)


def test_deleted_issues_are_missing_after_two_sweeps_and_hidden_ones_come_back(
    loaded: Extraction, tracker: Server
) -> None:
    company = tracker.tracker
    deleted, hidden = company.issues_by_created()[10:12]
    company.delete_issue(deleted)
    company.hide_issue(hidden)
    # the count tells it, and raw is compared once
    assert loaded.load().kind == "incremental"
    searches = sum("_search" in line for line in tracker.requests)
    tracker.requests.clear()
    loaded.load()
    assert sum("_search" in line for line in tracker.requests) < searches
    assert loaded.load(sweep=True).kind == "sweep"
    assert loaded.is_missing() == set()
    loaded.load(sweep=True)
    assert loaded.is_missing() == {issue_key(deleted), issue_key(hidden)}
    company.unhide_issue(hidden)
    loaded.load()
    assert loaded.is_missing() == {issue_key(deleted)}


def test_a_sweep_is_due_once_a_day(loaded: Extraction) -> None:
    assert loaded.load().kind == "incremental"
    loaded.as_of += timedelta(hours=21)
    assert loaded.load().kind == "sweep"
    assert loaded.load().kind == "incremental"


def test_an_issue_that_moves_keeps_its_id_and_changes_its_key(
    loaded: Extraction, tracker: Server
) -> None:
    company = tracker.tracker
    issue = company.issues_by_created()[20]
    target = next(each for each in company.projects if each is not issue.project)
    key = issue_key(issue)
    company.move_issue(issue, target)
    loaded.load()
    [row] = loaded.rows(
        "select key, aliases, queue ->> 'key' from issues where id = %s", issue_id(issue)
    )
    assert row == (issue_key(issue), [key], target.short_name)
    assert_complete(loaded, tracker)


def test_an_issue_that_moves_out_of_scope_is_followed_and_not_missed(
    empty: Extraction, tracker: Server
) -> None:
    company = tracker.tracker
    queue, other = company.projects[:2]
    empty.load(queues=(queue.short_name,))
    issue = next(each for each in company.issues_by_created() if each.project is queue)
    company.move_issue(issue, other)
    for _ in range(2):
        empty.load(queues=(queue.short_name,), sweep=True)
    assert empty.is_missing() == set()
    moved = "select queue ->> 'key' from issues where id = %s"
    assert empty.one(moved, issue_id(issue)) == other.short_name


def test_many_issues_gone_at_once_are_not_believed(loaded: Extraction, tracker: Server) -> None:
    company = tracker.tracker
    for issue in company.issues_by_created()[:30]:
        company.hide_issue(issue)
    with pytest.raises(SourceError, match="30 of 60 known issues.*--accept-missing"):
        loaded.load(sweep=True)
    assert loaded.one("select max(missed_sweeps) from issue_census") == 0
    loaded.load(accept_missing=True)
    assert loaded.one("select sum(missed_sweeps) from issue_census") == 30


def test_a_queue_that_vanishes_is_out_of_reach_and_not_empty(
    loaded: Extraction, tracker: Server
) -> None:
    company = tracker.tracker
    queue = company.projects[1]
    company.hide_project(queue)
    report = loaded.load(sweep=False)
    told = f"no longer readable by the token's account: {queue.short_name}"
    assert any(told in warning for warning in report.warnings)
    with pytest.raises(SourceError, match=f"no issue of {queue.short_name} comes back any more"):
        loaded.load(sweep=True)
    company.unhide_project(queue)
    # its past is read again
    assert loaded.load(sweep=True).kind == "backfill"
    assert_complete(loaded, tracker)


def test_a_change_that_moves_no_moment_is_found_by_the_sweep(
    loaded: Extraction, tracker: Server
) -> None:
    """The version grows and `updatedAt` stands still: no search by it shows the issue."""
    key = issue_id(tracker.issues()[30])
    was = loaded.rows("update issues set version = version - 1, summary = 'old' where id = %s "
                      "returning version", key)  # fmt: skip
    loaded.load()
    assert loaded.rows("select version from issues where id = %s", key) == was
    tracker.requests.clear()
    loaded.load(sweep=True)
    assert loaded.one("select summary from issues where id = %s", key) != "old"
    assert asked_changelogs(tracker) == [key]


def test_a_changelog_that_lags_behind_its_issue_is_read_again(
    loaded: Extraction, tracker: Server
) -> None:
    company = tracker.tracker
    issue = company.issues_by_created()[40]
    company.advance(to=loaded.as_of)
    company.set_points(issue, 13)
    late = tracker.fault("rewrite", r"/changelog$", change=lambda rows: rows[:-1])
    loaded.load()
    assert late.hits == 1
    with pytest.raises(AssertionError):
        assert_complete(loaded, tracker)
    loaded.load()
    assert_complete(loaded, tracker)


def test_an_issue_whose_changelog_knows_more_is_looked_at_again(
    loaded: Extraction, tracker: Server
) -> None:
    company = tracker.tracker
    issue = company.issues_by_created()[50]
    company.advance(by=86_400_000)
    company.edit_summary(issue, "First")

    def edit_meanwhile() -> None:
        company.advance(by=60_000)
        company.edit_summary(issue, "Second")

    tracker.fault("call", r"/changelog$", change=edit_meanwhile)
    loaded.load()
    assert loaded.one("select summary from issues where id = %s", issue_id(issue)) == "Second"
    assert_complete(loaded, tracker)


def test_what_changed_is_read_though_the_clock_of_this_machine_is_ahead(
    loaded: Extraction, tracker: Server
) -> None:
    """By it, the last run was months after the change that comes now."""
    company = tracker.tracker
    company.advance(by=5 * 86_400_000)
    company.edit_summary(company.issues_by_created()[55], "Changed")
    loaded.load()
    assert loaded.one("select count(*) from issues where summary = 'Changed'") == 1


def test_an_older_version_s_tables_get_their_columns_and_the_past_in_them(
    loaded: Extraction, tracker: Server
) -> None:
    before = loaded.raw()
    loaded.rows("alter table issues drop column status_type")
    loaded.rows("alter table changelog drop column transport")
    loaded.load()
    assert differences(before, loaded.raw()) == []


def test_another_organisation_is_refused_and_a_moved_one_compared(
    loaded: Extraction, tracker: Server
) -> None:
    with pytest.raises(ConfigurationError, match="holds the data of the company"):
        loaded.load(identity=None)
    report = loaded.load(identity=None, source_moved=True)
    assert any("50 issue(s) by id and moment of creation" in each for each in report.warnings)
    loaded.rows("update queues set key = 'ELSE' where id = '1'")
    with pytest.raises(ConfigurationError, match="the queue ELSE in raw is"):
        loaded.load(identity="elsewhere", source_moved=True)
