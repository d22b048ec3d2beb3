"""An independent computation of the marts of incidents, from raw rows and not from the models.

    raw = read_incidents_raw(connection)
    rules = Rules(zone=ZoneInfo("Europe/Berlin"))
    wanted = compute_incidents(raw, rules, as_of)

Moments are microseconds since 1970, spans fractions of minutes; nothing is rounded before the end.

Where the contract leaves room, this is how it is read here.

- A recovery that is dated before its problem ends it at once.
- A problem with a recovery that raw does not have is lost: its end is not known.
- A lost incident takes no time, in an episode either.
- Incidents of one trigger that only touch are two episodes.
- "Within 60 minutes" includes the 60th.
- "Never acknowledged": nobody has, open ones among them.
- The host group that is shown is one of the host that is shown.
- What the seed host_racks leaves empty, the inventory says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from psycopg2 import sql

from .moments import (
    FOREVER,
    HOUR,
    MINUTE,
    SECOND,
    UTC,
    from_datetime,
    local_date,
    percentile_cont,
    quarter,
    rounded,
    to_datetime,
)
from .raw import fetch

NONE, ALL = "(none)", "(all)"
TABLES = ("events", "acknowledgements", "triggers", "hosts", "host_groups")
ACKNOWLEDGE, MESSAGE, SEVERITY = 2, 4, 8
INCIDENT_KEYS = {
    "fct_incidents": ("incident_id",),
    "agg_incident_heat": ("place_kind", "place", "slot_start"),
    "agg_incident_times": ("place_kind", "place", "severity", "quarter"),
    "agg_incident_sprints": ("team", "sprint_id"),
    "fct_open_incidents": ("incident_id",),
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Rules:
    """The vars and seeds of incidents."""

    zone: ZoneInfo = ZoneInfo("UTC")
    min_severity: int = 2
    noise_minutes: int = 5
    acknowledge_minutes: int = 15
    flap_count: int = 5
    flap_minutes: int = 60
    settling_days: int = 7
    # number → (name, Russian name)
    severity_names: dict[int, tuple[str, str]] = field(default_factory=dict)
    # host → (site, rack, position)
    host_racks: dict[str, tuple[str | None, str | None, str | None]] = field(default_factory=dict)
    # (kind, name, team)
    service_teams: tuple[tuple[str, str, str], ...] = ()


def read_incidents_raw(connection: Any) -> dict[str, list[Row]]:
    """The raw tables, the tickets, and the sprints that incidents are held beside."""
    raw = {
        table: fetch(connection, sql.SQL("select * from {}").format(
            sql.Identifier("raw_zabbix", table)
        ))
        for table in TABLES
    }  # fmt: skip
    raw["tickets"] = fetch(connection, sql.SQL("select * from ops.tickets"))
    raw["sprints"] = fetch(connection, sql.SQL("select * from marts.agg_sprint_throughput"))
    return raw


def read_incident_marts(connection: Any) -> dict[str, list[Row]]:
    """The marts as they are."""
    return {
        mart: [
            {name: value.astimezone(UTC) if hasattr(value, "astimezone") else value
             for name, value in row.items()}
            for row in fetch(connection, sql.SQL("select * from {}").format(
                sql.Identifier("marts", mart)
            ))
        ]
        for mart in INCIDENT_KEYS
    }  # fmt: skip


@dataclass
class _Host:
    id: int
    name: str
    groups: list[str]
    place: tuple[str | None, str | None, str | None]
    service: str | None
    is_monitored: bool


@dataclass
class _Incident:
    id: int
    trigger: int
    name: str
    severity: int
    first_severity: int
    start: int
    end: int | None
    kind: str
    service: str
    hosts: list[_Host]
    is_monitored: bool
    is_suppressed: bool
    acknowledgements: list[Row]
    ticket: Row | None
    event: Row
    is_flapping: bool = False
    episode: int = 0

    @property
    def acknowledged(self) -> int | None:
        moments = [
            each["clock"] * SECOND for each in self.acknowledgements if each["action"] & ACKNOWLEDGE
        ]
        return min(moments, default=None)

    @property
    def to_acknowledge(self) -> Fraction | None:
        at = self.acknowledged
        return None if at is None else Fraction(max(at - self.start, 0), MINUTE)

    @property
    def open_for(self) -> Fraction | None:
        return None if self.end is None else Fraction(self.end - self.start, MINUTE)

    @property
    def to_restore(self) -> Fraction | None:
        return self.open_for if self.kind in ("recovered", "correlated") else None

    def until(self, now: int) -> int:
        """The end of what is counted as open."""
        if self.kind == "lost" or (self.kind == "open" and not self.is_monitored):
            return self.start
        return max(now, self.start) if self.kind == "open" else self.end  # type: ignore[return-value]

    def places(self) -> set[tuple[str, str]]:
        found = {("all", ALL), ("service", self.service)}
        found |= {("rack", host.place[1] or NONE) for host in self.hosts}
        found |= {("host_group", name) for host in self.hosts for name in host.groups or [NONE]}
        if not self.hosts:
            found |= {("rack", NONE), ("host_group", NONE)}
        return found


def compute_incidents(raw: dict[str, list[Row]], rules: Rules, as_of: Any) -> dict[str, list[Row]]:
    """All marts of incidents."""
    now = from_datetime(as_of)
    incidents = _incidents(raw, rules)
    _flap(incidents, rules)
    _join_episodes(incidents)
    counted = [each for each in incidents if not each.is_suppressed]
    facts = {each.id: _fact(each, rules, now) for each in incidents}
    return {
        "fct_incidents": list(facts.values()),
        "agg_incident_heat": _heat(counted, rules, now),
        "agg_incident_times": _times(counted, facts),
        "agg_incident_sprints": _sprints(counted, raw["sprints"], rules, now),
        "fct_open_incidents": [
            _open(each, raw, rules) for each in incidents
            if each.kind == "open" and each.is_monitored
        ],
    }  # fmt: skip


def _moment(row: Row) -> int:
    return row["clock"] * SECOND + row["ns"] // 1000


def _service(tags: list[Row] | None) -> str | None:
    values = [tag["value"] for tag in tags or [] if tag["tag"] == "service"]
    return (values[0] or None) if values else None


def _hosts(raw: dict[str, list[Row]], rules: Rules) -> dict[str, _Host]:
    names = {str(group["groupid"]): group["name"] for group in raw["host_groups"]}
    last = max((host["seen_at"] for host in raw["hosts"]), default=None)
    found = {}
    for row in raw["hosts"]:
        inventory = row["inventory"] or {}
        shown = row["name"] or row["host"]
        seed = rules.host_racks.get(row["host"]) or rules.host_racks.get(shown) or (None,) * 3
        known = (
            inventory.get("location") or inventory.get("site_city") or None,
            inventory.get("site_rack") or None,
            None,
        )
        found[str(row["hostid"])] = _Host(
            row["hostid"], shown,
            sorted(names[each["groupid"]] for each in row["groups"] if each["groupid"] in names),
            tuple(mine or its for mine, its in zip(seed, known, strict=True)),
            _service(row["tags"]),
            row["status"] == 0 and row["seen_at"] == last,
        )  # fmt: skip
    return found


def _incidents(raw: dict[str, list[Row]], rules: Rules) -> list[_Incident]:
    hosts = _hosts(raw, rules)
    triggers = {row["triggerid"]: row for row in raw["triggers"]}
    recoveries = {row["eventid"]: row for row in raw["events"] if row["value"] == 0}
    tickets = {row["incident_id"]: row for row in raw["tickets"] if row["ticket"] is not None}
    said = defaultdict(list)
    for row in sorted(
        raw["acknowledgements"], key=lambda each: (each["clock"], each["acknowledgeid"])
    ):
        said[row["eventid"]].append(row)
    found = []
    for event in raw["events"]:
        if event["value"] != 1 or event["severity"] < rules.min_severity:
            continue
        recovery = recoveries.get(event["r_eventid"])
        if recovery is None:
            is_open = event["r_eventid"] == 0 and event["is_listed"]
            kind, end = "open" if is_open else "lost", None
        else:
            end = max(_moment(recovery), _moment(event))
            kind = "recovered"
            if recovery["c_eventid"] or recovery["correlationid"]:
                kind = "correlated"
            if recovery["userid"]:
                kind = "by_hand"
        trigger = triggers.get(event["objectid"])
        mine = [hosts[each["hostid"]] for each in (trigger or {}).get("hosts", [])
                if each["hostid"] in hosts]  # fmt: skip
        mine.sort(key=lambda host: (host.name, str(host.id)))
        service = (
            _service(event["tags"])
            or (trigger and _service(trigger["tags"]))
            or next((host.service for host in mine if host.service), None)
        )
        changes = [each for each in said[event["eventid"]] if each["action"] & SEVERITY]
        found.append(_Incident(
            event["eventid"], event["objectid"], event["name"] or NONE, event["severity"],
            changes[0]["old_severity"] if changes else event["severity"],
            _moment(event), end, kind, service or NONE, mine,
            bool(trigger) and trigger["status"] == 0 and any(host.is_monitored for host in mine),
            event["first_suppressed"], said[event["eventid"]],
            tickets.get(str(event["eventid"])), event,
        ))  # fmt: skip
    return found


def _by_trigger(incidents: Iterable[_Incident]) -> Iterable[list[_Incident]]:
    found = defaultdict(list)
    for each in incidents:
        found[each.trigger].append(each)
    for of_trigger in found.values():
        yield sorted(of_trigger, key=lambda each: (each.start, each.id))


def _flap(incidents: list[_Incident], rules: Rules) -> None:
    """Every window that begins with an incident and holds enough of them."""
    for of_trigger in _by_trigger(incidents):
        for place, first in enumerate(of_trigger):
            window = [
                each for each in of_trigger[place:]
                if each.start <= first.start + rules.flap_minutes * MINUTE
            ]  # fmt: skip
            if len(window) >= rules.flap_count:
                for each in window:
                    each.is_flapping = True


def _join_episodes(incidents: list[_Incident]) -> None:
    for of_trigger in _by_trigger(incidents):
        episodes: list[list[_Incident]] = []
        reached = -FOREVER
        for each in of_trigger:
            if not episodes or each.start >= reached:
                episodes.append([])
            episodes[-1].append(each)
            until = each.end if each.end is not None else each.start
            reached = max(reached, FOREVER if each.kind == "open" else until)
        for episode in episodes:
            for each in episode:
                each.episode = min(one.id for one in episode)


def _numeric(value: Fraction | None) -> Decimal | None:
    return None if value is None else rounded(value)


def _named(incident: _Incident, rules: Rules) -> Row:
    host = incident.hosts[0] if incident.hosts else None
    site, rack, position = host.place if host else (None, None, None)
    number = str(incident.severity)
    name, russian = rules.severity_names.get(incident.severity, (number, number))
    ticket = incident.ticket or {}
    return {
        "incident_id": str(incident.id), "source": "zabbix", "trigger_id": str(incident.trigger),
        "trigger_name": incident.name, "host": host.name if host else NONE,
        "host_group": host.groups[0] if host and host.groups else NONE,
        "site": site or NONE, "rack": rack or NONE, "position": position or NONE,
        "service": incident.service, "severity": incident.severity, "severity_name": name,
        "severity_name_ru": russian, "started_at": to_datetime(incident.start),
        "acknowledged_at": to_datetime(incident.acknowledged),
        "ticket": ticket.get("ticket") or NONE, "ticket_url": ticket.get("ticket_url") or NONE,
    }  # fmt: skip


def _fact(incident: _Incident, rules: Rules, now: int) -> Row:
    acknowledge, lasted = incident.to_acknowledge, incident.open_for
    return {
        **_named(incident, rules),
        "first_severity": incident.first_severity, "ended_at": to_datetime(incident.end),
        "end_kind": incident.kind, "minutes_open": _numeric(lasted),
        "minutes_to_acknowledge": _numeric(acknowledge),
        "minutes_to_restore": _numeric(incident.to_restore),
        "is_suppressed": incident.is_suppressed, "is_flapping": incident.is_flapping,
        "is_noise": lasted is not None and lasted < rules.noise_minutes
        and acknowledge is None and incident.ticket is None,
        "is_monitored": incident.is_monitored,
        "is_provisional": incident.start > now - rules.settling_days * 24 * HOUR,
        "episode_id": str(incident.episode),
        "acknowledgement_count": sum(
            1 for each in incident.acknowledgements if each["action"] & ACKNOWLEDGE
        ),
        "is_acknowledged_in_time": acknowledge is not None
        and acknowledge <= rules.acknowledge_minutes,
        "started_date": local_date(incident.start, rules.zone),
        "started_quarter": quarter(local_date(incident.start, rules.zone)),
    }  # fmt: skip


def _hour(moment: int, zone: ZoneInfo) -> int:
    """The start of the hour that the local clock shows."""
    local = to_datetime(moment).astimezone(zone)
    return moment - local.minute * MINUTE - local.second * SECOND - local.microsecond


def _heat(incidents: list[_Incident], rules: Rules, now: int) -> list[Row]:
    slots: dict[tuple, list] = defaultdict(lambda: [0, 0, 0, -1])
    for each in incidents:
        until = each.until(now)
        seen = each.acknowledged
        unseen_until = until if seen is None else min(until, seen)
        slot = first = _hour(each.start, rules.zone)
        places = each.places()
        while slot == first or slot < until:
            end = slot + HOUR
            begin = max(slot, each.start)
            lasted, unseen = min(end, until) - begin, max(min(end, unseen_until) - begin, 0)
            for place in places:
                sums = slots[place, slot]
                sums[0] += slot == first
                sums[1] += lasted
                sums[2] += unseen
                sums[3] = max(sums[3], each.severity)
            slot = end
    rows = []
    for ((kind, place), slot), (started, lasted, unseen, worst) in slots.items():
        local = to_datetime(slot).astimezone(rules.zone)
        rows.append({
            "place_kind": kind, "place": place, "slot_start": to_datetime(slot),
            "slot_date": local.date(), "slot_hour": local.hour, "weekday": local.isoweekday(),
            "incidents_started": started, "open_minutes": rounded(Fraction(lasted, MINUTE)),
            "unacknowledged_minutes": rounded(Fraction(unseen, MINUTE)), "worst_severity": worst,
        })  # fmt: skip
    return rows


def _times(incidents: list[_Incident], facts: dict[int, Row]) -> list[Row]:
    groups = defaultdict(list)
    for each in incidents:
        fact = facts[each.id]
        for place in each.places():
            for name in ((ALL, ALL), (fact["severity_name"], fact["severity_name_ru"])):
                for period in (ALL, fact["started_quarter"]):
                    groups[(*place, *name, period)].append(fact)
    rows = []
    for (kind, place, severity, russian, period), of_group in groups.items():
        row: Row = {
            "place_kind": kind, "place": place, "severity": severity, "severity_name_ru": russian,
            "quarter": period, "incidents_count": len(of_group),
            "is_provisional": any(fact["is_provisional"] for fact in of_group),
        }  # fmt: skip
        for measure in ("acknowledge", "restore"):
            values = [fact[f"minutes_to_{measure}"] for fact in of_group]
            values = sorted(value for value in values if value is not None)
            row["acknowledged_count" if measure == "acknowledge" else "restored_count"] = len(
                values
            )
            for percent in (50, 75, 90):
                row[f"p{percent}_minutes_to_{measure}"] = (
                    rounded(percentile_cont(values, percent)) if values else None
                )
        shares = {
            "acknowledged": [fact["acknowledged_at"] is not None for fact in of_group],
            "acknowledged_in_time": [fact["is_acknowledged_in_time"] for fact in of_group],
            "never_acknowledged": [fact["acknowledged_at"] is None for fact in of_group],
            "lost": [fact["end_kind"] == "lost" for fact in of_group],
            "by_hand": [fact["end_kind"] == "by_hand" for fact in of_group],
            "noise": [fact["is_noise"] for fact in of_group],
            "flapping": [fact["is_flapping"] for fact in of_group],
        }
        for name, flags in shares.items():
            row[f"{name}_share"] = rounded(Fraction(sum(flags), len(flags)), 4)
        rows.append(row)
    return rows


def _sprints(
    incidents: list[_Incident], throughput: list[Row], rules: Rules, now: int
) -> list[Row]:
    places = defaultdict(set)
    for kind, name, team in rules.service_teams:
        places[team.casefold()].add((kind, name))
    rows: dict[tuple, Row] = {}
    for slice_ in throughput:
        team = slice_["team"]
        if team.casefold() not in places:
            continue
        start, finish = from_datetime(slice_["start_at"]), from_datetime(slice_["finish_at"])
        key = (team, slice_["sprint_id"])
        if key not in rows:
            mine = [each for each in incidents if each.places() & places[team.casefold()]]
            lasted = sum(
                max(min(each.until(now), finish) - max(each.start, start), 0) for each in mine
            )
            rows[key] = {
                "team": team, "sprint_id": slice_["sprint_id"], "sprint": slice_["sprint"],
                "board": slice_["board"], "is_closed": slice_["is_closed"],
                "sprint_start_date": local_date(start, rules.zone),
                "sprint_finish_date": local_date(finish, rules.zone),
                "incidents_count": sum(1 for each in mine if start <= each.start <= finish),
                "open_minutes": rounded(Fraction(lasted, MINUTE)),
                "planned_count": 0, "completed_count": 0,
            }  # fmt: skip
        if slice_["is_story"]:
            rows[key]["planned_count"] += slice_["planned_count"]
            rows[key]["completed_count"] += slice_["completed_count"]
    return list(rows.values())


def _open(incident: _Incident, raw: dict[str, list[Row]], rules: Rules) -> Row:
    said = incident.acknowledgements
    acknowledged = [each for each in said if each["action"] & ACKNOWLEDGE]
    messages = [each for each in said if each["action"] & MESSAGE and each["message"]]
    groups = {name for host in incident.hosts for name in host.groups or [NONE]}
    is_acknowledged = incident.event["acknowledged"]
    return {
        **_named(incident, rules),
        "host_groups": ", ".join(sorted(groups)), "is_acknowledged": is_acknowledged,
        "acknowledged_by": str(acknowledged[-1]["userid"])
        if is_acknowledged and acknowledged else NONE,
        "last_comment": messages[-1]["message"] if messages else NONE,
        "last_comment_at": to_datetime(messages[-1]["clock"] * SECOND) if messages else None,
        "is_suppressed": incident.event["suppressed"],
        "seen_at": max(host["seen_at"] for host in raw["hosts"]).astimezone(UTC),
        "loaded_at": incident.event["loaded_at"].astimezone(UTC),
    }  # fmt: skip
