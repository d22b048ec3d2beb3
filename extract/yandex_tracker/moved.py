"""An organisation at another address than the one that filled raw: is it the same one?"""

from __future__ import annotations

from collections.abc import Iterator

from extract.errors import ConfigurationError
from extract.findings import Findings
from extract.yandex_tracker.journal import YandexTrackerJournal
from extract.yandex_tracker.moments import milliseconds
from extract.yandex_tracker.reader import ROWS_A_PAGE, Reader


def adopt_address(
    reader: Reader, journal: YandexTrackerJournal, findings: Findings, *, accept_missing: bool
) -> None:
    """Compare what raw holds with what the new address answers, and go on there if it agrees.

    Raises ConfigurationError with the first difference, and writes nothing then.
    `accept_missing`: issues of the sample that do not come count as deleted, up to half of them.
    """
    queues, issues = journal.queues_last_read(), journal.sample_of_issues()
    compared = (
        f"{len(queues)} queue(s) by id and key and {len(issues)} issue(s) by id and moment of "
        f"creation compared between {journal.moved_from} and {journal.source}"
    )
    first = next(_differences(reader, queues, issues, accept_missing=accept_missing), None)
    if not issues and journal.holds_issues():
        first = first or "raw holds no issue that was there at the last look"
    if first:
        raise ConfigurationError(
            f"{compared}: {first}. This is not taken for the same organisation, and nothing is "
            f"written. Look at YANDEX_TRACKER_URL and {reader.client.organisation_setting}, or "
            "give another PGDATABASE"
        )
    journal.adopt_source()
    findings.warn(f"the address of Yandex.Tracker has changed: {compared}, all agree")


def _differences(
    reader: Reader,
    queues: dict[str, str],
    issues: list[tuple[str, str, str]],
    *,
    accept_missing: bool,
) -> Iterator[str]:
    """Each difference in words, as it is found."""
    rows = reader.listing("queues", perPage=ROWS_A_PAGE)
    there = {str(row["id"]): row.get("key") for row in rows}
    for identity, key in queues.items():
        if identity not in there:
            yield f"the queue {key} is not there, or the token's account may not read it"
        elif there[identity] != key:
            yield f"the queue {key} in raw is {there[identity]} there"
    absent = 0
    for identity, key, created_at in issues:
        issue = reader.issue(identity)
        if issue is None:
            absent += 1
            # issues deleted since the last sweep must not shut out the right one for ever
            if not accept_missing or absent > len(issues) / 2:
                yield (
                    f"the issue {key} is not there (if it was deleted: the same once more with "
                    "--accept-missing)"
                )
        elif milliseconds(issue["createdAt"]) != milliseconds(created_at):
            yield (
                f"the issue {key} was created at {created_at} in raw and at {issue['createdAt']} "
                "there"
            )
