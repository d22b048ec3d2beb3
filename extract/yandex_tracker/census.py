"""A look at all issues: which of them are still there.

It also finds what the catch-up cannot: issues that became visible without a change, and changes
that moved no `updatedAt`.
"""

from __future__ import annotations

from datetime import datetime, timezone

from extract.census import Look
from extract.yandex_tracker.arrivals import read, read_one_by_one
from extract.yandex_tracker.work import Scope, Work


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
