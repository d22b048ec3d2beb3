"""A look at all ids: which issues are still there (youtrack-api.md §0 no. 12).

It also finds what the catch-up cannot: issues that became visible without a change, and changes
that were lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from extract import census
from extract.census import Look
from extract.youtrack.arrivals import Arrivals
from extract.youtrack.journal import Known
from extract.youtrack.paging import BEGINNING, FOREVER
from extract.youtrack.reader import IDS_A_PAGE, ISSUES_BY_NAME
from extract.youtrack.selection import ISSUE_CENSUS
from extract.youtrack.work import Scope, Work

WINDOWS = 4
# what a page surely brings that no other does: the rows at its end come again at the next one's
# start, and those around a window's ends in both windows
NEW_IDS_A_PAGE = IDS_A_PAGE - 5


@dataclass(frozen=True, slots=True)
class Seen:
    """An issue as a look at all ids saw it."""

    id_readable: str
    # the project's
    holder_id: str
    created: int
    updated: int


def look(work: Work, scope: Scope) -> Look:
    """Compare all ids with raw, and read again what differs. Marks nothing."""
    at = datetime.now(timezone.utc)
    known = work.journal.known_in(scope.projects)
    found = Look(at, _all_ids(work, scope, known), known)
    _read_again(work, found)
    work.journal.state.away = found.gone
    return found


def sweep(work: Work, found: Look[Seen, Known], scope: Scope) -> None:
    """Write down what did not come back. Raises SourceError as `extract.census`."""
    names = {**work.journal.projects_with_fields(), **scope.short_names}
    census.sweep(work, found, ISSUE_CENSUS, names)
    work.journal.state.away = []


def take_as_sweep(work: Work, scope: Scope) -> None:
    """Take a full load for a sweep, as `extract.census`."""
    census.take_as_sweep(work, scope.projects)
    work.journal.state.away = []


def _all_ids(work: Work, scope: Scope, known: Mapping[str, Known]) -> dict[str, Seen]:
    """Every issue's id, read in parallel windows of `created`."""
    lane = work.ahead.lane([])
    for start, end in _windows(sorted(each.created for each in known.values())):
        lane.add(work.reader.ids(scope.within, start, end, lane.add))
    seen: dict[str, Seen] = {}
    for page in lane:
        for issue in page:
            seen[issue["id"]] = Seen(
                issue["idReadable"], issue["project"]["id"], issue["created"], issue["updated"]
            )
        work.progress("census", len(seen), None)
    return seen


def _windows(created: Sequence[int]) -> Iterator[tuple[int, int]]:
    """All time in a few windows, each of as many whole pages as raw knows issues for."""
    pages = math.ceil(len(created) / NEW_IDS_A_PAGE / WINDOWS)
    cuts = sorted(set(created[pages * NEW_IDS_A_PAGE :: pages * NEW_IDS_A_PAGE])) if pages else []
    yield from zip([min([BEGINNING, *created[:1]]), *cuts], [*cuts, FOREVER], strict=True)


def _read_again(work: Work, found: Look) -> None:
    """Issues that raw lacks, that were away, or whose last change differs: they and their past."""
    away = set(work.journal.state.away)
    again = {
        key: each.id_readable
        for key, each in found.seen.items()
        if key in away or _differs(found.known.get(key), each)
    }
    if not again:
        return
    arrivals = Arrivals(work)
    arrivals.without_history |= again.keys()
    readable_ids = list(again.values())
    for first in range(0, len(readable_ids), ISSUES_BY_NAME):
        arrivals.add(work.reader.named(readable_ids[first : first + ISSUES_BY_NAME]))
    arrivals.load()


def _differs(known: Known | None, seen: Seen) -> bool:
    return (
        known is None
        or known.missed_sweeps > 0
        or known.updated != seen.updated
        or known.holder_id != seen.holder_id
    )
