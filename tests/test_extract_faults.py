"""What a network and a busy server do: retried within limits, told when it does not pass."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from conftest import REPOSITORY, PostgresServer, more_draws
from extracting import Extraction, differences, simulated
from test_extract_guards import assert_complete

from demo.youtrack.server import Server
from extract.errors import DatabaseError, SourceError


@pytest.fixture
def youtrack() -> Iterator[Server]:
    with simulated() as server:
        yield server


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "status", "status": 500},
        {"action": "status", "status": 502},
        {"action": "status", "status": 503},
        {"action": "status", "status": 429, "retry_after": "0"},
        {"action": "status", "status": 429, "retry_after": None},
        {"action": "close"},
        {"action": "reset"},
        {"action": "truncate"},
        {"action": "html"},
        {"action": "stall", "seconds": 1.5},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
def test_what_passes_is_tried_again(empty: Extraction, youtrack: Server, fault: dict) -> None:
    rules = [
        youtrack.fault(path=path, first=2, **fault)
        for path in (r"/issues$", r"/activitiesPage$", r"/sprints$")
    ]
    empty.load()
    assert [rule.hits for rule in rules] == [1, 1, 1]
    assert_complete(empty, youtrack)


def test_a_server_that_stays_ill_ends_the_run_with_its_words(
    empty: Extraction, youtrack: Server
) -> None:
    fault = youtrack.fault("status", r"/issues$", status=502, count=None)
    with pytest.raises(SourceError, match=r"/api/issues failed 4 times.*HTTP 502"):
        empty.load()
    assert fault.hits <= 4 * empty.source.parallel_requests


def test_retry_after_is_honoured(empty: Extraction, youtrack: Server) -> None:
    youtrack.fault("status", r"/agiles$", status=429, retry_after="2")
    began = time.monotonic()
    empty.load()
    assert time.monotonic() - began > 2


def test_a_wait_that_is_too_long_ends_the_run(empty: Extraction, youtrack: Server) -> None:
    youtrack.fault("status", r"/agiles$", status=429, retry_after="86400")
    with pytest.raises(SourceError, match="86400 s"):
        empty.load()


def test_a_page_that_times_out_is_halved(empty: Extraction, youtrack: Server) -> None:
    youtrack.requests = []
    youtrack.fault("stall", r"/issues$", first=3, seconds=1.5)
    empty.load()
    tops = {re.search(r"top=(\d+)", line).group(1) for line in youtrack.requests
            if "/issues?" in line}  # fmt: skip
    assert {"100", "50"} <= tops
    assert_complete(empty, youtrack)


def test_a_token_that_is_revoked_on_the_way_stops_the_run(
    empty: Extraction, youtrack: Server
) -> None:
    youtrack.fault("status", r"/issues$", status=401, first=2, count=None)
    with pytest.raises(SourceError, match="refuses the token.*revoked"):
        empty.load()
    youtrack.faults.clear()
    empty.load()
    assert_complete(empty, youtrack)


def test_a_first_load_goes_on_after_the_last_package(
    empty: Extraction, youtrack: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.youtrack.backfill.ISSUES_A_PACKAGE", 30)
    youtrack.fault("status", r"/issues$", status=401, first=14, count=None)
    with pytest.raises(SourceError):
        empty.load()
    done = empty.one("select max(window_end) from raw.extract_runs")
    loaded = empty.one("select count(*) from raw.issues")
    assert 0 < loaded < 150
    youtrack.faults.clear()
    youtrack.requests = []
    empty.load()
    assert_complete(empty, youtrack)
    assert empty.one("select count(*) from raw.issues where created < %s", done) > 0
    first = next(line for line in youtrack.requests if "created%3A+20" in line)
    assert first.split("created%3A+")[1][:13] > "2024-06-01T00"


def test_an_edit_between_two_pages_loses_nothing(empty: Extraction, youtrack: Server) -> None:
    company = youtrack.tracker

    def edit() -> None:
        company.advance(by=1000)
        for issue in company.issues_by_created()[::7]:
            company.edit_summary(issue, "Changed meanwhile")
        company.delete_issue(company.issues_by_created()[1])

    youtrack.fault("call", r"/(issues|activitiesPage)$", change=edit, first=3, count=6)
    empty.load()
    youtrack.faults.clear()
    empty.load()
    visible = {issue.id: issue.updated for issue in company.issues_by_created()}
    loaded = dict(empty.rows("select id, updated from raw.issues"))
    assert visible.items() <= loaded.items()


def test_a_database_that_goes_away_is_told_and_blocks_nothing(
    empty: Extraction, youtrack: Server, server: PostgresServer
) -> None:
    name = empty.dsn.rsplit("/", 1)[1]
    gone = threading.Event()

    def take_away() -> None:
        """The database shuts while the first package is fetched."""
        if not gone.is_set():
            gone.set()
            execute(server, f"alter database {name} allow_connections false")
            execute(
                server,
                f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'",
            )

    youtrack.fault("call", r"/activitiesPage$", change=take_away, first=2)
    with pytest.raises(DatabaseError, match="not currently accepting connections|terminat|closed"):
        empty.load()
    execute(server, f"alter database {name} allow_connections true")
    empty.connection = server.connect(name)
    empty.load()
    assert_complete(empty, youtrack)


def execute(server: PostgresServer, statement: str) -> None:
    connection = server.connect()
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


KILLED = """
import sys
from datetime import datetime, timezone
from pathlib import Path
sys.path[:0] = {paths!r}
from extracting import IMPATIENT
from extract.tracker import Load
from extract.youtrack.load import Source, load
order = Load(dsn={dsn!r}, run_id="killed", as_of=datetime.now(timezone.utc),
             working_dir=Path({folder!r}), on_progress=lambda *_: None)
