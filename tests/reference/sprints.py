"""Sprints, who was in them when, and what became of each member."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from .catalogue import NONE, Catalogue, as_list, bundle_values, is_number, read_field
from .definitions import Definitions
from .history import IssueHistory, ManyValues, SingleValue, identity, presence
from .moments import (
    FOREVER,
    MILLISECOND,
    MINUTE,
    UTC,
    Interval,
    as_set,
    day_start,
    from_datetime,
    from_ms,
    holds,
    hours,
    id_key,
    local_date,
    overlap,
    quarter,
    rounded,
    to_datetime,
)
from .raw import TRACKER, Raw

Memberships = dict[str, list[Interval]]  # issue id -> intervals


@dataclass(frozen=True)
class Sprint:
    """A sprint of a board, or a dated value of a version field."""

    id: str
    name: str
    board_id: str
    board: str
    start: int | None
    finish: int | None
    is_archived: bool
    is_missing: bool
    present_members: frozenset[str] = frozenset()
    label: str = ""

    @property
    def has_dates(self) -> bool:
        """Whether it takes part: it has both dates and does not finish before it starts."""
        return self.start is not None and self.finish is not None and self.start <= self.finish


@dataclass
class Board:
    """What gives its sprints their members. `sync_field` is None where an activity tells.

    `projects` says of each project that was ever seen on the board when a run first missed it.
    """

    id: str
    projects: dict[str, int | None] | None
    sync_field: str | None
    follows_element: bool = False
    follows_query: bool = False
    sprints: list[Sprint] = field(default_factory=list)

    @property
    def project_ids(self) -> list[str]:
        """The projects that are on the board now."""
        return [one for one, missed in (self.projects or {}).items() if missed is None]

    def counts(self, project: str | None, sprint: Sprint) -> bool:
        """Whether a project was on the board when a sprint finished, or is so still."""
        if self.projects is None or project not in self.projects:
            return False
        missed = self.projects[project]
        return missed is None or (sprint.finish is not None and sprint.finish < missed)

    def has_lost_a_project_of(self, sprint: Sprint) -> bool:
        """Whether a field's value no longer makes a past project's issue a member of the sprint."""
        known = self.projects or {} if self.sync_field else {}
        return not all(self.counts(project, sprint) for project in known)


class SprintBook:
    """Every sprint of the tracker with its members over time."""

    def __init__(
        self,
        raw: Raw,
        catalogue: Catalogue,
        definitions: Definitions,
        histories: dict[str, IssueHistory],
        missing_issues: set[str],
        now: int,
    ) -> None:
        self.catalogue = catalogue
        self.definitions = definitions
        self.zone = definitions.zone
        self.histories = histories
        self.missing_issues = missing_issues
        self.now = now
        self.board_teams = {
            str(row["board_id"]): str(row["team"]) for row in definitions.seed("board_teams")
        }
        self.boards = self._read_boards(raw)
        self.boards += self._read_version_boards()
        self.by_query = {board.id for board in self.boards if board.follows_query}
        dated = [one for board in self.boards for one in board.sprints if one.has_dates]
        self.sprints = sorted(labelled(dated, self.zone), key=lambda one: id_key(one.id))
        # sprint id -> who was in it; and who was as the board stood, where that is more
        self.recorded: dict[str, Memberships] = {}
        self.as_it_stood: dict[str, Memberships] = {}
        self._read_memberships()
        self.memberships = self._as_the_contract_reads_them()
        self.sprints_of: dict[str, list[Sprint]] = defaultdict(list)
        for sprint in self.sprints:
            for issue_id in self.memberships[sprint.id]:
                self.sprints_of[issue_id].append(sprint)

    # ---- the sprints -------------------------------------------------------------------------

    def _read_boards(self, raw: Raw) -> list[Board]:
        seen = [row["seen_at"] for row in (*raw["boards"], *raw["sprints"]) if row["seen_at"]]
        last_seen = max(seen, default=None)
        rows = {row["id"]: row for row in raw["boards"]}
        boards: dict[str, Board] = {}
        for row in raw["sprints"]:
            board_row = rows.get(row["board_id"], {})
            settings = board_row.get("sprints_settings") or {}
            if settings.get("disableSprints"):
                continue
            if row["board_id"] not in boards:
                boards[row["board_id"]] = self._read_board(row["board_id"], board_row, settings)
            boards[row["board_id"]].sprints.append(
                Sprint(
                    id=row["id"],
                    name=row["name"] or NONE,
                    board_id=row["board_id"],
                    board=board_row.get("name") or NONE,
                    start=from_ms(row["start"]),
                    finish=from_ms(row["finish"]),
                    is_archived=bool(row["archived"]),
                    is_missing=is_gone(row, last_seen) or is_gone(board_row, last_seen),
                    present_members=frozenset(one["id"] for one in row["issues"] or []),
                )
            )
        return list(boards.values())

    @staticmethod
    def _read_board(identifier: str, row: dict, settings: dict) -> Board:
        sync = None if settings.get("isExplicit") else settings.get("sprintSyncField")
        past = {
            one["id"]: from_datetime(datetime.fromisoformat(one["missed_at"]))
            for one in row.get("past_projects") or []
        }
        present = {one["id"]: None for one in row.get("projects") or []}
        return Board(
            id=identifier,
            projects=past | present,
            sync_field=(sync or {}).get("id"),
            follows_query=not settings.get("isExplicit", True) and sync is None,
        )

    def _read_version_boards(self) -> list[Board]:
        """The field of the var `sprint_field` as a board, where no board is synced with it."""
        synced = {
            (board.sync_field, project) for board in self.boards for project in board.project_ids
        }
        boards: dict[str, Board] = {}
        found = (
            (row, one)
            for project in self.catalogue.fields.keys() | self.catalogue.past.keys()
            for key in self.catalogue.role_keys(project, "sprint")
            if (key, project) not in synced
            for one in (self.catalogue.fields[project] | self.catalogue.past[project],)
            for row in self.catalogue.field_rows.get((project, key), [])
        )
        # a value that a project still offers is not gone because another one detached the field
        for row, fields in sorted(
            found, key=lambda one: (one[0]["id"] in self.catalogue.detached_rows, one[0]["id"])
        ):
            chosen = fields[read_field(row["field"], row["type"]).key]
            board = boards.setdefault(
                chosen.key, Board(chosen.key, None, chosen.key, follows_element=True)
            )
            known = {sprint.id for sprint in board.sprints}
            is_missing = row["id"] in self.catalogue.detached_rows
            board.sprints += [
                self._version_sprint(element, chosen.key, chosen.name or NONE, is_missing)
                for element in bundle_values(row)
                if element["id"] not in known
                and is_number(element.get("startDate"))
                and is_number(element.get("releaseDate"))
            ]
        return list(boards.values())

    def _version_sprint(
        self, element: dict, field_id: str, field_name: str, is_missing: bool
    ) -> Sprint:
        first, last = utc_date(element["startDate"]), utc_date(element["releaseDate"])
        return Sprint(
            id=element["id"],
            name=element.get("name") or NONE,
            board_id=field_id,
            board=field_name,
            start=day_start(first, self.zone),
            finish=day_start(last + timedelta(days=1), self.zone) - MILLISECOND,
            is_archived=bool(element.get("archived")),
            is_missing=is_missing,
        )

    # ---- membership --------------------------------------------------------------------------

    def _read_memberships(self) -> None:
        """sprint id -> issue id -> intervals, as the activities and the present lists give them."""
        found = self.recorded
        for board in self.boards:
            for sprint in board.sprints:
                found[sprint.id] = {}
                if board.has_lost_a_project_of(sprint):
                    self.as_it_stood[sprint.id] = {}
        explicit = {
            sprint.id: sprint
            for board in self.boards
            for sprint in board.sprints
            if board.sync_field is None
        }
        held: dict[str, set[str]] = defaultdict(set)
        for board in self.boards:
            for sprint in board.sprints:
                for issue_id in sprint.present_members:
                    held[issue_id].add(sprint.id)
        for history in self.histories.values():
            own = held.get(history.id, set())
            for sprint_id, intervals in self._explicit(history, explicit, own).items():
                found[sprint_id][history.id] = intervals
            for board in self.boards:
                for sprint in self._ever_named(history, board, own):
                    spans = self._synced(history, board, sprint)
                    if intervals := self._in_projects(history, board, sprint, spans):
                        found[sprint.id][history.id] = intervals
                    if sprint.id in self.as_it_stood:
                        stood = self._while_on_board(history, board, spans)
                        self.as_it_stood[sprint.id][history.id] = stood

    @staticmethod
    def _explicit(
        history: IssueHistory, sprints: dict[str, Sprint], held: set[str]
    ) -> dict[str, list[Interval]]:
        steps: dict[str, list[tuple[int, int]]] = {one: [] for one in held if one in sprints}
        for change in history.sprint_changes:
            added = {one["id"] for one in as_list(change.added)}
            removed = {one["id"] for one in as_list(change.removed)}
            for sprint_id in (added ^ removed) & sprints.keys():
                step = 1 if sprint_id in added else -1
                steps.setdefault(sprint_id, []).append((change.order, step))
        return {
            sprint_id: presence(found, history.created, sprint_id in held)
            for sprint_id, found in steps.items()
        }

    def _ever_named(self, history: IssueHistory, board: Board, held: set[str]) -> list[Sprint]:
        """The sprints of a synced board that an issue's field ever held, or that list it now."""
        if board.sync_field is None:
            return []
        sides = [history.values_of(board.sync_field).present]
        for change in history.changes_of(board.sync_field):
            sides += [change.added, change.removed]
        elements = [one for side in sides for one in as_list(side)]
        if not elements and not held:
            return []
        names = {self._named(board, one) for one in elements}
        return [
            sprint
            for sprint in board.sprints
            if sprint.id in held or (sprint.id if board.follows_element else sprint.name) in names
        ]

    def _named(self, board: Board, element: object) -> object:
        """How a value of the field names a sprint: a board's by name, the field's own by id."""
        return identity(element) if board.follows_element else self.catalogue.name(element)

    def _synced(self, history: IssueHistory, board: Board, sprint: Sprint) -> list[Interval]:
        """The spans in which the field held the sprint."""
        values = history.values_of(board.sync_field or "")
        untouched = not history.changes_of(board.sync_field or "")
        if untouched and history.id in sprint.present_members:
            return [Interval(history.created, FOREVER, False)]
        if untouched and not values.present:
            return []
        return self._field_spans(values, history.created, board, sprint)

    @staticmethod
    def _in_projects(
        history: IssueHistory, board: Board, sprint: Sprint, spans: list[Interval]
    ) -> list[Interval]:
        """Of these spans what lies in the projects that count in the sprint."""
        if board.projects is None or not spans:
            return as_set(spans)
        projects = [span for span, one in history.project_spans() if board.counts(one, sprint)]
        return overlap(spans, as_set(projects))

    @staticmethod
    def _while_on_board(
        history: IssueHistory, board: Board, spans: list[Interval]
    ) -> list[Interval]:
        """Of these spans what lies in projects of the board, each until a run missed it there."""
        known = board.projects or {}
        projects = [
            replace(span, end=min(span.end, FOREVER if known[one] is None else known[one]))
            for span, one in history.project_spans()
            if one in known
        ]
        return overlap(spans, as_set(projects))

    def _field_spans(
        self, values: SingleValue | ManyValues, created: int, board: Board, sprint: Sprint
    ) -> list[Interval]:
        wanted = sprint.id if board.follows_element else sprint.name

        def is_sprint(element: object) -> bool:
            return self._named(board, element) == wanted

        if isinstance(values, ManyValues):
            steps = [
                (moment, step)
                for key, found in values.steps.items()
                if is_sprint(values.elements[key])
                for moment, step in found
            ]
            inside = any(is_sprint(values.elements[key]) for key in values.present_keys)
            return presence(cancel_out(steps), created, inside)
        return as_set(
            span
            for span, value in values.spans(created)
            if any(is_sprint(element) for element in as_list(value))
        )

    def _as_the_contract_reads_them(self) -> dict[str, Memberships]:
        """Membership with the closing grace, and without what is gone today."""
        found: dict[str, Memberships] = {}
        boards = {sprint.id: board for board in self.boards for sprint in board.sprints}
        for sprint in self.sprints:
            board = boards[sprint.id]
            found[sprint.id] = {}
            for issue_id, intervals in self.recorded[sprint.id].items():
                # "open to now when the present membership says so"
                if self._shows_no(board, sprint, self.histories[issue_id]):
                    intervals = self._until_now(intervals)
                graced = self._with_closing_grace(sprint, board, issue_id, intervals)
                if issue_id in self.missing_issues and not self.is_closed(sprint):
                    graced = self._until_now(graced)
                graced = as_set(graced)
                if graced:
                    found[sprint.id][issue_id] = graced
        return found

    def _shows_no(self, board: Board, sprint: Sprint, history: IssueHistory) -> bool:
        """Whether a sprint no longer shows an issue, though nothing is recorded that ended it."""
        if board.sync_field is None:
            return history.id not in sprint.present_members
        return board.sync_field in self.catalogue.past.get(history.project_id, {})

    def _until_now(self, intervals: list[Interval]) -> list[Interval]:
        return [replace(one, end=min(one.end, self.now)) for one in intervals]

    def _with_closing_grace(
        self, sprint: Sprint, board: Board, issue_id: str, intervals: list[Interval]
    ) -> list[Interval]:
        finish = sprint.finish or 0
        earliest = finish - hours(self.definitions.sprint_closing_grace_hours)
        arrivals = [
            interval.start
            for later in board.sprints
            if later.start is not None and later.start > (sprint.start or 0)
            for interval in self._stood(later).get(issue_id, [])
            if interval.is_recorded
        ]
        graced = []
        for one in intervals:
            moved = any(abs(arrival - one.end) <= MINUTE for arrival in arrivals)
            if moved and earliest <= one.end <= finish:
                graced.append(replace(one, end=finish + 1))
            else:
                graced.append(one)
        return graced

    def _stood(self, sprint: Sprint) -> Memberships:
        """Who was in a sprint, those of projects included that left its board before it ended."""
        return self.as_it_stood.get(sprint.id, self.recorded[sprint.id])

    # ---- the sprint itself -------------------------------------------------------------------

    def is_closed(self, sprint: Sprint) -> bool:
        """Finish before now."""
        return (sprint.finish or 0) < self.now

    def end(self, sprint: Sprint) -> int:
        """e: the earlier of now and the finish."""
        return min(self.now, sprint.finish or 0)

    def baseline(self, sprint: Sprint) -> int:
        """The end of the planning grace, at most the finish."""
        grace = hours(self.definitions.sprint_planning_grace_hours)
        return min((sprint.start or 0) + grace, sprint.finish or 0)

    def team_of_member(self, sprint: Sprint, history: IssueHistory) -> str:
        """The member's team as of e; the board's where it had none; else its project."""
        moment = self.end(sprint)
        return (
            self.catalogue.text(history.role_at("team", moment))
            or self.board_teams.get(sprint.board_id)
            or history.project_name_at(moment)
        )

    def team(self, sprint: Sprint) -> str:
        """The board's team, else the team of most members at the baseline."""
        if sprint.board_id in self.board_teams:
            return self.board_teams[sprint.board_id]
        moment = self.baseline(sprint)
        teams = Counter(
            self.team_of_member(sprint, self.histories[issue_id])
            for issue_id, intervals in self.memberships[sprint.id].items()
            if holds(intervals, moment)
        )
        return min(teams, key=lambda team: (-teams[team], team), default=NONE)

    def dim_row(self, sprint: Sprint) -> dict:
        """A row of `dim_sprints`."""
        return {
            "sprint_id": sprint.id,
            "sprint": sprint.label,
            "board_id": sprint.board_id,
            "board": sprint.board,
            "team": self.team(sprint),
            "is_team_inferred": sprint.board_id not in self.board_teams
            and self.team(sprint) != NONE,
            "start_at": to_datetime(sprint.start),
            "finish_at": to_datetime(sprint.finish),
            "sprint_start_date": self.start_date(sprint),
            "quarter": quarter(local_date(sprint.finish or 0, self.zone)),
            "is_closed": self.is_closed(sprint),
            "is_archived": sprint.is_archived,
            "is_missing": sprint.is_missing,
            "tracker": TRACKER,
        }

    def start_date(self, sprint: Sprint) -> date:
        """The day on which the sprint starts."""
        return local_date(sprint.start or 0, self.zone)

    def sprint_of(self, issue_id: str, moment: int) -> Sprint | None:
        """The sprint that an issue was resolved in: running, and the issue a member."""
        running = [
            sprint
            for sprint in self.sprints_of.get(issue_id, [])
            if (sprint.start or 0) <= moment <= (sprint.finish or 0)
            and holds(self.memberships[sprint.id][issue_id], moment)
        ]
        # sprints are in the order of their ids, and max keeps the first of equals
        return max(running, key=lambda sprint: sprint.start or 0, default=None)

    def member_rows(self, sprint: Sprint) -> list[dict]:
        """The rows of `fct_sprint_issues` of one sprint."""
        if (sprint.start or 0) > self.now:
            return []
        return [
            self._member_row(sprint, self.histories[issue_id], met)
            for issue_id, intervals in self.memberships[sprint.id].items()
            if (met := [x for x in intervals if x.meets(sprint.start or 0, self.end(sprint))])
        ]

    def _member_row(self, sprint: Sprint, history: IssueHistory, met: list[Interval]) -> dict:
        end = self.end(sprint)
        catalogue = self.catalogue
        issue_type = catalogue.text(history.role_at("type", end)) or NONE
        points = catalogue.number(history.role_at("story_points", end))
        team = self.team_of_member(sprint, history)
        outcome = judge(
            member=self.memberships[sprint.id][history.id],
            resolved=history.resolutions,
            is_cancelled=history.is_cancelled_at(end),
            start=sprint.start or 0,
            baseline=self.baseline(sprint),
            end=end,
        )
        return {
            "tracker": TRACKER,
            "sprint_id": sprint.id,
            "issue_id": history.id,
            "sprint": sprint.label,
            "board_id": sprint.board_id,
            "board": sprint.board,
            "team": team,
            "issue_type": issue_type,
            "is_story": issue_type in self.definitions.story_types,
            "is_excluded_team": is_excluded(self.definitions, team),
            "is_planned": outcome.is_planned,
            "is_added": outcome.is_added,
            "is_completed": outcome.completed_at is not None,
            "is_removed": outcome.is_removed,
            "is_carried_over": outcome.is_carried_over,
            "is_membership_inferred": not met[0].is_recorded or sprint.board_id in self.by_query,
            "added_at": to_datetime(met[0].start),
            "removed_at": to_datetime(met[-1].end) if met[-1].end < end else None,
            "completed_at": to_datetime(outcome.completed_at),
            "story_points": points_of(points),
        }


