"""Servers that keep the documented contract and differ where nothing is documented.

The simulated YouTrack is one reading of the document. Each test changes one of its habits to
another that the document allows; raw must be as complete as ever, or the run must say why not.
"""

import gzip
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import PostgresServer, fresh_database, more_draws
from extracting import IMPATIENT, Extraction, extraction, simulated
from flask import request
from test_extract_guards import assert_complete

from demo.serving import Refused
from demo.youtrack.server import Server, failure
from extract.client import _retry_after
from extract.errors import SourceError
from extract.findings import Findings
from extract.youtrack.client import YouTrackClient
from extract.youtrack.reader import Reader

LISTS = r"/(users|projects|agiles|sprints|customFields)$"


@pytest.fixture
def youtrack() -> Iterator[Server]:
    with simulated() as server:
        yield server


def rewrite(youtrack: Server, path: str, change: Callable[[Any], Any], **options: Any) -> None:
    """Change every answer of a path."""
    youtrack.fault("rewrite", path, change=change, **{"count": None, **options})


def assert_catalogue(extractor: Extraction, youtrack: Server) -> None:
    """Raw has every project, field, user, board and sprint of the tracker."""
    company = youtrack.tracker
    expected = {
        "projects": {project.id for project in company.projects},
        "custom_fields": {field.id for project in company.projects for field in project.fields},
        "users": {user.id for user in company.users},
        "boards": {board.id for board in company.boards},
        "sprints": {sprint.id for board in company.boards for sprint in board.sprints},
    }
    found = {
        table: {row[0] for row in extractor.rows(f"select id from raw.{table}")}
        for table in expected
    }
    assert found == expected


# --- readable ids


def remember_old_ids(youtrack: Server) -> None:
    """Let an issue be found by the readable ids that it had before it moved."""
    company = youtrack.tracker
    old = {issue.id_readable: issue for issue in company.issues_by_created()}
    find = company.find
    company.find = lambda reference: find(reference) or old.get(reference)


def test_an_old_readable_id_may_lead_to_the_moved_issue(youtrack: Server) -> None:
    company = youtrack.tracker
    stays, moves = company.issues_by_created()[:2]
    remember_old_ids(youtrack)
    old = moves.id_readable
    other = next(each for each in company.projects if each is not moves.project)
    company.move_issue(moves, other)
    reader = Reader(YouTrackClient(youtrack.url, youtrack.token, patience=IMPATIENT), Findings())
    reader.introduce()
    assert [issue["id"] for issue in reader.named([old])] == [moves.id]
    assert {issue["id"] for issue in reader.named([old, stays.id_readable, "NO-1"])} == {
        stays.id, moves.id,
    }  # fmt: skip


def test_a_query_with_an_unknown_id_may_find_nothing(loaded: Extraction, youtrack: Server) -> None:
    company = youtrack.tracker
    company.advance(by=86_400_000)
    created = [company.create_issue(company.projects[0], f"New {n}") for n in range(6)]
    for issue in company.issues_by_created()[:6]:
        company.set_points(issue, 77.0, by_workflow=True)
    company.advance(by=1000)

    def names_a_hidden_one() -> bool:
        query = request.args.get("query") or request.args.get("issueQuery") or ""
        found = re.match(r"issue id: ([^:]+?)(?: sort by.*)?$", query)
        named = [company.find(each.strip()) for each in found[1].split(",")] if found else []
        return any(issue is None or not issue.is_visible for issue in named)

    def nothing(answer: Any) -> Any:
        if not names_a_hidden_one():
            return answer
        return [] if isinstance(answer, list) else {**answer, "activities": [], "hasAfter": False}

    rewrite(youtrack, r"/(issues|activitiesPage)$", nothing)
    # one of each batch goes after the feed named it, and before it is asked for
    gone = [created[2], company.issues_by_created()[3]]
    youtrack.fault("call", r"/issues$", change=lambda: [company.hide_issue(i) for i in gone],
                   first=2, count=1)  # fmt: skip
    loaded.load()
    rows = dict(loaded.rows("select id, custom_fields::text from raw.issues"))
    for issue in company.issues_by_created()[:5]:
        assert "77" in rows[issue.id]
    told = {row[0] for row in loaded.rows("select distinct issue_id from raw.activities")}
    assert {issue.id for issue in created if issue.is_visible} <= told


# --- paging


