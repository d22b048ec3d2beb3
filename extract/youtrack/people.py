"""What is kept of people, and `$type`s that nobody has seen yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from extract.tables import Entity
from extract.youtrack.selection import KNOWN_TYPES

# what is kept of a person, anywhere
_OF_A_USER = ("id", "login", "$type")
_USER_TYPES = frozenset({"User", "Me", "VcsUnresolvedUser"})


def is_user(value: Entity) -> bool:
    """Whether an object is a person: nothing else that is asked for has a login."""
    return "login" in value or value.get("$type") in _USER_TYPES


def without_names(value: Any) -> Any:
    """The same JSON with every person in it reduced to id, login and `$type`."""
    if isinstance(value, dict):
        if is_user(value):
            return {key: value[key] for key in _OF_A_USER if key in value}
        return {key: without_names(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_names(item) for item in value]
    return value


def _value_without_names(value: Any, types: Counter[str]) -> Any:
    """The value of a field or a change: a scalar, an object, a list of objects, or nothing.

    The fast half of `without_names`: objects in values hold no people of their own, so one level
    is enough. Most of a load's Python time is spent here.
    """
    kind = type(value)
    if kind is dict:
        types[value.get("$type", "")] += 1
        return without_names(value) if is_user(value) else value
    if kind is list:
        return [_value_without_names(item, types) for item in value]
    return value


def clean_issues(issues: Sequence[Entity], unknown: Counter[str]) -> None:
    """Take people's names off issues, in place, and count `$type`s that nobody has seen yet."""
    types: Counter[str] = Counter()
    for issue in issues:
        for custom_field in issue["customFields"]:
            types[custom_field.get("$type", "")] += 1
            custom_field["value"] = _value_without_names(custom_field.get("value"), types)
    _count_unknown(types, unknown)


def clean_activities(activities: Sequence[Entity], unknown: Counter[str]) -> None:
    """Take people's names off changes, in place, and count `$type`s that nobody has seen yet."""
    types: Counter[str] = Counter()
    for activity in activities:
        types[activity.get("$type", "")] += 1
        activity["added"] = _value_without_names(activity.get("added"), types)
        activity["removed"] = _value_without_names(activity.get("removed"), types)
    _count_unknown(types, unknown)


def _count_unknown(types: Counter[str], unknown: Counter[str]) -> None:
    for name in types.keys() - KNOWN_TYPES:
        unknown[name or "(none)"] += types[name]
