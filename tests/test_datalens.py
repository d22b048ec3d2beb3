"""The dashboard as a file: what it is made of, and the numbers that its charts would show."""

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import REPOSITORY, PostgresServer
from datalens_sql import (
    chart_columns,
    chart_sql,
    entries,
    expression,
    interval,
    query,
    selector_sql,
)
from reference import Definitions, compute, read_raw, read_seeds

from datalens.manifest import TYPES, read_marts, refuse_stale
from extract.errors import ConfigurationError
from pipeline.workbook import main, read_connection, render

Json = dict[str, Any]

LAYOUT = yaml.safe_load((REPOSITORY / "datalens" / "layout.yml").read_text(encoding="utf-8"))
RECORDED = json.loads((REPOSITORY / "tests" / "datalens_recorded.json").read_text("utf-8"))
READER = "datalens_reader"
SELECTORS = ("team", "issue_type", "sprint_by_start", "quarter")
# What the selectors of the tab Flow act on. A forecast is of a whole team, over all types. What is
# in work now, and what was done in all, is no matter of a range of days.
OF_DAYS = {"team", "issue_type", "date"}
ACTS_ON = {
    "cumulative_flow": OF_DAYS,
    "weekly_throughput": OF_DAYS,
    "done_per_week": OF_DAYS,
    "age_by_state": {"team", "issue_type"},
    "oldest": {"team", "issue_type"},
    "cycle_time": {"team", "issue_type"},
    "efficiency": {"team", "issue_type"},
    "time_in_state": {"team", "issue_type"},
    "forecast": {"team"},
    "promises": {"team"},
}
LAST_SPRINTS = 6
# of the dashboard in a window of 1500 px, as release 2.9.0 draws it
COLUMN_PX, ROW_PX, TITLE_PX, LETTER_PX, CELL_PX = 33.8, 26, 92, 9, 20
NOW = datetime.fromisoformat("2026-06-17T12:00:00+00:00")  # conftest.FROZEN


@pytest.fixture(scope="module")
def manifest(published: tuple[str, dict[str, str]]) -> Path:
    return Path(published[1]["DBT_TARGET_PATH"]) / "manifest.json"


