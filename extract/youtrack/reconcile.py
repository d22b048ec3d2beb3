"""Does raw hold as many issues as YouTrack counts?

Asked in every run, because it costs one request and sees what nothing else does without a look
at all ids: issues that became visible, or went, without any change that a feed would tell.
"""

from __future__ import annotations

import time

from extract.census import Look
from extract.errors import SourceError
from extract.youtrack import census
from extract.youtrack.paging import DAY, SECOND
from extract.youtrack.work import Scope, Work

# the search index behind a count may lag a little behind an edit
LOOKS_AT_A_DIFFERENCE = 3
SECONDS_BETWEEN_LOOKS = 2


def reconcile(work: Work, scope: Scope, *, is_full: bool) -> Look | None:
    """Compare counts; where they differ, look at all ids. Returns that look, if there was one.

    A full load that the count confirms has seen every id: it is a sweep.

    Only issues created before the load count: the others still come in. A difference that an
    earlier run has looked at already (an issue that went, and waits for the next sweep) is
    looked at again only when it changes.

    Raises SourceError when YouTrack shows fewer issues than it counts.
    """
    state = work.journal.state
    end = _quiet_moment(work, scope)
    query = _query(work, scope, end)
    counted = work.reader.count(query)
    if counted is None:
        work.findings.warn("YouTrack did not come to a count of its issues: nothing to compare")
        return census.look(work, scope) if is_full else None
    difference = counted - work.journal.created_between(0, end, scope.projects)
    is_expected = difference == (0 if is_full else state.difference)
    if is_expected and not work.is_in_doubt:
        state.difference = difference
        if is_full:
            census.take_as_sweep(work, scope)
        return None
    found = _look(work, scope, query, end)
    state.difference = counted - work.journal.created_between(0, end, scope.projects)
    return found


def _look(work: Work, scope: Scope, query: str, end: int) -> Look:
    """YouTrack's list beside YouTrack's count; an issue may come into scope between the two."""
    for attempt in range(LOOKS_AT_A_DIFFERENCE):
        if attempt:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        found = census.look(work, scope)
        shown = sum(each.created < end for each in found.seen.values())
        counted = work.reader.count(query)
        if counted is None or counted - shown <= work.journal.state.surplus:
            return found
    message = (
        f"YouTrack counts {counted} issues but shows {shown}: its answers are cut, or its search "
        "index is not up to date"
    )
    if not work.accept_missing:
        raise SourceError(
            f"{message}. Run again later; if it stays so, run once with --accept-missing"
        )
    work.journal.state.surplus = counted - shown
    work.findings.warn(message)
    return found


def _quiet_moment(work: Work, scope: Scope) -> int:
    """A moment before the load with no issue created near it: a count ends there by the second."""
    moment = work.journal.started_ms
    while work.journal.created_between(moment - 3 * SECOND, moment + 3 * SECOND, scope.projects):
        moment -= 10 * SECOND
    return moment


def _query(work: Work, scope: Scope, end: int) -> str:
    clock = work.reader.clock
    if clock.zone is None:
        return scope.within.clause.strip()
    return f"{scope.within.clause}created: {clock.no_later(DAY)} .. {clock.no_earlier(end)}"
