"""Checking what Zabbix answers before anybody believes it, and fitting it to the raw tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from extract.errors import SourceError
from extract.tables import Entity, Table
from extract.zabbix.tables import ACKNOWLEDGEMENTS, EVENTS, INVENTORY

_EVENT_MUST_HAVE = (
    "eventid", "objectid", "clock", "ns", "value", "severity", "acknowledged", "r_eventid",
    "suppressed", "acknowledges", "tags", "suppression_data",
)  # fmt: skip
_ACKNOWLEDGEMENT_MUST_HAVE = (
    "acknowledgeid", "userid", "clock", "action", "old_severity", "new_severity",
)  # fmt: skip


def rows(answer: Any, method: str, version: str, must_have: Iterable[str]) -> list[Entity]:
    """The answer, if it is a list of objects with these keys.

    A parameter that a version does not know is ignored without a word; then its key is not there.
    """
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise SourceError(f"{method} answers with something that is no list of rows")
    for row in answer:
        for key in must_have:
            if key not in row:
                raise SourceError(
                    f"Zabbix {version} leaves {key} out of what {method} answers: this version "
                    "has another name for it, which the loader does not know, or something on the "
                    "way takes it out. Nothing can be counted without"
                )
    return answer


def page_of_events(answer: Any, version: str, start: int, limit: int) -> list[Entity]:
    """A page of events in the order of their ids, from `start` on."""
    page = events(answer, version)
    ids = [number(row, "eventid") for row in page]
    is_sorted = all(one < next_one for one, next_one in zip(ids, ids[1:], strict=False))
    if len(page) > limit or not is_sorted or (ids and ids[0] < start):
        raise SourceError(
            f"Zabbix {version} ignored what was asked: {limit} events from {start} on, in the "
            f"order of their ids, were answered with {len(page)}, from {min(ids)} on. Nothing that "
            "it says can be trusted now"
        )
    return page


def events(answer: Any, version: str) -> list[Entity]:
    """Events with all that raw needs."""
    return rows(answer, "event.get", version, _EVENT_MUST_HAVE)


def event(row: Entity) -> Entity:
    """An event as raw keeps it."""
    kept = fitted(EVENTS, row)
    kept["tags"] = tags(row["tags"])
    kept["suppression_data"] = [
        {key: each[key] for key in ("maintenanceid", "suppress_until") if key in each}
        for each in row["suppression_data"]
    ]
    return kept


def acknowledgements(event: Entity, version: str) -> list[Entity]:
    """The acknowledgements of an event as raw keeps them: of people their ids."""
    found = rows(event["acknowledges"], "event.get", version, _ACKNOWLEDGEMENT_MUST_HAVE)
    identity = number(event, "eventid")
    return [{**fitted(ACKNOWLEDGEMENTS, each), "eventid": identity} for each in found]


def tags(answer: Any) -> list[Entity]:
    """Tags without what else a version says of them."""
    return [{"tag": each.get("tag"), "value": each.get("value")} for each in answer or ()]


def ids(answer: Any, key: str) -> list[Entity]:
    """References as objects with their id alone; an empty list where there is nothing any more."""
    return [{key: each[key]} for each in answer or ()]


def inventory(answer: Any) -> Entity | None:
    """What is filled in of the inventory; None where it is switched off, which is `[]`."""
    if not isinstance(answer, dict):
        return None
    return {key: answer[key] for key in INVENTORY if answer.get(key)}


def fitted(table: Table, row: Entity) -> Entity:
    """The parts of a row that the table has columns for, each in its column's type."""
    fit = {}
    for column in table.columns:
        if not column.path:
            continue
        key = column.path[0]
        value = row.get(key)
        if value == "":
            # as the loader leaves it in a table
            value = None
        if value is not None and column.data_type in ("bigint", "bool"):
            value = number(row, key)
            if column.data_type == "bool":
                value = bool(value)
        fit[key] = value
    return fit


def number(row: Entity, key: str) -> int:
    """A number that was sent as a text."""
    try:
        return int(row[key])
    except (TypeError, ValueError):
        raise SourceError(
            f"Zabbix answers with {str(row[key])[:40]!r} as {key}: that is no number"
        ) from None
