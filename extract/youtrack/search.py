"""YouTrack's search language, in the few spellings that are known to work.

Date literals are read to the second, in the time zone of the token's user, and carry no zone
(youtrack-api.md §0 no. 7, §2.3). Around a change of summer time one literal can mean two moments;
a window is therefore always asked for so widely that every reading of its ends contains it.
Nothing is lost by that: whoever asks looks at the milliseconds of what comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SECOND, HOUR = 1_000, 3_600_000

# no zone of the world is further from UTC
FURTHEST_ZONE_HOURS = 14

# what a project may be called, too
_KEYWORDS = frozenset({"and", "or", "not", "to", "by", "sort", "asc", "desc", "has", "me"})

# PostgreSQL's and Python's calendars reach further back than anybody's tracker
_EARLIEST, _LATEST = 0, 253_370_764_800_000  # 1970 and 9999


@dataclass(frozen=True)
class TokenClock:
    """The clock on which YouTrack reads date literals; None is an unknown one."""

    zone: ZoneInfo | None

    @classmethod
    def of(cls, zone_id: str | None) -> TokenClock:
        """The clock of an IANA zone id, or the unknown clock."""
        try:
            return cls(ZoneInfo(zone_id) if zone_id else None)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return cls(None)

    @property
    def margin(self) -> int:
        """How far a literal may be from the moment that it should mean, in ms.

        With a known zone an hour, for the case that YouTrack's zone rules are older than ours.
        """
        return HOUR if self.zone else (FURTHEST_ZONE_HOURS + 1) * HOUR

    def no_later(self, moment: int) -> str:
        """A literal that means `moment` (epoch ms) or earlier, however it is read."""
        return self._literal(moment, -1)

    def no_earlier(self, moment: int) -> str:
        """A literal that means `moment` (epoch ms) or later, however it is read."""
        return self._literal(moment, +1)

    def _literal(self, moment: int, direction: int) -> str:
        moment = min(max(moment, _EARLIEST), _LATEST)
        seconds = moment // SECOND if direction < 0 else -(-moment // SECOND)
        utc = datetime.fromtimestamp(seconds, timezone.utc)
        if self.zone is None:
            return _text(utc + direction * timedelta(hours=FURTHEST_ZONE_HOURS))
        wall = utc.astimezone(self.zone).replace(tzinfo=None)
        readings = [wall.replace(tzinfo=self.zone, fold=fold).timestamp() for fold in (0, 1)]
        if any((reading - seconds) * direction < 0 for reading in readings):
            wall += direction * timedelta(seconds=max(readings) - min(readings))
        return _text(wall)


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}"


@dataclass(frozen=True)
class Within:
    """The projects that a request stays within: id → short name; None for all."""

    projects: Mapping[str, str] | None = None

    @property
    def clause(self) -> str:
        """The beginning of a query; ends in a space unless it is empty."""
        if self.projects is None:
            return ""
        return f"project: {', '.join(map(_quoted, self.projects.values()))} "

    def admits(self, project_id: str) -> bool:
        """Whether an issue of this project may be in the answer."""
        return self.projects is None or project_id in self.projects

    def admits_readable(self, readable_id: str) -> bool:
        """The same by an issue's readable id, which begins with its project's short name."""
        return self.projects is None or readable_id.rpartition("-")[0] in self.projects.values()


EVERYWHERE = Within()


def window(
    within: Within, attribute: str, start: str, end: str, *, newest_first: bool = False
) -> str:
    """Issues whose `created` or `updated` lies between two literals, in that order of time."""
    order = "desc" if newest_first else "asc"
    return f"{within.clause}{attribute}: {start} .. {end} sort by: {attribute} {order}"


def of_issues(readable_ids: Sequence[str]) -> str:
    """A query for exactly these issues."""
    return f"issue id: {', '.join(readable_ids)}"


def of_sprint(board: str, sprint: str) -> str:
    """A query for the issues of one sprint, by the names of both."""
    return f"Board {{{board}}}: {{{sprint}}}"


def _quoted(name: str) -> str:
    """Braces only where a name needs them: YouTrack rejects them around dates."""
    is_plain = name.replace("_", "").isalnum() and name.casefold() not in _KEYWORDS
    return name if is_plain else f"{{{name}}}"
