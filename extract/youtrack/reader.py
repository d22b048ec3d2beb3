"""Complete lists out of a paged API that cuts in silence.

Three ways of paging, one for each kind of list:

- **Issues by time** (`walk`): the next page starts at the last second seen instead of at a
  `$skip`, which has no snapshot and loses a row whenever an earlier one changes its place. The
  last row must come back at the head of the next page: that proves that nothing lies between,
  and that both sides read the clock alike.
- **Changes by time** (`feed`): YouTrack's own cursor.
- **Everything else** (`listing`): short lists by `$skip`, with one row of overlap.

A page shorter than asked for is the end only if the server is known to send longer ones; else the
request after it has to come back empty (measured caps: 42, 1000, 3500; youtrack-api.md §0 no. 4).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from extract.errors import ConfigurationError, YouTrackError
from extract.youtrack import search
from extract.youtrack.client import BadRequestError, Client
from extract.youtrack.findings import Findings
from extract.youtrack.rows import Entity, clean_activities, clean_issues
from extract.youtrack.selection import (
    ACTIVITY_CATEGORIES,
    ACTIVITY_MUST_HAVE,
    ACTIVITY_PAGE_FIELDS,
    CENSUS_FIELDS,
    CENSUS_MUST_HAVE,
    ISSUE_MUST_HAVE,
    ME_FIELDS,
    issue_fields,
)

SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000

ISSUES_A_PAGE = 100
IDS_A_PAGE = 1000
ACTIVITIES_A_PAGE = 1000
ISSUES_BY_NAME = 50

# A window that is still not read after so many pages gives half of the rest to another thread.
PAGES_BEFORE_SPLIT = 8
SHORTEST_SPLIT = 10 * 60 * SECOND

# A row this far outside its window was not found by the query: the query was ignored.
QUERY_SLACK = 26 * HOUR

Split = Callable[[Iterator[list[Entity]]], None]


class Reader:
    """Reads one YouTrack. Several threads may read different windows."""

    def __init__(
        self,
        client: Client,
        findings: Findings,
        *,
        summaries: bool = True,
        longest_pages: dict[str, int] | None = None,
    ) -> None:
        self.client = client
        self.findings = findings
        self.clock = search.TokenClock(None)
        # the longest page of each list that was seen not to be cut, kept from run to run
        self.longest_pages = dict(longest_pages or {})
        self._issue_fields = issue_fields(summaries=summaries)

    # --- who asks

    def introduce(self) -> None:
        """The first request: does the address lead to YouTrack, and whose token is it?

        Raises ConfigurationError for a guest: an instance with guest access answers a wrong
        token with a guest's view, which is a fraction of the data.
        """
        me = self.client.connect("users/me", ME_FIELDS)
        if not isinstance(me, dict) or not me.get("login"):
            raise YouTrackError(
                "the answer to users/me is no user: YOUTRACK_URL does not lead to a YouTrack API"
            )
        if me.get("guest") is not False:
            raise ConfigurationError(
                "YouTrack takes YOUTRACK_TOKEN for a guest: give a permanent token of a service "
                "account"
            )
        general = (me.get("profiles") or {}).get("general") or {}
        zone_id = (general.get("timezone") or {}).get("id")
        self.clock = search.TokenClock.of(zone_id)
        if self.clock.zone is None:
            self.findings.warn(
                "the time zone of the token's account is unknown: windows are read 14 hours wider "
                "on both sides, which is slower. Set the account's zone to UTC in its profile"
            )

    # --- short lists

    def listing(self, kind: str, path: str, fields: str, top: int) -> list[Entity]:
        """All rows of a short list, by `$skip` with one row of overlap."""
        for _ in range(5):
            rows = self._listing_once(kind, path, fields, top)
            if rows is not None:
                return rows
        raise YouTrackError(f"the list {path} changes faster than it can be read")

    def _listing_once(self, kind: str, path: str, fields: str, top: int) -> list[Entity] | None:
        """The list, or None when its rows moved between two pages."""
        rows: dict[str, Entity] = {}
        skip, last_id, ends = 0, None, _PageEnds(self.longest_pages, kind)
        while True:
            page, top = self.client.page(path, fields, top, {"$skip": skip})
            page = _list_of_entities(page, path)
            if last_id is not None and (not page or page[0]["id"] != last_id):
                return None
            known = len(rows)
            rows.update((row["id"], row) for row in page)
            if ends.is_end(len(page), top, is_new=len(rows) > known):
                return list(rows.values())
            skip, last_id = skip + len(page) - 1, page[-1]["id"]

    # --- issues

    def walk(
        self,
        attribute: str,
        scope: str,
        start: int,
        end: int | None = None,
        *,
        fields: str | None = None,
        top: int = ISSUES_A_PAGE,
        split: Split | None = None,
    ) -> Iterator[list[Entity]]:
        """Issues whose `created` or `updated` is in [start, end) in epoch ms, oldest first.

        A page may be empty. `split` is handed the later half of what is left of a long window.
        """
        walk = _Walk(self, attribute, scope, start, end, fields or self._issue_fields, top)
        for number, page in enumerate(walk.pages(), 1):
            yield page
            if split and number % PAGES_BEFORE_SPLIT == 0 and (middle := walk.give_half()):
                later = (attribute, scope, middle, end)
                end = middle
                split(self.walk(*later, fields=fields, top=top, split=split))

    def census(
        self, scope: str, start: int, end: int, split: Split | None = None
    ) -> Iterator[list[Entity]]:
        """Nothing but the ids of all issues created in [start, end)."""
        return self.walk(
            "created", scope, start, end, fields=CENSUS_FIELDS, top=IDS_A_PAGE, split=split
        )

    def first_created(self, scope: str) -> int | None:
        """When the oldest issue was created (epoch ms), or None when there is no issue."""
        params = {"query": f"{scope}sort by: created asc"}
        page, _ = self.client.page("issues", CENSUS_FIELDS, 1, params)
        page = _list_of_entities(page, "issues")
        return min((issue["created"] for issue in page), default=None)

    def named(self, readable_ids: Sequence[str]) -> list[Entity]:
        """The issues of these readable ids; those that are gone are left out."""
        issues: list[Entity] = []
        for first in range(0, len(readable_ids), ISSUES_BY_NAME):
            issues += self._named(readable_ids[first : first + ISSUES_BY_NAME])
        return issues

    def _named(self, readable_ids: Sequence[str]) -> list[Entity]:
        params = {"query": search.of_issues(readable_ids)}
        try:
            page, _ = self.client.page("issues", self._issue_fields, ISSUES_A_PAGE, params)
        except BadRequestError:
            # an id that no longer exists spoils the query: find it by halves
            if len(readable_ids) == 1:
                return []
            middle = len(readable_ids) // 2
            return self._named(readable_ids[:middle]) + self._named(readable_ids[middle:])
        issues = self.checked_issues(page)
        if len(issues) > len(readable_ids):
            raise _ignored(params["query"])
        came = {issue["idReadable"] for issue in issues}
        absent = [readable_id for readable_id in readable_ids if readable_id not in came]
        if came and absent:
            # gone, moved, or cut off: once more without the others
            issues += self._named(absent)
        return issues

    def count(self, query: str) -> int | None:
        """How many issues YouTrack counts for a query; None when it does not come to a number.

        It answers -1 while it is still counting (youtrack-api.md §1.1).
        """
        wait = 0.2
        for _ in range(12):
            answer = self.client.post("issuesGetter/count", "count", {"query": query})
            number = answer.get("count") if isinstance(answer, dict) else None
            if not isinstance(number, int):
                return None
            if number >= 0:
                return number
            time.sleep(wait)
            wait = min(wait * 1.7, 5)
        return None

    def checked_issues(self, page: Any, *, is_full: bool = True) -> list[Entity]:
        """The issues of an answer, people's names off, or an error naming what it lacks."""
        must_have = ISSUE_MUST_HAVE if is_full else CENSUS_MUST_HAVE
        issues = _list_of_entities(page, "issues")
        for issue in issues:
            absent = [key for key in must_have if issue.get(key) is None]
            if absent:
                raise YouTrackError(
                    f"YouTrack leaves {', '.join(absent)} out of its issues: the token's account "
                    "lacks the right to see it (Read Issue, Read Project, and for fields the "
                    "access to each custom field)"
                )
        if not is_full:
            return issues
        unknown: Counter[str] = Counter()
        clean_issues(issues, unknown)
        self.findings.unknown_types(unknown)
        return issues

    # --- changes

    def feed(
        self,
        issue_query: str,
        start: int,
        end: int,
        *,
        split: Split | None = None,
    ) -> Iterator[list[Entity]]:
        """Changes with a timestamp in [start, end) in epoch ms, oldest first, by cursor."""
        params: dict[str, Any] = {
            "categories": ",".join(ACTIVITY_CATEGORIES),
            # one ms wider: whether the ends are included is not documented
            "start": str(max(0, start - 1)),
            "end": str(end),
            "reverse": "false",
        }
        if issue_query:
            params["issueQuery"] = issue_query.strip()
        top, asked_end, pages = ACTIVITIES_A_PAGE, end, 0
        while True:
            answer, top = self.client.page("activitiesPage", ACTIVITY_PAGE_FIELDS, top, params)
            activities = self._checked_activities(answer, start - 1, asked_end)
            yield [each for each in activities if start <= each["timestamp"] < end]
            pages += 1
            if not answer["hasAfter"] or (activities and activities[-1]["timestamp"] >= end):
                return
            if answer.get("afterCursor") in (None, params.get("cursor")):
                raise YouTrackError("the cursor of activitiesPage does not move")
            params["cursor"] = answer["afterCursor"]
            if split and activities and pages % PAGES_BEFORE_SPLIT == 0:
                middle = (activities[-1]["timestamp"] + end) // 2
                if end - middle > SHORTEST_SPLIT:
                    split(self.feed(issue_query, middle, end, split=split))
                    end = middle

    def history(self, readable_ids: Sequence[str], end: int) -> Iterator[list[Entity]]:
        """All changes up to `end` of these issues; those that are gone have none."""
        for first in range(0, len(readable_ids), ISSUES_BY_NAME):
            yield from self._history(readable_ids[first : first + ISSUES_BY_NAME], end)

    def _history(self, readable_ids: Sequence[str], end: int) -> Iterator[list[Entity]]:
        pages = self.feed(search.of_issues(readable_ids), 0, end)
        try:
            first = next(pages)
        except BadRequestError:
            if len(readable_ids) > 1:
                middle = len(readable_ids) // 2
                yield from self._history(readable_ids[:middle], end)
                yield from self._history(readable_ids[middle:], end)
            return
        yield first
        yield from pages

    def _checked_activities(self, answer: Any, start: int, end: int) -> list[Entity]:
        """The changes of a cursor page, people's names off, or an error."""
        if not isinstance(answer, dict) or "hasAfter" not in answer:
            raise YouTrackError(
                "activitiesPage answers without hasAfter: this YouTrack is older than supported"
            )
        activities = _list_of_entities(answer.get("activities"), "activitiesPage")
        for activity in activities:
            absent = [key for key in ACTIVITY_MUST_HAVE if key not in activity]
            if absent:
                raise YouTrackError(f"YouTrack leaves {', '.join(absent)} out of its changes")
            if not start <= activity["timestamp"] <= end:
                raise _ignored("start and end")
        if any(
            earlier["timestamp"] > later["timestamp"]
            for earlier, later in zip(activities, activities[1:], strict=False)
        ):
            raise YouTrackError("activitiesPage does not sort by time as asked (reverse=false)")
        unknown: Counter[str] = Counter()
        clean_activities(activities, unknown)
        self.findings.unknown_types(unknown)
        return activities


