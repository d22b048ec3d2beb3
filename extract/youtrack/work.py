"""What every step of one load shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Protocol

import pyarrow as pa

from extract.ahead import Ahead
from extract.arrow import to_arrow
from extract.client import UnwellError
from extract.findings import Findings
from extract.tables import Entity, Table
from extract.tracker import Load, Progress
from extract.youtrack.journal import YouTrackJournal
from extract.youtrack.reader import Reader
from extract.youtrack.search import Within
from extract.youtrack.selection import ACTIVITIES, ISSUES


class Packages(Protocol):
    """Where pages go: each call is one package, which is there as a whole when it returns."""

    loaded: Counter[str]

    def load(self, pages: dict[str, Iterable[pa.Table]], *, append: bool = False) -> None: ...


@dataclass(frozen=True)
class Scope:
    """Which projects are read."""

    # None: whatever the token may read
    projects: list[str] | None
    # every project in scope that YouTrack lists, by id
    short_names: dict[str, str]
    # what requests stay within
    within: Within

    def only(self, project_ids: Sequence[str]) -> Within:
        """Some of the projects."""
        return Within({each: self.short_names[each] for each in project_ids})


@dataclass
class Work:
    """One load at work."""

    reader: Reader
    ahead: Ahead
    packages: Packages
    journal: YouTrackJournal
    findings: Findings
    order: Load
    counts: dict[str, Any] = field(default_factory=dict)
    # known rows did not come back, and their issues seem to be gone: to be verified
    is_in_doubt: bool = False
    # the lists that YouTrack did not manage to answer
    kept: set[str] = field(default_factory=set)

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

    def keep(self, path: str, what: str, fault: UnwellError, *, was_read: bool) -> None:
        """Go on with what raw has of a list that YouTrack does not manage to answer.

        Raises the fault when the list never was read: there is nothing to go on with.
        """
        read_at = self.journal.last_finished()
        if not was_read or read_at is None:
            raise fault
        since = self.journal.state.unread.setdefault(path, read_at.isoformat())
        self.kept.add(path)
        self.findings.warn(
            f"{what} cannot be read, and stay as they were read last, at "
            f"{datetime.fromisoformat(since):%Y-%m-%d %H:%M} UTC: {fault}"
        )

    def issues(self, pages: Iterable[list[Entity]]) -> Iterator[pa.Table]:
        """Pages of issues as Arrow pages, made in the thread that fetched them."""
        return (self.table(ISSUES, page) for page in pages)

    def activities(self, pages: Iterable[list[Entity]]) -> Iterator[pa.Table]:
        """Pages of changes as Arrow pages, made in the thread that fetched them."""
        return (self.table(ACTIVITIES, page) for page in pages)
