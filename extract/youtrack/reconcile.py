"""After a full load: does raw hold as many issues as YouTrack counts?"""

from __future__ import annotations

from extract.errors import YouTrackError
from extract.youtrack import census
from extract.youtrack.reader import DAY, SECOND
from extract.youtrack.work import Scope, Work


def reconcile(work: Work, scope: Scope) -> None:
    """Compare counts; where they differ, look at every id before calling it an error.

    A load that the count confirms is the first sweep. Only issues created before the load count:
    the others still come in.
    """
    end = _quiet_moment(work, scope)
    query = _query(work, scope, end)
    counted = work.reader.count(query)
    loaded = work.journal.created_between(0, end, scope.projects)
    work.counts |= {"counted_by_youtrack": counted, "counted_in_raw": loaded}
    if counted is None:
        work.findings.warn("YouTrack did not come to a count of its issues: nothing to compare")
    if counted == loaded:
        census.take_as_sweep(work, scope)
        return
    seen = census.sweep(work, scope)
    if counted is None:
        return
    # the search index may lag, and issues are deleted while a load runs: once more
    counted = work.reader.count(query)
    found = sum(each.created < end for each in seen.values())
    if counted is not None and counted != found:
        raise YouTrackError(
            f"YouTrack counts {counted} issues but shows {found}: its answers are cut, or its "
            "search index is not up to date. Nothing is marked; run again later"
        )


def _quiet_moment(work: Work, scope: Scope) -> int:
    """A moment before the load with no issue created near it: a count ends there by the second."""
    moment = work.journal.started_ms
    while work.journal.created_between(moment - 3 * SECOND, moment + 3 * SECOND, scope.projects):
        moment -= 10 * SECOND
    return moment


def _query(work: Work, scope: Scope, end: int) -> str:
    clock = work.reader.clock
    if clock.zone is None:
        return scope.clause.strip()
    return f"{scope.clause}created: {clock.no_later(DAY)} .. {clock.no_earlier(end)}"
