"""Queries in Tracker's language.

Days, not moments: in which zone a moment in a query is read is not known, so a window begins a day
earlier. What comes too much is known already and costs nothing but its place in a page of 1,000.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

_FURTHEST_ZONE = timedelta(hours=14)


@dataclass(frozen=True)
class Within:
    """The queues that a request stays within: id → key; None for all that may be read."""

    queues: Mapping[str, str] | None = None

    def admits(self, queue_id: str) -> bool:
        """Whether an issue of this queue may be in the answer."""
        return self.queues is None or queue_id in self.queues

    @property
    def clause(self) -> str:
        """The beginning of a query; ends in a space unless it is empty."""
        if self.queues is None:
            return ""
        return f"Queue: {', '.join(_quoted(key) for key in sorted(self.queues.values()))} "


def all_issues(within: Within) -> str:
    """All issues of the queues, for a count."""
    return within.clause.strip() or 'Updated: >= "1970-01-01"'


def by_update(within: Within, since: int | None) -> str:
    """Issues changed from `since` (epoch ms) on, those that changed first in front."""
    window = ""
    if since is not None:
        day = datetime.fromtimestamp(since / 1000, timezone.utc) - _FURTHEST_ZONE
        window = f"Updated: >= {_quoted(f'{day:%Y-%m-%d}')} "
    return f'{within.clause}{window}"Sort by": Updated ASC'


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
