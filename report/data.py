"""What the page shows, read from the marts: columns of numbers and the lists they point into."""

from collections.abc import Iterable
from datetime import date, datetime, timezone
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)

from extract.errors import DatabaseError, RunError
from report import flow, incidents
from report.columns import DIMENSIONS, Table, day_number, select
from report.periods import encoded

MEASURES = ("planned", "completed", "planned_completed", "added", "carried_over")

# how the marts say that a text is not known
NONE = "(none)"

# Everything that percentiles of lead time and of cycle time are made of, and nothing else.
MEASURED = (
    "is_done and not is_excluded_team and not has_time_error "
    "and coalesce(lead_time_days, cycle_time_days) is not null"
)

MISSING = (
    psycopg2.errors.InvalidSchemaName,
    psycopg2.errors.UndefinedTable,
    psycopg2.errors.UndefinedColumn,
)


class ReportError(RunError):
    """The page cannot be written: a mart is missing or empty, or there is no browser."""


def read(connection: Connection, *, details: bool) -> dict[str, Any]:
    """The page's data. `details` adds summaries and assignees, which are left out otherwise.

    A run may publish new marts between two statements; then everything is read again.
    Raises ReportError when a mart is missing or holds nothing, DatabaseError when it may not be
    read.
    """
    try:
        with connection.cursor() as cursor:
            for _attempt in range(3):
                before = _published(cursor)
                data = _read(cursor, details=details)
                if _published(cursor) == before:
                    return data
    except psycopg2.Error as error:
        reason = str(error).split("\n")[0]
        if isinstance(error, MISSING):
            message = f"the marts are missing ({reason}); make them with: make run"
            raise ReportError(message) from None
        message = f"the marts cannot be read ({reason}); look at the database with: make doctor"
        raise DatabaseError(message) from None
    raise ReportError("the marts were published again while they were read; try: make report")


def _published(cursor: Any) -> int:
    cursor.execute("select 'marts.fct_issues'::regclass::oid")
    return cursor.fetchone()[0]


def _read(cursor: Any, *, details: bool) -> dict[str, Any]:
    issues = _issues(cursor, details=details)
    if not issues.rows:
        _refuse_empty(cursor)
    time_zone = _time_zone(cursor)
    written_at = datetime.now(timezone.utc)
    first, today = flow.read_days(cursor) or (written_at.date(), written_at.date())
    tables = {"issues": issues, "throughput": _throughput(cursor)}
    tables |= flow.read_tables(cursor, today, details=details)
    values = _values(cursor, tables.values())
    codes = {
        name: {value: code for code, value in enumerate(those)} for name, those in values.items()
    }
    found = set(zip(issues.column("bucket"), issues.column("bucket_name"), strict=True))
    buckets = sorted(pair for pair in found if pair[0] is not None)
    places = {order: place for place, (order, _) in enumerate(buckets)}
    data = {name: table.encoded(codes) for name, table in tables.items()}
    del data["issues"]["bucket_name"]
    data["issues"]["bucket"] = [places.get(order) for order in data["issues"]["bucket"]]
    if incidents.is_there(cursor):
        found = incidents.read(cursor, today)
        data |= {"incidents": found.data, "severities": found.severities}
        values |= found.values
    return data | {
        "values": values,
        "buckets": [label for _, label in buckets],
        "sprints": _sprints(cursor, values["sprint"], time_zone),
        "forecast": flow.read_forecast(cursor).encoded({}),
        "checks": flow.read_checks(cursor).encoded({}),
        "points": [day_number(day) for day in flow.points(first, today)],
        "periods": encoded(first, today),
        "status": _status(cursor),
        "time_zone": time_zone,
        "written_at": _iso(written_at),
    }


def _issues(cursor: Any, *, details: bool) -> Table:
    """Done issues in the order of their resolution."""
    extra = ("summary", "assignee") if details else ()
    return select(
        cursor,
        (
            *DIMENSIONS, "id", "tracker", "date", "cents", "bucket", "bucket_name",
            "is_from_field", "cycle", *extra,
        ),
        f"""
        select
            team, issue_type, sprint, quarter, issue_id_readable, tracker, resolved_date,
            lead_time_days * 100,
            case when lead_time_days is not null
                then coalesce(lead_time_bucket_order, 2147483647) end,
            lead_time_bucket,
            (lead_time_source = 'field')::integer, cycle_time_days * 100
            {"".join(f", {name}" for name in extra)}
        from marts.fct_issues where {MEASURED} order by resolved_date, issue_id
        """,  # noqa: S608  (no outside text)
    )  # fmt: skip


