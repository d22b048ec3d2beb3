"""All issues of queues that are new to raw, and their changelogs while the issues still come.

A scroll brings its pages one after the other; the other requests need not wait for its end. Their
changelogs take long: what changes meanwhile is the catch-up's.
"""

from __future__ import annotations

from extract.ahead import Lane
from extract.tables import Entity
from extract.work import Tables
from extract.yandex_tracker.arrivals import Arrivals, asked_for
from extract.yandex_tracker.changelogs import Histories, read_changelogs
from extract.yandex_tracker.work import Scope, Work


def backfill(
    work: Work, scope: Scope, also: Tables, first_pages: Lane[list[Entity]] | None
) -> bool:
    """Read the past of the queues whose past raw does not have; whether there are any.

    `also` goes along with the issues, if there are any. `first_pages`: those of a first load, which
    are on their way.
    """
    state = work.journal.state
    in_scope = sorted(scope.keys)
    new = in_scope
    if state.queues is not None:
        new = [each for each in in_scope if each not in state.queues]
    else:
        state.read_until = state.read_until or work.journal.started_ms
        # before the first row of data: from now on the database belongs to this organisation
        work.journal.mark(scope.queues, state.read_until)
    histories = Histories(work)
    if new:
        arrivals = Arrivals(work, also, remember=False)
        pages = first_pages or asked_for(work, scope.only(new))
        for number, page in enumerate(pages):
            arrivals.add(page)
            if not number:
                # at once: of issues that wait for others, no changelog is asked for
                arrivals.load()
            histories.go_on(arrivals.loaded)
        arrivals.load()
        histories.go_on(arrivals.loaded)
    # a queue that left the scope grows stale: should it come back, its past is read again
    state.queues = in_scope
    if new:
        work.journal.mark(scope.queues, state.read_until or 0)
        read_changelogs(work, scope, histories)
    return bool(new)
