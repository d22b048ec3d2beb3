"""Which issues are still there: what a look at all of them says, and how far it is believed.

Deleted, hidden and out of reach look alike: the issue no longer comes back. Two sweeps in a row
have to miss it before it counts as missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Generic, Protocol, TypeVar

import pyarrow as pa

from extract.errors import SourceError
from extract.tables import Entity, Table
from extract.work import Work

# More issues newly gone than this are a fault of rights or of the server, not of the tracker.
MOST_NEWLY_GONE = 20
MOST_NEWLY_GONE_SHARE = 0.05

# a little less than a day, so that a nightly run that starts a minute early still sweeps
HOURS_BETWEEN_SWEEPS = 20

ROWS_A_PAGE = 10_000


class Seen(Protocol):
    """An issue as a look saw it."""

    @property
    def holder_id(self) -> str:
        """The project or queue that holds it."""


class Known(Seen, Protocol):
    """An issue as raw knows it."""

    @property
    def missed_sweeps(self) -> int: ...


SeenT = TypeVar("SeenT", bound=Seen)
KnownT = TypeVar("KnownT", bound=Known)


@dataclass(frozen=True)
class Look(Generic[SeenT, KnownT]):
    """All issues of the scope by id, beside what raw knew before."""

    at: datetime
    seen: Mapping[str, SeenT]
    known: Mapping[str, KnownT]

    @property
    def gone(self) -> list[str]:
        """The issues that raw knows and the tracker no longer shows."""
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


def sweep(work: Work, found: Look, table: Table, names: Mapping[str, str]) -> None:
    """Write down, in the census `table`, what did not come back.

    `names`: of the projects or queues, for people. Raises SourceError, and marks nothing, when so
    much is gone that it cannot be believed.
    """
    if work.accept_missing:
        work.counts["accepted_missing"] = len(found.gone)
    else:
        check(found, names)
    work.packages.load({table.name: _rows(work, found, table)})
    _write_down(work, len(found.seen))


def take_as_sweep(work: Work, holders: list[str] | None) -> None:
    """Take a full load that the tracker's own count confirms for a sweep that missed nothing."""
    at = datetime.now(timezone.utc)
    _write_down(work, work.journal.take_census(at, holders))


def _write_down(work: Work, seen: int) -> None:
    work.journal.state.swept_at = work.as_of.isoformat()
    work.counts["swept"] = seen


def check(found: Look, names: Mapping[str, str]) -> None:
    """Stop before marking when the answer looks like a loss of rights."""
    advice = (
        "give the token's account back its right to read them, or run once with --accept-missing "
        "if they were deleted"
    )
    before = Counter(each.holder_id for each in found.known.values() if not each.missed_sweeps)
    now = Counter(each.holder_id for each in found.seen.values())
    empty = sorted(names.get(each, each) for each in before if not now[each])
    if empty:
        raise SourceError(f"no issue of {', '.join(empty)} comes back any more: {advice}")
    newly = len(found.newly_gone)
    if newly > found.limit:
        raise SourceError(
            f"{newly} of {before.total()} known issues do not come back any more, more than "
            f"{found.limit:.0f}: {advice}"
        )


def _rows(work: Work, found: Look, table: Table) -> Iterator[pa.Table]:
    """One row for every issue in scope that is there or was."""
    holder = table.columns[1].name
    last_seen = work.journal.census()
    ids = list({**found.seen, **found.known})
    for first in range(0, len(ids), ROWS_A_PAGE):
        rows = [_row(key, found, holder, last_seen) for key in ids[first : first + ROWS_A_PAGE]]
        yield work.table(table, rows, **{key: [row[key] for row in rows] for key in rows[0]})


def _row(key: str, found: Look, holder: str, last_seen: Mapping[str, datetime | None]) -> Entity:
    seen, known = found.seen.get(key), found.known.get(key)
    missed_before = known.missed_sweeps if known else 0
    return {
        "issue_id": key,
        holder: (seen or known).holder_id if seen or known else None,
        "missed_sweeps": 0 if seen else missed_before + 1,
        "swept_at": found.at,
        "seen_at": found.at if seen else last_seen.get(key),
    }
