"""The reference computation against the contract's worked examples and against each of its edges.

Small trackers are built by hand here; `histories.py` draws large ones.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import histories
import psycopg2
import pytest
from reference import (
    KEYS,
    Company,
    DefinitionError,
    Definitions,
    Marts,
    compare,
    compute,
    nearest_rank,
    percentile_cont,
    pipeline_status,
    read_marts,
    read_raw,
)

UTC = timezone.utc  # noqa: UP017  (Python 3.10)
LONG_AGO = "2026-05-01T09:00:00"
START, FINISH = "2026-06-01", "2026-06-14T23:59:59.999"
BASELINE = "2026-06-02"
MILLISECOND = timedelta(milliseconds=1)

SEEDS = {
    "state_categories": [
        {"state": "Open", "category": "todo"},
        {"state": "in progress", "category": "in_progress"},
        {"state": "Готово", "category": "done"},
        {"state": "Duplicate", "category": "cancelled"},
    ],
    "lead_time_buckets": [
        {"label": "up to 1", "from_day": "0", "to_day": "1", "position": "1"},
        {"label": "1 to 4", "from_day": "1", "to_day": "4", "position": "2"},
        {"label": "4 and more", "from_day": "4", "to_day": None, "position": "3"},
    ],
    "board_teams": [],
    "excluded_teams": [{"team": "Support"}],
    "work_week": [
        {"weekday": weekday, "opens_at": "09:00", "closes_at": "18:00"} for weekday in range(1, 6)
    ],
    "work_calendar_days": [],
}
FIELDS = {
    "State": ("101-1", "state[1]"),
    "Team": ("101-2", "enum[1]"),
    "Type": ("101-3", "enum[1]"),
    "Story points": ("101-4", "float"),
    "LeadTime": ("101-5", "period"),
    "Assignee": ("101-6", "user[1]"),
    "Sprints": ("101-7", "version[*]"),
    "Release": ("101-8", "version[1]"),
}
# name, resolved, ordinal
STATES = (
    ("Open", False, 2),
    ("In Progress", False, 3),
    ("Done", True, 4),
    ("Duplicate", True, 5),
    ("Waiting", False, 6),
    ("Incoming", False, 1),
)


def at(text: str | datetime) -> datetime:
    """A moment in UTC."""
    if isinstance(text, datetime):
        return text
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ms(text: str | datetime | None) -> int | None:
    """A moment as YouTrack sends it."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return None if text is None else (at(text) - epoch) // timedelta(milliseconds=1)


def around(text: str) -> list[datetime]:
    """A millisecond before, exactly, a millisecond after."""
    return [at(text) - MILLISECOND, at(text), at(text) + MILLISECOND]


def edges(text: str, before: object, exactly: object, after: object) -> list[tuple]:
    """What to expect of the three moments around an edge."""
    return list(zip(around(text), (before, exactly, after), strict=True))


class Tracker:
    """A tracker with one project, one explicit board, and as much more as a test asks for."""

    def __init__(self) -> None:
        self.raw = {name: [] for name in histories.TABLES}
        self.loaded = at("2026-07-01")
        self.numbers = itertools.count(1)
        self.issues: dict[str, dict] = {}
        self.add_project("0-1", "APP")
        self.add_board("108-1", "Board")
        self.add_sprint("109-1", "S1", START, FINISH)
        self.add_sprint("109-2", "S2", "2026-06-15", "2026-06-28T23:59:59.999")

    # the catalogue

    def add_project(self, key: str, name: str, fields: tuple[str, ...] = tuple(FIELDS)) -> None:
        self.raw["projects"].append({"id": key, "short_name": name, "name": name})
        for field in fields:
            values = [
                {"id": self.element_id(key, field, state), "name": state}
                | {"isResolved": resolved, "ordinal": ordinal}
                for state, resolved, ordinal in (STATES if field == "State" else ())
            ]
            self.raw["custom_fields"].append(
                {
                    "id": f"92-{key[2:]}{FIELDS[field][0][4:]}",
                    "project_id": key,
                    "type": "ProjectCustomField",
                    "field": self.field(field),
                    "bundle": {"id": "1-1", "values": values} if values else None,
                    "default_values": [],
                }
            )

    @staticmethod
    def field(name: str) -> dict:
        key, kind = FIELDS[name]
        field_type = {"id": kind, "valueType": kind.split("[")[0], "isMultiValue": "[*]" in kind}
        return {"id": key, "name": name, "localizedName": None, "fieldType": field_type}

    @staticmethod
    def element_id(project: str, field: str, name: str) -> str:
        return f"{FIELDS[field][0]}{project[2:]}-{name}"

    def add_board(self, key: str, name: str, **settings: object) -> None:
        self.raw["boards"].append(
            {
                "id": key,
                "name": name,
                "projects": [{"id": "0-1", "shortName": "APP"}],
                "sprints_settings": {"isExplicit": True, "disableSprints": False} | settings,
                "seen_at": self.loaded,
            }
        )

    def add_sprint(
        self, key: str, name: str, start: str | None, finish: str | None, board: str = "108-1"
    ) -> dict:
        row = {
            "id": key,
            "board_id": board,
            "name": name,
            "start": ms(start),
            "finish": ms(finish),
            "archived": False,
            "issues": [],
            "seen_at": self.loaded,
        }
        self.raw["sprints"].append(row)
        return row

    # issues and their histories

    def issue(self, key: str, created: str | datetime = LONG_AGO, **values: object) -> str:
        """An issue; `values` are its present ones, by field name with _ for a blank."""
        issue = {
            "id": key,
            "id_readable": f"APP-{len(self.issues) + 1}",
            "number_in_project": len(self.issues) + 1,
            "summary": None,
            "created": ms(created),
            "updated": ms(created),
            "resolved": None,
            "project": {"id": "0-1", "shortName": "APP"},
            "custom_fields": [],
            "loaded_at": self.loaded,
        }
        self.issues[key] = issue
        self.raw["issues"].append(issue)
        for name, value in {"State": "Open", "Type": "Story", "Team": "A", **values}.items():
            self.show(key, name.replace("_", " "), value)
        return key

    def value(self, issue: str, field: str, name: object) -> object:
        if not isinstance(name, str):
            return name
        project = self.issues[issue]["project"]["id"]
        return {"id": self.element_id(project, field, name), "name": name}

    def show(self, issue: str, field: str, value: object) -> None:
        """Set what the issue shows today."""
        entries = self.issues[issue]["custom_fields"]
        entries[:] = [one for one in entries if one["name"] != field]
        if isinstance(value, list):
            sent: object = [self.value(issue, field, one) for one in value]
        else:
            sent = self.value(issue, field, value)
        entries.append(
            {"name": field, "projectCustomField": {"field": self.field(field)}, "value": sent}
        )

    def activity(
        self, issue: str, when: str | datetime, category: str, added: object, removed: object,
        field: str | None = None, number: int | None = None,
    ) -> None:  # fmt: skip
        self.raw["activities"].append(
            {
                "id": f"0-0.9-{number if number is not None else next(self.numbers) + 1000}",
                "type": "ActivityItem",
                "category_id": category,
                "timestamp": ms(when),
                "issue_id": issue,
                "field_id": FIELDS[field][0] if field else None,
                "field_name": field,
                "target_member": None,
                "added": added,
                "removed": removed,
            }
        )

    def change(
        self, issue: str, when: str | datetime, field: str, old: object, new: object,
        number: int | None = None,
    ) -> None:  # fmt: skip
        """A change of a field; the issue shows the new value from then on."""

        def side(name: object) -> object:
            names = name if isinstance(name, list) else [name]
            return (
                [self.value(issue, field, one) for one in names if one is not None]
                if FIELDS[field][1] not in ("float", "period")
                else name
            )

        self.activity(
            issue, when, "CustomFieldCategory", side(new), side(old), field=field, number=number
        )
        self.show(issue, field, new)

    def resolve(self, issue: str, when: str | datetime, state: str = "Done") -> None:
        self.change(issue, when, "State", "Open", state)
        self.activity(issue, when, "IssueResolvedCategory", added=ms(when), removed=None)
        self.issues[issue]["resolved"] = ms(when)

    def reopen(self, issue: str, when: str | datetime, state: str = "Done") -> None:
        self.change(issue, when, "State", state, "Open")
        resolved = self.issues[issue]["resolved"]
        self.activity(issue, when, "IssueResolvedCategory", added=None, removed=resolved)
        self.issues[issue]["resolved"] = None

    def sprint_row(self, sprint: str) -> dict:
        return next(row for row in self.raw["sprints"] if row["id"] == sprint)

    def hold(self, issue: str, sprint: str) -> None:
        """Put the issue on the sprint's present list without any activity."""
        self.sprint_row(sprint)["issues"].append({"id": issue})

    def join(
        self, issue: str, when: str | datetime, sprint: str = "109-1", number: int | None = None
    ) -> None:
        self.activity(issue, when, "SprintCategory", [{"id": sprint}], [], number=number)
        self.hold(issue, sprint)

    def leave(
        self, issue: str, when: str | datetime, sprint: str = "109-1", number: int | None = None
    ) -> None:
        self.activity(issue, when, "SprintCategory", None, [{"id": sprint}], number=number)
        row = self.sprint_row(sprint)
        row["issues"] = [one for one in row["issues"] if one["id"] != issue]

    def move_project(self, issue: str, when: str | datetime, project: str) -> None:
        old = self.issues[issue]["project"]
        new = {"id": project, "shortName": project}
        self.activity(issue, when, "ProjectCategory", [{"id": "7", "project": new}], [
            {"id": "8", "project": old}
        ])  # fmt: skip
        self.issues[issue]["project"] = new

    def miss(self, issue: str) -> None:
        """Two sweeps in a row did not see the issue, and no sprint lists it any more."""
        self.raw["issue_census"].append(
            {
                "issue_id": issue,
                "missed_sweeps": 2,
                "swept_at": self.loaded + timedelta(days=1),
            }
        )
        for row in self.raw["sprints"]:
            row["issues"] = [one for one in row["issues"] if one["id"] != issue]

    # what comes of it

    def marts(self, as_of: str | datetime = "2026-07-01", **variables: object) -> Marts:
        seeds = variables.pop("seeds", SEEDS)
        return compute(self.raw, Definitions.from_vars(variables, seeds), at(as_of))

    def member(self, issue: str, sprint: str = "109-1", **options: object) -> dict | None:
        rows = self.marts(**options)["fct_sprint_issues"]
        found = [row for row in rows if (row["sprint_id"], row["issue_id"]) == (sprint, issue)]
        return found[0] if found else None

    def flags(self, issue: str, sprint: str = "109-1", **options: object) -> str:
        """What the sprint says of the issue, as the contract's examples put it."""
        row = self.member(issue, sprint, **options)
        if row is None:
            return "no row"
        names = ("planned", "added", "completed", "removed", "carried_over")
        said = [name.replace("_", " ") for name in names if row[f"is_{name}"]]
        return ", ".join(said) or "no flag"

    def fact(self, issue: str, **options: object) -> dict:
        rows = self.marts(**options)["fct_issues"]
        return next(row for row in rows if row["issue_id"] == issue)


