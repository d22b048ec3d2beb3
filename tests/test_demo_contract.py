"""What the simulated YouTrack serves exists in the real one.

Paths, parameters, types and keys are looked up in the OpenAPI document; value shapes, which the
document types as plain objects, in recorded answers. What only evidence elsewhere supports stands
on a list here, with that evidence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

import demo.youtrack.server
from demo.company import Company
from demo.model import ELEMENT_TYPES, FIELD_TYPES
from demo.youtrack.selection import SHAPES
from demo.youtrack.server import start

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
OPENAPI = SHARED / "youtrack-openapi-2022.3.json"
SAMPLES = SHARED / "youtrack-samples"
needs_openapi = pytest.mark.skipif(
    not OPENAPI.exists(), reason="the OpenAPI document is not beside the project"
)
needs_samples = pytest.mark.skipif(
    not SAMPLES.exists(), reason="the recorded samples are not beside the project"
)

UNDECLARED_PATHS = {
    "/config": "asked by scripts in use (youtrack-api.md §1.6)",
}
UNDECLARED_PARAMETERS = {
    ("/activitiesPage", "$top"): "honoured and used in production (youtrack-api.md §1.5)",
    ("/issues/{}/activitiesPage", "$top"): "as above",
}
UNDECLARED_TYPES = {
    "AppConfig": "the type of /config is not documented",
    "BoardSprintFilterField": "matched by name in the code of a connector in production",
    "IssueKey": "added and removed of a ProjectActivityItem (youtrack-api.md §1.5)",
    "NestedGroup": "value of group fields (youtrack-api.md §1.3)",
    "ProjectTeam": "value of group fields (youtrack-api.md §1.3)",
}
UNDECLARED_KEYS = {
    ("User", "name"): "sent for users: youtrack-samples/custom-fields/SingleUserIssueCustomField",
    ("Me", "name"): "as for User",
    ("FieldType", "valueType"): "always sent: youtrack-samples/custom-fields",
    ("FieldType", "isMultiValue"): "always sent (youtrack-api.md §1.3)",
    ("VersionBundleElement", "startDate"): "youtrack-api.md §1.3, used by a tool in production",
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(OPENAPI.read_text("utf-8"))


def declared_keys(schemas: dict[str, Any], name: str) -> set[str]:
    """The properties of a schema, those that it inherits included."""
    schema = schemas[name]
    keys = set(schema.get("properties", ()))
    for part in schema.get("allOf", ()):
        if "$ref" in part:
            keys |= declared_keys(schemas, part["$ref"].rsplit("/", 1)[-1])
        keys |= set(part.get("properties", ()))
    return keys


def served_paths() -> set[str]:
    with start(Company(1, today="2026-06-03")) as youtrack:
        rules = {rule.rule for rule in youtrack.app.url_map.iter_rules()}
    paths = {rule.removeprefix("/api") for rule in rules if rule.startswith("/api/")}
    return {re.sub(r"<\w+>", "{}", path) for path in paths}


@needs_openapi
def test_every_path_is_declared(document: dict[str, Any]) -> None:
    declared = {re.sub(r"\{\w+\}", "{}", path) for path in document["paths"]}
    assert served_paths() - declared == set(UNDECLARED_PATHS)


@needs_openapi
def test_every_parameter_is_declared_where_it_is_read(document: dict[str, Any]) -> None:
    """The names that the server reads, by the code that reads them."""
    source = Path(demo.youtrack.server.__file__).read_text("utf-8")
    read = set(re.findall(r'(?:args|arguments)\.get(?:list)?\("([^"]+)"', source))
    read |= set(re.findall(r'_number\("([^"]+)"\)', source))
    assert {"fields", "$top", "$skip", "categories", "cursor", "query"} <= read
    declared = {
        re.sub(r"\{\w+\}", "{}", path): {
            parameter["name"]
            for operation in operations.values()
            if isinstance(operation, dict)
            for parameter in operation.get("parameters", ())
        }
        for path, operations in document["paths"].items()
    }
    everywhere = set.union(*(declared[path] for path in served_paths() & declared.keys()))
    assert read <= everywhere
    for path, parameter in UNDECLARED_PARAMETERS:
        assert parameter not in declared[path]


@needs_openapi
def test_every_type_and_key_is_declared(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert set(SHAPES) - set(schemas) == set(UNDECLARED_TYPES) - {"BoardSprintFilterField"}
    undeclared = {
        (name, key)
        for name, shape in SHAPES.items()
        if name in schemas
        for key in set(shape) - declared_keys(schemas, name)
    }
    assert undeclared == set(UNDECLARED_KEYS)
    constants = {name for pair in FIELD_TYPES.values() for name in pair}
    constants |= {
        name for bundle, element, _ in ELEMENT_TYPES.values() for name in (bundle, element)
    }
    constants.add("StateMachineIssueCustomField")
    assert constants <= set(schemas)


# --- answers over HTTP ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def get() -> Iterator[Callable[..., Any]]:
    with (
        start(Company(1500, seed=4, today="2026-06-03")) as youtrack,
        requests.Session() as session,
    ):
        session.headers["Authorization"] = f"Bearer {youtrack.token}"

        def ask(path: str, **parameters: Any) -> Any:
            answer = session.get(youtrack.url + path, params=parameters, timeout=20)
            answer.raise_for_status()
            return answer.json()

        yield ask


def everything(depth: int) -> str:
    """All keys of all types, nested: what exists comes, the rest vanishes."""
    keys = sorted({key for shape in SHAPES.values() for key in shape})
    if depth == 0:
        return ",".join(keys)
    inner = everything(depth - 1)
    deep = {"value", "projectCustomField", "field", "customField", "bundle", "values", "added"}
    return ",".join(f"{key}({inner})" if key in deep else key for key in keys)


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


@needs_openapi
def test_answers_hold_only_declared_types_and_keys(
    document: dict[str, Any], get: Callable[..., Any]
) -> None:
    schemas = document["components"]["schemas"]
    categories = "CustomFieldCategory,SprintCategory,IssueCreatedCategory,IssueResolvedCategory,"
    fields = everything(1)
    pages = [
        get("/api/issues", fields=fields, query="project: SRV", **{"$top": 150}),
        get("/api/issues", fields=fields, query="project: ВИТ", **{"$top": 20}),
        get("/api/agiles", fields=fields),
        get("/api/agiles/120-0/sprints", fields=fields, **{"$top": 5}),
        get("/api/users/me", fields=f"profiles({everything(0)},general({fields}))"),
        get("/api/users", fields=fields),
        get("/api/admin/projects", fields=fields),
        get("/api/admin/projects/0-1/customFields", fields=fields, **{"$top": 100}),
        get("/api/admin/timeTrackingSettings/workTimeSettings", fields=fields),
        get("/api/activities", fields=fields, categories=f"{categories}ProjectCategory",
            **{"$top": 20_000}),
        get("/api/activitiesPage", fields=f"activities(id),{fields}", categories=categories,
            **{"$top": 5}),
    ]  # fmt: skip
    seen: dict[str, set[str]] = {}
    for page in pages:
        for one in objects(page):
            assert "$type" in one
            seen.setdefault(one["$type"], set()).update(one)
    unknown = seen.keys() - set(schemas)
    assert unknown <= set(UNDECLARED_TYPES)
    assert len(seen) > 55
    for name in seen.keys() - unknown:
        allowed = declared_keys(schemas, name) | {k for n, k in UNDECLARED_KEYS if n == name}
        assert seen[name] - {"$type"} <= allowed, name


# --- shapes of recorded answers ---------------------------------------------------------------


def selection_of(sample: Any) -> str:
    """The `fields` that would bring an answer with the keys of the sample."""
    merged: dict[str, Any] = {}
    for row in sample if isinstance(sample, list) else [sample]:
        for key, value in row.items():
            if value not in (None, []) or key not in merged:
                merged[key] = value
    parts = []
    for key, value in merged.items():
        if key == "$type":
            continue
        nested = isinstance(value, dict) or (value and isinstance(value, list))
        inner = selection_of(value) if nested and value and not _bare(value) else ""
        parts.append(f"{key}({inner})" if inner else key)
    return ",".join(parts)


def _bare(value: Any) -> bool:
    return not isinstance(value[0] if isinstance(value, list) else value, dict)


def shape(value: Any) -> Any:
    """Keys and kinds of a value; null fits everything, numbers are one kind."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    if isinstance(value, bool):
        return "boolean"
    return {int: "number", float: "number", str: "string", type(None): None}[type(value)]


