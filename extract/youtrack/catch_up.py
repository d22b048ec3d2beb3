"""What changed since the last run, found from two sides.

Issues by `updated`, and issues that the feed of changes names: `updated` does not move for sprint
assignment, nor for what workflows write (youtrack-api.md §0 no. 9).

The order makes it safe to be killed anywhere. The feed is read first, then the issues, so that no
issue is older than a change that is in raw. Loaded are first the histories of issues that raw
does not know, then the issues, then the feed: a change is new as long as it is not in raw, and a
change that is new names an issue to be read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from extract.errors import SourceError
from extract.tables import Entity
from extract.youtrack.arrivals import Arrivals
from extract.youtrack.journal import Known
from extract.youtrack.paging import FOREVER, HOUR
from extract.youtrack.reader import ISSUES_A_PAGE, ISSUES_BY_NAME
from extract.youtrack.selection import ACTIVITIES
from extract.youtrack.work import Scope, Work

# More than a change to or from summer time, and than any transaction that commits late.
OVERLAP = 2 * HOUR

CHANGES_A_ROUND = 20_000

# How many issues from before the window the page of a quiet day is to show. One would prove that
# the page is whole; any of them may have changed or gone since.
BEFORE_THE_WINDOW = 5

# how many issues are looked at again before an empty answer is called a fault
WITNESSES = 50


@dataclass
class _Round:
    """Some thousand changes of the feed that raw does not have."""

    tables: list[pa.Table] = field(default_factory=list)
    # the issues that they name: id → readable id
    named: dict[str, str] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)
    size: int = 0

    def add(self, work: Work, activities: list[Entity]) -> None:
        self.tables.append(work.table(ACTIVITIES, activities))
        self.size += len(activities)
        for activity in activities:
            target = activity.get("target") or {}
            if not target.get("idReadable"):
                continue
            self.named[target["id"]] = target["idReadable"]
            if activity["category"]["id"] == "ProjectCategory":
                self.moved.add(target["id"])


def catch_up(
    work: Work, scope: Scope, also: dict[str, Iterable[pa.Table]], *, has_read_past: bool
) -> None:
    """Read everything that changed since the state's `read_until`; `also` goes along.

    `has_read_past`: this run has read a past, window by window. Of an issue that came into scope
    meanwhile, raw may have the change that says so and nothing before it: it is read again.

    Raises SourceError when an answer lacks rows that it must hold.
    """
    issues_since, changes_since = _begin(work, scope)
    arrivals = Arrivals(work, also)
    rounds = _rounds(work, scope, changes_since, arrivals, doubts_moves=has_read_past)
    for current, is_last in rounds:
        arrivals.read.clear()
        arrivals.without_history |= current.moved
        if is_last:
            known = work.journal.known_since(issues_since, scope.projects)
            reach = _reach(work, scope, issues_since, len(known) + len(current.named))
            for page in work.reader.updated(scope.within, issues_since, reach):
                arrivals.add(page)
            _check_issues(work, scope, known, arrivals.read)
        left = [readable for key, readable in current.named.items() if key not in arrivals.read]
        for first in range(0, len(left), ISSUES_BY_NAME):
            arrivals.add(work.reader.named(left[first : first + ISSUES_BY_NAME]))
        arrivals.load()
        if current.size:
            work.packages.load({"activities": current.tables})
            work.progress("activities", work.packages.loaded["activities"], None)


def _begin(work: Work, scope: Scope) -> tuple[int, int]:
    """From when on to read; written down, because what is loaded first moves the newest known.

    A run that was killed half-way has loaded newer rows than some that it has not: the next one
    begins where that one began.
    """
    state = work.journal.state
    if state.catch_up is None:
        state.catch_up = _since(work)
        window = (min(state.catch_up), work.journal.started_ms)
        work.journal.write("window", scope.projects, window, {})
    return state.catch_up


def _since(work: Work) -> tuple[int, int]:
    """From when on issues and changes are read again, in epoch ms.

    The newest thing known is by YouTrack's clock, the start of the last run by ours: the earlier
    of the two is safe whichever clock is wrong.
    """
    read_until = work.journal.state.read_until or 0
    newest_issue, newest_change = work.journal.newest()
    return (
        max(0, min(read_until, newest_issue or read_until) - OVERLAP),
        max(0, min(read_until, newest_change or read_until) - OVERLAP),
    )


def _rounds(
    work: Work, scope: Scope, since: int, arrivals: Arrivals, *, doubts_moves: bool
) -> Iterator[tuple[_Round, bool]]:
    """The feed's new changes in rounds of bounded size; the last round comes even if empty."""
    known = work.journal.activities_since(since, scope.projects)
    came_again = not known
    current = _Round()
    for page in work.reader.changes(scope.within, since, FOREVER):
        came_again = came_again or any(activity["id"] in known for activity in page)
        new = [
            activity
            for activity in page
            if activity["id"] not in known
            or (doubts_moves and activity["category"]["id"] == "ProjectCategory")
        ]
        arrivals.with_history |= {
            activity["target"]["id"]
            for activity in page
            if activity["category"]["id"] == "IssueCreatedCategory" and activity.get("target")
        }
        if new:
            current.add(work, new)
        if current.size >= CHANGES_A_ROUND:
            yield current, False
            current = _Round()
    if not came_again:
        _check_feed(work, scope, known)
    yield current, True


def _check_feed(work: Work, scope: Scope, known: dict[str, str]) -> None:
    """No change that raw has came again: believable only if their issues are all gone."""
    work.is_in_doubt = True
    witnesses = list(dict.fromkeys(known.values()))[:WITNESSES]
    for issue in work.reader.named(witnesses):
        if scope.within.admits(issue["project"]["id"]):
            raise SourceError(
                "YouTrack's feed of changes comes back without changes that it showed before (of "
                f"{issue['idReadable']}): it is not to be trusted now. Run again later"
            )


def _reach(work: Work, scope: Scope, since: int, expected: int) -> int | None:
    """From when on one page shows all that changed after `since`; None on a busy day."""
    if expected + BEFORE_THE_WINDOW > ISSUES_A_PAGE:
        return None
    return work.journal.changed_before(since, scope.projects, issues=BEFORE_THE_WINDOW)


def _check_issues(work: Work, scope: Scope, known: dict[str, Known], read: dict[str, int]) -> None:
    """Whatever raw knows to be changed in the window must have come back, or be gone."""
    absent = {key: each for key, each in known.items() if key not in read}
    witnesses = [each.id_readable for each in absent.values() if not each.missed_sweeps]
    work.is_in_doubt = work.is_in_doubt or bool(witnesses)
    for issue in work.reader.named(witnesses[:WITNESSES]):
        has_moved_out = not scope.within.admits(issue["project"]["id"])
        before = absent.get(issue["id"])
        if before and issue["updated"] == before.updated and not has_moved_out:
            raise SourceError(
                f"YouTrack's search does not find {issue['idReadable']} by its last change: its "
                "search index is not up to date, or it ignored the search. Run again later"
            )
