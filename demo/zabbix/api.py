"""The answers of Zabbix 6.0's API over a `Monitoring`, as recorded from a real one.

Every number is a text. What the caller may not see is absent without a word; a parameter or a field
that 6.0 does not know is ignored without a word; without `sortfield` rows come in no order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from demo.zabbix.monitoring import (
    ACKNOWLEDGE,
    CLOSE,
    MESSAGE,
    Event,
    Host,
    Monitoring,
    Trigger,
)

Json = dict[str, Any]
Params = dict[str, Any]

# a person's names and what they wrote on the host's card: for nobody's report
PRIVATE = {"username": "given.family", "name": "Given", "surname": "Family"}


class TooMuchError(Exception):
    """The answer does not fit into PHP's memory."""


class UnknownMethodError(Exception):
    """The API has no such method."""


class NoPermissionError(Exception):
    """An object that is not there, or not for this user: the answer is the same."""


class Api:
    """What each method answers. Call with the monitoring's lock held."""

    def __init__(self, monitoring: Monitoring, *, most_rows: int = 50_000) -> None:
        self.monitoring = monitoring
        # more rows than that are more than PHP's memory holds
        self.most_rows = most_rows
        self._methods: dict[str, Callable[[Params], list[Json]]] = {
            "event.get": self._events,
            "problem.get": self._problems,
            "trigger.get": self._triggers,
            "host.get": self._hosts,
            "hostgroup.get": self._groups,
            "maintenance.get": self._maintenances,
        }

    def answer(self, method: str, params: Params, user: int = 1) -> list[Json] | Json | str:
        """The result of one call. `user`: whose token it was."""
        if method == "event.acknowledge":
            return self._acknowledge(params, user)
        if method not in self._methods:
            raise UnknownMethodError(method)
        rows = self._methods[method](params)
        if len(rows) > self.most_rows:
            raise TooMuchError
        return str(len(rows)) if params.get("countOutput") else rows

    # --- what is seen ---------------------------------------------------------------------------

    def _sees(self, host: Host) -> bool:
        return host.id in self.monitoring.hosts and not host.is_hidden

    def _sees_events_of(self, trigger: Trigger) -> bool:
        # events of a trigger that is gone are there for everybody
        return trigger.id not in self.monitoring.triggers or self._sees(trigger.host)

    # --- methods --------------------------------------------------------------------------------

    def _events(self, params: Params) -> list[Json]:
        wanted = params.get("eventids")
        known = self.monitoring.events
        if wanted is not None:
            found: Iterable[Event] = (known[key] for key in _numbers(wanted) if key in known)
        else:
            start = int(params.get("eventid_from", 0))
            found = (event for event in known.values() if event.id >= start)
        events = [event for event in found if self._sees_events_of(event.trigger)]
        return [self._event(event, params) for event in _some(events, params, "eventid")]

    def _problems(self, params: Params) -> list[Json]:
        start = int(params.get("eventid_from", 0))
        events = [
            event
            for event in self.monitoring.open_problems()
            if event.id >= start and self._sees(event.trigger.host)
        ]
        return [self._event(event, params) for event in _some(events, params, "eventid")]

    def _acknowledge(self, params: Params, user: int) -> Json:
        """Of events that are seen, all or none; a recovery cannot be acknowledged."""
        ids = _numbers(params["eventids"])
        events = [self.monitoring.events.get(key) for key in ids]
        for event in events:
            if event is None or event.value != 1 or not self._sees_events_of(event.trigger):
                raise NoPermissionError
        action = int(params["action"])
        for event in events:
            message = params.get("message", "") if action & MESSAGE else ""
            self.monitoring.acknowledge(
                event, message, user=user, is_seen=bool(action & ACKNOWLEDGE),
                close=bool(action & CLOSE),
            )  # fmt: skip
        return {"eventids": [str(key) for key in ids]}

    def _event(self, event: Event, params: Params) -> Json:
        row: Json = {
            "eventid": str(event.id), "source": "0", "object": "0",
            "objectid": str(event.trigger.id), "clock": str(event.clock), "ns": str(event.ns),
            "value": str(event.value), "name": event.name, "severity": str(event.severity),
            "acknowledged": str(int(event.is_acknowledged)), "r_eventid": str(event.recovery),
            "c_eventid": "0", "correlationid": "0", "userid": str(event.user), "opdata": "0 %",
            "suppressed": str(int(bool(event.suppressed_by))),
        }  # fmt: skip
        row = _selected(row, params, "eventid")
        if "select_acknowledges" in params:
            said = [
                {
                    "acknowledgeid": str(each.id), "userid": str(each.user),
                    "eventid": str(event.id), "clock": str(each.clock), "message": each.message,
                    "action": str(each.action), "old_severity": str(each.old_severity),
                    "new_severity": str(each.new_severity), **PRIVATE,
                }
                for each in reversed(event.acknowledgements)
            ]  # fmt: skip
            row["acknowledges"] = _parts(said, params["select_acknowledges"])
        if "selectTags" in params:
            tags = [{"tag": tag, "value": value} for tag, value in event.tags]
            row["tags"] = _parts(tags, params["selectTags"])
        if "selectSuppressionData" in params:
            until = [
                {"maintenanceid": str(key), "suppress_until": str(till)}
                for key, till in event.suppressed_by.items()
            ]
            row["suppression_data"] = _parts(until, params["selectSuppressionData"])
        return row

    def _triggers(self, params: Params) -> list[Json]:
        known = self.monitoring.triggers
        keys = _numbers(params["triggerids"]) if "triggerids" in params else list(known)
        found = [known[key] for key in keys if key in known and self._sees(known[key].host)]
        return [self._trigger(each, params) for each in _some(found, params, "triggerid")]

    def _trigger(self, trigger: Trigger, params: Params) -> Json:
        row: Json = {
            "triggerid": str(trigger.id), "description": trigger.description,
            "priority": str(trigger.priority), "status": str(trigger.status),
            "type": str(int(trigger.is_multiple)), "manual_close": "1", "comments": "",
            "event_name": "", "opdata": "{ITEM.LASTVALUE1} %",
        }  # fmt: skip
        row = _selected(row, params, "triggerid")
        if "selectHosts" in params:
            host = {"hostid": str(trigger.host.id), "host": trigger.host.host}
            row["hosts"] = _parts([host], params["selectHosts"])
        if "selectTags" in params:
            row["tags"] = _parts([{"tag": "scope", "value": trigger.scope}], params["selectTags"])
        return row

    def _hosts(self, params: Params) -> list[Json]:
        known = self.monitoring.hosts
        keys = _numbers(params["hostids"]) if "hostids" in params else list(known)
        found = [known[key] for key in keys if key in known and self._sees(known[key])]
        return [self._host(host, params) for host in _some(found, params, "hostid")]

    def _host(self, host: Host, params: Params) -> Json:
        now = self.monitoring.now
        works = any(
            host in each.hosts and each.since <= now < each.till
            for each in self.monitoring.maintenances.values()
        )
        row: Json = {
            "hostid": str(host.id), "host": host.host, "name": host.name,
            "status": str(host.status), "maintenance_status": str(int(works)), "flags": "0",
        }  # fmt: skip
        row = _selected(row, params, "hostid")
        if "selectGroups" in params:
            groups = self.monitoring.groups
            named = [{"groupid": str(key), "name": groups[key]} for key in host.groups]
            row["groups"] = _parts(named, params["selectGroups"])
        if "selectTags" in params:
            tags = [{"tag": tag, "value": value} for tag, value in host.tags]
            row["tags"] = _parts(tags, params["selectTags"])
        if "selectInventory" in params:
            wanted = params["selectInventory"]
            row["inventory"] = (
                []
                if host.inventory is None
                else host.inventory
                if wanted == "extend"
                else {key: host.inventory.get(key, "") for key in wanted}
            )
        return row

    def _groups(self, params: Params) -> list[Json]:
        seen = {key for host in self.monitoring.hosts.values() if self._sees(host)
                for key in host.groups}  # fmt: skip
        rows = [
            {"groupid": str(key), "name": name, "internal": "0", "flags": "0"}
            for key, name in self.monitoring.groups.items()
            if key in seen
        ]
        return [_selected(row, params, "groupid") for row in _some(rows, params, "groupid")]

    def _maintenances(self, params: Params) -> list[Json]:
        found = [
            each
            for each in self.monitoring.maintenances.values()
            if all(self._sees(host) for host in each.hosts)
        ]
        rows = []
        for each in _some(found, params, "maintenanceid"):
            row: Json = {
                "maintenanceid": str(each.id), "name": each.name, "maintenance_type": "0",
                "description": "", "active_since": str(each.since), "active_till": str(each.till),
                "tags_evaltype": "0",
            }  # fmt: skip
            row = _selected(row, params, "maintenanceid")
            if "selectGroups" in params:
                row["groups"] = []
            if "selectHosts" in params:
                hosts = [{"hostid": str(host.id), "host": host.host} for host in each.hosts]
                row["hosts"] = _parts(hosts, params["selectHosts"])
            if "selectTags" in params:
                row["tags"] = []
            if "selectTimeperiods" in params:
                row["timeperiods"] = [
                    {"timeperiod_type": "0", "start_date": str(each.since),
                     "period": str(each.till - each.since)},
                ]  # fmt: skip
            rows.append(row)
        return rows


def _numbers(ids: Any) -> list[int]:
    return [int(each) for each in (ids if isinstance(ids, list) else [ids])]


def _some(found: list[Any], params: Params, key: str) -> list[Any]:
    """The rows in the order that was asked for, as many as were asked for."""

    def identity(row: Any) -> int:
        return int(row[key]) if isinstance(row, dict) else row.id

    if params.get("sortfield"):
        found = sorted(found, key=identity, reverse=params.get("sortorder") == "DESC")
    else:
        found = sorted(found, key=lambda row: str(identity(row)))
    limit = params.get("limit")
    return found if limit is None else found[: int(limit)]


def _selected(row: Json, params: Params, key: str) -> Json:
    output = params.get("output", "extend")
    return row if output == "extend" else {
        name: value for name, value in row.items() if name in output or name == key
    }  # fmt: skip


def _parts(rows: list[Json], wanted: Any) -> list[Json]:
    if wanted == "extend":
        return rows
    return [{name: value for name, value in row.items() if name in wanted} for row in rows]