@pytest.fixture(scope="module", params=["en", "ru"])
def locale(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def workbook(manifest: Path, locale: str) -> Json:
    return json.loads(render(manifest, locale, read_connection()))


@pytest.fixture(scope="module")
def stored(server: PostgresServer, published: tuple[str, dict[str, str]]) -> dict[str, list[Json]]:
    """The marts as the reference computes them from raw, without dbt and without the marts."""
    connection = server.connect(published[0])
    seeds = read_seeds(REPOSITORY / "dbt_project" / "seeds")
    computed = compute(read_raw(connection), Definitions.from_vars({}, seeds), NOW)
    connection.close()
    issues = {row["issue_id"]: row for row in computed["fct_issues"]}
    names = ("team", "issue_type", "sprint", "sprint_start_date", "quarter", "is_done")
    for row in computed["fct_state_intervals"]:
        issue = issues[row["issue_id"]]
        row.update({name: issue[name] for name in (*names, "is_excluded_team")})
    return computed


@pytest.fixture(scope="module")
def marts(stored: dict[str, list[Json]], locale: str) -> dict[str, list[Json]]:
    """The same in the words of the dashboard, with the sprint as its selector names it."""
    return {mart: [in_words(row, locale) for row in rows] for mart, rows in stored.items()}


def in_words(row: Json, locale: str) -> Json:
    row = {column: said(column, value, locale) for column, value in row.items()}
    if "sprint" in row:
        start = row.get("sprint_start_date")
        row["sprint_by_start"] = f"{start} {row['sprint']}" if start else row["sprint"]
    return row


def said(column: str, value: Any, locale: str) -> Any:
    word = LAYOUT["words"].get(column, {}).get(value, value)
    return word.get(locale, value) if isinstance(word, dict) else word


@pytest.fixture(scope="module")
def reader(server: PostgresServer, published: tuple[str, dict[str, str]]) -> Iterator[Any]:
    """A cursor of the role that DataLens uses."""
    connection = server.connect(published[0], READER)
    with connection.cursor() as cursor:
        yield cursor
    connection.close()


def chart(workbook: Json, name: str, locale: str) -> Json:
    wanted = LAYOUT["charts"][name]["name"][locale]
    return next(one for one in entries(workbook, "widget").values() if one["name"] == wanted)


def dash(workbook: Json) -> Json:
    return next(iter(entries(workbook, "dash").values()))["data"]


def tab_of(workbook: Json, name: str) -> Json:
    return next(tab for tab in dash(workbook)["tabs"] if tab["id"] == name)


def controls_of(tab: Json) -> list[Json]:
    return [item for item in tab["items"] if item["type"] == "control"]


# ---- the file


def test_the_committed_workbook_is_what_the_models_and_the_layout_make(manifest: Path) -> None:
    committed = (REPOSITORY / "datalens" / "leadtime-workbook.json").read_text(encoding="utf-8")
    made = render(manifest, "en", read_connection())
    assert committed == made, "make datalens ARGS='--output datalens/leadtime-workbook.json' is due"
    assert made == render(manifest, "en", read_connection())


def test_every_id_is_unique_and_every_reference_resolves(workbook: Json) -> None:
    assert set(workbook) == {"export", "hash"}
    assert isinstance(workbook["hash"], str)
    assert workbook["export"]["version"] == "v1"
    scopes = ("connection", "dataset", "widget", "dash")
    assert set(workbook["export"]["entries"]) == set(scopes)
    ids = [mock_id for scope in scopes for mock_id in entries(workbook, scope)]
    assert sorted(ids, key=int) == [str(number) for number in range(len(ids))]
    names = [entry["name"] for scope in scopes for entry in entries(workbook, scope).values()]
    # a dataset and a chart may share a name, two charts may not
    assert all("/" not in name for name in names)
    for scope in scopes:
        of_scope = [entry["name"] for entry in entries(workbook, scope).values()]
        assert len(of_scope) == len(set(of_scope))
    datasets = entries(workbook, "dataset")
    for dataset in datasets.values():
        (source,) = dataset["sources"]
        assert source["connection_id"] in entries(workbook, "connection")
        assert source["managed_by"] == dataset["source_avatars"][0]["managed_by"] == "user"
        assert dataset["source_avatars"][0]["source_id"] == source["id"]
    for widget in entries(workbook, "widget").values():
        shared = widget["data"]["shared"]
        (dataset_id,) = shared["datasetsIds"]
        known = {field["guid"]: field for field in datasets[dataset_id]["result_schema"]}
        placed = [
            item for place in shared["visualization"]["placeholders"] for item in place["items"]
        ]
        for item in [*placed, *shared["filters"], *shared["sort"], *shared["colors"]]:
            if item["type"] != "PSEUDO":
                assert item["datasetId"] == dataset_id
                assert item["title"] == known[item["guid"]]["title"]
        assert {field["guid"] for field in shared["datasetsPartialFields"][0]} == set(known)


def test_the_dashboard_passes_the_checks_of_the_import(workbook: Json) -> None:
    data = dash(workbook)
    assert data["schemeVersion"] == 8
    ids = [item["id"] for tab in data["tabs"] for item in tab["items"]]
    ids += [part["id"] for tab in data["tabs"] for item in tab["items"]
            for part in item["data"].get("tabs", [])]  # fmt: skip
    assert len(ids) == len(set(ids))
    assert data["counter"] > 1
    for tab in data["tabs"]:
        assert [place["i"] for place in tab["layout"]] == [item["id"] for item in tab["items"]]
        for place in tab["layout"]:
            assert 0 <= place["x"] < place["x"] + place["w"] <= 36
        for one, other in combinations(tab["layout"], 2):
            apart = (
                one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
                or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            )  # fmt: skip
            assert apart, f"{one['i']} lies on {other['i']}"
        for item in tab["items"]:
            assert item["namespace"] == "default"
            if item["type"] == "widget":
                assert item["data"]["tabs"][0]["chartId"] in entries(workbook, "widget")
            elif item["type"] == "control":
                source = item["data"]["source"]
                schema = entries(workbook, "dataset")[source["datasetId"]]["result_schema"]
                assert source["datasetFieldId"] in {field["guid"] for field in schema}
                assert list(item["defaults"]) == [source["datasetFieldId"]]
            else:
                assert item["type"] == "text"
    shown = {
        item["data"]["tabs"][0]["chartId"]
        for tab in data["tabs"] for item in tab["items"] if item["type"] == "widget"
    }  # fmt: skip
    assert shown == set(entries(workbook, "widget")), "a chart that no tab shows"


def test_titles_are_unique_within_a_dataset_and_every_column_has_words(
    manifest: Path, workbook: Json, locale: str
) -> None:
    known = read_marts(manifest, locale)
    for dataset in entries(workbook, "dataset").values():
        titles = [field["title"] for field in dataset["result_schema"]]
        assert len(titles) == len(set(titles)), [n for n, c in Counter(titles).items() if c > 1]
        mart = known[dataset["sources"][0]["parameters"]["table_name"]]
        assert mart.description == dataset["description"] != ""
        for column in mart.columns.values():
            assert column.title != column.name, f"{mart.name}.{column.name} has no {locale} title"
            assert column.description, f"{mart.name}.{column.name} has no {locale} description"
            if locale == "ru" and mart.name != "pipeline_status":
                assert re.search("[а-яё]", column.description), f"{mart.name}.{column.name}"


def test_every_selector_takes_several_values_and_reaches_every_chart(workbook: Json) -> None:
    datasets = entries(workbook, "dataset")
    for tab in dash(workbook)["tabs"]:
        if tab["id"] == "flow":
            continue  # the next test
        controls = [item["data"]["source"] for item in controls_of(tab)]
        assert {control["datasetFieldId"] for control in controls} >= set(SELECTORS)
        assert all(
            control["multiselectable"] == (tab["id"] != "percentiles") for control in controls
        )
        for item in tab["items"]:
            if item["type"] != "widget":
                continue
            widget = entries(workbook, "widget")[item["data"]["tabs"][0]["chartId"]]
            dataset = datasets[widget["data"]["shared"]["datasetsIds"][0]]
            if dataset["sources"][0]["parameters"]["table_name"] == "pipeline_status":
                continue
            assert {field["guid"] for field in dataset["result_schema"]} >= set(SELECTORS)


def test_the_selectors_of_flow_act_where_their_values_have_a_meaning(
    workbook: Json, locale: str
) -> None:
    flow = tab_of(workbook, "flow")
    controls = {one["data"]["source"]["datasetFieldId"]: one for one in controls_of(flow)}
    assert set(controls) == OF_DAYS
    for name in ("team", "issue_type"):
        assert controls[name]["data"]["source"]["multiselectable"]
    shown = {
        item["data"]["tabs"][0]["chartId"] for item in flow["items"] if item["type"] == "widget"
    }
    assert len(shown) == len(ACTS_ON)
    for name, acting in ACTS_ON.items():
        widget = chart(workbook, name, locale)
        assert [one for one in shown if entries(workbook, "widget")[one] is widget]
        dataset = entries(workbook, "dataset")[widget["data"]["shared"]["datasetsIds"][0]]
        assert {field["guid"] for field in dataset["result_schema"]} & OF_DAYS == acting, name
    (note,) = (item["data"]["text"] for item in flow["items"] if item["type"] == "text")
    for control in (controls["issue_type"], controls["date"]):
        assert f"**{control['data']['title']}**" in note
    assert f"**{said('team', '(all)', locale)}**" in note


def test_the_days_of_flow_are_a_range_that_opens_with_the_last_ninety(workbook: Json) -> None:
    (control,) = (one for one in controls_of(tab_of(workbook, "flow")) if "date" in one["defaults"])
    source = control["data"]["source"]
    assert (source["elementType"], source["isRange"], source["fieldType"]) == ("date", True, "date")
    assert control["defaults"]["date"] == source["defaultValue"]
    today = date.today()
    assert interval(source["defaultValue"]) == (today - timedelta(days=90), today)


def test_no_tab_shows_both_kinds_of_percentile_and_nothing_adds_them_up(workbook: Json) -> None:
    datasets = entries(workbook, "dataset")
    for tab in dash(workbook)["tabs"]:
        kinds = set()
        for item in tab["items"]:
            if item["type"] == "widget":
                widget = entries(workbook, "widget")[item["data"]["tabs"][0]["chartId"]]
                sql = chart_sql(workbook, widget)
                if "percentile_disc" in sql:
                    kinds.add("nearest rank")
                    assert re.search("nearest rank|ближайший ранг", widget["name"])
                if "agg_lead_time_percentiles" in sql:
                    kinds.add("mart")
        assert len(kinds) <= 1
    for table in ("agg_lead_time_percentiles", "agg_forecast"):
        (mart,) = (
            dataset for dataset in datasets.values()
            if dataset["sources"][0]["parameters"]["table_name"] == table
        )  # fmt: skip
        assert {field["type"] for field in mart["result_schema"]} == {"DIMENSION"}
        assert {field["aggregation"] for field in mart["result_schema"]} == {"none"}


def test_only_done_issues_of_included_teams_are_counted(workbook: Json, locale: str) -> None:
    of_work = [chart(workbook, name, locale)["name"] for name in ("age_by_state", "oldest")]
    of_cycles = [chart(workbook, name, locale)["name"] for name in ("cycle_time", "efficiency")]
    for widget in entries(workbook, "widget").values():
        sql = chart_sql(workbook, widget)
        if table_of(workbook, widget) not in ("fct_issues", "fct_state_intervals"):
            continue  # the marts themselves leave the others out
        assert "av.is_excluded_team IN (false)" in sql
        if widget["name"] in of_work:
            assert "av.is_wip IN (true)" in sql
            continue
        assert "av.is_done IN (true)" in sql
        if widget["name"] in of_cycles:
            assert "av.cycle_time_days >= 0.0" in sql
            is_a_share = "/" in sql  # and nothing is divided by zero
            assert ("av.cycle_time_days >= 0.01" in sql) == is_a_share
        elif "marts.fct_issues" in sql:
            assert "av.has_time_error IN (false)" in sql
            assert "av.lead_time_days >= 0.0" in sql  # leaves out those without one


def test_only_weeks_that_are_over_are_counted(workbook: Json) -> None:
    found = 0
    for widget in entries(workbook, "widget").values():
        if table_of(workbook, widget) == "agg_throughput_weekly":
            assert "av.is_complete IN (true)" in chart_sql(workbook, widget)
            found += 1
    assert found == 2


def test_the_throughput_says_whose_quarter_it_is_and_opens_with_stories(
    workbook: Json, locale: str
) -> None:
    throughput = chart(workbook, "throughput", locale)
    assert {"en": "the quarter is the sprint's", "ru": "квартал — спринта"}[locale] in (
        throughput["name"]
    )
    (control,) = (
        item for tab in dash(workbook)["tabs"] for item in tab["items"]
        if item["type"] == "control" and "kind_of_work" in item["defaults"]
    )  # fmt: skip
    (word,) = control["defaults"]["kind_of_work"]
    sql = chart_sql(workbook, throughput, control["defaults"])
    assert f"CASE WHEN av.is_story THEN '{word}'" in sql
    assert f"IN ('{word}')" in sql


def test_the_connection_is_that_of_datalens_and_holds_no_secret(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    monkeypatch.setenv("PGHOST", "db.internal")
    text = render(manifest, "en", read_connection())
    (connection,) = entries(json.loads(text), "connection").values()
    assert connection["password"] == "******"
    assert "hunter2" not in text
    assert "db.internal" not in text
    assert (connection["host"], connection["port"], connection["username"]) == (
        "leadtime-db", 5432, READER,
    )  # fmt: skip
    monkeypatch.setenv("DATALENS_DB_HOST", "pg.example.org")
    monkeypatch.setenv("DATALENS_DB_PORT", "6432")
    monkeypatch.setenv("DATALENS_DB_USER", "viewer")
    assert {"host": "pg.example.org", "port": 6432, "username": "viewer"}.items() <= (
        read_connection().items()
    )


# ---- what release 2.9.0 draws of it


def items_of(workbook: Json, kind: str) -> Iterator[tuple[Json, Json]]:
    """Items of the dashboard with their places."""
    for tab in dash(workbook)["tabs"]:
        for item, place in zip(tab["items"], tab["layout"], strict=True):
            if item["type"] == kind:
                yield item, place


def table_of(workbook: Json, widget: Json) -> str:
    dataset = entries(workbook, "dataset")[widget["data"]["shared"]["datasetsIds"][0]]
    return dataset["sources"][0]["parameters"]["table_name"]


def test_each_of_several_measures_has_a_colour_of_its_own(workbook: Json) -> None:
    found = 0
    for widget in entries(workbook, "widget").values():
        shared = widget["data"]["shared"]
        places = {place["id"]: place["items"] for place in shared["visualization"]["placeholders"]}
        measures = places.get("y", []) + places.get("y2", [])
        names = [item for item in shared["colors"] if item["id"] == "pseudo-mn"]
        assert bool(names) == (len(measures) > 1), widget["name"]
        # columns of several measures stand side by side, not on top of each other
        beside = [item for item in places.get("x", []) if item["type"] == "PSEUDO"]
        is_column = shared["visualization"]["id"] == "column"
        assert bool(beside) == (is_column and len(measures) > 1), widget["name"]
        assert not places.get("y2"), "a second axis that does not start at zero"
        found += len(measures) > 1
    assert found > 1


def test_titles_and_labels_fit_their_tiles(workbook: Json) -> None:
    shown = 0
    for item, place in items_of(workbook, "widget"):
        if not item["data"]["hideTitle"]:
            title = item["data"]["tabs"][0]["title"]
            assert len(title) * LETTER_PX <= place["w"] * COLUMN_PX - TITLE_PX, title
            shown += 1
    for item, place in items_of(workbook, "control"):
        title = item["data"]["title"]
        assert len(title) * LETTER_PX <= place["w"] * COLUMN_PX / 2, f"no room beside {title}"
    for item, place in items_of(workbook, "text"):
        lines = ceil(len(item["data"]["text"]) * LETTER_PX / (place["w"] * COLUMN_PX - 32))
        assert lines * 20 + 20 <= place["h"] * ROW_PX - 8, item["id"]
    assert shown


def test_a_table_of_one_row_is_no_higher_than_its_row(workbook: Json) -> None:
    found = 0
    for item, place in items_of(workbook, "widget"):
        widget = entries(workbook, "widget")[item["data"]["tabs"][0]["chartId"]]
        if widget["type"] == "table_wizard_node" and table_of(workbook, widget) == (
            "pipeline_status"
        ):
            assert item["data"]["hideTitle"]
            assert place["h"] <= 4
            found += 1
    assert found


def test_a_wide_table_shares_its_tile_out_among_its_columns(workbook: Json) -> None:
    found = 0
    for item, place in items_of(workbook, "widget"):
        widget = entries(workbook, "widget")[item["data"]["tabs"][0]["chartId"]]
        if widget["type"] != "table_wizard_node":
            continue
        (columns,) = widget["data"]["shared"]["visualization"]["placeholders"]
        if len(columns["items"]) <= 8 and "columnSettings" not in columns["items"][0]:
            continue
        total = 0
        for column in columns["items"]:
            width = column["columnSettings"]["width"]
            assert width["mode"] == "percent"
            total += int(width["value"])
            pixels = int(width["value"]) / 100 * (place["w"] * COLUMN_PX - 32)
            word = max(column["title"].split(), key=len)
            assert len(word) * LETTER_PX <= pixels - CELL_PX + LETTER_PX, column["title"]
        assert total == 100
        found += 1
    assert found > 1


def test_a_field_as_it_is_stored_is_hidden_and_in_no_chart(workbook: Json) -> None:
    stored_fields = 0
    for dataset in entries(workbook, "dataset").values():
        for field in dataset["result_schema"]:
            assert field["hidden"] == field["guid"].startswith("stored_")
            stored_fields += field["hidden"]
    for widget in entries(workbook, "widget").values():
        assert not [one for one in chart_columns(widget) if one.startswith("stored_")]
    assert stored_fields


def test_every_word_of_the_marts_own_is_said_in_russian(manifest: Path) -> None:
    """Of the columns that a chart or a selector shows: the values that the models prescribe."""
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
    prescribed = defaultdict(set)
    for node in nodes:
        test = node.get("test_metadata") or {}  # a test of one's own has none
        if test.get("name") == "accepted_values":
            prescribed[node["column_name"]].update(test["kwargs"]["values"])
    buckets = REPOSITORY / "dbt_project" / "seeds" / "lead_time_buckets.csv"
    prescribed["lead_time_bucket"] = {
        line.split(",")[0] for line in buckets.read_text(encoding="utf-8").splitlines()[1:]
    }
    shown = {
        "state_category", "flow_category", "lead_time_source", "lead_time_bucket",
        "last_finished_status",
    }  # fmt: skip
    assert shown <= set(prescribed)
    names = {"OK", "NOK"}  # of a status, in either language
    for column in shown:
        for value in prescribed[column] - names:
            word = said(column, value, "ru")
            assert word != value, f"{column}: {value} has no Russian word"
            assert not re.search("[a-z]", word)
    assert all(len(said("lead_time_bucket", one, "en")) <= 9 for one in prescribed[
        "lead_time_bucket"
    ])  # fmt: skip


# ---- against the database


def test_every_table_and_column_exists_with_a_type_that_datalens_reads(
    workbook: Json, reader: Any
) -> None:
    for dataset in entries(workbook, "dataset").values():
        source = dataset["sources"][0]
        place = source["parameters"]
        reader.execute(
            """
            select attname, format_type(atttypid, null), typtype
            from pg_attribute
            inner join pg_type on pg_type.oid = atttypid
            where attrelid = %s::regclass and attnum > 0 and not attisdropped
            """,
            (f"{place['schema_name']}.{place['table_name']}",),
        )
        actual = {name: (kind, category) for name, kind, category in reader.fetchall()}
        for column in source["raw_schema"]:
            kind, category = actual.pop(column["name"])
            assert category == "b", f"{column['name']} is an enum or worse"
            assert TYPES[kind] == (column["user_type"], column["native_type"]["name"])
        assert not actual, f"{place['table_name']}: {sorted(actual)} are not in the dataset"


def test_the_translation_is_what_the_real_services_sent() -> None:
    for recorded in RECORDED["queries"]:
        dataset = RECORDED["datasets"][recorded["dataset"]]
        sql = query(
            dataset,
            {field["guid"]: field for field in dataset["result_schema"]},
            recorded["shown"],
            [(guid, "IN", values) for guid, values in recorded["selected"].items()]
            + recorded.get("filters", []),
            recorded["order"],
            "leadtime.",
        )
        assert " ".join(sql.split()) == recorded["sql"]
    for recorded in RECORDED["expressions"]:
        field = {"calc_mode": "formula", "guid_formula": recorded["formula"]}
        status = {"calc_mode": "direct", "source": "status", "aggregation": "none"}
        sql = expression(field, {"status": status})
        assert re.sub(r"[\s()]", "", sql) == re.sub(r"[\s()]", "", recorded["sql"])


def nearest_rank(values: list[Decimal], quantile: Fraction) -> Decimal:
    return sorted(values)[ceil(quantile * len(values)) - 1]


def ranks(values: list[Decimal], *percents: int) -> list[Decimal]:
    return [nearest_rank(values, Fraction(percent, 100)) for percent in percents]


def under(rows: list[Json], selected: dict[str, list[str]]) -> list[Json]:
    return [row for row in rows if all(row[name] in values for name, values in selected.items())]


def grouped(rows: list[Json], *names: str) -> dict[tuple, list[Json]]:
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in names)].append(row)
    return groups


