"""Complete lists out of a paged API that cuts in silence.

Three ways, one for each kind of list:

- **Issues by time** (`Walk`): the next page starts at the last second seen instead of at a
  `$skip`, which has no snapshot and loses a row whenever an earlier one changes its place. The
  last row must come back in the next page: that proves that nothing lies between, and that both
  sides read the clock alike. Where few are expected, one page that reaches back beyond the window
  proves itself (`newest_page`).
- **Changes by time** (`Feed`): YouTrack's own cursor, as long as its pages are full; else the
  last timestamp seen, in the same way.
- **Everything else** (`listing`): short lists by `$skip`, with one row of overlap.

A page shorter than asked for is the end only if the server is known to send longer ones; else the
page after it has to bring nothing new (measured caps: 42, 1000, 3500; youtrack-api.md §0 no. 4).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from extract.errors import SourceError
from extract.findings import Findings
from extract.tables import Entity
from extract.youtrack import answers, search
from extract.youtrack.client import YouTrackClient
from extract.youtrack.selection import ACTIVITY_CATEGORIES, ACTIVITY_PAGE_FIELDS

SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000

# Where to begin when nothing says where: in every zone no date before 1970.
BEGINNING = 2 * DAY
# The end of a window that is open: later than any change, however wrong our clock is.
FOREVER = 4_102_444_800_000  # 2100

ACTIVITIES_A_PAGE = 1000

# A window that is still not read after so many pages gives half of the rest to another thread.
PAGES_BEFORE_SPLIT = 8
SHORTEST_SPLIT = 10 * 60 * SECOND

# A row this far outside its window was not found by the query: the query was ignored. Twice the
# furthest zone, for an unknown one.
QUERY_SLACK = 30 * HOUR

# how often a place in a list is looked for again before the list counts as unreadable
MOST_RESTARTS = 20

# the kind of list that issues come in
ISSUES = "issues"

# the least number of rows at which a list was seen to be cut (youtrack-api.md §1.1)
SHORTEST_CAP = 20

Pages = Iterator[list[Entity]]
Split = Callable[[Pages], None]


class Asking(Protocol):
    """What paging needs of the reader."""

    client: YouTrackClient
    findings: Findings
    clock: search.TokenClock
    page_lengths: PageLengths

    def named(self, readable_ids: list[str]) -> list[Entity]: ...


class PageLengths:
    """How long the server's pages get, for each kind of list; kept from run to run.

    A page shorter than the longest was not cut. One just as long may have been: it counts as the
    end if an earlier run found a list of that length to be complete, and never saw one cut there.

    Issues that changed and do not come are missed by nobody. For them, what earlier runs saw says
    little: the server may have been given a cap since.
    """

    def __init__(self, earlier: Mapping[str, Mapping[str, int]] | None = None) -> None:
        self._earlier = dict((earlier or {}).get("complete", {}))
        self._longest_before = dict((earlier or {}).get("longest", {}))
        self._longest: dict[str, int] = {}
        self._complete: dict[str, int] = {}
        self._cut: set[tuple[str, int]] = set()
        self._learning = threading.Lock()

    def saw(self, kind: str, length: int) -> None:
        """A page of this length came."""
        with self._learning:
            self._longest[kind] = max(self._longest.get(kind, 0), length)

    def was_complete(self, kind: str, length: int) -> None:
        """Nothing new came after a page of this length."""
        with self._learning:
            self._complete[kind] = max(self._complete.get(kind, 0), length)

    def was_cut(self, kind: str, length: int) -> None:
        """More came after a page of this length, though more had been asked for."""
        with self._learning:
            self._cut.add((kind, length))

    def is_cut(self, kind: str, length: int) -> bool:
        """Whether more came after a page of this length before."""
        return (kind, length) in self._cut

    def is_uncut(self, kind: str, length: int) -> bool:
        """Whether a page of this length must have been the last one."""
        if self.is_cut(kind, length):
            return False
        if length < self._longest.get(kind, 0) or length == self._earlier.get(kind):
            return True
        is_believable = kind != ISSUES or length < SHORTEST_CAP
        return is_believable and length < self._longest_before.get(kind, 0)

    def as_dict(self) -> dict[str, dict[str, int]]:
        complete = {**self._earlier, **self._complete}
        return {
            "longest": {
                kind: max(self._longest.get(kind, 0), self._longest_before.get(kind, 0))
                for kind in self._longest.keys() | self._longest_before.keys()
            },
            "complete": {kind: n for kind, n in complete.items() if (kind, n) not in self._cut},
        }


class PageEnds:
    """Whether a page of one list is its last one, although the server may cut pages in silence."""

    def __init__(self, lengths: PageLengths, kind: str) -> None:
        self._lengths = lengths
        self._kind = kind
        self._short = 0

    def is_end(self, length: int, top: int, *, is_new: bool) -> bool:
        """`is_new`: whether the page held a row that the pages before it had not."""
        before, self._short = self._short, length if length < top else 0
        self._lengths.saw(self._kind, length)
        if before and is_new:
            self._lengths.was_cut(self._kind, before)
        if length >= top:
            return False
        if not is_new and length < max(before, 2):
            # only the overlap came back
            self._lengths.was_complete(self._kind, before)
            return True
        return self._lengths.is_uncut(self._kind, length)


def listing(asking: Asking, kind: str, path: str, fields: str, top: int) -> list[Entity]:
    """All rows of a short list. Raises SourceError when it does not hold still."""
    for _ in range(MOST_RESTARTS):
        rows = _listing_once(asking, kind, path, fields, top)
        if rows is not None:
            return rows
    raise SourceError(f"the list {path} changes faster than it can be read")


def _listing_once(
    asking: Asking, kind: str, path: str, fields: str, top: int
) -> list[Entity] | None:
    """The list, or None when its rows moved between two pages."""
    rows: dict[str, Entity] = {}
    skip, last_id, ends = 0, None, PageEnds(asking.page_lengths, kind)
    while True:
        answer, top = asking.client.page(path, fields, top, {"$skip": skip})
        page = answers.entities(answer, path)
        if skip and len(page) < top and [row["id"] for row in page] == list(rows):
            # the list does not know `$skip`: all of it came again
            return page
        if last_id is not None and (not page or page[0]["id"] != last_id):
            return None
        known = len(rows)
        rows.update((row["id"], row) for row in page)
        if ends.is_end(len(page), top, is_new=len(rows) > known):
            return list(rows.values())
        skip, last_id = skip + len(page) - 1, page[-1]["id"]


@dataclass(frozen=True)
class IssueWindow:
    """Which issues to walk over: `attribute` (created, updated) in [start, end), epoch ms."""

    attribute: str
    within: search.Within
    start: int
    # None: up to now
    end: int | None
    fields: str
    top: int
    # how the answer is checked: answers.issues or answers.census
    check: Callable[[Any], list[Entity]] = field(repr=False)
    kind: str = ISSUES

    def at(self, issue: Entity) -> int:
        return issue[self.attribute]

    def holds(self, issue: Entity) -> bool:
        return self.start <= self.at(issue) and (self.end is None or self.at(issue) < self.end)

    @property
    def upper(self) -> int:
        """The end; for an open one a moment that never comes."""
        return self.end if self.end is not None else FOREVER

    def rows(
        self, answer: Any, query: str, lower: int, upper: int, *, newest_first: bool = False
    ) -> list[Entity]:
        """The issues of an answer, if they are what was asked for, in the order asked for."""
        issues = self.check(answer)
        for issue in issues:
            is_inside = lower - QUERY_SLACK <= self.at(issue) <= upper + QUERY_SLACK
            if not is_inside or not self.within.admits(issue["project"]["id"]):
                raise answers.ignored(query)
        seconds = [self.at(issue) // SECOND for issue in issues]
        if seconds != sorted(seconds, reverse=newest_first):
            raise SourceError(f"YouTrack does not sort as asked: {query}")
        return issues


def newest_page(asking: Asking, window: IssueWindow, reach: int) -> list[Entity] | None:
    """The issues of an open window out of one page; None if the page does not prove to be whole.

    A page that is cut loses its end, and newest first that is what changed before the window: a
    page that holds a row from there holds all of the window, whatever cut it. `reach` is a moment
    before the window, late enough for few issues to have changed since.
    """
    clock = asking.clock
    upper = window.upper + clock.margin
    query = search.window(
        window.within,
        window.attribute,
        clock.no_later(reach),
        clock.no_earlier(upper),
        newest_first=True,
    )
    answer, _ = asking.client.page("issues", window.fields, window.top, {"query": query})
    issues = window.rows(answer, query, reach - clock.margin, upper, newest_first=True)
    # by the second: within one, nobody knows what a page was cut off from
    is_whole = bool(issues) and window.at(issues[-1]) // SECOND < window.start // SECOND
    return [issue for issue in issues if window.holds(issue)] if is_whole else None


class Walk:
    """The issues of one window, oldest first, page by page. A page may be empty."""

    def __init__(self, asking: Asking, window: IssueWindow, split: Split | None = None) -> None:
        self._asking = asking
        self._window = window
        self._split = split
        self._top = window.top
        self._ends = PageEnds(asking.page_lengths, window.kind)
        # id → the attribute's value with which the issue was read
        self._seen: dict[str, int] = {}
        self._last: Entity | None = None
        self._clock = asking.clock
        self._lower = window.start - self._clock.margin
        self._skip = 0
        self._restarts = 0

    def __iter__(self) -> Pages:
        number = 0
        while True:
            page = self._page()
            new = [i for i in page if self._seen.get(i["id"]) != self._window.at(i)]
            self._seen.update((issue["id"], self._window.at(issue)) for issue in page)
            yield [issue for issue in new if self._window.holds(issue)]
            number += 1
            if self._ends.is_end(len(page), self._top, is_new=bool(new)):
                return
            if self._window.end is not None and self._window.at(page[-1]) >= self._window.end:
                return
            self._advance(page)
            if number % PAGES_BEFORE_SPLIT == 0:
                self._give_half()

    def _page(self) -> list[Entity]:
        """The next page, joined to the one before it."""
        page = self._ask()
        if self._is_joined(page):
            return page
        # one answer that comes up short may be an accident; two are a fact
        page = self._ask()
        while self._last is not None and not self._is_joined(page):
            self._restarts += 1
            if self._restarts > MOST_RESTARTS:
                raise SourceError("issues change faster than they can be read; run again later")
            self._find_place()
            page = self._ask()
        return page

    def _is_joined(self, page: list[Entity]) -> bool:
        """Whether the page before it ends within this one; the first one must not be empty."""
        if self._last is None:
            return bool(page)
        return any(issue["id"] == self._last["id"] for issue in page)

    def _find_place(self) -> None:
        """The last row did not come back: find out why, and set the place to go on from."""
        last, clock = self._last, self._clock
        if last is None:
            return
        is_by_rows, self._skip, self._last = self._skip > 0, 0, None
        self._lower = max(self._lower, self._window.at(last) - SECOND)
        if is_by_rows:
            # rows moved under the `$skip`: once more from the last second that is complete
            return
        again = self._asking.named([last["idReadable"]])
        if not any(
            self._window.at(issue) == self._window.at(last)
            and self._window.within.admits(issue["project"]["id"])
            for issue in again
        ):
            # it was changed, moved or deleted meanwhile: what lies after it is complete
            return
        if clock.zone is None:
            raise SourceError(
                f"YouTrack's search does not find {last['idReadable']} by its "
                f"{self._window.attribute}: its search index is not up to date. Run again later"
            )
        self._asking.findings.warn(
            f"YouTrack does not read dates in the zone {clock.zone.key} that the token's profile "
            "names: windows are read 14 hours wider on both sides, which is slower"
        )
        self._asking.clock = search.TokenClock(None)

    def _ask(self) -> list[Entity]:
        """One page from the present place on, checked against the window."""
        # another thread may find out meanwhile that the clock is not to be trusted
        self._clock = clock = self._asking.clock
        window = self._window
        upper = window.upper + clock.margin
        query = search.window(
            window.within, window.attribute, clock.no_later(self._lower), clock.no_earlier(upper)
        )
        params = {"query": query, "$skip": self._skip}
        answer, self._top = self._asking.client.page("issues", window.fields, self._top, params)
        return window.rows(answer, query, self._lower, upper)

    def _advance(self, page: list[Entity]) -> None:
        """Move to the last second seen; inside a pile of one second, by rows."""
        self._last = page[-1]
        clock = self._clock
        lower = self._window.at(self._last) // SECOND * SECOND - SECOND
        # without a zone a literal means 28 hours: the window keeps its start and goes on by rows
        if clock.zone and clock.no_later(lower) > clock.no_later(self._lower):
            self._lower, self._skip = lower, 0
        else:
            self._skip += max(1, len(page) - 1)

    def _give_half(self) -> None:
        """Let another thread read the later half of what is left of a long window."""
        window, last = self._window, self._last
        if not self._split or last is None or window.end is None:
            return
        end = min(window.end, int(time.time() * 1000))
        middle = (window.at(last) + end) // 2
        if end - middle > SHORTEST_SPLIT:
            later = replace(window, start=middle)
            self._window = replace(window, end=middle)
            self._split(iter(Walk(self._asking, later, self._split)))


class Feed:
    """The changes with a timestamp in [start, end), oldest first, page by page."""

    def __init__(
        self,
        asking: Asking,
        issue_query: str,
        start: int,
        end: int,
        *,
        within: search.Within = search.EVERYWHERE,
        split: Split | None = None,
    ) -> None:
        self._asking = asking
        self._issue_query = issue_query.strip()
        self._start = self._place = start
        self._end = self._asked_end = end
        self._within = within
        self._split = split
        self._top = ACTIVITIES_A_PAGE
        self._ends = PageEnds(asking.page_lengths, "activities")
        self._cursor: str | None = None
        self._last: Entity | None = None
        # what comes again when the feed is asked anew from the last timestamp on
        self._seen: set[str] = set()
        self._is_probing = False

    def __iter__(self) -> Pages:
        number = 0
        while True:
            page, has_after, cursor = self._page()
            new = [each for each in page if each["id"] not in self._seen]
            yield [each for each in new if self._start <= each["timestamp"] < self._end]
            number += 1
            if not page or page[-1]["timestamp"] >= self._end:
                return
            if self._is_probing:
                raise _cut_inside_a_moment()
            is_last = self._ends.is_end(len(page), self._top, is_new=bool(new))
            if is_last and not has_after:
                return
            self._remember(page)
            self._advance(cursor if has_after else None, len(page))
            if number % PAGES_BEFORE_SPLIT == 0:
                self._give_half()

    def _page(self) -> tuple[list[Entity], bool, str | None]:
        """The next page; one that lacks what it must hold is asked for again.

        Empty only if there is nothing, asked twice.
        """
        if self._is_probing:
            return self._ask()
        is_cursor_empty = False
        for _ in range(MOST_RESTARTS):
            page, has_after, cursor = self._ask()
            if page and (self._cursor or self._last is None or self._holds_last(page)):
                # where cursor and time bring nothing, "more" lies beyond the end of the window
                has_news = any(each["id"] not in self._seen for each in page)
                return page, has_after and (has_news or not is_cursor_empty), cursor
            if self._last is None:
                page, has_after, cursor = self._ask()
                return page, has_after, cursor
            if self._cursor:
                # it promised more and brought nothing: by time, then
                self._cursor, self._place = None, self._last["timestamp"]
                is_cursor_empty = True
            elif not self._is_there(self._last):
                # its issue was deleted meanwhile, and its changes with it
                return page, has_after, cursor
        raise SourceError("activitiesPage comes back without changes that it showed before")

    def _holds_last(self, page: list[Entity]) -> bool:
        return any(each["id"] in self._seen for each in page)

    def _is_there(self, activity: Entity) -> bool:
        """Whether the issue of a change can still be read, and is still in scope."""
        readable_id = (activity["target"] or {}).get("idReadable")
        found = self._asking.named([readable_id]) if readable_id else []
        return any(self._within.admits(issue["project"]["id"]) for issue in found)

    def _ask(self) -> tuple[list[Entity], bool, str | None]:
        params: dict[str, Any] = {
            "categories": ",".join(ACTIVITY_CATEGORIES),
            # one ms wider: whether the ends are included is not documented
            "start": str(max(0, self._place - 1)),
            "end": str(self._asked_end),
            "reverse": "false",
        }
        if self._issue_query:
            params["issueQuery"] = self._issue_query
        if self._cursor:
            params["cursor"] = self._cursor
        answer, self._top = self._asking.client.page(
            "activitiesPage", ACTIVITY_PAGE_FIELDS, self._top, params
        )
        page = answers.activities(answer, self._place - 1, self._asked_end, self._asking.findings)
        for activity in page:
            readable_id = (activity["target"] or {}).get("idReadable")
            if readable_id and not self._within.admits_readable(readable_id):
                raise answers.ignored(f"changes of {self._issue_query}")
        return page, bool(answer["hasAfter"]), answer.get("afterCursor")

    def _remember(self, page: list[Entity]) -> None:
        last = page[-1]["timestamp"]
        if self._last and self._last["timestamp"] < last - 1:
            self._seen.clear()
        self._seen |= {each["id"] for each in page if each["timestamp"] >= last - 1}
        self._last = page[-1]

    def _advance(self, cursor: str | None, length: int) -> None:
        """Set the place of the next page.

        A short page may have been cut, and its cursor lead past what was cut off: the feed goes
        on by time then.
        """
        last = self._last["timestamp"] if self._last else self._place
        if cursor and (length >= self._top or last <= self._place):
            if cursor == self._cursor:
                raise SourceError("the cursor of activitiesPage does not move")
            self._cursor = cursor
            return
        # a short page of one moment only: if anything comes after it, it was cut within
        self._is_probing = last <= self._place and self._cursor is None
        if self._is_probing and self._asking.page_lengths.is_cut("activities", length):
            raise _cut_inside_a_moment()
        self._cursor, self._place = None, last + 2 if self._is_probing else last

    def _give_half(self) -> None:
        """Let another thread read the later half of what is left of a long window."""
        if not self._split or not self._last:
            return
        middle = (self._last["timestamp"] + self._end) // 2
        if self._end - middle > SHORTEST_SPLIT:
            later = Feed(
                self._asking, self._issue_query, middle, self._end,
                within=self._within, split=self._split,
            )  # fmt: skip
            self._end = middle
            self._split(iter(later))


def _cut_inside_a_moment() -> SourceError:
    return SourceError("activitiesPage is cut inside a single moment")
