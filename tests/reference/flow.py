"""The marts of flow: where issues stand day by day, what a week brought, what is to be expected.

Rows of `fct_issues` as the reference has made them, and the histories behind them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from .history import IssueHistory
from .moments import FOREVER, day_start, from_datetime, local_date

DAY = timedelta(days=1)
UNDER_WAY = ("in_progress", "waiting")


def flow_category(is_resolved: bool, state_category: str) -> str:
    """Where an issue stands, resolved or not, in a state of a category."""
    if is_resolved:
        return "cancelled" if state_category == "cancelled" else "done"
    return {"done": "waiting", "cancelled": "waiting", "(none)": "todo"}.get(
        state_category, state_category
    )


def category_at(history: IssueHistory, moment: int) -> str | None:
    """Where an issue stood after everything that happened up to a moment; None before it was."""
    if moment < history.created:
        return None
    visit = [one for one in history.visits if one.entered <= moment][-1]
    return flow_category(history.resolution_at(moment) is not None, visit.category)


def takes_part(row: dict) -> bool:
    """Whether the marts of flow know an issue at all."""
    return not row["is_excluded_team"] and (row["is_resolved"] or not row["is_missing"])


def day_ends(
    row: dict, history: IssueHistory, now: int, zone: ZoneInfo
) -> Iterator[tuple[date, str]]:
    """Where an issue stood at the end of each day since its creation; today, where it stands."""
    today = local_date(now, zone)
    edges = [history.created, *(visit.entered for visit in history.visits)]
    edges += [edge for one in history.resolutions for edge in (one.start, one.end)]
    eventful = {local_date(edge, zone) for edge in edges if edge < FOREVER}
    category = ""
    day = local_date(history.created, zone)
    while day < today:
        if day in eventful:
            category = category_at(history, day_start(day + DAY, zone) - 1) or ""
        yield day, category
        day += DAY
    if history.created <= now:
        yield today, flow_category(row["is_resolved"], row["state_category"])


def flow_daily(
    issues: Iterable[dict], histories: Mapping[str, IssueHistory], now: int, zone: ZoneInfo
) -> list[dict]:
    """`agg_flow_daily`: how many issues stood where at the end of a day."""
    levels, entered, left = Counter(), Counter(), Counter()
    is_story = {}
    for row in filter(takes_part, issues):
        slice_ = row["team"], row["issue_type"]
        is_story[slice_] = row["is_story"]
        before = None
        for day, category in day_ends(row, histories[row["issue_id"]], now, zone):
            levels[(day, *slice_, category)] += 1
            if category != before:
                entered[(day, *slice_, category)] += 1
                if before is not None:
                    left[(day, *slice_, before)] += 1
            before = category
    return [
        {
            "date": day,
            "team": team,
            "issue_type": issue_type,
            "flow_category": category,
            "issues_count": levels[day, team, issue_type, category],
            "entered_count": entered[day, team, issue_type, category],
            "left_count": left[day, team, issue_type, category],
            "is_story": is_story[team, issue_type],
        }
        for day, team, issue_type, category in levels.keys() | entered.keys() | left.keys()
    ]


def monday(day: date) -> date:
    """The first day of a date's week."""
    return day - day.weekday() * DAY


def weekly_throughput(
    issues: Iterable[dict], flow: Iterable[dict], now: int, zone: ZoneInfo
) -> list[dict]:
    """`agg_throughput_weekly`: what a week brought to a team and type, quiet weeks too."""
    present = monday(local_date(now, zone))
    under_way = Counter()
    for row in flow:
        if row["flow_category"] in UNDER_WAY:
            under_way[row["team"], row["issue_type"], row["date"]] += row["issues_count"]
    slices = defaultdict(list)
    for row in filter(takes_part, issues):
        slices[row["team"], row["issue_type"]].append(row)
    found = []
    for (team, issue_type), rows in slices.items():
        created = Counter(week_of(row["created_at"], zone) for row in rows)
        started = Counter(week_of(row["started_at"], zone) for row in rows if row["started_at"])
        done = defaultdict(list)
        for row in rows:
            if row["is_done"]:
                done[monday(row["resolved_date"])].append(row["story_points"])
        week = min(created)
        while week <= present:
            last_day = min(week + 6 * DAY, local_date(now, zone))
            points = [one for one in done[week] if one is not None]
            found.append(
                {
                    "week_start_date": week,
                    "team": team,
                    "issue_type": issue_type,
                    "created_count": created[week],
                    "started_count": started[week],
                    "done_count": len(done[week]),
                    "done_points": sum(points, Decimal("0.00")),
                    "wip_count": under_way[team, issue_type, last_day],
                    "is_complete": week < present,
                    "is_story": rows[0]["is_story"],
                }
            )
            week += 7 * DAY
    return found


def week_of(moment: datetime, zone: ZoneInfo) -> date:
    """The Monday of a moment's week."""
    return monday(local_date(from_datetime(moment), zone))