def test_has_after_may_speak_of_the_whole_feed(empty: Extraction, youtrack: Server) -> None:
    rewrite(youtrack, r"/activitiesPage$", lambda page: {**page, "hasAfter": True})
    empty.load()
    assert_complete(empty, youtrack)


@pytest.mark.parametrize("cap", [4, 99])
def test_a_feed_without_a_usable_cursor_is_read_by_time(
    empty: Extraction, youtrack: Server, cap: int
) -> None:
    def without_cursor(page: dict) -> dict:
        return {**page, "activities": page["activities"][:cap], "afterCursor": None}

    rewrite(youtrack, r"/activitiesPage$", without_cursor)
    empty.load()
    assert_complete(empty, youtrack)
    company = youtrack.tracker
    company.advance(by=86_400_000)
    for issue in company.issues_by_created()[:100]:
        company.set_points(issue, 55.0)
    with pytest.raises(SourceError, match="cut inside a single moment"):
        empty.load()


def test_short_lists_may_not_know_skip(empty: Extraction, youtrack: Server) -> None:
    page = {}

    def whole(answer: list) -> list:
        # what the first page of this path held
        return page.setdefault(request.path, answer)

    rewrite(youtrack, LISTS, whole)
    empty.load()
    assert_catalogue(empty, youtrack)


@pytest.mark.parametrize("cap", [2, 5])
def test_short_lists_may_be_cut_anywhere(empty: Extraction, youtrack: Server, cap: int) -> None:
    youtrack.hidden_attributes = {"Project.customFields"}
    rewrite(youtrack, LISTS, lambda answer: answer[:cap])
    empty.load()
    assert_catalogue(empty, youtrack)


def test_the_ends_of_a_window_may_be_left_out(empty: Extraction, youtrack: Server) -> None:
    def exclusive(page: dict) -> dict:
        start, end = int(request.args["start"]), int(request.args["end"])
        kept = [each for each in page["activities"] if start < each["timestamp"] < end]
        return {**page, "activities": kept}

    rewrite(youtrack, r"/activitiesPage$", exclusive)
    empty.load()
    assert_complete(empty, youtrack)


# --- counting


@pytest.mark.parametrize("status", [403, 404])
def test_a_server_that_does_not_count_is_looked_at_instead(
    empty: Extraction, youtrack: Server, status: int
) -> None:
    youtrack.fault("status", r"/issuesGetter/count$", status=status, count=None)
    report = empty.load()
    assert any("count" in warning for warning in report.warnings)
    assert_complete(empty, youtrack)


@pytest.mark.parametrize("answer", [{"count": None}, {}, {"error": "server_error"}])
def test_a_count_that_is_no_number_is_told(
    empty: Extraction, youtrack: Server, answer: dict
) -> None:
    rewrite(youtrack, r"/issuesGetter/count$", lambda _: answer)
    report = empty.load()
    assert any("count" in warning for warning in report.warnings)
    assert_complete(empty, youtrack)


# --- a busy server


def test_retry_after_nothing_still_backs_off(youtrack: Server) -> None:
    client = YouTrackClient(youtrack.url, youtrack.token, patience=IMPATIENT)
    for retry_after in ("0", "Thu, 01 Jan 2015 00:00:00 GMT"):
        youtrack.fault("status", r"/users/me$", status=429, retry_after=retry_after, count=3)
        began = time.monotonic()
        client.connect("users/me", "id")
        # half of 0.02, 0.04 and 0.08 s at the least
        assert time.monotonic() - began >= 0.07


def test_a_date_to_come_back_is_read_by_the_servers_clock() -> None:
    until, now = "Wed, 21 Oct 2026 07:30:30 GMT", "Wed, 21 Oct 2026 07:30:00 GMT"
    assert _retry_after(until, now) == 30
    assert _retry_after("7", None) == 7
    assert _retry_after("soon", now) is None
    assert _retry_after(now, until) == 0
    later = datetime.fromtimestamp(time.time() + 100, timezone.utc)
    assert 90 < _retry_after(f"{later:%a, %d %b %Y %H:%M:%S} GMT", None) <= 100


def test_a_server_that_is_busy_at_the_first_request_is_waited_for(
    empty: Extraction, youtrack: Server
) -> None:
    fault = youtrack.fault("status", r"/users/me$", status=503, count=3)
    empty.load()
    assert fault.hits == 3