@pytest.fixture
def tracker() -> Tracker:
    return Tracker()


# ---- worked examples -----------------------------------------------------------------------------


def test_example_1_percentiles_interpolate_between_ranks() -> None:
    days = [Decimal(number) for number in (3, 1, 4, 2)]
    wanted = {10: "1.30", 25: "1.75", 50: "2.50", 75: "3.25", 85: "3.55", 90: "3.70", 95: "3.85"}
    for percent, value in wanted.items():
        assert percentile_cont(days, percent) == Decimal(value)


@pytest.mark.parametrize(("minutes_per_day", "days"), [(None, "5.00"), (1440, "1.67")])
def test_example_2_a_period_is_minutes_of_working_days(
    tracker: Tracker, minutes_per_day: int | None, days: str
) -> None:
    tracker.issue("2-1", LeadTime={"minutes": 2400})
    tracker.resolve("2-1", "2026-05-02")
    fact = tracker.fact("2-1", lead_time_minutes_per_day=minutes_per_day)
    assert (fact["lead_time_days"], fact["lead_time_source"]) == (Decimal(days), "field")


@pytest.mark.parametrize(
    ("zone", "quarter", "day"),
    [("UTC", "2026-Q1", date(2026, 3, 31)), ("Europe/Moscow", "2026-Q2", date(2026, 4, 1))],
)
def test_example_3_a_quarter_is_that_of_the_reporting_time_zone(
    tracker: Tracker, zone: str, quarter: str, day: date
) -> None:
    tracker.issue("2-1", "2026-03-01")
    tracker.resolve("2-1", "2026-03-31T22:30:00")
    fact = tracker.fact("2-1", timezone=zone)
    assert (fact["quarter"], fact["resolved_date"]) == (quarter, day)


def sprint_of_example_4(tracker: Tracker) -> None:
    for letter in "ABCDEFGHIJ":
        tracker.issue(letter)
    tracker.join("A", "2026-05-20")
    tracker.resolve("A", "2026-06-10")
    tracker.join("B", "2026-06-01T20:00")
    tracker.join("C", "2026-06-05")
    tracker.resolve("C", "2026-06-13")
    tracker.join("D", "2026-05-20")
    tracker.leave("D", "2026-06-07")
    tracker.resolve("D", "2026-06-09")
    tracker.join("E", "2026-05-20")
    tracker.resolve("E", "2026-05-30")
    tracker.join("F", "2026-05-20")
    tracker.resolve("F", "2026-06-12")
    tracker.reopen("F", "2026-06-20")
    tracker.join("G", "2026-05-20")
    tracker.resolve("G", "2026-06-05")
    tracker.reopen("G", "2026-06-08")
    tracker.join("H", "2026-05-20")
    tracker.leave("H", "2026-05-29")
    tracker.join("H", "2026-06-05")
    tracker.resolve("H", "2026-06-08")
    tracker.join("I", "2026-05-20")
    tracker.leave("I", "2026-06-14T16:00")
    tracker.join("I", "2026-06-14T16:00", "109-2")
    tracker.join("J", "2026-05-20")
    tracker.resolve("J", "2026-06-06", "Duplicate")


def test_example_4_a_sprint_as_it_stood(tracker: Tracker) -> None:
    sprint_of_example_4(tracker)
    assert {letter: tracker.flags(letter) for letter in "ABCDEFGHIJ"} == {
        "A": "planned, completed",
        "B": "planned, carried over",
        "C": "added, completed",
        "D": "planned, removed",
        "E": "no flag",
        "F": "planned, completed",
        "G": "planned, carried over",
        "H": "added, completed",
        "I": "planned, carried over",
        "J": "planned, removed",
    }
    rows = tracker.marts()["agg_sprint_throughput"]
    (row,) = [row for row in rows if row["sprint_id"] == "109-1"]
    assert {name: row[f"{name}_count"] for name in (
        "planned", "completed", "planned_completed", "added", "removed", "carried_over"
    )} == {
        "planned": 7,
        "completed": 4,
        "planned_completed": 2,
        "added": 2,
        "removed": 2,
        "carried_over": 3,
    }  # fmt: skip
    assert row["completion_rate"] == Decimal("0.2857")
    assert row["planned_points"] == Decimal("0.00")


def test_example_5_state_visits_and_a_change_between_equal_names(tracker: Tracker) -> None:
    tracker.add_project("0-2", "WEB")
    tracker.issue("2-1", "2026-06-01", State="Done")
    tracker.change("2-1", "2026-06-02", "State", "Open", "In Progress")
    old = tracker.value("2-1", "State", "In Progress")
    tracker.move_project("2-1", "2026-06-03", "0-2")
    new = tracker.value("2-1", "State", "In Progress")
    tracker.activity("2-1", "2026-06-03", "CustomFieldCategory", [new], [old], field="State")
    tracker.change("2-1", "2026-06-05", "State", "In Progress", "Done")
    tracker.activity("2-1", "2026-06-05", "IssueResolvedCategory", ms("2026-06-05"), None)
    tracker.issues["2-1"]["resolved"] = ms("2026-06-05")
    marts = tracker.marts()
    assert [
        (row["visit_number"], row["state"], row["state_category"], row["days"], row["left_at"])
        for row in marts["fct_state_intervals"]
    ] == [
        (1, "Open", "todo", Decimal("1.00"), at("2026-06-02")),
        (2, "In Progress", "in_progress", Decimal("3.00"), at("2026-06-05")),
        (3, "Done", "done", Decimal("0.00"), None),
    ]
    (fact,) = marts["fct_issues"]
    assert fact["started_at"] == at("2026-06-02")
    assert (fact["cycle_time_days"], fact["lead_time_days"]) == (Decimal("3.00"), Decimal("4.00"))
    assert not fact["has_history_mismatch"]
    assert fact["issue_id_readable"] == "WEB-1"