load(Source({url!r}, {token!r}), order, patience=IMPATIENT)
"""


@pytest.mark.parametrize("share", [0.45, 0.95, *more_draws(0.2, 0.6, 0.8)])
def test_a_killed_run_repeated_ends_in_the_raw_of_one_clean_load(
    empty: Extraction, clean: Extraction, youtrack: Server, share: float
) -> None:
    clean.load()
    # how many pages are asked for ahead, and in vain, differs from run to run: 32 to 36 in all
    requests = youtrack.stats.requests - 5
    script = KILLED.format(
        paths=[str(REPOSITORY), str(REPOSITORY / "tests")], url=youtrack.url,
        token=youtrack.token, dsn=empty.dsn, folder=str(empty.folder),
    )  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", script], env={**os.environ})
    killing = youtrack.fault("call", change=process.kill, first=int(requests * share))
    assert process.wait() == -signal.SIGKILL
    assert killing.hits == 1
    empty.load()
    assert differences(empty.raw(), clean.raw()) == []


# --- one list that stays ill

LISTS = {
    "users": (r"/users$", "the users"),
    "work time": (r"/workTimeSettings$", "the work-time settings"),
    "boards": (r"/agiles$", "the boards"),
    "sprints": (r"/agiles/[^/]+/sprints$", "the sprints of the board"),
}


# the sprints of boards that are ill are asked for, too: the two would not be told apart
@pytest.mark.parametrize("names", [["users", "work time", "sprints"], ["boards"]], ids=str)
def test_lists_that_stay_ill_are_kept_and_named_with_their_last_reading(
    loaded: Extraction, youtrack: Server, names: list[str]
) -> None:
    read_at = loaded.one("select max(started_at) at time zone 'utc' from raw.extract_runs")
    loaded.rows(
        "update raw.extract_runs set started_at = started_at - interval '2 days', "
        "finished_at = finished_at - interval '2 days'"
    )
    before = loaded.raw()
    lists = [LISTS[name] for name in names]
    faults = [youtrack.fault("status", path, status=500, count=None) for path, _ in lists]
    for _ in range(2):
        report = loaded.load()
        for _, named in lists:
            told = [each for each in report.warnings if each.startswith(named)]
            boards = youtrack.tracker.boards if named.endswith("board") else [None]
            assert len(told) == len(boards), named
            since = (read_at - timedelta(days=2)).strftime("%Y-%m-%d %H:%M UTC")
            assert all(since in each and "HTTP 500" in each for each in told), named
        assert not any("deleted" in each for each in report.warnings)
        assert differences(before, loaded.raw()) == []
        assert missing_boards_and_sprints(loaded) == 0
    for fault in faults:
        fault.count = 0
    report = loaded.load()
    for _, named in lists:
        assert not any(each.startswith(named) for each in report.warnings), named
    assert missing_boards_and_sprints(loaded) == 0


@pytest.mark.parametrize(("path", "named"), LISTS.values(), ids=LISTS.keys())
def test_a_list_that_never_was_read_ends_the_run(
    empty: Extraction, youtrack: Server, path: str, named: str
) -> None:
    youtrack.fault("status", path, status=500, count=None)
    with pytest.raises(SourceError, match="HTTP 500"):
        empty.load()


@pytest.mark.parametrize("path", [r"/admin/projects$", r"/users/me$", r"/issues$"])
def test_a_list_that_is_needed_ends_the_run(
    loaded: Extraction, youtrack: Server, path: str
) -> None:
    youtrack.fault("status", path, status=500, count=None)
    with pytest.raises(SourceError, match="HTTP 500"):
        loaded.load()


def test_a_count_that_never_comes_is_a_warning(empty: Extraction, youtrack: Server) -> None:
    youtrack.fault("status", r"/issuesGetter/count$", status=500, count=None)
    for kind in ("full", "incremental"):
        report = empty.load()
        assert report.kind in (kind, "sweep")
        assert any("did not come to a count" in warning for warning in report.warnings)
    assert_complete(empty, youtrack)


def test_one_ill_board_keeps_its_sprints_and_only_its_own(
    loaded: Extraction, youtrack: Server
) -> None:
    company = youtrack.tracker
    ill, well = company.boards[:2]
    gone, kept, deleted = ill.sprints[0], ill.sprints[1], well.sprints[0]
    company.delete_sprint(gone)
    loaded.load()
    youtrack.fault("status", rf"/agiles/{ill.id}/sprints$", status=500, count=None)
    company.delete_sprint(kept)
    company.delete_sprint(deleted)
    loaded.load()
    missing = {row[0] for row in loaded.rows(MISSING_SPRINTS)}
    # deleted before the fault, deleted on the board that answers; not: the one nobody can see
    assert {gone.id, deleted.id} == missing


def test_a_new_board_whose_sprints_never_came_ends_the_run(
    empty: Extraction, youtrack: Server
) -> None:
    board = youtrack.tracker.boards[0]
    youtrack.tracker.hide_board(board)
    empty.load()
    youtrack.tracker.hide_board(board, hidden=False)
    youtrack.fault("status", rf"/agiles/{board.id}/sprints$", status=500, count=None)
    with pytest.raises(SourceError, match="sprints failed .* HTTP 500"):
        empty.load()


# as staging reads it
MISSING_SPRINTS = (
    "select id from raw.sprints where seen_at < greatest("
    "(select max(seen_at) from raw.boards), (select max(seen_at) from raw.sprints))"
)


def missing_boards_and_sprints(extractor: Extraction) -> int:
    boards = MISSING_SPRINTS.replace("id from raw.sprints where", "id from raw.boards where")
    return len(extractor.rows(f"{MISSING_SPRINTS} union all {boards}"))
