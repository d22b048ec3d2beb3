"""A made-up company with two years of delivery history, told from a seed.

Three projects, six teams, and what real trackers hold: cancelled, reopened and moved issues,
issues without a team, empty values in every shape, hostile text, boards of all kinds, and a
handful of histories that do not lead to what their issues show (`Company.known_mismatches`).
The same seed, size and day give the same company; another day shifts it by whole weeks, and only
what happened before `now` is told.
"""

from __future__ import annotations

import gc
import math
import random
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

from demo.catalogue import TWO_WEEKS, Catalogue, Span, Team
from demo.model import (
    DAY,
    HOUR,
    MINUTE,
    Issue,
    Project,
    ProjectField,
    Sprint,
    User,
)
from demo.random_edits import RandomEdits
from demo.tracker import RESOLVED, SPRINT

HOSTILE = (
    "<script>alert('x')</script> in the title",
    "Quotes \"double\", 'single' and a back\\slash",
    "Emoji 🚀👩‍💻 and a flag 🇺🇳",
    "NUL\x00inside",
    "عنوان من اليمين إلى اليسار \u202eabc",
    "Ошибка при сохранении «ё» — тире",
    "line one\nline two\ttab",
    "'; drop table issues; --",
    "%s {{ jinja }} ${shell} \ud7ff",
    "",
)
WORDS = {
    False: (
        ("Fix", "Add", "Speed up", "Refactor", "Document", "Review", "Remove", "Support"),
        ("login", "search", "export", "billing page", "notifications", "cache", "import", "API"),
        ("on mobile", "for admins", "in reports", "after update", "under load", "for guests"),
    ),
    True: (
        ("Исправить", "Добавить", "Ускорить", "Переписать", "Описать", "Проверить", "Убрать"),
        ("вход", "поиск", "выгрузку", "оплату", "уведомления", "кэш", "импорт", "отчёт"),
        ("на мобильных", "для администраторов", "в отчётах", "после обновления", "под нагрузкой"),
    ),
}


Event = tuple[int, int, Callable[..., Any], tuple[Any, ...]]