def test_example_6_the_interval_that_meets_the_sprint(tracker: Tracker) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    tracker.leave("2-1", "2026-05-28")
    tracker.join("2-1", "2026-05-30")
    tracker.issue("2-2")
    tracker.join("2-2", "2026-05-20")
    tracker.resolve("2-2", "2026-05-25", "Duplicate")
    assert tracker.flags("2-1", as_of="2026-06-10") == "planned, carried over"
    member = tracker.member("2-1")
    assert member is not None
    assert (member["added_at"], member["removed_at"]) == (at("2026-05-30"), None)
    assert tracker.flags("2-2") == "no flag"


# ---- lead time -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "variables", "days", "source"),
    [
        ({"minutes": 2400}, {}, "5.00", "field"),
        ({"minutes": 0}, {}, "0.00", "field"),
        ({"minutes": -1}, {}, "3.00", "history"),
        ({"minutes": 2147483647}, {}, "3.00", "history"),
        ({"minutes": None}, {}, "3.00", "history"),
        ({"$type": "PeriodValue"}, {}, "3.00", "history"),
        (None, {}, "3.00", "history"),
        (None, {"lead_time_fallback": "none"}, None, "(none)"),
        (2.675, {}, "2.68", "field"),
        (36, {"lead_time_unit": "hours"}, "1.50", "field"),
        (720, {"lead_time_unit": "minutes"}, "0.50", "field"),
        (2147483647, {"lead_time_unit": "minutes"}, "3.00", "history"),
        (-5, {}, "3.00", "history"),
        (16, {"lead_time_unit": "hours", "lead_time_minutes_per_day": 480}, "2.00", "field"),
        (960, {"lead_time_unit": "minutes", "lead_time_minutes_per_day": 480}, "2.00", "field"),
        (2, {"lead_time_unit": "days", "lead_time_minutes_per_day": 480}, "2.00", "field"),
    ],
)
def test_lead_time_is_the_fields_else_the_spans(
    tracker: Tracker, value: object, variables: dict, days: str | None, source: str
) -> None:
    tracker.issue("2-1", "2026-05-01", LeadTime=value)
    tracker.resolve("2-1", "2026-05-04")
    fact = tracker.fact("2-1", **variables)
    wanted = None if days is None else Decimal(days)
    assert (fact["lead_time_days"], fact["lead_time_source"]) == (wanted, source)
    assert not fact["has_time_error"]


def test_the_instances_working_day_divides_a_period(tracker: Tracker) -> None:
    tracker.raw["work_time_settings"].append({"id": "1", "minutes_a_day": 300})
    tracker.issue("2-1", LeadTime={"minutes": 2400})
    tracker.resolve("2-1", "2026-05-04")
    assert tracker.fact("2-1")["lead_time_days"] == Decimal("8.00")


def test_two_minutes_over_midnight_are_no_day(tracker: Tracker) -> None:
    tracker.issue("2-1", "2026-05-01T23:59")
    tracker.resolve("2-1", "2026-05-02T00:01")
    assert tracker.fact("2-1")["lead_time_days"] == Decimal("0.00")


def test_day_and_bucket_are_those_of_the_rounded_days(tracker: Tracker) -> None:
    tracker.issue("2-1", "2026-05-01")
    tracker.resolve("2-1", "2026-05-04T23:57")
    fact = tracker.fact("2-1")
    assert (fact["lead_time_days"], fact["lead_time_day"]) == (Decimal("4.00"), 4)
    assert (fact["lead_time_bucket"], fact["lead_time_bucket_order"]) == ("4 and more", 3)


def test_a_negative_span_is_an_error_and_in_no_aggregate(tracker: Tracker) -> None:
    tracker.issue("2-1", "2026-05-04", State="Done")
    tracker.issues["2-1"]["resolved"] = ms("2026-05-03")
    marts = tracker.marts()
    (fact,) = marts["fct_issues"]
    assert (fact["lead_time_days"], fact["has_time_error"]) == (None, True)
    assert marts["agg_lead_time_spectrum"] == []
    assert marts["agg_lead_time_percentiles"] == []


def test_work_that_starts_after_the_resolution_is_a_time_error(tracker: Tracker) -> None:
    tracker.issue("2-1", "2026-05-01", LeadTime={"minutes": 480})
    tracker.resolve("2-1", "2026-05-03")
    tracker.change("2-1", "2026-05-04", "State", "Done", "In Progress")
    marts = tracker.marts()
    (fact,) = marts["fct_issues"]
    assert (fact["cycle_time_days"], fact["lead_time_days"]) == (None, Decimal("1.00"))
    assert fact["has_time_error"]
    assert marts["agg_lead_time_spectrum"] == []
    assert marts["agg_lead_time_percentiles"] == []


def test_cycle_time_starts_at_the_creation_of_an_issue_created_in_progress(
    tracker: Tracker,
) -> None:
    tracker.issue("2-1", "2026-05-01")
    tracker.change("2-1", "2026-05-02", "State", "In Progress", "Open")
    tracker.resolve("2-1", "2026-05-03")
    fact = tracker.fact("2-1")
    assert (fact["started_at"], fact["cycle_time_days"]) == (at("2026-05-01"), Decimal("2.00"))


def test_a_cancelled_issue_has_no_lead_time_and_no_quarter(tracker: Tracker) -> None:
    tracker.issue("2-1")
    tracker.resolve("2-1", "2026-05-04", "Duplicate")
    fact = tracker.fact("2-1")
    assert (fact["is_resolved"], fact["is_cancelled"], fact["is_done"]) == (True, True, False)
    assert (fact["quarter"], fact["lead_time_days"]) == ("(none)", None)
    assert fact["resolved_date"] == date(2026, 5, 4)


def test_the_spectrum_counts_done_issues_of_included_teams(tracker: Tracker) -> None:
    for number, team in enumerate(("A", "A", "B", "Support", None)):
        tracker.issue(f"2-{number}", "2026-05-01", Team=team)
        tracker.resolve(f"2-{number}", "2026-05-04")
    marts = tracker.marts()
    counts = {row["team"]: row["issues_count"] for row in marts["agg_lead_time_spectrum"]}
    assert counts == {"A": 2, "B": 1, "APP": 1}
    cube = {
        tuple(row[column] for column in KEYS["agg_lead_time_percentiles"]): row
        for row in marts["agg_lead_time_percentiles"]
    }
    whole = cube["(all)", "(all)", "(all)", "(all)"]
    assert (whole["issues_count"], whole["p50"]) == (4, Decimal("3.00"))
    assert cube["A", "(all)", "(none)", "2026-Q2"]["issues_count"] == 2
    assert len(cube) == 2**3 * 4
    excluded = [row for row in marts["fct_issues"] if row["is_excluded_team"]]
    assert [row["team"] for row in excluded] == ["Support"]


@pytest.mark.parametrize(
    ("quantile", "value"), [(0.1, 3), (0.5, 15), (0.95, 29), (1, 30), (Decimal("0.01"), 1)]
)
def test_the_nearest_rank_takes_the_quantile_as_written(quantile: float, value: int) -> None:
    # 0.1 * 30 is 3.0000000000000004 in floats, whose ceiling is a rank too high
    assert nearest_rank([Decimal(number) for number in range(1, 31)], quantile) == value


# ---- words ---------------------------------------------------------------------------------------


def test_a_state_category_is_the_seeds_else_the_bundles(tracker: Tracker) -> None:
    for number, state in enumerate(("in Progress", "Waiting", "Incoming", "Done", None)):
        tracker.issue(f"2-{number}", State=state)
    facts = tracker.marts()["fct_issues"]
    categories = [row["state_category"] for row in facts]
    # Incoming has the smallest ordinal of a bundle without a default
    assert categories == ["in_progress", "in_progress", "todo", "done", "(none)"]


def test_a_state_in_capital_cyrillic_is_found_in_the_seed(tracker: Tracker) -> None:
    tracker.issue("2-1", State="ГОТОВО")
    assert tracker.fact("2-1")["state_category"] == "done"


def test_the_projects_default_state_is_todo_and_the_smallest_ordinal_then_is_not(
    tracker: Tracker,
) -> None:
    state = tracker.raw["custom_fields"][0]
    waiting = next(one for one in state["bundle"]["values"] if one["name"] == "Waiting")
    state["default_values"] = [{"id": waiting["id"]}]
    tracker.issue("2-1", State="Waiting")
    tracker.issue("2-2", State="Incoming")
    categories = [row["state_category"] for row in tracker.marts()["fct_issues"]]
    assert categories == ["todo", "in_progress"]


