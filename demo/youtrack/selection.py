"""The `fields=` grammar, and how a selected entity becomes JSON text.

As measured on a real instance (youtrack-api.md §1.1): `$type` always comes; a name that the entity
does not have vanishes; a requested-empty scalar is an explicit null; a bare complex attribute
brings id and `$type`, but bare `value`, `added`, `removed` and `duration` bring `$type` alone; the
sub-selection of a scalar is ignored. A selection remembers the text of everything that many
entities share (users, bundle elements, fields), which is what makes big pages cheap.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any

from demo.model import (
    EMPTY_PERIOD,
    Activity,
    Board,
    Entity,
    Issue,
    PeriodValue,
    ProjectField,
    Simple,
    Sprint,
    TextValue,
    User,
)
from demo.tracker import Tracker

Getter = Callable[[Any], Any]
TYPE_ONLY = frozenset({"value", "added", "removed", "duration"})
# Attributes whose value moves without any rename: their text is never remembered.
MOVING = frozenset({"issues", "unresolvedIssuesCount", "currentSprint", "sprints"})
TOKEN = re.compile(r"\s*([$\w]+|[(),])")


class BadFieldsError(ValueError):
    """The `fields` parameter cannot be parsed: 400 bad_request."""


Tree = dict[str, "Tree | None"]


def parse(text: str) -> Tree:
    """`a,b(c)` as a tree; None stands for a bare name."""
    tokens, position = [], 0
    text = text.strip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise BadFieldsError(f"unexpected {text[position]!r} at {position}")
        tokens.append(match.group(1))
        position = match.end()
    tree, rest = _items(tokens, 0)
    if rest != len(tokens):
        raise BadFieldsError("unbalanced parenthesis")
    return tree


def _items(tokens: list[str], position: int) -> tuple[Tree, int]:
    tree: Tree = {}
    forms: dict[str, set[bool]] = {}
    while True:
        if position >= len(tokens) or tokens[position] in "(),":
            raise BadFieldsError("a name is missing")
        name, sub = tokens[position], None
        position += 1
        if position < len(tokens) and tokens[position] == "(":
            sub, position = _items(tokens, position + 1)
            if position >= len(tokens) or tokens[position] != ")":
                raise BadFieldsError("a parenthesis is not closed")
            position += 1
        forms.setdefault(name, set()).add(sub is None)
        known = tree.get(name)
        tree[name] = sub if known is None else {**known, **(sub or {})}
        if position >= len(tokens) or tokens[position] != ",":
            return _conflicts(tree, forms), position
        position += 1


def _conflicts(tree: Tree, forms: dict[str, set[bool]]) -> Tree:
    """The same key bare and with a sub-selection: the latter and a sibling key vanish."""
    for name in [name for name, seen in forms.items() if len(seen) == 2]:
        tree[name] = None
        siblings = [other for other in tree if other not in (name, "id", "$type")]
        if siblings:
            del tree[siblings[-1]]
    return tree


def scalar(value: Any) -> str:
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    return encode_basestring(value) if isinstance(value, str) else repr(value)


class Selection:
    """One level of `fields=`, ready to render entities of any type."""

    def __init__(self, tracker: Tracker, name: str, tree: Tree | None, hidden: frozenset) -> None:
        if tree is None:
            tree = {} if name in TYPE_ONLY else {"id": None}
            leaves = {key: None for key in tree}
        else:
            leaves = {
                key: Selection(tracker, key, sub, hidden)
                for key, sub in tree.items()
                if key != "$type"
            }
        self.tracker = tracker
        self.hidden = hidden
        self.children: dict[str, Selection | None] = leaves
        self.is_steady = not any(
            key in MOVING or (child is not None and not child.is_steady)
            for key, child in leaves.items()
        )
        self.only: frozenset[str] | None = None
        self._plans: dict[str, tuple[str, list[tuple[Getter, Selection | None]]]] = {}
        self._texts: dict[Any, str] = {}
        self._frames: dict[ProjectField, tuple[str, str, bool]] = {}
        self._periods: dict[int, str] = {}

    def render(self, value: Any) -> str:
        """Any value: null, a scalar, a collection or an entity."""
        if value is None:
            return "null"
        kind = type(value)
        if kind is int:
            return str(value)
        if kind is str:
            return encode_basestring(value)
        if kind is Issue or kind is Activity or kind is Sprint or kind is Board:
            return self._entity(value)
        if kind is tuple or isinstance(value, Entity):
            if not self.is_steady or kind is Simple:
                return self._collection(value) if kind is tuple else self._entity(value)
            text = self._texts.get(value)
            if text is None:
                text = self._collection(value) if kind is tuple else self._entity(value)
                self._texts[value] = text
            return text
        return self._collection(value) if kind is list else scalar(value)

    def _collection(self, values: Any) -> str:
        return f"[{','.join(map(self.render, values))}]"

    def _plan(self, type_name: str) -> tuple[str, list[tuple[Getter, Selection | None]]]:
        """A %-template with a hole for each attribute, and what fills them."""
        shape = SHAPES.get(type_name) or SHAPES[FALLBACKS.get(type_name, "ActivityItem")]
        holes, fillers = [], []
        for key, child in self.children.items():
            if key in shape and f"{type_name}.{key}" not in self.hidden:
                holes.append(f'"{key}":%s')
                fillers.append((shape[key], child))
        self._plans[type_name] = plan = (
            "{" + ",".join([*holes, f'"$type":{encode_basestring(type_name)}']) + "}",
            fillers,
        )
        return plan

    def _entity(self, entity: Entity) -> str:
        kind = type(entity)
        type_name = entity.kind.activity_type if kind is Activity else entity.type_name
        template, fillers = self._plans.get(type_name) or self._plan(type_name)
        parts = []
        for getter, child in fillers:
            value = getter(entity)
            if child is None:
                parts.append(scalar(value))
            elif value is FIELDS:
                parts.append(f"[{','.join(child.custom_fields(entity))}]")
            elif value.__class__ is Later:
                parts.append(child.render(value.read(self.tracker)))
            else:
                parts.append(child.render(value))
        return template % tuple(parts)

    def custom_fields(self, issue: Issue) -> list[str]:
        """The fields that the issue shows, in its project's order."""
        frames, values, absent, parts = self._frames, issue.values, issue.absent, []
        child = self.children.get("value")
        for attached in issue.project.fields:
            if (attached.condition is not None or absent) and not attached.is_shown(issue):
                continue
            frame = frames.get(attached) or self._frame(attached)
            if frame[1] is None:
                continue
            before, after, is_moving = frame
            if is_moving:
                parts.append(self._state_machine(attached, issue))
                continue
            if child is None:
                parts.append(before)
                continue
            value = values.get(attached, attached.empty)
            parts.append(f"{before}{child.field_value(attached, value)}{after}")
        return parts

    def field_value(self, attached: ProjectField, value: Any) -> str:
        kind = type(value)
        if kind is int and attached.field.field_type.id == "period":
            text = self._periods.get(value)
            if text is None:
                text = self._periods[value] = self._entity(PeriodValue(value))
            return text
        if value is EMPTY_PERIOD:
            return '{"$type":"PeriodValue"}'
        if kind is str and attached.field.field_type.id == "text":
            return self._entity(TextValue(value))
        return self.render(value)

    def _frame(self, attached: ProjectField) -> tuple[str, Any, bool]:
        """The constant text around a field's value; (…, None, …) when it is filtered out."""
        if self.only is not None and not self.only & {
            name.casefold() for name in (attached.field.name, attached.field.localized_name) if name
        }:
            self._frames[attached] = frame = ("", None, False)
            return frame
        type_name = attached.issue_type_name
        machine = type_name == "StateMachineIssueCustomField"
        is_moving = machine and bool({"event", "possibleEvents"} & self.children.keys())
        before, after, seen = [], [], False
        for key, child in self.children.items():
            if key == "value":
                before.append('"value":')
                seen = True
            elif key in FIELD_ATTRIBUTES:
                value = FIELD_ATTRIBUTES[key](attached)
                text = scalar(value) if child is None else child.render(value)
                (after if seen else before).append(f'"{key}":{text}')
        tail = "".join(f",{part}" for part in after) + f',"$type":"{type_name}"}}'
        if not seen:
            text = ",".join([*before, f'"$type":"{type_name}"'])
            frame = ("{" + text + "}", "", is_moving)
        else:
            frame = ("{" + ",".join(before), tail, is_moving)
        self._frames[attached] = frame
        return frame

    def _state_machine(self, attached: ProjectField, issue: Issue) -> str:
        """A state under a state machine, asked for its events: built anew each time."""
        state = issue.values.get(attached)
        events = tuple(
            Simple("Event", {"id": f"to-{element.id}", "presentation": element.name})
            for element in attached.bundle.values
            if element is not state
        )
        moving = {"value": state, "event": None, "possibleEvents": list(events)}
        parts = []
        for key, child in self.children.items():
            value = moving.get(key)
            if key in FIELD_ATTRIBUTES:
                value = FIELD_ATTRIBUTES[key](attached)
            elif key not in moving:
                continue
            parts.append(f'"{key}":{scalar(value) if child is None else child.render(value)}')
        return "{" + ",".join([*parts, f'"$type":"{attached.issue_type_name}"']) + "}"