@pytest.mark.parametrize("status", [408, 504, 524])
def test_a_page_that_a_gateway_does_not_wait_for_is_halved(
    empty: Extraction, youtrack: Server, status: int
) -> None:
    def too_long() -> None:
        if int(request.args.get("$top", 0)) > 40:
            raise Refused(failure(status))

    youtrack.fault("call", r"/(issues|sprints)$", change=too_long, count=None)
    empty.load()
    assert_complete(empty, youtrack)


# --- rights


@pytest.mark.parametrize("status", [403, 404])
def test_a_board_whose_sprints_cannot_be_read_is_told(
    empty: Extraction, youtrack: Server, status: int
) -> None:
    board = youtrack.tracker.boards[0]
    youtrack.fault("status", rf"/agiles/{board.id}/sprints$", status=status, count=None)
    report = empty.load()
    assert any(board.name in warning for warning in report.warnings)
    boards = {row[0] for row in empty.rows("select id from raw.boards")}
    assert boards == {each.id for each in youtrack.tracker.boards} - {board.id}


def test_a_token_that_turns_into_a_guest_in_a_quiet_run_is_noticed(
    loaded: Extraction, youtrack: Server
) -> None:
    youtrack.fault("guest", r"/users/me", first=2, count=None)
    with pytest.raises(Exception, match="guest|account"):
        loaded.load()


# --- clocks


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_that_is_wrong_by_more_than_a_year_loses_nothing(
    server: PostgresServer, database: str, tmp_path: Path, days: int
) -> None:
    now = datetime.fromtimestamp(time.time() + days * 86_400, timezone.utc)
    with simulated(issues=100, today=f"{now:%Y-%m-%d}") as youtrack:
        extractor = extraction(server, database, youtrack, tmp_path / "dlt")
        extractor.load()
        assert_complete(extractor, youtrack)
        youtrack.tracker.random_edits(random.Random(4), 40, deletions=False)
        extractor.load()
        assert_complete(extractor, youtrack)
        updated = dict(extractor.rows("select id, updated from raw.issues"))
        extractor.connection.close()
        assert updated == {i.id: i.updated for i in youtrack.tracker.issues_by_created()}


# --- odd contents


def test_changes_may_have_no_target_and_no_field(empty: Extraction, youtrack: Server) -> None:
    def without(page: dict) -> dict:
        for each in page["activities"]:
            if each["timestamp"] % 3 == 0:
                each["target"] = each["field"] = None
        return page

    rewrite(youtrack, r"/activitiesPage$", without)
    empty.load()
    empty.load()
    assert_complete(empty, youtrack)


def test_a_title_that_looks_like_the_end_of_a_copy_is_loaded(
    empty: Extraction, youtrack: Server
) -> None:
    issue = youtrack.tracker.issues_by_created()[0]
    title = 'first\n\\.\nlast "quoted"\r\n\\.'
    issue.summary = title
    empty.load()
    assert empty.one("select summary from raw.issues where id = %s", issue.id) == title


# --- boards


def crowd(youtrack: Server, members: int) -> list[Any]:
    """Two sprints of one board, each with so many issues more."""
    company = youtrack.tracker
    board = next(each for each in company.boards if each.is_explicit)
    for sprint in board.sprints[:2]:
        for _ in range(members):
            company.add_to_sprint(company.create_issue(board.projects[0], "One more"), sprint)
    return board.sprints[:2]


def test_lists_of_members_that_are_cut_are_told(empty: Extraction, youtrack: Server) -> None:
    crowd(youtrack, 30)

    def cut(sprints: list) -> list:
        return [{**sprint, "issues": sprint["issues"][:25]} for sprint in sprints]

    rewrite(youtrack, r"/sprints$", cut)
    for _ in range(2):
        assert any("members may be cut" in warning for warning in empty.load().warnings)


def test_long_lists_of_members_are_believed_when_the_search_agrees(
    empty: Extraction, youtrack: Server
) -> None:
    crowd(youtrack, 30)
    assert empty.load().warnings == ()


def test_boards_of_one_name_whose_sprints_share_one_draw_no_warning(
    empty: Extraction, youtrack: Server
) -> None:
    company = youtrack.tracker
    sprint = crowd(youtrack, 30)[0]
    # as many as some server's longest list
    for _ in range(100 - len(company.members(sprint))):
        company.add_to_sprint(company.create_issue(sprint.board.projects[0], "Here"), sprint)
    other = next(each for each in company.boards if each.is_explicit and sprint not in each.sprints)
    company.add_to_sprint(company.create_issue(other.projects[0], "There"), other.sprints[0])
    company.rename_sprint(other.sprints[0], sprint.name)
    company.rename_board(other, sprint.board.name)
    assert empty.load().warnings == ()
    youtrack.requests = []
    assert empty.load().warnings == ()
    assert sum("issuesGetter" in line for line in youtrack.requests) <= 2