def test_resolved_decides_where_the_seed_disagrees(tracker: Tracker) -> None:
    tracker.issue("2-1", State="Duplicate")
    tracker.issue("2-2", "2026-05-01", State="In Progress")
    tracker.issues["2-2"]["resolved"] = ms("2026-05-04")
    first, second = tracker.marts()["fct_issues"]
    assert (first["is_cancelled"], first["is_resolved"]) == (False, False)
    assert (second["is_done"], second["state_category"]) == (True, "in_progress")


def test_names_are_those_of_the_catalogue_today(tracker: Tracker) -> None:
    tracker.issue("2-1", State="Open", Assignee={"id": "1-1", "login": "old"})
    tracker.raw["users"].append({"id": "1-1", "login": "new"})
    tracker.raw["projects"][0]["short_name"] = "NEW"
    state = tracker.raw["custom_fields"][0]
    state["bundle"]["values"][0]["name"] = "Backlog"
    fact = tracker.fact("2-1")
    assert (fact["state"], fact["assignee"]) == ("Backlog", "new")
    assert (fact["project"], fact["issue_id_readable"]) == ("NEW", "NEW-1")


def test_a_field_is_found_by_its_localised_name_and_followed_by_its_id(tracker: Tracker) -> None:
    for row in tracker.raw["custom_fields"]:
        if row["field"]["name"] == "Team":
            row["field"] |= {"name": "Squad", "localizedName": "Команда"}
    tracker.issue("2-1", Team="A")
    assert tracker.fact("2-1")["team"] == "A"


def test_two_state_fields_and_none_named_are_refused(tracker: Tracker) -> None:
    tracker.raw["custom_fields"].append(
        {
            "id": "92-99",
            "project_id": "0-1",
            "type": "StateProjectCustomField",
            "field": {"id": "101-99", "name": "Analysis", "fieldType": {"valueType": "state"}},
            "bundle": None,
            "default_values": None,
        }
    )
    tracker.issue("2-1")
    with pytest.raises(DefinitionError, match="Analysis.*State"):
        tracker.marts()
    assert tracker.fact("2-1", state_field="State")["state"] == "Open"


def test_a_name_that_somebody_set_and_no_project_has_is_refused(tracker: Tracker) -> None:
    with pytest.raises(DefinitionError, match="team_field"):
        tracker.marts(team_field="Squad")


def test_the_team_of_an_issue_without_one_is_that_of_its_smallest_board(
    tracker: Tracker,
) -> None:
    teams = [{"board_id": f"108-{number}", "team": f"Board {number}"} for number in (9, 10)]
    for number in (9, 10):
        tracker.add_board(f"108-{number}", "Another")
        tracker.add_sprint(f"110-{number}", "S", START, FINISH, f"108-{number}")
    tracker.issue("2-1", Team=None)
    tracker.issue("2-2", Team=None)
    for number in (10, 9):
        tracker.hold("2-1", f"110-{number}")
    seeds = SEEDS | {"board_teams": teams}
    facts = tracker.marts(seeds=seeds)["fct_issues"]
    assert [row["team"] for row in facts] == ["Board 9", "APP"]


def test_projects_out_of_scope_are_out_of_the_marts(tracker: Tracker) -> None:
    tracker.add_project("0-2", "WEB")
    tracker.issue("2-1")
    tracker.issue("2-2")
    tracker.issues["2-2"]["project"] = {"id": "0-2", "shortName": "WEB"}
    tracker.hold("2-2", "109-1")
    for number, scope in enumerate((None, ["0-1"])):
        moment = tracker.loaded + timedelta(hours=number)
        tracker.raw["extract_runs"].append(
            {"scope": scope, "started_at": moment, "finished_at": moment}
        )
    marts = tracker.marts()
    assert [row["issue_id"] for row in marts["fct_issues"]] == ["2-1"]
    assert marts["fct_sprint_issues"] == []


def test_an_issue_that_was_loaded_again_is_not_missing(tracker: Tracker) -> None:
    for key in ("2-1", "2-2"):
        tracker.issue(key)
        tracker.miss(key)
    tracker.issues["2-2"]["loaded_at"] = tracker.loaded + timedelta(days=2)
    facts = tracker.marts()["fct_issues"]
    assert [row["is_missing"] for row in facts] == [True, False]


# ---- the history of states -----------------------------------------------------------------------


def test_changes_of_one_millisecond_are_ordered_by_their_chain(tracker: Tracker) -> None:
    tracker.issue("2-1", "2026-06-01")
    # the ids run against the chain, as numbers and as text
    tracker.change("2-1", "2026-06-02", "State", "Open", "In Progress", number=30)
    tracker.change("2-1", "2026-06-02", "State", "In Progress", "Waiting", number=200)
    tracker.change("2-1", "2026-06-02", "State", "Waiting", "Done", number=1)
    rows = tracker.marts(as_of="2026-06-03")["fct_state_intervals"]
    assert [row["state"] for row in rows] == ["Open", "In Progress", "Waiting", "Done"]
    assert [row["days"] for row in rows] == [Decimal(text) for text in ("1.00", "0", "0", "1.00")]


def test_a_history_that_leads_elsewhere_is_flagged(tracker: Tracker) -> None:
    tracker.issue("2-1")
    tracker.change("2-1", "2026-06-02", "State", "Open", "In Progress")
    tracker.show("2-1", "State", "Waiting")
    tracker.issue("2-2", State="Waiting")
    assert [row["has_history_mismatch"] for row in tracker.marts()["fct_issues"]] == [True, False]


WAITING = {"state": "Waiting", "category": "waiting"}
SEEDS_WITH_WAITING = SEEDS | {"state_categories": [*SEEDS["state_categories"], WAITING]}


def exception(date: str, is_working: bool, opens: str = "", closes: str = "") -> dict:
    """A row of work_calendar_days."""
    return {
        "date": date,
        "is_working": str(is_working).lower(),
        "opens_at": opens or None,
        "closes_at": closes or None,
        "name": None,
    }


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-06-05T17:00", "2026-06-08T10:30", "2.50"),
        ("2026-06-06T10:00", "2026-06-07T12:00", "0.00"),
        ("2026-06-11T17:00", "2026-06-15T10:00", "2.00"),
        # Saturday the 20th is worked in place of Friday the 19th, and an hour less
        ("2026-06-18T18:00", "2026-06-22T09:00", "8.00"),
        ("2026-06-20T16:00", "2026-06-20T23:00", "1.00"),
        ("2026-06-05T12:00", "2026-06-05T12:00", "0.00"),
        ("2026-06-05T17:00", "2026-06-05T16:59:59", None),
    ],
)
def test_example_7_working_time(tracker: Tracker, start: str, end: str, hours: str | None) -> None:
    tracker.issue("2-1", start, State="In Progress")
    tracker.resolve("2-1", end)
    days = [
        exception("2026-06-12", False),
        exception("2026-06-19", False),
        exception("2026-06-20", True, closes="17:00"),
    ]
    fact = tracker.fact("2-1", seeds=SEEDS | {"work_calendar_days": days})
    assert fact["lead_time_work_hours"] == (hours and Decimal(hours))


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        # in Berlin the night before 29 March lacks an hour, that before 25 October has one twice
        ("2026-03-28T23:00", "2026-03-29T22:00", "23.00"),
        ("2026-03-29T00:30", "2026-03-29T01:30", "1.00"),
        ("2026-10-24T22:00", "2026-10-25T23:00", "25.00"),
    ],
)
def test_working_time_is_time_that_passes(
    tracker: Tracker, start: str, end: str, hours: str
) -> None:
    tracker.issue("2-1", start)
    tracker.resolve("2-1", end)
    sunday = [{"weekday": 7, "opens_at": "00:00", "closes_at": "24:00"}]
    fact = tracker.fact("2-1", timezone="Europe/Berlin", seeds=SEEDS | {"work_week": sunday})
    assert fact["lead_time_work_hours"] == Decimal(hours)


def test_example_8_active_and_waiting(tracker: Tracker) -> None:
    tracker.issue("2-1", "2026-06-01")
    states = ("Open", "In Progress", "Waiting", "In Progress")
    for day, old, new in zip((2, 4, 5), states, states[1:], strict=False):
        tracker.change("2-1", f"2026-06-0{day}", "State", old, new)
    tracker.resolve("2-1", "2026-06-06")
    fact = tracker.fact("2-1", seeds=SEEDS_WITH_WAITING)
    assert (fact["active_days"], fact["waiting_days"]) == (Decimal("3.00"), Decimal("1.00"))
    assert fact["flow_efficiency"] == Decimal("0.7500")
    assert (fact["cycle_time_days"], fact["reopened_count"]) == (Decimal("4.00"), 0)
    # Tuesday to Friday
    assert fact["cycle_time_work_hours"] == Decimal("36.00")


