"""The reference's marts of flow against the contract's worked examples and against their edges."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from reference.flow import ALL, chance_of_at_least, chances_of_sum, promised
from test_reference import Tracker, at, ms


@pytest.fixture
def tracker() -> Tracker:
    return Tracker()


def flow(tracker: Tracker, as_of: str, **variables: object) -> dict[tuple, tuple]:
    """(day of June, category) -> issues, entered, left; of all teams and types."""
    found = {}
    for row in tracker.marts(as_of, **variables)["agg_flow_daily"]:
        counts = row["issues_count"], row["entered_count"], row["left_count"]
        key = row["date"].day, row["flow_category"]
        found[key] = tuple(map(sum, zip(found.get(key, (0, 0, 0)), counts, strict=True)))
    return found


def test_example_10_cumulative_flow(tracker: Tracker) -> None:
    tracker.issue("A", "2026-06-01T10:00")
    tracker.change("A", "2026-06-02T12:00", "State", "Open", "In Progress")
    tracker.change("A", "2026-06-04T12:00", "State", "In Progress", "Done")
    tracker.activity("A", "2026-06-04T12:00", "IssueResolvedCategory", ms("2026-06-04T12:00"), None)
    tracker.issues["A"]["resolved"] = ms("2026-06-04T12:00")
    tracker.issue("B", "2026-06-02T10:00")
    assert flow(tracker, "2026-06-04T18:00") == {
        (1, "todo"): (1, 1, 0),
        (2, "todo"): (1, 1, 1),
        (2, "in_progress"): (1, 1, 0),
        (3, "todo"): (1, 0, 0),
        (3, "in_progress"): (1, 0, 0),
        (4, "todo"): (1, 0, 0),
        (4, "in_progress"): (0, 0, 1),
        (4, "done"): (1, 1, 0),
    }


def test_a_reopened_issue_leaves_done_and_a_closed_state_without_resolution_waits(
    tracker: Tracker,
) -> None:
    tracker.issue("A", "2026-06-01")
    tracker.resolve("A", "2026-06-02")
    tracker.reopen("A", "2026-06-03")
    tracker.change("A", "2026-06-04", "State", "Open", "Duplicate")
    found = flow(tracker, "2026-06-04T18:00")
    assert [key for key, (count, *_) in sorted(found.items()) if count] == [
        (1, "todo"),
        (2, "done"),
        (3, "todo"),
        (4, "waiting"),
    ]


def test_a_missing_issue_takes_part_once_it_is_resolved(tracker: Tracker) -> None:
    for key in ("A", "B"):
        tracker.issue(key, "2026-06-01")
        tracker.miss(key)
    tracker.resolve("B", "2026-06-01", "Duplicate")
    assert flow(tracker, "2026-06-01T18:00") == {(1, "cancelled"): (1, 1, 0)}


@pytest.mark.parametrize(("when", "day"), [("2026-06-01T20:59:59.999", 1), ("2026-06-01T21:00", 2)])
def test_a_day_ends_where_the_next_begins_in_the_reporting_time_zone(
    tracker: Tracker, when: str, day: int
) -> None:
    tracker.issue("A", "2026-05-31T22:00")
    tracker.change("A", when, "State", "Open", "In Progress")
    rows = tracker.marts("2026-06-05", timezone="Europe/Moscow")["agg_flow_daily"]
    arrivals = {row["flow_category"]: row["date"] for row in rows if row["entered_count"]}
    assert arrivals["in_progress"] == date(2026, 6, day)
    assert ("todo" in arrivals) == (day == 2)


def test_a_quiet_week_counts_zeros_and_the_present_one_is_not_complete(tracker: Tracker) -> None:
    tracker.issue("A", "2026-06-01", Story_points=3)
    tracker.change("A", "2026-06-02", "State", "Open", "In Progress")
    tracker.change("A", "2026-06-03", "State", "In Progress", "Open")
    tracker.resolve("A", "2026-06-15")
    tracker.issue("B", "2026-06-03")
    tracker.change("B", "2026-06-05", "State", "Open", "In Progress")
    rows = tracker.marts("2026-06-17")["agg_throughput_weekly"]
    columns = ("created_count", "started_count", "done_count", "done_points", "wip_count")
    assert {
        row["week_start_date"].day: (*(row[column] for column in columns), row["is_complete"])
        for row in rows
    } == {
        1: (2, 2, 0, 0, 1, True),
        8: (0, 0, 0, 0, 1, True),
        15: (0, 0, 1, 3, 1, False),
    }


def test_example_9_a_forecast() -> None:
    once, twice = (chances_of_sum([0, 2, 2, 4], draws) for draws in (1, 2))
    assert twice == {
        0: Fraction(1, 16),
        2: Fraction(4, 16),
        4: Fraction(6, 16),
        6: Fraction(4, 16),
        8: Fraction(1, 16),
    }
    assert [promised(once, percent) for percent in (50, 70, 85, 95)] == [2, 2, 0, 0]
    assert [promised(twice, percent) for percent in (50, 70, 85, 95)] == [4, 2, 2, 0]
    assert chance_of_at_least(once, 4) == Fraction(1, 4)
    assert chance_of_at_least(twice, 4) == Fraction(11, 16)
    assert chance_of_at_least(twice, 9) == 0


@pytest.mark.parametrize(
    ("lacking", "number"), [(Fraction(1, 10**9), 1), (Fraction(1, 10**9 - 1), 0)]
)
def test_what_lacks_a_billionth_of_a_confidence_reaches_it(lacking: Fraction, number: int) -> None:
    assert promised({0: Fraction(1, 2) + lacking, 1: Fraction(1, 2) - lacking}, 50) == number


@pytest.mark.parametrize(("created", "teams"), [("2026-06-02", {"A", ALL}), ("2026-06-09", set())])
def test_three_complete_weeks_are_too_few_for_a_forecast(
    tracker: Tracker, created: str, teams: set[str]
) -> None:
    tracker.issue("A", created)
    tracker.resolve("A", "2026-06-10")
    rows = tracker.marts("2026-06-30")["agg_forecast"]
    assert {row["team"] for row in rows} == teams
    assert {row["sample_weeks"] for row in rows} <= {4}
    assert {row["open_count"] for row in rows} <= {0}


def test_a_forecast_is_checked_once_four_weeks_followed(tracker: Tracker) -> None:
    # done in the weeks from 1 June on: 0, 2, 2, 4, and then 3, 3, 0, 0
    for week, count in enumerate((0, 2, 2, 4, 3, 3, 0, 0)):
        for number in range(count):
            tracker.issue(f"{week}-{number}", "2026-06-01")
            tracker.resolve(f"{week}-{number}", at("2026-06-02") + timedelta(days=7 * week))
    rows = tracker.marts("2026-07-27")["fct_forecast_checks"]
    wanted = {
        "as_of_week": date(2026, 6, 22),
        "done_p50": 8,
        "done_p85": 6,
        "done_actual": 6,
        "is_p50_met": False,
        "is_p85_met": True,
    }
    assert sorted(rows, key=lambda row: row["team"]) == [
        {"team": ALL} | wanted,
        {"team": "A"} | wanted,
    ]
    assert tracker.marts("2026-07-26T23:59:59")["fct_forecast_checks"] == []
