"""Which issues are still there: a look at all of them.

Deleted, hidden and out of reach look alike: the issue no longer comes back. Two sweeps in a row
have to miss it before it counts as missing. A look also finds what the catch-up cannot: issues that
became visible without a change, and changes that moved no `updatedAt`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

import pyarrow as pa

from extract.errors import SourceError
from extract.tables import Entity
from extract.yandex_tracker.arrivals import read, read_one_by_one
from extract.yandex_tracker.journal import Known
from extract.yandex_tracker.tables import ISSUE_CENSUS
from extract.yandex_tracker.work import Scope, Work

# More issues newly gone than this are a fault of rights or of the server, not of the tracker.
MOST_NEWLY_GONE = 20
MOST_NEWLY_GONE_SHARE = 0.05

# a little less than a day, so that a nightly run that starts a minute early still sweeps
HOURS_BETWEEN_SWEEPS = 20

ROWS_A_PAGE = 10_000


@dataclass(frozen=True)
class Look:
    """All issues of the scope (id → key and queue), beside what raw knew before."""

    at: datetime
    seen: Mapping[str, tuple[str, str]]
    known: Mapping[str, Known]

    @property
    def gone(self) -> list[str]:
        """The issues that raw knows and Tracker no longer shows."""
        return [key for key in self.known if key not in self.seen]

    @property
    def newly_gone(self) -> list[str]:
        """Those of them that no sweep has missed yet."""
        return [key for key in self.gone if not self.known[key].missed_sweeps]

    @property
    def limit(self) -> float:
        """How many may be newly gone at most."""
        there = sum(not each.missed_sweeps for each in self.known.values())
        return max(MOST_NEWLY_GONE, MOST_NEWLY_GONE_SHARE * there)


def is_due(work: Work) -> bool:
    """Whether the last sweep is a day old, by the runs' own `as_of`."""
    swept_at = work.journal.state.swept_at
    if swept_at is None:
        return True
    hours = (work.as_of - datetime.fromisoformat(swept_at)).total_seconds() / 3600
    return hours >= HOURS_BETWEEN_SWEEPS


def look(work: Work, scope: Scope) -> Look:
    """Compare all issues with raw, and bring there what differs. Marks nothing."""
    at = datetime.now(timezone.utc)
    known = work.journal.known_in(scope.queues)
    seen = read(work, scope.within).seen
    work.progress("census", len(seen), None)
    found = Look(at, seen, known)
    if len(found.newly_gone) > found.limit:
        return found
    return _with_those_moved(work, scope, found)


def _with_those_moved(work: Work, scope: Scope, found: Look) -> Look:
    """Ask for the few that are newly gone by id: one that moved to a queue out of scope is there.

    So is one that the search does not show, which is told.
    """
    there = read_one_by_one(work, found.newly_gone).seen
    moved = {key for key, (_, queue) in there.items() if not scope.within.admits(queue)}
    hidden = {key: each for key, each in there.items() if key not in moved}
    if hidden:
        work.findings.warn(
            f"{len(hidden)} issue(s) are there, but no search shows them: "
            f"{', '.join(sorted(readable for readable, _ in hidden.values()))}"
        )
    known = {key: each for key, each in found.known.items() if key not in moved}
    return Look(found.at, {**found.seen, **hidden}, known)


def sweep(work: Work, found: Look) -> None:
    """Write down what did not come back.

    Raises SourceError, and marks nothing, when so much is gone that it cannot be believed.
    """
    if work.accept_missing:
        work.counts["accepted_missing"] = len(found.gone)
    else:
        _check(found, work.journal.queue_keys())
    work.packages.load({"issue_census": _rows(work, found)})
    _write_down(work, len(found.seen))


def take_as_sweep(work: Work, scope: Scope) -> None:
    """Take a full load that Tracker's own count confirms for a sweep that missed nothing."""
    at = datetime.now(timezone.utc)
    _write_down(work, work.journal.take_census(at, scope.queues))


def _write_down(work: Work, seen: int) -> None:
    work.journal.state.swept_at = work.as_of.isoformat()
    work.counts["swept"] = seen


def _check(found: Look, names: Mapping[str, str]) -> None:
    """Stop before marking when the answer looks like a loss of rights."""
    advice = (
        "give the token's account back its right to read them, or run once with --accept-missing "
        "if they were deleted"
    )
    before = Counter(each.queue_id for each in found.known.values() if not each.missed_sweeps)
    now = Counter(queue for _, queue in found.seen.values())
    empty = sorted(names.get(each, each) for each in before if not now[each])
    if empty:
        raise SourceError(f"no issue of {', '.join(empty)} comes back any more: {advice}")
    newly = len(found.newly_gone)
    if newly > found.limit:
        raise SourceError(
            f"{newly} of {before.total()} known issues do not come back any more, more than "
            f"{found.limit:.0f}: {advice}"
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
        "queue_id": seen[1] if seen else known.queue_id if known else None,
        "missed_sweeps": 0 if seen else missed_before + 1,
        "swept_at": found.at,
        "seen_at": found.at if seen else last_seen.get(key),
    }