def test_what_is_started_and_open_is_in_work_until_it_is_missing(tracker: Tracker) -> None:
    tracker.issue("2-1", "2026-06-01")
    tracker.change("2-1", "2026-06-02", "State", "Open", "In Progress")
    tracker.change("2-1", "2026-06-29T12:00", "State", "In Progress", "Waiting")
    fact = tracker.fact("2-1", as_of="2026-07-01", seeds=SEEDS_WITH_WAITING)
    assert (fact["is_wip"], fact["wip_age_days"]) == (True, Decimal("29.00"))
    assert (fact["state_age_days"], fact["waiting_days"]) == (Decimal("1.50"), Decimal("1.50"))
    tracker.miss("2-1")
    fact = tracker.fact("2-1", as_of="2026-07-01", seeds=SEEDS_WITH_WAITING)
    assert (fact["is_wip"], fact["wip_age_days"], fact["state_age_days"]) == (False, None, None)


def test_a_reopening_takes_back_a_resolution_that_stood(tracker: Tracker) -> None:
    tracker.issue("2-1", "2026-06-01")
    for day in (2, 4):
        tracker.resolve("2-1", f"2026-06-0{day}")
        tracker.reopen("2-1", f"2026-06-0{day + 1}")
    # and at once
    tracker.resolve("2-1", "2026-06-08")
    tracker.reopen("2-1", "2026-06-08")
    assert tracker.fact("2-1")["reopened_count"] == 2
    # a resolution that nothing else is recorded of
    tracker.issue("2-2", "2026-06-01")
    removed = ms("2026-06-02")
    tracker.activity("2-2", "2026-06-03", "IssueResolvedCategory", added=None, removed=removed)
    assert tracker.fact("2-2")["reopened_count"] == 1


def test_a_visit_says_when_it_ended_and_what_of_it_was_working_time(tracker: Tracker) -> None:
    tracker.issue("2-1", "2026-06-29T17:00")
    tracker.change("2-1", "2026-06-30T21:00:00.001", "State", "Open", "In Progress")
    options = {"as_of": "2026-07-01T08:00", "timezone": "Europe/Moscow"}
    first, second = tracker.marts(**options)["fct_state_intervals"]
    assert (first["left_quarter"], second["left_quarter"]) == ("2026-Q3", "(none)")
    # 20:00 to midnight, and a day from 9 to 18 by the clock in Moscow
    assert (first["seconds"], first["work_hours"]) == (Decimal("100800.001"), Decimal("9.00"))
    assert (second["seconds"], second["work_hours"]) == (Decimal("39599.999"), Decimal("2.00"))
    assert (first["project"], first["team"], first["issue_type"]) == ("APP", "A", "Story")


def test_the_open_visit_of_a_resolved_issue_ends_with_its_resolution(tracker: Tracker) -> None:
    tracker.issue("2-1", "2026-05-01", State="Done")
    tracker.issues["2-1"]["resolved"] = ms("2026-05-03")
    tracker.issue("2-2", "2026-05-04", State="Done")
    tracker.issues["2-2"]["resolved"] = ms("2026-05-03")
    rows = tracker.marts()["fct_state_intervals"]
    assert [row["days"] for row in rows] == [Decimal("2.00"), Decimal("0.00")]


# ---- the edges of a sprint -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "flags"),
    edges(BASELINE, "planned", "planned", "added"),
)
def test_who_comes_by_the_end_of_the_planning_grace_is_planned(
    tracker: Tracker, when: datetime, flags: str
) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", when)
    assert tracker.flags("2-1") == f"{flags}, carried over"


@pytest.mark.parametrize(
    ("when", "flags"),
    edges(BASELINE, "no flag", "no flag", "planned, removed"),
)
def test_who_leaves_within_the_planning_grace_was_never_planned(
    tracker: Tracker, when: datetime, flags: str
) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    tracker.leave("2-1", when)
    assert tracker.flags("2-1") == flags


@pytest.mark.parametrize(
    ("when", "flags"),
    edges(START, "no flag", "planned, completed", "planned, completed"),
)
def test_a_resolution_before_the_start_is_not_the_sprints(
    tracker: Tracker, when: datetime, flags: str
) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    tracker.resolve("2-1", when)
    assert tracker.flags("2-1") == flags


@pytest.mark.parametrize(("when", "flags"), edges(START, "planned", "added", "added"))
def test_an_issue_reopened_at_the_start_was_resolved_just_before(
    tracker: Tracker, when: datetime, flags: str
) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    tracker.resolve("2-1", "2026-05-25")
    tracker.reopen("2-1", when)
    assert tracker.flags("2-1") == f"{flags}, carried over"


@pytest.mark.parametrize(
    ("when", "flags"),
    edges(FINISH, "completed", "completed", "carried over"),
)
def test_a_resolution_counts_up_to_the_finish(tracker: Tracker, when: datetime, flags: str) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    tracker.resolve("2-1", when)
    assert tracker.flags("2-1") == f"planned, {flags}"


@pytest.mark.parametrize(
    ("when", "flags"),
    edges(FINISH, "carried over", "carried over", "completed"),
)
def test_a_reopening_counts_up_to_the_finish(tracker: Tracker, when: datetime, flags: str) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    tracker.resolve("2-1", "2026-06-10")
    tracker.reopen("2-1", when)
    assert tracker.flags("2-1") == f"planned, {flags}"


@pytest.mark.parametrize(
    ("when", "rows"),
    edges(FINISH, "added, carried over", "added, carried over", "no row"),
)
def test_who_comes_at_the_finish_was_in_the_sprint(
    tracker: Tracker, when: datetime, rows: str
) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", when)
    assert tracker.flags("2-1") == rows


@pytest.mark.parametrize(
    ("when", "rows"),
    edges(START, "no row", "no row", "no flag"),
)
def test_who_leaves_at_the_start_was_not_in_the_sprint(
    tracker: Tracker, when: datetime, rows: str
) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    tracker.leave("2-1", when)
    assert tracker.flags("2-1") == rows


@pytest.mark.parametrize(
    ("when", "flags"),
    [
        *edges("2026-06-13T23:59:59.999", "removed", "carried over", "carried over"),
        *edges(FINISH, "carried over", "carried over", "carried over"),
    ],
)
def test_leftovers_moved_within_the_closing_grace_are_carried_over(
    tracker: Tracker, when: datetime, flags: str
) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    tracker.leave("2-1", when)
    tracker.join("2-1", when, "109-2")
    assert tracker.flags("2-1") == f"planned, {flags}"
    member = tracker.member("2-1")
    assert member is not None
    assert (member["removed_at"] is None) == (flags == "carried over")


@pytest.mark.parametrize(
    ("seconds", "flags"),
    [(-60, "carried over"), (60, "carried over"), (60.001, "removed"), (-60.001, "removed")],
)
def test_a_move_is_a_removal_and_an_addition_within_one_minute(
    tracker: Tracker, seconds: float, flags: str
) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    when = at("2026-06-14T16:00")
    tracker.leave("2-1", when)
    tracker.join("2-1", when + timedelta(seconds=seconds), "109-2")
    assert tracker.flags("2-1") == f"planned, {flags}"


def test_a_move_to_an_earlier_sprint_or_another_board_is_a_removal(tracker: Tracker) -> None:
    tracker.add_board("108-2", "Other")
    tracker.add_sprint("110-1", "Later", "2026-06-15", "2026-06-28", "108-2")
    tracker.add_sprint("109-0", "Earlier", "2026-05-18", "2026-05-31")
    for key, target in (("2-1", "110-1"), ("2-2", "109-0")):
        tracker.issue(key)
        tracker.join(key, "2026-05-20")
        tracker.leave(key, "2026-06-14T16:00")
        tracker.join(key, "2026-06-14T16:00", target)
        assert tracker.flags(key) == "planned, removed"


def test_the_graces_are_vars(tracker: Tracker) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-06-01T20:00")
    tracker.leave("2-1", "2026-06-14T16:00")
    tracker.join("2-1", "2026-06-14T16:00", "109-2")
    assert tracker.flags("2-1") == "planned, carried over"
    none = {"sprint_planning_grace_hours": 0, "sprint_closing_grace_hours": 0}
    assert tracker.flags("2-1", **none) == "added, removed"


def test_a_sprint_that_has_not_begun_has_no_rows(tracker: Tracker) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    before, exactly, _ = around(START)
    assert tracker.flags("2-1", as_of=before) == "no row"
    assert tracker.flags("2-1", as_of=exactly) == "planned, carried over"


