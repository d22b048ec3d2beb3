"""The view "Flow", the period, the address and the files of the page, in a browser."""

import csv
import io
import os
import re
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from conftest import PostgresServer
from pages import Page, fetch, needs_browser, number

from pipeline.page import issue_addresses
from report.page import write_report
from report.periods import DAY, find_periods

pytestmark = needs_browser

ADDRESSES = {"youtrack": "https://youtrack.example.org/issue/"}


@pytest.fixture(scope="module")
def marts(server: PostgresServer, published: tuple[str, dict[str, str]]) -> Iterator[Any]:
    """A connection to good marts, to read them."""
    with closing(server.connect(published[0])) as connection:
        yield connection


@pytest.fixture
def spoiled(server: PostgresServer, published: tuple[str, dict[str, str]]) -> Iterator[Any]:
    """A transaction over good marts that is rolled back: a test may spoil them."""
    with closing(server.connect(published[0])) as connection:
        connection.autocommit = False
        yield connection
        connection.rollback()


@pytest.fixture(scope="module")
def file(marts: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(marts, tmp_path_factory.mktemp("pages") / "report.html")


@pytest.fixture
def page(browser: Any, file: Path) -> Page:
    return Page(browser, file, "#view=flow")


@pytest.fixture(scope="module")
def today(marts: Any) -> date:
    return fetch(marts, "select max(date) from marts.agg_flow_daily")[0][0]


@pytest.fixture(scope="module")
def busy(marts: Any) -> tuple[str, str]:
    """The team and type with most issues in work."""
    return fetch(
        marts,
        "select team, issue_type from marts.fct_issues where is_wip and not is_excluded_team "
        "group by 1, 2 order by count(*) desc, 1, 2 limit 1",
    )[0]


def visible(page: Page, name: str) -> bool:
    return page.script("return document.getElementById(arguments[0]).checkVisibility()", name)


def says(page: Page, place: str) -> str:
    """What stands in place of a chart; nothing when it is drawn."""
    return page.text(f"#empty_{place}") if visible(page, f"empty_{place}") else ""


def close(found: float, wanted: Any, slack: float = 0.011) -> bool:
    return abs(found - float(wanted)) <= slack


def between(marts: Any, start: date, end: date) -> tuple[int, float, float]:
    """Done issues of a span, with P85 of their lead and cycle times."""
    ((count, lead, cycle),) = fetch(
        marts,
        "select count(lead_time_days), "
        "percentile_cont(0.85) within group (order by lead_time_days), "
        "percentile_cont(0.85) within group (order by cycle_time_days) "
        "from marts.fct_issues where is_done and not is_excluded_team and not has_time_error "
        "and resolved_date between %s and %s",
        start, end,
    )  # fmt: skip
    return count, lead, cycle


# ---- the charts


def test_every_issue_in_work_is_a_dot_against_the_cycle_times(
    page: Page, marts: Any, busy: tuple[str, str]
) -> None:
    def assert_dots(filters: str, *arguments: Any) -> None:
        ages = fetch(
            marts,
            "select issue_id_readable, state, wip_age_days, state_age_days from marts.fct_issues "
            f"where is_wip and not is_excluded_team and {filters} "
            "order by wip_age_days desc, issue_id",
            *arguments,
        )
        ((p50, p85, p95),) = fetch(
            marts,
            "select percentile_cont(array[0.5, 0.85, 0.95]) within group (order by cycle_time_days)"
            " from marts.fct_issues where is_done and not is_excluded_team and not has_time_error "
            f"and {filters}",
            *arguments,
        )[0]
        assert len(ages) > 2, "a check of nothing"
        assert number(page.text("#tile_in_work")) == len(ages)
        older = sum(age > p85 for _, _, age, _ in ages)
        assert page.text("#change_in_work") == f"{older} older than P85"
        rows = page.table("in_work")
        assert [row[0] for row in rows] == [name for name, *_ in ages][:20]
        for row, (_, state, age, state_age) in zip(rows, ages, strict=False):
            assert row[2] == state
            assert [number(row[1]), number(row[3])] == [float(age), float(state_age)]
        assert page.text("#oldest").startswith(f"The oldest: {ages[0][0]}, ")
        key = re.findall(r"P\d+ · ([\d.,]+) days", page.text("#key_ageing"))
        for shown, wanted in zip(key, (p50, p85, p95), strict=True):
            assert close(number(shown), wanted, 0.06 if wanted < 10 else 0.6)
        dots = page.script(
            "return document.querySelectorAll('#chart_ageing .mark-symbol.role-mark path').length"
        )
        assert dots == len(ages)

    assert_dots("true")
    page.pick("team", busy[0])
    assert_dots("team = %s", busy[0])
    page.pick("issue_type", busy[1])
    assert_dots("team = %s and issue_type = %s", *busy)
    assert not visible(page, "ageing_unmoved")
    quarter = fetch(marts, "select max(quarter) from marts.fct_issues where is_done")[0][0]
    before = page.text("#key_ageing")
    dots = page.text("#tile_in_work")
    page.pick("quarter", quarter)
    assert visible(page, "ageing_unmoved")
    assert page.text("#tile_in_work") == dots
    assert page.text("#key_ageing") != before
    assert page.complaints() == []


def test_the_cumulative_flow_is_what_stood_at_the_end_of_each_day(
    page: Page, marts: Any, busy: tuple[str, str], today: date
) -> None:
    order = ("done", "waiting", "in_progress", "todo", "cancelled")

    def assert_days(filters: str, *arguments: Any) -> None:
        wanted: dict[date, dict[str, int]] = {}
        for day, category, count in fetch(
            marts,
            "select date, flow_category, sum(issues_count) from marts.agg_flow_daily "
            f"where {filters} group by 1, 2",
            *arguments,
        ):
            wanted.setdefault(day, {})[category] = int(count)
        rows = page.script(CELLS, "cumulative")
        shown = {day_of(row[0]): [int(number(cell)) for cell in row[1:]] for row in rows}
        assert max(shown) == today
        assert all((today - day).days <= 104 or day.isoweekday() == 7 for day in shown)
        for day, counts in shown.items():
            assert counts == [wanted[day].get(category, 0) for category in order], day

    assert_days("true")
    assert len(page.table("cumulative")) > 110
    page.pick("team", busy[0])
    page.pick("issue_type", busy[1])
    assert_days("team = %s and issue_type = %s", *busy)
    page.choose("period", "days")
    assert_days("team = %s and issue_type = %s", *busy)
    assert len(page.table("cumulative")) == 90


CELLS = """
    const rows = document.querySelectorAll(`#table_${arguments[0]} tbody tr`);
    return [...rows].map((row) => [...row.cells].map((cell) => cell.textContent));
"""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec")


def day_of(text: str) -> date:
    """A date as the page writes it: 1 Sept 2026."""
    day, month, year = text.split()
    return date(int(year), MONTHS.index(month) + 1, int(day))


def test_the_weeks_are_those_of_the_mart_with_quiet_ones_and_their_mean(
    page: Page, marts: Any, today: date
) -> None:
    ((team, kind),) = fetch(
        marts,
        "select team, issue_type from marts.agg_throughput_weekly group by 1, 2 "
        "having bool_or(created_count + started_count + done_count = 0) "
        "order by sum(done_count) desc, 1, 2 limit 1",
    )
    page.pick("team", team)
    page.pick("issue_type", kind)

    def assert_weeks(start: date) -> float:
        wanted = fetch(
            marts,
            "select week_start_date, created_count, started_count, done_count, is_complete "
            "from marts.agg_throughput_weekly where team = %s and issue_type = %s "
            "and week_start_date >= %s order by 1 desc",
            team, kind, start,
        )  # fmt: skip
        rows = page.table("weekly")
        assert [(day_of(row[0]), *(int(number(cell)) for cell in row[1:])) for row in rows] == [
            row[:4] for row in wanted
        ]
        complete = [row[3] for row in wanted if row[4]]
        mean = sum(complete) / len(complete)
        assert close(number(page.text("#tile_weekly")), mean, 0.051)
        return mean

    assert_weeks(date.min)
    page.choose("period", "days")
    start = today - timedelta(days=89)
    now = assert_weeks(start)
    ((before,),) = fetch(
        marts,
        "select avg(done_count)::float8 from marts.agg_throughput_weekly where team = %s "
        "and issue_type = %s and week_start_date >= %s and week_start_date + 6 < %s",
        team, kind, start - timedelta(days=90), start,
    )  # fmt: skip
    change, was = page.text("#change_weekly").split(" · before ")
    assert close(number(was), before, 0.051)
    assert close(number(change.translate(SIGNS)), now - before, 0.051)
    assert page.complaints() == []


SIGNS = str.maketrans({"−": "-", "±": None})


def test_the_forecast_is_a_sentence_that_can_be_repeated(page: Page, marts: Any) -> None:
    def assert_forecast(team: str) -> None:
        rows = fetch(
            marts,
            "select weeks_ahead, done_p50, done_p70, done_p85, done_p95, "
            "round(100 * probability_open_done, 1), open_count from marts.agg_forecast "
            "where team = %s order by 1",
            team,
        )
        ((checked, held),) = fetch(
            marts,
            "select count(*), count(*) filter (where is_p85_met) from marts.fct_forecast_checks "
            "where team = %s",
            team,
        )
        assert len(rows) == 13
        assert [
            [number(cell.removesuffix(" %")) for cell in row] for row in page.table("forecast")
        ] == [[float(cell) for cell in row[:6]] for row in rows]
        said = page.text("#promise")
        issues = "1 issue" if rows[3][3] == 1 else f"{rows[3][3]} issues"
        assert f"With 85 % confidence at least {issues} in 4 weeks." in said
        assert checked > 0
        assert f"such promises held {held} of {checked} times." in said
        assert ("In the last year" in said) == (checked == 52)
        if rows[0][6]:
            reached = [row[0] for row in rows if row[5] >= 85]
            weeks = f"{reached[0]} week" if reached else "13 week"
            assert f"in {weeks}" in said or f"within {weeks}" in said
        assert (
            page.script(
                "return document.querySelectorAll('#chart_forecast .mark-line path').length"
            )
            == 4
        )

    assert_forecast("(all)")
    teams = [name for (name,) in fetch(
        marts, "select team from marts.agg_forecast where team <> '(all)' and weeks_ahead = 4 "
        "order by done_p85 desc, 1 limit 2",
    )]  # fmt: skip
    page.pick("team", teams[0])
    assert_forecast(teams[0])
    page.pick("team", teams[1])
    assert "Several teams cannot be put together exactly" in says(page, "forecast")
    assert page.text("#promise") == ""
    assert page.table("forecast") == []
    assert page.complaints() == []


def test_what_a_choice_cannot_act_on_says_so_and_offers_the_way_back(
    page: Page, busy: tuple[str, str], marts: Any
) -> None:
    assert not [place for place in BLOCKED if says(page, place)]
    page.pick("issue_type", busy[1])
    assert "It cannot be told by these" in says(page, "forecast")
    assert says(page, "cumulative") == says(page, "weekly") == ""
    assert page.text("#promise") == ""
    page.do("document.getElementById('release_forecast').click()")
    assert says(page, "forecast") == ""
    quarter = fetch(marts, "select max(quarter) from marts.fct_issues where is_done")[0][0]
    page.pick("team", busy[0])
    page.pick("quarter", quarter)
    assert all(says(page, place) for place in BLOCKED)
    assert page.text("#tile_weekly") == "—"
    assert page.table("cumulative") == page.table("weekly") == []
    page.do("document.getElementById('release_weekly').click()")
    assert not any(says(page, place) for place in BLOCKED)
    # the team is still chosen
    assert page.text("[data-dimension=team] .chosen") == busy[0]
    assert page.complaints() == []


BLOCKED = ("cumulative", "weekly", "forecast")


def test_a_tracker_is_chosen_where_there_are_several_and_acts_on_what_knows_it(
    page: Page, spoiled: Any, browser: Any, tmp_path: Path
) -> None:
    assert page.script("return document.querySelector('[data-dimension=tracker]')") is None
    with spoiled.cursor() as cursor:
        cursor.execute(
            "update marts.dim_sprints set tracker = 'yandex_tracker' "
            "where board = (select min(board) from marts.dim_sprints)"
        )
        cursor.execute(
            "update marts.fct_issues set tracker = 'yandex_tracker' "
            "where project = (select min(project) from marts.fct_issues where is_wip)"
        )
    page = Page(browser, write_report(spoiled, tmp_path / "report.html"), "#view=flow")
    everything = number(page.text("#tile_in_work"))
    page.pick("tracker", "yandex_tracker")
    assert page.text("[data-dimension=tracker] .chosen") == "Yandex.Tracker"
    assert "tracker=yandex_tracker" in page.script("return location.hash")
    ((in_work, done, issues, active, waiting),) = fetch(
        spoiled,
        "select count(*) filter (where is_wip), count(lead_time_days) filter (where is_done and "
        "not has_time_error), count(flow_efficiency), "
        "sum(active_days) filter (where flow_efficiency is not null), "
        "sum(waiting_days) filter (where flow_efficiency is not null) from marts.fct_issues "
        "where tracker = 'yandex_tracker' and not is_excluded_team",
    )
    assert 0 < in_work < everything and done and issues, "a check of nothing"
    assert number(page.text("#tile_in_work")) == in_work
    share = number(page.text("#tile_efficiency").removesuffix("%"))
    assert close(share, 100 * active / (active + waiting), 0.06)
    assert sum(number(row[1]) for row in page.table("efficiency")) == issues
    visited = fetch(
        spoiled,
        "select visits.state, count(distinct issue_id) from marts.fct_state_intervals as visits "
        "inner join marts.fct_issues as issues using (issue_id) where issues.is_done "
        "and issues.tracker = 'yandex_tracker' and not issues.is_excluded_team "
        "and visits.state_category in ('todo', 'in_progress', 'waiting') group by 1",
    )
    shown = {row[0]: number(row[1]) for row in page.table("state_times")}
    assert shown == {state: count for state, count in visited}
    assert all("over all trackers" in says(page, place) for place in BLOCKED)
    page.open("lead_time")
    assert number(page.text("#tile_n")) == done
    sprints = fetch(
        spoiled,
        "select distinct sprint from marts.agg_sprint_throughput inner join marts.dim_sprints "
        "using (sprint_id, sprint) where tracker = 'yandex_tracker'",
    )
    page.script("document.getElementById('stories_only').click()")
    assert {row[0] for row in page.table("throughput")} == {sprint for (sprint,) in sprints}
    page.open("flow")
    page.do("document.getElementById('release_forecast').click()")
    assert not any(says(page, place) for place in BLOCKED)
    assert number(page.text("#tile_in_work")) == everything
    assert page.complaints() == []


def test_time_in_state_is_told_in_calendar_days_or_working_hours(page: Page, marts: Any) -> None:
    ((team, quarter),) = fetch(
        marts,
        "select team, quarter from marts.fct_issues where is_done and not is_excluded_team "
        "group by 1, 2 order by count(*) desc, 1, 2 limit 1",
    )
    page.pick("team", team)
    page.pick("quarter", quarter)
    wanted = {
        state: numbers
        for state, *numbers in fetch(
            marts,
            "select state, count(distinct issue_id), count(*), "
            "sum(seconds) / 86400 / count(distinct issue_id), "
            "sum(work_hours) / count(distinct issue_id) from marts.fct_state_intervals "
            "where is_done and not is_excluded_team and team = %s and quarter = %s "
            "and state_category not in ('done', 'cancelled') group by 1",
            team,
            quarter,
        )
    }
    assert len(wanted) > 3, "a check of nothing"

    def assert_times(place: int) -> None:
        rows = page.table("state_times")
        assert {row[0] for row in rows} == wanted.keys()
        for state, issues, visits, mean, _ in rows:
            assert [number(issues), number(visits)] == wanted[state][:2]
            assert close(number(mean), wanted[state][place])
        assert close(sum(number(row[4].removesuffix(" %")) for row in rows), 100, 0.5)

    assert_times(2)
    page.choose("time_unit", "working")
    assert_times(3)
    assert " h" in page.text("#chart_state_times")
    assert page.complaints() == []


def test_flow_efficiency_by_quarter_is_active_of_all_time(
    page: Page, marts: Any, busy: tuple[str, str]
) -> None:
    page.pick("team", busy[0])
    wanted = fetch(
        marts,
        "select quarter, count(*), sum(active_days), sum(waiting_days), "
        "100 * sum(active_days) / sum(active_days + waiting_days) from marts.fct_issues "
        "where flow_efficiency is not null and team = %s group by 1 order by 1 desc",
        busy[0],
    )
    rows = page.table("efficiency")
    assert [row[0] for row in rows] == [row[0] for row in wanted]
    for row, (_, *numbers) in zip(rows, wanted, strict=True):
        for cell, one in zip(row[1:], numbers, strict=True):
            assert close(number(cell.removesuffix(" %")), one, 0.051)
    active, waiting = (sum(row[place] for row in wanted) for place in (2, 3))
    share = 100 * active / (active + waiting)
    assert close(number(page.text("#tile_efficiency").removesuffix(" %")), share, 0.051)


# ---- the period, the address, the files, the way to the tracker


@pytest.mark.parametrize("name", ["days", "quarter", "year"])
def test_a_period_acts_on_both_views_and_is_compared_with_the_one_before(
    browser: Any, file: Path, marts: Any, today: date, name: str
) -> None:
    page = Page(browser, file)
    page.choose("period", name)
    start = {
        "days": today - timedelta(days=89),
        "quarter": today.replace(month=today.month - (today.month - 1) % 3, day=1),
        "year": today - timedelta(days=364),
    }[name]
    before = start - (today - start) - timedelta(days=1)
    now, then = between(marts, start, today), between(marts, before, start - timedelta(days=1))
    assert now[0] > 0
    first = fetch(marts, "select min(date) from marts.agg_flow_daily")[0][0]
    assert number(page.text("#tile_n")) == now[0]
    assert number(page.table("percentiles")[0][1]) == now[0]
    ((finished,),) = fetch(
        marts,
        "select count(distinct sprint_id) from marts.agg_sprint_throughput "
        "where is_story and finish_at::date >= %s",
        start,
    )
    assert len(page.table("throughput")) == finished
    if first > before:
        assert "do not reach" in page.text("#compared")
        assert page.text("#change_n") == ""
    else:
        change, was = page.text("#change_n").split(" · before ")
        assert number(was) == then[0]
        assert number(change.translate(SIGNS)) == now[0] - then[0]
        page.open("flow")
        was = page.text("#change_cycle").split(" · before ")[1].removesuffix(" days")
        assert close(number(was), then[2], 0.06 if then[2] < 10 else 0.6)
    assert page.complaints() == []


def test_the_line_that_rolls_is_the_percentile_of_the_last_30_days(
    browser: Any, file: Path, marts: Any, today: date
) -> None:
    page = Page(browser, file)
    _, lead, _ = between(marts, today - timedelta(days=29), today)
    said = re.search(r"P85 of 30 days, now · ([\d.,]+) days", page.text("#key_scatter"))[1]
    assert close(number(said), lead, 0.06 if lead < 10 else 0.6)
    # a selection without 10 issues in those days has none
    ((team, kind),) = fetch(
        marts,
        "select team, issue_type from marts.fct_issues where is_done and not is_excluded_team "
        "group by 1, 2 having count(*) filter (where resolved_date > %s::date - 30) < 10 "
        "order by count(*) desc limit 1",
        today,
    )
    page.pick("team", team)
    page.pick("issue_type", kind)
    assert "now · — days" in page.text("#key_scatter")
    assert page.complaints() == []


def test_the_address_holds_what_is_selected_and_opens_it_again(
    browser: Any, file: Path, page: Page, busy: tuple[str, str], marts: Any
) -> None:
    quarter = fetch(marts, "select max(quarter) from marts.fct_issues where is_done")[0][0]
    page.pick("team", busy[0])
    page.pick("quarter", quarter)
    page.choose("period", "year")
    page.choose("time_unit", "working")
    shown = [page.table(name) for name in ("in_work", "state_times", "efficiency")]
    address = page.script("return location.hash")
    again = Page(browser, file, address)
    assert [again.table(name) for name in ("in_work", "state_times", "efficiency")] == shown
    assert visible(again, "view_flow")
    assert again.script("return location.hash") == address
    # another address in the same window, as when somebody pastes it
    again.do("location.hash = '#team=Nobody%20%3Cb%3E&quarter=' + arguments[0]", quarter)
    assert visible(again, "view_lead_time")
    assert again.text("#unknown") == "The link asks for what this page does not have: Nobody <b>."
    assert again.text("[data-dimension=quarter] .chosen") == quarter
    again.clear()
    assert again.script("return location.hash") in ("", "#")
    # names that every object of JavaScript has are none of ours
    odd = Page(browser, file, "#view=constructor&period=toString&time_unit=valueOf&unit=x")
    assert visible(odd, "view_lead_time")
    assert odd.script("return document.getElementById('period').value") == "all"
    assert odd.complaints() == []
    assert again.complaints() == []


def test_a_period_and_the_one_before_are_equally_long() -> None:
    today = date(2028, 3, 31)
    found = find_periods(today)
    assert {name: (one.before, one.start) for name, one in found.items()} == {
        "days": (date(2027, 10, 4), date(2028, 1, 2)),
        "quarter": (date(2027, 10, 2), date(2028, 1, 1)),
        "year": (date(2026, 4, 2), date(2027, 4, 2)),
    }
    assert all((one.start - one.before) == (today - one.start) + DAY for one in found.values())
    first = find_periods(date(2028, 10, 1))["quarter"]
    assert (first.before, first.start) == (date(2028, 9, 30), date(2028, 10, 1))


@pytest.fixture
def downloads(browser: Any, tmp_path: Path) -> Path:
    """Where the browser puts files."""
    folder = tmp_path / "downloads"
    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
    )
    return folder