class _PageEnds:
    """Whether a page of a list is its last one, although the server may cut pages in silence.

    `longest` remembers, for each kind of list, the longest page that is known to be uncut.
    """

    def __init__(self, longest: dict[str, int], kind: str) -> None:
        self._longest = longest
        self._kind = kind
        self._previous = 0

    def is_end(self, length: int, top: int, *, is_new: bool) -> bool:
        """`is_new`: whether the page held a row that the pages before it had not."""
        previous, self._previous = self._previous, length
        if length >= top:
            self._learn(length)
            return False
        if length <= self._longest.get(self._kind, 0):
            return True
        if not is_new and length < max(previous, 2):
            # only the overlap came back, so the page before was the end, and uncut
            self._learn(previous)
            return True
        return False

    def _learn(self, length: int) -> None:
        self._longest[self._kind] = max(self._longest.get(self._kind, 0), length)


class _Walk:
    """One window of issues on its way from start to end."""

    def __init__(
        self, reader: Reader, attribute: str, scope: str, start: int, end: int | None,
        fields: str, top: int,
    ) -> None:  # fmt: skip
        self.reader = reader
        self.attribute = attribute
        self.scope = scope
        self.start = start
        self.end = end
        self.fields = fields
        self.top = top
        self.is_full = fields != CENSUS_FIELDS
        # id -> value of the attribute with which it was read
        self.seen: dict[str, int] = {}
        self.last: Entity | None = None
        self.lower = start - reader.clock.margin
        self.skip = 0
        self.restarts = 0
        self.ends = _PageEnds(reader.longest_pages, "issues" if self.is_full else "issue ids")

    def pages(self) -> Iterator[list[Entity]]:
        """The window's issues, each once (twice, if it changed meanwhile)."""
        while True:
            page = self._ask()
            if self.last is not None and not self._is_connected(page):
                continue
            new = [issue for issue in page if self.seen.get(issue["id"]) != self._at(issue)]
            self.seen.update((issue["id"], self._at(issue)) for issue in page)
            yield [issue for issue in new if self._is_inside(issue)]
            if self.ends.is_end(len(page), self.top, is_new=bool(new)):
                return
            if self.end is not None and self._at(page[-1]) >= self.end:
                return
            self._advance(page)

    def give_half(self) -> int | None:
        """Shorten the window to half of what is left; returns where it ends now."""
        if self.last is None or self.end is None:
            return None
        middle = (self._at(self.last) + self.end) // 2
        if self.end - middle < SHORTEST_SPLIT:
            return None
        self.end = middle
        return middle

    def _at(self, issue: Entity) -> int:
        return issue[self.attribute]

    def _is_inside(self, issue: Entity) -> bool:
        return self.start <= self._at(issue) and (self.end is None or self._at(issue) < self.end)

    def _ask(self) -> list[Entity]:
        """One page from the present place on, checked against the window."""
        clock = self.reader.clock
        upper = self._upper() + clock.margin
        query = search.window(
            self.scope, self.attribute, clock.no_later(self.lower), clock.no_earlier(upper)
        )
        params = {"query": query, "$skip": self.skip}
        page, self.top = self.reader.client.page("issues", self.fields, self.top, params)
        issues = self.reader.checked_issues(page, is_full=self.is_full)
        moments = [self._at(issue) for issue in issues]
        if any(not self.lower - QUERY_SLACK <= moment <= upper + QUERY_SLACK for moment in moments):
            raise _ignored(query)
        seconds = [moment // SECOND for moment in moments]
        if seconds != sorted(seconds):
            raise YouTrackError(f"YouTrack does not sort as asked: {query}")
        return issues

    def _upper(self) -> int:
        return self.end if self.end is not None else int(time.time() * 1000) + 2 * DAY

    def _is_connected(self, page: list[Entity]) -> bool:
        """Whether this page joins the one before it: then the last row is in it again."""
        last = self.last
        if any(issue["id"] == last["id"] for issue in page):
            return True
        self.restarts += 1
        if self.restarts > 20:
            raise YouTrackError("issues change faster than they can be read")
        again = self.reader.named([last["idReadable"]])
        is_unchanged = any(self._at(issue) == self._at(last) for issue in again)
        if self.skip:
            # rows moved under the `$skip`: once more from the last second that is complete
            self.lower, self.skip = max(self.lower, self._at(last) - SECOND), 0
            self.last = None
            return False
        if is_unchanged and self.reader.clock.zone is not None:
            self.reader.findings.warn(
                f"YouTrack does not read dates in the zone {self.reader.clock.zone.key} that the "
                "token's profile names: windows are read 14 hours wider on both sides"
            )
            self.reader.clock = search.TokenClock(None)
            self.lower = self._at(last) - SECOND
            return False
        if is_unchanged:
            raise YouTrackError(
                f"YouTrack's search does not find {last['idReadable']} by its {self.attribute}: "
                "its search index is not up to date; run again later"
            )
        # it was changed or deleted meanwhile: what lies after it is complete
        return True

    def _advance(self, page: list[Entity]) -> None:
        """Move to the last second seen; inside a pile of one second, by rows."""
        self.last = page[-1]
        clock = self.reader.clock
        lower = self._at(self.last) // SECOND * SECOND - SECOND
        # without a zone, a literal means 28 hours: the window keeps its start and goes on by rows
        if clock.zone and clock.no_later(lower) > clock.no_later(self.lower):
            self.lower, self.skip = lower, 0
        else:
            self.skip += max(1, len(page) - 1)


def _list_of_entities(answer: Any, place: str) -> list[Entity]:
    """The answer, if it is a list of objects with ids; anything else is not taken for empty."""
    if not isinstance(answer, list) or not all(
        isinstance(row, dict) and row.get("id") for row in answer
    ):
        raise YouTrackError(f"{place} answers with something that is no list of entities")
    return answer


def _ignored(query: str) -> YouTrackError:
    return YouTrackError(
        f"YouTrack ignored what was asked ({query}) and answered with other rows: nothing it says "
        "can be trusted now"
    )
