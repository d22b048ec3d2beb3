"""What every step of one load shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Protocol

import pyarrow as pa

from extract.ahead import Ahead
from extract.arrow import to_arrow
from extract.findings import Findings
from extract.tables import Entity, Table
from extract.tracker import Load, Progress
from extract.yandex_tracker.answers import fitted
from extract.yandex_tracker.journal import YandexTrackerJournal
from extract.yandex_tracker.reader import Reader
from extract.yandex_tracker.search import Within

Tables = dict[str, list[pa.Table]]


class Packages(Protocol):
    """Where pages go: each call is one package, which is there as a whole when it returns."""

    loaded: Counter[str]

    def load(self, pages: dict[str, Iterable[pa.Table]]) -> None: ...


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
class Work:
    """One load at work."""

    reader: Reader
    ahead: Ahead
    packages: Packages
    journal: YandexTrackerJournal
    findings: Findings
    order: Load
    summaries: bool = True
    counts: dict[str, Any] = field(default_factory=dict)
    # issues that went, or are hidden, while their changelogs were to be read
    unreadable: set[str] = field(default_factory=set)
    # known issues did not come back: to be verified
    is_in_doubt: bool = False

    @property
    def progress(self) -> Progress:
        return self.order.on_progress

    @property
    def as_of(self) -> datetime:
        """The run's one "now"."""
        return self.order.as_of

    @property
    def accept_missing(self) -> bool:
        return self.order.accept_missing

    def table(self, table: Table, entities: Sequence[Entity], **filled: Sequence[Any]) -> pa.Table:
        """Arrow columns, stamped with the time of this machine's clock."""
        return to_arrow(table, entities, datetime.now(timezone.utc), **filled)

    def listed(self, table: Table, rows: Sequence[Entity]) -> pa.Table:
        """The rows of a list, as seen by this run."""
        fit = [fitted(table, row) for row in rows]
        return self.table(table, fit, seen_at=[self.as_of] * len(fit))
