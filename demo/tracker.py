"""The state of a simulated tracker, and every edit that a person or a workflow can make to it.

Each edit writes the activities that a real instance writes and moves `updated` where a real one
does: not for sprint assignment, nor for writes of workflows, nor for renames (youtrack-api.md §0
no. 9, §2.3). The generated company is told through the same edits, so that its history and its
present always agree.
"""

from __future__ import annotations

import functools
import threading
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from typing import Any, TypeVar

from demo.model import (
    ELEMENT_TYPES,
    FIELD_TYPES,
    Activity,
    Board,
    Bundle,
    Category,
    CustomField,
    Element,
    Entity,
    FieldType,
    FilterField,
    Group,
    Issue,
    IssueKey,
    Kind,
    Project,
    ProjectField,
    Simple,
    Sprint,
    User,
    UserBundle,
)

CREATED = Kind(
    "IssueCreatedActivityItem", Category("IssueCreatedCategory"), None,
    FilterField("created", "PredefinedFilterField", "created"),
)  # fmt: skip
RESOLVED = Kind(
    "IssueResolvedActivityItem", Category("IssueResolvedCategory"), "resolved",
    FilterField("resolved", "PredefinedFilterField", "resolved"),
)  # fmt: skip
PROJECT = Kind(
    "ProjectActivityItem", Category("ProjectCategory"), "project",
    FilterField("project", "PredefinedFilterField", "project"),
)  # fmt: skip
SUMMARY = Kind(
    "SimpleValueActivityItem", Category("SummaryCategory"), "summary",
    FilterField("summary", "PredefinedFilterField", "summary"),
)  # fmt: skip
# The filter field's `$type` is undeclared in the OpenAPI document; another connector's production
# code matches it by this name.
SPRINT = Kind(
    "SprintActivityItem", Category("SprintCategory"), None,
    FilterField("sprint", "BoardSprintFilterField", "sprint"),
)  # fmt: skip
FIELD_CATEGORY = Category("CustomFieldCategory")

Method = TypeVar("Method", bound=Callable[..., Any])


def edit(method: Method) -> Method:
    """An edit excludes the answering threads, and outdates what they have prepared."""

    @functools.wraps(method)
    def locked(self: Tracker, *arguments: Any, **named: Any) -> Any:
        with self.lock:
            self._before_edit()
            try:
                return method(self, *arguments, **named)
            finally:
                self.version += 1

    return locked  # type: ignore[return-value]


def rename(method: Method) -> Method:
    """A rename also outdates every prepared text that may hold the old name."""

    @functools.wraps(method)
    def locked(self: Tracker, *arguments: Any, **named: Any) -> Any:
        with self.lock:
            self._before_edit()
            try:
                return method(self, *arguments, **named)
            finally:
                self.version += 1
                self.catalogue_version += 1

    return locked  # type: ignore[return-value]


