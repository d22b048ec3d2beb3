"""The changelog of an issue, from what the company remembers of it.

One edit is one entry; entries are only ever appended. A transition is dated one millisecond early
in `updatedAt`, its moment stands in `statusStartTime` (as in the documented sample); some statuses
change under `IssueUpdated`, without it. Fields with several values show all of them, before and
after.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from demo.model import Activity, CustomField, Element, Issue, Kind, User
from demo.tracker import CREATED, PROJECT, RESOLVED, SPRINT, SUMMARY
from demo.yandex_tracker.words import Field, Words, issue_key

STATUS, STARTED, RESOLUTION = Field("status"), Field("statusStartTime"), Field("resolution")
SPRINTS, QUEUE, KEY = Field("sprint"), Field("queue"), Field("key")
TITLE, FOLLOWERS = Field("summary"), Field("followers")


@dataclass
class Change:
    field: Field
    old: Any
    new: Any


@dataclass
class Entry:
    """One entry; `number` counts them, `changes` hold the company's own objects."""

    number: int
    updated: int
    author: User
    type: str
    changes: list[Change] = field(default_factory=list)

    def id_of(self, issue: Issue) -> str:
        """24 hex digits in the order of time: seconds, milliseconds, issue, number."""
        seconds, rest = divmod(self.updated, 1000)
        return f"{seconds:08x}{rest:03x}{issue.key:07x}{self.number:06x}"


@dataclass
class History:
    entries: list[Entry]
    status_started: int
    previous_status: Element | None
    aliases: list[str]
    followers: tuple[User, ...]

    @property
    def updated(self) -> int:
        return self.entries[-1].updated


