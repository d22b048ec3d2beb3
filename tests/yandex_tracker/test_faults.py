"""What a network and a busy Tracker do, and answers that cannot be trusted: nothing is lost."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PostgresServer
from loads import (
    Extraction,
    assert_complete,
    differences,
    fresh,
    loaded_template,
    simulated,
)

from demo.yandex_tracker.server import Server
from demo.yandex_tracker.words import issue_id, issue_key
from extract.client import Patience
from extract.errors import ConfigurationError, SourceError
from extract.yandex_tracker import search


@pytest.fixture
def tracker() -> Iterator[Server]:
    with simulated(issues=30) as running:
        running.requests = []
        yield running


@pytest.fixture(scope="module")
def template(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from loaded_template(server, tmp_path_factory.mktemp("dlt"), issues=30)


@pytest.fixture
def loaded(
    server: PostgresServer, template: str, tracker: Server, tmp_path: Path
) -> Iterator[Extraction]:
    yield from fresh(server, tracker, tmp_path / "dlt", template)


@pytest.fixture
def empty(server: PostgresServer, tracker: Server, tmp_path: Path) -> Iterator[Extraction]:
    yield from fresh(server, tracker, tmp_path / "empty")


def change_all(tracker: Server) -> None:
    """Every issue changes, so that the next load reads everything again."""
    tracker.tracker.advance(by=86_400_000)
    for issue in tracker.issues():
        tracker.tracker.edit_summary(issue, "Changed")


# --- what passes


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "status", "status": 500},
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
def test_what_passes_is_tried_again(loaded: Extraction, tracker: Server, fault: dict) -> None:
    change_all(tracker)
    paths = (r"/_search$", r"/changelog$", r"/queues$", r"/sprints$", r"/_count$")
    rules = [tracker.fault(path=path, **fault) for path in paths]
    loaded.load()
    assert [rule.hits for rule in rules] == [1] * len(paths)
    assert_complete(loaded, tracker)


def test_a_server_that_stays_ill_ends_the_run_with_its_words(
    loaded: Extraction, tracker: Server
) -> None:
    change_all(tracker)
    fault = tracker.fault("status", r"/changelog$", status=502, count=None)
    with pytest.raises(SourceError, match=r"/changelog failed 4 times.*HTTP 502"):
        loaded.load()
    # two threads more than requests
    assert fault.hits <= 4 * (2 + loaded.source.parallel_requests)
    tracker.faults.clear()
    loaded.load()
    assert_complete(loaded, tracker)


def test_retry_after_is_honoured(loaded: Extraction, tracker: Server) -> None:
    tracker.fault("status", r"/queues$", status=429, retry_after="2")
    began = time.monotonic()
    loaded.load()
    assert time.monotonic() - began > 2


@pytest.mark.parametrize("action", ["html", "truncate"])
def test_what_never_is_data_ends_the_run(loaded: Extraction, tracker: Server, action: str) -> None:
    before = loaded.raw()
    tracker.fault(action, r"/_search$", count=None)
    with pytest.raises(SourceError, match="(web page|no JSON, or cut short)"):
        loaded.load()
    assert differences(before, loaded.raw()) == []


# --- the door


def test_a_wrong_token_is_told(empty: Extraction) -> None:
    with pytest.raises(SourceError, match="OAuth token in YANDEX_TRACKER_TOKEN"):
        empty.load(token="y0_wrong")
    with pytest.raises(SourceError, match="12 hours at most.*in YANDEX_TRACKER_IAM_TOKEN"):
        empty.load(token="t1.wrong", is_iam=True)


def test_an_iam_token_opens_a_cloud_organisation(empty: Extraction, tracker: Server) -> None:
    tracker.organisation_header = "X-Cloud-Org-ID"
    empty.load(token=tracker.iam_token, is_iam=True, is_cloud=True)
    assert_complete(empty, tracker)


def test_a_wrong_organisation_is_told(empty: Extraction, tracker: Server) -> None:
    with pytest.raises(ConfigurationError, match="organisation in YANDEX_TRACKER_ORG_ID"):
        empty.load(organisation="1")
    with pytest.raises(ConfigurationError, match="in YANDEX_TRACKER_CLOUD_ORG_ID"):
        empty.load(is_cloud=True)
    for project in tracker.tracker.projects:
        tracker.tracker.hide_project(project)
    with pytest.raises(SourceError, match="sees no queue.*YANDEX_TRACKER_ORG_ID"):
        empty.load()
    # nothing is written before it is known that there is something to read
    assert empty.rows("select from pg_tables where schemaname = 'raw_yandex_tracker'") == []


def test_an_address_that_is_no_tracker_is_told(empty: Extraction, tracker: Server) -> None:
    with pytest.raises(SourceError, match="web page.*YANDEX_TRACKER_URL|does not exist"):
        empty.load(url=f"{tracker.url}/elsewhere")
    tracker.fault("rewrite", r"/myself$", change=lambda _: [])
    with pytest.raises(SourceError, match="the answer to myself is no user"):
        empty.load()


def test_the_version_in_an_address_does_no_harm(loaded: Extraction, tracker: Server) -> None:
    loaded.load(url=f"{tracker.url}/v2/")
    loaded.load(url=f"{tracker.url}/v3")


def test_a_link_leads_the_token_nowhere_else(loaded: Extraction, tracker: Server) -> None:
    """The next page's parameters are taken from it, not its host."""
    change_all(tracker)
    for number in range(230):
        tracker.tracker.advance(by=1000)
        tracker.tracker.set_points(tracker.issues()[0], float(number))

    @tracker.app.after_request
    def elsewhere(response: Any) -> Any:
        link = response.headers.get("Link")
        if link:
            response.headers["Link"] = link.replace(tracker.url, "http://elsewhere.invalid")
        return response

    loaded.load()
    assert_complete(loaded, tracker)


