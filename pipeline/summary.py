"""The summary at the end of a run: what was found, in a few lines a person likes to read."""

from datetime import datetime
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extract.trackers import TRACKERS
from pipeline.database import Database
from pipeline.redaction import plain
from pipeline.settings import ClickHouseSettings

PERCENTILES = ("p10", "p25", "p50", "p75", "p85", "p90", "p95")
LONGEST_BAR = 40
ALL = "(all)"
LAST_SPRINTS = "Last closed sprint of each team, issues of every type"
GUESS = "* a guess, from most of the sprint's issues; say it for sure in board_teams.csv"
HINTS = """\
  make -s psql SQL='select * from marts.agg_lead_time_percentiles limit 5'
  make status    when the last run was, and whether it was OK
  make docs      what every table and column means, with lineage"""


def show(
    connection: Connection,
    console: Console,
    database: Database,
    *,
    clickhouse: ClickHouseSettings | None = None,
    as_of: datetime,
    zone: str,
) -> None:
    """Print the summary of the marts as they stand: their "now", and their time zone's name."""
    with connection.cursor() as cursor:
        _issues(cursor, console)
        _percentiles(cursor, console)
        _spectrum(cursor, console)
        _last_sprints(cursor, console, as_of, zone)
        _flow(cursor, console)
    _where_next(console, database, clickhouse)


def _rows(cursor: psycopg2.extensions.cursor, query: str) -> list[tuple[Any, ...]]:
    cursor.execute(query)
    return cursor.fetchall()


def _issues(cursor: psycopg2.extensions.cursor, console: Console) -> None:
    ((total, done, from_field, from_history, missing),) = _rows(
        cursor,
        """
        select
            count(*),
            count(*) filter (where is_done),
            count(*) filter (where lead_time_source = 'field'),
            count(*) filter (where lead_time_source = 'history'),
            count(*) filter (where is_missing)
        from marts.fct_issues
        """,
    )
    console.print()
    console.print(f"{total:,} issues, {done:,} of them done", markup=False)
    for line in by_tracker(cursor):
        console.print(line, markup=False)
    if from_field and from_history:
        share = round(100 * from_field / (from_field + from_history))
        console.print(
            f"lead time: {share} % from the tracker's field, {100 - share} % from history",
            markup=False,
        )
    if missing:
        console.print(f"{missing:,} issues are gone from the tracker and kept as last seen")


def by_tracker(cursor: psycopg2.extensions.cursor) -> list[str]:
    """A line on each tracker that the marts hold; none where there is one alone."""
    titles = {tracker.name: tracker.title for tracker in TRACKERS}
    rows = _rows(
        cursor,
        """
        select
            tracker,
            count(*),
            count(*) filter (where is_done),
            max(coalesce(updated_at, created_at)) at time zone 'UTC'
        from marts.fct_issues
        group by tracker
        order by tracker
        """,
    )
    if len(rows) < 2:
        return []
    return [
        f"{titles.get(name, name)}: {total:,} issues, {done:,} done, "
        f"newest change {newest:%Y-%m-%d %H:%M} UTC"
        for name, total, done, newest in rows
    ]


