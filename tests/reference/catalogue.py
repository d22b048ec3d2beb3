"""Names, fields and categories as the catalogue knows them today.

Everything is looked up by id; the name in the row itself speaks only where the catalogue is silent.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .definitions import DefinitionError, Definitions, Names
from .moments import FOREVER, from_datetime, id_key
from .raw import Raw

NONE = "(none)"
ALWAYS = (-FOREVER, FOREVER)
ROLES = ("team", "type", "lead_time", "story_points", "assignee", "state")

_CUSTOM_FIELD_MEMBER = re.compile(r"^__CUSTOM_FIELD__(.+)_\d+$")
_POINTS = re.compile(r"-?[0-9]{1,6}([.,][0-9]{1,20})?")
_THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2},[0-9]{3}")
_BLANKS = " \t\n\r\u00a0\u2007\u2009\u202f"


@dataclass(frozen=True)
class Field:
    """A custom field of the instance as one project has it."""

    key: str
    name: str | None
    localized_name: str | None
    is_state: bool
    is_multi: bool


def as_list(value: object) -> list:
    """`added`, `removed` and values come as an array, one thing, or nothing."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def is_number(value: object) -> bool:
    """A number, and not a boolean."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


class Catalogue:
    """What the tracker's own lists say today."""

    def __init__(self, raw: Raw, definitions: Definitions) -> None:
        self.definitions = definitions
        self.projects = {row["id"]: row for row in raw["projects"]}
        self.logins = {row["id"]: row["login"] for row in raw["users"]}
        self._read_attachments(raw)
        self._read_elements(raw)
        self._read_fields(raw)
        self._categories = {
            str(row["state"]).lower(): str(row["category"])
            for row in definitions.seed("state_categories")
        }
        self._roles: dict[tuple[str, str], str | None] = {}
        self._role_keys: dict[tuple[str, str], list[str]] = {}

    def _read_attachments(self, raw: Raw) -> None:
        """Which rows are of detached fields, and when the runs saw each field attached."""
        last_read: dict[str, datetime] = {}
        for row in raw["custom_fields"]:
            if row.get("seen_at") is not None:
                before = last_read.get(row["project_id"], row["seen_at"])
                last_read[row["project_id"]] = max(before, row["seen_at"])
        self.detached_rows: set[str] = set()
        # (project, field) -> [from, to)
        self.attached: dict[tuple[str, str], tuple[int, int]] = {}
        for row in raw["custom_fields"]:
            last, seen = last_read.get(row["project_id"]), row.get("seen_at")
            first, (start, end) = row.get("first_seen_at"), ALWAYS
            if first is not None:
                start = from_datetime(first)
            if last is not None and (seen is None or seen < last):
                self.detached_rows.add(row["id"])
                end = from_datetime(seen or row["loaded_at"])
            key = (row["project_id"], read_field(row["field"] or {}, row["type"]).key)
            known = self.attached.get(key, (start, end))
            self.attached[key] = (min(start, known[0]), max(end, known[1]))

    def _present_first(self, raw: Raw) -> list[dict]:
        rows = sorted(raw["custom_fields"], key=lambda one: id_key(one["id"]))
        return sorted(rows, key=lambda one: one["id"] in self.detached_rows)

    def _read_elements(self, raw: Raw) -> None:
        self.element_names: dict[str, str] = {}
        self.element_ordinals: dict[str, int] = {}
        self.field_rows_of_element: dict[str, list[dict]] = defaultdict(list)
        for row in self._present_first(raw):
            is_detached = row["id"] in self.detached_rows
            for element in bundle_values(row):
                if is_detached and element["id"] in self.field_rows_of_element:
                    continue
                if element.get("name") is not None:
                    self.element_names[element["id"]] = element["name"]
                if element.get("ordinal") is not None:
                    self.element_ordinals[element["id"]] = element["ordinal"]
                self.field_rows_of_element[element["id"]].append(row)

    def _read_fields(self, raw: Raw) -> None:
        self.fields: dict[str, dict[str, Field]] = defaultdict(dict)
        # those that were detached, by project
        self.past: dict[str, dict[str, Field]] = defaultdict(dict)
        self.field_rows: dict[tuple[str, str], list[dict]] = defaultdict(list)
        for row in self._present_first(raw):
            found = read_field(row["field"] or {}, row["type"])
            self.field_rows[row["project_id"], found.key].append(row)
            if row["id"] not in self.detached_rows:
                self.fields[row["project_id"]].setdefault(found.key, found)
            elif found.key not in self.fields[row["project_id"]]:
                self.past[row["project_id"]].setdefault(found.key, found)
        known = {
            key: found for by_key in list(self.fields.values()) for key, found in by_key.items()
        }
        # a project whose catalogue the token may not read still shows fields on its issues
        for issue in raw["issues"]:
            fields = self.fields[project_id(issue["project"])]
            past = self.past[project_id(issue["project"])]
            for entry in issue["custom_fields"] or []:
                key = entry_field_id(entry)
                if key in past or (key is None and self.field_by_name(past, entry.get("name"))):
                    continue
                if key is not None and key not in fields:
                    seen = read_field(entry["projectCustomField"]["field"], entry.get("$type"))
                    fields[key] = known.get(key) or named(seen, entry.get("name"))
                elif key is None and self.field_by_name(fields, entry.get("name")) is None:
                    seen = read_field({}, entry.get("$type"))
                    own = named(seen, entry.get("name"))
                    fields[own.key] = own
        self.keys_by_name: dict[str, str] = {}
        for by_key in (*self.fields.values(), *self.past.values()):
            for found in by_key.values():
                for name in (found.localized_name, found.name):
                    if name is not None:
                        self.keys_by_name.setdefault(name, found.key)

    @staticmethod
    def field_by_name(fields: dict[str, Field], name: str | None) -> Field | None:
        """The field whose name, else whose localised name, is the given one."""
        if name is None:
            return None
        for attribute in ("name", "localized_name"):
            found = [one for one in fields.values() if getattr(one, attribute) == name]
            if found:
                return min(found, key=lambda one: id_key(one.key))
        return None

    def is_multi(self, key: str) -> bool:
        """Whether a field holds several values at once."""
        projects = (*self.fields.values(), *self.past.values())
        return any(by_key[key].is_multi for by_key in projects if key in by_key)

    def role_field(self, project: str | None, role: str) -> str | None:
        """The key of the field that plays a role in a project, by the first candidate it has."""
        if project is None:
            return None
        if (project, role) not in self._roles:
            self._roles[project, role] = self._find_role_field(project, role)
        return self._roles[project, role]

    def _find_role_field(self, project: str, role: str) -> str | None:
        fields = self.fields.get(project, {})
        candidates: Names = getattr(self.definitions, f"{role}_field")
        if role == "state" and not candidates:
            states = sorted(found.name or "" for found in fields.values() if found.is_state)
            if len(states) > 1:
                raise DefinitionError(f"several state fields, name one in state_field: {states}")
            return next((found.key for found in fields.values() if found.is_state), None)
        for candidate in candidates:
            found = self.field_by_name(fields, candidate)
            if found is not None:
                return found.key
        return None

    def role_keys(self, project: str | None, role: str) -> list[str]:
        """The fields that play a role in a project, or ever played it."""
        if project is None:
            return []
        if (project, role) not in self._role_keys:
            self._role_keys[project, role] = self._find_role_keys(project, role)
        return self._role_keys[project, role]

    def _find_role_keys(self, project: str, role: str) -> list[str]:
        known = self.fields.get(project, {}) | self.past.get(project, {})
        ends = [self.attached.get((project, key), ALWAYS)[1] for key in known]
        ends = [end for end in ends if end < FOREVER]
        return [
            key
            for key in known
            if any(self.plays(project, role, key, moment) for moment in (-FOREVER, *ends))
        ]

    def plays(self, project: str, role: str, key: str, moment: int) -> bool:
        """Whether a field, attached at a moment, was then the first of the role's candidates."""
        known = self.fields.get(project, {}) | self.past.get(project, {})

        def was_attached(one: str) -> bool:
            start, end = self.attached.get((project, one), ALWAYS)
            return one == key or start <= moment < end

        then = {one: found for one, found in known.items() if was_attached(one)}
        candidates: Names = getattr(self.definitions, f"{role}_field")
        if role == "state" and not candidates:
            # of several at once, the one that stayed longest
            states = [found.key for found in then.values() if found.is_state]
            states.sort(
                key=lambda one: (-self.attached.get((project, one), ALWAYS)[1], id_key(one))
            )
            return states[:1] == [key]
        names = (self.field_by_name(then, candidate) for candidate in candidates)
        first = next((found for found in names if found), None)
        return first is not None and first.key == key

    def check_names(self) -> list[str]:
        """The vars whose field no project has; an error where somebody set the var."""
        missing = []
        for role in (*ROLES, "sprint"):
            var = f"{role}_field"
            candidates = getattr(self.definitions, var)
            found = any(
                self.field_by_name(fields, candidate)
                for fields in self.fields.values()
                for candidate in candidates
            )
            if candidates and not found:
                missing.append(var)
                if not self.definitions.is_default(var):
                    raise DefinitionError(f"no project has a field named {candidates} ({var})")
        return missing

    def activity_field(self, activity: dict) -> str | None:
        """The key of the field that an activity changed."""
        if activity["field_id"] is not None:
            return activity["field_id"]
        member = _CUSTOM_FIELD_MEMBER.match(activity["target_member"] or "")
        for name in (activity["field_name"], member.group(1) if member else None):
            if name in self.keys_by_name:
                return self.keys_by_name[name]
        return None

    def issue_value(self, issue: dict, key: str | None) -> object:
        """The present value of a field on an issue; None where the issue does not carry it.

        An issue that was not read since a field was detached still carries it: that is none.
        """
        if key is None or key in self.past.get(project_id(issue["project"]), {}):
            return None
        fields = self.fields[project_id(issue["project"])]
        for entry in issue["custom_fields"] or []:
            own = entry_field_id(entry)
            if own is None:
                found = self.field_by_name(fields, entry.get("name"))
                own = found.key if found else None
            if own == key:
                return empty_as_none(entry.get("value"))
        return None

    def project_name(self, project: str | None, seen: dict | None = None) -> str:
        """A project's short name by its id, else as the row has it."""
        row = self.projects.get(project or "")
        if row and row["short_name"]:
            return row["short_name"]
        return (seen or {}).get("shortName") or NONE

    def name(self, element: object) -> str | None:
        """The text of one value: a login, a bundle element's present name, or the scalar itself."""
        if element is None or element == "":
            return None
        if not isinstance(element, dict):
            return plain(element)
        if element.get("login") is not None or element.get("$type") == "User":
            return self.logins.get(element.get("id")) or element.get("login")
        return (
            self.element_names.get(element.get("id"))
            or element.get("name")
            or element.get("text")
            or None
        )

    def text(self, value: object) -> str | None:
        """The text of a field's value; several values in the order of the field's bundle."""
        return ", ".join(name for *_, name in sorted(self._placed(value))) or None

    def _placed(self, value: object) -> list[tuple[bool, int, str]]:
        """Each value's name behind its place in the bundle; those of no bundle come last."""
        found = []
        for element in as_list(value):
            name = self.name(element)
            key = element.get("id") if isinstance(element, dict) else None
            ordinal = self.element_ordinals.get(key or "")
            if name:
                found.append((ordinal is None, ordinal or 0, name))
        return found

    def number(self, value: object) -> Decimal | None:
        """The points that a field holds, or that the name of its value spells.

        None for a million or more, or perhaps a thousand (`1,000`).
        """
        text = format(Decimal(str(value)), "f") if is_number(value) else self.text(value)
        text = (text or "").strip(_BLANKS)
        if _POINTS.fullmatch(text) and not _THOUSANDS.fullmatch(text):
            return Decimal(text.replace(",", "."))
        return None

    def category(self, value: object, project: str | None) -> str:
        """The category of a state: the seed's, else what the element's own bundle says."""
        state = next(iter(as_list(value)), None)
        name = self.name(state)
        if name is None:
            return NONE
        if name.lower() in self._categories:
            return self._categories[name.lower()]
        element, row = self._own_bundle(state, name, project)
        resolved = element.get("isResolved")
        if resolved is None and isinstance(state, dict):
            resolved = state.get("isResolved")
        if resolved:
            return "done"
        if row is not None and self._is_initial(element, row):
            return "todo"
        return "in_progress"

    def _own_bundle(
        self, state: object, name: str, project: str | None
    ) -> tuple[dict, dict | None]:
        """A state's bundle element, and the project field whose bundle holds it."""
        identifier = state.get("id") if isinstance(state, dict) else None
        if identifier is None:
            key = (project or "", self.role_field(project, "state") or "")
            row = next(iter(self.field_rows.get(key, [])), None)
            for element in bundle_values(row or {}):
                if element.get("name") == name:
                    return element, row
            return {}, None
        rows = self.field_rows_of_element.get(identifier, [])
        if not rows:
            return {}, None
        row = next((one for one in rows if one["project_id"] == project), rows[0])
        element = next(one for one in bundle_values(row) if one["id"] == identifier)
        return element, row

    @staticmethod
    def _is_initial(element: dict, row: dict) -> bool:
        defaults = as_list(row["default_values"])
        if defaults:
            return element["id"] in [default.get("id") for default in defaults]
        ordinals = [one["ordinal"] for one in bundle_values(row) if one.get("ordinal") is not None]
        return bool(ordinals) and element.get("ordinal") == min(ordinals)


