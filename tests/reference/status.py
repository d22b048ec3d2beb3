"""The last run, as `marts.pipeline_status` tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from .catalogue import NONE
from .moments import HOUR, day_start, from_datetime, local_date, rounded

SATURDAY = 5


def pipeline_status(
    rows: Iterable[dict],
    now: datetime,
    tz: str,
    max_age_hours: float | Decimal,
    lock_is_free: Callable[[int], bool] | bool,
) -> dict:
    """The one row of the view, from the rows of `ops.pipeline_runs`.

    `lock_is_free` says whether nobody holds the lock of a run that reads RUNNING (it then died):
    a function of its `lock_key`, or the answer itself.
    """
    runs = sorted(rows, key=lambda row: (row["started_at"], row["run_id"]))
    if not runs:
        return {
            "last_run_at": None,
            "status": "NEVER",
            "last_finished_status": NONE,
            "last_ok_at": None,
            "data_as_of": None,
            "age_hours": None,
            "is_stale": False,
            "error": None,
        }

    def outcome(row: dict) -> str:
        # one run at a time: whatever still says RUNNING behind a newer run has died
        died = row["status"] == "RUNNING" and (row is not runs[-1] or is_free(row["lock_key"]))
        return "NOK" if died else row["status"]

    def is_free(lock_key: int) -> bool:
        return lock_is_free(lock_key) if callable(lock_is_free) else lock_is_free

    last = runs[-1]
    ended = [row for row in runs if outcome(row) != "RUNNING"]
    fine = [row for row in runs if row["status"] == "OK" and row["finished_at"] is not None]
    last_ok = max(fine, key=lambda row: row["finished_at"], default=None)
    age = None
    is_stale = False
    if last_ok is not None:
        counted = Fraction(working_span(last_ok["finished_at"], now, ZoneInfo(tz)), HOUR)
        age = rounded(counted)
        is_stale = counted > Fraction(str(max_age_hours))
    return {
        "last_run_at": last["finished_at"] or last["started_at"],
        "status": "NOK" if is_stale else outcome(last),
        "last_finished_status": outcome(ended[-1]) if ended else NONE,
        "last_ok_at": last_ok["finished_at"] if last_ok else None,
        "data_as_of": last_ok["data_as_of"] if last_ok else None,
        "age_hours": age,
        "is_stale": is_stale,
        "error": last["error"],
    }


def working_span(start: datetime, end: datetime, zone: ZoneInfo) -> int:
    """Microseconds from start to end, Saturdays and Sundays of the zone not counted."""
    first, last = from_datetime(start), from_datetime(end)
    counted, day = 0, local_date(first, zone)
    while (begins := day_start(day, zone)) < last:
        ends = day_start(day + timedelta(days=1), zone)
        if day.weekday() < SATURDAY:
            counted += max(0, min(ends, last) - max(begins, first))
        day += timedelta(days=1)
    return counted