def test_an_open_sprint_is_judged_now(tracker: Tracker) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    tracker.resolve("2-1", "2026-06-10")
    assert tracker.flags("2-1", as_of="2026-06-09T23:00") == "planned, carried over"
    assert tracker.flags("2-1", as_of="2026-06-10") == "planned, completed"
    closed = [tracker.marts(as_of=moment)["dim_sprints"][0] for moment in around(FINISH)]
    assert [row["is_closed"] for row in closed] == [False, False, True]


# ---- membership ----------------------------------------------------------------------------------


def test_removed_and_added_again_before_the_start_is_planned(tracker: Tracker) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    tracker.leave("2-1", "2026-05-30")
    tracker.join("2-1", "2026-05-31")
    member = tracker.member("2-1")
    assert member is not None
    assert (member["is_planned"], member["added_at"]) == (True, at("2026-05-31"))


def test_added_and_removed_inside_is_added_and_removed(tracker: Tracker) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-06-05")
    tracker.leave("2-1", "2026-06-06")
    member = tracker.member("2-1")
    assert member is not None
    assert tracker.flags("2-1") == "added, removed"
    assert member["removed_at"] == at("2026-06-06")


def test_the_last_of_two_resolutions_in_one_sprint_completes(tracker: Tracker) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    tracker.resolve("2-1", "2026-06-03")
    tracker.reopen("2-1", "2026-06-05")
    tracker.resolve("2-1", "2026-06-08")
    member = tracker.member("2-1")
    assert member is not None
    assert member["completed_at"] == at("2026-06-08")
    assert tracker.flags("2-1") == "planned, completed"


def test_an_issue_taken_out_at_its_resolution_was_no_member_then(tracker: Tracker) -> None:
    for key, when in (("2-1", "2026-06-10"), ("2-2", "2026-06-10T00:00:00.001")):
        tracker.issue(key)
        tracker.join(key, "2026-05-20")
        tracker.resolve(key, "2026-06-10")
        tracker.leave(key, when)
    assert tracker.flags("2-1") == "planned, removed"
    assert tracker.flags("2-2") == "planned, completed"
    sprints = [row["sprint"] for row in tracker.marts()["fct_issues"]]
    assert sprints == ["(none)", "S1"]


def test_a_member_at_the_finish_completes_what_was_resolved_outside(tracker: Tracker) -> None:
    tracker.issue("2-1")
    tracker.resolve("2-1", "2026-06-05")
    tracker.join("2-1", "2026-06-06")
    assert tracker.flags("2-1") == "added, completed"


def test_an_early_completion_is_planned_only_of_a_member(tracker: Tracker) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-06-01T10:00")
    tracker.resolve("2-1", "2026-06-01T12:00")
    tracker.leave("2-1", "2026-06-01T13:00")
    tracker.issue("2-2")
    tracker.resolve("2-2", "2026-06-01T12:00")
    tracker.join("2-2", "2026-06-03")
    assert tracker.flags("2-1") == "planned, completed"
    assert tracker.flags("2-2") == "added, completed"


def test_a_member_without_any_history_was_in_since_its_creation(tracker: Tracker) -> None:
    tracker.issue("2-1", "2026-05-10")
    tracker.hold("2-1", "109-1")
    tracker.issue("2-2")
    tracker.join("2-2", "2026-05-20")
    first, second = tracker.member("2-1"), tracker.member("2-2")
    assert first is not None
    assert second is not None
    assert (first["added_at"], first["is_membership_inferred"]) == (at("2026-05-10"), True)
    assert second["is_membership_inferred"] is False


def test_a_first_event_that_takes_out_means_in_since_the_creation(tracker: Tracker) -> None:
    tracker.issue("2-1", "2026-05-10")
    tracker.leave("2-1", "2026-06-05")
    member = tracker.member("2-1")
    assert member is not None
    assert (member["added_at"], member["is_membership_inferred"]) == (at("2026-05-10"), True)
    assert tracker.flags("2-1") == "planned, removed"


def test_out_and_in_again_in_one_millisecond_is_no_leaving(tracker: Tracker) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    tracker.leave("2-1", "2026-06-05", number=9)
    tracker.join("2-1", "2026-06-05", number=10)
    tracker.issue("2-2")
    tracker.join("2-2", "2026-05-20")
    tracker.join("2-2", "2026-06-05", number=11)
    tracker.leave("2-2", "2026-06-05", number=12)
    tracker.hold("2-2", "109-1")
    assert tracker.flags("2-1") == tracker.flags("2-2") == "planned, carried over"
    member = tracker.member("2-2")
    assert member is not None
    assert (member["added_at"], member["removed_at"]) == (at("2026-05-20"), None)


def test_a_missing_issue_stays_in_a_closed_sprint_and_leaves_an_open_one(
    tracker: Tracker,
) -> None:
    for key in ("2-1", "2-2"):
        tracker.issue(key)
        tracker.join(key, "2026-05-20")
    before = tracker.member("2-1")
    tracker.miss("2-1")
    assert tracker.member("2-1") == before
    assert tracker.flags("2-1", as_of="2026-06-10") == "planned, removed"
    assert tracker.flags("2-2", as_of="2026-06-10") == "planned, carried over"


def test_a_deleted_sprint_keeps_its_rows(tracker: Tracker) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    before = tracker.member("2-1")
    tracker.sprint_row("109-1")["seen_at"] -= timedelta(days=1)
    assert tracker.member("2-1") == before
    assert [row["is_missing"] for row in tracker.marts()["dim_sprints"]] == [True, False]


def test_a_member_of_two_overlapping_sprints_counts_in_each(tracker: Tracker) -> None:
    tracker.add_board("108-2", "Other")
    tracker.add_sprint("110-1", "O1", "2026-06-08", "2026-06-21T23:59:59.999", "108-2")
    tracker.issue("2-1", Story_points=3)
    tracker.join("2-1", "2026-05-20")
    tracker.join("2-1", "2026-05-20", "110-1")
    tracker.resolve("2-1", "2026-06-10")
    assert tracker.flags("2-1") == tracker.flags("2-1", "110-1") == "planned, completed"
    marts = tracker.marts()
    assert [row["completed_points"] for row in marts["agg_sprint_throughput"]] == [3, 3]
    # of the sprints that hold the resolution, the one that started last
    assert marts["fct_issues"][0]["sprint"] == "O1"
    assert marts["fct_issues"][0]["sprint_start_date"] == date(2026, 6, 8)


def test_of_sprints_that_start_together_the_smallest_id_by_number_wins(tracker: Tracker) -> None:
    tracker.add_board("108-2", "Other")
    for number in (10, 9):
        tracker.add_sprint(f"110-{number}", f"O{number}", "2026-06-08", "2026-06-21", "108-2")
    tracker.issue("2-1")
    for number in (10, 9):
        tracker.join("2-1", "2026-05-20", f"110-{number}")
    tracker.resolve("2-1", "2026-06-10")
    assert tracker.fact("2-1")["sprint"] == "O9"


def test_a_synced_board_follows_its_field_by_name_within_its_projects(tracker: Tracker) -> None:
    tracker.add_project("0-2", "WEB")
    sync = {"isExplicit": False, "sprintSyncField": {"id": "101-7", "name": "Sprints"}}
    tracker.add_board("108-2", "Synced", **sync)
    tracker.add_sprint("110-1", "V1", START, FINISH, "108-2")
    tracker.issue("2-1")
    tracker.change("2-1", "2026-05-20", "Sprints", None, ["V1", "V0"])
    tracker.issue("2-2")
    tracker.change("2-2", "2026-06-05", "Sprints", ["V1"], [])
    tracker.issue("2-3", Sprints=["V1"])
    tracker.issue("2-4", Sprints=["V1"])
    tracker.move_project("2-4", "2026-06-05", "0-2")
    tracker.change("2-4", "2026-06-07", "Sprints", ["V1"], [])
    # the synced board is not moved by activities on sprints
    tracker.issue("2-5")
    tracker.join("2-5", "2026-05-20", "110-1")
    tracker.change("2-5", "2026-05-21", "Sprints", None, ["V0"])
    keys = ("2-1", "2-2", "2-3", "2-4", "2-5")
    assert [tracker.flags(key, "110-1") for key in keys] == [
        "planned, carried over",
        "planned, removed",
        "planned, carried over",
        "planned, removed",
        "no row",
    ]
    members = [tracker.member(key, "110-1") for key in keys[:4]]
    assert [row["is_membership_inferred"] for row in members if row] == [False, True, True, True]