# --- scrolls


def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extract.yandex_tracker.reader.ISSUES_A_PAGE", 5)


def test_scrolls_are_read_to_their_end_and_released(
    loaded: Extraction, tracker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_pages(monkeypatch)
    tracker.scroll_ends_empty = True
    change_all(tracker)
    loaded.load()
    assert_complete(loaded, tracker)
    assert any("scroll/_clear" in line for line in tracker.requests)
    assert tracker.scrolls == {}


def test_a_scroll_that_expires_is_begun_again(
    loaded: Extraction, tracker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_pages(monkeypatch)
    change_all(tracker)
    tracker.fault("call", r"/_search$", first=3, change=tracker.expire_scrolls)
    loaded.load()
    assert_complete(loaded, tracker)


def test_a_scroll_that_expires_every_time_is_told(
    loaded: Extraction, tracker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_pages(monkeypatch)
    change_all(tracker)
    tracker.fault("call", r"/_search$", count=None, change=tracker.expire_scrolls)
    with pytest.raises(SourceError, match="a scroll over issues ended early.*4 times"):
        loaded.load()


def test_an_answer_that_is_lost_on_the_way_loses_no_rows(
    loaded: Extraction, tracker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks again is given the next page: what was announced shows that rows are missing."""
    short_pages(monkeypatch)
    change_all(tracker)
    tracker.fault("truncate", r"/_search$", first=3)
    loaded.load()
    assert_complete(loaded, tracker)


def announcing(tracker: Server, number: int) -> None:
    @tracker.app.after_request
    def announce(response: Any) -> Any:
        if "X-Total-Count" in response.headers and "_search" in _path():
            response.headers["X-Total-Count"] = str(number)
        return response


def _path() -> str:
    from flask import request

    return request.path


def test_a_million_announced_and_some_delivered_is_told(empty: Extraction, tracker: Server) -> None:
    announcing(tracker, 1_000_000)
    with pytest.raises(SourceError, match="announces 1000000 issues and delivers 30"):
        empty.load()
    tracker.app.after_request_funcs[None].pop(0)
    tracker.app.after_request_funcs[None].clear()


def test_a_page_that_does_not_come_in_time_is_halved(
    loaded: Extraction, tracker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker.fault("stall", r"/_search$", seconds=1.5)
    loaded.load()
    rows = [line.split("perScroll=")[1] for line in tracker.requests if "perScroll=" in line]
    assert rows == ["1000", "500"]


# --- answers that cannot be trusted


def rewritten(tracker: Server, path: str, change: Callable[[Any], Any], **options: Any) -> None:
    tracker.fault("rewrite", path, change=change, **options)


def on_first(**values: Any) -> Callable[[Any], Any]:
    """The first row with other values; None takes a key out."""

    def change(rows: Any) -> Any:
        for key, value in values.items():
            rows[0][key] = value
            if value is None:
                del rows[0][key]
        return rows

    return change


@pytest.mark.parametrize(
    ("path", "change", "message"),
    [
        (r"/_search$", on_first(updatedAt=None), "leaves updatedAt out of the issue"),
        (r"/_search$", on_first(createdAt="yesterday"), "createdAt is no moment"),
        (r"/_search$", on_first(updatedAt="2026-05-01T10:00:00"), "updatedAt is no moment"),
        (r"/_search$", on_first(queue={"id": "99", "key": "ELSE"}), None),
        (r"/_search$", on_first(id=None), "no list of entities"),
        (r"/_search$", lambda _: {"errors": {}}, "no list of entities"),
        (r"/changelog$", on_first(type=None), "leaves type out of its changelogs"),
        (r"/changelog$", on_first(updatedAt="never"), "updatedAt is no moment"),
        (r"/changelog$", on_first(issue={"id": "1", "key": "A-1"}), "the changelog of A-1"),
        (r"/changelog$", lambda _: None, "no list of entities"),
        (r"/_count$", lambda _: "30", "something that is no number"),
        (r"/queues$", lambda _: {}, "no list of entities"),
        (r"/queues$", on_first(key=None), "leaves key out of its queues"),
    ],
)
def test_an_answer_that_lacks_what_it_must_have_ends_the_run(
    loaded: Extraction, tracker: Server, path: str, change: Callable, message: str | None
) -> None:
    change_all(tracker)
    rewritten(tracker, path, change)
    if message is None:
        # whatever may be read is in scope
        loaded.load()
        assert loaded.one("select count(*) from issues where queue ->> 'key' = 'ELSE'") == 1
        return
    with pytest.raises(SourceError, match=message):
        loaded.load()
    loaded.load()
    assert_complete(loaded, tracker)


def test_a_search_that_ignores_the_queues_is_not_believed(
    loaded: Extraction, tracker: Server
) -> None:
    queue = tracker.tracker.projects[0].short_name
    rewritten(tracker, r"/_search$", on_first(queue={"id": "99", "key": "ELSE"}))
    change_all(tracker)
    with pytest.raises(SourceError, match="of another queue: nothing that it says"):
        loaded.load(queues=(queue,))


def test_what_is_odd_is_kept_and_counted(empty: Extraction, tracker: Server) -> None:
    one = tracker.issues()[0]

    def odd(rows: Any) -> Any:
        for row in rows:
            if row["id"] == issue_id(one):
                del row["status"]
                row.update(id="no hex/at all", resolvedAt="soon", storyPoints="a lot")
                row.update(
                    createdAt="2024-06-11T21:26:54.250+0300", updatedAt="2026-05-01T10:00:00Z"
                )
        return rows

    rewritten(tracker, r"/_search$", odd, count=None)
    rewritten(tracker, r"/statuses$", on_first(type="frozen"))
    warnings = empty.load(sweep=False).warnings
    [row] = empty.rows(
        "select key, status, resolved_at, story_points, created_at::timestamptz = "
        "'2024-06-11 18:26:54.250+00' from issues where id = 'no hex/at all'"
    )
    assert row == (issue_key(one), None, None, "a lot", True)
    told = " | ".join(warnings)
    for each in (
        "issue(s) without a status",
        "not 24 hex digits",
        "a moment that cannot be read",
        "1 status(es) of a type that this version does not know (frozen)",
        "1 issue(s) went, or are hidden, while their changelogs were read",
    ):
        assert each in told, told


def test_histories_that_come_in_another_order_are_sorted(
    loaded: Extraction, tracker: Server
) -> None:
    change_all(tracker)
    rewritten(tracker, r"/changelog$", lambda rows: rows[::-1], count=None)
    warnings = loaded.load().warnings
    assert_complete(loaded, tracker)
    assert any("in another order than that of time" in each for each in warnings)


@pytest.mark.parametrize(("length", "linked"), [(50, True), (50, False), (30, True)])
def test_pages_that_are_cut_without_a_word_are_followed(
    loaded: Extraction, tracker: Server, length: int, linked: bool
) -> None:
    """`perPage` is ignored, and perhaps no Link says that there is more."""
    for number in range(130):
        tracker.tracker.advance(by=1000)
        tracker.tracker.set_points(tracker.issues()[0], float(number))
    rewritten(tracker, r"/changelog$", lambda rows: rows[:length], count=None)
    if not linked:

        @tracker.app.after_request
        def unlinked(response: Any) -> Any:
            response.headers.pop("Link", None)
            return response

    loaded.load()
    assert_complete(loaded, tracker)


def test_a_history_that_comes_shorter_than_before_is_told_and_stays(
    loaded: Extraction, tracker: Server
) -> None:
    before = loaded.one("select count(*) from changelog")
    change_all(tracker)
    rewritten(tracker, r"/changelog$", lambda rows: rows[:1], count=None)
    warnings = loaded.load().warnings
    assert loaded.one("select count(*) from changelog") >= before
    assert any("fewer entries than before" in each for each in warnings)


def test_entries_that_two_issues_share_are_told(loaded: Extraction, tracker: Server) -> None:
    change_all(tracker)
    rewritten(tracker, r"/changelog$", on_first(id="f" * 24), count=None)
    with pytest.raises(SourceError, match="have the id of another issue's entry"):
        loaded.load()


def test_a_search_that_lost_its_index_is_not_believed(loaded: Extraction, tracker: Server) -> None:
    tracker.fault("empty", r"/_search$", count=None)
    tracker.app.after_request(_unannounced)
    with pytest.raises(SourceError, match="does not find .* by its last change"):
        loaded.load()


def _unannounced(response: Any) -> Any:
    response.headers.pop("X-Total-Count", None)
    return response


def test_a_count_that_shows_more_than_the_search_is_told(
    loaded: Extraction, tracker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.yandex_tracker.reconcile.SECONDS_BETWEEN_LOOKS", 0)
    rewritten(tracker, r"/_count$", lambda number: number + 5, count=None)
    with pytest.raises(SourceError, match="counts 35 issues but shows 30.*--accept-missing"):
        loaded.load()
    loaded.load(accept_missing=True)
    assert loaded.load().kind == "incremental"


def test_many_histories_that_cannot_be_read_are_a_right_that_is_missing(
    loaded: Extraction, tracker: Server
) -> None:
    change_all(tracker)
    tracker.fault("status", r"/changelog$", status=403, count=None)
    with pytest.raises(SourceError, match="the changelogs of 30 of 30 issues cannot be read"):
        loaded.load()


def test_lists_that_are_closed_are_told(loaded: Extraction, tracker: Server) -> None:
    for path in (r"/users$", r"/sprints$", r"/localFields$"):
        tracker.fault("status", path, status=403, count=None)
    before = loaded.raw()
    told = " | ".join(loaded.load(sweep=True).warnings)
    for each in ("users cannot be listed", "the sprints of", "the local fields of"):
        assert each in told
    assert differences(before, loaded.raw()) == []
    tracker.faults.clear()
    tracker.fault("status", r"/boards$", status=404, count=None)
    assert any("boards cannot be listed" in each for each in loaded.load().warnings)


def test_boards_that_all_vanish_are_not_believed(loaded: Extraction, tracker: Server) -> None:
    tracker.tracker.hide_board(tracker.tracker.boards[0])
    assert any("1 board(s) deleted" in each for each in loaded.load().warnings)
    tracker.fault("empty", r"/boards$")
    with pytest.raises(SourceError, match="none of the .* boards that the last run read"):
        loaded.load()


# --- queries


def test_queries_name_one_thing_and_quote_what_is_given() -> None:
    within = search.Within({"1": "APP", "2": 'A"B'})
    assert search.by_update(within, None) == (r'Queue: "A\"B", "APP" "Sort by": Updated ASC')
    # a day earlier, in whatever zone it is read
    assert search.by_update(search.Within(), 1_780_272_000_000) == (
        'Updated: >= "2026-05-31" "Sort by": Updated ASC'
    )
    assert search.all_issues(search.Within())


def test_a_search_body_has_one_key(loaded: Extraction, tracker: Server) -> None:
    bodies: list[bytes] = []

    @tracker.app.before_request
    def keep() -> None:
        from flask import request

        if request.method == "POST":
            bodies.append(request.get_data())

    loaded.load()
    assert {tuple(json.loads(body)) for body in bodies} == {("query",)}


def test_patience_is_the_operators(loaded: Extraction, tracker: Server) -> None:
    tracker.fault("stall", r"/statuses$", seconds=0.6, count=None)
    with pytest.raises(SourceError, match="no answer within 0.3 s"):
        loaded.load(patience=Patience(read_seconds=0.3, slow_tries=1))
