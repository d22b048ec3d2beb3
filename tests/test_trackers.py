"""A second tracker that fills the neutral layer reaches the marts, beside the first and alone."""

import shutil
from collections.abc import Iterator
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import REPOSITORY, PostgresServer, fresh_database
from histories import Drawn, draw
from psycopg2 import sql
from reference import KEYS, compare, compute, read_marts, read_raw
from warehouse import Warehouse

STAGING = Path("dbt_project") / "models" / "staging"
NAMED = ("fct_issues", "dim_sprints", "fct_sprint_issues", "fct_state_intervals")

# one issue waits, in a state of which the tracker itself says so; the other took five days of 600
ROWS: dict[str, list[dict[str, Any]]] = {
    "issue_snapshots": [
        {"issue_id": "a1", "issue_id_readable": "QUEUE-1", "project_id": "9", "project": "QUEUE"}
        | {"created_at": "2026-06-01", "state": "Третье", "state_category": "waiting"}
        | {"priority": "Высокий", "due_date": "2026-06-30", "parent_id_readable": "QUEUE-2"}
        | {"is_missing": False},
        {"issue_id": "a2", "issue_id_readable": "QUEUE-2", "project_id": "9", "project": "QUEUE"}
        | {"created_at": "2026-06-01", "resolved_at": "2026-06-09", "state": "Четвёртое"}
        | {"state_category": "done", "lead_time_period_minutes": 3000, "is_missing": False},
    ],
    "attribute_changes": [
        {"issue_id": "a1", "attribute": "state", "change_number": 1, "changed_at": "2026-06-02"}
        | {"from_value": "Первое", "from_category": "todo"}
        | {"to_value": "Второе", "to_category": "in_progress"},
        {"issue_id": "a1", "attribute": "state", "change_number": 2, "changed_at": "2026-06-03"}
        | {"from_value": "Второе", "from_category": "in_progress"}
        | {"to_value": "Третье", "to_category": "waiting"},
        {"issue_id": "a1", "attribute": "project", "change_number": 1, "changed_at": "2026-06-02"}
        | {"from_value": "OLD", "to_value": "QUEUE"},
    ],
    "issue_labels": [
        {"issue_id": "a1", "kind": "tag", "label": "web"},
        {"issue_id": "a1", "kind": "former_key", "label": "OLD-1"},
    ],
    "board_sprints": [
        {"sprint_id": "1", "sprint_name": "Спринт", "board_id": "7", "board": "Доска"}
        | {"start_at": "2026-06-01", "finish_at": "2026-06-14"}
        | {"is_archived": False, "is_missing": False, "has_sprints_disabled": False}
        | {"follows_query": False},
    ],
    "sprint_members": [{"sprint_id": "1", "issue_id": "a2"}],
    "work_time_settings": [{"minutes_a_day": 600}],
}
MARTS = {
    "fct_issues": {
        "a1": {"project": "QUEUE", "state": "Третье", "state_category": "waiting"}
        | {"priority": "Высокий", "due_date": date(2026, 6, 30), "resolution": "(none)"}
        | {"parent_id_readable": "QUEUE-2", "epic_id_readable": "(none)"}
        | {"moved_at": datetime(2026, 6, 2, tzinfo=timezone.utc)},
        "a2": {"team": "QUEUE", "sprint": "Спринт", "lead_time_source": "field"}
        | {"lead_time_days": 5},
    },
    "fct_state_intervals": {
        ("a1", 1): {"state_category": "todo", "days": 1},
        ("a1", 2): {"state_category": "in_progress", "days": 1},
        ("a1", 3): {"state_category": "waiting"},
        ("a2", 1): {"state_category": "done"},
    },
    "dim_sprints": {"1": {"board": "Доска", "team": "QUEUE"}},
    "fct_sprint_issues": {("1", "a2"): {"is_planned": True, "is_completed": True}},
}


def contract() -> dict[str, dict[str, str]]:
    """What a tracker fills: model without its prefix -> column -> type."""
    text = (REPOSITORY / STAGING / "_staging__models.yml").read_text(encoding="utf-8")
    return {
        model["name"].removeprefix("stg_"): {
            column["name"]: column["data_type"]
            for column in model["columns"]
            if column["name"] != "tracker"
        }
        for model in yaml.safe_load(text)["models"]
    }


