"""What the view "Incidents" shows, read from the marts; nothing where no monitoring is loaded."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from report.columns import Codes, Table, select
from report.periods import EPOCH, find_periods

# how places are told apart: columns of incidents, and what the heat is counted by
PLACES = ("rack", "host_group", "service")
# the page holds the heat of so many places of a kind, and so many incidents in whole quarters
MOST_PLACES = 30
MOST_INCIDENTS = 50_000

MARTS = ("fct_incidents", "agg_incident_heat")


@dataclass(frozen=True)
class Incidents:
    """The data of the view, the values of its selectors, severities with their Russian names."""

    data: dict[str, Any]
    values: dict[str, list[str]]
    severities: dict[str, str]


def is_there(cursor: Any) -> bool:
    """Whether a monitoring has made marts of incidents."""
    cursor.execute(
        "select bool_and(to_regclass('marts.' || name) is not null) from unnest(%s) as name",
        (list(MARTS),),
    )
    return cursor.fetchone()[0]


def read(cursor: Any, today: date) -> Incidents:
    """Everything that the view shows; suppressed incidents are counted and left out."""
    severities = _severities(cursor)
    first = _first_quarter(cursor)
    incidents, open_now = _incidents(cursor, first), _open_now(cursor)
    heat = {name: _heat(cursor, name, today) for name in ("days", "hours")}
    tables = [incidents, open_now, *(one for those in heat.values() for one in those.values())]
    found: dict[str, set[str]] = {name: set() for name in (*PLACES, "severity", "trigger")}
    found |= {name: set() for name in ("start_quarter", "end_kind")}
    for table in tables:
        for name in found.keys() & set(table.names):
            found[name].update(table.column(name))
    values = {name: sorted(those) for name, those in found.items()}
    values["severity"] = [name for name in severities if name in found["severity"]]
    codes: Codes = {
        name: {value: code for code, value in enumerate(those)} for name, those in values.items()
    }
    data = {
        "rows": incidents.encoded(codes),
        "open": open_now.encoded(codes),
        "heat": {
            name: {kind: table.encoded(codes) for kind, table in those.items()}
            for name, those in heat.items()
        },
        "triggers": _triggers(cursor, values["trigger"]),
        "severity_numbers": _numbers(cursor),
        "quarters": values["start_quarter"],
        "end_kinds": values["end_kind"],
        "places_held": MOST_PLACES,
        **_left_out(cursor, first),
    }
    return Incidents(data, {name: values[name] for name in (*PLACES, "severity")}, severities)


def _severities(cursor: Any) -> dict[str, str]:
    """The names of severities, the worst first, each with its Russian one."""
    cursor.execute(
        "select severity_name, severity_name_ru from marts.fct_incidents "
        "group by 1, 2 order by max(severity) desc, 1"
    )
    return dict(cursor.fetchall())


def _numbers(cursor: Any) -> dict[int, str]:
    """The names by number, by which the heat tells the worst of a place."""
    cursor.execute("select distinct severity, severity_name from marts.fct_incidents")
    return dict(cursor.fetchall())


def _first_quarter(cursor: Any) -> str:
    """The oldest quarter that is told of incident by incident: as many whole ones as there may be.

    At least the newest.
    """
    cursor.execute(
        """
        select coalesce(
            min(started_quarter) filter (where so_far <= %s), max(started_quarter), ''
        )
        from (
            select started_quarter, sum(count(*)) over (order by started_quarter desc) as so_far
            from marts.fct_incidents where not is_suppressed group by 1
        ) as counted
        """,
        (MOST_INCIDENTS,),
    )
    return cursor.fetchone()[0]


def _incidents(cursor: Any, first: str) -> Table:
    """Incidents in the order of their start, times in hundredths of a minute."""
    return select(
        cursor,
        (
            "rack", "service", "severity", "trigger", "id", "start_quarter", "date", "started",
            "acknowledge", "restore", "length", "end_kind", "is_noise", "is_flapping", "is_seen",
            "is_seen_in_time", "is_provisional",
        ),
        """
        select
            rack, service, severity_name, trigger_id, incident_id, started_quarter, started_date,
            floor(extract(epoch from started_at) / 60),
            round(minutes_to_acknowledge * 100), round(minutes_to_restore * 100),
            round(minutes_open * 100), end_kind,
            is_noise::integer, is_flapping::integer, (acknowledged_at is not null)::integer,
            is_acknowledged_in_time::integer, is_provisional::integer
        from marts.fct_incidents
        where not is_suppressed and started_quarter >= %s order by started_at, incident_id
        """,
        first,
    )  # fmt: skip


def _open_now(cursor: Any) -> Table:
    """What is open and still watched, the oldest first."""
    return select(
        cursor,
        ("rack", "service", "severity", "trigger", "id", "started", "is_seen"),
        """
        select
            rack, service, severity_name, trigger_id, incident_id,
            floor(extract(epoch from started_at) / 60), (acknowledged_at is not null)::integer
        from marts.fct_incidents
        where end_kind = 'open' and is_monitored and not is_suppressed
        order by started_at, incident_id
        """,
    )


def _heat(cursor: Any, by: str, today: date) -> dict[str, Table]:
    """Sums by kind of place, in hundredths of a minute: by day, or by hour and weekday.

    The hours stand by the first day of a stretch, of which every period is a sum.
    """
    if by == "days":
        names, keys, arguments = ("date",), "slot_date", ()
    else:
        names = ("date", "weekday", "hour")
        keys = (
            "(select max(start) from unnest(%s) as start where start <= slot_date), "
            "weekday, slot_hour"
        )
        arguments = ([EPOCH, *sorted({one.start for one in find_periods(today).values()})],)
    sums = ("started", "open", "unseen", "worst")
    return {
        kind: select(
            cursor,
            (kind, *names, *sums),
            f"""
            select
                place, {keys}, sum(incidents_started), round(sum(open_minutes) * 100),
                round(sum(unacknowledged_minutes) * 100), max(worst_severity)
            from marts.agg_incident_heat
            where place_kind = %s and place in (
                select place from marts.agg_incident_heat where place_kind = %s
                group by 1 order by sum(open_minutes) desc, sum(incidents_started) desc, place
                limit %s
            )
            group by {", ".join(str(1 + place) for place in range(1 + len(names)))}
            order by {", ".join(str(1 + place) for place in range(1, 1 + len(names)))}, 1
            """,  # noqa: S608  (no outside text)
            *arguments,
            kind,
            kind,
            MOST_PLACES,
        )  # fmt: skip
        for kind in (*PLACES, "all")
    }


def _triggers(cursor: Any, ids: list[str]) -> dict[str, list[str]]:
    """Of each trigger: its newest name and its host."""
    cursor.execute(
        "select distinct on (trigger_id) trigger_id, trigger_name, host from marts.fct_incidents "
        "order by trigger_id, started_at desc, incident_id"
    )
    found = {trigger: (name, host) for trigger, name, host in cursor.fetchall()}
    return {
        "name": [found[trigger][0] for trigger in ids],
        "host": [found[trigger][1] for trigger in ids],
    }


def _left_out(cursor: Any, first: str) -> dict[str, int]:
    """How many incidents the lists do not hold: older ones, and suppressed ones."""
    cursor.execute(
        "select count(*) filter (where not is_suppressed and started_quarter < %s), "
        "count(*) filter (where is_suppressed) from marts.fct_incidents",
        (first,),
    )
    older, suppressed = cursor.fetchone()
    return {"older": older, "suppressed": suppressed}