def download(page: Page, folder: Path, table: str) -> list[list[str]]:
    """The rows of the file that a table's button gives."""
    page.script(
        "const table = document.getElementById(`table_${arguments[0]}`);"
        "(table.closest('.scroll') ?? table).parentElement.querySelector('.csv').click()",
        table,
    )
    page._wait.until(lambda _: list(folder.glob(f"{table}-*.csv")))
    time.sleep(0.2)
    (path,) = folder.glob(f"{table}-*.csv")
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_every_table_is_to_be_had_as_a_file_of_plain_numbers(
    page: Page, marts: Any, downloads: Path, today: date
) -> None:
    title, *rows = download(page, downloads, "cumulative")
    assert title == ["Date", "Done", "Waiting", "In progress", "To do", "Cancelled"]
    assert rows[0][0] == today.isoformat()
    ((done,),) = fetch(
        marts, "select sum(issues_count) from marts.agg_flow_daily where date = %s "
        "and flow_category = 'done'", today,
    )  # fmt: skip
    assert rows[0][1] == str(done)
    page.open("lead_time")
    title, *rows = download(page, downloads, "percentiles")
    assert title[:4] == ["Team", "Quarter", "Issues", "P10"]
    wanted = {
        (team.replace("(all)", "All teams"), quarter.replace("(all)", "all")): float(p85)
        for team, quarter, p85 in fetch(
            marts, "select team, quarter, p85 from marts.agg_lead_time_percentiles "
            "where issue_type = '(all)' and sprint = '(all)'",
        )
    }  # fmt: skip
    found = {(row[0], row[1]): float(row[title.index("P85")]) for row in rows}
    assert found == pytest.approx(wanted, abs=0.011)
    tables, buttons = page.script(
        "return ['table', '.csv'].map((one) => document.querySelectorAll(one).length)"
    )
    assert tables == buttons == 10
    assert page.complaints() == []


