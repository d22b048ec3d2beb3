"""The raw tables as they stand in PostgreSQL, and how to read them."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import partial

from psycopg2 import extras, sql

Raw = dict[str, list[dict]]

# the tracker whose raw tables these are
TRACKER = "youtrack"

_LOADED = {"loaded_at": "timestamptz", "_dlt_load_id": "varchar", "_dlt_id": "varchar"}

# table -> column -> PostgreSQL type
TABLES: dict[str, dict[str, str]] = {
    "projects": {
        "id": "varchar",
        "short_name": "varchar",
        "name": "varchar",
        "archived": "boolean",
    },
    "custom_fields": {
        "id": "varchar",
        "project_id": "varchar",
        "type": "varchar",
        "field": "jsonb",
        "bundle": "jsonb",
        "default_values": "jsonb",
        "can_be_empty": "boolean",
        "empty_field_text": "varchar",
        "ordinal": "bigint",
        "first_seen_at": "timestamptz",
        "seen_at": "timestamptz",
    },
    "users": {"id": "varchar", "login": "varchar", "type": "varchar"},
    "work_time_settings": {
        "id": "varchar",
        "minutes_a_day": "bigint",
        "days_a_week": "bigint",
        "work_days": "jsonb",
    },
    "issues": {
        "id": "varchar",
        "id_readable": "varchar",
        "number_in_project": "bigint",
        "summary": "varchar",
        "created": "bigint",
        "updated": "bigint",
        "resolved": "bigint",
        "is_draft": "boolean",
        "project": "jsonb",
        "custom_fields": "jsonb",
    },
    "boards": {
        "id": "varchar",
        "name": "varchar",
        "projects": "jsonb",
        "past_projects": "jsonb",
        "sprints_settings": "jsonb",
        "column_settings": "jsonb",
        "seen_at": "timestamptz",
    },
    "sprints": {
        "id": "varchar",
        "board_id": "varchar",
        "name": "varchar",
        "start": "bigint",
        "finish": "bigint",
        "archived": "boolean",
        "is_default": "boolean",
        "issues": "jsonb",
        "seen_at": "timestamptz",
    },
    "activities": {
        "id": "varchar",
        "type": "varchar",
        "category_id": "varchar",
        "timestamp": "bigint",
        "issue_id": "varchar",
        "field_id": "varchar",
        "field_name": "varchar",
        "target_member": "varchar",
        "added": "jsonb",
        "removed": "jsonb",
    },
    "issue_census": {
        "issue_id": "varchar",
        "project_id": "varchar",
        "missed_sweeps": "bigint",
        "swept_at": "timestamptz",
        "seen_at": "timestamptz",
    },
    "extract_runs": {
        "run_id": "varchar",
        "kind": "varchar",
        "source_url": "varchar",
        "scope": "jsonb",
        "window_start": "bigint",
        "window_end": "bigint",
        "counts": "jsonb",
        "started_at": "timestamptz",
        "finished_at": "timestamptz",
    },
}
for _columns in TABLES.values():
    _columns.update(_LOADED)


def fetch(connection, query: sql.Composable) -> list[dict]:
    """The rows of a query as dicts; jsonb parsed, its fractions as Decimal."""
    extras.register_default_jsonb(connection, loads=partial(json.loads, parse_float=Decimal))
    with connection.cursor() as cursor:
        cursor.execute(query)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def read_raw(connection, schema: str = "raw") -> Raw:
    """Every raw table with the columns that are listed here."""
    return {
        table: fetch(
            connection,
            sql.SQL("select {} from {}").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.Identifier(schema, table),
            ),
        )
        for table, columns in TABLES.items()
    }
