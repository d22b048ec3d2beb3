"""Does raw hold as many issues as Tracker counts?

Asked in every run, because it costs one request and sees what nothing else does without a look
at all issues: those that became visible, or went, without any change of their own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from extract.census import Look, take_as_sweep
from extract.errors import SourceError
from extract.yandex_tracker import census
from extract.yandex_tracker.work import Scope, Work

# An issue created so near to the count may be in it or not: by clocks that differ, and because the
# index behind the count may lag.
NEAR_MS = 5 * 60_000

LOOKS_AT_A_DIFFERENCE = 3
SECONDS_BETWEEN_LOOKS = 2


@dataclass(frozen=True)
class Count:
    """How many issues Tracker counted, and when (epoch ms)."""

    number: int
    at: int

    def less_raw(self, work: Work, scope: Scope) -> int:
        """The count less what raw has; 0 where issues created around the moment explain it."""
        least = work.journal.created_before(self.at - NEAR_MS, scope.queues)
        most = work.journal.created_before(self.at + NEAR_MS, scope.queues)
        return min(self.number - least, 0) or max(self.number - most, 0)


def count(work: Work, scope: Scope) -> Count:
    """Tracker's count of the scope, now."""
    return Count(work.reader.count(scope.within), time.time_ns() // 1_000_000)


def reconcile(work: Work, scope: Scope, counted: Count, *, is_full: bool) -> Look | None:
    """Compare counts; where they differ, look at all issues. Returns that look, if there was one.

    A full load that the count confirms has seen every issue: it is a sweep. A difference that an
    earlier run has looked at already is looked at again only when it changes.

    Raises SourceError when Tracker shows fewer issues than it counts.
    """
    state = work.journal.state
    difference = counted.less_raw(work, scope)
    is_expected = difference == (0 if is_full else state.difference)
    if is_expected and not work.is_in_doubt:
        if is_full:
            take_as_sweep(work, scope.queues)
        return None
    found, counted = _look(work, scope)
    state.difference = counted.less_raw(work, scope)
    return found


def _look(work: Work, scope: Scope) -> tuple[Look, Count]:
    """Tracker's issues beside Tracker's count; an issue may come between the two."""
    for attempt in range(LOOKS_AT_A_DIFFERENCE):
        if attempt:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        found = census.look(work, scope)
        counted = count(work, scope)
        shown = len(found.seen)
        if counted.number - shown <= work.journal.state.surplus:
            return found, counted
    message = (
        f"Yandex.Tracker counts {counted.number} issues but shows {shown}: its answers are cut, or "
        "its search index is not up to date"
    )
    if not work.accept_missing:
        raise SourceError(
            f"{message}. Run again later; if it stays so, run once with --accept-missing"
        )
    work.journal.state.surplus = counted.number - shown
    work.findings.warn(message)
    return found, counted
