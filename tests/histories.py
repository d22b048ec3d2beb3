"""Random trackers that love boundaries: raw tables for the models and the reference alike.

`draw(seed)` invents a small company with boards of every kind, a few hundred issues and their
histories. Moments are drawn from the sprints' own edges (start, finish, both graces, a millisecond
either side), several changes fall into one millisecond, and activity ids never tell their order.

    drawn = draw(seed)
    write_raw(connection, drawn.raw)          # schema raw, as a load leaves it
    write_seeds(connection, drawn.seeds)      # over the tables that `dbt seed` made
    # dbt build --exclude resource_type:seed --vars (drawn.variables, as_of: drawn.as_of)
    wanted = compute(read_raw(connection), drawn.definitions(), drawn.as_of)

What is drawn has one meaning by the contract; `Options(is_ambiguous=True)` adds what has not.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta, timezone
from functools import partial
from zoneinfo import ZoneInfo

from psycopg2 import extras, sql
from reference import TABLES, Definitions, Raw

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# 2026-06-01, a Monday, in milliseconds
JUNE = 1_780_272_000_000
UTC = timezone.utc  # noqa: UP017  (Python 3.10)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOADED = datetime(2026, 7, 3, 4, 0, tzinfo=UTC)

STATE, TEAM, TYPE, POINTS, LEAD_TIME, ASSIGNEE, SPRINTS, ITERATION = (
    "101-25",
    "101-9",
    "101-10",
    "101-11",
    "101-12",
    "101-30",
    "101-13",
    "101-14",
)
FIELD_NAMES = {
    STATE: "State",
    TEAM: "Team",
    TYPE: "Type",
    POINTS: "Story points",
    LEAD_TIME: "LeadTime",
    ASSIGNEE: "Assignee",
    SPRINTS: "Sprints",
    ITERATION: "Iteration",
}
FIELD_TYPES = {
    STATE: ("state[1]", "State"),
    TEAM: ("enum[*]", "MultiEnum"),
    TYPE: ("enum[1]", "SingleEnum"),
    POINTS: ("float", "Simple"),
    LEAD_TIME: ("period", "Period"),
    ASSIGNEE: ("user[1]", "SingleUser"),
    SPRINTS: ("version[*]", "MultiVersion"),
    ITERATION: ("version[1]", "SingleVersion"),
}
# What played the same roles before it was replaced, in trackers in which that happened.
OLD = {
    STATE: "101-925",
    TEAM: "101-909",
    TYPE: "101-910",
    POINTS: "101-911",
    ITERATION: "101-914",
}
# Beside the team field, and never the first of the names that are tried.
OTHER_TEAM = "101-88"
KIND_OF = {
    **{field_id: field_id for field_id in FIELD_NAMES},
    **{old: field_id for field_id, old in OLD.items()},
    OTHER_TEAM: TEAM,
}
# name, resolved by its bundle; the seed contradicts two of them and does not name the last two
STATES = (
    ("Open", False),
    ("In Progress", False),
    ("Waiting", False),
    ("Done", True),
    ("Duplicate", True),
    ("Verify", True),
    ("Parked", False),
    ("Analysis", False),
    ("Shipped", True),
)
TEAMS = ("Apollo", "Borealis", "Cygnus", "Support")
TYPES = ("Story", "Bug", "Task")
# the last two are no estimates
POINTS_DRAWN = (None, 0, 1, 2, 3.5, 5, 8, -3, 99_999_999_999)
USERS = {"1-2": "user-2", "1-10": "user-10"}

SEEDS = {
    "state_categories": [
        {"state": "open", "category": "todo"},
        {"state": "In Progress", "category": "in_progress"},
        {"state": "WAITING", "category": "waiting"},
        {"state": "Done", "category": "done"},
        {"state": "Duplicate", "category": "cancelled"},
        {"state": "Verify", "category": "in_progress"},
        {"state": "Parked", "category": "cancelled"},
    ],
    "lead_time_buckets": [
        {"label": "0-1", "from_day": "0", "to_day": "2", "position": "1"},
        {"label": "2-6", "from_day": "2", "to_day": "7", "position": "2"},
        {"label": "7-29", "from_day": "7", "to_day": "30", "position": "3"},
        {"label": "30+", "from_day": "30", "to_day": None, "position": "4"},
    ],
    "board_teams": [
        {"board_id": "108-10", "board": "Week", "team": "Weekly"},
        {"board_id": "108-2", "board": "Kanban", "team": "Cards"},
    ],
    "excluded_teams": [{"team": "Support"}],
}


@dataclass(frozen=True)
class Options:
    """How much to draw, and of what."""

    issues: int = 300
    actions: int = 9
    # rare shapes to which the contract gives no single meaning
    is_ambiguous: bool = False


@dataclass
class Drawn:
    """A tracker, and what is needed to compute its marts."""

    raw: Raw
    as_of: datetime
    seeds: dict[str, list[dict]]
    variables: dict[str, object]
    # (sprint id, issue id) -> [(moment in ms, member from then on)], from -infinity: not a member
    truth: dict[tuple[str, str], list[tuple[int, bool]]] = field(default_factory=dict)

    def definitions(self) -> Definitions:
        """The definitions that the variables and the seeds make."""
        return Definitions.from_vars(self.variables, self.seeds)


def draw(seed: int, options: Options | None = None) -> Drawn:
    """A random tracker; the same for the same seed and options."""
    return Tracker(random.Random(seed), options or Options()).draw()


@dataclass(frozen=True)
class SprintPlan:
    """A sprint before its members are known; moments in milliseconds."""

    id: str
    board_id: str
    name: str
    start: int | None
    finish: int | None
    is_archived: bool = False
    is_deleted: bool = False


@dataclass
class Person:
    """The present of one issue while its history is being drawn."""

    id: str
    number: int
    project: str
    created: int
    values: dict[str, str | float | tuple[str, ...] | None]
    sprints: set[str] = field(default_factory=set)
    pinned: set[str] = field(default_factory=set)
    versions: set[str] = field(default_factory=set)
    resolved: int | None = None
    # sprint -> the moment of its first activity
    recorded: dict[str, int] = field(default_factory=dict)
    # (field or sprint or "", moment): what has already changed when
    touched: set[tuple[str, int]] = field(default_factory=set)
    latest: int = 0
    # field that was replaced -> what the issue held in the old one
    left: dict[str, object] = field(default_factory=dict)
    # the sprint on whose edges this issue lives, if any
    aim: SprintPlan | None = None


# The moment after which nothing is known, and variations of it on the edges of the open sprint.
AS_OF_CHOICES = (
    JUNE + 24 * DAY + 9 * HOUR,
    JUNE + 14 * DAY,
    JUNE + 15 * DAY,
    JUNE + 28 * DAY - 1,
    JUNE + 28 * DAY,
    JUNE + 27 * DAY + 16 * HOUR,
)


class Tracker:
    """The company that is being drawn."""

    def __init__(self, rng: random.Random, options: Options) -> None:
        self.rng = rng
        self.options = options
        self.as_of = rng.choice(AS_OF_CHOICES) if rng.random() < 0.6 else AS_OF_CHOICES[0]
        self.planning_grace, self.closing_grace = rng.choice(((24, 24), (24, 24), (0, 0), (36, 12)))
        # in Cairo the clock is put forward at midnight, on 24 April 2026
        self.zone = rng.choice(("UTC", "Africa/Cairo", "Europe/Moscow", "America/New_York"))
        self.projects = {"0-2": "ALPHA", "0-10": "BETA"}
        self.outside = "0-7"
        self.plan_replacements()
        self.sprints = self.plan_sprints()
        self.by_board = defaultdict(list)
        for sprint in self.sprints:
            self.by_board[sprint.board_id].append(sprint)
        self.past = self.past_projects()
        self.moments = self.edges()
        # sprints that have begun, on boards whose activities tell of their members
        self.aims = [
            one
            for one in self.sprints
            if one.board_id in ("108-9", "108-10") and one.finish and one.start <= self.as_of
        ]
        self.activities: list[dict] = []
        self.truth: dict[tuple[str, str], list[tuple[int, bool]]] = defaultdict(list)
        self.people: list[Person] = []
        self.numbers: set[int] = set()
        self.missing: set[str] = set()

    # ---- the calendar ------------------------------------------------------------------------

    def plan_sprints(self) -> list[SprintPlan]:
        """Boards of every kind; ids that sort otherwise as text, names that occur twice."""
        plans = []
        for number in range(-3, 4):
            start = JUNE + number * 14 * DAY
            plans.append(
                SprintPlan(
                    id=f"109-{7 + number}",
                    board_id="108-9",
                    name=f"Sprint {max(number, -2)}",
                    start=start,
                    finish=start + 14 * DAY - 1,
                    is_archived=number < -2,
                )
            )
        for number in range(-3, 5):
            start = JUNE + number * 7 * DAY
            length = self.rng.choice((7 * DAY, 7 * DAY, 12 * HOUR, 10 * DAY))
            plans.append(
                SprintPlan(
                    id=f"110-{20 - number}",
                    board_id="108-10",
                    name=f"Sprint {number}" if number != 3 else "Week 3",
                    start=start,
                    finish=start + length - 1,
                )
            )
        for number in range(-1, 3):
            start = JUNE + number * 14 * DAY
            plans.append(
                SprintPlan(f"111-{5 + number}", "108-11", f"V{number}", start, start + 14 * DAY - 1)
            )
        plans += [
            SprintPlan("112-1", "108-12", "Gone", JUNE - 14 * DAY, JUNE - 1, is_deleted=True),
            SprintPlan("112-2", "108-9", "Gone 2", JUNE, JUNE + 7 * DAY - 1, is_deleted=True),
            SprintPlan("112-3", "108-9", "Backlog", None, None),
            SprintPlan("112-4", "108-9", "Backwards", JUNE + DAY, JUNE),
            SprintPlan("112-5", "108-2", "Kanban", JUNE, JUNE + 21 * DAY - 1),
            SprintPlan("112-6", "108-13", "Query", JUNE + 7 * DAY, JUNE + 21 * DAY - 1),
            SprintPlan("112-7", "108-10", "Instant", JUNE + 3 * DAY, JUNE + 3 * DAY),
        ]
        return plans

    def past_projects(self) -> dict[str, int]:
        """The projects that left the synced board, and when: some just as a sprint finished."""
        finishes = [one.finish + self.rng.choice((0, 1)) for one in self.by_board["108-11"]]
        left = self.rng.sample(list(self.projects), self.rng.choice((0, 1, 1)))
        return {one: min(self.rng.choice(finishes), self.as_of) for one in left}

    def is_on_board(self, project: str, sprint: SprintPlan) -> bool:
        """Whether the synced board had a project when a sprint finished, or has it still."""
        missed_at = self.past.get(project)
        return missed_at is None or sprint.finish < missed_at

    def plan_replacements(self) -> None:
        """Fields that another field replaced, with the moments of it, and what the runs saw."""
        rng = self.rng
        span = (JUNE - 10 * DAY, min(self.as_of, JUNE + 21 * DAY))
        self.replaced = {field_id: rng.randint(*span) for field_id in OLD if rng.random() < 0.25}
        # the last run that saw the old field, and the first that saw the new one
        self.seen = {
            field_id: (at - rng.randint(1, DAY), at + rng.randint(0, DAY))
            for field_id, at in self.replaced.items()
        }
        self.names = FIELD_NAMES | {old: FIELD_NAMES[new] for new, old in OLD.items()}
        self.names[OTHER_TEAM] = "Команда"
        if TEAM in self.replaced:
            self.names[rng.choice((TEAM, OLD[TEAM]))] = rng.choice(("Team", "Команда"))
        self.has_other_team = TEAM not in self.replaced and rng.random() < 0.5
        self.is_other_team_detached = rng.random() < 0.5

    def wire(self, field_id: str, at: int) -> str:
        """The field that played the role of a field at a moment."""
        return OLD[field_id] if at < self.replaced.get(field_id, 0) else field_id

    def leave_fields(self, person: Person, at: int) -> None:
        """Of fields that were replaced up to a moment, an issue shows nothing any more."""
        for field_id, moment in self.replaced.items():
            if person.created < moment <= at and field_id not in person.left:
                person.left[field_id] = person.values[field_id]
                person.values[field_id] = () if field_id == TEAM else None
                person.recorded.pop(field_id, None)

    def edges(self) -> list[int]:
        """The moments that rules speak of, and those beside them."""
        found = [self.as_of, *self.replaced.values()]
        for first, last in ITERATIONS.values():
            for noon, days in ((first, 0), (last, 1)):
                if noon is not None:
                    found.append(self.midnight(noon, days))
                    found.append(self.midnight(noon, days) - 1)
        for sprint in self.sprints:
            found += self.edges_of(sprint)
        return sorted({edge + beside for edge in found for beside in (-1, 0, 1)})

    def edges_of(self, sprint: SprintPlan) -> list[int]:
        """The moments that the rules of one sprint speak of."""
        if sprint.start is None or sprint.finish is None:
            return []
        return [
            sprint.start,
            sprint.finish,
            min(sprint.start + self.planning_grace * HOUR, sprint.finish),
            sprint.finish - self.closing_grace * HOUR,
            min(sprint.finish, self.as_of),
        ]

    def midnight(self, noon: int, days: int) -> int:
        """The start of the day of a noon in UTC, or of a later day, in the reporting time zone."""
        day = (EPOCH + timedelta(milliseconds=noon)).date() + timedelta(days=days)
        start = datetime.combine(day, time(0), tzinfo=ZoneInfo(self.zone))
        return round(start.timestamp() * 1_000)

    def moment(self, after: int, aim: SprintPlan | None = None) -> int:
        """An edge, or any moment, from `after` to now; with an aim, mostly an edge of that."""
        pool = self.moments
        if aim and self.rng.random() < 0.8:
            pool = [one + self.rng.choice((-1, 0, 0, 1)) for one in self.edges_of(aim)]
        later = [one for one in pool if after <= one <= self.as_of]
        if later and self.rng.random() < 0.75:
            return self.rng.choice(later)
        return self.rng.randint(after, self.as_of) if after < self.as_of else after

    # ---- activities --------------------------------------------------------------------------

    def emit(
        self,
        person: Person,
        at: int,
        category: str,
        added: object,
        removed: object,
        field_id: str | None = None,
    ) -> None:
        """Write down that something changed."""
        kind = {
            "CustomFieldCategory": "CustomFieldActivityItem",
            "SprintCategory": "SprintActivityItem",
            "ProjectCategory": "ProjectActivityItem",
            "IssueResolvedCategory": "IssueResolvedActivityItem",
            "IssueCreatedCategory": "IssueCreatedActivityItem",
        }[category]
        person.touched |= {("", at), (field_id or category, at)}
        if field_id:
            field_id = self.wire(field_id, at)
        name = self.names.get(field_id or "")
        person.latest = max(person.latest, at)
        self.activities.append(
            {
                "id": self.activity_id(),
                "type": kind,
                "category_id": category,
                "timestamp": at,
                "issue_id": person.id,
                "field_id": field_id,
                "field_name": name,
                "target_member": f"__CUSTOM_FIELD__{name}_{field_id[4:]}" if field_id else None,
                "added": added,
                "removed": removed,
            }
        )

    def activity_id(self) -> str:
        """An id that tells nothing: neither as text nor as a number does it grow with time."""
        number = 0
        while not number or number in self.numbers:
            number = self.rng.randrange(1, 10 ** self.rng.randint(3, 9))
        self.numbers.add(number)
        return f"0-0.{self.rng.choice((9, 91))}-{number}"

    def may_circle(self, person: Person, sprint: str, at: int) -> bool:
        """Whether several changes in one millisecond have one order: where the first starts."""
        return person.recorded.get(sprint, at) < at

    def element(self, project: str, field_id: str, name: object) -> object:
        """A value as it is sent: each project has its own bundle, so the same name another id."""
        kind_of = KIND_OF[field_id]
        if name is None or kind_of == POINTS:
            return name
        if isinstance(name, tuple):
            return [self.element(project, field_id, one) for one in name]
        if field_id == ASSIGNEE:
            return {"id": name, "login": USERS[str(name)], "$type": "User"}
        shared = kind_of == ITERATION
        prefix = f"{field_id.split('-')[1]}{'' if shared else project.split('-')[1]}"
        number = bundle_names(field_id, self).index(name) + 1
        kind = {STATE: "State", SPRINTS: "Version", ITERATION: "Version"}.get(kind_of, "Enum")
        element = {"id": f"{prefix}-{number}", "name": name, "$type": f"{kind}BundleElement"}
        if kind_of == STATE:
            element["isResolved"] = dict(STATES)[str(name)]
            element["ordinal"] = number
        return element

    def array(self, project: str, field_id: str, name: object) -> object:
        """The same as a side of an activity: objects in an array, scalars bare."""
        element = self.element(project, field_id, name)
        if KIND_OF[field_id] == POINTS:
            return element
        if isinstance(element, list):
            return element or self.rng.choice(([], None))
        return [element] if element is not None else self.rng.choice(([], None))

    def change(self, person: Person, at: int, field_id: str, value: object) -> None:
        """Set a field; of one with several values the change names what came and what went."""
        old = person.values[field_id]
        came, went = value, old
        if isinstance(old, tuple) and isinstance(value, tuple):
            came = tuple(one for one in value if one not in old)
            went = tuple(one for one in old if one not in value)
        if came == went:
            return
        wired = self.wire(field_id, at)
        self.emit(
            person,
            at,
            "CustomFieldCategory",
            added=self.array(person.project, wired, came),
            removed=self.array(person.project, wired, went),
            field_id=field_id,
        )
        person.values[field_id] = value  # type: ignore[assignment]

    # ---- what may happen to an issue -----------------------------------------------------------

    def set_state(self, person: Person, at: int, state: str) -> None:
        """Move to a state; resolve or reopen with it."""
        if state == person.values[STATE]:
            return
        self.change(person, at, STATE, state)
        is_resolved = dict(STATES)[state]
        if is_resolved and person.resolved is None:
            self.emit(person, at, "IssueResolvedCategory", added=at, removed=None)
            person.resolved = at
        elif not is_resolved and person.resolved is not None:
            self.emit(person, at, "IssueResolvedCategory", added=None, removed=person.resolved)
            person.resolved = None

    def act_state(self, person: Person, at: int) -> None:
        """One to three states within one millisecond."""
        if (STATE, at) in person.touched:
            return
        steps = self.rng.choice((1, 1, 1, 2, 3))
        for _ in range(steps):
            self.set_state(person, at, self.rng.choice(STATES)[0])

    def act_finish(self, person: Person, at: int) -> None:
        """Done, and sometimes open again, so that most issues end somewhere."""
        if (STATE, at) in person.touched:
            return
        if person.resolved is None:
            self.set_state(person, at, self.rng.choice(("Done", "Done", "Shipped", "Duplicate")))
        elif self.rng.random() < 0.5:
            self.set_state(person, at, "Open")

    def act_value(self, person: Person, at: int) -> None:
        """Another team, type, estimate or assignee; sometimes there and back at once."""
        field_id = self.rng.choice((TEAM, TYPE, POINTS, ASSIGNEE))
        choices = {
            TEAM: [self.teams() for _ in TEAMS],
            TYPE: TYPES,
            POINTS: POINTS_DRAWN,
            ASSIGNEE: (*USERS, None),
        }[field_id]
        if (field_id, at) in person.touched:
            return
        steps = self.rng.choice((1, 1, 2))
        for _ in range(steps):
            self.change(person, at, field_id, self.rng.choice(choices))

    def teams(self) -> tuple[str, ...]:
        """Some teams at once, in any order; mostly one."""
        return tuple(self.rng.sample(TEAMS, self.rng.choice((0, 1, 1, 1, 2, 3))))

    def act_move(self, person: Person, at: int) -> None:
        """To the other project: equal names get other element ids, with an activity or without."""
        if ("", at) in person.touched:
            return
        old, new = person.project, next(one for one in self.projects if one != person.project)
        self.emit(
            person,
            at,
            "ProjectCategory",
            added=[self.issue_key(new)],
            removed=[self.issue_key(old)],
        )
        for field_id in (STATE, TEAM, TYPE):
            name = person.values[field_id]
            if name and self.rng.random() < 0.5:
                self.emit(
                    person,
                    at,
                    "CustomFieldCategory",
                    added=self.array(new, self.wire(field_id, at), name),
                    removed=self.array(old, self.wire(field_id, at), name),
                    field_id=field_id,
                )
        if person.versions and self.rng.random() < 0.5:
            self.emit(
                person,
                at,
                "CustomFieldCategory",
                added=[self.element(new, SPRINTS, one) for one in sorted(person.versions)],
                removed=[self.element(old, SPRINTS, one) for one in sorted(person.versions)],
                field_id=SPRINTS,
            )
        person.project = new
        self.note_versions(person, at)

    def issue_key(self, project: str) -> dict:
        """A side of a project change; its own id is not the project's."""
        return {
            "id": f"77-{self.rng.randint(1, 999)}",
            "project": {"id": project, "shortName": "OLD", "$type": "Project"},
            "numberInProject": self.rng.randint(1, 999),
            "$type": "IssueKey",
        }

    def act_sprint(self, person: Person, at: int) -> None:
        """Into a sprint, out of it, or on to another, on a board whose sprints are explicit."""
        board = self.rng.choice(("108-9", "108-9", "108-10", "108-12", "108-13"))
        free = self.beside(person.aim) if person.aim else self.by_board[board]
        # whether a sprint that finishes before it starts is a later one, nobody says
        free = [
            one
            for one in free
            if one.id not in person.pinned
            and (one.name != "Backwards" or self.options.is_ambiguous)
        ]
        inside = [one for one in free if one.id in person.sprints]
        outside = [one for one in free if one.id not in person.sprints]
        if inside and outside and self.rng.random() < 0.55:
            self.move_on(person, at, self.rng.choice(inside), self.rng.choice(outside))
        elif inside and self.rng.random() < 0.5:
            self.in_and_out(person, at, self.rng.choice(inside))
        elif outside:
            self.in_and_out(person, at, self.rng.choice(outside))

    def beside(self, sprint: SprintPlan) -> list[SprintPlan]:
        """A sprint with the one before and the one after it on its board."""
        row = sorted(
            (one for one in self.by_board[sprint.board_id] if one.start is not None),
            key=lambda one: one.start or 0,
        )
        position = row.index(sprint)
        return row[max(position - 1, 0) : position + 2]

    def in_and_out(self, person: Person, at: int, sprint: SprintPlan) -> None:
        """One step, or several in one millisecond."""
        if (sprint.id, at) in person.touched and not self.may_circle(person, sprint.id, at):
            return
        steps = self.rng.choice((1, 1, 1, 2, 3)) if self.may_circle(person, sprint.id, at) else 1
        for _ in range(steps):
            self.toggle(person, at, sprint)

    def move_on(self, person: Person, at: int, old: SprintPlan, new: SprintPlan) -> None:
        """From one sprint to another: in one activity, or in two up to about a minute apart."""
        for sprint in (old, new):
            if (sprint.id, at) in person.touched and not self.may_circle(person, sprint.id, at):
                return
        gap = self.rng.choice((0, 0, 1, MINUTE - 1, MINUTE, MINUTE + 1))
        if gap == 0 and self.rng.random() < 0.5:
            self.emit(
                person,
                at,
                "SprintCategory",
                added=[self.sprint_element(new)],
                removed=[self.sprint_element(old)],
            )
            self.note_sprint(person, at, old, False)
            self.note_sprint(person, at, new, True)
            return
        later = min(at + gap, self.as_of)
        first, second = (old, new) if self.rng.random() < 0.5 else (new, old)
        self.toggle(person, at, first)
        self.toggle(person, later, second)

    def toggle(self, person: Person, at: int, sprint: SprintPlan) -> None:
        """In if it was out, out if it was in."""
        comes = sprint.id not in person.sprints
        here, nothing = [self.sprint_element(sprint)], self.rng.choice(([], None))
        self.emit(
            person,
            at,
            "SprintCategory",
            added=here if comes else nothing,
            removed=nothing if comes else here,
        )
        self.note_sprint(person, at, sprint, comes)

    @staticmethod
    def sprint_element(sprint: SprintPlan) -> dict:
        """A sprint in an activity, under a name it had then."""
        return {
            "id": sprint.id,
            "name": f"{sprint.name} (old name)",
            "agile": {"id": sprint.board_id, "$type": "Agile"},
            "$type": "Sprint",
        }

    def note_sprint(self, person: Person, at: int, sprint: SprintPlan, comes: bool) -> None:
        """Remember what is true from now on."""
        (person.sprints.add if comes else person.sprints.discard)(sprint.id)
        person.recorded.setdefault(sprint.id, at)
        person.touched.add((sprint.id, at))
        self.truth[sprint.id, person.id].append((at, comes))

    def act_versions(self, person: Person, at: int) -> None:
        """Other values of the field that the synced board follows."""
        if (SPRINTS, at) in person.touched:
            return
        names = [one.name for one in self.by_board["108-11"]] + ["no sprint"]
        wanted = set(self.rng.sample(names, self.rng.choice((0, 1, 1, 1, 2))))
        came, went = sorted(wanted - person.versions), sorted(person.versions - wanted)
        if not came and not went:
            return
        self.emit(
            person,
            at,
            "CustomFieldCategory",
            added=[self.element(person.project, SPRINTS, one) for one in came],
            removed=[self.element(person.project, SPRINTS, one) for one in went],
            field_id=SPRINTS,
        )
        person.versions = wanted
        self.note_versions(person, at)

    def note_versions(self, person: Person, at: int) -> None:
        """Remember who is in the sprints of the synced board."""
        for sprint in self.by_board["108-11"]:
            inside = sprint.name in person.versions and self.is_on_board(person.project, sprint)
            self.truth[sprint.id, person.id].append((at, inside))

    def act_iteration(self, person: Person, at: int) -> None:
        """Another value of the version field that is its own sprint."""
        if (ITERATION, at) not in person.touched:
            self.change(person, at, ITERATION, self.rng.choice((None, *ITERATIONS)))

    # ---- an issue ----------------------------------------------------------------------------

    def live(self, number: int) -> Person:
        """One issue from its creation to now."""
        rng = self.rng
        earliest = JUNE - rng.choice((60, 20, 5)) * DAY
        created = self.moment(earliest) if rng.random() < 0.5 else earliest + rng.randrange(DAY)
        created = min(created, self.as_of)
        person = Person(
            id=f"2-{number}",
            number=number,
            project=rng.choice(list(self.projects)),
            created=created,
            values={
                STATE: rng.choice(("Open", "Open", "Analysis", "In Progress")),
                TEAM: self.teams(),
                TYPE: rng.choice(TYPES),
                POINTS: rng.choice(POINTS_DRAWN),
                ASSIGNEE: rng.choice((*USERS, None)),
                ITERATION: rng.choice((None, None, *ITERATIONS)),
            },
        )
        ahead = [one for one in self.aims if one.start > created]
        if ahead and rng.random() < 0.4:
            person.aim = rng.choice(ahead)
        self.begin(person)
        self.emit(person, created, "IssueCreatedCategory", added=[], removed=[])
        actions = (
            self.act_state,
            self.act_finish,
            self.act_finish,
            self.act_finish,
            self.act_value,
            self.act_value,
            self.act_sprint,
            self.act_sprint,
            self.act_sprint,
            self.act_versions,
            self.act_iteration,
            self.act_move,
        )
        person.latest = created
        if rng.random() < 0.04:
            self.import_resolved(person)
            self.leave_fields(person, self.as_of)
            return person
        if person.aim:
            actions = (*actions[:5], *(self.act_finish, self.act_sprint, self.act_sprint) * 3)
        count = rng.randint(0, self.options.actions)
        for at in sorted(self.moment(created, person.aim) for _ in range(count)):
            # now and then two things happen in the same millisecond
            self.leave_fields(person, at)
            if self.has_other_team and rng.random() < 0.1:
                self.note_other_team(person, at)
            for _ in range(rng.choice((1, 1, 1, 2))):
                if at >= person.latest and ("ProjectCategory", at) not in person.touched:
                    rng.choice(actions)(person, at)
        self.leave_fields(person, self.as_of)
        if rng.random() < 0.08:
            self.import_with_past(person)
        return person

    def import_with_past(self, person: Person) -> None:
        """Created by an import that brought some, or all, of its changes along."""
        person.created = self.rng.randint(person.created, person.latest)
        # who was in which sprint is no longer known without the rule that is to be tested
        for key in [key for key in self.truth if key[1] == person.id]:
            del self.truth[key]

    def import_resolved(self, person: Person) -> None:
        """Resolved before anything was recorded; some by a clock that ran ahead."""
        person.values[STATE] = self.rng.choice(("Done", "Duplicate", "Shipped"))
        person.resolved = self.moment(person.created - self.rng.choice((0, 0, DAY)))

    def note_other_team(self, person: Person, at: int) -> None:
        """Another value of a field that plays no role, though its name is one of those tried."""
        added = self.array(person.project, OTHER_TEAM, (self.rng.choice(TEAMS),))
        self.emit(person, at, "CustomFieldCategory", added, None, field_id=OTHER_TEAM)

    def begin(self, person: Person) -> None:
        """What an issue is in from its creation, without any activity that says so."""
        rng = self.rng
        if person.aim and rng.random() < 0.8:
            return
        for board in ("108-9", "108-10", "108-12", "108-13"):
            if rng.random() < 0.2:
                sprint = rng.choice(self.by_board[board])
                person.sprints.add(sprint.id)
                self.truth[sprint.id, person.id].append((person.created, True))
                if rng.random() < 0.5:
                    person.pinned.add(sprint.id)
        if rng.random() < 0.3:
            person.versions = {rng.choice(self.by_board["108-11"]).name}
        self.note_versions(person, person.created)

    # ---- the raw tables ----------------------------------------------------------------------

    def draw(self) -> Drawn:
        """The whole tracker."""
        count = self.options.issues
        start = self.rng.choice((1, 950))
        self.people = [self.live(start + offset) for offset in range(count)]
        self.missing = {one.id for one in self.people if self.rng.random() < 0.05}
        for person in self.people:
            for sprint in person.sprints - person.recorded.keys():
                if person.id in self.missing:
                    # no list and no activity tells of this membership any more
                    self.truth.pop((sprint, person.id), None)
        if self.options.is_ambiguous:
            self.add_gaps()
        self.rng.shuffle(self.activities)
        self.with_state_changes = {
            one["issue_id"]
            for one in self.activities
            if one["field_id"] == STATE and names_of(one["added"]) != names_of(one["removed"])
        }
        tables: Raw = {
            "projects": self.project_rows(),
            "custom_fields": self.custom_field_rows(),
            "users": [{"id": key, "login": login, "type": "User"} for key, login in USERS.items()],
            "work_time_settings": self.rng.choice(
                ([], [{"id": "1", "minutes_a_day": 450, "days_a_week": 5, "work_days": [1, 2]}])
            ),
            "issues": [self.issue_row(person) for person in self.people],
            "boards": self.board_rows(),
            "sprints": [self.sprint_row(sprint) for sprint in self.sprints],
            "activities": self.activities,
            "issue_census": self.census_rows(),
            "extract_runs": self.run_rows(),
        }
        tables["issues"].append(self.outsider())
        for table, rows in tables.items():
            for position, row in enumerate(rows):
                row.setdefault("loaded_at", LOADED)
                row["_dlt_load_id"] = "1"
                row["_dlt_id"] = f"{table}{position}"
        return Drawn(
            raw=tables,
            as_of=EPOCH + timedelta(milliseconds=self.as_of),
            seeds={
                **{name: [dict(row) for row in rows] for name, rows in SEEDS.items()},
                **self.work_calendar(),
            },
            variables={
                "timezone": self.zone,
                "sprint_field": "Iteration",
                "sprint_planning_grace_hours": self.planning_grace,
                "sprint_closing_grace_hours": self.closing_grace,
                # no var of its own: dbt reads the project anew for each set of them
                "forecast_sample_weeks": 12 if self.planning_grace else 5,
                "forecast_horizon_weeks": 13 if self.planning_grace else 3,
            },
            truth=dict(self.truth),
        )

    def work_calendar(self) -> dict[str, list[dict]]:
        """Hours that differ by weekday, and days on which they are others, or that are no work."""
        rng = self.rng

        def hours() -> dict[str, str]:
            opens, closes = rng.choice((("09:00", "18:00"), ("00:00", "24:00"), ("7:30", "12:45")))
            return {"opens_at": opens, "closes_at": closes}

        weekdays = rng.sample(range(1, 8), rng.randint(1, 7))
        days = []
        for offset in rng.sample(range(-60, 28), rng.choice((1, 5, 30))):
            own = rng.choice(({}, hours(), {"opens_at": "00:00"}, {"closes_at": "24:00"}))
            days.append(
                {
                    "date": moment_of(JUNE + offset * DAY).date().isoformat(),
                    "is_working": rng.choice(("true", "false")),
                    "opens_at": own.get("opens_at"),
                    "closes_at": own.get("closes_at"),
                    "name": None,
                }
            )
        return {
            "work_week": [{"weekday": str(weekday), **hours()} for weekday in weekdays],
            "work_calendar_days": days,
        }

    def add_gaps(self) -> None:
        """Lose some activities, and let some present lists contradict the history."""
        self.activities = [one for one in self.activities if self.rng.random() > 0.02]
        for person in self.people:
            if self.rng.random() < 0.03:
                person.sprints ^= {self.rng.choice(self.sprints).id}
            if self.rng.random() < 0.02:
                person.resolved = self.rng.choice((None, self.as_of - DAY))

    def project_rows(self) -> list[dict]:
        """The third project is out of scope."""
        names = {**self.projects, self.outside: "OUTSIDE"}
        return [
            {"id": key, "short_name": name, "name": name.title(), "archived": None}
            for key, name in names.items()
        ]

    def custom_field_rows(self) -> list[dict]:
        """Every field in every project."""
        rows = []
        for project in self.projects:
            for field_id, name in self.names.items():
                if not self.is_known(field_id):
                    continue
                names = bundle_names(field_id, self)
                values = [self.bundle_element(project, field_id, one) for one in names]
                has_default = KIND_OF[field_id] == STATE and project == "0-2"
                first_seen, last_seen = self.seen_of(field_id)
                rows.append(
                    {
                        "id": f"92-{project[2:]}{field_id[4:]}",
                        "project_id": project,
                        "type": f"{FIELD_TYPES[KIND_OF[field_id]][1]}ProjectCustomField",
                        "field": field_object(field_id, self.names),
                        "bundle": {"id": f"66-{field_id[4:]}", "values": values} if names else None,
                        # one project names its default, the other leaves it to the ordinals
                        "default_values": [{"id": values[7]["id"], "name": names[7]}]
                        if has_default
                        else self.rng.choice(([], None)),
                        "can_be_empty": True,
                        "empty_field_text": f"No {name}",
                        "ordinal": len(rows),
                        "first_seen_at": first_seen,
                        "seen_at": last_seen,
                    }
                )
        return rows

    def is_known(self, field_id: str) -> bool:
        """Whether the tracker ever had the field."""
        if field_id == OTHER_TEAM:
            return self.has_other_team
        return field_id not in OLD.values() or KIND_OF[field_id] in self.replaced

    def seen_of(self, field_id: str) -> tuple[datetime | None, datetime]:
        """When the runs first saw a field attached, if it came later, and when they saw it last."""
        if field_id == OTHER_TEAM and self.is_other_team_detached:
            return None, moment_of(JUNE + DAY)
        if field_id in self.seen:
            return moment_of(self.seen[field_id][1]), LOADED
        if field_id in OLD.values():
            return None, moment_of(self.seen[KIND_OF[field_id]][0])
        return None, LOADED

    def bundle_element(self, project: str, field_id: str, name: str) -> dict:
        """An element as the catalogue has it."""
        element = dict(self.element(project, field_id, name))  # type: ignore[call-overload]
        element.update(localizedName=None, archived=False)
        # in the project without a default, Analysis has the smallest ordinal of its bundle
        if KIND_OF[field_id] == STATE and name == "Analysis":
            element["ordinal"] = -1
        # the order of the teams is not that of their names
        if KIND_OF[field_id] == TEAM:
            element["ordinal"] = -TEAMS.index(name)
        if KIND_OF[field_id] == ITERATION:
            element["startDate"], element["releaseDate"] = ITERATIONS[name]
        return element

    def issue_row(self, person: Person) -> dict:
        """The issue as it shows today; some show a state that their history does not lead to."""
        present = dict(person.values)
        may_mismatch = person.id in self.with_state_changes and present[STATE] is not None
        if may_mismatch and self.rng.random() < 0.1:
            resolved = dict(STATES)[str(present[STATE])]
            present[STATE] = self.rng.choice([one for one, is_so in STATES if is_so == resolved])
        # not read since the field was replaced, because nothing has changed
        for field_id, value in person.left.items():
            if person.latest < self.replaced[field_id] and self.rng.random() < 0.5:
                del present[field_id]
                present[OLD[field_id]] = value  # type: ignore[assignment]
        entries = [
            self.entry(person, field_id, self.element(person.project, field_id, value))
            for field_id, value in present.items()
        ]
        versions = [self.element(person.project, SPRINTS, one) for one in sorted(person.versions)]
        entries.append(self.entry(person, SPRINTS, versions))
        lead_time = self.rng.choice(LEAD_TIMES)
        if lead_time != "absent":
            entries.append(self.entry(person, LEAD_TIME, lead_time))
        number = person.number
        return {
            "id": person.id,
            "id_readable": f"OLD-{number}",
            "number_in_project": number,
            "summary": self.rng.choice((None, f"Issue {number}")),
            "created": person.created,
            "updated": self.as_of,
            "resolved": person.resolved,
            "is_draft": False,
            "project": {"id": person.project, "shortName": "OLD", "$type": "Project"},
            "custom_fields": entries,
        }

    def entry(self, person: Person, field_id: str, value: object) -> dict:
        """A custom field of an issue."""
        return {
            "id": f"92-{person.project[2:]}{field_id[4:]}",
            "name": self.names[field_id],
            "$type": f"{FIELD_TYPES[KIND_OF[field_id]][1]}IssueCustomField",
            "projectCustomField": {
                "id": f"92-{person.project[2:]}{field_id[4:]}",
                "field": field_object(field_id, self.names),
            },
            "value": value,
        }

    def outsider(self) -> dict:
        """An issue of a project that is out of scope; a sprint lists it all the same."""
        stranger = replace(self.people[0], id="2-999999", project=self.outside)
        return {
            "id": stranger.id,
            "id_readable": "OUTSIDE-1",
            "number_in_project": 1,
            "summary": "Out of scope",
            "created": JUNE,
            "updated": JUNE,
            "resolved": JUNE + DAY,
            "is_draft": False,
            "project": {"id": self.outside, "shortName": "OUTSIDE", "$type": "Project"},
            "custom_fields": [],
        }

    def board_rows(self) -> list[dict]:
        """Explicit, explicit with a team, synced, deleted, without sprints, by query."""
        both = [{"id": key, "shortName": name} for key, name in self.projects.items()]
        explicit = {"isExplicit": True, "disableSprints": False, "cardOnSeveralSprints": True}
        implicit = {"isExplicit": False, "disableSprints": False, "explicitQuery": "Type: Story"}
        synced = {**implicit, "sprintSyncField": {"id": SPRINTS, "name": "Sprints"}}
        boards = {
            "108-9": ("Main", both, explicit),
            "108-10": ("Week", both, explicit),
            "108-11": ("Versions", [one for one in both if one["id"] not in self.past], synced),
            "108-12": ("Deleted", both, explicit),
            "108-2": ("Kanban", both, {**explicit, "disableSprints": True}),
            "108-13": ("Query", both, implicit),
        }
        return [
            {
                "id": key,
                "name": name,
                "projects": projects,
                "sprints_settings": settings,
                "past_projects": [
                    {"id": project, "missed_at": (EPOCH + timedelta(milliseconds=at)).isoformat()}
                    for project, at in (self.past if key == "108-11" else {}).items()
                ],
                "column_settings": {"field": {"id": STATE, "name": "State"}, "columns": []},
                "seen_at": LOADED - timedelta(days=9) if key == "108-12" else LOADED,
            }
            for key, (name, projects, settings) in boards.items()
        ]

    def sprint_row(self, sprint: SprintPlan) -> dict:
        """A sprint with those who are in it now; issues that are gone stay as last seen."""
        if sprint.board_id == "108-11":
            members = [
                one
                for one in self.people
                if sprint.name in one.versions and self.is_on_board(one.project, sprint)
            ]
        elif sprint.board_id == "108-2":
            members = self.people[::5]
        else:
            members = [one for one in self.people if sprint.id in one.sprints]
        listed = [{"id": one.id} for one in members]
        if sprint.id == "109-7":
            listed.append({"id": "2-999999"})
        return {
            "id": sprint.id,
            "board_id": sprint.board_id,
            "name": sprint.name,
            "start": sprint.start,
            "finish": sprint.finish,
            "archived": sprint.is_archived,
            "is_default": False,
            "issues": listed,
            "seen_at": LOADED - timedelta(days=9) if sprint.is_deleted else LOADED,
        }

    def census_rows(self) -> list[dict]:
        """Missing, missed once, and missed twice but loaded again since."""
        rows = []
        for person in self.people:
            chance = self.rng.random()
            if person.id in self.missing:
                missed, swept_at = 2, LOADED + timedelta(hours=1)
            elif chance < 0.05:
                missed, swept_at = 1, LOADED + timedelta(hours=1)
            elif chance < 0.1:
                missed, swept_at = 3, LOADED - timedelta(days=1)
            elif chance < 0.5:
                missed, swept_at = 0, LOADED + timedelta(hours=1)
            else:
                continue
            rows.append(
                {
                    "issue_id": person.id,
                    "project_id": person.project,
                    "missed_sweeps": missed,
                    "swept_at": swept_at,
                    "seen_at": None if missed else swept_at,
                }
            )
        return rows

    def run_rows(self) -> list[dict]:
        """A first run over everything, a second one over two projects."""
        scopes = (None, list(self.projects))
        return [
            {
                "run_id": f"run-{position}",
                "kind": "full",
                "source_url": "http://tracker.example",
                "scope": scope,
                "window_start": 0,
                "window_end": self.as_of,
                "counts": {},
                "started_at": LOADED + timedelta(minutes=position),
                "finished_at": LOADED + timedelta(minutes=position + 1),
            }
            for position, scope in enumerate(scopes)
        ]


