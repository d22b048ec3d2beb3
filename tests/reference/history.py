"""What changed when: single-valued fields, sets, resolutions, visits to states."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise

from .catalogue import Catalogue, as_list, is_number, project_id
from .moments import FOREVER, Interval, as_set, from_ms, id_key

UNKNOWN = object()


@dataclass(frozen=True)
class Change:
    """One activity on one field: what went and what came.

    `made` is the moment that the tracker gives; what is older than the issue (an import) counts at
    its creation, which `moment` says.
    """

    moment: int
    id: str
    removed: object
    added: object
    made: int = -1

    @property
    def order(self) -> int:
        """The moment by which changes of one issue follow each other."""
        return self.moment if self.made < 0 else self.made


KeyOf = Callable[[object], Hashable]


def identity(value: object) -> Hashable:
    """What makes a value the same value: its id, else its login or name, else itself."""
    if isinstance(value, list):
        return tuple(identity(one) for one in value)
    if isinstance(value, dict):
        return value.get("id") or value.get("login") or value.get("name")
    return value


def in_order(
    changes: Iterable[Change],
    keys: Iterable[KeyOf],
    first: object = UNKNOWN,
    last: object = UNKNOWN,
) -> list[Change]:
    """Changes of one field by moment, and within one millisecond by their chain.

    A chain: what one change removed, an earlier one had added; of several, the one that takes the
    smaller id, as a number, at every fork. `keys` are the ways in which two values may be the same,
    tried in turn; `first` and `last` are the values before and after all changes, where they are
    known.
    """
    by_moment = sorted(changes, key=lambda change: (change.order, id_key(change.id)))
    ordered: list[Change] = []
    groups = [list(group) for _, group in groupby(by_moment, key=lambda change: change.order)]
    for group in groups:
        if len(group) > 1:
            before = ordered[-1].added if ordered else first
            later = [] if ordered else groups[1:]
            group = _chain(group, before, later, last, list(keys))
        ordered += group
    return ordered


def _chain(
    group: list[Change],
    before: object,
    later: list[list[Change]],
    last: object,
    keys: list[KeyOf],
) -> list[Change]:
    """The changes of one moment, by the first sense of "the same value" that makes them a chain."""
    chain = group
    for key in keys:
        starts = _surplus(group, key)[:1]
        # a chain that returns to its beginning begins with the value that stood before, if known
        if not starts:
            starts = _next_start(later, last, key) if before is UNKNOWN else [key(before)]
        chain = _walk(group, starts, key)
        begins_well = not starts or key(chain[0].removed) == starts[0]
        if begins_well and all(key(one.added) == key(two.removed) for one, two in pairwise(chain)):
            break
    return chain


def _surplus(group: list[Change], key: KeyOf) -> list[Hashable]:
    """The values that are removed more often than added, by the ids of the changes."""
    balance = Counter(key(change.removed) for change in group)
    balance.subtract(key(change.added) for change in group)
    return [key(change.removed) for change in group if balance[key(change.removed)] > 0]


def _next_start(later: list[list[Change]], last: object, key: KeyOf) -> list[Hashable]:
    """The value before the first later moment that tells it, else the last value."""
    for group in later:
        starts = _surplus(group, key)
        if starts:
            return starts[:1]
    return [] if last is UNKNOWN else [key(last)]


def _walk(group: list[Change], starts: list[Hashable], key: KeyOf) -> list[Change]:
    """Every change, in one walk from the start if that is possible, else in several.

    A walk takes the smallest change that goes on from where it is. At its end it looks back for the
    last place with changes left, and makes a detour there.
    """
    exits: dict[Hashable, deque[Change]] = {}
    for change in group:
        exits.setdefault(key(change.removed), deque()).append(change)
    found: list[Change] = []
    for start in [*starts, *(key(change.removed) for change in group)]:
        walked: list[Change] = []
        behind: deque[Change] = deque()
        while True:
            here = key(walked[-1].added) if walked else start
            while exits.get(here):
                walked.append(exits[here].popleft())
                here = key(walked[-1].added)
            if not walked:
                break
            behind.appendleft(walked.pop())
        found += behind
    return found


class SingleValue:
    """The history of a field that holds one value at a time."""

    def __init__(self, changes: list[Change], present: object, keys: Iterable[KeyOf]) -> None:
        self.changes = in_order(changes, keys, last=present)
        self.present = present

    def at(self, moment: int) -> object:
        """The value after everything that happened up to a moment, that moment included."""
        value = self.changes[0].removed if self.changes else self.present
        for change in self.changes:
            if change.moment > moment:
                break
            value = change.added
        return value

    def spans(self, since: int) -> list[tuple[Interval, object]]:
        """Every value with the span in which it stood; the first one from `since`."""
        found = []
        value = self.changes[0].removed if self.changes else self.present
        start, recorded = since, False
        for change in self.changes:
            found.append((Interval(start, change.moment, recorded), value))
            start, recorded, value = change.moment, True, change.added
        found.append((Interval(start, FOREVER, recorded), value))
        return found


class ManyValues:
    """The history of a field that holds a set of values."""

    def __init__(self, changes: list[Change], present: object, key: KeyOf, since: int) -> None:
        self.present = present
        self.elements = {key(one): one for one in as_list(present)}
        self.present_keys = set(self.elements)
        # element key -> moments at which it came (+1) or went (-1)
        self.steps: dict[Hashable, list[tuple[int, int]]] = {one: [] for one in self.elements}
        for change in changes:
            removed = {key(one): one for one in as_list(change.removed)}
            added = {key(one): one for one in as_list(change.added)}
            self.elements = {**removed, **added, **self.elements}
            for one in removed.keys() - added.keys():
                self.steps.setdefault(one, []).append((change.order, -1))
            for one in added.keys() - removed.keys():
                self.steps.setdefault(one, []).append((change.order, 1))
        self.intervals = {
            one: presence(steps, since, one in self.present_keys)
            for one, steps in self.steps.items()
        }

    def at(self, moment: int) -> object:
        """The values after everything that happened up to a moment, that moment included."""
        return [
            self.elements[key]
            for key, intervals in self.intervals.items()
            if any(interval.holds(moment) for interval in intervals)
        ] or None


class TakenBack:
    """A set as it stood: the present one, with later changes taken back one by one."""

    def __init__(self, changes: list[Change], present: object, key: KeyOf) -> None:
        self.changes = sorted(changes, key=lambda change: change.moment, reverse=True)
        self.present = present
        self.key = key

    def at(self, moment: int) -> object:
        """The values after everything that happened up to a moment, that moment included."""
        held = {self.key(one): one for one in as_list(self.present)}
        later = [change for change in self.changes if change.moment > moment]
        for _, changes in groupby(later, key=lambda change: change.moment):
            # nothing tells the order within one millisecond: only what it came to counts
            balance: dict[Hashable, int] = {}
            elements = {}
            for change in changes:
                for side, step in ((change.removed, 1), (change.added, -1)):
                    for one in as_list(side):
                        elements[self.key(one)] = one
                        balance[self.key(one)] = balance.get(self.key(one), 0) + step
            for name, count in balance.items():
                if count > 0:
                    held.setdefault(name, elements[name])
                elif count < 0:
                    held.pop(name, None)
        return list(held.values()) or None


def what_changes_left(changes: list[Change], key: KeyOf) -> list[object]:
    """The set of a field that shows nothing now, as far as its own changes tell."""
    held: dict[Hashable, object] = {}
    ordered = sorted(changes, key=lambda change: change.order)
    for _, group in groupby(ordered, key=lambda change: change.order):
        balance: dict[Hashable, int] = {}
        elements: dict[Hashable, object] = {}
        for change in group:
            for side, step in ((change.removed, -1), (change.added, 1)):
                for one in as_list(side):
                    elements[key(one)] = one
                    balance[key(one)] = balance.get(key(one), 0) + step
        for name, count in balance.items():
            if count > 0:
                held[name] = elements[name]
            elif count < 0:
                held.pop(name, None)
    return list(held.values())


def presence(steps: list[tuple[int, int]], since: int, is_present: bool) -> list[Interval]:
    """When a thing was in a set, from its additions (+1) and removals (-1).

    Within one millisecond additions and removals take turns, whatever their ids. Where the first
    event takes the thing out, it was in since `since`, before which nothing counts. Without any
    event the present decides.
    """
    groups = [
        (moment, [step for _, step in group])
        for moment, group in groupby(sorted(steps, key=lambda one: one[0]), key=lambda one: one[0])
    ]
    inside = _was_inside(groups, is_present)
    start, recorded = (since, False) if inside else (0, True)
    found = []
    for moment, group in groups:
        balance = sum(group)
        ends_inside = balance >= 0 if inside else balance > 0
        if inside and not ends_inside:
            found.append(Interval(start, moment, recorded))
        if ends_inside and not inside:
            start, recorded = moment, True
        inside = ends_inside
    if inside:
        found.append(Interval(start, FOREVER, recorded))
    # what an import brought counts as made at the creation
    return as_set(Interval(max(one.start, since), one.end, one.is_recorded) for one in found)


def _was_inside(groups: list[tuple[int, list[int]]], is_present: bool) -> bool:
    """Whether the thing was in before the first event; an even exchange says nothing."""
    for _, group in groups:
        if sum(group) != 0:
            return sum(group) < 0
    return is_present


def resolutions(changes: list[Change], created: int, resolved: int | None) -> list[Interval]:
    """When an issue was resolved; an interval starts at the moment of its resolution.

    `added` and `removed` of these changes are milliseconds or None. The present `resolved` speaks
    where there is no history, and where it is later than everything that history holds.
    """
    ordered = in_order(changes, [identity], first=None)
    found: list[Interval] = []
    start: int | None = None
    if ordered and ordered[0].removed is not None:
        start = _resolution_moment(ordered[0].removed, created)
    for change in ordered:
        came = None if change.added is None else _resolution_moment(change.added, change.moment)
        if came is not None and change.moment <= created:
            came = change.moment
        if came is not None and came == start:
            continue
        if start is not None:
            found.append(Interval(start, change.moment if came is None else came))
        start = came
    latest = max((change.moment for change in ordered), default=None)
    if resolved is not None and (latest is None or resolved > latest) and resolved != start:
        if start is not None:
            found.append(Interval(start, resolved))
        start = resolved
    if start is not None:
        found.append(Interval(start, FOREVER))
    return [interval for interval in found if interval.start < interval.end]


def reopenings(changes: list[Change], created: int) -> int:
    """How often a resolution that stood for some time was taken back.

    A reopening that names a resolution of which nothing else is recorded takes that one back.
    """
    count, previous = 0, -FOREVER
    since: int | None = None
    for change in in_order(changes, [identity], first=None):
        if change.added is None:
            if since is None:
                since = max(_resolution_moment(change.removed, created), previous)
            count += since < change.moment
            since = None
        elif since is None:
            is_imported = change.moment <= created
            came = _resolution_moment(change.added, change.moment)
            since = max(change.moment if is_imported else came, previous)
        previous = change.moment
    return count


def _resolution_moment(value: object, otherwise: int) -> int:
    moment = from_ms(value) if is_number(value) else None  # type: ignore[arg-type]
    return otherwise if moment is None else moment


@dataclass(frozen=True)
class Visit:
    """A stay in one state; `left` is None while it lasts."""

    number: int
    state: str | None
    category: str
    entered: int
    left: int | None


class IssueHistory:
    """One issue and all that is recorded of its past."""

    def __init__(self, issue: dict, activities: list[dict], catalogue: Catalogue) -> None:
        self.issue = issue
        self.id: str = issue["id"]
        self.catalogue = catalogue
        self.created = from_ms(issue["created"]) or 0
        self.resolved_at = from_ms(issue["resolved"])
        self.project_id = project_id(issue["project"])
        self._fields: dict[str, list[Change]] = {}
        self._values: dict[str, SingleValue | ManyValues] = {}
        self._roles: dict[tuple[str | None, str], dict[str, list[Change]]] = {}
        self.sprint_changes: list[Change] = []
        moves: list[Change] = []
        resolved: list[Change] = []
        for activity in activities:
            category = activity["category_id"]
            if category == "CustomFieldCategory":
                key = catalogue.activity_field(activity)
                if key is not None:
                    self._fields.setdefault(key, []).append(read_change(activity, self.created))
            elif category == "SprintCategory":
                self.sprint_changes.append(read_change(activity, self.created))
            elif category == "ProjectCategory":
                moves.append(read_change(activity, self.created, unwrap=moved_project))
            elif category == "IssueResolvedCategory":
                resolved.append(read_change(activity, self.created))
        self.projects = SingleValue(moves, issue["project"], [identity])
        self.resolutions = resolutions(resolved, self.created, self.resolved_at)
        self.reopened_count = reopenings(resolved, self.created)

    def project_at(self, moment: int) -> str | None:
        """The id of the project that the issue was in."""
        return project_id(self.projects.at(moment))  # type: ignore[arg-type]

    def project_name_at(self, moment: int) -> str:
        """The short name of the project that the issue was in."""
        project = self.projects.at(moment)
        return self.catalogue.project_name(project_id(project), project)  # type: ignore[arg-type]

    def project_spans(self) -> list[tuple[Interval, str | None]]:
        """The projects that the issue was in, with their spans."""
        return [
            (span, project_id(project))  # type: ignore[arg-type]
            for span, project in self.projects.spans(self.created)
        ]

    def changes_of(self, key: str) -> list[Change]:
        """The changes of a field, as they came."""
        return self._fields.get(key, [])

    def values_of(self, key: str) -> SingleValue | ManyValues:
        """The history of a field."""
        if key not in self._values:
            changes = self.changes_of(key)
            present = self.catalogue.issue_value(self.issue, key)
            self._values[key] = (
                ManyValues(changes, present, identity, self.created)
                if self.catalogue.is_multi(key)
                else SingleValue(changes, present, [identity, self.catalogue.text])
            )
        return self._values[key]

    def role_at(self, role: str, moment: int) -> object:
        """The value of the field that played a role in the project of that moment."""
        project = self.project_at(moment)
        if project not in self.catalogue.fields:
            project = self.project_id
        return self._value_at(self.role_changes(project, role), project, role, moment)

    def role_changes(self, project: str | None, role: str) -> dict[str, list[Change]]:
        """The changes of each field that played a role in a project when they were made."""
        if (project, role) not in self._roles:
            self._roles[project, role] = {
                key: changes
                for key in self.catalogue.role_keys(project, role)
                if (
                    changes := [
                        change
                        for change in self.changes_of(key)
                        if self.catalogue.plays(project or "", role, key, change.order)
                    ]
                )
            }
        return self._roles[project, role]

    def _value_at(
        self, by_field: dict[str, list[Change]], project: str | None, role: str, moment: int
    ) -> object:
        """A role's value: that of the field that changed last, else of the first that ever did."""
        before = [
            (change.order, key)
            for key, changes in by_field.items()
            for change in changes
            if change.moment <= moment
        ]
        ahead = [(change.order, key) for key, changes in by_field.items() for change in changes]
        if not ahead:
            return self.catalogue.issue_value(self.issue, self.catalogue.role_field(project, role))
        _, key = max(before) if before else min(ahead)
        changes = by_field[key]
        present = self.catalogue.issue_value(self.issue, key)
        if any(self.catalogue.is_multi(one) for one in by_field):
            if key != self.catalogue.role_field(self.project_id, role):
                present = what_changes_left(changes, self.catalogue.name)
            return TakenBack(changes, present, self.catalogue.name).at(moment)
        if len(changes) == len(self.changes_of(key)):
            return self.values_of(key).at(moment)
        return SingleValue(changes, present, [identity, self.catalogue.text]).at(moment)

    def role_now(self, role: str) -> object:
        """The present value of the field that plays a role."""
        key = self.catalogue.role_field(self.project_id, role)
        return self.catalogue.issue_value(self.issue, key)

    def resolution_at(self, moment: int) -> int | None:
        """The moment of the resolution that stands at a moment."""
        standing = [one for one in self.resolutions if one.holds(moment)]
        return standing[-1].start if standing else None

    def is_cancelled_at(self, moment: int) -> bool:
        """Whether a resolution stands, in a state of category `cancelled`."""
        if self.resolution_at(moment) is None:
            return False
        state = self.role_at("state", moment)
        return self.catalogue.category(state, self.project_at(moment)) == "cancelled"

    def state_changes(self) -> list[Change]:
        """The changes of the state field, of each project that the issue was in, in order."""
        projects = {project for _, project in self.project_spans()} | {self.project_id}
        found = {
            change.id: change
            for project in projects
            for changes in self.role_changes(project, "state").values()
            for change in changes
        }
        changes = list(found.values())
        keys_of_value = [identity, self.catalogue.text]
        return in_order(changes, keys_of_value, last=self.role_now("state"))

    @cached_property
    def visits(self) -> list[Visit]:
        """The visits to states. A change between equal names is no change."""
        text = self.catalogue.text
        recorded = self.state_changes()
        changes = [change for change in recorded if text(change.removed) != text(change.added)]
        state = (changes or recorded)[0].removed if recorded else self.role_now("state")
        entered = self.created
        found = []
        for change in [*changes, None]:
            left = change.moment if change else None
            category = self.catalogue.category(state, self.project_at(entered))
            found.append(Visit(len(found) + 1, text(state), category, entered, left))
            if change:
                state, entered = change.added, change.moment
        return found

    def has_mismatch(self) -> bool:
        """Whether a replay ends elsewhere than in the present value.

        That of the state field, and of every role that a field played which was replaced since.
        """
        if self.visits[-1].state != self.catalogue.text(self.role_now("state")):
            return True
        return any(self._leads_elsewhere(role) for role in ("team", "type", "story_points"))

    def _leads_elsewhere(self, role: str) -> bool:
        projects = {project for _, project in self.project_spans()} | {self.project_id}
        present = {self.catalogue.role_field(project, role) for project in projects}
        by_field: dict[str, dict[str, Change]] = {}
        for project in projects:
            for key, changes in self.role_changes(project, role).items():
                by_field.setdefault(key, {}).update({change.id: change for change in changes})
        if by_field.keys() <= present:
            return False
        left = {key: list(changes.values()) for key, changes in by_field.items()}
        last = self._value_at(left, self.project_id, role, FOREVER)
        now = self.role_now(role)
        if role == "story_points":
            return self.catalogue.number(last) != self.catalogue.number(now)
        return self.catalogue.text(last) != self.catalogue.text(now)


def read_change(
    activity: dict, created: int, unwrap: Callable[[object], object] | None = None
) -> Change:
    """An activity with its values as one thing, a list of several, or None."""

    def value(side: object) -> object:
        things = [unwrap(one) if unwrap else one for one in as_list(side)]
        return things[0] if len(things) == 1 else things or None

    made = from_ms(activity["timestamp"]) or 0
    return Change(
        moment=max(made, created),
        made=made,
        id=activity["id"],
        removed=value(activity["removed"]),
        added=value(activity["added"]),
    )


def moved_project(key: object) -> object:
    """The project inside an issue key; the key's own id is not the project's."""
    return key.get("project", key) if isinstance(key, dict) else key