HOSTILE = '=HYPERLINK("https://evil.example","x"),<img src=x onerror=\'window.harmed = 5\'>'


def test_names_from_the_tracker_are_text_in_the_view_and_in_files(
    spoiled: Any, browser: Any, tmp_path: Path, downloads: Path, busy: tuple[str, str]
) -> None:
    with spoiled.cursor() as cursor:
        cursor.execute(
            "update marts.fct_issues set state = %s, team = %s, issue_id_readable = %s, "
            "summary = %s, assignee = '__proto__' where team = %s",
            (HOSTILE, HOSTILE, HOSTILE, HOSTILE, busy[0]),
        )
        for table in ("agg_flow_daily", "agg_throughput_weekly", "agg_forecast",
                      "fct_forecast_checks", "fct_state_intervals"):  # fmt: skip
            cursor.execute(
                f"update marts.{table} set team = %s where team = %s",  # noqa: S608
                (HOSTILE, busy[0]),
            )
        cursor.execute(
            "update marts.fct_state_intervals set state = '__proto__' where team = %s", (HOSTILE,)
        )
    path = write_report(spoiled, tmp_path / "report.html", details=True, addresses=ADDRESSES)
    assert "<img src=x" not in path.read_text(encoding="utf-8")
    page = Page(browser, path, "#view=flow")
    page.pick("team", HOSTILE)
    assert HOSTILE in page.text("#oldest")
    assert page.table("in_work")[0][0] == HOSTILE
    assert all(row[0].startswith("__proto__ (") for row in page.table("state_times"))
    assert HOSTILE[:20] in page.text("#chart_ageing")  # long names are cut
    assert says(page, "forecast") == ""
    link = page.script("return document.querySelector('#table_in_work a').href")
    assert link.startswith(ADDRESSES["youtrack"] + "%3DHYPERLINK(%22https%3A%2F%2Fevil")
    _, first, *_ = download(page, downloads, "in_work")
    assert first[0] == f"'{HOSTILE}"
    assert page.script("return window.harmed ?? document.querySelectorAll('img').length") == 0
    assert page.complaints() == []