def measured(marts: dict[str, list[Json]], selected: dict[str, list[str]]) -> list[Json]:
    done = [
        row
        for row in marts["fct_issues"]
        if row["is_done"] and not row["is_excluded_team"] and row["lead_time_days"] is not None
    ]
    return under(done, selected)


def by_quarter_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    return [
        (*key, *ranks([row["lead_time_days"] for row in rows], 10, 25, 50, 75, 90))
        for key, rows in grouped(measured(marts, selected), "quarter").items()
    ]


def issues_by_quarter_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    return [
        (*key, len(rows)) for key, rows in grouped(measured(marts, selected), "quarter").items()
    ]


def by_team_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    return [
        (*key, len(rows), *ranks([row["lead_time_days"] for row in rows], 10, 25, 50, 75, 90))
        for key, rows in grouped(measured(marts, selected), "team", "quarter").items()
    ]


def spectrum_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    key = ("lead_time_bucket", "lead_time_bucket_order")
    return [
        (label, len(rows), order)
        for (label, order), rows in grouped(measured(marts, selected), *key).items()
    ]


def throughput_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    counts = ("planned_count", "completed_count", "added_count", "carried_over_count")
    return [
        (
            sprint,
            *(sum(row[name] for row in rows) for name in counts),
            min(row["sprint_start_date"] for row in rows),
        )
        for (sprint,), rows in grouped(
            under(marts["agg_sprint_throughput"], selected), "sprint"
        ).items()
    ]


