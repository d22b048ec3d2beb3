"""A YouTrack that answers at another address than the one that filled raw: is it the same one?"""

from __future__ import annotations

from collections.abc import Iterator

from extract.client import NotFoundError
from extract.errors import ConfigurationError
from extract.findings import Findings
from extract.youtrack.journal import YouTrackJournal
from extract.youtrack.reader import Reader

PROJECTS_A_PAGE = 100


def adopt_address(
    reader: Reader, journal: YouTrackJournal, findings: Findings, *, accept_missing: bool
) -> None:
    """Compare what raw holds with what the new address answers, and go on there if it agrees.

    Raises ConfigurationError with the first difference, and writes nothing then.
    `accept_missing`: issues of the sample that do not come count as deleted, up to half of them.
    """
    projects, issues = journal.projects_last_read(), journal.sample_of_issues()
    compared = (
        f"{len(projects)} project(s) by id and short name and {len(issues)} issue(s) by id and "
        f"moment of creation compared between {journal.moved_from} and {journal.source}"
    )
    first = next(_differences(reader, projects, issues, accept_missing=accept_missing), None)
    if not issues and journal.holds_issues():
        first = first or "raw holds no issue that was there at the last look"
    if first:
        raise ConfigurationError(
            f"{compared}: {first}. This is not taken for the same YouTrack, and nothing is "
            "written: one database serves one YouTrack. Look at YOUTRACK_URL, or give another "
            "PGDATABASE"
        )
    journal.adopt_source()
    findings.warn(f"the address of YouTrack has changed: {compared}, all agree")


def _differences(
    reader: Reader,
    projects: dict[str, str],
    issues: list[tuple[str, str, int]],
    *,
    accept_missing: bool,
) -> Iterator[str]:
    """Each difference in words, as it is found."""
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
    absent = 0
    for key, id_readable, created in issues:
        try:
            answer = reader.client.get(f"issues/{key}", "id,created")
        except NotFoundError:
            absent += 1
            # issues deleted since the last sweep must not shut out the right YouTrack for ever
            if not accept_missing or absent > len(issues) / 2:
                yield (
                    f"the issue {id_readable} ({key}) is not there (if it was deleted: the same "
                    "once more with --accept-missing)"
                )
            continue
        if answer.get("id") != key or answer.get("created") != created:
            yield (
                f"the issue {id_readable} ({key}) was created at {created} in raw and at "
                f"{answer.get('created')} there (epoch ms)"
            )