def test_a_project_off_the_board_keeps_its_issues_in_the_sprints_that_had_finished(
    tracker: Tracker,
) -> None:
    tracker.add_project("0-2", "WEB")
    sync = {"isExplicit": False, "sprintSyncField": {"id": "101-7", "name": "Sprints"}}
    tracker.add_board("108-2", "Synced", **sync)
    tracker.add_sprint("110-1", "V1", START, FINISH, "108-2")
    tracker.add_sprint("110-2", "V2", "2026-06-15", "2026-06-28T23:59:59.999", "108-2")
    for project, key in (("0-1", "2-1"), ("0-2", "2-2")):
        tracker.issue(key)
        tracker.issues[key]["project"]["id"] = project
        tracker.change(key, "2026-05-20", "Sprints", None, ["V1"])
        tracker.change(key, "2026-06-14T16:00", "Sprints", ["V1"], ["V2"])

    def told(missed_at: str) -> list[str]:
        past = [{"id": "0-2", "missed_at": f"{missed_at}+00:00"}]
        tracker.raw["boards"][-1]["past_projects"] = past
        return [tracker.flags("2-2", sprint) for sprint in ("110-1", "110-2")]

    stays = "planned, carried over"
    assert [tracker.flags("2-1", sprint) for sprint in ("110-1", "110-2")] == [stays, stays]
    assert told("2026-06-29T00:00:00") == [stays, stays]
    # moved on at the review, to a sprint that has lost it since
    assert told("2026-06-28T23:59:59.999") == [stays, "no row"]
    assert told("2026-06-15T00:00:00") == [stays, "no row"]
    assert told("2026-06-14T23:59:59.999") == ["no row", "no row"]


def test_who_follows_a_query_is_a_member_by_inference(tracker: Tracker) -> None:
    tracker.add_board("108-2", "Query", isExplicit=False, explicitQuery="#Unresolved")
    tracker.add_sprint("110-1", "Q", START, FINISH, "108-2")
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20", "110-1")
    tracker.join("2-1", "2026-05-20", "109-1")
    members = [tracker.member("2-1", sprint) for sprint in ("110-1", "109-1")]
    assert [row["is_membership_inferred"] for row in members if row] == [True, False]


def test_values_of_the_named_version_field_with_two_dates_are_sprints(tracker: Tracker) -> None:
    noon_1, noon_7 = ms("2026-06-01T12:00"), ms("2026-06-07T12:00")
    bundle = {
        "values": [
            {"id": "55-1", "name": "R1", "startDate": noon_1, "releaseDate": noon_7},
            {"id": "55-2", "name": "R2", "startDate": noon_1, "releaseDate": None},
        ]
    }
    tracker.raw["custom_fields"][-1]["bundle"] = bundle
    tracker.issue("2-1")
    element = {"id": "55-1", "name": "R1"}
    tracker.show("2-1", "Release", element)
    activity = ("2-1", "2026-05-20", "CustomFieldCategory", [element], [])
    tracker.activity(*activity, field="Release")
    tracker.resolve("2-1", "2026-06-07T23:59:59.999")
    assert tracker.marts()["dim_sprints"][0]["sprint_id"] == "109-1"
    marts = tracker.marts(sprint_field="Release", timezone="Europe/Moscow")
    row = marts["dim_sprints"][0]
    assert (row["sprint_id"], row["board_id"], row["board"]) == ("55-1", "101-8", "Release")
    assert row["start_at"] == at("2026-05-31T21:00")
    assert row["finish_at"] == at("2026-06-07T20:59:59.999")
    assert tracker.flags("2-1", "55-1", sprint_field="Release") == "planned, completed"
    moscow = {"sprint_field": "Release", "timezone": "Europe/Moscow"}
    assert tracker.flags("2-1", "55-1", **moscow) == "planned, carried over"


# ---- as it stood ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "wanted"), edges(FINISH, ("B", "Bug", 5), ("B", "Bug", 5), ("A", "Story", 3))
)
def test_team_type_and_points_are_those_of_the_end(
    tracker: Tracker, when: datetime, wanted: tuple[str, str, int]
) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    tracker.change("2-1", when, "Team", "A", "B")
    tracker.change("2-1", when, "Type", "Story", "Bug")
    tracker.change("2-1", when, "Story points", 3, 5)
    member = tracker.member("2-1")
    assert member is not None
    assert (member["team"], member["issue_type"], member["story_points"]) == wanted
    assert member["is_story"] == (wanted[1] == "Story")


def test_a_cancellation_after_the_end_does_not_undo_a_completion(tracker: Tracker) -> None:
    tracker.issue("2-1")
    tracker.join("2-1", "2026-05-20")
    tracker.resolve("2-1", "2026-06-10")
    tracker.change("2-1", "2026-06-14", "State", "Done", "Duplicate")
    tracker.issue("2-2")
    tracker.join("2-2", "2026-05-20")
    tracker.resolve("2-2", "2026-06-10")
    tracker.change("2-2", "2026-06-16", "State", "Done", "Duplicate")
    assert tracker.flags("2-1") == "planned, removed"
    assert tracker.flags("2-2") == "planned, completed"


def test_the_team_of_a_member_without_one_is_the_boards_else_the_project_of_that_time(
    tracker: Tracker,
) -> None:
    tracker.add_project("0-2", "WEB")
    tracker.issue("2-1", Team=None)
    tracker.join("2-1", "2026-05-20")
    tracker.move_project("2-1", "2026-06-20", "0-2")
    member = tracker.member("2-1")
    assert member is not None
    assert member["team"] == "APP"
    seeds = SEEDS | {"board_teams": [{"board_id": "108-1", "team": "Support"}]}
    member = tracker.member("2-1", seeds=seeds)
    assert member is not None
    assert (member["team"], member["is_excluded_team"]) == ("Support", True)
    assert tracker.marts(seeds=seeds)["agg_sprint_throughput"] == []
    assert tracker.fact("2-1")["team"] == "WEB"


def test_a_sprints_team_is_that_of_most_members_at_the_baseline(tracker: Tracker) -> None:
    for number, team in enumerate(("Support", "Support", "A", "B")):
        tracker.issue(f"2-{number}", Team=team)
        tracker.join(f"2-{number}", "2026-05-20")
    assert tracker.marts()["dim_sprints"][0]["team"] == "Support"
    tracker.leave("2-0", "2026-06-01T20:00")
    assert tracker.marts()["dim_sprints"][0]["team"] == "A"
    assert tracker.marts()["dim_sprints"][1]["team"] == "(none)"


# ---- which sprints there are ---------------------------------------------------------------------


def test_sprints_without_dates_backwards_or_of_boards_without_sprints_are_left_out(
    tracker: Tracker,
) -> None:
    tracker.add_board("108-2", "Kanban", disableSprints=True)
    tracker.add_sprint("110-1", "Pseudo", START, FINISH, "108-2")
    tracker.add_sprint("109-3", "No start", None, FINISH)
    tracker.add_sprint("109-4", "No finish", START, None)
    tracker.add_sprint("109-5", "Backwards", FINISH, START)
    tracker.add_sprint("109-6", "Instant", START, START)
    ids = [row["sprint_id"] for row in tracker.marts()["dim_sprints"]]
    assert ids == ["109-1", "109-2", "109-6"]


def test_one_name_is_one_sprint(tracker: Tracker) -> None:
    tracker.add_board("108-2", "Other")
    tracker.add_sprint("110-1", "S1", START, FINISH, "108-2")
    tracker.add_sprint("110-2", "S2", "2026-05-01", "2026-05-10", "108-2")
    tracker.add_sprint("110-3", "S2", START, FINISH, "108-2")
    tracker.add_sprint("110-4", "S2", START, FINISH, "108-2")
    tracker.add_sprint("110-5", "S1 (Board)", START, FINISH, "108-2")
    labels = {row["sprint_id"]: row["sprint"] for row in tracker.marts()["dim_sprints"]}
    assert labels == {
        "109-1": "S1 (Board, 2026-06-01)",
        "109-2": "S2 (Board)",
        "110-1": "S1 (Other)",
        "110-2": "S2 (Other, 2026-05-01)",
        "110-3": "S2 (Other, 2026-06-01, 110-3)",
        "110-4": "S2 (Other, 2026-06-01, 110-4)",
        "110-5": "S1 (Board)",
    }


# ---- the last run --------------------------------------------------------------------------------


def run(key: str, started: str, finished: str | None, status: str) -> dict:
    """A row of ops.pipeline_runs."""
    return {
        "run_id": key,
        "started_at": at(started),
        "finished_at": at(finished) if finished else None,
        "status": status,
        "error": "a reason" if status == "NOK" else None,
        "data_as_of": at(started),
        "lock_key": 7,
    }


def test_without_any_run_the_status_is_never() -> None:
    status = pipeline_status([], at("2026-06-01"), "UTC", 26, True)
    assert (status["status"], status["last_run_at"]) == ("NEVER", None)


