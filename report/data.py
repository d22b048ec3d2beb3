"""What the page shows, read from the marts: columns of numbers and the lists they point into."""

from collections.abc import Iterable
from datetime import date, datetime, timezone
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)

from extract.errors import DatabaseError, RunError

DIMENSIONS = ("team", "issue_type", "sprint", "quarter")
MEASURES = ("planned", "completed", "planned_completed", "added", "carried_over")
EPOCH = date(1970, 1, 1)

# how the marts say that a text is not known
NONE = "(none)"

# Everything that the marts' percentiles are made of, and nothing else.
MEASURED = "is_done and not is_excluded_team and not has_time_error and lead_time_days is not null"

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
    issues = _rows(
        cursor,
        f"""
        select team, issue_type, sprint, quarter, issue_id_readable, sprint_start_date,
            resolved_date, (lead_time_days * 100)::bigint,
            coalesce(lead_time_bucket_order, 2147483647), lead_time_bucket,
            (lead_time_source = 'field')::integer
            {", summary, assignee" if details else ""}
        from marts.fct_issues where {MEASURED} order by resolved_date, issue_id
        """,  # noqa: S608  (no outside text)
    )
    if not issues:
        _refuse_empty(cursor)
    sums = ", ".join(f"sum({name}_count), sum({name}_points)" for name in MEASURES)
    sprints = _rows(
        cursor,
        f"""
        select team, issue_type, sprint, quarter, sprint_start_date, is_story, {sums}
        from marts.agg_sprint_throughput group by 1, 2, 3, 4, 5, 6 order by 5, 3, 1, 2
        """,  # noqa: S608  (no outside text)
    )
    values = _values(issues, sprints)
    time_zone = _time_zone(cursor)
    codes = {name: {value: code for code, value in enumerate(values[name])} for name in DIMENSIONS}
    data: dict[str, Any] = {
        "values": values,
        "buckets": [label for _, label in sorted({row[8:10] for row in issues})],
        "issues": _encoded(issues, codes)
        | {
            "id": [row[4] for row in issues],
            "date": [(row[6] - EPOCH).days for row in issues],
            "cents": [row[7] for row in issues],
            "bucket": _places(row[8] for row in issues),
            "is_from_field": [row[10] for row in issues],
        },
        "sprints": _sprints(cursor, values["sprint"], time_zone),
        "throughput": _encoded(sprints, codes)
        | {"is_story": [int(row[5]) for row in sprints]}
        | {
            f"{name}_{unit}": [float(row[6 + 2 * place + offset] or 0) for row in sprints]
            for place, name in enumerate(MEASURES)
            for offset, unit in enumerate(("issues", "points"))
        },
        "status": _status(cursor),
        "time_zone": time_zone,
        "written_at": _iso(datetime.now(timezone.utc)),
    }
    if details:
        data["issues"] |= {
            "summary": [row[11] for row in issues],
            "assignee": [row[12] for row in issues],
        }
    return data


def _rows(cursor: Any, statement: str) -> list[tuple[Any, ...]]:
    cursor.execute(statement)
    return cursor.fetchall()


def _refuse_empty(cursor: Any) -> None:
    """No issue at all is a load that is missing; no done one is a young project."""
    cursor.execute("select exists (select from marts.fct_issues)")
    if not cursor.fetchone()[0]:
        raise ReportError("marts.fct_issues is empty; load and build with: make run")


def _values(*tables: list[tuple[Any, ...]]) -> dict[str, list[str]]:
    """The values of each dimension in the order of the page: sprints by time, the rest by name."""
    found: dict[str, set[str]] = {
        name: {row[place] for rows in tables for row in rows}
        for place, name in enumerate(DIMENSIONS)
    }
    issues, sprints = tables
    starts = {row[2]: row[5] for row in issues} | {row[2]: row[4] for row in sprints}
    order = {"sprint": lambda name: (starts.get(name) or date.min, name)}
    return {name: sorted(values, key=order.get(name)) for name, values in found.items()}


def _encoded(rows: list[tuple[Any, ...]], codes: dict[str, dict[str, int]]) -> dict[str, list[int]]:
    return {
        name: [codes[name][row[place]] for row in rows] for place, name in enumerate(DIMENSIONS)
    }


def _places(orders: Iterable[int]) -> list[int]:
    """Bucket orders as places in the list of buckets that occur."""
    found = list(orders)
    place = {order: number for number, order in enumerate(sorted(set(found)))}
    return [place[order] for order in found]


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
            "finish": (finish - EPOCH).days,
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