def which_sprints(row: Json, locale: str) -> str:
    words = LAYOUT["datasets"]["throughput"]["formulas"]["which_sprints"]["words"]
    if not row["is_closed"]:
        return words["open"][locale]
    is_last = row["closed_sprint_rank"] <= LAST_SPRINTS
    return words["last" if is_last else "earlier"][locale]


def throughput_table_wanted(
    marts: dict[str, list[Json]], selected: dict, locale: str
) -> list[tuple]:
    of_sprint = {row["sprint"]: row for row in marts["agg_sprint_throughput"]}
    return [
        (
            sprint,
            of_sprint[sprint]["board"],
            start,
            which_sprints(of_sprint[sprint], locale),
            *counts,
        )
        for sprint, *counts, start in throughput_wanted(marts, selected)
    ]


def issues_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    columns = [*LAYOUT["charts"]["issues"]["columns"], "issue_id"]
    return [tuple(row[name] for name in columns) for row in measured(marts, selected)]


def time_in_state_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    visits = [
        row
        for row in under(marts["fct_state_intervals"], selected)
        if row["is_done"] and not row["is_excluded_team"]
    ]
    wanted = []
    for key, rows in grouped(visits, "state_category", "state").items():
        days, issues = [row["days"] for row in rows], {row["issue_id"] for row in rows}
        place = 1 + next(
            place
            for place, category in enumerate(CATEGORIES)
            if key[0] in (said("state_category", category, locale) for locale in ("en", "ru"))
        )
        wanted.append(
            (
                *key,
                len(issues),
                len(rows),
                sum(days) / len(issues),
                sum(row["work_hours"] for row in rows) / len(issues),
                *ranks(days, 50, 90),
                sum(days),
                place,
            )
        )
    return wanted


