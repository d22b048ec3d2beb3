"""Every mart of the contract, from raw tables and definitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import product

from .catalogue import NONE, Catalogue, is_number, project_id
from .definitions import Definitions
from .flow import ALL, flow_daily, forecast, forecast_checks, weekly_throughput
from .history import IssueHistory
from .moments import (
    SECOND,
    days_between,
    from_datetime,
    from_ms,
    id_key,
    local_date,
    percentile_cont,
    quarter,
    rounded,
    to_datetime,
)
from .raw import TRACKER, Raw
from .sprints import SprintBook, is_excluded, is_gone, points_of
from .work_time import WorkCalendar

Marts = dict[str, list[dict]]

INT32_OVERFLOW = 2_147_483_647
MINUTES_A_WORKING_DAY = 480
MINUTES_A_DAY = 1_440
PERCENTS = (10, 25, 50, 75, 85, 90, 95)
OUTCOMES = {
    "planned": lambda row: row["is_planned"],
    "completed": lambda row: row["is_completed"],
    "planned_completed": lambda row: row["is_planned"] and row["is_completed"],
    "planned_removed": lambda row: row["is_planned"] and row["is_removed"],
    "planned_carried_over": lambda row: row["is_planned"] and row["is_carried_over"],
    "added": lambda row: row["is_added"],
    "removed": lambda row: row["is_removed"],
    "carried_over": lambda row: row["is_carried_over"],
}

# mart -> the columns of its key
KEYS: dict[str, tuple[str, ...]] = {
    "fct_issues": ("issue_id",),
    "agg_lead_time_spectrum": ("team", "issue_type", "sprint", "quarter", "lead_time_day"),
    "agg_lead_time_percentiles": ("team", "issue_type", "sprint", "quarter"),
    "dim_sprints": ("sprint_id",),
    "fct_sprint_issues": ("sprint_id", "issue_id"),
    "agg_sprint_throughput": ("sprint_id", "team", "issue_type"),
    "fct_state_intervals": ("issue_id", "visit_number"),
    "fct_lead_time_differences": ("issue_id",),
    "agg_flow_daily": ("date", "team", "issue_type", "flow_category"),
    "agg_throughput_weekly": ("week_start_date", "team", "issue_type"),
    "agg_forecast": ("team", "weeks_ahead"),
    "fct_forecast_checks": ("team", "as_of_week"),
}


def compute(raw: Raw, definitions: Definitions, as_of: datetime) -> Marts:
    """Every mart as it should be at `as_of`: mart name -> rows."""
    return Company(raw, definitions, as_of).marts()


class Company:
    """A tracker at one moment, with everything that the marts are made of."""

    def __init__(self, raw: Raw, definitions: Definitions, as_of: datetime) -> None:
        self.definitions = definitions
        self.zone = definitions.zone
        self.now = from_datetime(as_of)
        self.catalogue = Catalogue(raw, definitions)
        self.catalogue.check_names()
        self.minutes_a_day = working_day(raw, definitions)
        self.missing = missing_issues(raw)
        activities = defaultdict(list)
        for activity in raw["activities"]:
            activities[activity["issue_id"]].append(activity)
        scope = latest_scope(raw)
        self.histories = {
            issue["id"]: IssueHistory(issue, activities[issue["id"]], self.catalogue)
            for issue in sorted(raw["issues"], key=lambda one: id_key(one["id"]))
            if scope is None or project_id(issue["project"]) in scope
        }
        self.book = SprintBook(
            raw, self.catalogue, definitions, self.histories, self.missing, self.now
        )
        self.holding_boards = holding_boards(raw)
        self.calendar = WorkCalendar(definitions)

    def marts(self) -> Marts:
        """Every mart."""
        issues = [self.issue_row(history) for history in self.histories.values()]
        measured = [
            row
            for row in issues
            if row["lead_time_days"] is not None
            and not row["is_excluded_team"]
            and not row["has_time_error"]
        ]
        members = [row for sprint in self.book.sprints for row in self.book.member_rows(sprint)]
        sprints = [self.book.dim_row(sprint) for sprint in self.book.sprints]
        flow = flow_daily(issues, self.histories, self.now, self.zone)
        weekly = weekly_throughput(issues, flow, self.now, self.zone)
        sample_weeks = self.definitions.forecast_sample_weeks
        horizon = self.definitions.forecast_horizon_weeks
        return {
            "fct_issues": issues,
            "agg_lead_time_spectrum": spectrum(measured),
            "agg_lead_time_percentiles": percentiles(measured),
            "dim_sprints": sprints,
            "fct_sprint_issues": members,
            "agg_sprint_throughput": throughput(members, sprints),
            "fct_state_intervals": [
                row
                for history, issue in zip(self.histories.values(), issues, strict=True)
                for row in self.state_rows(history, issue)
            ],
            "fct_lead_time_differences": [
                row for issue in issues for row in self.difference_rows(issue)
            ],
            "agg_flow_daily": flow,
            "agg_throughput_weekly": weekly,
            "agg_forecast": forecast(issues, weekly, sample_weeks, horizon),
            "fct_forecast_checks": forecast_checks(weekly, sample_weeks),
        }

    def issue_row(self, history: IssueHistory) -> dict:
        """A row of `fct_issues`."""
        issue, catalogue = history.issue, self.catalogue
        resolved_at = history.resolved_at
        state = history.role_now("state")
        category = catalogue.category(state, history.project_id)
        is_resolved = resolved_at is not None
        is_cancelled = is_resolved and category == "cancelled"
        is_done = is_resolved and not is_cancelled
        team = self.team_now(history)
        issue_type = catalogue.text(history.role_now("type")) or NONE
        started_at = min(
            (one.entered for one in history.visits if one.category == "in_progress"), default=None
        )
        row = {
            "tracker": TRACKER,
            "issue_id": history.id,
            "issue_id_readable": self.readable_id(issue),
            "project": catalogue.project_name(history.project_id, issue["project"]),
            "summary": NONE if issue["summary"] is None else issue["summary"],
            "team": team,
            "issue_type": issue_type,
            "state": catalogue.text(state) or NONE,
            "state_category": category,
            "assignee": catalogue.text(history.role_now("assignee")) or NONE,
            "story_points": points_of(catalogue.number(history.role_now("story_points"))),
            "is_resolved": is_resolved,
            "is_done": is_done,
            "is_cancelled": is_cancelled,
            "is_story": issue_type in self.definitions.story_types,
            "is_excluded_team": is_excluded(self.definitions, team),
            "is_missing": history.id in self.missing,
            "has_history_mismatch": history.has_mismatch(),
            "created_at": to_datetime(history.created),
            "started_at": to_datetime(started_at),
            "resolved_at": to_datetime(resolved_at),
            "updated_at": to_datetime(from_ms(issue["updated"])),
            "resolved_date": local_date(resolved_at, self.zone) if is_resolved else None,
        }
        row.update(self.lead_time(history, started_at) if is_done else NO_LEAD_TIME)
        row.update(self.active_and_waiting(history, started_at, is_done))
        row.update(self.ages(history, started_at, category))
        return row

    def active_and_waiting(
        self, history: IssueHistory, started_at: int | None, is_done: bool
    ) -> dict:
        """Time at work and not at work, from the start to the resolution or now."""
        end = self.now if history.resolved_at is None else history.resolved_at
        names = ("active_days", "waiting_days", "flow_efficiency")
        if started_at is None or started_at > end:
            return dict.fromkeys(names)
        active = waiting = 0
        for visit in history.visits:
            left = end if visit.left is None else min(visit.left, end)
            stay = max(left - max(visit.entered, started_at), 0)
            if visit.category == "in_progress":
                active += stay
            else:
                waiting += stay
        share = Fraction(active, active + waiting) if active + waiting else None
        return {
            "active_days": days_between(0, active),
            "waiting_days": days_between(0, waiting),
            "flow_efficiency": rounded(share, 4) if is_done and share is not None else None,
        }

    def ages(self, history: IssueHistory, started_at: int | None, category: str) -> dict:
        """What is at work now, how long things have stood, and how often they came back."""
        is_open = history.resolved_at is None and history.id not in self.missing
        is_wip = is_open and started_at is not None and category in ("in_progress", "waiting")
        entered = history.visits[-1].entered
        return {
            "is_wip": is_wip,
            "wip_age_days": days_between(started_at or 0, self.now) if is_wip else None,
            "state_age_days": days_between(entered, self.now) if is_open else None,
            "reopened_count": history.reopened_count,
        }

    def work_hours(self, start: int, end: int) -> Decimal | None:
        """Working time between two moments, in hours; None where the span is negative."""
        return rounded(self.calendar.seconds(start, end) / 3_600) if start <= end else None

    def lead_time(self, history: IssueHistory, started_at: int | None) -> dict:
        """The lead-time columns of a done issue."""
        resolved_at = history.resolved_at or 0
        lead, source, has_error = self.lead_time_of(history, resolved_at)
        cycle = None
        if started_at is not None:
            if started_at <= resolved_at:
                cycle = days_between(started_at, resolved_at)
            else:
                has_error = True
        sprint = self.book.sprint_of(history.id, resolved_at)
        label, position = (NONE, None) if lead is None else self.bucket(lead)
        return {
            "sprint": sprint.label if sprint else NONE,
            "sprint_start_date": self.book.start_date(sprint) if sprint else None,
            "quarter": quarter(local_date(resolved_at, self.zone)),
            "lead_time_source": source,
            "lead_time_bucket": label,
            "lead_time_bucket_order": position,
            "lead_time_days": lead,
            "lead_time_day": None if lead is None else int(lead // 1),
            "cycle_time_days": cycle,
            "lead_time_work_hours": self.work_hours(history.created, resolved_at),
            "cycle_time_work_hours": None
            if started_at is None
            else self.work_hours(started_at, resolved_at),
            "has_time_error": has_error,
        }

    def lead_time_of(
        self, history: IssueHistory, resolved_at: int
    ) -> tuple[Decimal | None, str, bool]:
        """Lead time in days, where it is from, and whether its span is negative."""
        days = field_days(history.role_now("lead_time"), self.definitions, self.minutes_a_day)
        if days is not None:
            return days, "field", False
        if self.definitions.lead_time_fallback != "history":
            return None, NONE, False
        if resolved_at < history.created:
            return None, NONE, True
        return days_between(history.created, resolved_at), "history", False

    def bucket(self, days: Decimal) -> tuple[str, int | None]:
        """The label and position of the bucket that holds a lead time."""
        for row in self.definitions.seed("lead_time_buckets"):
            to_day = row["to_day"]
            if Decimal(str(row["from_day"])) <= days and (
                to_day in (None, "") or days < Decimal(str(to_day))
            ):
                return str(row["label"]), int(str(row["position"]))
        return NONE, None

    def team_now(self, history: IssueHistory) -> str:
        """The present team: the field's, else that of a board that holds the issue."""
        team = self.catalogue.text(history.role_now("team"))
        if team is not None:
            return team
        teams = self.book.board_teams
        boards = [board for board in self.holding_boards.get(history.id, ()) if board in teams]
        if boards:
            return teams[min(boards, key=id_key)]
        return self.catalogue.project_name(history.project_id, history.issue["project"])

    def readable_id(self, issue: dict) -> str:
        """The readable id as it is today: renaming a project does not touch its issues."""
        name = self.catalogue.project_name(project_id(issue["project"]), issue["project"])
        if name == NONE or issue["number_in_project"] is None:
            return issue["id_readable"] or NONE
        return f"{name}-{issue['number_in_project']}"

    def difference_rows(self, issue: dict) -> list[dict]:
        """The row of `fct_lead_time_differences` of a row of `fct_issues`, if it has one."""
        if issue["lead_time_source"] != "field":
            return []
        history = self.histories[issue["issue_id"]]
        created, resolved = history.created, history.resolved_at or 0
        computed = days_between(created, resolved)
        stamped = issue["lead_time_days"]
        if resolved < created or abs(stamped - computed) <= 1:
            return []
        copied = (
            "issue_id", "issue_id_readable", "project", "team", "issue_type", "quarter",
            "created_at", "resolved_at",
        )  # fmt: skip
        return [
            {
                **{column: issue[column] for column in copied},
                "stamped_days": stamped,
                "computed_days": computed,
                "difference_days": stamped - computed,
            }
        ]

    def state_rows(self, history: IssueHistory, issue: dict) -> list[dict]:
        """The rows of `fct_state_intervals` of one issue, given its row of `fct_issues`."""
        open_end = self.now if history.resolved_at is None else history.resolved_at
        stays = [
            (visit, max(open_end, visit.entered) if visit.left is None else visit.left)
            for visit in history.visits
        ]
        copied = ("project", "team", "issue_type", "is_excluded_team")
        return [
            {
                "tracker": TRACKER,
                "issue_id": history.id,
                "visit_number": visit.number,
                "state": visit.state or NONE,
                "state_category": visit.category,
                "entered_at": to_datetime(visit.entered),
                "left_at": to_datetime(visit.left),
                "days": days_between(visit.entered, end),
                "seconds": rounded(Fraction(end - visit.entered, SECOND), 3),
                "work_hours": self.work_hours(visit.entered, end),
                "left_quarter": NONE
                if visit.left is None
                else quarter(local_date(visit.left, self.zone)),
                **{column: issue[column] for column in copied},
            }
            for visit, end in stays
        ]


