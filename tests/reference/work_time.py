"""Working time: day by day, each with its own hours, added up."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from fractions import Fraction

from .definitions import Definitions
from .moments import SECOND, UTC, from_datetime, local_date

Hours = tuple[timedelta, timedelta]


class WorkCalendar:
    """The days and hours that are worked, in the reporting time zone."""

    def __init__(self, definitions: Definitions) -> None:
        self.zone = definitions.zone
        self.week: dict[int, Hours] = {
            int(str(row["weekday"])): (time_of_day(row["opens_at"]), time_of_day(row["closes_at"]))
            for row in definitions.seed("work_week")
        }
        self.exceptions = {
            date.fromisoformat(str(row["date"])): row
            for row in definitions.seed("work_calendar_days")
        }
        self._spans: dict[date, tuple[int, int] | None] = {}

    def hours(self, day: date) -> Hours | None:
        """The local hours of a day, or None where nobody works."""
        usual = self.week.get(day.isoweekday())
        row = self.exceptions.get(day)
        if row is None:
            return usual
        if str(row["is_working"]).lower() != "true":
            return None
        opens, closes = usual or self.week[min(self.week)]
        return (
            time_of_day(row["opens_at"]) if row["opens_at"] else opens,
            time_of_day(row["closes_at"]) if row["closes_at"] else closes,
        )

    def span(self, day: date) -> tuple[int, int] | None:
        """The same as moments."""
        if day not in self._spans:
            hours = self.hours(day)
            self._spans[day] = hours and (self.moment(day, hours[0]), self.moment(day, hours[1]))
        return self._spans[day]

    def moment(self, day: date, clock: timedelta) -> int:
        """When the clock on the wall shows a time: the later of two; one that is skipped, as if
        the clock had not yet been put forward."""
        shown = (datetime.combine(day, time(0)) + clock).replace(tzinfo=self.zone)
        later = shown.replace(fold=1)
        is_shown_twice = later.utcoffset() < shown.utcoffset()  # type: ignore[operator]
        return from_datetime((later if is_shown_twice else shown).astimezone(UTC))

    def seconds(self, start: int, end: int) -> Fraction:
        """Seconds of working time in `[start, end)`."""
        day, last = local_date(start, self.zone), local_date(end, self.zone)
        total = 0
        while day <= last:
            span = self.span(day)
            if span is not None:
                total += max(min(end, span[1]) - max(start, span[0]), 0)
            day += timedelta(days=1)
        return Fraction(total, SECOND)


def time_of_day(text: object) -> timedelta:
    """The time since midnight of a text such as `09:00`, `9:00:00` or `24:00`."""
    hours, minutes, *seconds = (int(part) for part in str(text).split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=sum(seconds))