CATEGORIES = ("in_progress", "waiting", "todo", "(none)", "done", "cancelled")


CHARTS = {
    "spectrum": spectrum_wanted,
    "percentiles_by_quarter": by_quarter_wanted,
    "issues_by_quarter": issues_by_quarter_wanted,
    "percentiles_by_team": by_team_wanted,
    "throughput": throughput_wanted,
    "issues": issues_wanted,
    "time_in_state": time_in_state_wanted,
}


# ---- flow


def within(rows: list[Json], selected: dict, day: str = "") -> list[Json]:
    """What the selectors of the tab Flow leave of a mart, `day` being its column of dates."""
    found = under(rows, {name: values for name, values in selected.items() if name != "date"})
    if "date" not in selected:
        return found
    first, last = interval(selected["date"][0])
    return [row for row in found if first <= row[day] <= last]


def cumulative_flow_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    bands = [
        {said("flow_category", category, locale) for locale in ("en", "ru")}
        for category in ("todo", "in_progress", "waiting", "done")
    ]
    return [
        (
            *key,
            *(
                sum(
                    row["issues_count"] for row in rows if row["flow_category"] in set.union(*below)
                )
                for below in (bands, bands[1:], bands[2:], bands[3:])
            ),
        )
        for key, rows in grouped(within(marts["agg_flow_daily"], selected, "date"), "date").items()
    ]


def complete_weeks(marts: dict[str, list[Json]], selected: dict) -> dict[tuple, list[Json]]:
    rows = within(marts["agg_throughput_weekly"], selected, "week_start_date")
    return grouped([row for row in rows if row["is_complete"]], "week_start_date")


def weekly_throughput_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    return [
        (*week, *(sum(row[name] for row in rows) for name in ("created_count", "done_count")))
        for week, rows in complete_weeks(marts, selected).items()
    ]


def done_per_week_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    done = [count for *_, count in weekly_throughput_wanted(marts, selected)]
    return [(Fraction(sum(done), len(done)),)]


def in_work(marts: dict[str, list[Json]], selected: dict) -> list[Json]:
    rows = [row for row in marts["fct_issues"] if row["is_wip"] and not row["is_excluded_team"]]
    return within(rows, selected)


def age_by_state_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    wanted = []
    for key, rows in grouped(in_work(marts, selected), "state_category", "state").items():
        ages = [row["wip_age_days"] for row in rows]
        wanted.append((*key, len(ages), *ranks(ages, 50, 85), max(ages)))
    return wanted


def oldest_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    columns = [*LAYOUT["charts"]["oldest"]["columns"], "issue_id"]
    return [tuple(row[name] for name in columns) for row in in_work(marts, selected)]


def forecast_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    columns = LAYOUT["charts"]["forecast"]["columns"]
    return [tuple(row[name] for name in columns) for row in within(marts["agg_forecast"], selected)]


def promises_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    checks = grouped(within(marts["fct_forecast_checks"], selected), "team")
    return [
        (
            *team,
            len(rows),
            *(sum(row[name] for row in rows) for name in ("is_p50_met", "is_p85_met")),
        )
        for team, rows in checks.items()
    ]


def cycle_time_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    done = [
        row
        for row in within(marts["fct_issues"], selected)
        if row["is_done"] and not row["is_excluded_team"] and row["cycle_time_days"] is not None
    ]
    return [
        (*team, len(rows), *ranks([row["cycle_time_days"] for row in rows], 50, 85, 95))
        for team, rows in grouped(done, "team").items()
    ]


def efficiency_wanted(marts: dict[str, list[Json]], selected: dict) -> list[tuple]:
    done = [
        row
        for row in within(marts["fct_issues"], selected)
        if row["is_done"] and not row["is_excluded_team"] and row["cycle_time_days"]
    ]
    for row in done:  # as docs/metrics.md has it: a share of active and waiting time
        parts = row["active_days"] + row["waiting_days"]
        assert abs(parts - row["cycle_time_days"]) <= Decimal("0.01")
    return [
        (
            *quarter,
            100
            * sum(row["active_days"] for row in rows)
            / sum(row["cycle_time_days"] for row in rows),
        )
        for quarter, rows in grouped(done, "quarter").items()
    ]


FLOW = {
    "cumulative_flow": cumulative_flow_wanted,
    "weekly_throughput": weekly_throughput_wanted,
    "done_per_week": done_per_week_wanted,
    "age_by_state": age_by_state_wanted,
    "oldest": oldest_wanted,
    "cycle_time": cycle_time_wanted,
    "forecast": forecast_wanted,
    "promises": promises_wanted,
    "efficiency": efficiency_wanted,
}


def two_of(name: str, marts: dict[str, list[Json]]) -> list[str]:
    """The two most frequent values, so that the selection holds something in every chart."""
    found = Counter(row[name] for row in measured(marts, {}))
    found += Counter(row[name] for row in marts["agg_sprint_throughput"])
    return [value for value, _ in found.most_common() if value not in ("(none)", "(нет)")][:2]


def alike(actual: Any, wanted: Any) -> bool:
    if isinstance(wanted, (Decimal, Fraction, float)) and actual is not None:
        return abs(float(actual) - float(wanted)) <= 0.01
    return actual == wanted


def assert_same(actual: list[tuple], wanted: list[tuple]) -> None:
    def order(row: tuple) -> str:
        return repr([cell for cell in row if isinstance(cell, (str, date))])

    assert len(actual) == len(wanted)
    for one, other in zip(sorted(actual, key=order), sorted(wanted, key=order), strict=True):
        assert len(one) == len(other)
        assert all(map(alike, one, other)), f"{one} instead of {other}"