NO_LEAD_TIME = {
    "sprint": NONE,
    "sprint_start_date": None,
    "quarter": NONE,
    "lead_time_source": NONE,
    "lead_time_bucket": NONE,
    "lead_time_bucket_order": None,
    "lead_time_days": None,
    "lead_time_day": None,
    "cycle_time_days": None,
    "lead_time_work_hours": None,
    "cycle_time_work_hours": None,
    "has_time_error": False,
}


def field_days(value: object, definitions: Definitions, minutes_a_day: Decimal) -> Decimal | None:
    """Days from the lead-time field; None where it holds nothing, or nothing believable."""
    is_period = isinstance(value, dict)
    amount = value.get("minutes") if isinstance(value, dict) else value
    if not is_number(amount):
        return None
    number = Decimal(str(amount))
    if number < 0 or number >= INT32_OVERFLOW:
        return None
    calendar_day = definitions.lead_time_minutes_per_day or Decimal(MINUTES_A_DAY)
    per_day = {
        "days": Fraction(1),
        "hours": Fraction(calendar_day) / 60,
        "minutes": Fraction(calendar_day),
    }[definitions.lead_time_unit]
    return rounded(Fraction(number) / (Fraction(minutes_a_day) if is_period else per_day))


def working_day(raw: Raw, definitions: Definitions) -> Decimal:
    """Minutes of a working day: the var, else the instance's own, else 480."""
    if definitions.lead_time_minutes_per_day:
        return definitions.lead_time_minutes_per_day
    known = [row["minutes_a_day"] for row in raw["work_time_settings"] if row["minutes_a_day"]]
    return Decimal(known[0] if known else MINUTES_A_WORKING_DAY)


