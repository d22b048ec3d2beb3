"""The public marts as their contracts in dbt's manifest say it: columns, types, keys, descriptions.

For who writes the marts somewhere else: nothing of them is listed a second time.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.errors import ConfigurationError


@dataclass(frozen=True)
class Column:
    """One column: its PostgreSQL type as declared, in lower case."""

    name: str
    data_type: str
    is_nullable: bool
    # a text that hardly ever comes twice: an id, a title, an error
    is_unique_text: bool
    description: str


@dataclass(frozen=True)
class Contract:
    """One mart of contract `public`; `key` is empty where there is exactly one row."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]


def public_marts(manifest: Path) -> list[Contract]:
    """Every mart of contract `public`, by name; raises ConfigurationError without a manifest."""
    try:
        nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
        return sorted(
            (
                _contract(node)
                for node in nodes
                if node["resource_type"] == "model" and node["access"] == "public"
            ),
            key=lambda contract: contract.name,
        )
    except OSError as error:
        raise ConfigurationError(f"{manifest}: {error.strerror}") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ConfigurationError(f"{manifest} is no dbt manifest") from None


def _contract(node: dict[str, Any]) -> Contract:
    key = next(
        (tuple(each["columns"]) for each in node["constraints"] if each["type"] == "primary_key"),
        (),
    )
    return Contract(
        name=node["name"],
        description=_one_line(node["description"]),
        columns=tuple(_column(column, key) for column in node["columns"].values()),
        key=key,
    )


def _column(column: dict[str, Any], key: tuple[str, ...]) -> Column:
    name = column["name"]
    is_required = any(each["type"] == "not_null" for each in column["constraints"])
    meta = column["config"]["meta"]
    return Column(
        name=name,
        data_type=(column["data_type"] or "").lower(),
        is_nullable=name not in key and not is_required,
        is_unique_text=name.endswith(("_id", "_id_readable")) or meta.get("is_unique_text", False),
        description=_one_line(column["description"]),
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