def test_a_board_that_shows_no_sprint_any_more_is_told(
    loaded: Extraction, youtrack: Server
) -> None:
    board = youtrack.tracker.boards[0]
    once = youtrack.fault("empty", rf"/agiles/{board.id}/sprints$")
    assert loaded.load().warnings == ()
    assert once.hits == 1
    once.count = None
    assert any(board.name in warning for warning in loaded.load().warnings)


# --- projects


@pytest.mark.parametrize("name", ["OR", "ПРОЕКТ", "to", "MY_APP", "A-B"])
def test_a_project_may_be_called_anything(empty: Extraction, youtrack: Server, name: str) -> None:
    company = youtrack.tracker
    first, second = company.projects[:2]
    company.rename_project(first, short_name=name)
    empty.load(projects=(name.lower(), second.short_name))
    company.advance(by=86_400_000)
    for issue in company.issues_by_created()[::5]:
        company.edit_summary(issue, "Changed")
    empty.load(projects=(name.lower(), second.short_name), sweep=True)
    assert dict(empty.rows("select id, updated from raw.issues")) == {
        issue.id: issue.updated
        for issue in company.issues_by_created()
        if issue.project in (first, second)
    }


def test_a_query_that_names_too_many_projects_is_asked_without_names(
    empty: Extraction, youtrack: Server
) -> None:
    youtrack.tracker.projects[0].archived = True

    def too_long() -> None:
        if "project:" in request.args.get("query", ""):
            raise Refused(failure(414))

    youtrack.fault("call", r"/issues$", change=too_long, count=None)
    report = empty.load()
    assert any("archived" in warning for warning in report.warnings)
    assert_complete(empty, youtrack)