class Later:
    """A value that only the tracker knows: members of a sprint, the sprints of an issue."""

    __slots__ = ("read",)

    def __init__(self, read: Callable[[Tracker], Any]) -> None:
        self.read = read


FIELDS = object()
STYLE = Simple("FieldStyle", {"id": "0", "background": "#fff", "foreground": "#444"})
FIELD_ATTRIBUTES: dict[str, Getter] = {
    "id": lambda f: f.id,
    "name": lambda f: f.field.name,
    "projectCustomField": lambda f: f,
}


def _constant(value: Any) -> Getter:
    return lambda _: value


def _named(**renamed: str) -> dict[str, Getter]:
    """JSON key -> attribute of the same meaning."""
    return {key: (lambda e, a=attribute: getattr(e, a)) for key, attribute in renamed.items()}


def _simple(*keys: str) -> dict[str, Getter]:
    return {key: (lambda e, k=key: e.attributes.get(k)) for key in keys}


def _current_sprint(board: Board) -> Later:
    def read(tracker: Tracker) -> Sprint | None:
        running = [
            sprint
            for sprint in board.sprints
            if sprint.start is not None
            and sprint.start <= tracker.now <= (sprint.finish or tracker.now)
        ]
        return running[-1] if running else None

    return Later(read)


def _sprints_settings(board: Board) -> Simple:
    return Simple(
        "SprintsSettings",
        {
            "id": board.id, "isExplicit": board.is_explicit, "defaultSprint": board.default_sprint,
            "disableSprints": board.disable_sprints, "explicitQuery": board.query,
            "sprintSyncField": board.sync_field, "hideSubtasksOfCards": False,
            "cardOnSeveralSprints": board.card_on_several_sprints,
        },
    )  # fmt: skip


