"""What every step of one load shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from extract import work
from extract.tables import Entity, Table
from extract.yandex_tracker.answers import fitted
from extract.yandex_tracker.journal import YandexTrackerJournal
from extract.yandex_tracker.reader import Reader
from extract.yandex_tracker.search import Within


@dataclass(frozen=True)
class Scope:
    """Which queues are read."""

    # ids; None: whatever the token may read
    queues: list[str] | None
    # every queue in scope that Tracker lists: id → key
    keys: dict[str, str]

    @property
    def within(self) -> Within:
        return Within(None if self.queues is None else self.keys)

    def only(self, ids: Sequence[str]) -> Within:
        """Some of the queues."""
        return Within({each: self.keys[each] for each in ids})


@dataclass
class Work(work.Work):
    """One load of an organisation at work."""

    reader: Reader
    journal: YandexTrackerJournal
    summaries: bool = True
    # issues that went, or are hidden, while their changelogs were to be read
    unreadable: set[str] = field(default_factory=set)

    def listed(self, table: Table, rows: Sequence[Entity]) -> pa.Table:
        """The rows of a list, as seen by this run."""
        fit = [fitted(table, row) for row in rows]
        return self.table(table, fit, seen_at=[self.as_of] * len(fit))