def test_one_project_with_one_issue_is_a_tracker(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    with simulated(issues=1) as youtrack:
        extractor = extraction(server, database, youtrack, tmp_path / "dlt")
        issue = youtrack.tracker.issues_by_created()[0]
        for _ in range(2):
            extractor.load(projects=(issue.project.short_name,), sweep=True)
            assert extractor.rows("select id from raw.issues") == [(issue.id,)]
        youtrack.tracker.delete_issue(issue)
        with pytest.raises(SourceError, match="--accept-missing"):
            extractor.load(sweep=True)
        extractor.connection.close()


def test_who_left_a_sprint_is_asked_by_the_present_name_of_the_project(
    loaded: Extraction, youtrack: Server
) -> None:
    company = youtrack.tracker
    board = next(each for each in company.boards if each.is_explicit)
    sprint = next(each for each in board.sprints if len(company.members(each)) > 1)
    leaves, stays = company.members(sprint)[:2]
    company.rename_project(leaves.project, short_name="RENAMED")
    # as after an edit of the board: nothing in the feed tells of it
    with company.lock:
        company._part(leaves, sprint)
        company.version += 1
    loaded.load()
    row = loaded.one("select issues from raw.sprints where id = %s", sprint.id)
    members = {issue["id"] for issue in row}
    assert stays.id in members
    assert leaves.id not in members


def test_a_project_that_is_no_longer_readable_is_told(loaded: Extraction, youtrack: Server) -> None:
    project = youtrack.tracker.projects[1]
    youtrack.tracker.hide_project(project)
    assert any(project.short_name in warning for warning in loaded.load(sweep=False).warnings)
    with pytest.raises(SourceError, match=f"{project.short_name}.*--accept-missing"):
        loaded.load(sweep=True)


def test_an_issue_that_is_away_while_its_changes_are_read_has_its_whole_history(
    empty: Extraction, youtrack: Server
) -> None:
    company = youtrack.tracker
    inside, outside = company.projects[:2]
    issue = next(i for i in company.issues_by_created() if i.project is inside)
    company.advance(by=86_400_000)
    is_away = threading.Event()

    def move() -> None:
        start, end = int(request.args["start"]), int(request.args["end"])
        if not start and not is_away.is_set():
            company.move_issue(issue, outside)
            is_away.set()
        elif start and end > company.now and is_away.wait(5) and issue.project is outside:
            # the last window, by a tracker whose clock is behind ours
            time.sleep(0.5)
            company.move_issue(issue, inside)

    youtrack.fault("call", r"/activitiesPage$", change=move, count=None)
    empty.load(projects=(inside.short_name,))
    assert issue.project is inside
    told = {
        row[0] for row in empty.rows("select id from raw.activities where issue_id = %s", issue.id)
    }
    assert {a.id for a in issue.activities if a.kind.category.id != "SummaryCategory"} <= told


@pytest.mark.parametrize("seed", [2, *more_draws(0, 1)])
def test_issues_that_move_while_they_are_read_are_read_once(
    server: PostgresServer, empty: Extraction, youtrack: Server, tmp_path: Path, seed: int
) -> None:
    company, draw = youtrack.tracker, random.Random(seed)
    inside = tuple(project.short_name for project in company.projects[:2])
    empty.load(projects=inside[:1])
    company.advance(by=86_400_000)

    def move() -> None:
        company.advance(by=700)
        for issue in draw.sample(company.issues_by_created(), 5):
            company.move_issue(issue, draw.choice(company.projects))

    moving = youtrack.fault("call", r"/(issues|activitiesPage)$", change=move, first=2, count=25)
    empty.load(projects=inside)
    assert moving.hits
    moving.count = 0
    empty.load(projects=inside)
    rows = dict(empty.rows("select id, id_readable from raw.issues"))
    visible = [
        issue for issue in company.issues_by_created() if issue.project in company.projects[:2]
    ]
    assert {issue.id: issue.id_readable for issue in visible}.items() <= rows.items()
    for name in fresh_database(server):
        clean = extraction(server, name, youtrack, tmp_path / "clean")
        clean.load(projects=inside)
        wanted, found = clean.raw(), empty.raw()
        clean.connection.close()
    for table in ("issues", "activities"):
        assert wanted[table].items() <= found[table].items()


# --- what changes between two runs


# in the middle of what changed, at its end, and beyond it
@pytest.mark.parametrize("cap", [42, 89, 90, 91])
def test_a_cap_that_is_new_since_the_last_run_is_noticed(
    loaded: Extraction, youtrack: Server, cap: int
) -> None:
    company = youtrack.tracker
    company.advance(by=86_400_000)
    for issue in company.issues_by_created()[:90]:
        company.advance(by=1000)
        # told by no change that is asked for
        company.edit_summary(issue, "Changed")
    youtrack.fault("cap", r"/issues$", cap=cap, count=None)
    loaded.load(sweep=False)
    assert dict(loaded.rows("select id, updated from raw.issues")) == {
        issue.id: issue.updated for issue in company.issues_by_created()
    }


def test_issues_that_do_not_come_newest_first_as_asked_are_an_error(
    loaded: Extraction, youtrack: Server
) -> None:
    def oldest_first(answer: list) -> list:
        return answer[::-1] if "updated desc" in request.args.get("query", "") else answer

    rewrite(youtrack, r"/issues$", oldest_first)
    with pytest.raises(SourceError, match="does not sort as asked.*updated desc"):
        loaded.load()


# --- the connection


class Gateway(BaseHTTPRequestHandler):
    """Hands on to a server, compressed and in chunks, and hangs up without a word."""

    protocol_version = "HTTP/1.1"
    behind = ""

    def do_GET(self) -> None:
        self.pass_on(None)

    def do_POST(self) -> None:
        self.pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def pass_on(self, body: bytes | None) -> None:
        headers = {name: self.headers[name] for name in ("Authorization", "Content-Type")
                   if name in self.headers}  # fmt: skip
        url = self.behind + self.path.removeprefix("/tracker")
        answer = requests.request(self.command, url, data=body, headers=headers, timeout=30)
        self.send_response(answer.status_code)
        self.send_header("Content-Type", "Application/JSON; charset=UTF-8")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        packed = gzip.compress(answer.content)
        for first in range(0, len(packed), 5000):
            part = packed[first : first + 5000]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_gateway_may_compress_cut_into_chunks_and_hang_up(
    empty: Extraction, youtrack: Server
) -> None:
    handler = type("Handler", (Gateway,), {"behind": youtrack.url})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as gateway:
        threading.Thread(target=gateway.serve_forever, daemon=True).start()
        empty.load(url=f"http://127.0.0.1:{gateway.server_port}/tracker/youtrack/")
        gateway.shutdown()
    assert_complete(empty, youtrack)
