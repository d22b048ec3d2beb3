"""Which issues are still there: a look at all ids.

Deleted, hidden and out of reach look alike: the issue no longer comes back (youtrack-api.md §0
no. 12). Two sweeps in a row have to miss it before it counts as missing. A look also finds what
the catch-up cannot: issues that became visible without a change, and changes that were lost.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import pyarrow as pa

from extract.errors import SourceError
from extract.tables import Entity
from extract.youtrack.arrivals import Arrivals
from extract.youtrack.journal import Known
from extract.youtrack.paging import BEGINNING, FOREVER
from extract.youtrack.reader import IDS_A_PAGE, ISSUES_BY_NAME
from extract.youtrack.selection import ISSUE_CENSUS
from extract.youtrack.work import Scope, Work

# More issues newly gone than this are a fault of rights or of the server, not of the tracker.
MOST_NEWLY_GONE = 20
MOST_NEWLY_GONE_SHARE = 0.05

# a little less than a day, so that a nightly run that starts a minute early still sweeps
HOURS_BETWEEN_SWEEPS = 20

WINDOWS = 4
# what a page surely brings that no other does: the rows at its end come again at the next one's
# start, and those around a window's ends in both windows
NEW_IDS_A_PAGE = IDS_A_PAGE - 5
ROWS_A_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Seen:
    """An issue as a look at all ids saw it."""

    id_readable: str
    project_id: str
    created: int
    updated: int


@dataclass(frozen=True)
class Look:
    """All ids of the scope, beside what raw knew before."""

    at: datetime
    seen: Mapping[str, Seen]
    known: Mapping[str, Known]

    @property
    def gone(self) -> list[str]:
        """The issues that raw knows and YouTrack no longer shows."""
        return [key for key in self.known if key not in self.seen]


def is_due(work: Work) -> bool:
    """Whether the last sweep is a day old, by the runs' own `as_of`."""
    swept_at = work.journal.state.swept_at
    if swept_at is None:
        return True
    hours = (work.as_of - datetime.fromisoformat(swept_at)).total_seconds() / 3600
    return hours >= HOURS_BETWEEN_SWEEPS


def look(work: Work, scope: Scope) -> Look:
    """Compare all ids with raw, and read again what differs. Marks nothing."""
    at = datetime.now(timezone.utc)
    known = work.journal.known_in(scope.projects)
    found = Look(at, _all_ids(work, scope, known), known)
    _read_again(work, found)
    work.journal.state.away = found.gone
    return found


def sweep(work: Work, found: Look, scope: Scope) -> None:
    """Write down what did not come back.

    Raises SourceError, and marks nothing, when so much is gone that it cannot be believed.
    """
    if work.accept_missing:
        work.counts["accepted_missing"] = len(found.gone)
    else:
        _check(found, {**work.journal.projects_with_fields(), **scope.short_names})
    work.packages.load({"issue_census": _rows(work, found)})
    _write_down(work, len(found.seen))


def take_as_sweep(work: Work, scope: Scope) -> None:
    """Take a full load that YouTrack's own count confirms for a sweep that missed nothing."""
    at = datetime.now(timezone.utc)
    _write_down(work, work.journal.take_census(at, scope.projects))


def _write_down(work: Work, seen: int) -> None:
    work.journal.state.swept_at = work.as_of.isoformat()
    work.journal.state.away = []
    work.counts["swept"] = seen


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
        or known.project_id != seen.project_id
    )


def _check(found: Look, names: Mapping[str, str]) -> None:
    """Stop before marking when the answer looks like a loss of rights.

    `names`: the short names of the projects.
    """
    advice = (
        "give the token's account back its right to read them, or run once with --accept-missing "
        "if they were deleted"
    )
    before = Counter(each.project_id for each in found.known.values() if not each.missed_sweeps)
    now = Counter(each.project_id for each in found.seen.values())
    empty = sorted(names.get(each, each) for each in before if not now[each])
    if empty:
        raise SourceError(f"no issue of {', '.join(empty)} comes back any more: {advice}")
    newly = sum(not found.known[key].missed_sweeps for key in found.gone)
    limit = max(MOST_NEWLY_GONE, MOST_NEWLY_GONE_SHARE * before.total())
    if newly > limit:
        raise SourceError(
            f"{newly} of {before.total()} known issues do not come back any more, more than "
            f"{limit:.0f}: {advice}"
        )


def _rows(work: Work, found: Look) -> Iterator[pa.Table]:
    """One row for every issue in scope that is there or was."""
    last_seen = work.journal.census()
    ids = list({**found.seen, **found.known})
    for first in range(0, len(ids), ROWS_A_PAGE):
        rows = [_row(key, found, last_seen) for key in ids[first : first + ROWS_A_PAGE]]
        yield work.table(ISSUE_CENSUS, rows, **{key: [row[key] for row in rows] for key in rows[0]})


def _row(key: str, found: Look, last_seen: Mapping[str, datetime | None]) -> Entity:
    seen, known = found.seen.get(key), found.known.get(key)
    missed_before = known.missed_sweeps if known else 0
    return {
        "issue_id": key,
        "project_id": (seen or known).project_id if seen or known else None,
        "missed_sweeps": 0 if seen else missed_before + 1,
        "swept_at": found.at,
        "seen_at": found.at if seen else last_seen.get(key),
    }