def missing_issues(raw: Raw) -> set[str]:
    """Issues that two sweeps in a row did not see and that were not loaded since."""
    loaded = {row["id"]: row["loaded_at"] for row in raw["issues"]}
    return {
        row["issue_id"]
        for row in raw["issue_census"]
        if (row["missed_sweeps"] or 0) >= 2
        and row["issue_id"] in loaded
        and loaded[row["issue_id"]] < row["swept_at"]
    }


def latest_scope(raw: Raw) -> set[str] | None:
    """The ids of the projects that the last run asked for; None for all."""
    runs = [row for row in raw["extract_runs"] if row["started_at"] is not None]
    if not runs:
        return None
    last = max(runs, key=lambda row: (row["started_at"], row["finished_at"] or row["started_at"]))
    return None if last["scope"] is None else set(last["scope"])


def holding_boards(raw: Raw) -> dict[str, set[str]]:
    """issue id -> the boards whose sprints now hold it."""
    tables = (*raw["boards"], *raw["sprints"])
    last_seen = max((row["seen_at"] for row in tables if row["seen_at"]), default=None)
    gone = {row["id"] for row in raw["boards"] if is_gone(row, last_seen)}
    found: dict[str, set[str]] = defaultdict(set)
    for sprint in raw["sprints"]:
        if not is_gone(sprint, last_seen) and sprint["board_id"] not in gone:
            for issue in sprint["issues"] or []:
                found[issue["id"]].add(sprint["board_id"])
    return found


