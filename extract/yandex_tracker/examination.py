"""What a token may see, for `make doctor`: a handful of requests, nothing written."""

from __future__ import annotations

from collections.abc import Iterator

from extract.client import ForbiddenError, NotFoundError, Patience
from extract.errors import ConfigurationError, RunError, SourceError
from extract.findings import Findings
from extract.tracker import Found
from extract.yandex_tracker.load import Source
from extract.yandex_tracker.reader import ROWS_A_PAGE, Reader
from extract.yandex_tracker.search import Within

PATIENCE = Patience(tries=2, read_seconds=20)


def examine(source: Source) -> Iterator[Found]:
    """Yield what was looked at. Raises what a run would where nothing can be read at all."""
    findings = Findings()
    reader = Reader(source.client(PATIENCE), findings)
    reader.introduce()
    yield True, "Yandex.Tracker answers, and the token may enter the organisation"
    yield from _queues(reader, source.queues)
    for path, use in (
        ("statuses", "a run cannot do without"),
        ("boards", "there will be no boards and sprints"),
        ("users", "assignees stay without a login"),
    ):
        try:
            rows = reader.listing(path, "uid" if path == "users" else "id", perPage=ROWS_A_PAGE)
            yield bool(rows), f"{len(rows)} {path} can be read"
        except (ForbiddenError, NotFoundError):
            yield False, f"{path} cannot be read: {use}"
    for warning in findings.warnings():
        yield False, warning


def _queues(reader: Reader, keys: tuple[str, ...] | None) -> Iterator[Found]:
    readable = {
        str(queue.get("key")): str(queue["id"])
        for queue in reader.listing("queues", perPage=ROWS_A_PAGE)
    }
    if not readable:
        yield SourceError(
            "the account sees no queue: give it access, and look whether "
            f"{reader.client.organisation_setting} is the queues' organisation"
        )
        return
    by_key = {key.casefold(): (key, identity) for key, identity in readable.items()}
    for key in keys or ():
        if key.casefold() not in by_key:
            yield ConfigurationError(
                f"YANDEX_TRACKER_QUEUES: {key} does not exist, or the account may not read it"
            )
    wanted = keys or tuple(readable)
    for key, identity in (by_key[each.casefold()] for each in wanted if each.casefold() in by_key):
        try:
            number = reader.count(Within({identity: key}))
        except RunError as error:
            yield False, f"queue {key}: {error}"
        else:
            yield number != 0, f"queue {key}: {number:,} issues"