NOON = 12 * HOUR
# values of the version field: first and last day, both at noon in UTC; two have no such days
ITERATIONS: dict[str, tuple[int | None, int | None]] = {
    "May": (JUNE - 28 * DAY + NOON, JUNE - 15 * DAY + NOON),
    "Early June": (JUNE + NOON, JUNE + 13 * DAY + NOON),
    "Late June": (JUNE + 14 * DAY + NOON, JUNE + 27 * DAY + NOON),
    "One day": (JUNE + 6 * DAY + NOON, JUNE + 6 * DAY + NOON),
    "Someday": (None, None),
    "Half": (JUNE + NOON, None),
}
LEAD_TIMES: tuple[object, ...] = (
    "absent",
    "absent",
    "absent",
    None,
    {"$type": "PeriodValue"},
    {"minutes": 2_400, "presentation": "5d", "id": "P5D", "$type": "PeriodValue"},
    {"minutes": 0, "presentation": "0m", "id": "P0D", "$type": "PeriodValue"},
    {"minutes": -60, "presentation": "-1h", "id": "P", "$type": "PeriodValue"},
    {"minutes": 2_147_483_647, "presentation": "?", "id": "P", "$type": "PeriodValue"},
    {"minutes": 30_001, "presentation": "62d", "id": "P62D", "$type": "PeriodValue"},
    {"minutes": 99_999_999_999, "presentation": "?", "id": "P", "$type": "PeriodValue"},
)