def grouped(rows: Iterable[dict], columns: tuple[str, ...]) -> dict[tuple, list[dict]]:
    """Rows by the values of some columns."""
    groups: dict[tuple, list[dict]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[column] for column in columns)].append(row)
    return groups


def spectrum(measured: list[dict]) -> list[dict]:
    """`agg_lead_time_spectrum`: how many issues took so many days."""
    key = KEYS["agg_lead_time_spectrum"]
    copied = ("lead_time_bucket", "lead_time_bucket_order", "sprint_start_date", "is_story")
    return [
        {
            **dict(zip(key, values, strict=True)),
            **{column: rows[0][column] for column in copied},
            "issues_count": len(rows),
        }
        for values, rows in grouped(measured, key).items()
    ]


def percentiles(measured: list[dict]) -> list[dict]:
    """`agg_lead_time_percentiles`: every combination, each dimension also as `(all)`."""
    key = KEYS["agg_lead_time_percentiles"]
    cube: dict[tuple, list[dict]] = defaultdict(list)
    for row in measured:
        for values in product(*((row[column], ALL) for column in key)):
            cube[values].append(row)
    found = []
    for values, rows in cube.items():
        days = [row["lead_time_days"] for row in rows]
        cell = dict(zip(key, values, strict=True))
        found.append(
            {
                **cell,
                "issues_count": len(rows),
                **{f"p{percent}": percentile_cont(days, percent) for percent in PERCENTS},
                "mean_days": rounded(Fraction(sum(days)) / len(days)),
                "sprint_start_date": None
                if cell["sprint"] == ALL
                else rows[0]["sprint_start_date"],
            }
        )
    return found


