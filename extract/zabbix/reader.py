"""What can be asked of Zabbix, each answered completely or not at all.

`limit` is always there: without one, a big answer takes PHP more memory than it may have, and the
answer is HTTP 500 with an empty body. Where that comes all the same, less is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from extract.client import SlowError
from extract.errors import SourceError
from extract.tables import Entity
from extract.zabbix import answers
from extract.zabbix.client import Call, ZabbixClient
from extract.zabbix.tables import INVENTORY

# With acknowledgements and tags 0.7 s on a small machine, the memory of PHP's default; longer pages
# give no more rows a second.
EVENTS_A_PAGE = 5000
PROBLEMS_A_PAGE = 5000
# after so many good ones, a page that was cut is doubled: what was too much may have passed
GOOD_PAGES_TO_GROW = 10
# each with its inventory, or with its hosts and tags
HOSTS_A_CALL = 1000
TRIGGERS_A_CALL = 2000
# in one request
CALLS_A_REQUEST = 2
NO_HOST = "the token's user sees no host: give its user group the right to read the host groups"
# a list that is not read in parts
MOST_ROWS = 50_000

_EVENT_FIELDS = (
    "eventid", "objectid", "clock", "ns", "value", "name", "severity", "acknowledged", "r_eventid",
    "c_eventid", "correlationid", "userid", "suppressed",
)  # fmt: skip
_ACKNOWLEDGEMENT_FIELDS = (
    "acknowledgeid", "userid", "clock", "action", "old_severity", "new_severity",
)  # fmt: skip


class Reader:
    """Reads one Zabbix."""

    def __init__(self, client: ZabbixClient, *, messages: bool) -> None:
        self.client = client
        self._messages = messages

    @property
    def version(self) -> str:
        return self.client.words.version

    # --- events

    def events(self, start: int) -> Iterator[list[Entity]]:
        """All events from the id `start` on, in pages, in the order of their ids."""
        rows, good = EVENTS_A_PAGE, 0
        while True:
            call = self._events(eventid_from=str(start), limit=rows)
            try:
                [answer] = self.client.ask([call], may_halve=rows > 1)
            except SlowError:
                rows, good = max(1, rows // 2), 0
                continue
            page = answers.page_of_events(answer, self.version, start, rows)
            if page:
                yield page
            if len(page) < rows:
                return
            good += 1
            if good % GOOD_PAGES_TO_GROW == 0:
                rows = min(rows * 2, EVENTS_A_PAGE)
            start = answers.number(page[-1], "eventid") + 1

    def events_by_id(self, ids: Sequence[int]) -> Iterator[list[Entity]]:
        """These events, without those that are gone."""
        for first in range(0, len(ids), EVENTS_A_PAGE):
            part = [str(each) for each in ids[first : first + EVENTS_A_PAGE]]
            [answer] = self.all([self._events(ids="eventids", eventids=part)])
            page = answers.events(answer, self.version)
            if page:
                yield page

    def newest_event(self) -> Entity | None:
        """The event with the highest id, as raw keeps it."""
        [answer] = self.client.ask([self._events(sortorder="DESC", limit=1)])
        found = answers.events(answer, self.version)
        return answers.event(found[0]) if found else None

    def _events(self, ids: str | None = None, **more: Any) -> Call:
        words = self.client.words
        acknowledgement = [*_ACKNOWLEDGEMENT_FIELDS, *(["message"] if self._messages else [])]
        params = {
            # of triggers
            "source": 0,
            "object": 0,
            "output": [*_EVENT_FIELDS, *(["cause_eventid"] if words.has_causes else [])],
            words.select_acknowledges: acknowledgement,
            "selectTags": ["tag", "value"],
            "selectSuppressionData": ["maintenanceid", "suppress_until"],
            "sortfield": ["eventid"],
            "sortorder": "ASC",
        }
        return Call("event.get", params | more, ids)

    # --- lists

    def check_readable(self) -> None:
        """Raise SourceError where the token's user sees nothing at all."""
        [answer] = self.client.ask([Call("host.get", {"output": ["hostid"], "limit": 1})])
        if not answers.rows(answer, "host.get", self.version, ("hostid",)):
            raise SourceError(NO_HOST)

    def lists(self) -> tuple[list[int], list[Entity], list[Entity], list[int]]:
        """The ids of open problems, the host groups, the maintenances and the ids of hosts."""
        words = self.client.words
        maintenance = {
            "output": ["maintenanceid", "name", "maintenance_type", "active_since", "active_till",
                       "tags_evaltype"],
            words.select_groups: ["groupid"],
            "selectHosts": ["hostid"],
            "selectTags": "extend",
            "selectTimeperiods": "extend",
            "limit": MOST_ROWS,
        }  # fmt: skip
        problems, groups, maintenances, hosts = self.all(
            [
                self._problems(0),
                Call("hostgroup.get", {"output": ["groupid", "name"], "limit": MOST_ROWS}),
                Call("maintenance.get", maintenance),
                Call("host.get", {"output": ["hostid"], "limit": MOST_ROWS}),
            ]
        )
        for what, rows in (("hostgroup", groups), ("maintenance", maintenances), ("host", hosts)):
            if len(rows) >= MOST_ROWS:
                raise SourceError(
                    f"{what}.get answers with {len(rows):,} rows: there may be more of them, and "
                    "the loader reads no more at once"
                )
        must_have = ("maintenanceid", "active_since", words.groups, "hosts", "tags", "timeperiods")
        hosts = answers.rows(hosts, "host.get", self.version, ("hostid",))
        return (
            self._open_problems(problems),
            answers.rows(groups, "hostgroup.get", self.version, ("groupid", "name")),
            answers.rows(maintenances, "maintenance.get", self.version, must_have),
            [answers.number(host, "hostid") for host in hosts],
        )

    def _problems(self, start: int) -> Call:
        params = {
            "source": 0, "object": 0, "output": ["eventid"], "sortfield": ["eventid"],
            "sortorder": "ASC", "eventid_from": str(start), "limit": PROBLEMS_A_PAGE,
        }  # fmt: skip
        return Call("problem.get", params)

    def _open_problems(self, answer: Any) -> list[int]:
        """The ids of the first page and of those that follow."""
        found: list[int] = []
        while True:
            rows = answers.rows(answer, "problem.get", self.version, ("eventid",))
            found += (answers.number(row, "eventid") for row in rows)
            if len(rows) < PROBLEMS_A_PAGE:
                return found
            [answer] = self.all([self._problems(found[-1] + 1)])

    def details(
        self, host_ids: Sequence[int], trigger_ids: Sequence[int]
    ) -> tuple[list[Entity], list[Entity]]:
        """These hosts with their inventory, and these triggers with their hosts."""
        words = self.client.words
        host = {
            "output": ["hostid", "host", "name", "status", "maintenance_status"],
            "selectInventory": list(INVENTORY),
            words.select_groups: ["groupid"],
            "selectTags": ["tag", "value"],
        }
        trigger = {
            "output": ["triggerid", "description", "priority", "status", "type", "manual_close"],
            "selectHosts": ["hostid"],
            "selectTags": ["tag", "value"],
        }
        calls = [
            *_in_parts("host.get", host, "hostids", host_ids, HOSTS_A_CALL),
            *_in_parts("trigger.get", trigger, "triggerids", trigger_ids, TRIGGERS_A_CALL),
        ]
        hosts: list[Entity] = []
        triggers: list[Entity] = []
        for first in range(0, len(calls), CALLS_A_REQUEST):
            part = calls[first : first + CALLS_A_REQUEST]
            for call, answer in zip(part, self.all(part), strict=True):
                if call.method == "host.get":
                    must_have = ("hostid", "host", "name", "status", words.groups, "inventory")
                    hosts += answers.rows(answer, call.method, self.version, must_have)
                else:
                    must_have = ("triggerid", "description", "status", "hosts", "tags")
                    triggers += answers.rows(answer, call.method, self.version, must_have)
        return hosts, triggers

    def existing_triggers(self, ids: Sequence[int]) -> list[int]:
        """Those of these triggers that are there."""
        listed = [str(each) for each in ids]
        params = {"output": ["triggerid"], "triggerids": listed}
        [answer] = self.all([Call("trigger.get", params, "triggerids")])
        rows = answers.rows(answer, "trigger.get", self.version, ("triggerid",))
        return [answers.number(row, "triggerid") for row in rows]

    def all(self, calls: list[Call]) -> list[Any]:
        """The results of some calls, by one request, or by several where that is too much."""
        halves = calls[0].halves() if len(calls) == 1 else None
        try:
            return self.client.ask(calls, may_halve=len(calls) > 1 or halves is not None)
        except SlowError:
            if halves:
                return [[row for half in halves for row in self.all([half])[0]]]
            middle = len(calls) // 2
            return [*self.all(calls[:middle]), *self.all(calls[middle:])]


def _in_parts(
    method: str, params: dict[str, Any], name: str, ids: Sequence[int], size: int
) -> list[Call]:
    return [
        Call(method, {**params, name: [str(each) for each in ids[first : first + size]]}, name)
        for first in range(0, len(ids), size)
    ]
