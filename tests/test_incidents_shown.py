"""Incidents on the page and on the dashboard: what is shown is what the marts say."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import (
    FROZEN,
    REPOSITORY,
    PostgresServer,
    Project,
    fresh_database,
    source_environment,
)
from datalens_sql import chart_columns, chart_fields, chart_sql, entries
from pages import Page, fetch, needs_browser, number

from demo.company import HOSTILE
from demo.youtrack.server import Server
from demo.zabbix.server import start
from pipeline.workbook import read_connection, render
from report import incidents
from report.charts import THEMES
from report.page import write_report

READER = "datalens_reader"
LAYOUT = yaml.safe_load((REPOSITORY / "datalens" / "incidents.yml").read_text(encoding="utf-8"))
ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")
OPEN = "end_kind = 'open' and is_monitored"


@pytest.fixture(scope="module")
def watched(
    server: PostgresServer, project: Project, youtrack: Server
) -> Iterator[tuple[str, dict[str, str]]]:
    """A database after one good run over the small company and its monitoring."""
    with start(youtrack.tracker, incidents=250) as zabbix:
        for name in fresh_database(server):
            environment = {
                **server.environment(name), **source_environment(youtrack),
                "ZABBIX_URL": zabbix.url, "ZABBIX_TOKEN": zabbix.token,
            }  # fmt: skip
            completed = project.run("run", "--vars", FROZEN, environment=environment)
            assert completed.returncode == 0, completed.stderr[-3000:]
            yield name, environment


@pytest.fixture(scope="module")
def marts(server: PostgresServer, watched: tuple[str, dict[str, str]]) -> Iterator[Any]:
    with closing(server.connect(watched[0])) as connection:
        yield connection


@pytest.fixture
def spoiled(server: PostgresServer, watched: tuple[str, dict[str, str]]) -> Iterator[Any]:
    """A transaction over good marts that is rolled back: a test may spoil them."""
    with closing(server.connect(watched[0])) as connection:
        connection.autocommit = False
        yield connection
        connection.rollback()


@pytest.fixture(scope="module")
def file(marts: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(marts, tmp_path_factory.mktemp("pages") / "report.html")


@pytest.fixture
def page(browser: Any, file: Path) -> Page:
    return Page(browser, file, "#view=incidents")


@pytest.fixture(scope="module")
def today(marts: Any) -> date:
    return fetch(marts, "select max(date) from marts.agg_flow_daily")[0][0]


@pytest.fixture(scope="module")
def busy(marts: Any) -> dict[str, str]:
    """The rack, the service and the severity with most incidents."""
    return {
        name: fetch(
            marts,
            f"select {column} from marts.fct_incidents where not is_suppressed "
            f"and {column} <> '(none)' group by 1 order by count(*) desc, 1 limit 1",
        )[0][0]
        for name, column in (
            ("rack", "rack"), ("service", "service"), ("severity", "severity_name"),
        )
    }  # fmt: skip


def visible(page: Page, name: str) -> bool:
    return page.script("return document.getElementById(arguments[0]).checkVisibility()", name)


def says(page: Page, place: str) -> str:
    return page.text(f"#empty_{place}") if visible(page, f"empty_{place}") else ""


def numbers(cells: list[str]) -> list[float]:
    return [number(cell) for cell in cells]


SUMS = "sum(incidents_started), sum(open_minutes), sum(unacknowledged_minutes), max(worst_severity)"


def sums_of(marts: Any, by: str, filters: str, *arguments: Any) -> dict[Any, list[Any]]:
    """Sums of the heat by some columns; the worst severity by its name."""
    names = dict(fetch(marts, "select distinct severity, severity_name from marts.fct_incidents"))
    rows = fetch(
        marts,
        f"select {by}, {SUMS} from marts.agg_incident_heat where {filters} "
        f"group by {', '.join(str(1 + place) for place in range(by.count('|') + 1))}".replace(
            "|", ","
        ),
        *arguments,
    )
    keys = by.count("|") + 1
    return {
        row[:keys] if keys > 1 else row[0]: [*map(float, row[keys:-1]), names[row[-1]]]
        for row in rows
    }


def shown_sums(cells: list[str]) -> list[Any]:
    return [*numbers(cells[:-1]), cells[-1]]


# ---- the page


@needs_browser
def test_the_heat_map_is_the_mart_by_place_and_week_or_day(
    page: Page, marts: Any, today: date, busy: dict[str, str]
) -> None:
    def assert_map(kind: str, start: date, step: str, filters: str = "true") -> None:
        where = f"place_kind = '{kind}' and slot_date >= %s and {filters}"
        places = sums_of(marts, "place", where, start)
        cells = sums_of(marts, f"place | date_trunc('{step}', slot_date)::date", where, start)
        shown: dict[Any, list[Any]] = {}
        order = []
        for name, *sums in page.table("incident_map"):
            if ISO_DAY.fullmatch(name):
                shown[order[-1], date.fromisoformat(name)] = shown_sums(sums)
            else:
                order.append(name)
                assert shown_sums(sums) == places[name], name
        assert shown == cells
        assert order == sorted(places, key=lambda name: (-places[name][1], name))
        drawn = page.script(
            "return document.querySelectorAll('#chart_incident_map .mark-rect path').length"
        )
        assert drawn == sum(sums[1] > 0 for sums in cells.values()) > 10

    assert_map("rack", date.min, "week")
    page.choose("place_kind", "host_group")
    assert_map("host_group", date.min, "week")
    page.choose("period", "days")
    start = today - timedelta(days=89)
    assert_map("host_group", start, "day")
    page.choose("place_kind", "service")
    assert_map("service", start, "day")
    page.pick("rack", busy["rack"])
    assert_map("rack", start, "day", f"place = '{busy['rack']}'")
    assert page.script("return document.getElementById('place_kind').disabled")
    assert page.complaints() == []


@needs_browser
def test_hours_and_days_are_the_mart_over_all_places_or_one(
    page: Page, marts: Any, today: date, busy: dict[str, str]
) -> None:
    year = today - timedelta(days=today.weekday() + 52 * 7)

    def assert_hours(place: str, start: date) -> None:
        wanted = sums_of(marts, "slot_hour | weekday", f"{place} and slot_date >= %s", start)
        rows = page.table("incident_hours")
        assert [row[0] for row in rows] == [f"{hour}:00" for hour in range(24)]
        for hour, row in enumerate(rows):
            for weekday, cell in enumerate(row[1:], 1):
                found = wanted.get((hour, weekday), [0, 0, 0, ""])
                assert number(cell) == found[1], (hour, weekday)
        days = sums_of(marts, "slot_date", f"{place} and slot_date >= %s", year)
        shown = page.table("incident_year")
        assert len(shown) == len(days) > 20
        for row, day in zip(shown, sorted(days, reverse=True), strict=True):
            assert shown_sums(row[1:]) == days[day], day

    assert_hours("place_kind = 'all'", date.min)
    page.choose("period", "year")
    assert_hours("place_kind = 'all'", today - timedelta(days=364))
    page.pick("service", busy["service"])
    assert_hours(
        f"place_kind = 'service' and place = '{busy['service']}'", today - timedelta(days=364)
    )
    page.choose("heat_of", "started")
    wanted = sums_of(
        marts, "slot_hour", f"place_kind = 'service' and place = '{busy['service']}' "
        "and slot_date >= %s", today - timedelta(days=364),
    )  # fmt: skip
    for hour, row in enumerate(page.table("incident_hours")):
        assert sum(numbers(row[1:])) == wanted.get(hour, [0])[0]
    assert page.complaints() == []


@needs_browser
def test_open_time_says_what_it_cannot_be_told_by_and_leads_back(
    page: Page, busy: dict[str, str]
) -> None:
    sections = ("incident_map", "incident_hours", "incident_year")
    page.pick("severity", busy["severity"])
    for name in sections:
        assert "every severity" in says(page, name)
    assert says(page, "restoring") == ""
    page.do("document.getElementById('release_incident_hours').click()")
    assert [says(page, name) for name in sections] == ["", "", ""]
    page.pick("rack", busy["rack"])
    page.pick("service", busy["service"])
    assert all("both at once" in says(page, name) for name in sections)
    page.do("document.getElementById('release_incident_map').click()")
    assert [says(page, name) for name in sections] == ["", "", ""]
    # what was chosen for issues does not act here, and is not seen
    assert not page.script(
        "return document.querySelector('[data-dimension=team]').checkVisibility()"
    )


@needs_browser
def test_the_times_are_those_of_the_mart_for_every_choice(
    page: Page, marts: Any, busy: dict[str, str]
) -> None:
    def cell(value: Any) -> float | str:
        return "—" if value is None else float(value)

    def assert_times(kind: str, place: str, severity: str) -> None:
        rows = fetch(
            marts,
            "select quarter || case when is_provisional then '*' else '' end, incidents_count, "
            "acknowledged_count, restored_count, "
            + ", ".join(
                f"p{percent}_minutes_to_{measure}"
                for measure in ("acknowledge", "restore")
                for percent in (50, 75, 90)
            )
            + ", noise_share, flapping_share, never_acknowledged_share, by_hand_share, lost_share "
            "from marts.agg_incident_times where place_kind = %s and place = %s and severity = %s "
            "and quarter <> '(all)' order by quarter desc",
            kind, place, severity,
        )  # fmt: skip
        assert len(rows) > 2, "a check of nothing"
        for place_of, count, first in (("acknowledging", 2, 4), ("restoring", 3, 7)):
            shown = page.table(place_of)
            assert [row[0] for row in shown] == [row[0] for row in rows]
            for one, row in zip(shown, rows, strict=True):
                assert numbers(one[1:3]) == [row[1], row[count]]
                found = [text if text == "—" else number(text) for text in one[3:]]
                assert found == [cell(value) for value in row[first : first + 3]]
        for one, row in zip(page.table("incident_shares"), rows, strict=True):
            assert [one[0], number(one[1])] == [row[0], row[1]]
            found = [number(text.removesuffix(" %")) for text in one[2:]]
            for share, wanted in zip(found, row[10:], strict=True):
                assert abs(share - 100 * float(wanted)) < 0.0551

    assert_times("all", "(all)", "(all)")
    page.pick("rack", busy["rack"])
    assert_times("rack", busy["rack"], "(all)")
    page.pick("severity", busy["severity"])
    assert_times("rack", busy["rack"], busy["severity"])
    page.clear()
    page.pick("service", busy["service"])
    assert_times("service", busy["service"], "(all)")
    assert page.complaints() == []


@needs_browser
def test_the_tiles_count_the_selection_and_the_period_before_it(
    page: Page, marts: Any, today: date
) -> None:
    counted = (
        "select count(*), 100.0 * avg(is_acknowledged_in_time::integer), "
        "percentile_cont(0.5) within group (order by minutes_to_restore) from marts.fct_incidents "
        "where not is_suppressed and started_date between %s and %s"
    )
    ((n, in_time, restored),) = fetch(marts, counted, date.min, today)
    assert number(page.text("#tile_incidents")) == n
    assert abs(number(page.text("#tile_seen_in_time").removesuffix(" %")) - float(in_time)) < 0.051
    minutes = number(page.text("#tile_restored").removesuffix(" min"))
    assert abs(minutes - float(restored)) < 0.051
    ((burning, unseen),) = fetch(
        marts,
        "select count(*), count(*) filter (where acknowledged_at is null) from marts.fct_incidents "
        f"where {OPEN} and not is_suppressed",
    )
    assert number(page.text("#tile_incidents_open")) == burning > 0
    assert page.text("#change_incidents_open") == f"{unseen} not acknowledged"
    page.choose("period", "days")
    start = today - timedelta(days=89)
    ((now, *_),) = fetch(marts, counted, start, today)
    ((before, *_),) = fetch(marts, counted, start - timedelta(days=90), start - timedelta(days=1))
    assert number(page.text("#tile_incidents")) == now
    assert page.text("#change_incidents").endswith(f"before {before}")
    ((suppressed,),) = fetch(marts, "select count(*) from marts.fct_incidents where is_suppressed")
    assert suppressed > 0
    assert f"{suppressed} incidents" in page.text("#incidents_left_out")


@needs_browser
def test_the_lists_are_those_of_the_mart(page: Page, marts: Any, busy: dict[str, str]) -> None:
    def names(filters: str, order: str) -> list[str]:
        return [
            name
            for (name,) in fetch(
                marts,
                "select incident_id from marts.fct_incidents where not is_suppressed "
                f"and {filters} order by {order}, started_at, incident_id",
            )
        ]

    def assert_lists(filters: str) -> None:
        ended = f"{filters} and minutes_open is not null"
        wanted = {
            "longest_incidents": names(ended, "minutes_open desc"),
            "never_seen": names(
                f"{filters} and acknowledged_at is null",
                "severity desc, minutes_open desc nulls first",
            ),
            "open_now": names(f"{filters} and {OPEN}", "started_at"),
        }  # fmt: skip
        for place, ids in wanted.items():
            rows = page.table(place)
            assert len(ids) == len(set(ids)) and [row[-1] for row in rows] == ids[:20], place
        triggers = fetch(
            marts,
            "select count(*), coalesce(sum(minutes_open), 0), sum(is_noise::integer), "
            "sum(is_flapping::integer) from marts.fct_incidents "
            f"where not is_suppressed and {filters} group by trigger_id order by 1 desc, 2 desc",
        )
        shown = [tuple(numbers(row[-4:])) for row in page.table("worst_triggers")]
        assert shown == [tuple(map(float, row)) for row in triggers[:20]]
        assert f"20 of {len(triggers)} " in page.text("#shown_worst_triggers")

    assert_lists("true")
    page.pick("severity", busy["severity"])
    assert_lists(f"severity_name = '{busy['severity']}'")
    assert page.complaints() == []


@needs_browser
def test_hostile_texts_stay_texts(browser: Any, spoiled: Any, tmp_path: Path) -> None:
    texts = [text.replace("\0", "").replace("\ud7ff", "") for text in HOSTILE if text]
    texts = [*texts, "__proto__", "</script><script>alert(1)</script>"]
    with spoiled.cursor() as cursor:
        for place, text in enumerate(texts):
            cursor.execute(
                "update marts.fct_incidents set trigger_name = %s, host = %s, rack = %s, "
                "service = %s where right(trigger_id, 1) = %s",
                (text, text, text, text, str(place % 10)),
            )
            cursor.execute(
                "update marts.agg_incident_heat set place_kind = 'rack', place = %s "
                "where place_kind = 'all' and slot_hour = %s",
                (text, place),
            )
    page = Page(browser, write_report(spoiled, tmp_path / "report.html"), "#view=incidents")
    assert page.complaints() == []
    hosts = {row[1] for row in page.table("worst_triggers")}
    assert any("<script>" in host for host in hosts)
    assert page.script("return document.querySelectorAll('script:not([type])').length") == 2
    labels = page.script(
        "return [...document.querySelectorAll('#chart_incident_map .role-axis-label text')]"
        ".map((one) => one.textContent.trim())"
    )
    # long ones are cut
    assert "__proto__" in labels and any(label.startswith("<script>") for label in labels)


@needs_browser
def test_a_monitoring_without_an_incident_has_an_empty_view(
    browser: Any, spoiled: Any, tmp_path: Path
) -> None:
    with spoiled.cursor() as cursor:
        cursor.execute("delete from marts.fct_incidents; delete from marts.agg_incident_heat")
    page = Page(browser, write_report(spoiled, tmp_path / "report.html"), "#view=incidents")
    assert page.complaints() == []
    assert page.text("#tile_incidents") == "0"
    assert "Nothing was open" in says(page, "incident_map")
    for place in ("acknowledging", "restoring", "incident_shares", "worst_triggers", "open_now"):
        assert says(page, place)


@needs_browser
def test_the_view_speaks_russian_severities_too(
    browser: Any, marts: Any, tmp_path: Path, busy: dict[str, str]
) -> None:
    written = write_report(marts, tmp_path / "ru.html", locale="ru")
    page = Page(browser, written, "#view=incidents")
    page.pick("severity", busy["severity"])  # an address is the same in every language
    ((russian,),) = fetch(
        marts,
        "select distinct severity_name_ru from marts.fct_incidents where severity_name = %s",
        busy["severity"],
    )
    assert page.text("[data-dimension=severity] .chosen") == russian
    assert {row[4] for row in page.table("longest_incidents")} == {russian}
    heads = page.script("return document.getElementById('view_incidents').textContent")
    for english in ("Rack", "Service", "Severity", "Open", "Noise", "recovered", "undefined"):
        assert english not in re.sub(r"[\w ]+ is [\w ]+", "", heads), english


def test_without_a_monitoring_the_page_is_as_before(spoiled: Any, tmp_path: Path) -> None:
    with spoiled.cursor() as cursor:
        cursor.execute("drop table marts.fct_incidents cascade")
    content = write_report(spoiled, tmp_path / "report.html").read_text(encoding="utf-8")
    for word in (
        'id="view_incidents"',
        "incidentHeat = ",
        'data-dimension="rack"',
        '"incident_map":{',
    ):
        assert word not in content


@needs_browser
def test_the_page_holds_whole_quarters_and_the_worst_places_and_says_so(
    browser: Any, marts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incidents, "MOST_PLACES", 3)
    monkeypatch.setattr(incidents, "MOST_INCIDENTS", 100)
    page = Page(browser, write_report(marts, tmp_path / "report.html"), "#view=incidents")
    by_quarter = fetch(
        marts,
        "select started_quarter, count(*) from marts.fct_incidents where not is_suppressed "
        "group by 1 order by 1 desc",
    )
    so_far = [sum(count for _, count in by_quarter[: 1 + at]) for at in range(len(by_quarter))]
    kept = [row for row, all_of_them in zip(by_quarter, so_far, strict=True) if all_of_them <= 100]
    kept = kept or by_quarter[:1]
    assert len(kept) < len(by_quarter)
    assert number(page.text("#tile_incidents")) == sum(count for _, count in kept)
    older = sum(count for _, count in by_quarter[len(kept) :])
    assert f"begins with {kept[-1][0]}; {older} older" in page.text("#incidents_left_out")
    page.choose("place_kind", "service")
    places = [row[0] for row in page.table("incident_map") if not ISO_DAY.fullmatch(row[0])]
    assert places == [
        place
        for (place,) in fetch(
            marts,
            "select place from marts.agg_incident_heat where place_kind = 'service' "
            "group by 1 order by sum(open_minutes) desc limit 3",
        )
    ]
    ((every,),) = fetch(
        marts,
        "select count(distinct place) from marts.agg_incident_heat where place_kind = 'service'",
    )
    assert page.text("#places_shown") == (
        f"The 3 places with most open time are shown, of {every}."
    )


def luminance(colour: str) -> float:
    """As WCAG 2 has it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", THEMES)
