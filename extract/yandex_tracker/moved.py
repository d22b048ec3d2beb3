"""Comparing raw with an organisation that answers at another address."""

from __future__ import annotations

from collections.abc import Iterator

from extract import moved
from extract.findings import Findings
from extract.moved import other_issues
from extract.yandex_tracker.journal import YandexTrackerJournal
from extract.yandex_tracker.moments import milliseconds
from extract.yandex_tracker.reader import ROWS_A_PAGE, Reader


def adopt_address(
    reader: Reader, journal: YandexTrackerJournal, findings: Findings, *, accept_missing: bool
) -> None:
    """Compare what raw holds with what the new address answers, as `extract.moved`."""
    queues = journal.queues_last_read()
    issues = [(*names, milliseconds(moment)) for *names, moment in journal.sample_of_issues()]

    def differences() -> Iterator[str]:
        yield from _other_queues(reader, queues)
        yield from other_issues(
            issues, lambda key: _created(reader, key), accept_missing=accept_missing
        )

    moved.adopt_address(
        journal,
        findings,
        differences(),
        compared=f"{len(queues)} queue(s) by id and key",
        issues=issues,
        settings=f"YANDEX_TRACKER_URL and {reader.client.organisation_setting}",
    )


def _other_queues(reader: Reader, queues: dict[str, str]) -> Iterator[str]:
    rows = reader.listing("queues", perPage=ROWS_A_PAGE)
    there = {str(row["id"]): row.get("key") for row in rows}
    for identity, key in queues.items():
        if identity not in there:
            yield f"the queue {key} is not there, or the token's account may not read it"
        elif there[identity] != key:
            yield f"the queue {key} in raw is {there[identity]} there"


def _created(reader: Reader, identity: str) -> int | None:
    issue = reader.issue(identity)
    return None if issue is None else milliseconds(issue["createdAt"])
