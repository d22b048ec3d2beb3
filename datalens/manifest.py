"""The marts as dbt's manifest documents them: columns, types, titles, descriptions."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.errors import ConfigurationError

WRITE_IT = "write it with: make run (or, with data already loaded: make build)"

# What a change of the models may touch.
SOURCES = ("dbt_project.yml", "dbt_project/**/*.sql", "dbt_project/**/*.yml", "dbt_project/**/*.md")

# PostgreSQL type -> (DataLens type, name of the native type). What is missing here, DataLens cannot
# read (jsonb, interval, time) or cannot use in a formula (enums).
TYPES = {
    "text": ("string", "text"),
    "character varying": ("string", "varchar"),
    "varchar": ("string", "varchar"),
    "smallint": ("integer", "smallint"),
    "integer": ("integer", "integer"),
    "int": ("integer", "integer"),
    "bigint": ("integer", "bigint"),
    "numeric": ("float", "numeric"),
    "double precision": ("float", "double_precision"),
    "date": ("date", "date"),
    "timestamptz": ("genericdatetime", "timestamp"),
    "timestamp with time zone": ("genericdatetime", "timestamp"),
    "boolean": ("boolean", "boolean"),
}

# The same as the marts have them in ClickHouse: name of the native type there
CLICKHOUSE_TYPES = {
    "text": "string",
    "varchar": "string",
    "smallint": "int16",
    "integer": "int32",
    "bigint": "int64",
    "numeric": "decimal",
    "double_precision": "float64",
    "date": "date32",
    "timestamp": "datetime64withtz",
    "boolean": "bool",
}


@dataclass(frozen=True)
class Column:
    """One column of a mart in one language."""

    name: str
    title: str
    description: str
    user_type: str
    native_type: str


@dataclass(frozen=True)
class Mart:
    """One mart in one language."""

    name: str
    description: str
    columns: dict[str, Column]


def read_marts(manifest: Path, locale: str) -> dict[str, Mart]:
    """Every model below `models/marts` by name; raises ConfigurationError without a manifest."""
    try:
        nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
        return {
            node["name"]: _mart(node, locale)
            for node in nodes
            if node["resource_type"] == "model" and "marts" in node["fqn"]
        }
    except OSError as error:
        raise ConfigurationError(f"{manifest}: {error.strerror}; {WRITE_IT}") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ConfigurationError(f"{manifest} is no dbt manifest; {WRITE_IT}") from None


def refuse_stale(manifest: Path, root: Path) -> None:
    """Raise ConfigurationError when a file of the dbt project is newer than the manifest."""
    if not manifest.is_file():
        raise ConfigurationError(f"{manifest} is missing; {WRITE_IT}")
    written = manifest.stat().st_mtime
    newer = sorted(
        path.relative_to(root).as_posix()
        for pattern in SOURCES
        for path in root.glob(pattern)
        if path.stat().st_mtime > written
    )
    if newer:
        raise ConfigurationError(
            f"{manifest} is older than {newer[0]}"
            f"{f' and {len(newer) - 1} more' if newer[1:] else ''}; {WRITE_IT}"
        )


def _mart(node: dict[str, Any], locale: str) -> Mart:
    columns = [_column(node, column, locale) for column in node["columns"].values()]
    return Mart(
        name=node["name"],
        description=_text(node, "description", locale) or _one_line(node["description"]),
        columns={column.name: column for column in columns},
    )


def _column(node: dict[str, Any], column: dict[str, Any], locale: str) -> Column:
    declared = (column.get("data_type") or "").lower()
    base = declared.partition("(")[0].strip()
    if base not in TYPES:
        where = f"{node['name']}.{column['name']} ({node['original_file_path']})"
        problem = f"has the type {declared}" if declared else "declares no data_type"
        raise ConfigurationError(
            f"{where} {problem}; DataLens reads text, integer, numeric, date, timestamptz, boolean"
        )
    user_type, native_type = TYPES[base]
    return Column(
        name=column["name"],
        title=_text(column, "title", locale) or column["name"],
        description=_text(column, "description", locale) or _one_line(column["description"]),
        user_type=user_type,
        native_type=native_type,
    )


def _text(documented: dict[str, Any], key: str, locale: str) -> str:
    """`config.meta.<key>.<locale>` of a model or column, or nothing."""
    meta = (documented.get("config") or {}).get("meta") or documented.get("meta") or {}
    texts = meta.get(key)
    return _one_line(texts.get(locale) or "") if isinstance(texts, dict) else ""


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