@pytest.fixture(scope="module")
def warehouse(
    server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """A project with a second tracker, whose staging reads tables of the contract as they are."""
    root = tmp_path_factory.mktemp("clone")
    shutil.copytree(REPOSITORY / "dbt_project", root / "dbt_project")
    for name in ("dbt_project.yml", "profiles.example.yml"):
        shutil.copy(REPOSITORY / name, root)
    (root / STAGING / "second").mkdir()
    for name in fresh_database(server):
        made = Warehouse(server, name, tmp_path_factory.mktemp("dbt"), root)
        with made.connection.cursor() as cursor:
            cursor.execute("create schema second")
            for model, columns in contract().items():
                listed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
                cursor.execute(f"create table second.{model} ({listed})")
                (root / STAGING / "second" / f"stg_second__{model}.sql").write_text(
                    f"select * from second.{model}\n", encoding="utf-8"
                )
                for row in ROWS.get(model, ()):
                    add(made, model, row)
        yield made
        made.connection.close()


def add(warehouse: Warehouse, model: str, row: dict[str, Any]) -> None:
    """Give the second tracker a row."""
    with warehouse.connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("insert into second.{} ({}) values ({})").format(
                sql.Identifier(model),
                sql.SQL(", ").join(map(sql.Identifier, row)),
                sql.SQL(", ").join(map(sql.Literal, row.values())),
            )
        )


def rows_of(warehouse: Warehouse, tracker: str, mart: str) -> list[dict[str, Any]]:
    return [row for row in read_marts(warehouse.connection)[mart] if row["tracker"] == tracker]


def check_the_second(warehouse: Warehouse) -> None:
    for mart, wanted in MARTS.items():
        key = KEYS[mart]
        found = {
            row[key[0]] if len(key) == 1 else tuple(row[column] for column in key): row
            for row in rows_of(warehouse, "second", mart)
        }
        assert found.keys() == wanted.keys(), mart
        for identity, cells in wanted.items():
            shown = {column: found[identity][column] for column in cells}
            assert shown == cells, (mart, identity)
    with warehouse.connection.cursor() as cursor:
        cursor.execute("select issue_id, kind, label, tracker from marts.dim_issue_labels")
        labels = sorted(cursor.fetchall())
    assert labels == [("a1", "former_key", "OLD-1", "second"), ("a1", "tag", "web", "second")]


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return draw(2)


def test_a_tracker_alone_needs_nothing_of_another(warehouse: Warehouse, drawn: Drawn) -> None:
    """There is no schema raw at all, and what only the first tracker fills is not built."""
    variables = {"trackers": ["second"]}
    warehouse.dbt("seed", variables=variables)
    warehouse.dbt("run", variables=variables, as_of=drawn.as_of)
    check_the_second(warehouse)
    with warehouse.connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_class where relname like 'stg\\_youtrack%'"
            " or relnamespace = to_regnamespace('raw')"
        )
        assert cursor.fetchone() == (0,)


def test_two_trackers_stand_side_by_side_and_share_no_key(
    warehouse: Warehouse, drawn: Drawn
) -> None:
    variables = {**drawn.variables, "trackers": ["youtrack", "second"]}
    warehouse.load(drawn)
    warehouse.build_models(variables, drawn.as_of)
    check_the_second(warehouse)
    wanted = compute(read_raw(warehouse.connection), drawn.definitions(), drawn.as_of)
    for mart in NAMED:
        of_the_first = rows_of(warehouse, "youtrack", mart)
        assert of_the_first
        assert compare(wanted[mart], of_the_first, KEYS[mart]) == [], mart

    keys = ("test", "--select", "key_stg_issue_snapshots_*")
    warehouse.dbt(*keys, variables=variables)
    taken = rows_of(warehouse, "youtrack", "fct_issues")[0]["issue_id"]
    add(warehouse, "issue_snapshots", {"issue_id": taken})
    with pytest.raises(AssertionError, match="key_stg_issue_snapshots_*"):
        warehouse.dbt(*keys, variables=variables)
