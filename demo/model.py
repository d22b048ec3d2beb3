"""The things a YouTrack instance is made of, as plain objects.

Names live in one place each: an issue or an old activity holds the bundle element, the field or
the user itself, never a copy of its name. So a rename shows at once in every answer, without a
new `updated` anywhere, as a real instance does it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

# `fieldType.id` -> (issue `$type`, project `$type`); under a state machine a state differs, and a
# `date` has an issue `$type` of its own (recorded: youtrack-samples/custom-fields).
FIELD_TYPES: dict[str, tuple[str, str]] = {
    "state[1]": ("StateIssueCustomField", "StateProjectCustomField"),
    "period": ("PeriodIssueCustomField", "PeriodProjectCustomField"),
    "date": ("DateIssueCustomField", "SimpleProjectCustomField"),
    "date and time": ("SimpleIssueCustomField", "SimpleProjectCustomField"),
    "integer": ("SimpleIssueCustomField", "SimpleProjectCustomField"),
    "float": ("SimpleIssueCustomField", "SimpleProjectCustomField"),
    "string": ("SimpleIssueCustomField", "SimpleProjectCustomField"),
    "text": ("TextIssueCustomField", "TextProjectCustomField"),
} | {
    f"{kind}[{mark}]": (f"{arity}{name}IssueCustomField", f"{name}ProjectCustomField")
    for kind, name in (
        ("enum", "Enum"), ("user", "User"), ("group", "Group"), ("version", "Version"),
        ("build", "Build"), ("ownedField", "Owned"),
    )
    for mark, arity in (("1", "Single"), ("*", "Multi"))
}  # fmt: skip

ELEMENT_TYPES = {
    "state": ("StateBundle", "StateBundleElement", "111"),
    "enum": ("EnumBundle", "EnumBundleElement", "109"),
    "version": ("VersionBundle", "VersionBundleElement", "177"),
    "build": ("BuildBundle", "BuildBundleElement", "178"),
    "ownedField": ("OwnedBundle", "OwnedBundleElement", "138"),
}


class Entity:
    """Anything that an answer shows as an object with a `$type`."""

    __slots__ = ()
    type_name: str

    def __repr__(self) -> str:
        """Short: everything here leads to everything else."""
        names = (getattr(self, key, None) for key in ("id", "name", "login"))
        return f"<{self.type_name} {' '.join(str(name) for name in names if name)}>"


@dataclass(eq=False, repr=False, slots=True)
class Simple(Entity):
    """An entity of which only a few constant attributes matter (colours, profiles, settings)."""

    type_name: str
    attributes: dict[str, Any]


@dataclass(eq=False, repr=False, slots=True)
class User(Entity):
    id: str
    login: str
    full_name: str
    email: str | None
    banned: bool = False
    guest: bool = False
    type_name: str = "User"


@dataclass(eq=False, repr=False, slots=True)
class Group(Entity):
    id: str
    name: str
    users_count: int = 3
    type_name: str = "UserGroup"


@dataclass(eq=False, repr=False, slots=True)
class Element(Entity):
    """One value of a bundle: a state, a type, a version, a build."""

    id: str
    name: str
    type_name: str
    bundle: Bundle
    ordinal: int
    localized_name: str | None = None
    is_resolved: bool = False
    archived: bool = False
    start_date: int | None = None
    release_date: int | None = None
    released: bool = False
    assemble_date: int | None = None
    owner: User | None = None


@dataclass(eq=False, repr=False, slots=True)
class Bundle(Entity):
    id: str
    type_name: str
    values: list[Element] = field(default_factory=list)

    def get(self, name: str) -> Element | None:
        return next((value for value in self.values if value.name == name), None)


@dataclass(eq=False, repr=False, slots=True)
class UserBundle(Entity):
    id: str
    users: list[User]
    type_name = "UserBundle"


@dataclass(eq=False, repr=False, slots=True)
class FieldType(Entity):
    id: str
    type_name = "FieldType"

    @property
    def value_type(self) -> str:
        return self.id.split("[")[0]

    @property
    def is_multi_value(self) -> bool:
        return self.id.endswith("[*]")


@dataclass(eq=False, repr=False, slots=True)
class CustomField(Entity):
    """A field of the instance; projects attach it with bundles of their own."""

    id: str
    number: int
    name: str
    localized_name: str | None
    field_type: FieldType
    member: str
    kind: Kind | None = None
    filter_field: FilterField | None = None
    instances: list[ProjectField] = field(default_factory=list)
    type_name = "CustomField"


@dataclass(eq=False, repr=False, slots=True)
class ProjectField(Entity):
    """A custom field of one project, with what an empty value of it looks like."""

    id: str
    type_name: str
    issue_type_name: str
    field: CustomField
    project: Project
    ordinal: int
    bundle: Bundle | UserBundle | None = None
    default: Element | None = None
    can_be_empty: bool = True
    empty_text: str | None = None
    empty: Any = None
    condition: tuple[ProjectField, frozenset[Element]] | None = None

    @property
    def is_multi_value(self) -> bool:
        return self.field.field_type.is_multi_value

    @property
    def is_object(self) -> bool:
        """Values are entities, which history wraps in arrays; the rest are bare scalars."""
        return "[" in self.field.field_type.id

    def is_shown(self, issue: Issue) -> bool:
        """A conditional field is absent from the answer, not empty, while its condition fails."""
        if self in issue.absent:
            return False
        if self.condition is None:
            return True
        parent, elements = self.condition
        return issue.values.get(parent) in elements

    def element(self, name: str) -> Element:
        found = self.bundle.get(name) if isinstance(self.bundle, Bundle) else None
        if found is None:
            raise LookupError(f"{self.field.name} of {self.project.short_name} has no {name!r}")
        return found


@dataclass(eq=False, repr=False, slots=True)
class Project(Entity):
    id: str
    short_name: str
    name: str
    leader: User
    archived: bool = False
    hidden: bool = False
    next_number: int = 1
    fields: list[ProjectField] = field(default_factory=list)
    roles: dict[str, ProjectField] = field(default_factory=dict)
    by_custom_field: dict[CustomField, ProjectField] = field(default_factory=dict)
    type_name = "Project"


@dataclass(eq=False, repr=False, slots=True)
class Issue(Entity):
    id: str
    key: int
    project: Project
    number: int
    summary: str
    created: int
    updated: int
    reporter: User
    updater: User
    resolved: int | None = None
    hidden: bool = False
    deleted: bool = False
    values: dict[ProjectField, Any] = field(default_factory=dict)
    absent: frozenset[ProjectField] = frozenset()
    sprints: tuple[Sprint, ...] = ()
    activities: list[Activity] = field(default_factory=list)
    # (moment, how many activities came before): comments and votes, which are no activities here
    comments: list[tuple[int, int]] = field(default_factory=list)
    deleted_sprints: tuple[Sprint, ...] = ()
    # of those that were made over the API
    description: str | None = None
    type_name = "Issue"

    @property
    def id_readable(self) -> str:
        return f"{self.project.short_name}-{self.number}"

    @property
    def is_visible(self) -> bool:
        return not (self.deleted or self.hidden or self.project.hidden)

    def value(self, role: str) -> Any:
        """The present value of the field that plays `role` (state, type, team, points, …)."""
        project_field = self.project.roles.get(role)
        return None if project_field is None else self.values.get(project_field)

    @property
    def state(self) -> Element | None:
        return self.value("state")


@dataclass(eq=False, repr=False, slots=True)
class IssueKey(Entity):
    """What a project move shows: the number an issue had in a project."""

    project: Project
    number: int
    type_name = "IssueKey"


@dataclass(eq=False, repr=False, slots=True)
class Board(Entity):
    id: str
    name: str
    owner: User
    projects: list[Project]
    is_explicit: bool
    state_field: CustomField
    disable_sprints: bool = False
    query: str | None = None
    sync_field: CustomField | None = None
    card_on_several_sprints: bool = False
    default_sprint: Sprint | None = None
    hidden: bool = False
    sprints: list[Sprint] = field(default_factory=list)
    columns: list[Simple] = field(default_factory=list)
    member_of: Any = None
    type_name = "Agile"


@dataclass(eq=False, repr=False, slots=True)
class Sprint(Entity):
    """A sprint of a board; on a synced board its name is that of the version it follows."""

    id: str
    board: Board
    own_name: str
    start: int | None
    finish: int | None
    archived: bool = False
    goal: str | None = None
    version: Element | None = None
    deleted: bool = False
    members: dict[Issue, None] = field(default_factory=dict)
    type_name = "Sprint"

    @property
    def name(self) -> str:
        return self.version.name if self.version else self.own_name


@dataclass(eq=False, repr=False, slots=True)
class FilterField(Entity):
    """The `field` of an activity."""

    id: str
    type_name: str
    own_name: str = ""
    custom_field: CustomField | None = None

    @property
    def name(self) -> str:
        return self.custom_field.name if self.custom_field else self.own_name


@dataclass(eq=False, repr=False, slots=True)
class Category(Entity):
    id: str
    type_name = "ActivityCategory"


@dataclass(eq=False, repr=False, slots=True)
class Kind(Entity):
    """What all activities of one category and field share."""

    activity_type: str
    category: Category
    member: str | None
    filter_field: FilterField | None
    custom_field: CustomField | None = None
    type_name = "Kind"


class Activity(Entity):
    """One change. `added` and `removed` hold a tuple of entities, a scalar, or None.

    `edit` tells which edit made it: one edit may make several; 0 is the told story.
    """

    __slots__ = (
        "timestamp", "serial", "kind", "issue", "author", "added", "removed", "own_id", "edit",
    )  # fmt: skip
    type_name = "ActivityItem"

    def __init__(
        self, timestamp: int, serial: int, kind: Kind, issue: Issue, author: User,
        added: Any, removed: Any, own_id: str | None = None, edit: int = 0,
    ) -> None:  # fmt: skip
        self.timestamp = timestamp
        self.serial = serial
        self.kind = kind
        self.issue = issue
        self.author = author
        self.added = added
        self.removed = removed
        self.own_id = own_id
        self.edit = edit

    @property
    def id(self) -> str:
        if self.own_id:
            return self.own_id
        if self.kind.category.id == "IssueCreatedCategory":
            return f"{self.issue.id}.0-0"
        return f"0-0.91-{self.serial}"


@dataclass(frozen=True, repr=False, slots=True)
class PeriodValue(Entity):
    """A period; without minutes it is the empty object that "Spent time" really sends."""

    minutes: int | None
    type_name = "PeriodValue"

    def parts(self) -> Iterable[tuple[int, str]]:
        """Weeks of five days, days of eight hours: the instance's working time."""
        rest = abs(self.minutes or 0)
        for size, letter in ((2400, "w"), (480, "d"), (60, "h"), (1, "m")):
            if rest >= size:
                yield rest // size, letter
                rest %= size

    @property
    def presentation(self) -> str | None:
        if self.minutes is None:
            return None
        text = " ".join(f"{count}{letter}" for count, letter in self.parts()) or "0m"
        return f"-{text}" if self.minutes < 0 else text

    @property
    def id(self) -> str:
        """As ISO 8601 with weeks folded into working days: 510 minutes read `P1DT30M`."""
        days, rest = divmod(abs(self.minutes or 0), 480)
        hours, minutes = divmod(rest, 60)
        time = "".join(f"{n}{c}" for n, c in ((hours, "H"), (minutes, "M")) if n)
        text = (f"{days}D" if days else "") + (f"T{time}" if time else "")
        return f"{'-' if (self.minutes or 0) < 0 else ''}P{text or 'T0M'}"


@dataclass(frozen=True, repr=False, slots=True)
class TextValue(Entity):
    text: str
    type_name = "TextFieldValue"


EMPTY_PERIOD = PeriodValue(None)
