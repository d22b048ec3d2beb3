"""What changed since the last run, by `updatedAt`.

No feed tells what else changed; the count of every run and the daily look at all issues are the
other side.
"""

from __future__ import annotations

from extract.errors import SourceError
from extract.work import Tables
from extract.yandex_tracker.arrivals import read, read_one_by_one
from extract.yandex_tracker.work import Scope, Work

# more than any change that comes late into the search
OVERLAP_MS = 2 * 3_600_000

# how many issues are looked at again before an answer without them is called a fault
WITNESSES = 50


def catch_up(work: Work, scope: Scope, also: Tables) -> None:
    """Bring the issues that changed since the state's `read_until` into raw; `also` goes along.

    Raises SourceError when the answer lacks issues that it must hold.
    """
    since = _begin(work, scope)
    known = work.journal.known_since(since, scope.queues)
    seen = read(work, scope.within, since, also).seen
    absent = {
        key: each for key, each in known.items() if key not in seen and not each.missed_sweeps
    }
    if not absent:
        return
    work.is_in_doubt = True
    witnesses = list(absent)[:WITNESSES]
    there = read_one_by_one(work, witnesses).seen
    again = work.journal.known(witnesses)
    for key, (readable, queue) in there.items():
        if scope.within.admits(queue) and again[key].updated_at == absent[key].updated_at:
            raise SourceError(
                f"Yandex.Tracker's search does not find {readable} by its last change: its search "
                "index is not up to date, or it ignored the search. Run again later"
            )


def _begin(work: Work, scope: Scope) -> int:
    """From when on to read; written down, because what is loaded first moves the newest known.

    The newest thing known is by Tracker's clock, the start of the last run by ours: the earlier of
    the two is safe whichever clock is wrong.
    """
    state = work.journal.state
    if state.catch_up is None:
        read_until = state.read_until or 0
        newest, _ = work.journal.newest()
        state.catch_up = max(0, min(read_until, newest or read_until) - OVERLAP_MS)
        work.journal.mark(scope.queues, state.catch_up)
    return state.catch_up
