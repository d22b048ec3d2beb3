"""Comparing raw with a YouTrack that answers at another address."""

from __future__ import annotations

from collections.abc import Iterator

from extract import moved
from extract.client import NotFoundError
from extract.findings import Findings
from extract.moved import other_issues
from extract.youtrack.journal import YouTrackJournal
from extract.youtrack.reader import Reader

PROJECTS_A_PAGE = 100


def adopt_address(
    reader: Reader, journal: YouTrackJournal, findings: Findings, *, accept_missing: bool
) -> None:
    """Compare what raw holds with what the new address answers, as `extract.moved`."""
    projects, issues = journal.projects_last_read(), journal.sample_of_issues()

    def differences() -> Iterator[str]:
        yield from _other_projects(reader, projects)
        yield from other_issues(
            issues, lambda key: _created(reader, key), accept_missing=accept_missing
        )

    moved.adopt_address(
        journal,
        findings,
        differences(),
        compared=f"{len(projects)} project(s) by id and short name",
        issues=issues,
        settings="YOUTRACK_URL",
    )


def _other_projects(reader: Reader, projects: dict[str, str]) -> Iterator[str]:
    rows = reader.listing("projects", "admin/projects", "id,shortName", PROJECTS_A_PAGE)
    there = {row["id"]: row["shortName"] for row in rows}
    for key, short_name in projects.items():
        if key not in there:
            yield (
                f"the project {short_name} ({key}) is not there, or the token's account may not "
                "read it"
            )
        elif there[key] != short_name:
            yield f"the project {key} is {short_name} in raw and {there[key]} there"


def _created(reader: Reader, key: str) -> int | None:
    """0 for another issue than the one that was asked for."""
    try:
        answer = reader.client.get(f"issues/{key}", "id,created")
    except NotFoundError:
        return None
    return (answer.get("created") or 0) if answer.get("id") == key else 0
