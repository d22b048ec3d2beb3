"""Which issues are still there: a sweep over all ids.

Deleted, hidden and out of reach look alike: the issue no longer comes back (youtrack-api.md §0
no. 12). Two sweeps in a row have to miss it before it counts as missing. A sweep also finds what
the catch-up cannot: issues that became visible without a change, and changes that were lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from extract.errors import YouTrackError
from extract.youtrack.arrivals import Arrivals
from extract.youtrack.journal import Known
from extract.youtrack.reader import DAY, ISSUES_BY_NAME
from extract.youtrack.rows import Entity
from extract.youtrack.selection import ISSUE_CENSUS
from extract.youtrack.work import Scope, Work

# More issues newly gone than this are a fault of rights or of the server, not of the tracker.
MOST_NEWLY_GONE = 20
MOST_NEWLY_GONE_SHARE = 0.05

# a little less than a day, so that a nightly run that starts a minute early still sweeps
HOURS_BETWEEN_SWEEPS = 20

CENSUS_WINDOWS = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """An issue as the sweep saw it."""

    id_readable: str
    project_id: str
    created: int
    updated: int


def is_due(work: Work) -> bool:
    """Whether the last sweep is a day old, by the runs' own `as_of`."""
    swept_at = work.journal.state.swept_at
    if swept_at is None:
        return True
    hours = (work.as_of - datetime.fromisoformat(swept_at)).total_seconds() / 3600
    return hours >= HOURS_BETWEEN_SWEEPS


def sweep(work: Work, scope: Scope) -> dict[str, Seen]:
    """Compare all ids with raw, read again what differs, and write down what did not come back.

    Raises YouTrackError, and marks nothing, when so much is gone that it cannot be believed.
    """
    swept_at = datetime.now(timezone.utc)
    seen = _all_ids(work, scope)
    known = work.journal.known_in(scope.projects)
    _read_again(work, seen, known)
    gone = {key for key, each in known.items() if key not in seen}
    _check(work, scope, seen, known, gone)
    _write(work, seen, known, swept_at)
    return seen


def take_as_sweep(work: Work, scope: Scope) -> None:
    """A full load that YouTrack's own count confirms has seen every id."""
    swept_at = datetime.now(timezone.utc)
    known = work.journal.known_in(scope.projects)
    seen = {
        key: Seen(each.id_readable, each.project_id, each.created, each.updated)
        for key, each in known.items()
    }
    _write(work, seen, known, swept_at)


def _all_ids(work: Work, scope: Scope) -> dict[str, Seen]:
    """Every issue's id, read in parallel windows of `created`."""
    reader = work.reader
    first = reader.first_created(scope.clause)
    if first is None:
        return {}
    lane = work.ahead.lane([])
    end = work.journal.started_ms + 2 * DAY
    width = -(-(end - first) // CENSUS_WINDOWS)
    for start in range(first, end, width):
        lane.add(reader.census(scope.clause, start, min(start + width, end), split=lane.add))
    seen: dict[str, Seen] = {}
    for page in lane:
        for issue in page:
            seen[issue["id"]] = Seen(
                issue["idReadable"], issue["project"]["id"], issue["created"], issue["updated"]
            )
        work.progress("census", len(seen), None)
    return seen


def _read_again(work: Work, seen: dict[str, Seen], known: dict[str, Known]) -> None:
    """Issues that raw lacks, that were away, or whose last change differs: they and their past."""
    again = {
        key: each.id_readable
        for key, each in seen.items()
        if key not in known
        or known[key].missed_sweeps
        or known[key].updated != each.updated
        or known[key].project_id != each.project_id
    }
    if not again:
        return
    arrivals = Arrivals(work)
    arrivals.without_history |= again.keys()
    readable_ids = list(again.values())
    for first in range(0, len(readable_ids), ISSUES_BY_NAME):
        arrivals.add(work.reader.named(readable_ids[first : first + ISSUES_BY_NAME]))
    arrivals.load()


def _check(
    work: Work, scope: Scope, seen: dict[str, Seen], known: dict[str, Known], gone: set[str]
) -> None:
    """Stop before marking when the answer looks like a loss of rights."""
    if work.accept_missing:
        work.counts["accepted_missing"] = len(gone)
        return
    newly = {key for key in gone if not known[key].missed_sweeps}
    before = Counter(each.project_id for each in known.values() if not each.missed_sweeps)
    now = Counter(each.project_id for each in seen.values())
    empty = sorted(
        scope.short_names.get(project, project) for project in before if not now[project]
    )
    advice = (
        "give the token's account back its right to read them, or run once with --accept-missing "
        "if they were deleted"
    )
    if empty:
        raise YouTrackError(f"no issue of {', '.join(empty)} comes back any more: {advice}")
    limit = max(MOST_NEWLY_GONE, MOST_NEWLY_GONE_SHARE * before.total())
    if len(newly) > limit:
        raise YouTrackError(
            f"{len(newly)} of {before.total()} known issues do not come back any more, more than "
            f"{limit:.0f}: {advice}"
        )


def _write(
    work: Work, seen: dict[str, Seen], known: dict[str, Known], swept_at: datetime
) -> None:
    """One row for every issue in scope that is there or was."""
    last_seen = work.journal.census()
    rows: list[Entity] = [
        {
            "issue_id": key,
            "project_id": (seen.get(key) or known[key]).project_id,
            "missed_sweeps": 0 if key in seen else known[key].missed_sweeps + 1,
            "swept_at": swept_at,
            "seen_at": swept_at if key in seen else last_seen.get(key),
        }
        for key in {**seen, **known}
    ]
    work.packages.load({"issue_census": _pages(work, rows)})
    work.journal.state.swept_at = work.as_of.isoformat()
    work.counts["swept"] = len(seen)


def _pages(work: Work, rows: Sequence[Entity]) -> Iterator:
    for first in range(0, len(rows), 10_000):
        part = rows[first : first + 10_000]
        yield work.table(ISSUE_CENSUS, part, **{key: [row[key] for row in part] for key in part[0]})
