"""The extractor's parts by themselves: addresses, clocks, paging, threads, rows."""

import itertools
import json
import threading
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from extract.address import is_unprotected
from extract.ahead import PAGES_AHEAD, Ahead
from extract.arrow import to_arrow
from extract.client import parse
from extract.errors import SourceError
from extract.throttle import GOOD_ANSWERS_TO_GROW, Throttle
from extract.youtrack.address import bases, identity, normalise_url
from extract.youtrack.paging import IssueWindow, PageEnds, PageLengths, newest_page
from extract.youtrack.people import clean_issues, without_names
from extract.youtrack.search import TokenClock, Within, window
from extract.youtrack.selection import ISSUES, TABLES

# --- addresses


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://x.youtrack.cloud", "https://x.youtrack.cloud"),
        (" https://x.youtrack.cloud/ ", "https://x.youtrack.cloud"),
        ("https://x.youtrack.cloud/api", "https://x.youtrack.cloud"),
        ("https://X.youtrack.cloud:443/api/", "https://x.youtrack.cloud"),
        ("https://x.myjetbrains.com/youtrack/api/", "https://x.myjetbrains.com/youtrack"),
        ("http://localhost:8080/youtrack", "http://localhost:8080/youtrack"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_addresses_are_normalised(given: str, expected: str) -> None:
    assert normalise_url(given) == expected


@pytest.mark.parametrize(
    "given",
    ["x.youtrack.cloud", "ftp://x", "https://", "https://u:secret@x", "https://x?token=secret",
     "https://x:port"],
)  # fmt: skip
def test_addresses_that_cannot_work_are_refused_without_repeating_them(given: str) -> None:
    with pytest.raises(ValueError, match="address") as caught:
        normalise_url(given)
    assert "secret" not in str(caught.value)


def test_one_youtrack_has_one_identity() -> None:
    spellings = ("http://x.cloud", "https://x.cloud/youtrack", "https://X.cloud/api/")
    assert {identity(each) for each in spellings} == {"x.cloud"}
    assert identity("https://x.cloud:8443") != identity("https://x.cloud")


def test_the_api_is_looked_for_beside_the_address() -> None:
    assert bases("https://x") == ("https://x", "https://x/youtrack")
    assert bases("https://x/youtrack") == ("https://x/youtrack", "https://x")


def test_plain_http_is_unprotected_unless_it_stays_on_the_machine() -> None:
    assert is_unprotected("http://youtrack.example")
    assert not is_unprotected("https://youtrack.example")
    assert not is_unprotected("http://127.0.0.1:8080")


# --- the clock of the search language

ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
    "Pacific/Apia", "America/Sao_Paulo",
)  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_every_reading_of_a_literal_lies_on_the_safe_side(zone: str) -> None:
    clock = TokenClock.of(zone)
    start = datetime(2025, 1, 1, tzinfo=timezone.utc)
    for quarter_hours in range(0, 365 * 96, 7):
        moment = int((start + timedelta(minutes=15 * quarter_hours)).timestamp() * 1000) + 137
        for literal, is_safe in (
            (clock.no_later(moment), lambda ms, at=moment: ms <= at),
            (clock.no_earlier(moment), lambda ms, at=moment: ms >= at),
        ):
            wall = datetime.fromisoformat(literal)
            readings = (wall.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
            moments = [int(each.timestamp() * 1000) for each in readings]
            assert all(is_safe(each) for each in moments)
            assert max(abs(each - moment) for each in moments) < 3_600_000 * 2


def test_an_unknown_zone_is_asked_14_hours_wider() -> None:
    clock = TokenClock.of("Mars/Olympus")
    assert clock.zone is None
    assert clock.no_later(86_400_000) == "1970-01-01T10:00:00"
    assert clock.no_earlier(86_400_000) == "1970-01-02T14:00:00"


def test_queries_are_spelled_as_youtrack_takes_them() -> None:
    within = Within({"0-1": "APP", "0-2": "My project"})
    query = window(within, "created", "2026-01-01T00:00:00", "2026-02-01T00:00:00")
    assert query == (
        "project: APP, {My project} created: 2026-01-01T00:00:00 .. 2026-02-01T00:00:00 "
        "sort by: created asc"
    )
    assert window(Within(), "updated", "a", "b") == "updated: a .. b sort by: updated asc"


# --- paging


def ends(lengths: PageLengths, *pages: tuple[int, bool]) -> list[bool]:
    page_ends = PageEnds(lengths, "users")
    return [page_ends.is_end(length, 100, is_new=is_new) for length, is_new in pages]


def test_a_short_page_is_believed_only_when_longer_ones_were_seen() -> None:
    lengths = PageLengths()
    assert ends(lengths, (100, True), (40, True)) == [False, True]
    assert ends(lengths, (99, True)) == [True]


def test_a_page_as_long_as_the_longest_is_asked_about_again() -> None:
    lengths = PageLengths()
    assert ends(lengths, (40, True), (1, False)) == [False, True]
    assert ends(lengths, (40, True)) == [False]
    assert ends(PageLengths(lengths.as_dict()), (40, True)) == [True]


def test_a_length_at_which_pages_were_cut_is_never_the_end() -> None:
    lengths = PageLengths()
    assert ends(lengths, (50, True), (50, True), (50, True), (1, False)) == [False] * 3 + [True]
    assert ends(PageLengths(lengths.as_dict()), (50, True)) == [False]


def test_an_empty_page_is_the_end() -> None:
    assert ends(PageLengths(), (0, False)) == [True]


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([9_500, 5_000, 3_999], [9_500, 5_000]),
        ([3_999], []),
        # all of it may be there, or its end be cut off
        ([9_500, 5_000], None),
        # more of the window's first second may have been cut off
        ([9_500, 5_000, 4_100], None),
        ([], None),
    ],
)
def test_a_page_newest_first_is_whole_only_if_it_ends_before_the_window(
    moments: list[int], expected: list[int] | None
) -> None:
    page = [{"id": str(at), "updated": at, "project": {"id": "0-0"}} for at in moments]
    asking = SimpleNamespace(
        clock=TokenClock(ZoneInfo("UTC")),
        client=SimpleNamespace(page=lambda path, fields, top, params: (page, top)),
    )
    issues = IssueWindow("updated", Within(), 4_500, None, "id", 100, lambda answer: answer)
    found = newest_page(asking, issues, 3_000)
    assert (None if found is None else [issue["updated"] for issue in found]) == expected


