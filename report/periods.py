"""The windows of time that the page offers, each with the equally long one before it."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from report.columns import EPOCH, day_number

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """The days from `start` to today, and as many before them from `before` on."""

    start: date
    before: date


def find_periods(today: date) -> dict[str, Period]:
    """The windows that end today, which is a day of each."""
    starts = {
        "days": today - timedelta(days=89),
        "quarter": date(today.year, today.month - (today.month - 1) % 3, 1),
        "year": today - timedelta(days=364),
    }
    return {name: Period(start, start - (today - start + DAY)) for name, start in starts.items()}


def segments(today: date) -> list[date]:
    """The first days of stretches of which every window, and that before it, is a sum."""
    ends = {end for one in find_periods(today).values() for end in (one.start, one.before)}
    return [EPOCH, *sorted(ends)]


def encoded(first: date, today: date) -> dict[str, dict[str, Any]]:
    """As the page's scripts use them. None before: the data begin later."""

    def span(start: date, end: date) -> dict[str, int]:
        return {"from": day_number(start), "to": day_number(end)}

    return {"all": {"now": span(EPOCH, today), "before": None}} | {
        name: {
            "now": span(one.start, today),
            "before": span(one.before, one.start - DAY) if one.before >= first else None,
        }
        for name, one in find_periods(today).items()
    }