class Tracker:
    """Projects, boards, issues and their history at the moment `now` (epoch ms)."""

    def __init__(self, now: int) -> None:
        self.lock = threading.RLock()
        self.now = now
        self.version = 0
        self.catalogue_version = 0
        self.timezone = "UTC"
        self.build = "2026.1.12345"
        self.work_time: dict[str, Any] | None = {
            "minutesADay": 480, "daysAWeek": 5, "workDays": [1, 2, 3, 4, 5],
        }  # fmt: skip
        self.users: list[User] = []
        self.groups: list[Group] = []
        self.projects: list[Project] = []
        self.custom_fields: list[CustomField] = []
        self.boards: list[Board] = []
        self.issues: dict[str, Issue] = {}
        self.log: list[Activity] = []
        self.known_mismatches: dict[str, str] = {}
        # called before each edit: who holds a view of what was may keep it now
        self.watchers: list[Callable[[], None]] = []
        self._counters: dict[str, int] = defaultdict(int)
        self._serial = 0
        self._building = False
        self._feed: list[Activity] | None = None
        self._by_created: list[Issue] | None = None
        self._by_updated: list[Issue] | None = None
        self._synced: tuple[int, dict[Any, list[Issue]]] = (-1, {})
        self.system_user = self.add_user("workflow", "Workflow", None)
        self.token_user = self.add_user("reporting", "Reporting Service", None)

    def _before_edit(self) -> None:
        for watcher in self.watchers:
            watcher()

    # --- building blocks --------------------------------------------------------------------

    def _id(self, prefix: str) -> str:
        self._counters[prefix] += 1
        return f"{prefix}-{self._counters[prefix] - 1}"

    def add_user(self, login: str, full_name: str, email: str | None) -> User:
        user = User(self._id("1"), login, full_name, email)
        self.users.append(user)
        return user

    def add_group(self, name: str, type_name: str = "UserGroup") -> Group:
        group = Group(self._id("3"), name, type_name=type_name)
        self.groups.append(group)
        return group

    def add_project(self, short_name: str, name: str, leader: User) -> Project:
        project = Project(self._id("0"), short_name, name, leader)
        self.projects.append(project)
        return project

    def add_custom_field(
        self, name: str, field_type: str, localized: str | None = None, number: int | None = None
    ) -> CustomField:
        identity = self._id("58")
        number = int(identity.split("-")[1]) + 20 if number is None else number
        member = f"__CUSTOM_FIELD__{name}_{number}"
        field = CustomField(identity, number, name, localized, FieldType(field_type), member)
        field.filter_field = FilterField(member, "CustomFilterField", custom_field=field)
        item = "TextCustomFieldActivityItem" if field_type == "text" else "CustomFieldActivityItem"
        field.kind = Kind(item, FIELD_CATEGORY, member, field.filter_field, field)
        self.custom_fields.append(field)
        return field

    @rename
    def attach(
        self, project: Project, field: CustomField, values: Iterable[Any] = (), *,
        role: str | None = None, default: str | None = None, can_be_empty: bool = True,
        state_machine: bool = False, empty: Any = None,
        condition: tuple[ProjectField, frozenset[Element]] | None = None,
        bundle: Bundle | None = None,
    ) -> ProjectField:  # fmt: skip
        """Give `project` the field; `values` are names or dicts of element attributes."""
        issue_type, project_type = FIELD_TYPES[field.field_type.id]
        if state_machine:
            issue_type = "StateMachineIssueCustomField"
        own: Bundle | UserBundle | None = bundle
        kind = field.field_type.value_type
        if kind == "user":
            own = UserBundle(self._id("126"), list(values))
        elif kind in ELEMENT_TYPES and bundle is None:
            own = Bundle(self._id("112"), ELEMENT_TYPES[kind][0])
            for value in values:
                self.add_element(own, **(value if isinstance(value, dict) else {"name": value}))
        attached = ProjectField(
            self._id("92"), project_type, issue_type, field, project, len(project.fields), own,
            can_be_empty=can_be_empty, empty_text=f"No {field.name.lower()}", condition=condition,
            empty=() if field.field_type.is_multi_value else empty,
        )  # fmt: skip
        if default is not None:
            attached.default = attached.element(default)
        project.fields.append(attached)
        project.by_custom_field[field] = attached
        field.instances.append(attached)
        if role:
            project.roles[role] = attached
        return attached

    def add_element(self, bundle: Bundle, name: str, **attributes: Any) -> Element:
        kind = bundle.type_name.removesuffix("Bundle").lower()
        kind = "ownedField" if kind == "owned" else kind
        _, type_name, prefix = ELEMENT_TYPES[kind]
        identity = attributes.pop("id", None) or self._id(prefix)
        element = Element(identity, name, type_name, bundle, len(bundle.values), **attributes)
        bundle.values.append(element)
        return element

    def add_board(
        self, name: str, projects: list[Project], *, is_explicit: bool = True, **options: Any
    ) -> Board:
        state = projects[0].roles["state"]
        board = Board(
            self._id("120"), name, self.users[2], projects, is_explicit, state.field, **options
        )
        if isinstance(state.bundle, Bundle):
            board.columns = [
                self._column(board, position, element)
                for position, element in enumerate(state.bundle.values)
            ]
        self.boards.append(board)
        return board

    def _column(self, board: Board, position: int, element: Element) -> Simple:
        value = Simple(
            "AgileColumnFieldValue",
            {"id": self._id("122"), "name": element.name, "isResolved": element.is_resolved},
        )
        return Simple(
            "AgileColumn",
            {
                "id": self._id("123"), "presentation": element.name, "ordinal": position,
                "isResolved": element.is_resolved, "fieldValues": (value,), "wipLimit": None,
            },
        )  # fmt: skip

    def add_sprint(
        self, board: Board, name: str, start: int | None, finish: int | None, **options: Any
    ) -> Sprint:
        sprint = Sprint(self._id("121"), board, name, start, finish, **options)
        board.sprints.append(sprint)
        return sprint

    # --- what the server reads (call with the lock held) ------------------------------------

    def issues_by_created(self) -> list[Issue]:
        if self._by_created is None:
            seen = [issue for issue in self.issues.values() if issue.is_visible]
            self._by_created = sorted(seen, key=lambda issue: (issue.created, issue.key))
        return self._by_created

    def issues_by_updated(self) -> list[Issue]:
        if self._by_updated is None:
            self._by_updated = sorted(
                self.issues_by_created(), key=lambda issue: (issue.updated, issue.key)
            )
        return self._by_updated

    def feed(self) -> list[Activity]:
        """The activities of visible issues in the order (timestamp, id)."""
        if self._feed is None:
            hidden = any(not issue.is_visible for issue in self.issues.values())
            self._feed = [a for a in self.log if a.issue.is_visible] if hidden else self.log
        return self._feed

    def feed_between(self, start: int | None, end: int | None) -> Sequence[Activity]:
        """Activities from `start` to `end`, both inclusive ([?] in youtrack-api.md §7)."""
        feed = self.feed()
        low = 0 if start is None else bisect_left(feed, start, key=lambda a: a.timestamp)
        high = len(feed)
        if end is not None:
            high = bisect_right(feed, end, key=lambda a: a.timestamp)
        return feed if (low, high) == (0, len(feed)) else feed[low:high]

    def find(self, reference: str) -> Issue | None:
        """An issue by database id or readable id, whether visible or not."""
        if (issue := self.issues.get(reference)) is not None:
            return issue
        short, _, number = reference.rpartition("-")
        if not number.isdecimal():
            return None
        wanted = (short.upper(), int(number))
        return self._by_readable().get(wanted)

    def _by_readable(self) -> dict[tuple[str, int], Issue]:
        version, index = getattr(self, "_readable", (-1, {}))
        if version != self.version:
            index = {(i.project.short_name.upper(), i.number): i for i in self.issues.values()}
            self._readable = (self.version, index)
        return index

    def project(self, reference: str) -> Project | None:
        wanted = reference.casefold()
        for project in self.projects:
            if wanted in (project.id, project.short_name.casefold(), project.name.casefold()):
                return project
        return None

    def members(self, sprint: Sprint) -> list[Issue]:
        """The issues that the sprint shows now."""
        board = sprint.board
        if board.member_of is not None:
            return [issue for issue in self.issues_by_created() if board.member_of(issue)]
        if board.sync_field is not None:
            return self._members_by_version().get((board, sprint.name), [])
        return [
            issue
            for issue in sprint.members
            if issue.is_visible and issue.project in board.projects
        ]

    def _members_by_version(self) -> dict[Any, list[Issue]]:
        if self._synced[0] != self.version:
            index: dict[Any, list[Issue]] = defaultdict(list)
            synced = [board for board in self.boards if board.sync_field is not None]
            followed = [
                (board, attached)
                for board in synced
                for project in board.projects
                if (attached := project.by_custom_field.get(board.sync_field)) is not None
            ]
            for board, attached in followed:
                for issue in self.issues_by_created():
                    value = issue.values.get(attached)
                    for element in value if isinstance(value, tuple) else (value,):
                        if element is not None and issue.project is attached.project:
                            index[board, element.name].append(issue)
            self._synced = (self.version, index)
        return self._synced[1]

    def sprints_of(self, issue: Issue) -> list[Sprint]:
        """The sprints of all visible boards that now hold the issue."""
        found = [
            sprint
            for sprint in issue.sprints
            if not sprint.board.hidden and issue.project in sprint.board.projects
        ]
        for board in self.boards:
            if board.hidden or issue.project not in board.projects:
                continue
            if board.member_of is not None and board.member_of(issue):
                found.extend(board.sprints)
            elif board.sync_field is not None:
                attached = issue.project.by_custom_field.get(board.sync_field)
                value = issue.values.get(attached) if attached else None
                values = value if isinstance(value, tuple) else (value,)
                names = {element.name for element in values if element is not None}
                found.extend(sprint for sprint in board.sprints if sprint.name in names)
        return found

    # --- single changes, used by the edits below and by the generator ------------------------

    def _record(
        self, issue: Issue, kind: Kind, at: int, author: User, added: Any, removed: Any
    ) -> Activity:
        self._serial += 1
        edit = 0 if self._building else self.version
        activity = Activity(at, self._serial, kind, issue, author, added, removed, edit=edit)
        issue.activities.append(activity)
        if self._building:
            return activity
        shared = self._feed is self.log
        if self.log and at < self.log[-1].timestamp:
            insort(self.log, activity, key=lambda a: (a.timestamp, a.serial))
            self._feed = self._feed if shared else None
        else:
            self.log.append(activity)
            if self._feed is not None and not shared and issue.is_visible:
                self._feed.append(activity)
        return activity

    def _touch(self, issue: Issue, at: int, author: User) -> None:
        if at > issue.updated:
            issue.updated = at
            self._by_updated = None
        issue.updater = author

    def _change(
        self, issue: Issue, attached: ProjectField, value: Any, at: int, author: User,
        bumps: bool = True,
    ) -> bool:  # fmt: skip
        """Set a field; False when it already has that value."""
        empty = value is None or value == ()
        old = issue.values.get(attached)
        if old is value or (empty and old is None) or (not empty and old == value):
            return False
        if empty:
            del issue.values[attached]
        else:
            issue.values[attached] = value
        added, removed = value, old
        if attached.is_multi_value:
            new_values, old_values = value or (), old or ()
            added = tuple(element for element in new_values if element not in old_values)
            removed = tuple(element for element in old_values if element not in new_values)
        elif attached.is_object:
            added = () if empty else (value,)
            removed = () if old is None else (old,)
        self._record(issue, attached.field.kind, at, author, added, removed)
        if attached is issue.project.roles.get("state"):
            self._resolution(issue, old, value, at, author)
        if bumps:
            self._touch(issue, at, author)
        return True

    def _resolution(
        self, issue: Issue, old: Element | None, new: Element | None, at: int, author: User
    ) -> None:
        was = old is not None and old.is_resolved
        resolved = new is not None and new.is_resolved
        if resolved and not was:
            issue.resolved = at
            self._record(issue, RESOLVED, at, author, at, None)
        elif was and not resolved:
            self._record(issue, RESOLVED, at, author, None, issue.resolved)
            issue.resolved = None

    @staticmethod
    def _comment(issue: Issue, at: int) -> None:
        before = bisect_right(issue.activities, at, key=lambda activity: activity.timestamp)
        issue.comments.append((at, before))

    def _enter(self, issue: Issue, sprint: Sprint, at: int, author: User) -> bool:
        if sprint in issue.sprints:
            return False
        self._join(issue, sprint)
        self._record(issue, SPRINT, at, author, (sprint,), ())
        return True

    def _leave(self, issue: Issue, sprint: Sprint, at: int, author: User) -> bool:
        if sprint not in issue.sprints:
            return False
        self._part(issue, sprint)
        self._record(issue, SPRINT, at, author, (), (sprint,))
        return True

    def _swap(self, issue: Issue, old: Sprint, new: Sprint, at: int, author: User) -> bool:
        """Dragging a card to another sprint: one activity with both sides."""
        if old not in issue.sprints or new in issue.sprints:
            return False
        self._part(issue, old)
        self._join(issue, new)
        self._record(issue, SPRINT, at, author, (new,), (old,))
        return True

    @staticmethod
    def _join(issue: Issue, sprint: Sprint) -> None:
        issue.sprints += (sprint,)
        sprint.members[issue] = None

    @staticmethod
    def _part(issue: Issue, sprint: Sprint) -> None:
        issue.sprints = tuple(other for other in issue.sprints if other is not sprint)
        sprint.members.pop(issue, None)

    def _transfer(self, issue: Issue, project: Project, at: int, author: User) -> None:
        """Move to another project: a new number, and every bundle value swapped for its namesake.

        Equal names with other element ids are what the recorded IDEA moves show ("Submitted" to
        "Submitted"). A value without a namesake is lost, a required field gets its default.
        """
        for sprint in issue.sprints:
            if project not in sprint.board.projects:
                self._leave(issue, sprint, at, author)
        source, number, values = issue.project, issue.number, issue.values
        old_state = issue.state
        issue.project, issue.number, issue.values = project, project.next_number, {}
        project.next_number += 1
        key = IssueKey(project, issue.number)
        self._record(issue, PROJECT, at, author, key, IssueKey(source, number))
        for attached, value in values.items():
            self._carry_over(issue, attached, value, at, author)
        for attached in project.fields:
            if attached.default is not None and attached not in issue.values:
                issue.values[attached] = attached.default
                self._record(issue, attached.field.kind, at, author, (attached.default,), ())
        self._resolution(issue, old_state, issue.state, at, author)
        self._touch(issue, at, author)

    def _carry_over(
        self, issue: Issue, attached: ProjectField, value: Any, at: int, author: User
    ) -> None:
        target = issue.project.by_custom_field.get(attached.field)
        kept: Any = None
        if target is not None:
            kept = self._namesake(target, value) if isinstance(target.bundle, Bundle) else value
            if kept in (None, ()) and not target.can_be_empty:
                kept = self._stand_in(target, value)
        if kept not in (None, ()):
            issue.values[target] = kept
        if kept == value:
            return
        added, removed = kept, value
        if attached.is_multi_value:
            added = kept or ()
        elif attached.is_object:
            added, removed = (() if kept is None else (kept,)), (value,)
        self._record(issue, attached.field.kind, at, author, added, removed)

    @staticmethod
    def _stand_in(target: ProjectField, value: Any) -> Element | None:
        """For a required value without a namesake: a resolved issue stays resolved."""
        if isinstance(value, Element) and value.is_resolved:
            return next(element for element in target.bundle.values if element.is_resolved)
        return target.default

    @staticmethod
    def _namesake(target: ProjectField, value: Any) -> Any:
        if isinstance(value, tuple):
            found = (target.bundle.get(element.name) for element in value)
            return tuple(element for element in found if element is not None)
        return target.bundle.get(value.name)

    def _new_issue(
        self, project: Project, created: int, summary: str, author: User,
        values: dict[ProjectField, Any],
    ) -> Issue:  # fmt: skip
        self._counters["2"] += 1
        key = self._counters["2"]
        issue = Issue(
            f"2-{key}", key, project, project.next_number, summary, created, created, author,
            author, values=values,
        )  # fmt: skip
        project.next_number += 1
        self.issues[issue.id] = issue
        state = issue.state
        self._record(issue, CREATED, created, author, (), ())
        if state is not None and state.is_resolved:
            issue.resolved = created
        return issue

    # --- edits: what tests do to the company -------------------------------------------------

    def _of(self, issue: Issue | str) -> Issue:
        found = self.find(issue) if isinstance(issue, str) else issue
        if found is None:
            raise LookupError(f"no issue {issue!r}")
        return found

    def _coerce(self, attached: ProjectField, value: Any) -> Any:
        """Names and logins become the elements and users they name."""
        if isinstance(value, (list, tuple)):
            return tuple(self._coerce(attached, one) for one in value)
        if not isinstance(value, str) or isinstance(value, Entity) or not attached.is_object:
            return value
        if isinstance(attached.bundle, Bundle):
            return attached.element(value)
        if isinstance(attached.bundle, UserBundle):
            return next(user for user in self.users if user.login == value)
        return next(group for group in self.groups if group.name == value)

    @edit
    def advance(self, to: int | datetime | None = None, *, by: int = 0) -> int:
        """Let time pass, to a moment (epoch ms or aware datetime) or by so many ms."""
        if isinstance(to, datetime):
            to = int(to.astimezone(timezone.utc).timestamp() * 1000)
        moment = self.now + by if to is None else to
        if moment < self.now:
            raise ValueError("time does not run backwards")
        self.now = moment
        return moment

    @edit
    def create_issue(
        self, project: Project | str, summary: str = "New issue", *,
        sprint: Sprint | None = None, author: User | None = None, **roles: Any,
    ) -> Issue:  # fmt: skip
        """`roles` are initial values: state=, type=, team=, points=, assignee=."""
        home = self.project(project) if isinstance(project, str) else project
        if home is None:
            raise LookupError(f"no project {project!r}")
        author = author or self.users[2]
        values = {
            attached: attached.default for attached in home.fields if attached.default is not None
        }
        for role, value in roles.items():
            attached = home.roles[role]
            values[attached] = self._coerce(attached, value)
        values = {attached: value for attached, value in values.items() if value is not None}
        issue = self._new_issue(home, self.now, summary, author, values)
        self._by_created = self._by_updated = None
        if sprint is not None:
            self._enter(issue, sprint, self.now, author)
        return issue

    @edit
    def set_field(
        self, issue: Issue | str, field: str | ProjectField, value: Any, *,
        by_workflow: bool = False, author: User | None = None,
    ) -> bool:  # fmt: skip
        """Set a field by name; a workflow's write leaves `updated` alone."""
        issue = self._of(issue)
        attached = field
        if isinstance(field, str):
            attached = next((f for f in issue.project.fields if f.field.name == field), None)
        if attached is None:
            raise LookupError(f"{issue.project.short_name} has no field {field!r}")
        author = self.system_user if by_workflow else author or self.users[2]
        value = self._coerce(attached, value)
        return self._change(issue, attached, value, self.now, author, not by_workflow)

    def _set_role(self, issue: Issue | str, role: str, value: Any, **options: Any) -> bool:
        issue = self._of(issue)
        if role not in issue.project.roles:
            raise LookupError(f"{issue.project.short_name} has no {role} field")
        return self.set_field(issue, issue.project.roles[role], value, **options)

    def set_state(self, issue: Issue | str, state: str | Element, **options: Any) -> bool:
        return self._set_role(issue, "state", state, **options)

    def set_team(self, issue: Issue | str, team: str | None, **options: Any) -> bool:
        return self._set_role(issue, "team", team, **options)

    def set_type(self, issue: Issue | str, issue_type: str | None, **options: Any) -> bool:
        return self._set_role(issue, "type", issue_type, **options)

    def set_points(self, issue: Issue | str, points: float | None, **options: Any) -> bool:
        return self._set_role(issue, "points", points, **options)

    def states(self, project: Project, *, resolved: bool) -> list[Element]:
        attached = project.roles["state"]
        return [state for state in attached.bundle.values if state.is_resolved is resolved]

    def resolve(self, issue: Issue | str, state: str | Element | None = None) -> bool:
        issue = self._of(issue)
        return self.set_state(issue, state or self.states(issue.project, resolved=True)[0])

    def reopen(self, issue: Issue | str, state: str | Element | None = None) -> bool:
        issue = self._of(issue)
        return self.set_state(issue, state or self.states(issue.project, resolved=False)[0])

    @edit
    def edit_summary(self, issue: Issue | str, summary: str) -> None:
        """Bumps `updated` by a change of a category that nobody asks for."""
        issue, author = self._of(issue), self.users[2]
        self._record(issue, SUMMARY, self.now, author, summary, issue.summary)
        issue.summary = summary
        self._touch(issue, self.now, author)

    @edit
    def touch(self, issue: Issue | str) -> None:
        """Bump `updated` without any activity of the asked categories (a comment, a vote)."""
        issue = self._of(issue)
        self._comment(issue, self.now)
        self._touch(issue, self.now, self.users[2])

    @edit
    def move_issue(self, issue: Issue | str, project: Project | str) -> None:
        issue = self._of(issue)
        target = self.project(project) if isinstance(project, str) else project
        if target is None:
            raise LookupError(f"no project {project!r}")
        if target is not issue.project:
            self._transfer(issue, target, self.now, self.users[2])

    @edit
    def delete_issue(self, issue: Issue | str) -> None:
        """The issue and its activities vanish without a tombstone."""
        issue = self._of(issue)
        issue.deleted = True
        del self.issues[issue.id]
        for sprint in issue.sprints:
            sprint.members.pop(issue, None)
        self.log = [activity for activity in self.log if activity.issue is not issue]
        self._outdate()

    def _outdate(self) -> None:
        self._by_created = self._by_updated = self._feed = None

    @edit
    def hide_issue(self, issue: Issue | str, hidden: bool = True) -> None:
        """Restricted visibility: absent everywhere, with no `updated` bump when it comes back."""
        self._of(issue).hidden = hidden
        self._outdate()

    def unhide_issue(self, issue: Issue | str) -> None:
        self.hide_issue(issue, hidden=False)

    @edit
    def hide_project(self, project: Project | str, hidden: bool = True) -> None:
        """The token loses (or regains) its role in the project."""
        found = self.project(project) if isinstance(project, str) else project
        if found is None:
            raise LookupError(f"no project {project!r}")
        found.hidden = hidden
        self._outdate()

    def unhide_project(self, project: Project | str) -> None:
        self.hide_project(project, hidden=False)

    @edit
    def hide_board(self, board: Board, hidden: bool = True) -> None:
        board.hidden = hidden

    @edit
    def add_to_sprint(self, issue: Issue | str, sprint: Sprint) -> bool:
        """On a synced board by its version field, else by a card; never bumps `updated` then."""
        issue = self._of(issue)
        if sprint.board.sync_field is not None:
            attached = issue.project.by_custom_field[sprint.board.sync_field]
            version = attached.element(sprint.name)
            return self._change(issue, attached, version, self.now, self.users[2])
        return self._enter(issue, sprint, self.now, self.users[2])

    @edit
    def remove_from_sprint(self, issue: Issue | str, sprint: Sprint) -> bool:
        issue = self._of(issue)
        if sprint.board.sync_field is not None:
            attached = issue.project.by_custom_field[sprint.board.sync_field]
            version = issue.values.get(attached)
            if version is None or version.name != sprint.name:
                return False
            return self._change(issue, attached, None, self.now, self.users[2])
        return self._leave(issue, sprint, self.now, self.users[2])

    @edit
    def move_between_sprints(self, issue: Issue | str, old: Sprint, new: Sprint) -> bool:
        return self._swap(self._of(issue), old, new, self.now, self.users[2])

    @edit
    def plant_unknown_activity(
        self, issue: Issue | str, type_name: str = "CommentReactionActivityItem"
    ) -> Activity:
        """An activity whose `$type` no document declares, in a category that is asked for."""
        issue = self._of(issue)
        kind = Kind(type_name, FIELD_CATEGORY, None, None)
        return self._record(issue, kind, self.now, self.users[2], None, None)

    @rename
    def add_value(self, attached: ProjectField, name: str, **attributes: Any) -> Element:
        """An administrator adds a value to a bundle: a state, a team, a version."""
        return self.add_element(attached.bundle, name, **attributes)

    @rename
    def detach(self, attached: ProjectField) -> None:
        """An administrator takes a field off a project: its values vanish, its activities stay."""
        project = attached.project
        project.fields.remove(attached)
        del project.by_custom_field[attached.field]
        attached.field.instances.remove(attached)
        project.roles = {role: one for role, one in project.roles.items() if one is not attached}
        for issue in self.issues.values():
            issue.values.pop(attached, None)

    @rename
    def replace_field(self, project: Project, role: str, name: str) -> ProjectField:
        """A new field of the same type and with values of the same names takes its place."""
        old = project.roles[role]
        bundle = old.bundle
        values: list[Any] = []
        if isinstance(bundle, Bundle):
            values = [{"name": one.name, "is_resolved": one.is_resolved} for one in bundle.values]
        elif isinstance(bundle, UserBundle):
            values = bundle.users
        self.detach(old)
        custom_field = self.add_custom_field(name, old.field.field_type.id)
        return self.attach(project, custom_field, values, role=role)

    @rename
    def rename_element(self, element: Element, name: str) -> None:
        element.name = name

    def rename_state(self, project: Project | str, old: str, new: str) -> None:
        found = self.project(project) if isinstance(project, str) else project
        self.rename_element(found.roles["state"].element(old), new)

    @rename
    def rename_field(self, field: CustomField | str, name: str) -> None:
        if isinstance(field, str):
            field = next(one for one in self.custom_fields if one.name == field)
        field.name = name

    @rename
    def rename_sprint(self, sprint: Sprint, name: str) -> None:
        if sprint.version is not None:
            sprint.version.name = name
        sprint.own_name = name

    @rename
    def rename_board(self, board: Board, name: str) -> None:
        board.name = name

    @rename
    def take_off_board(self, board: Board, project: Project) -> None:
        """The board shows the project's cards no longer; no issue and no activity tells of it."""
        board.projects = [one for one in board.projects if one is not project]

    @rename
    def put_on_board(self, board: Board, project: Project) -> None:
        """The project's cards are shown again, in the sprints in which they were."""
        board.projects = [*board.projects, project]

    @rename
    def rename_user(self, user: User, login: str) -> None:
        user.login = login

    @rename
    def rename_project(
        self, project: Project, *, name: str | None = None, short_name: str | None = None
    ) -> None:
        """A new short name changes every readable id at once, and no `updated`."""
        project.name = name or project.name
        project.short_name = short_name or project.short_name

    @rename
    def set_sprint_dates(self, sprint: Sprint, start: int | None, finish: int | None) -> None:
        sprint.start, sprint.finish = start, finish

    @rename
    def archive_sprint(self, sprint: Sprint, archived: bool = True) -> None:
        sprint.archived = archived

    @rename
    def delete_sprint(self, sprint: Sprint) -> None:
        """Gone from its board and from its issues; old activities go on naming it."""
        sprint.deleted = True
        sprint.board.sprints.remove(sprint)
        for issue in list(sprint.members):
            self._part(issue, sprint)
            issue.deleted_sprints += (sprint,)

    @rename
    def mark_resolved_state(self, element: Element, is_resolved: bool) -> None:
        """An administrator changes the bundle; issues keep their `resolved` until edited."""
        element.is_resolved = is_resolved
