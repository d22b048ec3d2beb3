"""Checking what YouTrack answers before anybody believes it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from extract.errors import SourceError
from extract.findings import Findings
from extract.tables import Entity
from extract.youtrack.people import clean_activities, clean_issues
from extract.youtrack.selection import ACTIVITY_MUST_HAVE, CENSUS_MUST_HAVE, ISSUE_MUST_HAVE


def entities(answer: Any, place: str) -> list[Entity]:
    """The answer, if it is a list of objects with ids; nothing else is taken for an empty list."""
    if not isinstance(answer, list) or not all(
        isinstance(row, dict) and row.get("id") for row in answer
    ):
        raise SourceError(f"{place} answers with something that is no list of entities")
    return answer


def issues(answer: Any, findings: Findings) -> list[Entity]:
    """Issues with everything that raw needs, people's names off."""
    rows = _complete(answer, ISSUE_MUST_HAVE)
    unknown: Counter[str] = Counter()
    clean_issues(rows, unknown)
    findings.unknown_types(unknown)
    return rows


def census(answer: Any) -> list[Entity]:
    """The ids of issues."""
    return _complete(answer, CENSUS_MUST_HAVE)


def _complete(answer: Any, keys: tuple[str, ...]) -> list[Entity]:
    rows = entities(answer, "issues")
    for row in rows:
        absent = [key for key in keys if row.get(key) is None]
        if absent:
            raise SourceError(
                f"YouTrack leaves {', '.join(absent)} out of its issues: the token's account lacks "
                "the right to see it (Read Issue, Read Project, and access to each custom field)"
            )
    return rows


def activities(answer: Any, start: int, end: int, findings: Findings) -> list[Entity]:
    """The changes of a cursor page, within [start, end], oldest first, people's names off."""
    if not isinstance(answer, dict) or "hasAfter" not in answer:
        raise SourceError("activitiesPage answers without hasAfter: its end cannot be known")
    rows = entities(answer.get("activities"), "activitiesPage")
    absent = {key for row in rows for key in ACTIVITY_MUST_HAVE if key not in row}
    if absent:
        raise SourceError(f"YouTrack leaves {', '.join(sorted(absent))} out of its changes")
    moments = [row["timestamp"] for row in rows]
    if moments and not (start <= min(moments) and max(moments) <= end):
        raise ignored(f"changes from {start} to {end}")
    if moments != sorted(moments):
        raise SourceError("activitiesPage does not sort by time as asked (reverse=false)")
    unknown: Counter[str] = Counter()
    clean_activities(rows, unknown)
    findings.unknown_types(unknown)
    return rows


def ignored(query: str) -> SourceError:
    """The error of an answer that holds what was not asked for."""
    return SourceError(
        f"YouTrack ignored what was asked ({query.strip()}) and answered with other rows: nothing "
        "that it says can be trusted now"
    )