def fits(ours: Any, recorded: Any) -> bool:
    if ours is None or recorded is None:
        return True
    if isinstance(ours, dict) and isinstance(recorded, dict):
        return ours.keys() == recorded.keys() and all(
            fits(ours[key], recorded[key]) for key in ours
        )
    if isinstance(ours, list) and isinstance(recorded, list):
        return not ours or not recorded or fits(ours[0], recorded[0])
    return ours == recorded


def sample_files(folder: str) -> list[Path]:
    return sorted((SAMPLES / folder).glob("*IssueCustomField.json")) if SAMPLES.exists() else []


@needs_samples
@pytest.mark.parametrize("file", sample_files("custom-fields"), ids=lambda path: path.stem)
def test_custom_fields_have_the_recorded_shape(file: Path, get: Callable[..., Any]) -> None:
    sample = json.loads(file.read_text("utf-8"))
    field_type = sample["projectCustomField"]["field"]["fieldType"]["id"]
    rows = get("/api/issues", fields=f"customFields({selection_of(sample)})", query="project: SRV",
               **{"$top": 1000})  # fmt: skip
    found = [
        field
        for row in rows
        for field in row["customFields"]
        if field["projectCustomField"]["field"]["fieldType"]["id"] == field_type
        and field["value"] not in (None, [])
        and field["value"] != {"$type": "PeriodValue"}
    ]
    assert found, f"no filled {field_type}"
    for field in found:
        assert field["$type"] == sample["$type"]
        assert field["projectCustomField"]["$type"] == sample["projectCustomField"]["$type"]
        ours, recorded = shape(field), shape(sample)
        for one in (ours, recorded):  # one of several kinds of groups
            if "group" in field_type:
                one["value"] = one["value"] if isinstance(one["value"], dict) else one["value"][0]
        assert fits(ours, recorded), (ours, recorded)