def _throughput(cursor: Any) -> Table:
    """What came of the sprints, by team and type."""
    sums = [f"{name}_{unit}" for name in MEASURES for unit in ("count", "points")]
    return select(
        cursor,
        (*DIMENSIONS, "tracker", "is_story", *(name.replace("count", "issues") for name in sums)),
        f"""
        select
            throughput.team, issue_type, throughput.sprint, throughput.quarter, tracker,
            is_story::integer,
            {", ".join(f"coalesce(sum({name}), 0)::float8" for name in sums)}
        from marts.agg_sprint_throughput as throughput
        inner join marts.dim_sprints using (sprint_id)
        group by 1, 2, 3, 4, 5, 6, throughput.sprint_start_date
        order by throughput.sprint_start_date, 3, 1, 2, 5
        """,  # noqa: S608  (no outside text)
    )


def _refuse_empty(cursor: Any) -> None:
    """No issue at all is a load that is missing; no done one is a young project."""
    cursor.execute("select exists (select from marts.fct_issues)")
    if not cursor.fetchone()[0]:
        raise ReportError("marts.fct_issues is empty; load and build with: make run")


def _values(cursor: Any, tables: Iterable[Table]) -> dict[str, list[str]]:
    """The values of each coded column in the order of the page: by time, by way, else by name."""
    found: dict[str, set[str]] = {name: set() for name in (*DIMENSIONS, *flow.CODED)}
    for table in tables:
        for name in found.keys() & set(table.names):
            found[name].update(table.column(name))
    cursor.execute(
        "select sprint, sprint_start_date from marts.fct_issues union "
        "select sprint, sprint_start_date from marts.agg_sprint_throughput"
    )
    starts = dict(cursor.fetchall())
    visits = flow.read_visit_numbers(cursor)
    order = {
        "sprint": lambda name: (starts.get(name) or date.min, name),
        "state": lambda name: (visits.get(name, 0), name),
        "category": flow.CATEGORIES.index,
    }
    return {name: sorted(values, key=order.get(name)) for name, values in found.items()}


def _sprints(cursor: Any, names: list[str], time_zone: str) -> list[dict[str, Any] | None]:
    """Of each sprint by its place in `names`: whose it is, when it ends; None without issues."""
    cursor.execute(
        """
        select distinct on (throughput.sprint)
            throughput.sprint,
            dim_sprints.team,
            dim_sprints.is_team_inferred,
            (throughput.finish_at at time zone %s)::date,
            throughput.is_closed
        from marts.agg_sprint_throughput as throughput
        inner join marts.dim_sprints on dim_sprints.sprint_id = throughput.sprint_id
        """,
        (time_zone,),
    )
    found = {
        name: {
            "team": team,
            "is_team_inferred": is_team_inferred,
            "finish": day_number(finish),
            "is_closed": is_closed,
        }
        for name, team, is_team_inferred, finish, is_closed in cursor.fetchall()
    }
    return [found.get(name) for name in names]


def _status(cursor: Any) -> dict[str, Any]:
    names = (
        "status", "last_finished_status", "last_run_at", "last_ok_at", "data_as_of", "error",
        "warnings",
    )  # fmt: skip
    cursor.execute(f"select {', '.join(names)} from marts.pipeline_status")  # noqa: S608
    row = dict(zip(names, cursor.fetchone(), strict=True))
    warnings = row.pop("warnings")
    return {
        name: _iso(value) if isinstance(value, datetime) else value for name, value in row.items()
    } | {"warnings": [] if warnings == NONE else warnings.split("\n")}


def _time_zone(cursor: Any) -> str:
    """The reporting time zone, which a run sets for the role of DataLens; UTC where it did not."""
    cursor.execute(
        """
        select split_part(setting, '=', 2)
        from pg_db_role_setting
        inner join pg_roles on pg_roles.oid = pg_db_role_setting.setrole
        cross join unnest(pg_db_role_setting.setconfig) as setting
        where
            lower(setting) like 'timezone=%'
            and setdatabase in (
                0, (select oid from pg_database where datname = current_database())
            )
            and has_schema_privilege(pg_roles.oid, 'marts', 'usage')
        order by rolname = 'datalens_reader' desc, setdatabase desc, rolname
        limit 1
        """
    )
    row = cursor.fetchone()
    return row[0] if row else "UTC"


def _iso(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="seconds")
