"""The company in Tracker's words: queues, statuses, fields, sprints, people, as JSON objects.

Names are those of today, by id; keys stay what they were when the server first named a thing.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from demo.model import (
    DAY,
    Board,
    Bundle,
    CustomField,
    Element,
    IssueKey,
    PeriodValue,
    Project,
    Sprint,
    User,
)
from demo.tracker import Tracker

# What no loader of metrics may keep: stands in descriptions and comments.
PRIVATE = "not for any report"

STATUS_TYPES = {
    "new": ("Submitted", "Open", "Новая"),
    "inProgress": (
        "In Progress", "Review", "Testing", "В работе", "На проверке", "Тестирование",
    ),
    "paused": ("Blocked", "Wait for Reply", "Ожидание"),
    "done": ("Done", "Fixed", "Verified", "Готово", "Закрыта"),
    "cancelled": ("Duplicate", "Won't fix", "Obsolete", "Отменена", "Дубликат"),
}  # fmt: skip
TYPE_OF_STATUS = {name: kind for kind, names in STATUS_TYPES.items() for name in names}
STATUS_TYPE_NAMES = {
    "new": ("New", "Начальный"), "inProgress": ("In progress", "В процессе"),
    "paused": ("Paused", "На паузе"), "done": ("Done", "Завершён"),
    "cancelled": ("Cancelled", "Отменён"),
}  # fmt: skip

RESOLUTIONS = {
    "fixed": (1, "Fixed", "Решён"), "wontFix": (2, "Won't fix", "Не будет исправлено"),
    "duplicate": (3, "Duplicate", "Дубликат"), "later": (4, "Later", "Позже"),
}  # fmt: skip
RESOLUTION_OF = {"Duplicate": "duplicate", "Дубликат": "duplicate", "Obsolete": "later"}

# id, name, type, items, required: as the vendor's client records them (samples/fields.json)
SYSTEM_FIELDS = (
    ("key", "Key", "string", None, True), ("summary", "Summary", "string", None, True),
    ("description", "Description", "text", None, False), ("queue", "Queue", "queue", None, True),
    ("status", "Status", "status", None, True),
    ("statusStartTime", "Status start", "datetime", None, False),
    ("resolution", "Resolution", "resolution", None, False),
    ("resolvedAt", "Resolved", "datetime", None, False),
    ("type", "Type", "issuetype", None, True), ("priority", "Priority", "priority", None, True),
    ("assignee", "Assignee", "user", None, False), ("createdAt", "Created", "datetime", None, True),
    ("updatedAt", "Updated", "datetime", None, True), ("createdBy", "Author", "user", None, True),
    ("updatedBy", "Modifier", "user", None, True), ("sprint", "Sprint", "sprint", None, False),
    ("storyPoints", "Story Points", "float", None, False),
    ("fixVersions", "Fix Version", "array", "version", False),
    ("dueDate", "Due Date", "date", None, False),
    ("originalEstimation", "Original Estimate", "timetracking", None, False),
    ("spent", "Time Spent", "timetracking", None, False),
    ("followers", "Followers", "array", "user", False),
    ("aliases", "Aliases", "array", "string", False), ("tags", "Tags", "array", "string", False),
    ("components", "Components", "array", "component", False),
    ("parent", "Parent issue", "issue", None, False), ("epic", "Epic", "issue", None, False),
)  # fmt: skip
# the role that a field plays in a project, or its name, says which of them it is
SYSTEM_OF_ROLE = {
    "state": "status", "type": "type", "priority": "priority", "assignee": "assignee",
    "points": "storyPoints", "sprint": "sprint", "versions": "fixVersions", "due": "dueDate",
    "estimation": "originalEstimation",
}  # fmt: skip
SYSTEM_OF_NAME = {"Spent time": "spent"}
CUSTOM_TYPES = {
    "user": "user", "date": "date", "date and time": "datetime", "integer": "integer",
    "float": "float", "text": "text", "period": "timetracking",
}  # fmt: skip
TAGS, COMPONENTS = ("customer", "security", "docs"), ("API", "Billing", "Search", "Web")
# of so many issues in a row, the first is the parent of some, and the epic of others
A_FAMILY, AN_EPIC = 5, 40
MINUTES_A_DAY = 480
OVERFLOW = 2**31 - 1
# board ids of fields whose values are sprints: no board of the company has them
FIELD_BOARDS, FIELD_SPRINTS = 1000, 100_000
LATIN = str.maketrans("АБВГДЕЗИКЛМНОПРСТУФ", "ABVGDEZIKLMNOPRSTUF")

Json = dict[str, Any]


def moment(ms: int) -> str:
    """`2017-06-11T05:16:01.339+0000`"""
    seconds, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, timezone.utc).isoformat()[:19]}.{rest:03d}+0000"


def day(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, timezone.utc).strftime("%Y-%m-%d")


def number(entity: Any) -> int:
    """Ids count from 1."""
    return int(entity.id.rpartition("-")[2]) + 1


def issue_id(issue: Any) -> str:
    """24 hex digits that begin with the second of creation, as those of the real one do."""
    return f"{issue.created // 1000:08x}ef7e8a33{issue.key:08x}"


def queue_key(project: Project) -> str:
    """Keys of queues are Latin capitals; other letters are spelled in them."""
    return _latin(project.short_name)


@functools.cache
def _latin(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", name.upper().translate(LATIN))


def issue_key(key: IssueKey | Any) -> str:
    return f"{queue_key(key.project)}-{key.number}"


@dataclass(frozen=True)
class Field:
    """A field of issues; `custom` is the company's field behind it, `queue` whose own it is.

    `in_days`: a lead time, kept as a number, because a field of one's own cannot be a duration.
    """

    id: str
    custom: CustomField | None = None
    queue: Project | None = None
    in_days: bool = False


class Words:
    """Everything that is named, in `language` en or ru; links begin with `base`."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.fields: dict[CustomField, Field] = {}
        self._keys: dict[tuple[str, int], str] = {}
        self._resolutions: dict[Element, str | None] = {}
        self._followed: tuple[Any, dict[Element, Sprint]] = (None, {})
        self.base = ""
        for custom in tracker.custom_fields:
            self.field(custom)
        for role in ("state", "type", "priority"):
            for element in self.elements(role):
                self.key(element)
        for status in self.elements("state"):
            self.resolution_of(status)

    def link(self, *parts: Any) -> str:
        return "/".join((self.base, "v3", *map(str, parts)))

    # --- names, keys, kinds --------------------------------------------------------------------

    def name(self, entity: Any, language: str) -> str:
        localized = getattr(entity, "localized_name", None)
        return localized if language == "ru" and localized else entity.name

    def key(self, element: Element) -> str:
        """`inProgress`; the first of a name has it plain, later ones are numbered."""
        identity = (element.type_name, number(element))
        if identity not in self._keys:
            words = re.findall(r"[A-Za-z0-9]+", element.name.replace("'", ""))
            key = "".join(word[:1].upper() + word[1:].lower() for word in words)
            key = key[:1].lower() + key[1:] or f"{element.type_name[:5].lower()}{number(element)}"
            if key in self._keys.values():
                key += str(number(element))
            self._keys[identity] = key
        return self._keys[identity]

    def elements(self, role: str) -> list[Element]:
        """The values that a role may take, each once: a status belongs to one queue here."""
        bundles = {
            id(attached.bundle): attached.bundle
            for project in self.tracker.projects
            if (attached := project.roles.get(role)) and isinstance(attached.bundle, Bundle)
        }
        return [element for bundle in bundles.values() for element in bundle.values]

    def status_type(self, status: Element) -> str:
        """By its name; of an unknown one, as the resolved flag and the first state say."""
        if status.name in TYPE_OF_STATUS:
            return TYPE_OF_STATUS[status.name]
        if status.is_resolved:
            return "done"
        states = (project.roles.get("state") for project in self.tracker.projects)
        is_first = any(state and state.default is status for state in states)
        return "new" if is_first else "inProgress"

    def resolution_of(self, status: Element | None) -> str | None:
        """What the workflow puts down with the status; a status renamed later keeps to it."""
        if status is None:
            return None
        if status not in self._resolutions:
            self._resolutions[status] = {
                "done": "fixed", "cancelled": RESOLUTION_OF.get(status.name, "wontFix"),
            }.get(self.status_type(status))  # fmt: skip
        return self._resolutions[status]

    def field(self, custom: CustomField) -> Field:
        """The same for good: a role or a project that a field loses later leaves its id alone."""
        if custom not in self.fields:
            self.fields[custom] = self._new_field(custom)
        return self.fields[custom]

    def _new_field(self, custom: CustomField) -> Field:
        for attached in custom.instances:
            for role, other in attached.project.roles.items():
                if other is attached and role in SYSTEM_OF_ROLE:
                    return Field(SYSTEM_OF_ROLE[role], custom)
        if custom.name in SYSTEM_OF_NAME:
            return Field(SYSTEM_OF_NAME[custom.name], custom)
        words = re.findall(r"[A-Za-z0-9]+", custom.name)
        key = "".join(word[:1].upper() + word[1:] for word in words)
        key = key[:1].lower() + key[1:] or f"field{custom.number}"
        in_days = any(one.project.roles.get("lead_time") is one for one in custom.instances)
        if len(custom.instances) == 1:
            local = f"6063181a59590573{custom.number:08x}--{key}"
            return Field(local, custom, custom.instances[0].project, in_days)
        if any(key == other.id for other in self.fields.values()):
            key += str(custom.number)
        return Field(key, custom, in_days=in_days)

    def sprint(self, value: Sprint | Element) -> Sprint | Element:
        """The sprint that follows a version on its board; else the version is one itself."""
        if isinstance(value, Sprint):
            return value
        state = (self.tracker.catalogue_version, sum(len(b.sprints) for b in self.tracker.boards))
        if self._followed[0] != state:
            sprints = (s for board in self.tracker.boards for s in board.sprints)
            self._followed = (state, {s.version: s for s in sprints if s.version is not None})
        return self._followed[1].get(value, value)

    # --- references ----------------------------------------------------------------------------

    def user(self, user: User) -> Json:
        uid = uid_of(user)
        return {
            "self": self.link("users", uid), "id": str(uid), "display": user.full_name,
            "cloudUid": f"ajex{uid}", "passportUid": uid,
        }  # fmt: skip

    def keyed(self, element: Element, path: str, language: str) -> Json:
        return {
            "self": self.link(path, number(element)), "id": str(number(element)),
            "key": self.key(element), "display": self.name(element, language),
        }  # fmt: skip

    def resolution(self, key: str, language: str) -> Json:
        identity, *names = RESOLUTIONS[key]
        return {
            "self": self.link("resolutions", identity), "id": str(identity), "key": key,
            "display": names[language == "ru"],
        }  # fmt: skip

    def queue(self, project: Project) -> Json:
        key = queue_key(project)
        return {
            "self": self.link("queues", key), "id": str(number(project)), "key": key,
            "display": project.name,
        }  # fmt: skip

    def sprint_id(self, sprint: Sprint | Element) -> int:
        return number(sprint) + (FIELD_SPRINTS if isinstance(sprint, Element) else 0)

    def sprint_reference(self, value: Sprint | Element) -> Json:
        sprint = self.sprint(value)
        identity = self.sprint_id(sprint)
        return {
            "self": self.link("sprints", identity), "id": str(identity), "display": sprint.name,
        }  # fmt: skip

    def version(self, element: Element) -> Json:
        return {
            "self": self.link("versions", number(element)), "id": str(number(element)),
            "display": element.name,
        }  # fmt: skip

    def issue(self, issue: Any) -> Json:
        key = issue_key(issue)
        return {
            "self": self.link("issues", key), "id": issue_id(issue), "key": key,
            "display": issue.summary,
        }  # fmt: skip

    def labels(self, issue: Any) -> Json:
        """What the company has not: the same for good, by the issue's number."""
        row: Json = {
            "tags": [tag for place, tag in enumerate(TAGS, 3) if issue.key % place == 1],
            "components": [
                {"self": self.link("components", place), "id": str(place), "display": name}
                for place, name in enumerate(COMPONENTS, 1)
                if issue.key % 7 == place
            ],
        }
        for name, every, most in (("parent", A_FAMILY, 2), ("epic", AN_EPIC, 20)):
            place = issue.key % every
            first = self.tracker.issues.get(f"2-{issue.key - place}")
            row[name] = self.issue(first) if first and 0 < place <= most else None
        return row

    def value(self, field: Field, value: Any, language: str) -> Any:
        """What an issue or an entry of its history shows of a field; None for nothing."""
        if value is None or value == () or value == "":
            return None
        if isinstance(value, tuple):
            return [self.value(field, one, language) for one in value]
        if isinstance(value, User):
            return self.user(value)
        if isinstance(value, Project):
            # a history's queues have no link (samples/changelog.json)
            return {key: one for key, one in self.queue(value).items() if key != "self"}
        if isinstance(value, (Element, Sprint)):
            return self._element(field, value, language)
        if field.id == "resolution":
            return self.resolution(value, language)
        if field.id == "statusStartTime":
            return moment(value)
        return value if field.custom is None else self._scalar(field, value)

    def _element(self, field: Field, value: Element | Sprint, language: str) -> Any:
        paths = {"status": "statuses", "type": "issuetypes", "priority": "priorities"}
        if field.id in paths:
            return self.keyed(value, paths[field.id], language)
        if field.id == "sprint":
            return self.sprint_reference(value)
        return self.version(value) if field.id == "fixVersions" else value.name

    @staticmethod
    def _scalar(field: Field, value: Any) -> Any:
        kind = field.custom.field_type.id
        if kind == "period":
            if field.in_days:
                # the overflow of a rule that counts in int32 is the same number in any unit
                return value if value == OVERFLOW else value / MINUTES_A_DAY
            return PeriodValue(value).id
        if kind == "date":
            return day(value)
        if kind == "date and time":
            return moment(value)
        return getattr(value, "name", value)

    # --- lists ---------------------------------------------------------------------------------

    def status_row(self, status: Element, language: str) -> Json:
        name = self.name(status, language)
        return {
            "self": self.link("statuses", number(status)), "id": number(status), "version": 1,
            "key": self.key(status), "name": name, "description": name,
            "order": 100 * (status.ordinal + 1), "type": self.status_type(status),
        }  # fmt: skip

    def row(self, element: Element, path: str, language: str) -> Json:
        name = self.name(element, language)
        return {
            "self": self.link(path, number(element)), "id": number(element), "version": 1,
            "key": self.key(element), "name": name, "description": name,
        }  # fmt: skip

    def resolution_row(self, key: str, language: str) -> Json:
        identity, *names = RESOLUTIONS[key]
        name = names[language == "ru"]
        return {
            "self": self.link("resolutions", identity), "id": identity, "version": 1, "key": key,
            "name": name, "description": name, "order": identity,
        }  # fmt: skip

    def queue_row(self, project: Project, language: str, expand: bool) -> Json:
        key = queue_key(project)
        kind, priority = project.roles.get("type"), project.roles.get("priority")
        row: Json = {
            "self": self.link("queues", key), "id": number(project), "key": key, "version": 1,
            "name": project.name, "lead": self.user(project.leader), "assignAuto": False,
            "allowExternals": False, "denyVoting": False,
        }  # fmt: skip
        if kind is not None:
            row["defaultType"] = self.keyed(kind.bundle.values[0], "issuetypes", language)
            if expand:
                row["issueTypesConfig"] = [
                    {"issueType": self.keyed(one, "issuetypes", language), "resolutions": [
                        self.resolution(key, language) for key in RESOLUTIONS
                    ]}
                    for one in kind.bundle.values
                ]  # fmt: skip
        if priority is not None:
            row["defaultPriority"] = self.keyed(priority.default, "priorities", language)
        return row

    def user_row(self, user: User) -> Json:
        uid = uid_of(user)
        first, _, last = user.full_name.partition(" ")
        row = {
            "self": self.link("users", uid), "uid": uid, "login": user.login, "trackerUid": uid,
            "passportUid": uid, "cloudUid": f"ajex{uid}", "firstName": first, "lastName": last,
            "display": user.full_name, "email": user.email, "external": False,
            "hasLicense": not user.banned, "dismissed": user.banned, "useNewFilters": True,
            "disableNotifications": False,
        }  # fmt: skip
        return {key: value for key, value in row.items() if value is not None}

    def system_field_row(self, row: tuple[str, str, str, str | None, bool]) -> Json:
        identity, name, kind, items, required = row
        schema: Json = {"type": kind, "required": required}
        if items:
            schema = {"type": kind, "items": items}
        return {
            "self": self.link("fields", identity), "id": identity, "name": name,
            "schema": schema, "readonly": identity in ("key", "createdAt", "updatedAt"),
            "options": False, "suggest": False,
        }  # fmt: skip

    def field_row(self, field: Field, language: str) -> Json:
        custom = field.custom
        kind = CUSTOM_TYPES.get(custom.field_type.value_type, "string")
        if field.in_days:
            kind = "float"
        schema: Json = {"type": kind, "required": False}
        if custom.field_type.is_multi_value:
            schema = {"type": "array", "items": kind}
        key = field.id.rpartition("--")[2]
        path = ("queues", queue_key(field.queue), "localFields", key) if field.queue else (
            "fields", field.id
        )  # fmt: skip
        row: Json = {
            "self": self.link(*path), "id": field.id, "name": self.name(custom, language),
            "key": key, "version": 1, "schema": schema, "readonly": False,
            "options": "[" in custom.field_type.id, "suggest": False,
        }  # fmt: skip
        values = [
            element.name
            for attached in custom.instances
            if isinstance(attached.bundle, Bundle)
            for element in attached.bundle.values
        ]
        if values:
            row["optionsProvider"] = {"type": "FixedListOptionsProvider", "values": values}
        if field.queue:
            row |= {"type": "local", "queue": self.queue(field.queue)}
        return row

    def fields_of(self, project: Project) -> list[Field]:
        """The local fields of a queue."""
        found = (self.field(attached.field) for attached in project.fields)
        return [field for field in found if field.queue is project]

    def global_fields(self) -> list[Field]:
        system = {row[0] for row in SYSTEM_FIELDS}
        found = (self.field(custom) for custom in self.tracker.custom_fields if custom.instances)
        return [field for field in found if field.queue is None and field.id not in system]

    # --- boards --------------------------------------------------------------------------------

    def boards(self) -> list[Board | CustomField]:
        """The company's boards; a field whose values are sprints is told as a board of them."""
        synced = {board.sync_field for board in self.tracker.boards}
        fields = [
            custom
            for custom, field in self.fields.items()
            if field.id == "sprint" and custom not in synced and custom.instances
        ]
        return [board for board in self.tracker.boards if not board.hidden] + fields

    def board_id(self, board: Board | CustomField) -> int:
        return number(board) + (FIELD_BOARDS if isinstance(board, CustomField) else 0)

    def board_row(self, board: Board | CustomField, language: str) -> Json:
        identity = self.board_id(board)
        is_field = isinstance(board, CustomField)
        projects = (
            [attached.project for attached in board.instances] if is_field else board.projects
        )
        filters: Json = {"queue": [queue_key(project) for project in projects]}
        row: Json = {
            "self": self.link("boards", identity), "id": identity, "version": 1,
            "name": board.name, "columns": self.columns(board, language), "filter": filters,
            "orderBy": "updated", "orderAsc": False, "useRanking": False,
            "country": {"self": self.link("countries", 1), "id": "1", "display": "Россия"},
        }  # fmt: skip
        if not is_field and board.query:
            row["query"] = f"Queue: {', '.join(filters['queue'])}"
        return row

    def columns(self, board: Board | CustomField, language: str) -> list[Json]:
        if isinstance(board, CustomField):
            return []
        return [
            {
                "self": self.link("boards", self.board_id(board), "columns", place),
                "id": str(place), "display": column.attributes["presentation"],
            }
            for place, column in enumerate(board.columns, 1)
        ]  # fmt: skip

    def sprints_of(self, board: Board | CustomField) -> list[Sprint | Element]:
        if isinstance(board, CustomField):
            bundles = [attached.bundle for attached in board.instances]
            return [element for bundle in bundles for element in bundle.values]
        return [] if board.disable_sprints else list(board.sprints)

    def sprint_row(self, board: Board | CustomField, sprint: Sprint | Element) -> Json:
        """Versions have days alone; a sprint without dates keeps none, which Tracker forbids."""
        is_field = isinstance(sprint, Element)
        start, finish = (
            (sprint.start_date, sprint.release_date) if is_field else (sprint.start, sprint.finish)
        )
        identity, owner = self.sprint_id(sprint), self.tracker.users[2]
        created = min(start or self.tracker.now, self.tracker.now) - DAY
        row: Json = {
            "self": self.link("sprints", identity), "id": identity, "version": 1,
            "name": sprint.name,
            "board": {
                "self": self.link("boards", self.board_id(board)),
                "id": str(self.board_id(board)), "display": board.name,
            },
            "status": self.sprint_status(sprint, start, finish), "archived": sprint.archived,
            "createdBy": self.user(owner), "createdAt": moment(created),
        }  # fmt: skip
        for key, at in (("start", start), ("end", finish)):
            if at is not None:
                row[f"{key}Date"] = day(at)
                if not is_field:
                    row[f"{key}DateTime"] = moment(at)
        return row

    def sprint_status(self, sprint: Sprint | Element, start: int | None, finish: int | None) -> str:
        if sprint.archived:
            return "archived"
        if start is None or start > self.tracker.now:
            return "draft"
        return "in_progress" if finish is None or finish >= self.tracker.now else "released"


def uid_of(user: User) -> int:
    return 1_120_000_000_000_000 + number(user)
