"""The marts of flow: where issues stand day by day, what a week brought, what is to be expected.

Rows of `fct_issues` as the reference has made them, and the histories behind them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from .history import IssueHistory
from .moments import FOREVER, day_start, from_datetime, local_date, rounded

DAY = timedelta(days=1)
UNDER_WAY = ("in_progress", "waiting")
ALL = "(all)"
# a forecast draws from no fewer weeks
FEWEST_WEEKS = 4
# a past forecast is checked for so many weeks ahead, and so many of them are kept
WEEKS_CHECKED = 4
CHECKS_KEPT = 52
HARDLY = Fraction(1, 10**9)


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


def weeks_by_team(weekly: Iterable[dict]) -> dict[str, dict[date, int]]:
    """team or `(all)` -> complete week -> done issues of all types."""
    found: dict[str, Counter] = defaultdict(Counter)
    for row in weekly:
        if row["is_complete"]:
            for team in (row["team"], ALL):
                found[team][row["week_start_date"]] += row["done_count"]
    return {team: dict(sorted(weeks.items())) for team, weeks in found.items()}


def chances_of_sum(sample: list[int], draws: int) -> dict[int, Fraction]:
    """The distribution of the sum of draws with replacement, exactly: total -> probability."""
    ways = {0: 1}
    for _ in range(draws):
        longer = Counter()
        for total, count in ways.items():
            for done in sample:
                longer[total + done] += count
        ways = dict(longer)
    return {total: Fraction(count, len(sample) ** draws) for total, count in ways.items()}


def chance_of_at_least(chances: Mapping[int, Fraction], number: int) -> Fraction:
    """How likely the sum reaches a number."""
    return sum((one for total, one in chances.items() if total >= number), Fraction(0))


def promised(chances: Mapping[int, Fraction], percent: int) -> int:
    """The largest number that is reached with a confidence, or all but 1e-9 of it."""
    bound = Fraction(percent, 100) - HARDLY
    reached, number = Fraction(0), max(chances)
    for number in sorted(chances, reverse=True):
        reached += chances[number]
        if reached >= bound:
            break
    return number


def forecast(
    issues: Iterable[dict], weekly: Iterable[dict], sample_weeks: int, horizon: int
) -> list[dict]:
    """`agg_forecast`: how much will be done so many weeks ahead, and whether all that is open."""
    open_issues = Counter()
    for row in issues:
        if not (row["is_excluded_team"] or row["is_resolved"] or row["is_missing"]):
            open_issues.update((row["team"], ALL))
    found = []
    for team, weeks in weeks_by_team(weekly).items():
        sample = list(weeks.values())[-sample_weeks:]
        for weeks_ahead in range(1, horizon + 1) if len(sample) >= FEWEST_WEEKS else ():
            chances = chances_of_sum(sample, weeks_ahead)
            found.append(
                {
                    "team": team,
                    "weeks_ahead": weeks_ahead,
                    "sample_weeks": len(sample),
                    **{f"done_p{one}": promised(chances, one) for one in (50, 70, 85, 95)},
                    "open_count": open_issues[team],
                    "probability_open_done": rounded(
                        chance_of_at_least(chances, open_issues[team]), 4
                    ),
                }
            )
    return found


def forecast_checks(weekly: Iterable[dict], sample_weeks: int) -> list[dict]:
    """`fct_forecast_checks`: what the forecasts of past weeks promised, and what came."""
    found = []
    for team, weeks in weeks_by_team(weekly).items():
        done = list(weeks.values())
        checkable = [
            (week, done[max(place - sample_weeks, 0) : place], done[place : place + WEEKS_CHECKED])
            for place, week in enumerate(weeks, 1)
        ]
        checkable = [
            one for one in checkable if len(one[1]) >= FEWEST_WEEKS and len(one[2]) == WEEKS_CHECKED
        ]
        for week, sample, actual in checkable[-CHECKS_KEPT:]:
            chances = chances_of_sum(sample, WEEKS_CHECKED)
            promises = {percent: promised(chances, percent) for percent in (50, 85)}
            found.append(
                {
                    "team": team,
                    "as_of_week": week,
                    **{f"done_p{percent}": number for percent, number in promises.items()},
                    "done_actual": sum(actual),
                    **{
                        f"is_p{percent}_met": sum(actual) >= number
                        for percent, number in promises.items()
                    },
                }
            )
    return found