def test_links_lead_to_the_tracker_with_details_and_nowhere_without(
    marts: Any, browser: Any, tmp_path: Path, today: date
) -> None:
    plain = write_report(marts, tmp_path / "plain.html", addresses=ADDRESSES)
    assert "youtrack.example.org" not in plain.read_text(encoding="utf-8")
    path = write_report(marts, tmp_path / "linked.html", details=True, addresses=ADDRESSES)
    page = Page(browser, path, "#view=flow")
    oldest = page.table("in_work")[0][0]
    for place in ("#oldest a", "#table_in_work a"):
        link = page.script(
            "const { href, target, rel, textContent } = document.querySelector(arguments[0]);"
            "return [decodeURI(href), target, rel, textContent]",
            place,
        )
        address = ADDRESSES["youtrack"] + oldest
        assert link == [address, "_blank", "noopener noreferrer", oldest]
    opened = page.script(
        """
        const opened = [];
        window.open = (...all) => opened.push(all);
        const dot = document.querySelector("#chart_ageing .mark-symbol.role-mark path");
        const { left, top, width, height } = dot.getBoundingClientRect();
        const place = { clientX: left + width / 2, clientY: top + height / 2, bubbles: true };
        dot.dispatchEvent(new PointerEvent("pointermove", place));
        const touch = { ...place, pointerType: "touch" };
        dot.dispatchEvent(new PointerEvent("click", touch));
        if (opened.length) return "one touch opened it";
        dot.dispatchEvent(new PointerEvent("click", touch));
        dot.dispatchEvent(new PointerEvent("click", place));
        if (String(opened[0]) !== String(opened[1])) return "the mouse opened another";
        return [...opened[0], document.getElementById("tooltip").textContent];
        """
    )
    assert unquote(opened[0]) == ADDRESSES["youtrack"] + opened[3].split("\n")[0]
    assert opened[2] == "noopener,noreferrer"
    assert opened[3].endswith("Click to open it in the tracker")
    page.open("lead_time")
    longest = page.table("longest")[0][0]
    link = page.script("return document.querySelector('#table_longest a').href")
    assert unquote(link) == ADDRESSES["youtrack"] + longest
    assert Page(browser, plain, "#view=flow").script("return document.links.length") == 0
    assert page.complaints() == []


