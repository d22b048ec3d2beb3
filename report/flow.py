"""What the view "Flow" shows, read from the marts."""

from datetime import date, timedelta
from typing import Any

from report.columns import DIMENSIONS, Table, select
from report.periods import segments

# The cumulative flow is told day by day for so many weeks; before that, by the ends of weeks.
DAILY_WEEKS = 14

# Columns of names that repeat, beside the dimensions.
CODED = ("tracker", "state", "category")
CATEGORIES = ("todo", "in_progress", "waiting", "done", "cancelled", "(none)")

# The stretch of days in which an issue was resolved, by its first day.
SEGMENT = """
    cross join lateral (
        select max(start) as segment from unnest(%s) as start where start <= issues.resolved_date
    ) as segments
"""


def read_days(cursor: Any) -> tuple[date, date] | None:
    """The day of the first issue and that of the last run; None without an issue."""
    cursor.execute("select min(date), max(date) from marts.agg_flow_daily")
    first, today = cursor.fetchone()
    return None if first is None else (first, today)


def points(first: date, today: date) -> list[date]:
    """The days that the cumulative flow is told of: Sundays, and each of the latest."""
    days = (first + timedelta(days=number) for number in range((today - first).days + 1))
    return [day for day in days if day.isoweekday() == 7 or day >= _daily_from(today)]


def _daily_from(today: date) -> date:
    """A Monday, so that no week is told in both ways."""
    return today - timedelta(days=today.weekday(), weeks=DAILY_WEEKS)


def read_tables(cursor: Any, today: date, *, details: bool) -> dict[str, Table]:
    """What the selectors act on."""
    return {
        "in_work": _in_work(cursor, details=details),
        "cumulative": _cumulative(cursor, today),
        "weeks": _weeks(cursor),
        "state_times": _state_times(cursor, today),
        "efficiency": _efficiency(cursor, today),
    }


def _in_work(cursor: Any, *, details: bool) -> Table:
    """The oldest first."""
    extra = ("summary", "assignee") if details else ()
    return select(
        cursor,
        ("team", "issue_type", "id", "tracker", "state", "category", "age", "state_age", *extra),
        f"""
        select
            team, issue_type, issue_id_readable, tracker, state, state_category,
            wip_age_days * 100, state_age_days * 100 {"".join(f", {name}" for name in extra)}
        from marts.fct_issues where is_wip and not is_excluded_team
        order by wip_age_days desc, issue_id
        """,  # noqa: S608  (no outside text)
    )


def _cumulative(cursor: Any, today: date) -> Table:
    """Changes of what stands in a category: their sum up to a day is what stood at its end."""
    return select(
        cursor,
        ("team", "issue_type", "category", "day", "change"),
        """
        select team, issue_type, flow_category, day, sum(entered_count - left_count)
        from marts.agg_flow_daily
        cross join lateral (
            select case when date >= %s then date else date_trunc('week', date)::date + 6 end
        ) as points (day)
        group by 1, 2, 3, 4 having sum(entered_count - left_count) <> 0 order by 4, 1, 2, 3
        """,
        _daily_from(today),
    )


def _weeks(cursor: Any) -> Table:
    """Weeks in which something happened; the first of a team and type is always one."""
    return select(
        cursor,
        ("team", "issue_type", "monday", "created", "started", "done"),
        """
        select team, issue_type, week_start_date, created_count, started_count, done_count
        from marts.agg_throughput_weekly
        where created_count + started_count + done_count > 0 order by 3, 1, 2
        """,
    )


def _state_times(cursor: Any, today: date) -> Table:
    """Time that done issues spent in the states that work goes through."""
    return select(
        cursor,
        (
            *DIMENSIONS, "tracker", "date", "state", "category",
            "issues", "visits", "seconds", "work_cents",
        ),
        f"""
        select
            issues.team, issues.issue_type, issues.sprint, issues.quarter, issues.tracker, segment,
            visits.state, visits.state_category, count(distinct issue_id), count(*),
            round(sum(visits.seconds)), sum(visits.work_hours) * 100
        from marts.fct_state_intervals as visits
        inner join marts.fct_issues as issues using (issue_id)
        {SEGMENT}
        where
            issues.is_done
            and not issues.is_excluded_team
            and visits.state_category in ('todo', 'in_progress', 'waiting')
        group by 1, 2, 3, 4, 5, 6, 7, 8 order by 6, 1, 2, 3, 4, 5, 7, 8
        """,  # noqa: S608  (no outside text)
        segments(today),
    )  # fmt: skip


def _efficiency(cursor: Any, today: date) -> Table:
    """Active and waiting time of done issues, from their start to their end."""
    return select(
        cursor,
        (*DIMENSIONS, "tracker", "date", "issues", "active", "waiting"),
        f"""
        select
            issues.team, issues.issue_type, issues.sprint, issues.quarter, issues.tracker, segment,
            count(*), sum(active_days) * 100, sum(waiting_days) * 100
        from marts.fct_issues as issues
        {SEGMENT}
        where flow_efficiency is not null and not is_excluded_team
        group by 1, 2, 3, 4, 5, 6 order by 6, 1, 2, 3, 4, 5
        """,  # noqa: S608  (no outside text)
        segments(today),
    )


def read_visit_numbers(cursor: Any) -> dict[str, float]:
    """Of each state, which visit it is on the mean: states in the order of the way through them."""
    cursor.execute(
        "select state, avg(visit_number)::float8 from marts.fct_state_intervals "
        "where not is_excluded_team group by 1"
    )
    return dict(cursor.fetchall())


def read_forecast(cursor: Any) -> Table:
    """How much by when, of each team and of (all)."""
    return select(
        cursor,
        ("of", "week", "sample", "p50", "p70", "p85", "p95", "open", "probability"),
        """
        select
            team, weeks_ahead, sample_weeks, done_p50, done_p70, done_p85, done_p95, open_count,
            probability_open_done::float8
        from marts.agg_forecast order by 1, 2
        """,
    )


def read_checks(cursor: Any) -> Table:
    """How many promises of the past were checked, and how many of them held."""
    return select(
        cursor,
        ("of", "checked", "held"),
        """
        select team, count(*), count(*) filter (where is_p85_met)
        from marts.fct_forecast_checks group by 1 order by 1
        """,
    )
