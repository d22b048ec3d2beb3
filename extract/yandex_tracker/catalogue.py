"""The short lists that give ids their present names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from extract.ahead import Lane
from extract.client import ForbiddenError, NotFoundError, UnwellError
from extract.errors import ConfigurationError, SourceError
from extract.tables import Entity, Table
from extract.work import Tables
from extract.yandex_tracker.answers import fitted
from extract.yandex_tracker.reader import ROWS_A_PAGE
from extract.yandex_tracker.tables import (
    BOARDS,
    FIELDS,
    ISSUE_TYPES,
    QUEUES,
    RESOLUTIONS,
    SPRINTS,
    STATUSES,
    USERS,
)
from extract.yandex_tracker.work import Scope, Work

STATUS_TYPES = frozenset({"new", "inProgress", "paused", "done", "cancelled"})

# `Queue: "A", B`, as far as the next parameter
_QUEUE_CLAUSE = re.compile(
    r"""(?<![\w"])"?Queue"?\s*:\s*(?:!?(?:"[^"]*"|[\w.-]+))(?:\s*,\s*!?(?:"[^"]*"|[\w.-]+))*""",
    re.IGNORECASE,
)
_QUEUE_KEYS = ("queue", "Queue", "queues")


def read_queues(work: Work, keys: tuple[str, ...] | None) -> tuple[Scope, Tables]:
    """All queues, and which of them are in scope.

    Raises ConfigurationError naming every wanted queue that cannot be read.
    """
    queues = work.reader.listing("queues", perPage=ROWS_A_PAGE)
    if not queues:
        raise SourceError(
            "the token's account sees no queue: give it access to the queues, and look whether "
            f"{work.reader.client.organisation_setting} is their organisation"
        )
    if not all(queue.get("key") for queue in queues):
        raise SourceError("Yandex.Tracker leaves key out of its queues: no issue can be asked for")
    fit = [fitted(QUEUES, queue) for queue in queues]
    scope = _scope(fit, keys)
    there = {queue["id"] for queue in fit}
    lost = [each for each in work.journal.state.queues or () if each not in there]
    if lost:
        names = work.journal.queue_keys()
        work.findings.warn(
            f"{len(lost)} queue(s) deleted or no longer readable by the token's account: "
            f"{', '.join(sorted(names.get(each, each) for each in lost))}"
        )
    return scope, {"queues": [work.listed(QUEUES, queues)]}


def _scope(queues: list[Entity], keys: tuple[str, ...] | None) -> Scope:
    if keys is None:
        return Scope(None, {queue["id"]: queue["key"] for queue in queues})
    by_key = {queue["key"].casefold(): queue for queue in queues}
    absent = [key for key in keys if key.casefold() not in by_key]
    if absent:
        raise ConfigurationError(
            f"YANDEX_TRACKER_QUEUES: {', '.join(absent)} does not exist, or the token's account "
            f"may not read it. Readable: {', '.join(sorted(queue['key'] for queue in queues))}"
        )
    wanted = [by_key[key.casefold()] for key in keys]
    in_scope = {queue["id"]: queue["key"] for queue in wanted}
    return Scope(sorted(in_scope), in_scope)


def names(work: Work) -> Lane[Tables]:
    """Statuses, resolutions, types, global fields and people: on their way from now on."""
    lists = {
        "statuses": STATUSES, "resolutions": RESOLUTIONS, "issuetypes": ISSUE_TYPES,
        "fields": FIELDS,
    }  # fmt: skip
    return work.ahead.lane([*(_names(work, *each) for each in lists.items()), _users(work)])


def _names(work: Work, path: str, table: Table) -> Iterator[Tables]:
    rows = work.reader.listing(path)
    if table is STATUSES:
        _check_statuses(work, rows)
    if table is FIELDS:
        rows = [{**row, "queue": None} for row in rows]
    yield {table.name: [work.listed(table, rows)]}


def _check_statuses(work: Work, statuses: list[Entity]) -> None:
    unknown = Counter(
        str(status.get("type")) for status in statuses if status.get("type") not in STATUS_TYPES
    )
    for name, number in sorted(unknown.items()):
        work.findings.warn(
            f"{number} status(es) of a type that this version does not know ({name}): give their "
            "category in the seed state_categories"
        )


def _users(work: Work) -> Iterator[Tables]:
    try:
        users = work.reader.listing("users", key="uid", perPage=ROWS_A_PAGE)
    except (ForbiddenError, NotFoundError):
        work.findings.warn("users cannot be listed: assignees stay without a login")
        return
    except UnwellError as fault:
        if not work.journal.has_read("users"):
            raise
        work.findings.warn(f"the users cannot be read, and stay as they were: {fault}")
        return
    yield {"users": [work.table(USERS, [fitted(USERS, user) for user in users])]}


def read_boards(work: Work) -> tuple[list[Entity], Tables]:
    """All boards."""
    try:
        boards = work.reader.listing("boards")
    except (ForbiddenError, NotFoundError):
        work.findings.warn("boards cannot be listed: what raw knows of them stays")
        return [], {}
    gone = {
        key: name
        for key, name in work.journal.boards_last_read().items()
        if key not in {str(board["id"]) for board in boards}
    }
    if gone and not boards and not work.accept_missing:
        raise SourceError(
            f"none of the {len(gone)} boards that the last run read is there any more: give the "
            "token's account access to them, or run once with --accept-missing if they were deleted"
        )
    if gone:
        work.findings.warn(
            f"{len(gone)} board(s) deleted or no longer shown to the token's account: "
            f"{', '.join(sorted(gone.values()))}"
        )
    return boards, {"boards": [work.listed(BOARDS, [_board(board) for board in boards])]}


def _board(board: Entity) -> Entity:
    """A board with what its filters say of queues, and nothing of what they say of people."""
    kept = dict(board)
    for name in ("filter", "autoFilterSettings"):
        kept[name] = _queues_only(board.get(name))
    query = board.get("query")
    clauses = _QUEUE_CLAUSE.findall(query) if isinstance(query, str) else []
    kept["query"] = " ".join(clauses) or None
    return kept


def _queues_only(settings: Any) -> Any:
    """The parts of a filter that are about queues, wherever in it."""
    if not isinstance(settings, dict):
        return None
    kept = {}
    for key, value in settings.items():
        if key in _QUEUE_KEYS:
            kept[key] = value
        elif isinstance(value, dict):
            part = _queues_only(value)
            if part:
                kept[key] = part
        elif key == "query" and isinstance(value, str):
            clauses = _QUEUE_CLAUSE.findall(value)
            if clauses:
                kept[key] = " ".join(clauses)
    return kept or None


def read_details(work: Work, scope: Scope, boards: list[Entity]) -> Tables:
    """The sprints of every board and the local fields of every queue: a request for each."""
    closed: list[str] = []
    hidden: list[str] = []
    asked = [
        work.ahead.lane(_sprints(work, board, closed) for board in boards),
        work.ahead.lane(_local_fields(work, *each, hidden) for each in scope.keys.items()),
    ]
    sprints, fields = ([row for page in lane for row in page] for lane in asked)
    if closed:
        work.findings.warn(f"the sprints of {_some(closed)} cannot be read")
    if hidden:
        work.findings.warn(f"the local fields of {_some(hidden)} cannot be read")
    work.journal.state.lists_seen_at = work.as_of.isoformat()
    return {"sprints": [_listed(work, SPRINTS, sprints)], "fields": [_listed(work, FIELDS, fields)]}


def keep_details(work: Work) -> None:
    """The sprints and local fields that were there when they were last read still are."""
    before = work.journal.state.lists_seen_at
    if before is not None:
        work.journal.still_listed("sprints", "true", before, work.as_of)
        work.journal.still_listed("fields", "queue is not null", before, work.as_of)
        work.journal.state.lists_seen_at = work.as_of.isoformat()


def _listed(work: Work, table: Table, rows: list[Entity]) -> pa.Table:
    """A row that two boards or queues bring comes once."""
    return work.listed(table, list({str(row["id"]): row for row in rows}.values()))


def _some(names: list[str]) -> str:
    return f"{len(names)} of them ({', '.join(sorted(names)[:10])})"


def _sprints(work: Work, board: Entity, closed: list[str]) -> Iterator[list[Entity]]:
    try:
        sprints = work.reader.listing(f"boards/{quote(str(board['id']), safe='')}/sprints")
    except (ForbiddenError, NotFoundError):
        closed.append(f"the board {board.get('name')}")
        return
    yield [{**sprint, "board": {"id": str(board["id"])}} for sprint in sprints]


def _local_fields(work: Work, queue_id: str, key: str, hidden: list[str]) -> Iterator[list[Entity]]:
    try:
        fields = work.reader.listing(f"queues/{quote(key, safe='')}/localFields")
    except (ForbiddenError, NotFoundError):
        hidden.append(f"the queue {key}")
        return
    yield [{**field, "queue": {"id": queue_id, "key": key}} for field in fields]
