"""From a source's objects to columns: JSON as text, everything in its type."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

import orjson
import pyarrow as pa

from extract.tables import DataType, Entity, Table

_ARROW_TYPES: dict[DataType, pa.DataType] = {
    "text": pa.string(),
    "json": pa.string(),
    "bigint": pa.int64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def to_arrow(
    table: Table, entities: Sequence[Entity], loaded_at: datetime, **filled: Sequence[Any]
) -> pa.Table:
    """The columns of `table`, without the load id, which the loader knows.

    `filled` gives the columns that have no path in the source's answer.
    """
    stamp = pa.scalar(loaded_at, _ARROW_TYPES["timestamp"])
    columns: dict[str, pa.Array] = {}
    for column in table.columns:
        if column.name == "loaded_at":
            columns[column.name] = pa.repeat(stamp, len(entities))
        elif column.name == "_dlt_id":
            columns[column.name] = columns[table.key]
        elif column.name != "_dlt_load_id":
            values = filled.get(column.name) or _at(column.path, entities)
            if column.data_type == "json":
                values = _json_texts(values)
            columns[column.name] = pa.array(values, _ARROW_TYPES[column.data_type])
    return pa.table(columns)


def _at(path: tuple[str, ...], entities: Sequence[Entity]) -> list[Any]:
    """The value at a path of each object; None where a step is absent or null."""
    values: Sequence[Any] = entities
    for step in path:
        try:
            values = list(map(itemgetter(step), values))
        except (KeyError, TypeError):
            values = [value.get(step) if value else None for value in values]
    return list(values)


def _json_texts(values: Sequence[Any]) -> list[bytes | str | None]:
    dumps = orjson.dumps
    try:
        return [None if value is None else dumps(value) for value in values]
    except TypeError:
        # integers beyond 64 bits
        return [None if each is None else json.dumps(each, ensure_ascii=False) for each in values]