# --- threads


def test_pages_are_fetched_ahead_within_bounds() -> None:
    fetched = []

    def chain() -> itertools.count:
        for number in itertools.count():
            fetched.append(number)
            yield number

    with Ahead(3) as ahead:
        lane = ahead.lane([chain()])
        deadline = time.monotonic() + 5
        while len(fetched) < PAGES_AHEAD and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        assert len(fetched) == PAGES_AHEAD
        assert [page for page, _ in zip(lane, range(5), strict=False)] == [0, 1, 2, 3, 4]


def test_a_window_that_is_split_goes_into_the_same_lane() -> None:
    with Ahead(2) as ahead:
        lane = ahead.lane([])

        def first() -> list:
            yield 1
            lane.add(iter([3, 4]))
            yield 2

        lane.add(first())
        assert sorted(lane) == [1, 2, 3, 4]


def test_pages_that_have_come_can_be_taken_without_waiting_for_others() -> None:
    is_allowed = threading.Event()

    def slow() -> list:
        is_allowed.wait(10)
        yield 2

    with Ahead(2) as ahead:
        lane = ahead.lane([iter([1]), slow()])
        deadline = time.monotonic() + 5
        while not lane.pages and time.monotonic() < deadline:
            time.sleep(0.01)
        assert list(lane.there()) == [1]
        assert not lane.has_ended
        is_allowed.set()
        assert list(lane) == [2]
        assert lane.has_ended and list(lane.there()) == []


def test_a_failure_in_a_thread_reaches_the_consumer() -> None:
    def chain() -> list:
        yield 1
        raise SourceError("no")

    with Ahead(2) as ahead, pytest.raises(SourceError, match="no"):
        list(ahead.lane([chain()]))


def test_the_throttle_halves_when_the_server_struggles_and_grows_back() -> None:
    throttle = Throttle(4)
    throttle.struggles(0)
    assert throttle.limit == 2
    throttle.struggles(0)
    throttle.struggles(0)
    assert throttle.limit == 1
    for _ in range(GOOD_ANSWERS_TO_GROW * 5):
        throttle.went_well()
    assert throttle.limit == 4


def test_the_throttle_lets_no_more_through_than_its_limit() -> None:
    throttle, running, most = Throttle(3), [], []

    def ask() -> None:
        with throttle.slot():
            running.append(1)
            most.append(len(running))
            time.sleep(0.005)
            running.pop()

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) <= 3


# --- answers and rows


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'{"a": "x\u0000y"}', "xy"),
        (r'{"a": "\\u0000"}', r"\u0000"),
        (r'{"a": "\\\u0000"}', "\\"),
        (r'{"a": "\ud83d!"}', "?!"),
        (r'{"a": "\ud83d\ude00"}', "😀"),
        ('{"a": "\x01"}', "\x01"),
    ],
)
def test_what_jsonb_cannot_hold_is_mended(text: str, expected: str) -> None:
    assert parse(text.encode()) == {"a": expected}


def test_a_body_that_was_cut_is_no_answer() -> None:
    with pytest.raises(Exception, match="cut short"):
        parse(b'[{"id": "2-1"}')


def test_people_are_reduced_wherever_they_stand() -> None:
    person = {"id": "1-2", "login": "jane", "name": "Jane Doe", "email": "j@x", "$type": "User"}
    kept = {"id": "1-2", "login": "jane", "$type": "User"}
    nested = {"a": [{"owner": person}], "b": person, "c": [person, None, 3]}
    assert without_names(nested) == {"a": [{"owner": kept}], "b": kept, "c": [kept, None, 3]}
    issue = {"customFields": [{"value": dict(person)}, {"value": [dict(person)]}, {"value": None}]}
    clean_issues([issue], Counter())
    assert issue["customFields"] == [{"value": kept}, {"value": [kept]}, {"value": None}]


def test_scalars_lists_and_nothing_are_kept_as_sent() -> None:
    values = [None, 0, 1.5, "", "text", [], [1], {"minutes": None}, 2**70]
    issues = [{"id": str(n), "customFields": value} for n, value in enumerate(values)]
    column = to_arrow(ISSUES, issues, datetime.now(timezone.utc))["custom_fields"].to_pylist()
    assert [None if each is None else json.loads(each) for each in column] == values


def test_every_raw_table_has_its_stamps_and_one_key() -> None:
    for table in TABLES:
        names = [column.name for column in table.columns]
        assert names[-3:] == ["loaded_at", "_dlt_load_id", "_dlt_id"]
        assert not table.columns[0].nullable
