"""The made-up company before its first issue: people, projects, fields, teams, boards, sprints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from demo.model import (
    DAY,
    EMPTY_PERIOD,
    HOUR,
    Board,
    Element,
    Project,
    ProjectField,
    Sprint,
    User,
)
from demo.tracker import Tracker

WEEKS = 104
TWO_WEEKS = 14 * DAY


@dataclass(frozen=True)
class Flow:
    """The states of a project by what they mean in the story."""

    open: Element
    progress: Element
    review: Element
    testing: Element | None
    waiting: Element
    done: tuple[Element, ...]
    cancelled: tuple[Element, ...]


@dataclass
class Span:
    """A sprint of a team: a sprint of its board, or a version value."""

    start: int
    finish: int
    sprint: Sprint | None = None
    version: Element | None = None


@dataclass
class Team:
    name: str
    project: Project
    users: list[User]
    share: float
    pace: float
    slip: float = 0.3
    phase: int = 0
    spans: list[Span] = field(default_factory=list)
    version_field: ProjectField | None = None

    def index(self, moment: int) -> int:
        return min(max((moment - self.spans[0].start) // TWO_WEEKS, 0), len(self.spans) - 1)


class Catalogue(Tracker):
    """Three projects, six teams and five boards, of every kind that an extractor meets."""

    def __init__(self, now: int, monday: int) -> None:
        """`monday`: the start of the week of `now`, to which every date is tied."""
        super().__init__(now)
        self.monday = monday
        self.beginning = monday - WEEKS * 7 * DAY
        self._building = True
        for number in range(1, 31):
            name = f"Имя Фамилия {number}" if number % 3 == 0 else f"Given Family {number}"
            mail = None if number % 7 == 0 else f"person{number}@mail.example"
            self.add_user(f"dev-{number:02d}", name, mail)
        self.users[5].banned = True
        for name in ("All Users", "Registered Users"):
            self.add_group(name)
        self.people = self.users[2:]
        leader = self.users[2]
        self.app = self.add_project("APP", "Customer App", leader)
        self.srv = self.add_project("SRV", "Server & <Platform>", leader)
        self.rus = self.add_project("ВИТ", "Витрина заказов", leader)
        for project in self.projects:
            self.add_group(f"{project.name} Team", "ProjectTeam")
        self._add_fields()
        self._add_russian_fields()
        self._add_every_type()
        self.flows = {project: self._flow(project) for project in self.projects}
        self._add_teams()
        self._add_boards()

    def _add_fields(self) -> None:
        """The stock fields, which two projects share with bundles of their own."""
        priority = self.add_custom_field("Priority", "enum[1]", "Приоритет")
        kind = self.add_custom_field("Type", "enum[1]", "Тип")
        state = self.add_custom_field("State", "state[1]", "Состояние")
        assignee = self.add_custom_field("Assignee", "user[1]", "Исполнитель")
        team = self.add_custom_field("Team", "enum[1]")
        self.points = self.add_custom_field("Story points", "float", "Оценка")
        lead_time = self.add_custom_field("LeadTime", "period")
        versions = self.add_custom_field("Fix versions", "version[*]", "Исправлено в версиях")
        estimation = self.add_custom_field("Estimation", "period", "Оценка времени")
        spent = self.add_custom_field("Spent time", "period", "Затраченное время")
        planned = self.add_custom_field("Sprint planned", "version[1]")
        due = self.add_custom_field("Due Date", "date", "Срок")
        self.shared = (priority, assignee, due)
        levels = ["Minor", "Normal", "Major", "Critical", "Show-stopper"]
        kinds = [
            {"name": "Story", "localized_name": "История"},
            {"name": "Bug", "localized_name": "Ошибка"},
            {"name": "Task", "localized_name": "Задача"},
            {"name": "Epic", "archived": True},
        ]
        app_states = [
            {"name": "Submitted", "localized_name": "Отправлена"},
            {"name": "Open", "localized_name": "Открыта"},
            {"name": "In Progress", "localized_name": "В работе"}, "Review", "Testing", "Blocked",
            {"name": "Done", "is_resolved": True}, {"name": "Fixed", "is_resolved": True},
            {"name": "Duplicate", "is_resolved": True}, {"name": "Won't fix", "is_resolved": True},
            {"name": "Obsolete", "is_resolved": True},
        ]  # fmt: skip
        srv_states = [
            "Open", "In Progress", "Review", "Wait for Reply",
            {"name": "Fixed", "is_resolved": True}, {"name": "Verified", "is_resolved": True},
            {"name": "Duplicate", "is_resolved": True}, {"name": "Won't fix", "is_resolved": True},
        ]  # fmt: skip
        for project, states, default, teams in (
            (self.app, app_states, "Submitted", ["Mobile", "Web"]),
            (self.srv, srv_states, "Open", ["Platform", "Rock'n'Data"]),
        ):
            self.attach(project, priority, levels, role="priority", default="Normal")
            self.attach(project, kind, kinds, role="type")
            self.attach(project, state, states, role="state", default=default, can_be_empty=False)
            self.attach(project, assignee, self.people, role="assignee")
            self.attach(project, team, teams, role="team")
            self.attach(project, self.points, role="points")
            self.attach(project, versions, ["1.0", "1.1", "2.0", "2.1"], role="versions")
            self.attach(project, due, role="due")
        self.attach(self.app, lead_time, role="lead_time")
        self.attach(self.app, estimation, role="estimation")
        self.attach(self.srv, spent, empty=EMPTY_PERIOD)
        self.attach(self.srv, planned, role="sprint")

    def _add_russian_fields(self) -> None:
        """A project with fields of its own, Russian names and a state machine."""
        priority, assignee, due = self.shared
        kind = self.add_custom_field("Тип", "enum[1]", "Тип задачи")
        state = self.add_custom_field("Состояние", "state[1]")
        team = self.add_custom_field("Команда", "enum[1]")
        sprint = self.add_custom_field("Спринт", "version[1]")
        levels = ["Низкий", "Обычный", "Высокий"]
        self.attach(self.rus, priority, levels, role="priority", default="Обычный")
        self.attach(self.rus, kind, ["История", "Ошибка", "Задача"], role="type")
        states = [
            "Новая", "В работе", "На проверке", "Тестирование", "Ожидание",
            {"name": "Готово", "is_resolved": True}, {"name": "Закрыта", "is_resolved": True},
            {"name": "Отменена", "is_resolved": True}, {"name": "Дубликат", "is_resolved": True},
        ]  # fmt: skip
        self.attach(
            self.rus, state, states, role="state", default="Новая", can_be_empty=False,
            state_machine=True,
        )  # fmt: skip
        self.attach(self.rus, assignee, self.people, role="assignee")
        self.attach(self.rus, team, ["Ядро", "Витрина"], role="team")
        self.attach(self.rus, self.points, role="points")
        self.attach(self.rus, sprint, role="sprint")
        self.attach(self.rus, due, role="due")

    def _add_every_type(self) -> None:
        """One field of every type; shown for tasks of one project, absent from other issues."""
        kind = self.srv.roles["type"]
        condition = (kind, frozenset({kind.element("Task")}))
        released = [
            {"name": "0.0.1", "release_date": self.beginning + DAY // 2, "released": True},
            {"name": "1.0.0", "archived": True}, {"name": "1.0.1"},
        ]  # fmt: skip
        builds = [
            {"name": f"build {n}", "assemble_date": self.beginning + n * DAY} for n in range(1, 4)
        ]
        owned = [{"name": "Migration", "owner": self.people[0]}, {"name": "Issue tracking"}]
        values: dict[str, Any] = {
            "enum": ["Ready to pull", "Blocked", "GitHub"], "user": self.people[:8], "group": (),
            "version": released, "build": builds, "ownedField": owned,
        }  # fmt: skip
        self.every_type: list[ProjectField] = []
        for value_type, elements in values.items():
            for arity, mark in (("Single", "1"), ("Multi", "*")):
                name = f"Custom {value_type} {arity}"
                custom = self.add_custom_field(name, f"{value_type}[{mark}]")
                self.every_type.append(self.attach(self.srv, custom, elements, condition=condition))
        for value_type in ("date", "date and time", "integer", "float", "string", "text", "period"):
            custom = self.add_custom_field(f"Custom {value_type}", value_type)
            self.every_type.append(self.attach(self.srv, custom, condition=condition))

    def _flow(self, project: Project) -> Flow:
        state = project.roles["state"]
        if project is self.rus:
            names: tuple[Any, ...] = (
                "Новая", "В работе", "На проверке", "Тестирование", "Ожидание",
                ("Готово", "Закрыта"), ("Отменена", "Дубликат"),
            )  # fmt: skip
        elif project is self.app:
            names = (
                "Submitted", "In Progress", "Review", "Testing", "Blocked", ("Done", "Fixed"),
                ("Duplicate", "Won't fix", "Obsolete"),
            )  # fmt: skip
        else:
            names = (
                "Open", "In Progress", "Review", None, "Wait for Reply", ("Fixed", "Verified"),
                ("Duplicate", "Won't fix"),
            )  # fmt: skip
        single = [name and state.element(name) for name in names[:5]]
        several = [tuple(state.element(name) for name in group) for group in names[5:]]
        return Flow(*single, *several)

    def _add_teams(self) -> None:
        people = iter(range(0, 28, 4))

        def team(name: str, project: Project, *habits: float, phase: int = 0) -> Team:
            first = next(people)
            return Team(name, project, self.people[first : first + 4], *habits, phase=phase)

        self.teams = [
            team("Mobile", self.app, 0.21, 1.0, 0.4),
            team("Web", self.app, 0.19, 0.8, 0.55, phase=7),
            team("Platform", self.srv, 0.17, 1.25, 0.45),
            team("Rock'n'Data", self.srv, 0.13, 1.1, 0.35, phase=7),
            team("Ядро", self.rus, 0.17, 0.9, 0.5),
            team("Витрина", self.rus, 0.13, 0.6),
        ]

    def _add_boards(self) -> None:
        mobile, web, platform, data, core, shop = self.teams
        for team, name in ((mobile, "Mobile"), (web, "Web"), (platform, "Platform board")):
            board = self.add_board(name, [team.project])
            self._add_sprints(team, board)
        self._add_oddities()
        planned = self.srv.roles["sprint"]
        for number, start, finish in self._periods(data):
            version = self.add_element(
                planned.bundle, f"Data {number}", start_date=start + DAY // 2,
                release_date=finish - DAY // 2 + 1, released=finish < self.now,
                archived=finish < self.now - 400 * DAY,
            )  # fmt: skip
            data.spans.append(Span(start, finish, version=version))
        data.version_field = planned
        self.add_element(planned.bundle, "Later")
        synced = self.rus.roles["sprint"]
        board = self.add_board(
            "Ядро", [self.rus], is_explicit=False, sync_field=synced.field, query="Команда: Ядро"
        )
        for number, start, finish in self._periods(core):
            version = self.add_element(synced.bundle, f"Спринт {number}")
            archived = finish < self.now - 300 * DAY
            self.add_sprint(board, "", start, finish, version=version, archived=archived)
            core.spans.append(Span(start, finish, version=version))
        core.version_field = synced
        kanban = self.add_board(
            "Витрина (канбан)", [self.rus], is_explicit=False, disable_sprints=True,
            query="Команда: Витрина #Unresolved",
        )  # fmt: skip
        self.add_sprint(kanban, "Витрина (канбан)", self.beginning, self.monday + 700 * DAY - 1)
        element = self.rus.roles["team"].element(shop.name)
        team_field = self.rus.roles["team"]
        kanban.member_of = lambda issue: (
            issue.resolved is None and issue.values.get(team_field) is element
        )

    def _periods(self, team: Team) -> list[tuple[int, int, int]]:
        """(number, start, finish) of sprints up to one or two future ones."""
        first = self.beginning - team.phase * DAY
        count = (self.monday - first) // TWO_WEEKS + 3
        starts = (first + number * TWO_WEEKS for number in range(count))
        return [(n + 1, start, start + TWO_WEEKS - 1) for n, start in enumerate(starts)]

    def _add_sprints(self, team: Team, board: Board) -> None:
        """The same names on several boards, on purpose; old ones are archived."""
        for number, start, finish in self._periods(team):
            archived = finish < self.now - 365 * DAY
            goal = f"Goal {number}" if number % 5 == 0 else None
            sprint = self.add_sprint(
                board, f"Sprint {number}", start, finish, archived=archived, goal=goal
            )
            team.spans.append(Span(start, finish, sprint))
        board.default_sprint = team.spans[team.index(self.now)].sprint

    def _add_oddities(self) -> None:
        """A sprint without dates, one that overlaps two others, two of one name on one board."""
        mobile, _, platform = self.boards
        self.add_sprint(mobile, "Someday", None, None)
        middle = self.beginning + 52 * 7 * DAY
        overlap = self.add_sprint(mobile, "Release week", middle - 5 * DAY, middle + 9 * DAY - 1)
        for weeks in (40, 80):
            start = self.beginning + weeks * 7 * DAY + 9 * HOUR
            self.add_sprint(platform, "Hardening", start, start + 6 * DAY)
        self.oddities = (mobile.sprints[-2], overlap, *platform.sprints[-2:])