class Teller:
    """Tells one issue's history from its first activity to its last."""

    def __init__(self, words: Words, issue: Issue) -> None:
        self.words = words
        self.issue = issue
        self.sets = self._first_sets()
        self.status = self._first_status()
        self.entries: list[Entry] = []
        self.status_started = issue.created
        self.previous: Element | None = None
        self.aliases: list[str] = []
        self.followers: tuple[User, ...] = ()

    def tell(self) -> History:
        comments, told = list(self.issue.comments), 0
        for group in self._groups():
            while comments and comments[0][1] <= told:
                self._comment(comments.pop(0)[0])
            self._entry(group)
            told += len(group)
        for at, _ in comments:
            self._comment(at)
        return History(
            self.entries, self.status_started, self.previous, self.aliases, self.followers
        )

    # --- what was there at the beginning ---------------------------------------------------------

    def _set_of(self, activity: Activity) -> Field | None:
        """The field with several values that an activity changes."""
        if activity.kind is SPRINT:
            return SPRINTS
        custom = activity.kind.custom_field
        if custom is None:
            return None
        found = self.words.field(custom)
        if found.id == "sprint":
            return SPRINTS
        return found if custom.field_type.is_multi_value else None

    def _members(self, values: Any) -> list[Any]:
        return [self.words.sprint(one) if isinstance(one, Element) else one for one in values or ()]

    def _first_sets(self) -> dict[Field, list[Any]]:
        """Values that leave before they come, and those of today that never came."""
        sets: dict[Field, list[Any]] = {}
        seen: dict[Field, list[Any]] = {}
        for activity in self.issue.activities:
            found = self._set_of(activity)
            if found is None:
                continue
            first, known = sets.setdefault(found, []), seen.setdefault(found, [])
            removed = self._members(activity.removed)
            first += [one for one in removed if one not in known]
            known += removed + self._members(activity.added)
        for found, values in self.present_sets().items():
            known = seen.setdefault(found, [])
            sets.setdefault(found, []).extend(one for one in values if one not in known)
        return sets

    def present_sets(self) -> dict[Field, list[Any]]:
        sets: dict[Field, list[Any]] = {SPRINTS: sprints_of(self.words, self.issue)}
        for attached, value in self.issue.values.items():
            found = self.words.field(attached.field)
            if found.id != "sprint" and attached.is_multi_value:
                sets[found] = self._members(value)
        return sets

    def _first_status(self) -> Element | None:
        for activity in self.issue.activities:
            if self._is_status(activity.kind.custom_field):
                return activity.removed[0] if activity.removed else None
        return self.issue.state

    def _is_status(self, custom: CustomField | None) -> bool:
        return custom is not None and self.words.field(custom).id == "status"

    # --- entries ---------------------------------------------------------------------------------

    def _groups(self) -> Iterator[list[Activity]]:
        """What one edit did; in the told story, what one person did to several fields at once."""
        commented = {after for _, after in self.issue.comments}
        group: list[Activity] = []
        for place, activity in enumerate(self.issue.activities):
            if group and (place in commented or not self._belongs(group, activity)):
                yield group
                group = []
            group.append(activity)
        if group:
            yield group

    def _belongs(self, group: Sequence[Activity], activity: Activity) -> bool:
        first = group[0]
        if CREATED in (first.kind, activity.kind):
            return False
        if (first.timestamp, first.author, first.edit) != (
            activity.timestamp, activity.author, activity.edit,
        ):  # fmt: skip
            return False
        if activity.edit or any(PROJECT in (one.kind, activity.kind) for one in group):
            return True
        kinds = [one.kind for one in group]
        return activity.kind not in kinds and self._is_of_transition(*kinds, activity.kind)

    def _is_of_transition(self, *kinds: Kind) -> bool:
        """A status, who takes it on, and what follows from it: one transition does all three."""
        fields = [kind.custom_field for kind in kinds if kind is not RESOLVED]
        return all(
            field is not None and self.words.field(field).id in ("status", "assignee")
            for field in fields
        )

    def _entry(self, group: Sequence[Activity]) -> None:
        first = group[0]
        if first.kind is CREATED:
            self._add(first, "IssueCreated", [Change(STATUS, None, self.status)], self._lateness())
            return
        changes: list[Change] = []
        for activity in group:
            self._merge(changes, self._change(activity))
        changes = [change for change in changes if change.old != change.new]
        self._follow(changes)
        kinds = {activity.kind for activity in group}
        if PROJECT in kinds:
            self._transition(changes, first.timestamp, is_exact=False)
            self._add(first, "IssueMoved", changes)
        elif any(change.field is STATUS for change in changes):
            # bulk changes and old workflows tell a status as any other field
            is_plain = (self.issue.key + len(self.entries)) % 7 == 0
            self._transition(changes, first.timestamp, is_exact=not is_plain)
            name = "IssueUpdated" if is_plain else "IssueWorkflow"
            self._add(first, name, changes, 0 if is_plain else -1)
        elif changes:
            self._add(first, "IssueUpdated", changes)
        elif any(kind.filter_field is None for kind in kinds):
            self._add(first, "IssueCommentReactionAdded", [])

    def _lateness(self) -> int:
        """The sample's entry comes 18 ms after its issue; none is later than what follows it.

        An edit's own would lie ahead of now.
        """
        told = [activity.timestamp for activity in self.issue.activities[:2] if not activity.edit]
        return min([18, *(at - told[0] for at in told[1:])]) if told else 0

    def _change(self, activity: Activity) -> list[Change]:
        if activity.kind is PROJECT:
            old, new = issue_key(activity.removed), issue_key(activity.added)
            self.aliases.append(old)
            queues = (activity.removed.project, activity.added.project)
            return [Change(QUEUE, *queues), Change(KEY, old, new)]
        if activity.kind is SUMMARY:
            return [Change(TITLE, activity.removed, activity.added)]
        found = self._set_of(activity)
        if found is not None:
            return [self._set_change(found, activity)]
        custom = activity.kind.custom_field
        if custom is None:
            return []
        is_object = "[" in custom.field_type.id
        old, new = activity.removed, activity.added
        if is_object:
            old, new = (side[0] if side else None for side in (old, new))
        return [Change(STATUS if self._is_status(custom) else self.words.field(custom), old, new)]

    def _set_change(self, found: Field, activity: Activity) -> Change:
        before = self.sets.setdefault(found, [])
        removed, added = self._members(activity.removed), self._members(activity.added)
        after = [one for one in before if one not in removed]
        after += [one for one in added if one not in after]
        self.sets[found] = after
        return Change(found, tuple(before), tuple(after))

    @staticmethod
    def _merge(changes: list[Change], more: list[Change]) -> None:
        """A field that one edit changes twice, as a move does, shows only where it ends."""
        for change in more:
            known = next((one for one in changes if one.field.id == change.field.id), None)
            if known is None:
                changes.append(change)
            else:
                known.new = change.new

    def _transition(self, changes: list[Change], at: int, *, is_exact: bool) -> None:
        """What goes with a status: its moment, and a resolution where it ends the work."""
        change = next((one for one in changes if one.field is STATUS), None)
        if change is None:
            return
        if is_exact:
            changes.insert(changes.index(change) + 1, Change(STARTED, self.status_started, at))
        old, new = (self.words.resolution_of(status) for status in (change.old, change.new))
        if old != new:
            changes.append(Change(RESOLUTION, old, new))
        self.previous, self.status, self.status_started = change.old, change.new, at

    def _follow(self, changes: list[Change]) -> None:
        """Some assignees become followers: people in histories, whom nobody may load."""
        new = next((one.new for one in changes if one.field.id == "assignee"), None)
        if new is not None and self.issue.key % 3 == 0 and new not in self.followers:
            before = self.followers
            self.followers = (*before, new)
            changes.append(Change(FOLLOWERS, before, self.followers))

    def _comment(self, at: int) -> None:
        author = self.words.tracker.users[2]
        self.entries.append(
            Entry(len(self.entries), max(at, self._last()), author, "IssueCommentAdded")
        )

    def _add(self, first: Activity, name: str, changes: list[Change], shift: int = 0) -> None:
        updated = max(first.timestamp + shift, self._last())
        self.entries.append(Entry(len(self.entries), updated, first.author, name, changes))

    def _last(self) -> int:
        return self.entries[-1].updated if self.entries else 0


def sprints_of(words: Words, issue: Issue) -> list[Any]:
    """The sprints that the issue's field holds, deleted ones too: a reference to them stays."""
    found: list[Any] = list(issue.sprints)
    for attached, value in issue.values.items():
        if words.field(attached.field).id == "sprint":
            values = value if isinstance(value, tuple) else (value,)
            found += [words.sprint(one) for one in values]
    return found + list(issue.deleted_sprints)