def _column_settings(board: Board) -> Simple:
    columns = {"id": board.id, "field": board.state_field, "columns": list(board.columns)}
    return Simple("ColumnSettings", columns)


def _condition(attached: ProjectField) -> Simple | None:
    if attached.condition is None:
        return None
    parent, elements = attached.condition
    values = tuple(sorted(elements, key=lambda element: element.ordinal))
    identity = attached.id.replace("92-", "98-")
    return Simple(
        "FieldBasedCondition",
        {"id": identity, "field": parent, "values": values, "showForNullValue": False},
    )


def _profiles(user: User) -> Later:
    def read(tracker: Tracker) -> Simple:
        zone = Simple(
            "TimeZoneDescriptor",
            {"id": tracker.timezone, "presentation": tracker.timezone, "offset": 0},
        )
        locale = Simple("LocaleDescriptor", {"id": "en_US", "name": "English"})
        general = {"id": user.id, "timezone": zone, "locale": locale}
        return Simple(
            "UserProfiles",
            {"id": user.id, "general": Simple("GeneralUserProfile", general)},
        )

    return Later(read)


USER = _named(
    id="id", login="login", fullName="full_name", name="full_name", email="email",
    banned="banned", guest="guest",
) | {
    "ringId": lambda u: f"00000000-0000-4000-8000-{int(u.id.split('-')[1]):012d}",
    "online": _constant(False),
    "avatarUrl": lambda u: f"/hub/api/rest/avatar/{u.id}",
    "jabberAccountName": _constant(None),
    "tags": _constant(()),
    "savedQueries": _constant(()),
    "profiles": _profiles,
}  # fmt: skip
GROUP = _named(id="id", name="name", usersCount="users_count") | {
    "ringId": lambda g: f"00000000-0000-4000-9000-{int(g.id.split('-')[1]):012d}",
    "icon": _constant(None),
    "allUsersGroup": lambda g: g.name == "All Users",
    "teamForProject": _constant(None),
}
ELEMENT = _named(id="id", name="name", ordinal="ordinal", archived="archived", bundle="bundle") | {
    "description": _constant(None),
    "color": _constant(STYLE),
    "hasRunningJob": _constant(False),
}
LOCALIZED = ELEMENT | _named(localizedName="localized_name")
BUNDLE = {
    "id": lambda b: b.id,
    "isUpdateable": _constant(True),
    "values": lambda b: tuple(b.values),
}
FILTER = _named(id="id", name="name", presentation="name")
PROJECT_FIELD = _named(
    id="id", field="field", project="project", canBeEmpty="can_be_empty",
    emptyFieldText="empty_text", ordinal="ordinal",
) | {
    "isPublic": _constant(True),
    "hasRunningJob": _constant(False),
    "condition": _condition,
}  # fmt: skip
DEFAULTS: dict[str, Getter] = {"defaultValues": lambda f: () if f.default is None else (f.default,)}
BUNDLED = PROJECT_FIELD | DEFAULTS | {"bundle": lambda f: f.bundle}
ACTIVITY: dict[str, Getter] = {
    "id": lambda a: a.id,
    "timestamp": lambda a: a.timestamp,
    "author": lambda a: a.author,
    "category": lambda a: a.kind.category,
    "field": lambda a: a.kind.filter_field,
    "target": lambda a: a.issue,
    "targetMember": lambda a: a.kind.member,
    "added": lambda a: a.added,
    "removed": lambda a: a.removed,
}
SHAPES: dict[str, dict[str, Getter]] = {
    "Issue": _named(
        id="id", idReadable="id_readable", numberInProject="number", project="project",
        summary="summary", created="created", updated="updated", resolved="resolved",
        reporter="reporter", updater="updater",
    ) | {
        "customFields": _constant(FIELDS),
        "isDraft": _constant(False),
        "draftOwner": _constant(None),
        "description": lambda issue: issue.description,
        "wikifiedDescription": _constant(""),
        "votes": _constant(0),
        "comments": _constant(()),
        "commentsCount": _constant(0),
        "tags": _constant(()),
        "links": _constant(()),
        "attachments": _constant(()),
        "externalIssue": _constant(None),
    },
    "User": USER,
    "Me": USER,
    "UserGroup": GROUP,
    "NestedGroup": GROUP,
    "ProjectTeam": GROUP,
    "Project": _named(
        id="id", shortName="short_name", name="name", archived="archived", leader="leader",
        createdBy="leader",
    ) | {
        "description": _constant(None),
        "startingNumber": _constant(1),
        "template": _constant(False),
        "iconUrl": _constant(None),
        "fromEmail": _constant(None),
        "replyToEmail": _constant(None),
        "customFields": lambda p: tuple(p.fields),
    },
    "CustomField": _named(
        id="id", name="name", localizedName="localized_name", fieldType="field_type",
    ) | {
        "ordinal": lambda f: f.number,
        "aliases": _constant(None),
        "isAutoAttached": _constant(False),
        "isDisplayedInIssueList": _constant(True),
        "isUpdateable": _constant(True),
        "hasRunningJob": _constant(False),
        "instances": lambda f: tuple(f.instances),
    },
    "FieldType": _named(id="id", valueType="value_type", isMultiValue="is_multi_value"),
    "SimpleProjectCustomField": PROJECT_FIELD,
    "PeriodProjectCustomField": PROJECT_FIELD,
    "TextProjectCustomField": PROJECT_FIELD,
    "GroupProjectCustomField": PROJECT_FIELD | DEFAULTS,
    "UserBundle": {
        "id": lambda b: b.id,
        "isUpdateable": _constant(True),
        "groups": _constant(()),
        "individuals": lambda b: tuple(b.users),
        "aggregatedUsers": lambda b: tuple(b.users),
    },
    "StateBundleElement": LOCALIZED | _named(isResolved="is_resolved"),
    "EnumBundleElement": LOCALIZED,
    "OwnedBundleElement": ELEMENT | _named(owner="owner"),
    "VersionBundleElement": ELEMENT | _named(
        startDate="start_date", releaseDate="release_date", released="released",
    ),
    "BuildBundleElement": ELEMENT | _named(assembleDate="assemble_date"),
    "PeriodValue": _named(id="id", minutes="minutes", presentation="presentation"),
    "TextFieldValue": {
        "id": _constant("text"),
        "text": lambda t: t.text,
        "markdownText": lambda t: f"<p>{t.text}</p>",
    },
    "Agile": _named(
        id="id", name="name", owner="owner", sprints="sprints",
    ) | {
        "projects": lambda b: list(b.projects),
        "currentSprint": _current_sprint,
        "sprintsSettings": _sprints_settings,
        "columnSettings": _column_settings,
        "estimationField": _constant(None),
        "originalEstimationField": _constant(None),
        "orphansAtTheTop": _constant(True),
        "hideOrphansSwimlane": _constant(False),
        "visibleFor": _constant(None),
        "visibleForProjectBased": _constant(True),
        "updateableBy": _constant(None),
        "updateableByProjectBased": _constant(True),
        "status": lambda b: Simple("AgileStatus", {
            "id": b.id, "valid": True, "hasJobs": False, "errors": [], "warnings": [],
        }),
    },
    "Sprint": _named(
        id="id", agile="board", name="name", goal="goal", start="start", finish="finish",
        archived="archived",
    ) | {
        "isDefault": lambda s: s.board.default_sprint is s,
        "issues": lambda s: Later(lambda tracker: tracker.members(s)),
        "unresolvedIssuesCount": lambda s: Later(
            lambda tracker: sum(issue.resolved is None for issue in tracker.members(s))
        ),
        "previousSprint": _constant(None),
    },
    "SprintsSettings": _simple(
        "id", "isExplicit", "cardOnSeveralSprints", "defaultSprint", "disableSprints",
        "explicitQuery", "sprintSyncField", "hideSubtasksOfCards",
    ),
    "ColumnSettings": _simple("id", "field", "columns"),
    "AgileColumn": _simple(
        "id", "presentation", "isResolved", "ordinal", "wipLimit", "fieldValues"
    ),
    "AgileColumnFieldValue": _simple("id", "name", "isResolved"),
    "AgileStatus": _simple("id", "valid", "hasJobs", "errors", "warnings"),
    "ActivityItem": ACTIVITY,
    "TextCustomFieldActivityItem": ACTIVITY | {"markup": _constant(None)},
    "ActivityCategory": _named(id="id"),
    "FilterField": FILTER,
    "CustomFilterField": FILTER | _named(customField="custom_field"),
    "ActivityCursorPage": _simple(
        "id", "reverse", "beforeCursor", "afterCursor", "hasBefore", "hasAfter", "activities"
    ),
    # undeclared in the OpenAPI document; its attributes as youtrack-api.md §1.5 tells
    "IssueKey": {
        "id": lambda k: f"{k.project.id}-{k.number}",
        "project": lambda k: k.project,
        "numberInProject": lambda k: k.number,
    },
    "FieldBasedCondition": _simple("id", "field", "values", "showForNullValue"),
    "IssueComment": _simple("id", "text"),
    "FieldStyle": _simple("id", "background", "foreground"),
    "Event": _simple("id", "presentation"),
    "UserProfiles": _simple("id", "general"),
    "GeneralUserProfile": _simple("id", "timezone", "locale"),
    "TimeZoneDescriptor": _simple("id", "presentation", "offset"),
    "LocaleDescriptor": _simple("id", "name"),
    "WorkTimeSettings": _simple("id", "minutesADay", "workDays", "firstDayOfWeek", "daysAWeek"),
    "IssueCountResponse": _simple("id", "count", "query", "unresolvedOnly", "folder"),
    "AppConfig": _simple("id", "version", "build"),
}  # fmt: skip
for _kind in ("State", "Enum", "Version", "Build", "Owned"):
    SHAPES[f"{_kind}Bundle"] = BUNDLE
    SHAPES[f"{_kind}ProjectCustomField"] = BUNDLED
SHAPES["UserProjectCustomField"] = BUNDLED
FALLBACKS = {
    "PredefinedFilterField": "FilterField",
    "BoardSprintFilterField": "FilterField",
}


def compile_fields(
    tracker: Tracker, text: str | None, hidden: frozenset = frozenset(),
    custom_fields: tuple[str, ...] = (),
) -> Selection:  # fmt: skip
    """A selection for one `fields` parameter; omitted or empty, it brings id and `$type`."""
    tree = parse(text) if text and text.strip() else None
    selection = Selection(tracker, "", tree, hidden)
    shown = selection.children.get("customFields")
    if custom_fields and shown is not None:
        shown.only = frozenset(name.casefold() for name in custom_fields)
    return selection