def test_the_table_of_sprints_says_which_are_still_open(
    workbook: Json, locale: str, marts: dict, reader: Any
) -> None:
    reader.execute(chart_sql(workbook, chart(workbook, "throughput_table", locale)))
    assert_same(reader.fetchall(), throughput_table_wanted(marts, {}, locale))


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("by", [(), *((one,) for one in SELECTORS), ("team", "quarter")])
def test_a_chart_shows_the_numbers_that_raw_gives(
    name: str, by: tuple[str, ...], workbook: Json, locale: str, marts: dict, reader: Any
) -> None:
    selected = {selector: two_of(selector, marts) for selector in by}
    wanted = CHARTS[name](marts, selected)
    assert wanted, "a check of nothing"
    reader.execute(chart_sql(workbook, chart(workbook, name, locale), selected))
    assert_same(reader.fetchall(), wanted)


@pytest.mark.parametrize("name", FLOW)
@pytest.mark.parametrize("by", [(), ("team",), ("issue_type",), ("date",), ("team", "date")])
def test_a_chart_of_flow_shows_the_numbers_that_raw_gives(
    name: str, by: tuple[str, ...], workbook: Json, locale: str, marts: dict, reader: Any
) -> None:
    values = {"date": ["__interval_2026-03-01_2026-05-31"]} if "date" in by else {}
    values |= {selector: two_of(selector, marts) for selector in by if selector != "date"}
    acting = {selector: chosen for selector, chosen in values.items() if selector in ACTS_ON[name]}
    wanted = FLOW[name](marts, acting)
    assert wanted, "a check of nothing"
    assert not acting or wanted != FLOW[name](marts, {}), "a selection of everything"
    reader.execute(chart_sql(workbook, chart(workbook, name, locale), values))
    assert_same(reader.fetchall(), wanted)


def test_the_forecast_begins_with_all_teams_together_and_the_oldest_work_stands_first(
    workbook: Json, locale: str, marts: dict, reader: Any
) -> None:
    reader.execute(chart_sql(workbook, chart(workbook, "forecast", locale)))
    rows = reader.fetchall()
    every = said("team", "(all)", locale)
    assert every in {row[0] for row in rows}
    weeks = [row[1] for row in rows if row[0] == every]
    assert len(weeks) > 1
    assert weeks == sorted(weeks)
    oldest = chart(workbook, "oldest", locale)
    reader.execute(chart_sql(workbook, oldest))
    place = chart_columns(oldest).index("wip_age_days")
    ages = [row[place] for row in reader.fetchall()]
    assert ages == sorted(ages, reverse=True)
    assert ages[0] > ages[-1]


def test_a_selector_of_flow_offers_what_its_charts_show(
    workbook: Json, marts: dict, reader: Any
) -> None:
    for control in controls_of(tab_of(workbook, "flow")):
        name = control["data"]["source"]["datasetFieldId"]
        reader.execute(selector_sql(workbook, control, {}))
        offered = {row[0] for row in reader.fetchall()}
        assert offered == {row[name] for row in marts["agg_flow_daily"]}
        if name != "date":
            assert offered >= {row[name] for row in in_work(marts, {})}


def test_a_selector_of_flow_offers_a_team_that_has_nothing_done_yet(
    server: PostgresServer, published: tuple[str, dict[str, str]], workbook: Json
) -> None:
    (control,) = (one for one in controls_of(tab_of(workbook, "flow")) if "team" in one["defaults"])
    with closing(server.connect(published[0])) as connection, connection.cursor() as cursor:
        connection.autocommit = False  # what is not committed is gone with the connection
        cursor.execute(
            """
            insert into marts.agg_throughput_weekly
            select
                week_start_date, 'Newcomers', issue_type, created_count, 0, 0, 0, wip_count,
                is_complete, is_story
            from marts.agg_throughput_weekly order by 1 desc limit 1
            """
        )
        cursor.execute(f"set local role {READER}")
        cursor.execute(selector_sql(workbook, control, {}))
        assert ("Newcomers",) in cursor.fetchall()


def test_the_throughput_of_stories_is_that_of_stories(
    workbook: Json, locale: str, marts: dict, reader: Any
) -> None:
    words = LAYOUT["datasets"]["throughput"]["formulas"]["kind_of_work"]["words"]
    throughput = chart(workbook, "throughput", locale)
    for word, is_story in (("stories", True), ("others", False)):
        rows = under(marts["agg_sprint_throughput"], {"is_story": [is_story]})
        wanted = throughput_wanted({"agg_sprint_throughput": rows}, {})
        reader.execute(chart_sql(workbook, throughput, {"kind_of_work": [words[word][locale]]}))
        assert_same(reader.fetchall(), wanted)


def test_sprints_buckets_and_categories_stand_in_their_own_order(
    workbook: Json, locale: str, reader: Any
) -> None:
    for name in ("throughput", "spectrum", "time_in_state"):
        reader.execute(chart_sql(workbook, chart(workbook, name, locale)))
        places = [row[-1] for row in reader.fetchall()]
        assert len(set(places)) > 1
        assert places == sorted(places)
    (control,) = (
        item for item in dash(workbook)["tabs"][0]["items"]
        if item["type"] == "control" and "sprint_by_start" in item["defaults"]
    )  # fmt: skip
    reader.execute(selector_sql(workbook, control, {}))
    dated = [row[0][:10] for row in reader.fetchall() if row[0][:2] == "20"]
    assert len(dated) > 1
    assert dated == sorted(dated)


def test_the_throughput_opens_with_the_last_closed_sprints_of_each_board(
    workbook: Json, locale: str, marts: dict, reader: Any
) -> None:
    (control,) = (
        item for tab in dash(workbook)["tabs"] for item in tab["items"]
        if item["type"] == "control" and "which_sprints" in item["defaults"]
    )  # fmt: skip
    words = LAYOUT["datasets"]["throughput"]["formulas"]["which_sprints"]["words"]
    assert control["defaults"]["which_sprints"] == [words["last"][locale]]
    boards = defaultdict(set)
    for row in marts["agg_sprint_throughput"]:
        boards[row["board_id"], row["is_closed"]].add((row["finish_at"], row["sprint"]))
    assert max(len(sprints) for (_, is_closed), sprints in boards.items() if is_closed) > (
        LAST_SPRINTS
    ), "a check of nothing: no board has earlier sprints"
    wanted = {"last": set(), "earlier": set(), "open": set()}
    for (_, is_closed), sprints in boards.items():
        in_time = [sprint for _, sprint in sorted(sprints)]
        wanted["last" if is_closed else "open"].update(in_time[-LAST_SPRINTS:])
        wanted["earlier" if is_closed else "open"].update(in_time[:-LAST_SPRINTS])
    assert all(wanted.values())
    for word, sprints in wanted.items():
        selected = {"which_sprints": [words[word][locale]]}
        for name in ("throughput", "throughput_table"):
            reader.execute(chart_sql(workbook, chart(workbook, name, locale), selected))
            assert {row[0] for row in reader.fetchall()} == sprints


