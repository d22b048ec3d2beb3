"""Serves a folder of recorded answers as if it were a tracker.

The recording asked for few attributes; the rest is derived, as recorded_assumptions.md tells.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from demo.model import (
    FIELD_TYPES,
    Activity,
    Category,
    CustomField,
    Element,
    FilterField,
    Issue,
    Kind,
    ProjectField,
    Simple,
    User,
)
from demo.tracker import CREATED, SUMMARY, Tracker

ISSUES, ACTIVITIES = "idea-issues.ndjson", "idea-activities.ndjson"
RESOLVED_STATES = frozenset({
    "Fixed", "Duplicate", "Obsolete", "Declined", "Third Party Problem", "Can't Reproduce",
})  # fmt: skip
MEMBER = re.compile(r"__CUSTOM_FIELD__(?P<name>.+)_(?P<number>\d+)")
OTHER_CATEGORIES = {
    "TextMarkupActivityItem": "DescriptionCategory",
    "CommentActivityItem": "CommentsCategory",
}
ROLES = {"State": "state", "Type": "type", "Assignee": "assignee", "Priority": "priority"}
VALUE_TYPES = {issue_type: name for name, (issue_type, _) in FIELD_TYPES.items()}


class RecordingError(Exception):
    """The folder does not hold what it should."""


def load(folder: Path) -> Recording:
    return Recording(_rows(folder / ISSUES), _rows(folder / ACTIVITIES))


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise RecordingError(f"cannot read {path}: {error}") from error


class Recording(Tracker):
    """A tracker that holds what was recorded, at the moment of the last activity."""

    def __init__(self, issues: list[dict[str, Any]], activities: list[dict[str, Any]]) -> None:
        super().__init__(max((activity["timestamp"] for activity in activities), default=0))
        self._building = True
        self._people: dict[str, User] = {}
        self._elements: dict[tuple[str, str], Element] = {}
        self._by_issue: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for activity in activities:
            target = activity["target"]
            self._by_issue[target.get("issue", target)["id"]].append(activity)
        self._raw = sorted(activities, key=lambda a: (a["timestamp"], a["id"]))
        self._kinds: dict[str, Kind] = {}
        self._add_catalogue(issues)
        for row in sorted(issues, key=lambda one: (self._created(one["id"]), one["id"])):
            self._add_issue(row)
        self._add_activities()
        self._building = False

    def _events(self, identity: str) -> list[dict[str, Any]]:
        return self._by_issue.get(identity, [])

    def _created(self, identity: str) -> int:
        made = [a for a in self._events(identity) if a["$type"] == "IssueCreatedActivityItem"]
        times = [a["timestamp"] for a in made or self._events(identity)]
        return min(times, default=self.now)

    # --- fields and bundles, from the values that occur ---------------------------------------

    def _add_catalogue(self, issues: list[dict[str, Any]]) -> None:
        recorder = self.add_user("recorder", "recorder", None)
        prefixes = {row["idReadable"].rpartition("-")[0] for row in issues}
        for short_name in sorted(prefixes):
            self.add_project(short_name, short_name, recorder)
        numbers = {
            match["name"]: int(match["number"])
            for activity in self._raw
            if (match := MEMBER.fullmatch(activity["targetMember"] or ""))
        }
        seen: dict[str, str] = {}
        for row in issues:
            for shown in row["customFields"]:
                seen.setdefault(shown["name"], shown["$type"])
        for position, (name, issue_type) in enumerate(seen.items()):
            number = numbers.get(name, 2000 + position)
            field = self.add_custom_field(name, VALUE_TYPES[issue_type], number=number)
            for project in self.projects:
                self.attach(project, field, role=ROLES.get(name))
        self._add_values(issues)
        for project in self.projects:
            for attached in project.fields:
                if attached.field.field_type.value_type == "user":
                    attached.bundle.users.extend(self._people.values())

    def _add_values(self, issues: list[dict[str, Any]]) -> None:
        """Ids come from activities; a value that only issues show gets an id of its own."""
        for activity in self._raw:
            if match := MEMBER.fullmatch(activity["targetMember"] or ""):
                for value in [*(activity["removed"] or ()), *(activity["added"] or ())]:
                    self._value(self._attached(match["name"]), value)
        for row in issues:
            for shown in row["customFields"]:
                for value in _several(shown["value"]):
                    self._value(self._attached(shown["name"]), value)

    def _attached(self, name: str) -> ProjectField:
        return next(one for one in self.projects[0].fields if one.field.name == name)

    def _value(self, attached: ProjectField, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if value["$type"] == "User":
            return self._person(value)
        field = attached.field.name
        identity = value.get("id")
        known = self._elements.get((field, identity or value["name"]))
        if known is None:
            state = value["$type"] == "StateBundleElement"
            more = {"is_resolved": value["name"] in RESOLVED_STATES} if state else {}
            known = self.add_element(attached.bundle, value["name"], id=identity, **more)
            self._elements[field, known.id] = known
        # the present value carries a name alone: the element last seen under it
        self._elements[field, value["name"]] = known
        return known

    def _person(self, value: dict[str, Any]) -> User:
        login = value["login"]
        known = self._people.get(login)
        if known is None:
            known = self.add_user(login, value.get("name", login), None)
            self._people[login] = known
        if "id" in value:
            known.id = value["id"]
        return known

    # --- issues and their history -------------------------------------------------------------

    def _add_issue(self, row: dict[str, Any]) -> None:
        short_name, _, number = row["idReadable"].rpartition("-")
        project = self.project(short_name)
        created = self._created(row["id"])
        events = self._events(row["id"])
        updated = max((a["timestamp"] for a in events), default=created)
        issue = Issue(
            row["id"], int(row["id"].split("-")[1]), project, int(number), row["summary"],
            created, updated, self.users[2], self.users[2],
        )  # fmt: skip
        names = {shown["name"] for shown in row["customFields"]}
        issue.absent = frozenset(one for one in project.fields if one.field.name not in names)
        for shown in row["customFields"]:
            attached = self._attached(shown["name"])
            held = self._held(attached, shown["value"], events)
            if held not in (None, ()):
                issue.values[attached] = held
        if issue.state is not None and issue.state.name in RESOLVED_STATES:
            issue.resolved = max(_resolutions(events), default=created)
        self.issues[issue.id] = issue

    def _held(self, attached: ProjectField, value: Any, events: list[dict[str, Any]]) -> Any:
        """The element that the issue's own last change set, where its name is the present one."""
        if isinstance(value, list):
            return tuple(self._value(attached, one) for one in value)
        if isinstance(value, dict) and "name" in value and value["$type"] != "User":
            for activity in sorted(events, key=lambda a: -a["timestamp"]):
                if (activity["targetMember"] or "").startswith(
                    f"__CUSTOM_FIELD__{attached.field.name}_"
                ):
                    for added in _several(activity["added"]):
                        if added["name"] == value["name"]:
                            return self._value(attached, added)
        return self._value(attached, value)

    def _add_activities(self) -> None:
        for raw in self._raw:
            target = raw["target"]
            issue = self.issues.get(target.get("issue", target)["id"])
            if issue is None:
                continue
            kind = self._kind(raw)
            added, removed = (self._shown(raw, side) for side in ("added", "removed"))
            self._serial += 1
            activity = Activity(
                raw["timestamp"], self._serial, kind, issue, self.users[2], added, removed,
                raw["id"],
            )  # fmt: skip
            issue.activities.append(activity)
            self.log.append(activity)

    def _shown(self, raw: dict[str, Any], side: str) -> Any:
        value = raw[side]
        match = MEMBER.fullmatch(raw["targetMember"] or "")
        if not isinstance(value, list):
            return value
        if match:
            return tuple(self._value(self._attached(match["name"]), one) for one in value)
        return tuple(Simple(one["$type"], one) for one in value)

    def _kind(self, raw: dict[str, Any]) -> Kind:
        type_name = raw["$type"]
        if type_name == CREATED.activity_type:
            return CREATED
        if type_name == SUMMARY.activity_type and raw["targetMember"] == "summary":
            return SUMMARY
        if match := MEMBER.fullmatch(raw["targetMember"] or ""):
            field: CustomField = self._attached(match["name"]).field
            return field.kind
        if type_name not in self._kinds:
            category = OTHER_CATEGORIES.get(type_name, "OtherCategory")
            name = raw["targetMember"] or category
            shown = FilterField(name, "PredefinedFilterField", name)
            member = raw["targetMember"]
            self._kinds[type_name] = Kind(type_name, Category(category), member, shown)
        return self._kinds[type_name]


def _several(value: Any) -> Iterable[Any]:
    if isinstance(value, list):
        return value
    return () if value is None else (value,)


def _resolutions(events: list[dict[str, Any]]) -> list[int]:
    """Moments of changes into a resolved state."""
    return [
        activity["timestamp"]
        for activity in events
        if (activity["targetMember"] or "").startswith("__CUSTOM_FIELD__State_")
        and any(state["name"] in RESOLVED_STATES for state in _several(activity["added"]))
    ]