def test_the_steps_of_the_heat_are_told_apart_by_lightness_alone(theme: str) -> None:
    """So that whoever sees few colours, or prints them grey, reads them all the same."""
    paper, *steps = (luminance(each) for each in (THEMES[theme].paper, *THEMES[theme].heat))
    away = [abs(step - paper) for step in steps]
    assert away == sorted(away)
    for one, other in zip([paper, *steps], steps, strict=False):
        assert (max(one, other) + 0.05) / (min(one, other) + 0.05) > 1.25


# ---- the dashboard


@pytest.fixture(scope="module", params=["en", "ru"])
def locale(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def manifest(watched: tuple[str, dict[str, str]]) -> Path:
    return Path(watched[1]["DBT_TARGET_PATH"]) / "manifest.json"


@pytest.fixture(scope="module")
def workbook(manifest: Path, locale: str) -> dict[str, Any]:
    return json.loads(render(manifest, locale, read_connection()))


@pytest.fixture
def asked(
    server: PostgresServer, watched: tuple[str, dict[str, str]], workbook: dict[str, Any],
    locale: str,
) -> Iterator[Callable[..., list[dict[str, Any]]]]:  # fmt: skip
    """Runs a chart as the role that DataLens uses; rows by the ids of their fields."""
    with closing(server.connect(watched[0], READER)) as connection:

        def ask(name: str, **selected: list[str]) -> list[dict[str, Any]]:
            title = LAYOUT["charts"][name]["name"][locale]
            chart = next(
                one for one in entries(workbook, "widget").values() if one["name"] == title
            )
            assert set(selected) <= set(chart_fields(workbook, chart))
            rows = fetch(connection, chart_sql(workbook, chart, selected))
            return [dict(zip(chart_columns(chart), row, strict=True)) for row in rows]

        yield ask


def kind_of(name: str, locale: str) -> list[str]:
    return [LAYOUT["words"]["place_kind"][name][locale]]


def test_the_shipped_workbook_knows_no_incidents(manifest: Path) -> None:
    shipped = (REPOSITORY / "datalens" / "leadtime-workbook.json").read_text(encoding="utf-8")
    assert render(manifest, "en", read_connection(), is_shipped=True) == shipped
    assert "agg_incident_heat" not in shipped


def test_the_tab_stands_last_and_its_heat_maps_are_coloured_pivot_tables(
    workbook: dict[str, Any],
) -> None:
    (dash,) = entries(workbook, "dash").values()
    assert dash["data"]["tabs"][-1]["id"] == "incidents"
    pivots = [
        one["data"]["shared"]["visualization"]
        for one in entries(workbook, "widget").values()
        if one["data"]["shared"]["visualization"]["id"] == "pivotTable"
    ]
    assert len(pivots) == 3
    for pivot in pivots:
        places = {each["id"]: each["items"] for each in pivot["placeholders"]}
        assert [*map(len, places.values())] == [1, 1, 1]
        assert list(places) == ["pivot-table-columns", "rows", "measures"]
        (measure,) = places["measures"]
        background = measure["backgroundSettings"]
        assert background["enabled"] and background["colorFieldGuid"] == measure["guid"]
        assert background["settings"]["gradientState"]["gradientMode"] == "2-point"


@pytest.mark.parametrize("kind", ["rack", "host_group", "all"])
def test_the_pivot_tables_show_the_heat_of_one_kind_of_place(
    asked: Callable[..., list[dict[str, Any]]], marts: Any, locale: str, kind: str
) -> None:
    def wanted(by: str) -> dict[tuple, Decimal]:
        rows = fetch(
            marts,
            f"select {by}, sum(open_minutes) from marts.agg_incident_heat "
            "where place_kind = %s group by 1, 2",
            kind,
        )
        return {row[:-1]: row[-1] for row in rows}

    def shown(name: str, *by: str) -> dict[tuple, Decimal]:
        rows = asked(name, place_kind=kind_of(kind, locale))
        found = {tuple(row[each] for each in by): row["open_minutes"] for row in rows}
        assert len(found) == len(rows)
        return found

    in_words = {"(none)": "(нет)", "(all)": "(все)"} if locale == "ru" else {}
    assert shown("incident_map", "place", "incident_date") == {
        (in_words.get(place, place), day): minutes
        for (place, day), minutes in wanted("place, slot_date").items()
    }
    hours = shown("incident_hours", "day_of_week", "slot_hour")
    assert {(int(day[0]), hour): n for (day, hour), n in hours.items()} == wanted(
        "weekday, slot_hour"
    )
    weeks = shown("incident_weeks", "week", "day_of_week")
    assert {(week, int(day[0])): n for (week, day), n in weeks.items()} == wanted(
        "date_trunc('week', slot_date)::date, weekday"
    )


def test_the_table_of_times_is_the_mart_and_has_no_empty_cell(
    asked: Callable[..., list[dict[str, Any]]], marts: Any, locale: str
) -> None:
    everything = "(все)" if locale == "ru" else "(all)"
    rows = asked(
        "incident_times", place_kind=kind_of("service", locale), incident_severity=[everything]
    )
    wanted = fetch(
        marts,
        "select incidents_count, p50_minutes_to_restore, p90_minutes_to_acknowledge, "
        "100 * noise_share from marts.agg_incident_times where place_kind = 'service' "
        "and severity = '(all)'",
    )
    assert len(rows) == len(wanted) > 10
    assert all(value is not None for row in rows for value in row.values())

    def text(value: Any) -> str:
        return "—" if value is None else str(value)

    assert sorted(
        (row["incidents_count"], row["restore_p50"], row["acknowledge_p90"], row["noise_percent"])
        for row in rows
    ) == sorted((n, text(restore), text(seen), noise) for n, restore, seen, noise in wanted)


def test_the_lists_show_what_counts_in_words(
    asked: Callable[..., list[dict[str, Any]]], marts: Any, locale: str
) -> None:
    column = "severity_name_ru" if locale == "ru" else "severity_name"
    for name, filters in (
        ("longest_incidents", "true"), ("never_acknowledged", "acknowledged_at is null"),
    ):  # fmt: skip
        rows = asked(name)
        wanted = fetch(
            marts,
            f"select incident_id, {column}, minutes_open from marts.fct_incidents "
            f"where not is_suppressed and minutes_open is not null and {filters}",
        )
        assert rows and sorted(
            (row["incident_id"], row["severity_words"], row["minutes_open"]) for row in rows
        ) == sorted(wanted)
        assert all(value is not None for row in rows for value in row.values())
    ((count, noise),) = fetch(
        marts,
        "select count(*), sum(is_noise::integer) from marts.fct_incidents where not is_suppressed",
    )
    triggers = asked("worst_triggers")
    assert sum(row["incidents_count"] for row in triggers) == count
    assert sum(row["noise_count"] for row in triggers) == noise