def _percentiles(cursor: psycopg2.extensions.cursor, console: Console) -> None:
    rows = _rows(
        cursor,
        f"""
        select team, issues_count, {", ".join(PERCENTILES)}
        from marts.agg_lead_time_percentiles
        where issue_type = '(all)' and sprint = '(all)' and quarter = '(all)'
        order by team <> '(all)', team
        """,  # noqa: S608  (constants)
    )
    if not rows:
        return
    table = Table(
        title="Lead time of done issues of every type, days",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    table.add_column("team")
    for heading in ("issues", *PERCENTILES):
        table.add_column(heading, justify="right")
    for team, count, *values in rows:
        table.add_row(
            _text("all teams" if team == ALL else team),
            f"{count:,}",
            *(f"{value:,.1f}" for value in values),
            style="bold" if team == ALL else None,
        )
    console.print()
    console.print(table)


def _spectrum(cursor: psycopg2.extensions.cursor, console: Console) -> None:
    rows = _rows(
        cursor,
        """
        select lead_time_bucket, sum(issues_count)::bigint
        from marts.agg_lead_time_spectrum
        group by lead_time_bucket, lead_time_bucket_order
        order by lead_time_bucket_order
        """,
    )
    if not rows:
        return
    most = max(count for _, count in rows)
    table = Table(
        title="Lead-time spectrum of done issues of every type",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    table.add_column("days")
    table.add_column("issues", justify="right")
    table.add_column("")
    for bucket, count in rows:
        bar = "█" * max(1, round(LONGEST_BAR * count / most))
        table.add_row(_text(bucket), f"{count:,}", Text(bar, style="cyan"))
    console.print()
    console.print(table)


def _last_sprints(
    cursor: psycopg2.extensions.cursor, console: Console, as_of: datetime, zone: str
) -> None:
    """What each team's last sprint came to; a team that stopped having sprints is left out."""
    cursor.execute(
        """
        with last_sprints as (
            select distinct on (team)
                team,
                is_team_inferred,
                sprint_id,
                sprint,
                start_at,
                finish_at
            from marts.dim_sprints
            where is_closed and team <> '(none)'
            order by team, finish_at desc, sprint_id
        )

        select
            last_sprints.team,
            last_sprints.is_team_inferred,
            last_sprints.sprint,
            (last_sprints.finish_at at time zone %(zone)s)::date,
            sum(throughput.planned_count),
            sum(throughput.completed_count),
            sum(throughput.added_count),
            sum(throughput.carried_over_count)
        from last_sprints
        inner join marts.agg_sprint_throughput as throughput
            on throughput.sprint_id = last_sprints.sprint_id
        where
            last_sprints.finish_at + 2 * (last_sprints.finish_at - last_sprints.start_at)
            >= %(as_of)s
        group by 1, 2, 3, 4
        order by 1
        """,
        {"as_of": as_of, "zone": zone},
    )
    rows = cursor.fetchall()
    if not rows:
        return
    table = Table(
        title=LAST_SPRINTS,
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for heading in ("team", "sprint", "ended"):
        table.add_column(heading)
    for heading in ("planned", "completed", "added", "carried\nover"):
        table.add_column(heading, justify="right")
    for team, is_inferred, sprint, ended, *counts in rows:
        table.add_row(
            _text(f"{team} *" if is_inferred else team),
            _text(sprint),
            f"{ended}",
            *(f"{count:,}" for count in counts),
        )
    console.print()
    console.print(table)
    if any(is_inferred for _, is_inferred, *_ in rows):
        console.print(GUESS, markup=False)


def _flow(cursor: psycopg2.extensions.cursor, console: Console) -> None:
    """What is in work, how the last full week went, what the next four may bring."""
    in_work = _rows(
        cursor,
        """
        select
            count(*) over () as issues_count,
            issue_id_readable,
            wip_age_days
        from marts.fct_issues
        where is_wip and not is_excluded_team
        order by wip_age_days desc, issue_id_readable
        limit 1
        """,
    )
    weeks = _rows(
        cursor,
        """
        with weeks as (
            select week_start_date, sum(done_count) as done_count
            from marts.agg_throughput_weekly
            where is_complete
            group by week_start_date
        )

        select
            week_start_date,
            done_count,
            avg(done_count) over latest as average_done,
            count(*) over latest as weeks_count
        from weeks
        window latest as (
            order by week_start_date
            rows between 11 preceding and current row
        )
        order by week_start_date desc
        limit 1
        """,
    )
    forecasts = _rows(
        cursor,
        "select done_p85 from marts.agg_forecast where team = '(all)' and weeks_ahead = 4",
    )
    if in_work or weeks:
        console.print()
    for count, oldest, age in in_work:
        console.print(
            f"In work: {count:,} issues; the oldest, {plain(oldest)}, began {age:,.1f} days ago",
            markup=False,
        )
    for week, done, average, weeks_count in weeks:
        console.print(
            f"Last full week, from {week}: {done:,} issues done "
            f"(average of {weeks_count}: {average:,.1f})",
            markup=False,
        )
    for (promised,) in forecasts:
        console.print(
            f"Next 4 weeks: at least {promised:,} issues done, with 85 % confidence", markup=False
        )


def _where_next(
    console: Console, database: Database, clickhouse: ClickHouseSettings | None
) -> None:
    where = "embedded PostgreSQL" if database.is_embedded else database.host
    console.print()
    console.print(f"The marts: schema marts, database {database.name}, {where}", markup=False)
    if clickhouse:
        console.print(
            f"In ClickHouse, too: database {clickhouse.clickhouse_database}, "
            f"{clickhouse.clickhouse_url}",
            markup=False,
        )
    console.print(HINTS, markup=False)


def _text(value: str) -> Text:
    """A tracker's text as it is: no markup, no control characters."""
    return Text(plain(value))