@dataclass(frozen=True)
class Outcome:
    """What a sprint made of a member."""

    is_planned: bool
    is_added: bool
    completed_at: int | None
    is_removed: bool
    is_carried_over: bool


def judge(
    member: list[Interval],
    resolved: list[Interval],
    is_cancelled: bool,
    start: int,
    baseline: int,
    end: int,
) -> Outcome:
    """Planned, added, completed, removed, carried over: the rules of the contract, one by one."""
    standing = [one for one in resolved if one.holds(end)]
    completed_at = None
    if standing and not is_cancelled and start <= standing[-1].start <= end:
        moment = standing[-1].start
        if holds(member, moment) or holds(member, end):
            completed_at = moment

    resolved_just_before = any(one.start < start <= one.end for one in resolved)
    completed_early = (
        completed_at is not None and completed_at <= baseline and holds(member, completed_at)
    )
    is_planned = not resolved_just_before and (holds(member, baseline) or completed_early)

    open_member = overlap(member, complement(resolved))
    open_after_baseline = end > baseline and any(
        one.start <= end and one.end > baseline for one in open_member
    )
    is_added = not is_planned and (completed_at is not None or open_after_baseline)

    unfinished = (is_planned or is_added) and completed_at is None
    is_carried_over = unfinished and holds(member, end) and not standing
    return Outcome(
        is_planned=is_planned,
        is_added=is_added,
        completed_at=completed_at,
        is_removed=unfinished and not is_carried_over,
        is_carried_over=is_carried_over,
    )