def test_each_tracker_knows_where_its_issues_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("YOUTRACK_", "YANDEX_TRACKER_"))]:
        monkeypatch.delenv(name)
    assert issue_addresses() == {}
    monkeypatch.setenv("YANDEX_TRACKER_ORG_ID", "4711")
    monkeypatch.setenv("YOUTRACK_URL", "https://youtrack.example.org/youtrack/api/")
    assert issue_addresses() == {
        "youtrack": "https://youtrack.example.org/youtrack/issue/",
        "yandex_tracker": "https://tracker.yandex.ru/",
    }
    # a stand-in's pages stand nowhere
    monkeypatch.setenv("YANDEX_TRACKER_URL", "http://127.0.0.1:4711")
    assert "yandex_tracker" not in issue_addresses()


# ---- nothing, languages, keyboard


def test_without_data_each_part_says_why(spoiled: Any, browser: Any, tmp_path: Path) -> None:
    with spoiled.cursor() as cursor:
        cursor.execute("delete from marts.fct_issues where is_done or is_wip")
        for table in ("agg_flow_daily", "agg_throughput_weekly", "agg_forecast",
                      "fct_forecast_checks", "fct_state_intervals"):  # fmt: skip
            cursor.execute(f"delete from marts.{table}")  # noqa: S608
    page = Page(browser, write_report(spoiled, tmp_path / "report.html"), "#view=flow")
    places = ("ageing", "cumulative", "weekly", "forecast", "state_times", "efficiency")
    assert all(says(page, place) for place in places)
    tiles = [page.text(f"#tile_{name}") for name in ("in_work", "cycle", "weekly", "efficiency")]
    assert tiles == ["0", "—", "—", "—"]
    page.choose("period", "days")
    assert all(says(page, place) for place in places)
    assert page.complaints() == []


