"""The dashboard over ClickHouse shows what it shows over PostgreSQL, but interpolates."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
import yaml
from clickhouse_engine import PASSWORD, USER, running, with_engine
from conftest import REPOSITORY, PostgresServer
from datalens_sql import chart_columns, chart_sql, entries, selector_sql
from test_datalens import COLUMN_PX, LETTER_PX, TITLE_PX

from datalens.manifest import CLICKHOUSE_TYPES, TYPES
from extract.errors import ConfigurationError
from pipeline import clickhouse
from pipeline.contracts import public_marts
from pipeline.database import Database
from pipeline.settings import ClickHouseSettings
from pipeline.workbook import read_connection, render

Json = dict[str, Any]

LAYOUT = yaml.safe_load((REPOSITORY / "datalens" / "layout.yml").read_text(encoding="utf-8"))
# its hours since the last good run are those of the moment, there of the run's end
OF_NOW = {"last_run"}
SELECTED = ({}, {"team": 2}, {"issue_type": 2}, {"quarter": 2}, {"team": 2, "quarter": 2})


@pytest.fixture(scope="module")
def manifest(published: tuple[str, dict[str, str]]) -> Path:
    return Path(published[1]["DBT_TARGET_PATH"]) / "manifest.json"


@pytest.fixture(scope="module", params=["en", "ru"])
def locale(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def in_postgres(manifest: Path, locale: str) -> Json:
    return json.loads(render(manifest, locale, read_connection()))


@pytest.fixture(scope="module")
def in_clickhouse(manifest: Path, locale: str) -> Json:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DATALENS_SOURCE", "clickhouse")
        return json.loads(render(manifest, locale, read_connection()))


@pytest.fixture(scope="module")
def reader(
    server: PostgresServer, published: tuple[str, dict[str, str]], manifest: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:  # fmt: skip
    """A client of ClickHouse, which has the marts of the good run."""
    with running(tmp_path_factory.mktemp("clickhouse")) as engine:
        engine.ask("create database leadtime")
        settings = ClickHouseSettings(
            clickhouse_url=engine.url, clickhouse_user=USER, clickhouse_password=PASSWORD,
            clickhouse_database="leadtime",
        )  # fmt: skip
        database = Database(server.host, server.port, server.user, published[0])
        clickhouse.publish(settings, database, public_marts(manifest))
        host, _, port = engine.url.removeprefix("http://").partition(":")
        with closing(
            clickhouse_connect.get_client(
                host=host, port=int(port), username=USER, password=PASSWORD, tz_mode="aware"
            )
        ) as client:
            yield client


@pytest.fixture(scope="module")
def cursor(server: PostgresServer, published: tuple[str, dict[str, str]]) -> Iterator[Any]:
    connection = server.connect(published[0], "datalens_reader")
    with closing(connection), connection.cursor() as opened:
        yield opened


def chart(workbook: Json, name: str) -> Json:
    """A chart by its place: its name is another in each language and over each database."""
    place = list(LAYOUT["charts"]).index(name)
    return list(entries(workbook, "widget").values())[place]


def alike(rows: list[tuple[Any, ...]]) -> list[str]:
    """Rows in an order of their own, their numbers as far as a double is exact."""
    return sorted(
        repr([
            f"{float(cell):.6f}" if isinstance(cell, (Decimal, float)) else
            cell.timestamp() if isinstance(cell, datetime) else cell
            for cell in row
        ])
        for row in rows
    )  # fmt: skip


# ---- against both databases


@with_engine
@pytest.mark.parametrize("name", sorted(set(LAYOUT["charts"]) - OF_NOW))
def test_a_chart_shows_the_same_over_either_with_percentiles_interpolated(
    name: str, in_postgres: Json, in_clickhouse: Json, reader: Any, cursor: Any
) -> None:
    there, here = chart(in_postgres, name), chart(in_clickhouse, name)
    values: dict[str, list[str]] = {}
    for guid in ("team", "issue_type", "quarter"):
        control = next(
            item
            for tab in next(iter(entries(in_postgres, "dash").values()))["data"]["tabs"]
            for item in tab["items"]
            if item["type"] == "control" and item["data"]["source"]["datasetFieldId"] == guid
        )
        cursor.execute(selector_sql(in_postgres, control, {}))
        values[guid] = [row[0] for row in cursor.fetchall()]
    shown = 0
    for selected in SELECTED:
        chosen = {guid: values[guid][-count:] for guid, count in selected.items()}
        wanted = chart_sql(in_postgres, there, chosen)
        cursor.execute(wanted.replace("percentile_disc", "percentile_cont"))
        rows = cursor.fetchall()
        sql = chart_sql(in_clickhouse, here, chosen)
        assert "quantileExact(" not in sql
        assert ("quantileExactInclusive" in sql) == ("percentile_disc" in wanted)
        assert alike(reader.query(sql).result_rows) == alike(rows), sql
        shown += len(rows)
    assert shown, "a check of nothing"


@with_engine
def test_both_kinds_of_percentile_agree(in_clickhouse: Json, reader: Any) -> None:
    widget = chart(in_clickhouse, "percentiles_by_team")
    names = chart_columns(widget)
    rows = [
        dict(zip(names, row, strict=True))
        for row in reader.query(chart_sql(in_clickhouse, widget)).result_rows
    ]
    mart = {
        tuple(row[:2]): row[2:]
        for row in reader.query(
            "select team, quarter, p10, p25, p50, p75, p90 "
            "from leadtime.agg_lead_time_percentiles where issue_type = '(all)' "
            "and sprint = '(all)' and team not like '(%' and quarter not like '(%'"
        ).result_rows
    }
    compared = 0
    for row in rows:
        if (row["team"], row["quarter"]) in mart:
            computed = [row[name] for name in ("p10", "p25", "p50", "p75", "p90")]
            stored = [float(value) for value in mart[row["team"], row["quarter"]]]
            # the mart rounds to two places
            assert computed == pytest.approx(stored, abs=0.00501)
            compared += 1
    assert compared == len(mart) > 10


@with_engine
def test_a_selector_offers_the_same_over_either(
    in_postgres: Json, in_clickhouse: Json, reader: Any, cursor: Any
) -> None:
    tabs = [
        next(iter(entries(workbook, "dash").values()))["data"]["tabs"]
        for workbook in (in_postgres, in_clickhouse)
    ]
    compared = 0
    for there, here in zip(*tabs, strict=True):
        for one, other in zip(there["items"], here["items"], strict=True):
            if one["type"] == "control":
                cursor.execute(selector_sql(in_postgres, one, {}))
                sql = selector_sql(in_clickhouse, other, {})
                assert alike(reader.query(sql).result_rows) == alike(cursor.fetchall())
                compared += 1
    assert compared > 5


@with_engine
def test_every_column_has_the_type_that_the_dataset_says(in_clickhouse: Json, reader: Any) -> None:
    for dataset in entries(in_clickhouse, "dataset").values():
        source = dataset["sources"][0]
        place = source["parameters"]
        assert source["source_type"] == "CH_TABLE"
        actual = dict(
            reader.query(
                "select name, type from system.columns where database = %(db)s and table = %(t)s",
                {"db": place["db_name"], "t": place["table_name"]},
            ).result_rows
        )
        assert actual
        for column in source["raw_schema"]:
            kind = actual.pop(column["name"])
            plain = kind.replace("LowCardinality(", "").replace("Nullable(", "").rstrip(")")
            name = column["native_type"]["name"].removesuffix("withtz")
            assert plain.split("(")[0].lower() == name, column["name"]
        assert not actual


@with_engine
@pytest.mark.parametrize(
    ("hours", "status", "word"),
    [(1, "OK", "OK"), (95, "OK", "OK"), (97, "OK", "NOK"), (1, "NOK", "NOK"), (1, "RUNNING", "RUN"),
     (None, "NEVER", "NEVER")],
)  # fmt: skip
def test_the_status_grows_old_though_the_table_does_not(
    hours: int | None, status: str, word: str, in_clickhouse: Json, reader: Any
) -> None:
    age = f"now64(6, 'UTC') - interval {hours} hour" if hours else "null"
    table = (
        f"(select * replace (cast('{status}' as LowCardinality(Nullable(String))) as status, "
        f"cast({age} as Nullable(DateTime64(6, 'UTC'))) as last_ok_at) "
        "from leadtime.pipeline_status)"
    )
    sql = chart_sql(in_clickhouse, chart(in_clickhouse, "status"))
    ((shown,),) = reader.query(sql.replace("`leadtime`.pipeline_status", table)).result_rows
    assert f'"{word}' in shown
    sql = chart_sql(in_clickhouse, chart(in_clickhouse, "last_run"))
    ((_, _, _, since, *_),) = reader.query(
        sql.replace("`leadtime`.pipeline_status", table)
    ).result_rows
    assert since is None if hours is None else abs(since - hours) < 0.01


# ---- the file


def test_every_type_of_a_mart_has_one_in_clickhouse() -> None:
    assert {native for _, native in TYPES.values()} == set(CLICKHOUSE_TYPES)


def test_no_text_speaks_of_the_other_database(in_clickhouse: Json, in_postgres: Json) -> None:
    here, there = (
        json.dumps(workbook["export"]["entries"]["widget"], ensure_ascii=False)
        + json.dumps(workbook["export"]["entries"]["connection"], ensure_ascii=False)
        for workbook in (in_clickhouse, in_postgres)
    )
    for word in ("nearest rank", "ближайший ранг", "PostgreSQL", "postgres", "QUANTILE("):
        assert word not in here
    names = [widget["name"] for widget in entries(in_clickhouse, "widget").values()]
    interpolated = [each for each in names if "interpolated)" in each or "интерполяцией)" in each]
    assert len(interpolated) == 6, "each chart of percentiles, and the mart's"
    assert "ClickHouse" not in there


def test_titles_fit_their_tiles(in_clickhouse: Json) -> None:
    shown = 0
    for tab in next(iter(entries(in_clickhouse, "dash").values()))["data"]["tabs"]:
        for item, place in zip(tab["items"], tab["layout"], strict=True):
            if item["type"] == "widget" and not item["data"]["hideTitle"]:
                title = item["data"]["tabs"][0]["title"]
                assert len(title) * LETTER_PX <= place["w"] * COLUMN_PX - TITLE_PX, title
                shown += 1
    assert shown


def test_the_connection_is_that_of_the_run_unless_said_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATALENS_SOURCE", "clickhouse")
    assert read_connection() == {
        "db_type": "clickhouse", "host": "clickhouse", "port": 8443,
        "username": "datalens_reader", "db_name": "leadtime", "secure": "on",
    }  # fmt: skip
    for name, text in {
        "CLICKHOUSE_URL": "http://ch.internal", "CLICKHOUSE_USER": "writer",
        "CLICKHOUSE_PASSWORD": "s3cret", "CLICKHOUSE_DATABASE": "marts",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, text)
    assert read_connection() == {
        "db_type": "clickhouse", "host": "ch.internal", "port": 8123,
        "username": "datalens_reader", "db_name": "marts", "secure": "off",
    }  # fmt: skip
    monkeypatch.setenv("DATALENS_DB_HOST", "ch.datalens")
    monkeypatch.setenv("DATALENS_DB_PORT", "443")
    assert {"host": "ch.datalens", "port": 443}.items() <= read_connection().items()


def test_another_source_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATALENS_SOURCE", "oracle")
    with pytest.raises(ConfigurationError, match="DATALENS_SOURCE is one of postgres, clickhouse"):
        read_connection()
