"""The floor: the same rows by a bare sequential loop of requests, json and COPY, without dlt.

It trusts the server, forgets nothing, checks nothing, and can neither resume nor catch up.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import psycopg2
import requests

from extract.youtrack.reader import ISSUES_A_PAGE
from extract.youtrack.selection import (
    ACTIVITIES,
    ACTIVITY_CATEGORIES,
    ACTIVITY_PAGE_FIELDS,
    ISSUES,
    LOADED,
    Table,
    issue_fields,
)

ACTIVITIES_A_PAGE = 1000
TYPES = {"text": "varchar", "bigint": "bigint", "bool": "boolean", "json": "jsonb"}

Page = list[dict[str, Any]]


class Floor:
    """One session, one connection, one page after the other."""

    def __init__(self, url: str, token: str, dsn: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"
        self._connection = psycopg2.connect(dsn)
        self.requests = 0

    def load(self) -> tuple[int, int]:
        """Copy everything; returns the number of issues and of activities."""
        issues = self._copy(ISSUES, self._issues())
        return issues, self._copy(ACTIVITIES, self._activities())

    def _get(self, path: str, **params: Any) -> Any:
        self.requests += 1
        response = self._session.get(f"{self._url}/api/{path}", params=params, timeout=60)
        response.raise_for_status()
        # the one character that PostgreSQL has no place for
        return json.loads(response.content.replace(rb"\u0000", b""))

    def _issues(self) -> Iterator[Page]:
        fields, skip = issue_fields(summaries=True), 0
        while page := self._get(
            "issues",
            fields=fields,
            query="sort by: created asc",
            **{"$top": ISSUES_A_PAGE, "$skip": skip},
        ):
            yield page
            skip += len(page)

    def _activities(self) -> Iterator[Page]:
        params = {
            "fields": ACTIVITY_PAGE_FIELDS,
            "categories": ",".join(ACTIVITY_CATEGORIES),
            "reverse": "false",
            "$top": ACTIVITIES_A_PAGE,
        }
        has_after = True
        while has_after:
            answer = self._get("activitiesPage", **params)
            yield answer["activities"]
            has_after, params["cursor"] = answer["hasAfter"], answer.get("afterCursor")

    def _copy(self, table: Table, pages: Iterator[Page]) -> int:
        columns = [column for column in table.columns if column not in LOADED]
        kinds = ", ".join(f"{column.name} {TYPES[column.data_type]}" for column in columns)
        rows = 0
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(f"create table {table.name} ({kinds})")
            for page in pages:
                lines = io.StringIO()
                csv.writer(lines).writerows(
                    [_cell(entity, column.path, column.data_type) for column in columns]
                    for entity in page
                )
                lines.seek(0)
                cursor.copy_expert(f"copy {table.name} from stdin (format csv)", lines)
                rows += len(page)
        return rows


def _cell(entity: Any, path: tuple[str, ...], data_type: str) -> Any:
    for step in path:
        entity = entity.get(step) if entity else None
    return json.dumps(entity) if data_type == "json" and entity is not None else entity
