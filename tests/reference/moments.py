"""Moments, spans and numbers: the arithmetic that the whole contract rests on.

A moment is an integer: microseconds since 1970 in UTC, what a timestamptz holds. No float anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import cache
from zoneinfo import ZoneInfo

UTC = timezone.utc  # noqa: UP017  (Python 3.10)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MILLISECOND = 1_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY_SECONDS = 86_400
FOREVER = 10**18


def from_ms(milliseconds: int | None) -> int | None:
    """A moment from the milliseconds that YouTrack sends."""
    return None if milliseconds is None else int(milliseconds) * MILLISECOND


def from_datetime(value: datetime) -> int:
    """A moment from an aware datetime."""
    return (value - EPOCH) // timedelta(microseconds=1)


def to_datetime(moment: int | None) -> datetime | None:
    """An aware UTC datetime from a moment."""
    return None if moment is None else EPOCH + timedelta(microseconds=moment)


def local_date(moment: int, zone: ZoneInfo) -> date:
    """The date of a moment in the reporting time zone."""
    return (EPOCH + timedelta(microseconds=moment)).astimezone(zone).date()


def day_start(day: date, zone: ZoneInfo) -> int:
    """The moment at which a day begins in the reporting time zone."""
    return from_datetime(datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC))


def quarter(day: date) -> str:
    """`2026-Q3`."""
    return f"{day.year:04d}-Q{(day.month + 2) // 3}"


def hours(count: Decimal) -> int:
    """A span of hours in microseconds."""
    return int(Fraction(count) * HOUR)


def rounded(value: Fraction | Decimal | int, places: int = 2) -> Decimal:
    """Round half away from zero, as PostgreSQL rounds numeric."""
    numerator, denominator = value.as_integer_ratio()
    scaled = (2 * abs(numerator) * 10**places + denominator) // (2 * denominator)
    return Decimal(-scaled if numerator < 0 else scaled).scaleb(-places)


def days_between(start: int, end: int) -> Decimal:
    """The difference of two moments in days, rounded to two decimals."""
    return rounded(Fraction(end - start, SECOND) / DAY_SECONDS)


@cache
def id_key(identifier: str | None) -> tuple:
    """Sort key of a YouTrack id: its parts as numbers, so that `2-10` follows `2-9`."""
    text = identifier or ""
    return tuple(int(part) for part in re.findall(r"\d+", text)), text


def percentile_cont(values: Sequence[Decimal], percent: int) -> Decimal:
    """Linear interpolation between closest ranks, rounded to two decimals."""
    ordered = sorted(values)
    position = Fraction(percent, 100) * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    low, high = Fraction(ordered[below]), Fraction(ordered[above])
    return rounded(low + (position - below) * (high - low))


def nearest_rank(values: Sequence[Decimal], quantile: float | Decimal | Fraction) -> Decimal:
    """The nearest-rank percentile: `sorted[ceil(q * n) - 1]`, with q taken as it is written."""
    exact = quantile if isinstance(quantile, Fraction) else Fraction(str(quantile))
    rank = -((-exact * len(values)) // 1)
    return sorted(values)[max(int(rank), 1) - 1]


@dataclass(frozen=True)
class Interval:
    """A half-open span `[start, end)`. `is_recorded`: an activity says that it began."""

    start: int
    end: int
    is_recorded: bool = True

    def holds(self, moment: int) -> bool:
        """Whether the moment lies inside."""
        return self.start <= moment < self.end

    def meets(self, start: int, end: int) -> bool:
        """Whether some moment of the closed span from start to end lies inside."""
        return self.start < self.end and self.start <= end and self.end > start


def as_set(intervals: Iterable[Interval]) -> list[Interval]:
    """The same moments as disjoint, ordered intervals: empty ones dropped, touching ones merged."""
    merged: list[Interval] = []
    # at one moment a recorded beginning speaks for both
    for interval in sorted(intervals, key=lambda one: (one.start, not one.is_recorded)):
        if interval.start >= interval.end:
            continue
        if merged and interval.start <= merged[-1].end:
            last = merged.pop()
            end = max(last.end, interval.end)
            merged.append(Interval(last.start, end, last.is_recorded))
        else:
            merged.append(interval)
    return merged


def overlap(first: Iterable[Interval], second: Iterable[Interval]) -> list[Interval]:
    """The moments that lie in both; the later start decides whether the start is recorded."""
    second = list(second)
    found = []
    for one in first:
        for other in second:
            start, end = max(one.start, other.start), min(one.end, other.end)
            if start < end:
                recorded = any(x.is_recorded for x in (one, other) if x.start == start)
                found.append(Interval(start, end, recorded))
    return as_set(found)


def holds(intervals: Iterable[Interval], moment: int) -> bool:
    """Whether the moment lies in one of the intervals."""
    return any(interval.holds(moment) for interval in intervals)