@needs_samples
def test_changes_have_the_recorded_shape(get: Callable[..., Any]) -> None:
    samples = json.loads((SAMPLES / "activities" / "captured_field_activities.json").read_text())
    for sample in samples:
        value_type = sample["field"]["customField"]["fieldType"]["valueType"]
        rows = get("/api/activities", fields=selection_of(sample), categories="CustomFieldCategory",
                   **{"$top": 20_000})  # fmt: skip
        found = [
            row
            for row in rows
            if row["field"]["customField"]["fieldType"]["valueType"] == value_type
            and row["added"] not in (None, [])
        ]
        assert found, value_type
        assert all(fits(shape(row), shape(sample)) for row in found), value_type


@needs_samples
@pytest.mark.parametrize(
    ("sample", "path"),
    [
        ("agiles", "/api/agiles"),
        ("agile", "/api/agiles/120-0"),
        ("sprints", "/api/agiles/120-0/sprints"),
        ("sprint", "/api/agiles/120-0/sprints/121-30"),
        ("projects", "/api/admin/projects"),
        ("users", "/api/users"),
        ("issues_custom_model", "/api/issues"),
        ("issue", "/api/issues/APP-1"),
    ],
)
def test_answers_have_the_recorded_shape(sample: str, path: str, get: Callable[..., Any]) -> None:
    """Keys at the top; and below, wherever both have a value of one type."""
    recorded = json.loads((SAMPLES / "responses" / f"{sample}.json").read_text("utf-8"))
    ours = get(path, fields=selection_of(recorded))
    for row in ours if isinstance(ours, list) else [ours]:
        for original in recorded if isinstance(recorded, list) else [recorded]:
            assert row.keys() >= original.keys()
            assert row["$type"] == original["$type"]
            for key in original.keys() - {"customFields", "sprints", "issues"}:
                assert fits(shape(row[key]), shape(original[key])), key
