"""A source that answers at another address than the one that filled raw: is it the same one?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from extract.errors import ConfigurationError
from extract.findings import Findings
from extract.journal import Journal

# id, readable id and moment of creation in epoch ms
Issue = tuple[str, str, int]


def adopt_address(
    journal: Journal,
    findings: Findings,
    differences: Iterator[str],
    *,
    compared: str,
    issues: Sequence[Issue],
    settings: str,
) -> None:
    """Go on at the new address if nothing there differs from raw.

    `differences`: each in words, as it is found; `compared`: what else than the sample of `issues`
    they are looked for in; `settings`: those that lead to the source. Raises ConfigurationError
    with the first difference, and writes nothing then.
    """
    name = journal.service.name
    compared = (
        f"{compared} and {len(issues)} issue(s) by id and moment of creation compared between "
        f"{journal.moved_from} and {journal.source}"
    )
    first = next(differences, None)
    if not issues and journal.has_read("issues"):
        first = first or "raw holds no issue that was there at the last look"
    if first:
        raise ConfigurationError(
            f"{compared}: {first}. This is not taken for the same {name}, and nothing is written: "
            f"one database serves one {name}. Look at {settings}, or give another PGDATABASE"
        )
    journal.adopt_source()
    findings.warn(f"the address of {name} has changed: {compared}, all agree")


def other_issues(
    issues: Sequence[Issue], created: Callable[[str], int | None], *, accept_missing: bool
) -> Iterator[str]:
    """What differs in issues; `created` asks for one's moment of creation, None if it is not there.

    `accept_missing`: those that are not there count as deleted, up to half of them.
    """
    absent = 0
    for key, readable, moment in issues:
        there = created(key)
        if there is None:
            absent += 1
            # issues deleted since the last sweep must not shut out the right source for ever
            if not accept_missing or absent > len(issues) / 2:
                yield (
                    f"the issue {readable} ({key}) is not there (if it was deleted: the same once "
                    "more with --accept-missing)"
                )
        elif there != moment:
            yield (
                f"the issue {readable} ({key}) was created at {moment} in raw and at {there} there "
                "(epoch ms)"
            )
