"""Events on their way to raw: all that are new, and those that have changed since.

An event's id says when it was written, its clock when it happened: a late value makes a new id with
an old clock. So the way on goes by id, and the last ids are read again each time, because of
several writers a lower id may come after a higher one. What changes of an old event (recovery,
acknowledgement, severity, suppression) is found by reading again those that can still change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from extract.ahead import Ahead
from extract.errors import SourceError
from extract.tables import Entity
from extract.zabbix import answers
from extract.zabbix.tables import ACKNOWLEDGEMENTS, EVENTS
from extract.zabbix.work import Work

# how many ids are read again: more than writers are apart
OVERLAP = 2000

# While PostgreSQL copies a package, the next pages are fetched: 5000 events of some 2 KB each.
PAGES_A_PACKAGE = 10
PAGES_AHEAD = 8

_ADVICE = (
    "Zabbix was restored from a backup, its events were purged, or it is another one. Raw keeps "
    "what it has. Look at ZABBIX_URL and at the rights of the token's user; where the ids did "
    "begin again, give another PGDATABASE, or drop the schema raw_zabbix to load what is there now"
)

# what never changes of an event: another value means another event
_LASTING = ("objectid", "clock", "ns", "value")


@dataclass
class _Package:
    """Some pages of events, as tables."""

    tables: dict[str, list[pa.Table]]
    newest: int


def read_new(work: Work) -> None:
    """Bring all events from the cursor on into raw.

    Raises SourceError when the events that raw has are not those of this Zabbix.
    """
    state = work.journal.state
    is_first = work.journal.is_filling()
    before, newest = state.cursor, 0
    # a first load has nothing to compare with, and goes on where an earlier run was cut off
    start = before + 1 if is_first else max(before - OVERLAP, 0) + 1
    with Ahead(1) as ahead:
        pages = iter(ahead.lane([work.reader.events(start)], pages_ahead=PAGES_AHEAD))
        while package := _package(work, pages, is_first=is_first):
            if package.tables:
                work.packages.load(package.tables, append=is_first)
            newest = package.newest
            state.cursor = max(state.cursor, newest)
            if is_first:
                work.journal.mark()
            work.order.on_progress("events", work.packages.loaded["events"], None)
    if not is_first and newest < before:
        _check_end(work, before)


def read_again(work: Work, ids: Sequence[int]) -> None:
    """Bring these events into raw as they are now; those that are gone stay as they were."""
    pages = work.reader.events_by_id(ids)
    while package := _package(work, pages, is_first=False):
        if package.tables:
            work.packages.load(package.tables)
    work.order.on_progress("events", work.packages.loaded["events"], None)


def _package(work: Work, pages: Iterator[list[Entity]], *, is_first: bool) -> _Package | None:
    """Some pages as tables, made while the next ones are on their way."""
    tables: dict[str, list[pa.Table]] = {"events": [], "acknowledgements": []}
    newest = 0
    for page in islice(pages, PAGES_A_PACKAGE):
        events = [answers.event(row) for row in page]
        version = work.reader.version
        said = [each for row in page for each in answers.acknowledgements(row, version)]
        newest = max(newest, *(event["eventid"] for event in events))
        seen: list[tuple[bool, bool]] = [(event["suppressed"], False) for event in events]
        if not is_first:
            events, seen = _changed(work, events)
            said = _unknown(work, said)
        tables["events"].append(
            work.table(
                EVENTS,
                events,
                first_suppressed=[each[0] for each in seen],
                is_listed=[each[1] for each in seen],
            )
        )
        tables["acknowledgements"].append(work.table(ACKNOWLEDGEMENTS, said))
    if not newest:
        return None
    with_rows = {name: [page for page in pages if page.num_rows] for name, pages in tables.items()}
    return _Package({name: pages for name, pages in with_rows.items() if pages}, newest)


def _changed(work: Work, events: list[Entity]) -> tuple[list[Entity], list[tuple[bool, bool]]]:
    """The events that raw does not have as they are now, each with what runs have seen of it."""
    known = work.journal.known_events([event["eventid"] for event in events])
    changed, seen = [], []
    for event in events:
        first_suppressed, is_listed, before = known.get(
            event["eventid"], (event["suppressed"], False, None)
        )
        if before is not None:
            _check_same(before, event)
        if before != event:
            changed.append(event)
            seen.append((first_suppressed, is_listed))
    return changed, seen


def _unknown(work: Work, said: list[Entity]) -> list[Entity]:
    known = work.journal.known_acknowledgements([each["eventid"] for each in said]) if said else {}
    return [each for each in said if known.get(each["acknowledgeid"]) != each]


def _check_same(before: Entity, event: Entity) -> None:
    if any(before[key] != event[key] for key in _LASTING):
        raise SourceError(
            f"the event {event['eventid']} is another one than raw has under this id: {_ADVICE}"
        )


def _check_end(work: Work, cursor: int) -> None:
    """The newest event is older than the last one of raw: gone with its trigger, or replaced?"""
    event = work.reader.newest_event()
    newest = event["eventid"] if event else 0
    if newest >= cursor:
        return
    known = work.journal.known_events([newest]) if event else {}
    if event and newest in known:
        _check_same(known[newest][2], event)
        if not work.reader.existing_triggers(work.journal.triggers_after(newest)):
            return
    raise SourceError(
        f"raw has events up to the id {cursor}, and the newest of Zabbix is {newest}: {_ADVICE}"
    )
