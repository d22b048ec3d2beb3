"""Issues on their way to raw, with the histories of those that it does not know."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from extract.tables import Entity
from extract.youtrack.selection import ISSUES
from extract.youtrack.work import Work

ISSUES_A_PACKAGE = 10_000


class Arrivals:
    """Collects read issues and loads them in packages; `also` goes along with the first one."""

    def __init__(self, work: Work, also: dict[str, Iterable[pa.Table]] | None = None) -> None:
        self._work = work
        self._also = also or {}
        self._waiting: list[pa.Table] = []
        self._size = 0
        self._histories: dict[str, str] = {}
        # id → `updated` of everything that was added
        self.read: dict[str, int] = {}
        # issues whose creation is in the feed that is being read: so are all their changes
        self.with_history: set[str] = set()
        # issues whose past may differ from what raw has of it
        self.without_history: set[str] = set()

    def add(self, issues: list[Entity]) -> None:
        """Take a page of issues; loads by itself when enough of them wait."""
        if not issues:
            return
        away = set(self._work.journal.state.away)
        known = self._work.journal.known(issue["id"] for issue in issues)
        for issue in issues:
            key, before = issue["id"], known.get(issue["id"])
            self.read[key] = issue["updated"]
            is_new = before is None and key not in self.with_history
            has_moved = before is not None and before.holder_id != issue["project"]["id"]
            was_away = key in away or (before is not None and before.missed_sweeps > 0)
            if is_new or has_moved or was_away or key in self.without_history:
                self._histories[key] = issue["idReadable"]
        self._waiting.append(self._work.table(ISSUES, issues))
        self._size += len(issues)
        if self._size >= ISSUES_A_PACKAGE:
            self.load()

    def load(self) -> None:
        """Histories first: once an issue is in raw, nobody would ask for its history again."""
        work = self._work
        if self._histories:
            pages = work.reader.history(list(self._histories.values()))
            work.packages.load({"activities": work.activities(pages)})
        tables = dict(self._also)
        if self._waiting:
            tables["issues"] = self._waiting
        if tables:
            work.packages.load(tables)
            work.progress("issues", work.packages.loaded["issues"], None)
        state = work.journal.state
        state.away = [key for key in state.away if key not in self.read]
        self._also, self._waiting, self._size, self._histories = {}, [], 0, {}
