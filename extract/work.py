"""What every step of one load shares, whichever tracker it reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Protocol

import pyarrow as pa

from extract.ahead import Ahead
from extract.arrow import to_arrow
from extract.client import Client
from extract.findings import Findings
from extract.journal import Journal
from extract.tables import Entity, Table
from extract.tracker import Load, LoadReport, Progress

Tables = dict[str, list[pa.Table]]


class Packages(Protocol):
    """Where pages go: each call is one package, which is there as a whole when it returns."""

    loaded: Counter[str]

    def load(self, pages: Mapping[str, Iterable[pa.Table]], *, append: bool = False) -> None: ...


class Reader(Protocol):
    """What can be asked of a tracker, over one client."""

    client: Client


@dataclass
class Work:
    """One load at work."""

    reader: Reader
    ahead: Ahead
    packages: Packages
    journal: Journal
    findings: Findings
    order: Load
    counts: dict[str, Any] = field(default_factory=dict)
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
        with self.reader.client.turn:
            return to_arrow(table, entities, datetime.now(timezone.utc), **filled)

    def all_counts(self) -> dict[str, Any]:
        """What the row of a finished load says of it."""
        return {
            **self.packages.loaded,
            **self.counts,
            "requests": self.reader.client.request_count,
            "warnings": len(self.findings.warnings()),
        }

    def report(self, kind: str, changes: str) -> LoadReport:
        """What the load did; `changes`: the table of the issues' histories."""
        newest = max((each for each in self.journal.newest() if each), default=None)
        return LoadReport(
            issues_loaded=self.packages.loaded["issues"],
            activities_loaded=self.packages.loaded[changes],
            requests=self.reader.client.request_count,
            warnings=self.findings.warnings(),
            data_as_of=newest and datetime.fromtimestamp(newest / 1000, timezone.utc),
            kind=kind,
        )