def bundle_values(row: dict) -> list[dict]:
    """The elements of a project field's bundle."""
    return (row.get("bundle") or {}).get("values") or []


def project_id(project: dict | None) -> str | None:
    """The id of a project object."""
    return (project or {}).get("id")


def entry_field_id(entry: dict) -> str | None:
    """The id of the instance's field behind an issue's custom field."""
    return ((entry.get("projectCustomField") or {}).get("field") or {}).get("id")


def read_field(field: dict, kind: str | None) -> Field:
    """A field from its own object and the `$type` of the object that carries it."""
    field_type = field.get("fieldType") or {}
    identifier = field_type.get("id") or ""
    value_type = field_type.get("valueType") or identifier.split("[")[0]
    is_multi = field_type.get("isMultiValue")
    if is_multi is None:
        is_multi = "[*]" in identifier or (kind or "").startswith("Multi")
    return Field(
        key=field.get("id") or f"name:{field.get('name')}",
        name=field.get("name"),
        localized_name=field.get("localizedName"),
        is_state=value_type == "state" or (not value_type and (kind or "").startswith("State")),
        is_multi=bool(is_multi),
    )


def named(field: Field, name: str | None) -> Field:
    """The same field with the name that the issue shows, where it has none of its own."""
    if field.name is not None:
        return field
    key = f"name:{name}" if field.key.startswith("name:") else field.key
    return Field(key, name, field.localized_name, field.is_state, field.is_multi)


def empty_as_none(value: object) -> object:
    """The shapes in which nothing arrives: null, `[]`, `""`, an object that holds no value."""
    if value in (None, [], ""):
        return None
    if isinstance(value, dict) and not set(value) - {"$type"}:
        return None
    return value


def plain(value: object) -> str:
    """A scalar as text; a whole number without a fraction."""
    if is_number(value):
        number = Decimal(str(value))
        return str(int(number)) if number == int(number) else str(number.normalize())
    return str(value)
