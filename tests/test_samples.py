"""Recorded answers of real instances pass through staging unchanged in meaning."""

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import SAMPLES, PostgresServer, fresh_database
from histories import write_raw
from reference.raw import TABLES
from warehouse import Warehouse

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the recorded answers (youtrack-samples) are not here"
)

LOADED_AT = datetime(2026, 6, 1, tzinfo=timezone.utc)
PROJECT = {"id": "0-1", "shortName": "HD", "$type": "Project"}


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text(encoding="utf-8"))


def custom_field_samples() -> list[Path]:
    return sorted((SAMPLES / "custom-fields").glob("*IssueCustomField.json"))


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)


def raw_issue(issue: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": issue["id"],
        "id_readable": issue["idReadable"],
        "number_in_project": int(issue["idReadable"].split("-")[1]),
        "summary": "a title",
        "created": issue.get("created", 0),
        "updated": issue.get("updated", 0),
        "resolved": issue.get("resolved"),
        "is_draft": False,
        "project": PROJECT,
        "custom_fields": issue["customFields"],
    }


def raw_activity(place: int, activity: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": activity["id"],
        "type": activity["$type"],
        "category_id": activity["category"]["id"],
        "timestamp": activity["timestamp"],
        "issue_id": "2-1",
        "field_id": f"100-{place}",
        "field_name": activity["field"]["name"],
        "target_member": None,
        "added": activity["added"],
        "removed": activity["removed"],
    }


def raw_field(field_id: str, name: str, value_type: str) -> dict[str, Any]:
    kind = {"id": value_type, "valueType": value_type, "isMultiValue": False}
    return {
        "id": f"p{field_id}",
        "project_id": PROJECT["id"],
        "type": "SimpleProjectCustomField",
        "field": {"id": field_id, "name": name, "localizedName": None, "fieldType": kind},
        "bundle": None,
        "default_values": None,
        "can_be_empty": True,
        "empty_field_text": None,
        "ordinal": 0,
    }


@pytest.fixture(scope="module")
def staging(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cursor where staging stands over the recorded answers."""
    fields = [json.loads(path.read_text(encoding="utf-8")) for path in custom_field_samples()]
    one_of_each = {"id": "2-1", "idReadable": "HD-1", "customFields": fields}
    issues = [*sample("responses/issues.json"), one_of_each]
    activities = sample("activities/captured_field_activities.json")
    raw: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
    raw["projects"] = [{"id": "0-1", "short_name": "HD", "name": "Help Desk", "archived": False}]
    raw["issues"] = [raw_issue(issue) for issue in issues]
    raw["activities"] = [raw_activity(*pair) for pair in enumerate(activities)]
    raw["custom_fields"] = [
        raw_field(
            f"100-{place}",
            activity["field"]["name"],
            activity["field"]["customField"]["fieldType"]["valueType"],
        )
        for place, activity in enumerate(activities)
    ]
    for rows in raw.values():
        for row in rows:
            row["loaded_at"] = LOADED_AT
    for name in fresh_database(server):
        warehouse = Warehouse(server, name, tmp_path_factory.mktemp("dbt"))
        write_raw(warehouse.connection, raw)
        warehouse.dbt("run", "--select", "staging")
        with warehouse.connection.cursor() as cursor:
            yield cursor
        warehouse.connection.close()


def test_issues_keep_their_times_and_values(staging: Any) -> None:
    for issue in sample("responses/issues.json"):
        staging.execute(
            "select issue_id_readable, created_at, updated_at, resolved_at "
            "from staging.stg_youtrack__issues where issue_id = %s",
            (issue["id"],),
        )
        resolved = issue["resolved"]
        assert staging.fetchone() == (
            issue["idReadable"],
            moment(issue["created"]),
            moment(issue["updated"]),
            moment(resolved) if resolved else None,
        )
        assert staged_fields(staging, issue["id"]) == {
            field["name"]: meaning(field) for field in issue["customFields"]
        }


@pytest.mark.parametrize("path", custom_field_samples(), ids=lambda path: path.stem)
def test_each_type_of_custom_field_keeps_its_meaning(staging: Any, path: Path) -> None:
    field = json.loads(path.read_text(encoding="utf-8"))
    assert staged_fields(staging, "2-1")[field["name"]] == meaning(field)


def staged_fields(cursor: Any, issue_id: str) -> dict[str, tuple[Any, ...]]:
    cursor.execute(
        "select field_name, value_number, value_minutes, value_at, value_text "
        "from staging.stg_youtrack__issue_custom_fields where issue_id = %s",
        (issue_id,),
    )
    return {name: tuple(values) for name, *values in cursor.fetchall()}


def meaning(field: dict[str, Any]) -> tuple[Any, ...]:
    """Number, minutes, moment and text of a field's value, read by hand."""
    value = field["value"]
    kind = field["projectCustomField"]["field"]["fieldType"]["id"]
    if value is None:
        return (None, None, None, None)
    if kind == "period":
        return (None, value["minutes"], None, None)
    if kind in ("date", "date and time"):
        return (value, None, moment(value), str(value))
    if kind in ("integer", "float"):
        return (Decimal(str(value)), None, None, str(value))
    if kind == "string":
        return (None, None, None, value)
    elements = value if isinstance(value, list) else [value]
    words = [element.get("name") or element.get("text") for element in elements]
    return (None, None, None, ", ".join(words))


def test_changes_come_in_their_own_types(staging: Any) -> None:
    staging.execute(
        "select value_type, removed_text, added_text, removed_number, added_number, added_at "
        "from staging.stg_youtrack__field_changes order by field_id"
    )
    state, closed_at, spent, assignee = staging.fetchall()
    assert state == ("state", "Готово к передаче", "Реализовано", None, None, None)
    assert closed_at[0] == "date and time"
    assert closed_at[5] == moment(1764116587829)
    assert spent[0] == "period"
    assert spent[3:5] == (340, 440)
    assert assignee == ("user", "user-75", "user-74", None, None, None)