def bundle_names(field_id: str, tracker: Tracker) -> list[str]:
    """The values that a field may have."""
    return {
        STATE: [name for name, _ in STATES],
        TEAM: list(TEAMS),
        TYPE: list(TYPES),
        SPRINTS: [one.name for one in tracker.by_board["108-11"]] + ["no sprint"],
        ITERATION: list(ITERATIONS),
    }.get(KIND_OF[field_id], [])


def moment_of(milliseconds: int) -> datetime:
    """An aware datetime."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def field_object(field_id: str, names: dict[str, str]) -> dict:
    """A custom field of the instance."""
    identifier = FIELD_TYPES[KIND_OF[field_id]][0]
    return {
        "id": field_id,
        "name": names[field_id],
        "localizedName": None,
        "fieldType": {
            "id": identifier,
            "valueType": identifier.split("[")[0],
            "isMultiValue": identifier.endswith("[*]"),
        },
    }


def names_of(side: object) -> list:
    """The names on one side of an activity."""
    return [one["name"] for one in side] if isinstance(side, list) else []


def write_raw(connection, raw: Raw, schema: str = "raw") -> None:
    """Create the raw tables where they do not exist, and replace their rows."""
    dump = partial(json.dumps, ensure_ascii=False)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
        for table, columns in TABLES.items():
            name = sql.Identifier(schema, table)
            listed = sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind))
                for column, kind in columns.items()
            )
            cursor.execute(sql.SQL("create table if not exists {} ({})").format(name, listed))
            cursor.execute(sql.SQL("truncate {}").format(name))
            rows = [
                tuple(
                    extras.Json(row[column], dumps=dump)
                    if kind == "jsonb" and row.get(column) is not None
                    else row.get(column)
                    for column, kind in columns.items()
                )
                for row in raw[table]
            ]
            insert(cursor, name, list(columns), rows)
    if not connection.autocommit:
        connection.commit()


def write_seeds(connection, seeds: dict[str, list[dict]], schema: str = "seeds") -> None:
    """Replace the rows of the seed tables that `dbt seed` has made."""
    with connection.cursor() as cursor:
        for seed, rows in seeds.items():
            name = sql.Identifier(schema, seed)
            cursor.execute(sql.SQL("truncate {}").format(name))
            columns = list(rows[0]) if rows else []
            # as text without a type, so that each column's own type is taken
            query = sql.SQL("insert into {} ({}) values ({})").format(
                name,
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.SQL(", ").join(sql.Placeholder() * len(columns)),
            )
            for row in rows:
                cursor.execute(query, list(row.values()))
    if not connection.autocommit:
        connection.commit()


def insert(cursor, name: sql.Identifier, columns: list[str], rows: list[tuple]) -> None:
    """Insert rows a page at a time."""
    query = sql.SQL("insert into {} ({}) values %s").format(
        name, sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    if rows:
        extras.execute_values(cursor, query, rows, page_size=1000)
