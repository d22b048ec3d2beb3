"""What every step of one load shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from extract import work
from extract.client import UnwellError
from extract.tables import Entity
from extract.youtrack.journal import YouTrackJournal
from extract.youtrack.reader import Reader
from extract.youtrack.search import Within
from extract.youtrack.selection import ACTIVITIES, ISSUES


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
class Work(work.Work):
    """One load of a YouTrack at work."""

    reader: Reader
    journal: YouTrackJournal
    # the lists that YouTrack did not manage to answer
    kept: set[str] = field(default_factory=set)

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