def test_the_views_are_tabs_for_the_keyboard_too(browser: Any, file: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    page = Page(browser, file)
    page.script("document.getElementById('tab_lead_time').focus()")
    before = page.shown()
    ActionChains(browser).send_keys(Keys.ARROW_RIGHT).perform()
    page._wait.until(lambda _: page.shown() > before)
    assert page.script("return document.activeElement.id") == "tab_flow"
    assert visible(page, "view_flow")
    assert not visible(page, "view_lead_time")
    selected = "return [...document.querySelectorAll('[role=tab]')].map((one) => one.ariaSelected)"
    assert page.script(selected) == ["false", "true"]
    # somebody in a hurry
    page.do("for (const name of ['lead_time', 'flow', 'lead_time', 'flow']) "
            "document.getElementById(`tab_${name}`).click()")  # fmt: skip
    drawings = "return [...document.querySelectorAll('#view_flow .chart')].map((one) => one.querySelectorAll('svg').length)"  # noqa: E501
    page._wait.until(lambda _: page.script(drawings) == [1] * 6)
    assert page.complaints() == []


def test_the_view_is_russian_in_russian(marts: Any, browser: Any, tmp_path: Path) -> None:
    page = Page(browser, write_report(marts, tmp_path / "ru.html", locale="ru"), "#view=flow")
    page.choose("period", "days")
    ((promised,),) = fetch(
        marts, "select done_p85 from marts.agg_forecast where team = '(all)' and weeks_ahead = 4"
    )
    assert f"С уверенностью 85 % за 4 недели будет сделано не меньше {promised} задач" in page.text(
        "#promise"
    )
    words = page.script(
        "return [...document.querySelectorAll('#view_flow :is(h2, .note, .key li, .tiles span, th,"
        " .tiles small, .said, button, summary)')].map((one) => one.textContent)"
    )
    own = re.compile(r"\b(lead|cycle) time\b|\bThroughput\b|\bP\d+\b|CSV", re.IGNORECASE)
    names = {name for (name,) in fetch(marts, "select state from marts.fct_state_intervals")}
    foreign = [text for text in words if re.search("[a-z]{2}", own.sub("", text))]
    known = fetch(marts, "select issue_id_readable from marts.fct_issues")
    names |= {name for (name,) in known}
    assert [t for t in foreign if not any(name in t for name in names)] == []
    assert page.complaints() == []
