"""What the versions of Zabbix's API say differently, before a server that speaks 6.0.

Of the real ones only 6.0 was at hand. What stands here of later versions comes from their
documentation and source: the token in a header from 6.4 on, and nowhere else from 7.2 on;
parameters that are not known refused from 7.0 on; new names, of which the old ones end with 7.2.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_COMMON = frozenset({
    "countOutput", "editable", "excludeSearch", "filter", "limit", "output", "preservekeys",
    "search", "searchByAny", "searchWildcardsEnabled", "sortfield", "sortorder", "startSearch",
})  # fmt: skip
_OF_EVENTS = frozenset({
    "eventids", "groupids", "hostids", "objectids", "source", "object", "acknowledged", "action",
    "action_userids", "suppressed", "symptom", "severities", "evaltype", "tags", "eventid_from",
    "eventid_till", "time_from", "time_till", "selectAcknowledges", "selectTags",
    "selectSuppressionData",
})  # fmt: skip
# the parameters of each method that this product may need, as 7.2 knows them
_PARAMETERS = {
    "event.get": _OF_EVENTS | {"value", "selectHosts", "selectRelatedObject", "trigger_severities"},
    "problem.get": _OF_EVENTS | {"recent"},
    "trigger.get": frozenset({
        "triggerids", "groupids", "hostids", "selectHosts", "selectHostGroups", "selectTags",
        "expandDescription", "monitored", "active",
    }),
    "host.get": frozenset({
        "hostids", "groupids", "selectInventory", "selectHostGroups", "selectTags",
        "monitored_hosts", "with_triggers",
    }),
    "hostgroup.get": frozenset({"groupids", "hostids", "with_hosts"}),
    "event.acknowledge": frozenset({
        "eventids", "action", "message", "severity", "suppress_until", "cause_eventid",
    }),
    "maintenance.get": frozenset({
        "maintenanceids", "groupids", "hostids", "selectHostGroups", "selectHosts", "selectTags",
        "selectTimeperiods",
    }),
}  # fmt: skip
# 6.0's names of what 6.4 and 7.0 have called anew
_OLD_NAMES = {"selectAcknowledges": "select_acknowledges", "selectHostGroups": "selectGroups"}
_NOT_ADMITTED = "Not authorized."


class RefusedError(Exception):
    """A call that this version does not answer; the text is the error's `data`."""

    def __init__(self, code: int, message: str, data: str) -> None:
        super().__init__(data)
        self.error = {"code": code, "message": message, "data": data}


class Dialect:
    """One version, such as 6.0.14 or 7.2.1."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.number = tuple(map(int, version.split(".")[:2]))

    def given(self, body: Json, header: str) -> Any:
        """The token of a call."""
        if self.number >= (6, 4) and header:
            return header.removeprefix("Bearer ")
        return body.get("auth")

    def admit(self, body: Json, header: str, *tokens: str) -> Json:
        """The call as 6.0 would be asked it, without a token. Raises RefusedError."""
        if body["method"] == "apiinfo.version":
            if "auth" in body or (header and self.number >= (6, 4)):
                raise RefusedError(
                    -32602, "Invalid params.",
                    'The "apiinfo.version" method must be called without the "auth" parameter.',
                )  # fmt: skip
            return body
        if self.number >= (7, 2) and "auth" in body:
            raise RefusedError(
                -32600, "Invalid Request.", 'Invalid parameter "/": unexpected parameter "auth".'
            )
        if self.given(body, header) not in tokens:
            raise RefusedError(-32602, "Invalid params.", _NOT_ADMITTED)
        params = dict(body.get("params") or {})
        return {**body, "params": self._params(body["method"], params)}

    def _params(self, method: str, params: Json) -> Json:
        if self.number >= (7, 0):
            known = _COMMON | _PARAMETERS.get(method, frozenset())
            if self.number < (7, 2):
                known |= set(_OLD_NAMES.values())
            for name in params:
                if name not in known:
                    raise RefusedError(
                        -32602, "Invalid params.",
                        f'Invalid parameter "/": unexpected parameter "{name}".',
                    )  # fmt: skip
        has_new = {"selectHostGroups": (6, 4), "selectAcknowledges": (7, 0)}
        return {
            _OLD_NAMES[name] if self.number >= has_new.get(name, (99, 0)) else name: value
            for name, value in params.items()
            # what 6.0 does not have
            if name != "symptom"
        }

    def answer(self, asked: Json, result: Any) -> Any:
        """6.0's result as this version says it. `asked`: the call as it came."""
        params = asked.get("params") or {}
        if not isinstance(result, list):
            return result
        for row in result:
            if "selectHostGroups" in params and self.number >= (6, 4) and "groups" in row:
                row["hostgroups"] = row.pop("groups")
            if "cause_eventid" in params.get("output", ()) and self.number >= (6, 4):
                row["cause_eventid"] = "0"
        return result