def test_the_table_of_the_mart_has_its_sprints_in_order_of_time(
    workbook: Json, locale: str, marts: dict, reader: Any
) -> None:
    starts = {row["sprint"]: row["sprint_start_date"] for row in marts["dim_sprints"]}
    every = said("team", "(all)", locale)
    one_row_a_sprint = {name: [every] for name in ("team", "issue_type", "quarter")}
    table = chart(workbook, "percentiles_mart", locale)
    reader.execute(chart_sql(workbook, table, one_row_a_sprint))
    place = chart_columns(table).index("sprint")
    shown = [row[place] for row in reader.fetchall() if row[place] in starts]
    assert len(shown) > 1
    assert [starts[sprint] for sprint in shown] == sorted(starts[sprint] for sprint in shown)


@pytest.mark.parametrize("by", [(), ("mart_team",), ("mart_team", "mart_quarter")])
def test_the_table_of_the_mart_shows_one_interpolated_row(
    by: tuple[str, ...], workbook: Json, locale: str, marts: dict, reader: Any
) -> None:
    controls = {item["id"]: item for item in controls_of(tab_of(workbook, "percentiles"))}
    every = said("team", "(all)", locale)
    assert {tuple(item["defaults"].values()) for item in controls.values()} == {(every,)}
    picked = {name.removeprefix("mart_"): two_of(name.removeprefix("mart_"), marts)[0]
              for name in by}  # fmt: skip
    values = {name: every for name in SELECTORS} | picked
    table = chart(workbook, "percentiles_mart", locale)
    reader.execute(chart_sql(workbook, table, {name: [value] for name, value in values.items()}))
    wanted = [
        tuple(row[column] for column in chart_columns(table))
        for row in marts["agg_lead_time_percentiles"]
        if values.items() <= row.items()
    ]
    assert len(wanted) == 1
    assert_same(reader.fetchall(), wanted)


def test_a_selector_offers_every_value_that_a_chart_can_show(
    workbook: Json, marts: dict, reader: Any
) -> None:
    controls = [item for item in dash(workbook)["tabs"][0]["items"] if item["type"] == "control"]
    offered = {}
    for control in controls:
        reader.execute(selector_sql(workbook, control, {}))
        offered[control["data"]["source"]["datasetFieldId"]] = {row[0] for row in reader.fetchall()}
    for name in SELECTORS:
        shown = {row[name] for row in measured(marts, {})}
        shown |= {row[name] for row in marts["agg_sprint_throughput"]}
        assert offered[name] == shown
    team = two_of("team", marts)[:1]
    (by_sprint,) = (one for one in controls if "sprint_by_start" in one["defaults"])
    reader.execute(selector_sql(workbook, by_sprint, {"team": team}))
    narrowed = {row[0] for row in reader.fetchall()}
    assert set() < narrowed < offered["sprint_by_start"]


def test_a_value_with_quotes_and_markup_is_only_a_value(
    workbook: Json, locale: str, reader: Any
) -> None:
    hostile = ["</script><script>alert(1)</script>", "O'Brien\"; drop table marts.fct_issues; --"]
    for name in (*CHARTS, *FLOW):
        reader.execute(chart_sql(workbook, chart(workbook, name, locale), {"team": hostile}))
        # an indicator has one row always
        assert reader.fetchall() == ([(None,)] if name == "done_per_week" else [])


def test_every_chart_has_one_order(workbook: Json, reader: Any) -> None:
    """No two rows are equal in all fields of the sort: the database would give them as it likes."""
    found = 0
    for widget in entries(workbook, "widget").values():
        if table_of(workbook, widget) == "pipeline_status" or widget["type"] == (
            "metric_wizard_node"
        ):
            reader.execute(chart_sql(workbook, widget))
            assert len(reader.fetchall()) == 1
            continue
        order = [item["guid"] for item in widget["data"]["shared"]["sort"]]
        assert order, f"{widget['name']} has no order"
        columns = chart_columns(widget)
        for tab in dash(workbook)["tabs"]:
            selected = {
                name: [value]
                for item in tab["items"]
                for name, value in item.get("defaults", {}).items()
                if value and not isinstance(value, list)
            }
            reader.execute(chart_sql(workbook, widget, selected))
            rows = reader.fetchall()
            keys = [tuple(row[columns.index(guid)] for guid in order) for row in rows]
            assert len(keys) == len(set(keys)), widget["name"]
            found += len(keys)
    assert found > 100


def test_no_cell_and_no_choice_is_empty_or_a_word_of_the_marts_own(
    workbook: Json, locale: str, reader: Any
) -> None:
    words = LAYOUT["words"].values()
    own = {
        value for pairs in words for value, word in pairs.items()
        if not isinstance(word, dict) or locale in word
    }  # fmt: skip
    queries = [(item["id"], selector_sql(workbook, item, {}), 1)
               for item, _ in items_of(workbook, "control")]  # fmt: skip
    for widget in entries(workbook, "widget").values():
        places = widget["data"]["shared"]["visualization"]["placeholders"]
        placed = sum(item["type"] != "PSEUDO" for place in places for item in place["items"])
        queries.append((widget["name"], chart_sql(workbook, widget), placed))
    for name, sql, placed in queries:
        reader.execute(sql)
        for row in reader.fetchall():
            assert None not in row[:placed], f"{name} shows null"
            assert not own.intersection(map(str, row[:placed])), f"{name}: {row}"


def test_the_zone_of_the_times_stands_beside_them(workbook: Json, locale: str, reader: Any) -> None:
    table = chart(workbook, "last_run", locale)
    assert "time_zone" in chart_columns(table)
    reader.execute("set time zone 'Asia/Tokyo'")
    reader.execute(chart_sql(workbook, table))
    ((*_, zone),) = reader.fetchall()
    reader.execute("reset time zone")
    assert zone == "Asia/Tokyo"


# ---- the last run

GOOD, BAD = "#1B9E3E", "#D62728"
A_RUN = (
    "insert into ops.pipeline_runs (run_id, started_at, finished_at, status, error, lock_key) "
    "values ('test', now() + interval '1 second', {finished}, '{status}', {error}, 4711)"
)


