"""The raw tables of Yandex.Tracker, and which part of an answer fills each column.

Columns are the API's keys in snake case; what is jsonb keeps the keys as they were sent. Moments
stay the texts that came (`2017-06-11T05:16:01.339+0000`). A reference is an object with its `id`,
its `key` where it has one, and `display` only where that names no person and no issue
(`cleaning.py`).
"""

from __future__ import annotations

from extract.tables import EXTRACT_RUNS, LOADED, Column, Table, bigint, boolean, json, key, text

# the run that saw the row last: one that is no longer listed stays here
_SEEN_AT = Column("seen_at", "timestamp")

QUEUES = Table(
    "queues",
    (key("id", "id"), text("key", "key"), text("name", "name"), _SEEN_AT, *LOADED),
)
STATUSES = Table(
    "statuses",
    (
        key("id", "id"),
        text("key", "key"),
        text("name", "name"),
        text("type", "type"),
        bigint("order", "order"),
        _SEEN_AT,
        *LOADED,
    ),
)
RESOLUTIONS = Table(
    "resolutions",
    (key("id", "id"), text("key", "key"), text("name", "name"), _SEEN_AT, *LOADED),
)
ISSUE_TYPES = Table(
    "issue_types",
    (key("id", "id"), text("key", "key"), text("name", "name"), _SEEN_AT, *LOADED),
)
FIELDS = Table(
    "fields",
    (
        key("id", "id"),
        text("key", "key"),
        text("name", "name"),
        json("schema", "schema"),
        # the queue of a local field; null: every queue has it
        json("queue", "queue"),
        _SEEN_AT,
        *LOADED,
    ),
)
USERS = Table(
    "users",
    (key("uid", "uid"), text("login", "login"), boolean("dismissed", "dismissed"), *LOADED),
)
BOARDS = Table(
    "boards",
    (
        key("id", "id"),
        text("name", "name"),
        json("columns", "columns"),
        # which queues a board shows stands here only, in one of three forms; the rest of a filter
        # may name people, and is left out
        json("filter", "filter"),
        json("auto_filter_settings", "autoFilterSettings"),
        text("query", "query"),
        json("default_queue", "defaultQueue"),
        _SEEN_AT,
        *LOADED,
    ),
)
SPRINTS = Table(
    "sprints",
    (
        key("id", "id"),
        json("board", "board"),
        text("name", "name"),
        text("status", "status"),
        boolean("archived", "archived"),
        text("start_date", "startDate"),
        text("end_date", "endDate"),
        text("start_date_time", "startDateTime"),
        text("end_date_time", "endDateTime"),
        _SEEN_AT,
        *LOADED,
    ),
)

ISSUES = Table(
    "issues",
    (
        key("id", "id"),
        text("key", "key"),
        bigint("version", "version"),
        json("aliases", "aliases"),
        text("summary", "summary"),
        json("queue", "queue"),
        json("status", "status"),
        json("status_type", "statusType"),
        text("status_start_time", "statusStartTime"),
        json("resolution", "resolution"),
        text("created_at", "createdAt"),
        text("updated_at", "updatedAt"),
        text("resolved_at", "resolvedAt"),
        json("type", "type"),
        json("priority", "priority"),
        json("assignee", "assignee"),
        json("sprint", "sprint"),
        json("boards", "boards"),
        # as sent: a number, where nobody made it something else
        json("story_points", "storyPoints"),
        # every other field that has a value, local ones too: field id -> value
        json("field_values"),
        *LOADED,
    ),
)

CHANGELOG = Table(
    "changelog",
    (
        key("id", "id"),
        text("issue_id"),
        # place in the issue's changelog, from 1, as sent: oldest first
        bigint("position"),
        text("updated_at", "updatedAt"),
        text("type", "type"),
        text("transport", "transport"),
        json("fields", "fields"),
        *LOADED,
    ),
)

# of which state of an issue raw holds the changelog; written after it
ISSUE_CHANGELOGS = Table(
    "issue_changelogs",
    (
        key("issue_id"),
        bigint("version"),
        text("updated_at"),
        bigint("entries"),
        # the moment of the last entry
        text("head_at"),
        *LOADED,
    ),
)

ISSUE_CENSUS = Table(
    "issue_census",
    (
        key("issue_id"),
        text("queue_id"),
        bigint("missed_sweeps"),
        Column("swept_at", "timestamp"),
        Column("seen_at", "timestamp"),
        *LOADED,
    ),
)

TABLES = (
    QUEUES, STATUSES, RESOLUTIONS, ISSUE_TYPES, FIELDS, USERS, BOARDS, SPRINTS, ISSUES, CHANGELOG,
    ISSUE_CHANGELOGS, ISSUE_CENSUS, EXTRACT_RUNS,
)  # fmt: skip