class Company(Catalogue):
    """The tracker of the made-up company, as it stands at `now`."""

    def __init__(
        self, issues: int = 6000, seed: int = 1, today: date | str | None = None, *,
        now: int | None = None, activities_per_issue: float | None = None,
    ) -> None:  # fmt: skip
        if isinstance(today, str):
            today = date.fromisoformat(today)
        today = today or datetime.now(timezone.utc).date()
        midnight = datetime(today.year, today.month, today.day, tzinfo=timezone.utc)
        monday = midnight - timedelta(days=midnight.weekday())
        super().__init__(_ms(midnight) if now is None else now, _ms(monday))
        self.seed = seed
        self._rng = random.Random(seed)
        self._per_issue = activities_per_issue
        self._told = 0
        self._late: set[Issue] = set()
        self._building = True
        collecting = gc.isenabled()
        gc.disable()  # nothing that is built here is garbage; collecting costs half the time
        try:
            self._tell(issues)
            self._settle()
        finally:
            if collecting:
                gc.enable()
        self._building = False
        self._break_some()

    def random_edits(self, rng: random.Random, count: int, **options: Any) -> list[str]:
        """Make random edits and say which; options as of `demo.random_edits.RandomEdits`."""
        return RandomEdits(self, rng, **options).make(count)

    # --- the story ----------------------------------------------------------------------------

    def _tell(self, count: int) -> None:
        """Issues by creation time; the company grows, so later weeks hold more."""
        rng = self._rng
        length = self.now - self.beginning
        moments = sorted(
            self._office(self.beginning + int(length * rng.random() ** 0.8)) for _ in range(count)
        )
        shares = [team.share for team in self.teams]
        teams = rng.choices(self.teams, shares, k=count)
        for number, (created, team) in enumerate(zip(moments, teams, strict=True), 1):
            self._tell_issue(number, min(created, self.now), team)

    def _office(self, moment: int) -> int:
        """Moved to a working day and into office hours."""
        day, rest = divmod(moment - self.beginning, DAY)
        if day % 7 >= 5:
            day += 7 - day % 7
        return self.beginning + day * DAY + 8 * HOUR + rest * 11 // 24

    def _tell_issue(self, number: int, created: int, team: Team) -> None:
        rng, r = self._rng, self._rng.random
        kind = "Story" if (x := r()) < 0.42 else "Bug" if x < 0.76 else "Task"
        author = self.people[int(r() * 28)]
        issue = self._first_values(created, team, kind, author)
        days = math.exp(rng.gauss(0, 0.85)) * {"Story": 15, "Bug": 5, "Task": 9}[kind] * team.pace
        finished = self._office(created + int(days * DAY))
        finished = max(finished, created + 3 * MINUTE + int(r() * 2 * HOUR))
        if r() < 0.07:  # put right on the spot
            finished = created + int(r() ** 2 * 9 * HOUR) + 3 * MINUTE
        if r() < 0.04:
            finished = self.monday + 10_000 * DAY  # nobody will ever do it
        cancelled = r() < 0.09
        events = self._work(issue, team, created, finished, cancelled)
        is_quiet = r() < (0.3 if cancelled else 0.12)
        if not is_quiet and team.spans:
            events += self._sprints(issue, team, created, finished)
        if r() < 0.05:
            events += self._reopening(team, finished)
        events += self._small_changes(issue, team, created, finished)
        if self._per_issue is not None:
            events += self._padding(number, created, finished, events)
        events.sort(key=lambda event: event[:2])
        for moment, _, change, arguments in events:
            if moment > self.now:
                break
            change(issue, moment, *arguments)
        self._told += len(issue.activities)
        if r() < 0.25:  # comments and votes: a later `updated` without any activity of ours
            issue.updated = min(self.now, issue.updated + int(r() * 3 * DAY))
            self._comment(issue, issue.updated)

    def _first_values(self, created: int, team: Team, kind: str, author: User) -> Issue:
        r, roles = self._rng.random, team.project.roles
        russian = team.project is self.rus
        if russian:
            kind = {"Story": "История", "Bug": "Ошибка", "Task": "Задача"}[kind]
        values: dict[ProjectField, Any] = {
            roles["type"]: roles["type"].element(kind),
            roles["state"]: roles["state"].default,
            roles["priority"]: roles["priority"].default,
        }
        if r() < 0.02:
            del values[roles["type"]]
        if r() < 0.94:
            values[roles["team"]] = roles["team"].element(team.name)
        if r() < 0.4:
            values[roles["points"]] = self._estimate()
        if r() < 0.2:
            values[roles["assignee"]] = team.users[int(r() * 4)]
        if r() < 0.06:
            values[roles["due"]] = self.beginning + int(r() * 103) * 7 * DAY + DAY // 2
        if "versions" in roles and r() < 0.15:
            bundle = roles["versions"].bundle.values
            values[roles["versions"]] = tuple(bundle[int(r() * 2) : int(2 + r() * 2)])
        if "estimation" in roles and r() < 0.2:
            values[roles["estimation"]] = int(r() * 20) * 60 + 30
        if team.project is self.srv and kind == "Task":
            self._fill_every_type(values)
        words = WORDS[russian]
        text = " ".join(part[int(r() * len(part))] for part in words)
        if r() < 0.01:
            text = HOSTILE[int(r() * len(HOSTILE))]
        return self._new_issue(team.project, created, text, author, values)

    def _estimate(self) -> float:
        return (0.5, 1.0, 2.0, 3.0, 3.0, 5.0, 8.0)[int(self._rng.random() * 7)]

    def _fill_every_type(self, values: dict[ProjectField, Any]) -> None:
        """Half of them filled; the rest stay null, or [] where a field holds many."""
        for attached in self.every_type:
            if self._rng.random() < 0.5:
                values[attached] = self._any_value(attached)

    def _any_value(self, attached: ProjectField) -> Any:
        rng, field_type = self._rng, attached.field.field_type
        scalars: dict[str, tuple[Any, ...]] = {
            "date": (self.beginning + rng.randrange(700) * DAY + DAY // 2,),
            "date and time": (self.beginning + rng.randrange(700 * DAY),),
            "integer": (0, 7, -3, 2147483647),
            "float": (3.14159, 13.0, 0.0),
            "string": ("1234567890a", "", *HOSTILE[:4]),
            "text": ("Some *text*", HOSTILE[0]),
            "period": (510, 60, 2400),
        }
        if field_type.id in scalars:
            return rng.choice(scalars[field_type.id])
        pools = {"user": self.people[:8], "group": self.groups}
        pool = pools.get(field_type.value_type) or attached.bundle.values
        if field_type.is_multi_value:
            return tuple(rng.sample(pool, rng.randint(1, min(3, len(pool)))))
        return rng.choice(pool)

    def _work(
        self, issue: Issue, team: Team, created: int, finished: int, cancelled: bool
    ) -> list[Event]:
        """From the first state to the last, with the detours of real work."""
        r, flow = self._rng.random, self._state
        length = min(finished - created, 90 * DAY)
        started = created + int(length * r() * 0.6)
        events: list[Event] = []
        user = team.users[int(r() * 4)]
        if r() < 0.07 or (cancelled and r() < 0.6):
            return [(finished, 5, flow, ("cancelled" if cancelled else "done", r(), user))]
        if r() < 0.7:
            events.append((started, 0, self._assign, (user,)))
        events.append((started, 1, flow, ("progress", r(), user)))
        left = min(finished, started + 90 * DAY) - started
        if finished > self.now + 1000 * DAY and r() < 0.3:
            events.append((started + int(left * r()), 2, flow, ("waiting", r(), user)))
            return events
        if r() < 0.18:
            events.append((started + int(left * 0.2), 2, flow, ("waiting", r(), user)))
            events.append((started + int(left * 0.4), 2, flow, ("progress", r(), user)))
        if r() < 0.6:
            events.append((started + int(left * (0.5 + 0.3 * r())), 3, flow, ("review", r(), user)))
        if r() < 0.4:
            events.append(
                (started + int(left * (0.81 + 0.15 * r())), 4, flow, ("testing", r(), user))
            )
        end = "cancelled" if cancelled else "done"
        events.append((finished, 5, flow, (end, r(), user)))
        if r() < 0.05:  # a nightly rule instead of one on change
            self._late.add(issue)
            events.append((finished + MINUTE + int(r() * HOUR), 6, self._stamp_late, ()))
        if r() < 0.002:  # a rule that jumps: two changes in one millisecond
            events.append((finished, 4, flow, ("review", r(), user)))
        return events

    def _sprints(self, issue: Issue, team: Team, created: int, finished: int) -> list[Event]:
        """Planned or added, carried over or dropped, and at last perhaps done inside one."""
        r, spans = self._rng.random, team.spans
        is_open = finished > self.now
        if is_open and r() < 0.35:
            return []
        target = team.index(min(finished, self.now + (TWO_WEEKS if r() < 0.12 else 0)))
        carried = 0
        while carried < 3 and r() < team.slip:
            carried += 1
        first = max(target - carried, team.index(created))
        if created > spans[first].start and r() < 0.4:
            return []  # small things of the running sprint often never see the board
        join, leave = self._membership(team)
        entered = self._entry(spans[first], created, finished)
        if entered == created and r() < 0.5:
            self._join_silently(issue, team, spans[first])
            events: list[Event] = []
        else:
            events = [(entered, 6, join, (spans[first],))]
        if r() < 0.07:
            stay = min(spans[first].finish, finished) - entered
            dropped = entered + 1 + int(r() * max(stay, 1))
            events.append((dropped, 7, leave, (spans[first],)))
            if first == target or r() < 0.3:
                return events
            again = max(spans[target].start - int(r() * 2 * DAY), dropped + MINUTE)
            return [*events, (min(again, finished), 8, join, (spans[target],))]
        for position in range(first, target):
            events += self._carry(spans[position], spans[position + 1], team, entered, finished)
        if team.name == "Mobile" and r() < 0.05:
            events.append((entered, 9, self._enter_other, (self.oddities[int(r() * 2)],)))
        if team.name == "Platform" and r() < 0.05:
            odd = self.oddities[2 + int(r() * 2)]
            moment = odd.start + int(r() * 3 * DAY)
            if created < moment:
                events.append((moment, 9, self._enter_other, (odd,)))
        if team.name == "Mobile" and r() < 0.06:  # another team's board shows the card too
            web = self.teams[1]
            events.append((entered + HOUR, 9, join, (web.spans[web.index(entered)],)))
        return events

    def _entry(self, span: Span, created: int, finished: int) -> int:
        """When the issue enters its first sprint: at planning, in the first hours, or later."""
        r = self._rng.random
        if created < span.start - HOUR:
            x = r()
            if x < 0.6:
                moment = max(created + MINUTE, span.start - HOUR - int(r() * 3 * DAY))
            elif x < 0.82:
                moment = span.start + int(r() * 20 * HOUR)
            else:
                moment = span.start + 26 * HOUR + int(r() * 9 * DAY)
        else:
            moment = created + (0 if r() < 0.25 else int(r() * 2 * HOUR))
        if r() < 0.985:  # a few are put into the sprint after they were done
            moment = min(moment, finished - 1)
        return max(moment, created)

    def _carry(self, old: Span, new: Span, team: Team, entered: int, finished: int) -> list[Event]:
        """Leftovers move at the review, in the last day of the sprint; some after it."""
        r = self._rng.random
        moment = old.finish - 20 * MINUTE - int(r() * 20 * HOUR)
        if r() < 0.2:
            moment = old.finish + 10 * MINUTE + int(r() * 30 * HOUR)
        moment = min(max(moment, entered + 1), finished - 61_000)
        join, leave = self._membership(team)
        if team.version_field is not None:
            return [(moment, 8, join, (new,))]
        if r() < 0.4:
            return [(moment, 8, self._drag, (old, new))]
        pause = 0 if r() < 0.3 else int(r() * MINUTE)
        return [(moment, 8, leave, (old,)), (moment + pause, 9, join, (new,))]

    def _reopening(self, team: Team, finished: int) -> list[Event]:
        """Found unfinished after all; most are resolved again."""
        rng, r = self._rng, self._rng.random
        user = team.users[int(r() * 4)]
        moment = self._office(finished + int(math.exp(rng.gauss(1.2, 0.9)) * DAY))
        again = self._office(moment + int(math.exp(rng.gauss(0.8, 0.8)) * DAY)) + HOUR
        events: list[Event] = [
            (moment, 10, self._reopen, ("progress" if r() < 0.6 else "open", r(), user))
        ]
        if team.spans and r() < 0.5:
            join, _ = self._membership(team)
            events.append((moment + MINUTE, 11, join, (team.spans[team.index(moment)],)))
        if r() < 0.85:
            events.append((again, 12, self._state, ("done", r(), user)))
        return events

    def _small_changes(self, issue: Issue, team: Team, created: int, finished: int) -> list[Event]:
        r = self._rng.random
        length = min(finished, self.now + DAY) - created
        user = self.people[int(r() * 28)]

        def moment() -> int:
            return created + 1 + int(r() * length)

        events: list[Event] = []
        if r() < 0.45:
            events.append((created + int(r() * length * 0.3), 0, self._estimate_to, (user,)))
        if r() < 0.25:
            events.append((moment(), 3, self._reprioritise, (1 + int(r() * 3), user)))
        if r() < 0.03:
            events.append((moment() + int(r() * 30 * DAY), 13, self._reteam, (r(), user)))
        if r() < 0.02:
            events.append((moment() + int(r() * 30 * DAY), 13, self._retype, (r(), user)))
        if team.project is self.srv and r() < 0.5:
            events.append((moment(), 3, self._change_any, (int(r() * 100), user)))
        if team.project is not self.rus and r() < 0.015:
            target = self.srv if team.project is self.app else self.app
            events.append((moment() + int(r() * 20 * DAY), 13, self._move_to, (target, user)))
        return events

    def _padding(
        self, number: int, created: int, finished: int, events: list[Event]
    ) -> list[Event]:
        """Priority changes that bring the mean number of activities to what was asked."""
        told = sum(moment <= self.now for moment, *_ in events) + 1 + (finished <= self.now)
        missing = round(self._per_issue * number - self._told - told)
        length = max(min(finished, self.now) - created, 1)
        r = self._rng.random
        return [
            (created + int(r() * length), 3, self._reprioritise, (1, self.people[0]))
            for _ in range(max(missing, 0))
        ]

    # --- single events: (issue, moment, …) ---------------------------------------------------

    def _state(self, issue: Issue, at: int, step: str, dice: float, user: User) -> None:
        """Steps back out of a resolved state are for reopenings alone."""
        flow = self.flows[issue.project]
        state: Any = getattr(flow, step)
        if isinstance(state, tuple):
            state = state[int(dice * len(state))]
        was = issue.resolved
        if state is None or (was is not None and not state.is_resolved):
            return
        self._change(issue, issue.project.roles["state"], state, at, user)
        if was is None and issue.resolved is not None and issue not in self._late:
            self._stamp_lead_time(issue, at, dice)

    def _reopen(self, issue: Issue, at: int, step: str, dice: float, user: User) -> None:
        if issue.resolved is None:
            return
        state = getattr(self.flows[issue.project], step)
        self._change(issue, issue.project.roles["state"], state, at, user)
        lead_time = issue.project.roles.get("lead_time")
        if lead_time is not None:
            self._change(issue, lead_time, None, at, self.system_user, bumps=False)

    def _stamp_lead_time(self, issue: Issue, at: int, dice: float) -> None:
        """The workflow of one project, installed four months in; it is not without faults."""
        lead_time = issue.project.roles.get("lead_time")
        if lead_time is None or at < self.beginning + 120 * DAY:
            return
        minutes = max(int((issue.resolved - issue.created) / DAY * 5 / 7 * 480), 1)
        spoiled = int(dice * 10_007) % 400
        minutes = {0: -minutes, 1: 2147483647, 2: 2147483647}.get(spoiled, minutes)
        if spoiled != 3:
            self._change(issue, lead_time, minutes, at, self.system_user, bumps=False)

    def _stamp_late(self, issue: Issue, at: int) -> None:
        self._late.discard(issue)
        if issue.resolved is not None and issue.value("lead_time") is None:
            self._stamp_lead_time(issue, at, 0.5)

    def _assign(self, issue: Issue, at: int, user: User) -> None:
        self._change(issue, issue.project.roles["assignee"], user, at, user)

    def _estimate_to(self, issue: Issue, at: int, user: User) -> None:
        self._change(issue, issue.project.roles["points"], self._estimate(), at, user)

    def _reprioritise(self, issue: Issue, at: int, step: int, user: User) -> None:
        attached = issue.project.roles["priority"]
        values, old = attached.bundle.values, issue.values.get(attached)
        position = 0 if old is None else (old.ordinal + step) % len(values)
        self._change(issue, attached, values[position], at, user)

    def _change_any(self, issue: Issue, at: int, number: int, user: User) -> None:
        attached = self.every_type[number % len(self.every_type)]
        if issue.project is attached.project and attached.is_shown(issue):
            self._change(issue, attached, self._any_value(attached), at, user)

    def _reteam(self, issue: Issue, at: int, dice: float, user: User) -> None:
        attached = issue.project.roles["team"]
        values = (None, *attached.bundle.values)
        self._change(issue, attached, values[int(dice * len(values))], at, user)

    def _retype(self, issue: Issue, at: int, dice: float, user: User) -> None:
        attached = issue.project.roles["type"]
        values = [value for value in attached.bundle.values if not value.archived]
        self._change(issue, attached, values[int(dice * len(values))], at, user)

    def _move_to(self, issue: Issue, at: int, target: Project, user: User) -> None:
        if issue.project is not target:
            self._transfer(issue, target, at, user)

    def _membership(self, team: Team) -> tuple[Callable[..., None], Callable[..., None]]:
        return self._join_span, self._leave_span

    def _join_span(self, issue: Issue, at: int, span: Span) -> None:
        if span.sprint is not None:
            if issue.project in span.sprint.board.projects:
                self._enter(issue, span.sprint, at, self.people[0])
            return
        attached = issue.project.roles.get("sprint")
        if attached is not None and span.version.bundle is attached.bundle:
            self._change(issue, attached, span.version, at, self.people[0])

    def _leave_span(self, issue: Issue, at: int, span: Span) -> None:
        if span.sprint is not None:
            self._leave(issue, span.sprint, at, self.people[0])
            return
        attached = issue.project.roles.get("sprint")
        if attached is not None and issue.values.get(attached) is span.version:
            self._change(issue, attached, None, at, self.people[0])

    def _join_silently(self, issue: Issue, team: Team, span: Span) -> None:
        """Created on the board itself: a member without any record of how it became one."""
        if span.sprint is not None:
            self._join(issue, span.sprint)
        elif team.version_field is not None:
            issue.values[team.version_field] = span.version

    def _enter_other(self, issue: Issue, at: int, sprint: Sprint) -> None:
        if issue.project in sprint.board.projects:
            self._enter(issue, sprint, at, self.people[1])

    def _drag(self, issue: Issue, at: int, old: Span, new: Span) -> None:
        if issue.project in new.sprint.board.projects:
            self._swap(issue, old.sprint, new.sprint, at, self.people[0])

    # --- the end ------------------------------------------------------------------------------

    def _settle(self) -> None:
        """One feed in the order of time; ids follow it, but for some pairs of one millisecond."""
        log = [activity for issue in self.issues.values() for activity in issue.activities]
        log.sort(key=lambda activity: activity.timestamp)
        for serial, activity in enumerate(log, 1):
            activity.serial = serial
        for position in range(1, len(log)):
            first, second = log[position - 1], log[position]
            if (
                first.timestamp == second.timestamp
                and first.issue is second.issue
                and first.kind is second.kind
                and first.removed != second.added
            ):
                first.serial, second.serial = second.serial, first.serial
                log[position - 1], log[position] = second, first
        self.log, self._serial = log, len(log)

    def _break_some(self) -> None:
        """A handful of histories that do not lead to the present, as every old tracker has.

        `known_mismatches` names them: issue id -> state, team, sprint or resolved.
        """
        finished = [issue for issue in self.issues.values() if issue.resolved is not None]
        if len(finished) < 200:
            return
        for issue in self._pick(finished, 3, "state", self._has_changes("state")):
            done = self.flows[issue.project].done
            state = issue.project.roles["state"]
            issue.values[state] = done[0] if issue.state is not done[0] else done[1]
        for issue in self._pick(finished, 2, "team", self._has_changes("team")):
            team = issue.project.roles["team"]
            others = [one for one in team.bundle.values if one is not issue.values.get(team)]
            issue.values[team] = others[0]
        for issue in self._pick(finished, 2, "sprint", self._was_put_into_its_sprint):
            self._part(issue, issue.sprints[0])
        for issue in self._pick(finished, 1, "resolved", lambda issue: True):
            kept = [a for a in issue.activities if a.kind is not RESOLVED]
            gone = set(issue.activities).difference(kept)
            issue.activities = kept
            moments, issue.comments = [at for at, _ in issue.comments], []
            for at in moments:
                self._comment(issue, at)
            self.log = [activity for activity in self.log if activity not in gone]

    def _pick(
        self, issues: list[Issue], count: int, what: str, fits: Callable[[Issue], bool]
    ) -> list[Issue]:
        """Issues from all over the two years, each broken in one way only."""
        fitting = [i for i in issues if i.id not in self.known_mismatches and fits(i)]
        step = max(len(fitting) // (count + 1), 1)
        picked = fitting[step - 1 :: step][:count]
        self.known_mismatches |= {issue.id: what for issue in picked}
        return picked

    @staticmethod
    def _has_changes(role: str) -> Callable[[Issue], bool]:
        def fits(issue: Issue) -> bool:
            kind = issue.project.roles[role].field.kind
            return any(activity.kind is kind for activity in issue.activities)

        return fits

    @staticmethod
    def _was_put_into_its_sprint(issue: Issue) -> bool:
        return bool(issue.sprints) and any(
            activity.kind is SPRINT and issue.sprints[0] in activity.added
            for activity in issue.activities
        )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