def complement(intervals: list[Interval]) -> list[Interval]:
    """Every moment that lies in none of the intervals."""
    found, start = [], -FOREVER
    for interval in as_set(intervals):
        found.append(Interval(start, interval.start))
        start = interval.end
    found.append(Interval(start, FOREVER))
    return [one for one in found if one.start < one.end]


def labelled(sprints: Iterable[Sprint], zone) -> list[Sprint]:
    """One name is one sprint: the name, else with its board, else with its start date too."""
    left = sorted(sprints, key=lambda one: id_key(one.id))
    done: list[Sprint] = []
    spellings = (
        lambda one: one.name,
        lambda one: f"{one.name} ({one.board})",
        lambda one: f"{one.name} ({one.board}, {local_date(one.start, zone)})",
        lambda one: f"{one.name} ({one.board}, {local_date(one.start, zone)}, {one.id})",
    )
    for spelling in spellings:
        times = Counter(spelling(one) for one in left)
        taken = {one.label for one in done}
        unique = {x for x, count in times.items() if count == 1 and x not in taken}
        done += [replace(one, label=spelling(one)) for one in left if spelling(one) in unique]
        left = [one for one in left if spelling(one) not in unique]
    return done


def cancel_out(steps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Equal names under several ids: at one moment one may go as the other comes."""
    balance = Counter()
    for moment, step in steps:
        balance[moment] += step
    return [(moment, 1 if x > 0 else -1) for moment, x in sorted(balance.items()) if x]


def is_gone(row: dict, last_seen: datetime | None) -> bool:
    """Deleted: the last answer did not hold it any more."""
    return bool(row.get("seen_at") and last_seen and row["seen_at"] < last_seen)


def is_excluded(definitions: Definitions, team: str) -> bool:
    """Whether a team takes part in no aggregate."""
    return any(row["team"] == team for row in definitions.seed("excluded_teams"))


def utc_date(milliseconds: int) -> date:
    """The day of a date field, which YouTrack stores at 12:00 UTC of that day."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(milliseconds))).date()


def points_of(points: Decimal | None) -> Decimal | None:
    """Story points at the precision of the marts."""
    return None if points is None else rounded(points)