@pytest.mark.parametrize(
    ("before", "word", "colour", "error"),
    [
        ("select 1", "OK", GOOD, None),
        (
            A_RUN.format(
                finished="now() + interval '2 seconds'", status="NOK",
                error="'YouTrack answered 401: look at YOUTRACK_TOKEN'",
            ),
            "NOK", BAD, "YOUTRACK_TOKEN",
        ),
        (A_RUN.format(finished="null", status="RUNNING", error="null"), "NOK", BAD, "died"),
        ("truncate ops.pipeline_runs", "NEVER", "#8A8A8A", None),
        (
            "update ops.pipeline_runs set started_at = started_at - interval '9 days', "
            "finished_at = finished_at - interval '9 days'",
            "NOK", BAD, "last good run",
        ),
    ],
    ids=["good", "failed", "killed in the middle", "no run at all", "too old"],
)  # fmt: skip
def test_the_status_widget_says_how_the_last_run_went(
    before: str,
    word: str,
    colour: str,
    error: str | None,
    server: PostgresServer,
    published: tuple[str, dict[str, str]],
    workbook: Json,
    locale: str,
) -> None:
    connection = server.connect(published[0])
    connection.autocommit = False
    with connection.cursor() as cursor:
        cursor.execute(before)
        cursor.execute(f"set local role {READER}")
        cursor.execute(chart_sql(workbook, chart(workbook, "status", locale)))
        assert cursor.fetchall() == [(f'(b (sz (cl "{word}" "{colour}") "48px"))',)]
        cursor.execute(chart_sql(workbook, chart(workbook, "last_run", locale)))
        ((last_run_at, *_),) = cursor.fetchall()
        assert (last_run_at is None) == (word == "NEVER")
        cursor.execute(chart_sql(workbook, chart(workbook, "error", locale)))
        ((told,),) = cursor.fetchall()
        assert (error or said("error", "(none)", locale)) in told
    connection.rollback()
    connection.close()


# ---- bad input


def test_a_missing_or_stale_manifest_names_the_command(tmp_path: Path) -> None:
    manifest = tmp_path / "target" / "manifest.json"
    with pytest.raises(ConfigurationError, match="missing.*make run"):
        refuse_stale(manifest, tmp_path)
    manifest.parent.mkdir()
    manifest.write_text("{}")
    model = tmp_path / "dbt_project" / "models" / "marts" / "fct_issues.sql"
    model.parent.mkdir(parents=True)
    model.write_text("select 1")
    os.utime(model, (manifest.stat().st_mtime - 60,) * 2)
    refuse_stale(manifest, tmp_path)
    os.utime(model, (manifest.stat().st_mtime + 60,) * 2)
    with pytest.raises(ConfigurationError, match=r"older than .*fct_issues\.sql.*make run"):
        refuse_stale(manifest, tmp_path)
    for text in ("{}", "{", "[]", '{"nodes": []}', '{"nodes": {"a": {}}}', '{"nodes": {"a": 1}}'):
        manifest.write_text(text)
        with pytest.raises(ConfigurationError, match="no dbt manifest.*make run"):
            read_marts(manifest, "en")
    manifest.unlink()
    with pytest.raises(ConfigurationError, match=r"manifest\.json.*make run"):
        read_marts(manifest, "en")


def test_a_mart_or_column_that_is_gone_or_unreadable_is_named(
    manifest: Path, tmp_path: Path
) -> None:
    def broken(change: Any) -> Path:
        document = json.loads(manifest.read_text(encoding="utf-8"))
        change(document["nodes"])
        path = tmp_path / "manifest.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    spectrum = "model.lead_time.agg_lead_time_spectrum"
    issues = "model.lead_time.fct_issues"
    with pytest.raises(ConfigurationError, match="agg_lead_time_spectrum.*make build"):
        render(broken(lambda nodes: nodes.pop(spectrum)), "en", read_connection())
    without = broken(lambda nodes: nodes[issues]["columns"].pop("lead_time_days"))
    with pytest.raises(ConfigurationError, match=r"lead_time_days.*make build"):
        render(without, "en", read_connection())
    jsonb = broken(lambda nodes: nodes[issues]["columns"]["team"].update(data_type="jsonb"))
    with pytest.raises(ConfigurationError, match=r"fct_issues\.team.*jsonb"):
        render(jsonb, "en", read_connection())


def test_titles_with_quotes_and_markup_stay_text(manifest: Path, tmp_path: Path) -> None:
    title = 'Team "A" </script> [lead_time_days] \\'
    document = json.loads(manifest.read_text(encoding="utf-8"))
    column = document["nodes"]["model.lead_time.fct_issues"]["columns"]["team"]
    column["config"] = {"meta": {"title": {"en": title}}}
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    workbook = json.loads(render(path, "en", read_connection()))
    titles = {
        field["title"]
        for dataset in entries(workbook, "dataset").values()
        for field in dataset["result_schema"]
    }
    assert title in titles


@pytest.mark.parametrize("port", ["tcp://db:5432", "0", "65536", "-1"])
def test_a_port_that_is_none_is_named(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATALENS_DB_PORT", port)
    with pytest.raises(ConfigurationError, match=f"DATALENS_DB_PORT .*{port}"):
        read_connection()


@pytest.mark.parametrize("host", ["postgresql://me:hunter2@db/leadtime", "db:5432", "my db", "a@b"])
def test_a_host_that_is_none_is_told_and_not_shown(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATALENS_DB_HOST", host)
    with pytest.raises(ConfigurationError, match="DATALENS_DB_HOST .*DATALENS_DB_PORT") as raised:
        read_connection()
    assert host not in str(raised.value)


@pytest.mark.parametrize("host", ["leadtime-db", "db_1.example.org", "10.0.0.7", "fd00::7", "::1"])
def test_a_host_is_a_name_or_a_number(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATALENS_DB_HOST", host)
    assert read_connection()["host"] == host


def test_a_file_that_cannot_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    manifest: Path,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("pipeline.workbook.PROJECT_ROOT", manifest.parent.parent)
    monkeypatch.setenv("DBT_TARGET_PATH", str(manifest.parent))
    for path in (tmp_path, tmp_path / "nowhere" / "workbook.json"):
        assert main(["--output", str(path)]) == 78
        said = capsys.readouterr().err
        assert re.fullmatch(r"error: .* cannot be written .*make datalens ARGS=.*\n", said)
        assert str(path) in said


def test_an_unknown_locale_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], manifest: Path
) -> None:
    monkeypatch.setenv("LOCALE", "de")
    monkeypatch.setattr("pipeline.workbook.PROJECT_ROOT", manifest.parent.parent)
    monkeypatch.setenv("DBT_TARGET_PATH", str(manifest.parent))
    assert main([]) == 78
    assert "LOCALE is one of en, ru" in capsys.readouterr().err


def test_a_manifest_outside_the_project_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path))
    assert main([]) == 78
    assert f"{tmp_path / 'manifest.json'} is missing" in capsys.readouterr().err
