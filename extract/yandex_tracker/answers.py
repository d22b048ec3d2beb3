"""Checking what Tracker answers before anybody believes it, and fitting it to the raw tables."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from extract.errors import SourceError
from extract.findings import Findings
from extract.tables import Entity, Table
from extract.yandex_tracker.cleaning import LEFT_OUT, changes, cleaned
from extract.yandex_tracker.moments import milliseconds, moment
from extract.yandex_tracker.search import Within
from extract.yandex_tracker.tables import CHANGELOG, ISSUES

_ID = re.compile(r"[0-9a-f]{24}")

_ISSUE_MUST_HAVE = ("id", "key", "queue", "createdAt", "updatedAt")
_ENTRY_MUST_HAVE = ("id", "updatedAt", "type")

# the keys of an issue that have a column of their own
_ISSUE_KEYS = frozenset(column.path[0] for column in ISSUES.columns if column.path)


@dataclass(frozen=True, slots=True)
class Changelog:
    """The whole history of an issue, oldest first."""

    issue_id: str
    entries: list[Entity]

    @property
    def head_at(self) -> str | None:
        """The moment of the last entry, as sent."""
        return self.entries[-1]["updatedAt"] if self.entries else None


def rows(answer: Any, place: str, key: str = "id") -> list[Entity]:
    """The answer, if it is a list of objects with keys; nothing else is taken for an empty list."""
    if not isinstance(answer, list) or not all(
        isinstance(row, dict) and row.get(key) not in (None, "") for row in answer
    ):
        raise SourceError(f"{place} answers with something that is no list of entities")
    return answer


def fitted(table: Table, row: Entity) -> Entity:
    """The parts of a row that the table has columns for, each in its column's type."""
    fit = {}
    for column in table.columns:
        if not column.path:
            continue
        value = row.get(column.path[0])
        if column.data_type == "text":
            value = _text(value)
        elif column.data_type == "bigint":
            value = int(value) if isinstance(value, (int, float)) else None
        elif column.data_type == "bool":
            value = value if isinstance(value, bool) else None
        else:
            value = cleaned(value)
        fit[column.path[0]] = value
    return fit


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def issues(answer: Any, within: Within, findings: Findings) -> list[Entity]:
    """Issues as raw keeps them, without what people wrote and what they are called."""
    return [_issue(row, within, findings) for row in rows(answer, "issues")]


def _issue(row: Entity, within: Within, findings: Findings) -> Entity:
    absent = [key for key in _ISSUE_MUST_HAVE if not row.get(key)]
    if absent:
        raise SourceError(
            f"Yandex.Tracker leaves {', '.join(absent)} out of the issue {row.get('key')}: nothing "
            "can be counted without"
        )
    _check_moments(row, ("createdAt", "updatedAt"), str(row["key"]))
    for key in ("resolvedAt", "statusStartTime"):
        if row.get(key) is not None and not _is_moment(row[key]):
            findings.count("issue(s) with a moment that cannot be read, left empty")
            row[key] = None
    if queue_id(row) is None or not within.admits(queue_id(row)):
        raise SourceError(
            f"Yandex.Tracker ignored what was asked and answered with {row['key']} of another "
            "queue: nothing that it says can be trusted now"
        )
    if not isinstance(row.get("status"), dict):
        findings.count("issue(s) without a status: they have no state")
    if not _ID.fullmatch(str(row["id"])):
        findings.count("issue(s) with an id that is not 24 hex digits, kept as it is")
    others = {
        key: cleaned(value)
        for key, value in row.items()
        if key not in _ISSUE_KEYS and key not in LEFT_OUT and value is not None
    }
    return {**fitted(ISSUES, row), "field_values": others}


def queue_id(issue: Entity) -> str | None:
    """The id of the queue that holds the issue."""
    queue = issue.get("queue")
    return str(queue["id"]) if isinstance(queue, dict) and queue.get("id") else None


def entries(answer: Any, issue_id: str) -> list[Entity]:
    """A page of an issue's changelog as raw keeps it."""
    page = rows(answer, "the changelog")
    for entry in page:
        absent = [key for key in _ENTRY_MUST_HAVE if not entry.get(key)]
        if absent:
            raise SourceError(f"Yandex.Tracker leaves {', '.join(absent)} out of its changelogs")
        _check_moments(entry, ("updatedAt",), f"the changelog of {issue_id}")
        issue = entry.get("issue")
        if isinstance(issue, dict) and str(issue.get("id")) != issue_id:
            raise SourceError(
                f"Yandex.Tracker answers with the changelog of {issue.get('key')} when asked for "
                f"that of {issue_id}: nothing that it says can be trusted now"
            )
        entry["fields"] = changes(entry.get("fields"))
    return [fitted(CHANGELOG, entry) for entry in page]


def oldest_first(issue_id: str, found: Sequence[Entity], findings: Findings) -> Changelog:
    """A changelog whose pages have all come; entries of one moment keep the order they came in."""
    moments = [milliseconds(entry["updatedAt"]) for entry in found]
    ordered = list(found)
    if moments != sorted(moments):
        findings.count("changelog(s) that came in another order than that of time, sorted")
        if moments[0] > moments[-1]:
            ordered.reverse()
        ordered.sort(key=lambda entry: milliseconds(entry["updatedAt"]))
    return Changelog(issue_id, ordered)


def _check_moments(row: Entity, keys: tuple[str, ...], place: str) -> None:
    for key in keys:
        if not _is_moment(row[key]):
            raise SourceError(f"{place}: {key} is no moment with an offset: {str(row[key])[:40]!r}")


def _is_moment(value: object) -> bool:
    try:
        moment(value)
    except ValueError:
        return False
    return True