def test_a_run_at_work_reads_running_and_one_that_died_reads_nok() -> None:
    # 1 June 2026 is a Monday
    runs = [
        run("1", "2026-06-01T04:00", "2026-06-01T04:10", "OK"),
        run("2", "2026-06-02T04:00", None, "RUNNING"),
    ]
    now = at("2026-06-02T04:05")
    alive = pipeline_status(runs, now, "UTC", 26, lambda key: key != 7)
    assert (alive["status"], alive["last_finished_status"]) == ("RUNNING", "OK")
    assert alive["last_run_at"] == at("2026-06-02T04:00")
    dead = pipeline_status(runs, now, "UTC", 26, lambda key: key == 7)
    assert (dead["status"], dead["last_ok_at"]) == ("NOK", at("2026-06-01T04:10"))


@pytest.mark.parametrize(
    ("now", "stale"),
    [("2026-06-08T06:10", False), ("2026-06-08T06:10:01", True), ("2026-06-07T23:00", False)],
)
def test_a_weekend_does_not_make_the_data_stale(now: str, stale: bool) -> None:
    runs = [run("1", "2026-06-05T04:00", "2026-06-05T04:10", "OK")]
    status = pipeline_status(runs, at(now), "UTC", 26, True)
    assert (status["is_stale"], status["status"]) == (stale, "NOK" if stale else "OK")


def test_a_failed_run_is_not_hidden_by_an_earlier_fine_one() -> None:
    runs = [
        run("1", "2026-06-02T04:00", "2026-06-02T04:10", "OK"),
        run("2", "2026-06-03T04:00", "2026-06-03T04:01", "NOK"),
    ]
    status = pipeline_status(runs, at("2026-06-03T04:10"), "UTC", 26, True)
    assert (status["status"], status["error"], status["age_hours"]) == ("NOK", "a reason", 24)
    assert status["data_as_of"] == at("2026-06-02T04:00")


# ---- the differ ----------------------------------------------------------------------------------


def test_the_differ_forgives_a_hundredth_of_a_day_and_nothing_else() -> None:
    wanted = {"issue_id": "2-1", "days": Decimal("1.00"), "state": "Open", "flag": True}
    key = ("issue_id",)
    assert compare([wanted], [wanted | {"days": Decimal("1.01"), "more": 1}], key) == []
    different = wanted | {"days": Decimal("1.02"), "state": "Done", "flag": 1}
    assert len(compare([wanted], [different], key)) == 3
    assert compare([wanted], [wanted | {"days": None}], key)
    assert compare([wanted], [], key)[0].startswith("missing row: issue_id=2-1")
    assert compare([], [wanted], key)[0].startswith("row too many: issue_id=2-1")
    assert "occurs 2 times" in compare([wanted], [wanted, wanted], key)[0]


# ---- random histories ----------------------------------------------------------------------------

SEEDS_DRAWN = range(8)


@pytest.mark.parametrize("seed", SEEDS_DRAWN)
def test_the_reference_reads_every_drawn_membership_as_it_was(seed: int) -> None:
    drawn = histories.draw(seed)
    company = Company(drawn.raw, drawn.definitions(), drawn.as_of)
    for (sprint, issue), steps in drawn.truth.items():
        if sprint not in company.book.recorded:
            continue
        intervals = company.book.recorded[sprint].get(issue, [])
        truth = dict(sorted(steps, key=lambda step: step[0]))
        moments = sorted(truth)
        for edge in moments:
            for moment in (edge - 1, edge, edge + 1):
                known = [one for one in moments if one <= moment]
                wanted = bool(known) and truth[known[-1]]
                found = any(one.holds(moment * 1_000) for one in intervals)
                assert found == wanted, (sprint, issue, moment, steps, intervals)


@pytest.mark.parametrize("seed", SEEDS_DRAWN)
def test_the_marts_of_drawn_histories_keep_their_identities(seed: int) -> None:
    drawn = histories.draw(seed, histories.Options(is_ambiguous=seed % 2 == 1))
    marts = compute(drawn.raw, drawn.definitions(), drawn.as_of)
    closed = {row["sprint_id"] for row in marts["dim_sprints"] if row["is_closed"]}
    labels = [row["sprint"] for row in marts["dim_sprints"]]
    assert len(set(labels)) == len(labels)
    for row in marts["fct_sprint_issues"]:
        ends = Counter(row[name] for name in ("is_completed", "is_removed", "is_carried_over"))
        assert not (row["is_planned"] and row["is_added"])
        assert ends[True] == (1 if row["is_planned"] or row["is_added"] else 0)
        assert row["added_at"] <= drawn.as_of
    assert closed
    for row in marts["agg_sprint_throughput"]:
        kinds = ("completed", "removed", "carried_over")
        for unit in ("count", "points"):
            parts = sum(row[f"planned_{kind}_{unit}"] for kind in kinds)
            assert row[f"planned_{unit}"] == parts
            both = row[f"planned_{unit}"] + row[f"added_{unit}"]
            assert both == sum(row[f"{kind}_{unit}"] for kind in kinds)
    measured = [
        row
        for row in marts["fct_issues"]
        if row["lead_time_days"] is not None
        and not row["is_excluded_team"]
        and not row["has_time_error"]
    ]
    assert sum(row["issues_count"] for row in marts["agg_lead_time_spectrum"]) == len(measured)
    for row in marts["agg_lead_time_percentiles"]:
        ranks = [row[f"p{percent}"] for percent in (10, 25, 50, 75, 85, 90, 95)]
        assert ranks == sorted(ranks)
    visits = defaultdict(list)
    for row in marts["fct_state_intervals"]:
        visits[row["issue_id"]].append(row)
    assert visits.keys() == {row["issue_id"] for row in marts["fct_issues"]}
    for rows in visits.values():
        assert all(one["left_at"] == after["entered_at"] for one, after in itertools.pairwise(rows))
    for mart, rows in marts.items():
        keys = [tuple(row[column] for column in KEYS[mart]) for row in rows]
        assert len(set(keys)) == len(keys)
        for row in rows:
            assert all(value is not None for column, value in row.items() if column in TEXTS)


TEXTS = {
    "team", "issue_type", "state", "state_category", "assignee", "sprint", "quarter", "board",
    "lead_time_source", "lead_time_bucket", "summary", "project", "issue_id_readable",
    "flow_category",
}  # fmt: skip


def test_the_same_seed_draws_the_same_tracker() -> None:
    assert histories.draw(3).raw == histories.draw(3).raw
    assert histories.draw(3).raw != histories.draw(4).raw


def test_raw_tables_read_back_give_the_same_marts(server, database: str) -> None:
    drawn = histories.draw(5, histories.Options(issues=60))
    connection = server.connect(database)
    try:
        histories.write_raw(connection, drawn.raw)
        histories.write_raw(connection, drawn.raw)
        read = read_raw(connection)
        assert {name: len(rows) for name, rows in read.items()} == {
            name: len(rows) for name, rows in drawn.raw.items()
        }
        wanted = compute(drawn.raw, drawn.definitions(), drawn.as_of)
        found = compute(read, drawn.definitions(), drawn.as_of)
        for mart, key in KEYS.items():
            assert compare(wanted[mart], found[mart], key) == []
            assert compare(found[mart], wanted[mart], key) == []
        with connection.cursor() as cursor:
            cursor.execute("create schema marts")
            cursor.execute("create table marts.dim_sprints as select now() as start_at")
        assert list(read_marts(connection)) == ["dim_sprints"]
        with pytest.raises(psycopg2.Error):
            read_raw(connection, "nowhere")
    finally:
        connection.close()


def test_drawn_seeds_replace_those_of_the_project(server, database: str) -> None:
    drawn = histories.draw(1, histories.Options(issues=1))
    connection = server.connect(database)
    try:
        with connection.cursor() as cursor:
            cursor.execute("create schema seeds")
            for seed, rows in drawn.seeds.items():
                numbers = ("from_day", "to_day", "position")
                columns = [f"{one} {'integer' if one in numbers else 'text'}" for one in rows[0]]
                cursor.execute(f"create table seeds.{seed} ({', '.join(columns)})")
            cursor.execute("insert into seeds.excluded_teams values ('Nobody')")
            histories.write_seeds(connection, drawn.seeds)
            cursor.execute("select team from seeds.excluded_teams")
            assert cursor.fetchall() == [("Support",)]
            cursor.execute("select sum(position), max(to_day) from seeds.lead_time_buckets")
            assert cursor.fetchall() == [(10, 30)]
    finally:
        connection.close()
