"""Issues on their way to raw: those that it does not know as they are now."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa

from extract.ahead import Lane
from extract.tables import Entity
from extract.work import Tables
from extract.yandex_tracker.answers import queue_id
from extract.yandex_tracker.journal import Known
from extract.yandex_tracker.reader import ISSUES_A_PAGE
from extract.yandex_tracker.search import Within
from extract.yandex_tracker.tables import ISSUES
from extract.yandex_tracker.work import Work

PAGES_A_PACKAGE = 10
# each holds a thousand whole issues
PAGES_AHEAD = 4


class Seen(NamedTuple):
    """An issue as a search showed it."""

    key: str
    # the queue's
    holder_id: str


class Arrivals:
    """Collects read issues, and loads in packages those that differ from what raw has.

    `also` goes along with the first one. `remember`: say afterwards what came.
    """

    def __init__(self, work: Work, also: Tables | None = None, *, remember: bool = True) -> None:
        self._work = work
        self._also = also or {}
        self._remember = remember
        self._waiting: list[pa.Table] = []
        # id → everything that was added
        self.seen: dict[str, Seen] = {}
        # ids of the issues that were loaded last; whoever uses them takes them out
        self.loaded: deque[str] = deque(maxlen=PAGES_A_PACKAGE * ISSUES_A_PAGE)

    def add(self, issues: list[Entity]) -> None:
        """Take a page of issues; loads by itself when enough of them wait."""
        known = self._work.journal.known(issue["id"] for issue in issues)
        if self._remember:
            self.seen.update(
                (issue["id"], Seen(issue["key"], queue_id(issue) or "")) for issue in issues
            )
        new = {issue["id"]: issue for issue in issues if _differs(known.get(issue["id"]), issue)}
        if new:
            if not self._work.summaries:
                for issue in new.values():
                    issue["summary"] = None
            values = [issue["field_values"] for issue in new.values()]
            page = self._work.table(ISSUES, list(new.values()), field_values=values)
            self._waiting.append(page)
        if len(self._waiting) >= PAGES_A_PACKAGE:
            self.load()

    def load(self) -> None:
        """Load what waits."""
        tables = dict(self._also)
        if self._waiting:
            tables["issues"] = self._waiting
        if tables:
            self._work.packages.load(tables)
        for page in self._waiting:
            self.loaded.extend(page["id"].to_pylist())
        if self._waiting:
            self._work.progress("issues", self._work.packages.loaded["issues"], None)
        self._also, self._waiting = {}, []


def asked_for(work: Work, within: Within, since: int | None = None) -> Lane[list[Entity]]:
    """The pages of a search, which are on their way from now on."""
    return work.ahead.lane([work.reader.issues(within, since)], pages_ahead=PAGES_AHEAD)


def read(
    work: Work, within: Within, since: int | None = None, also: Tables | None = None
) -> Arrivals:
    """Bring the issues of a search into raw; returns what came."""
    arrivals = Arrivals(work, also)
    for page in asked_for(work, within, since):
        arrivals.add(page)
    arrivals.load()
    return arrivals


def read_one_by_one(work: Work, ids: Iterable[str]) -> Arrivals:
    """Bring these issues into raw, wherever they are now; those that are gone are left out."""
    arrivals = Arrivals(work)
    for issue in work.ahead.lane(_one(work, each) for each in ids):
        arrivals.add([issue])
    arrivals.load()
    return arrivals


def _one(work: Work, issue_id: str) -> Iterator[Entity]:
    issue = work.reader.issue(issue_id)
    if issue is not None:
        yield issue


def _differs(known: Known | None, issue: Entity) -> bool:
    return (
        known is None
        or known.missed_sweeps > 0
        or (known.version, known.updated_at) != (issue["version"], issue["updatedAt"])
        or (known.key, known.holder_id) != (issue["key"], queue_id(issue))
    )