def throughput(members: list[dict], sprints: list[dict]) -> list[dict]:
    """`agg_sprint_throughput`: what a team planned and what it finished."""
    key = KEYS["agg_sprint_throughput"]
    by_id = {row["sprint_id"]: row for row in sprints}
    copied = (
        "sprint",
        "board_id",
        "board",
        "quarter",
        "start_at",
        "finish_at",
        "sprint_start_date",
        "is_closed",
    )
    included = [row for row in members if not row["is_excluded_team"]]
    found = []
    for values, rows in grouped(included, key).items():
        result = dict(zip(key, values, strict=True))
        result.update({column: by_id[values[0]][column] for column in copied})
        result["is_story"] = rows[0]["is_story"]
        for outcome, happened in OUTCOMES.items():
            those = [row for row in rows if happened(row)]
            points = (row["story_points"] for row in those if row["story_points"] is not None)
            result[f"{outcome}_count"] = len(those)
            result[f"{outcome}_points"] = sum(points, Decimal("0.00"))
        planned, kept = result["planned_count"], result["planned_completed_count"]
        result["completion_rate"] = rounded(Fraction(kept, planned), 4) if planned else None
        found.append(result)
    finishes = defaultdict(set)
    for row in found:
        if row["is_closed"]:
            place = (row["finish_at"], row["start_at"], row["sprint_id"])
            finishes[row["board_id"]].add(place)
    ranks = {
        sprint_id: rank
        for places in finishes.values()
        for rank, (*_, sprint_id) in enumerate(sorted(places, reverse=True), 1)
    }
    for row in found:
        row["closed_sprint_rank"] = ranks.get(row["sprint_id"])
    return found
