"""What is asked of YouTrack, and which raw column each part of the answer fills.

YouTrack sends what `fields=` names and nothing else: a misspelt or forbidden name vanishes under
200, a bare `value`, `added` or `removed` brings only its `$type` (youtrack-api.md §0 no. 2, 3).
So every request spells all of it out, and every column below names where it comes from.

Descriptions, comments and full names are never asked for. Bundle values and users share one
selection (`value(name,login,…)`), which is why `rows.py` still takes the names off users.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

DataType = Literal["text", "bigint", "bool", "json", "timestamp"]


@dataclass(frozen=True)
class Column:
    """One raw column: dlt's type, and the path of its value in YouTrack's object.

    An empty path means that the loader fills it.
    """

    name: str
    data_type: DataType
    path: tuple[str, ...] = ()
    nullable: bool = True


@dataclass(frozen=True)
class Table:
    """One raw table, keyed by its first column."""

    name: str
    columns: tuple[Column, ...]
    merge_key: str | None = None
    newest_first_by: str | None = None

    @property
    def key(self) -> str:
        return self.columns[0].name

    def dlt_columns(self, *, newest_first: bool) -> dict[str, dict[str, Any]]:
        """The hints for dlt: without them an all-empty column or table would not exist.

        `newest_first`: of a row that comes twice in one load keep the newer (dlt: the older).
        """
        hints: dict[str, dict[str, Any]] = {
            column.name: {
                "name": column.name,
                "data_type": column.data_type,
                "nullable": column.nullable,
            }
            for column in self.columns
        }
        if newest_first and self.newest_first_by:
            hints[self.newest_first_by]["dedup_sort"] = "desc"
        return hints


def _text(name: str, *path: str) -> Column:
    return Column(name, "text", path)


def _bigint(name: str, *path: str) -> Column:
    return Column(name, "bigint", path)


def _bool(name: str, *path: str) -> Column:
    return Column(name, "bool", path)


def _json(name: str, *path: str) -> Column:
    return Column(name, "json", path)


def _key(name: str, *path: str) -> Column:
    return Column(name, "text", path, nullable=False)


# Filled by the loader, in every table. `_dlt_id` repeats the key: dlt's own random one would cost
# an index of a million entries and tell nothing.
LOADED = (
    Column("loaded_at", "timestamp", nullable=False),
    Column("_dlt_load_id", "text", nullable=False),
    Column("_dlt_id", "text", nullable=False),
)

_CUSTOM_FIELD = "id,name,localizedName,fieldType(id,valueType,isMultiValue)"

ME_FIELDS = "id,login,guest,banned,profiles(general(timezone(id,offset)))"

PROJECT_CUSTOM_FIELDS = (
    f"id,canBeEmpty,emptyFieldText,ordinal,field({_CUSTOM_FIELD}),"
    "bundle(id,values(id,name,localizedName,isResolved,ordinal,archived,startDate,releaseDate,"
    "released)),defaultValues(id,name,login)"
)
PROJECT_FIELDS = f"id,shortName,name,archived,customFields({PROJECT_CUSTOM_FIELDS})"
PROJECTS = Table(
    "projects",
    (
        _key("id", "id"),
        _text("short_name", "shortName"),
        _text("name", "name"),
        _bool("archived", "archived"),
        *LOADED,
    ),
)
CUSTOM_FIELDS = Table(
    "custom_fields",
    (
        _key("id", "id"),
        _text("project_id", "project", "id"),
        _text("type", "$type"),
        _json("field", "field"),
        _json("bundle", "bundle"),
        _json("default_values", "defaultValues"),
        _bool("can_be_empty", "canBeEmpty"),
        _text("empty_field_text", "emptyFieldText"),
        _bigint("ordinal", "ordinal"),
        # null: when the project was first read, the field was there
        Column("first_seen_at", "timestamp"),
        # a field that the last read of its project did not bring is detached, and stays here
        Column("seen_at", "timestamp"),
        *LOADED,
    ),
    # Earlier versions merged by project. dlt keeps that in the database until it is told another
    # key: with none, it would go on deleting the fields that were detached.
    merge_key="id",
)

USER_FIELDS = "id,login"
USERS = Table(
    "users",
    (_key("id", "id"), _text("login", "login"), _text("type", "$type"), *LOADED),
)

WORK_TIME_FIELDS = "id,minutesADay,daysAWeek,workDays"
WORK_TIME_SETTINGS = Table(
    "work_time_settings",
    (
        _key("id", "id"),
        _bigint("minutes_a_day", "minutesADay"),
        _bigint("days_a_week", "daysAWeek"),
        _json("work_days", "workDays"),
        *LOADED,
    ),
)

BOARD_FIELDS = (
    "id,name,projects(id,shortName),"
    "sprintsSettings(isExplicit,disableSprints,explicitQuery,cardOnSeveralSprints,"
    "defaultSprint(id),sprintSyncField(id,name)),"
    "columnSettings(field(id,name),"
    "columns(id,presentation,isResolved,ordinal,fieldValues(id,name,isResolved)))"
)
BOARDS = Table(
    "boards",
    (
        _key("id", "id"),
        _text("name", "name"),
        _json("projects", "projects"),
        _json("sprints_settings", "sprintsSettings"),
        _json("column_settings", "columnSettings"),
        # projects that earlier runs saw on the board, each with the `as_of` of the run that first
        # missed it: YouTrack forgets them at once
        _json("past_projects"),
        Column("seen_at", "timestamp"),
        *LOADED,
    ),
)

SPRINT_FIELDS = "id,name,start,finish,archived,isDefault,issues(id)"
SPRINTS = Table(
    "sprints",
    (
        _key("id", "id"),
        _text("board_id", "agile", "id"),
        _text("name", "name"),
        _bigint("start", "start"),
        _bigint("finish", "finish"),
        _bool("archived", "archived"),
        _bool("is_default", "isDefault"),
        _json("issues", "issues"),
        Column("seen_at", "timestamp"),
        *LOADED,
    ),
)

# What belongs to a field or to a bundle element (order, dates, localised names) is in the
# catalogue under the same id. Repeating it makes an issue's answer a quarter longer. Name and
# resolution stay: an element that was deleted is in no catalogue.
_ISSUE_VALUE = "id,name,login,minutes,text,isResolved"
_ISSUE_FIELDS = (
    "id,idReadable,numberInProject,created,updated,resolved,isDraft,project(id,shortName),"
    f"customFields(id,name,projectCustomField(id,field(id,fieldType(id))),value({_ISSUE_VALUE}))"
)


def issue_fields(*, summaries: bool) -> str:
    """The selection of an issue; a summary that is not wanted is not even asked for."""
    return f"{_ISSUE_FIELDS},summary" if summaries else _ISSUE_FIELDS


# Without these an issue cannot be trusted: their absence means a right is missing.
ISSUE_MUST_HAVE = ("id", "idReadable", "created", "updated", "project", "customFields")

ISSUES = Table(
    "issues",
    (
        _key("id", "id"),
        _text("id_readable", "idReadable"),
        _bigint("number_in_project", "numberInProject"),
        _text("summary", "summary"),
        _bigint("created", "created"),
        _bigint("updated", "updated"),
        _bigint("resolved", "resolved"),
        _bool("is_draft", "isDraft"),
        _json("project", "project"),
        _json("custom_fields", "customFields"),
        *LOADED,
    ),
    newest_first_by="updated",
)

# What the metrics need of a history; each category is asked for by its exact name, because an
# unknown one answers with an empty list.
ACTIVITY_CATEGORIES = (
    "CustomFieldCategory",
    "SprintCategory",
    "IssueCreatedCategory",
    "IssueResolvedCategory",
    "ProjectCategory",
)
_ACTIVITY_VALUE = "id,name,login,isResolved,agile(id),project(id,shortName),numberInProject"
ACTIVITY_PAGE_FIELDS = (
    "activities(id,timestamp,targetMember,category(id),target(id,idReadable),"
    "field(name,customField(id)),"
    f"added({_ACTIVITY_VALUE}),removed({_ACTIVITY_VALUE})),"
    "afterCursor,hasAfter"
)
ACTIVITY_MUST_HAVE = ("id", "timestamp", "target", "category")
ACTIVITIES = Table(
    "activities",
    (
        _key("id", "id"),
        _text("type", "$type"),
        _text("category_id", "category", "id"),
        _bigint("timestamp", "timestamp"),
        _text("issue_id", "target", "id"),
        _text("field_id", "field", "customField", "id"),
        _text("field_name", "field", "name"),
        _text("target_member", "targetMember"),
        _json("added", "added"),
        _json("removed", "removed"),
        *LOADED,
    ),
)

CENSUS_FIELDS = "id,idReadable,created,updated,project(id)"
CENSUS_MUST_HAVE = ("id", "idReadable", "created", "updated", "project")
ISSUE_CENSUS = Table(
    "issue_census",
    (
        _key("issue_id"),
        _text("project_id"),
        _bigint("missed_sweeps"),
        Column("swept_at", "timestamp"),
        Column("seen_at", "timestamp"),
        *LOADED,
    ),
)

EXTRACT_RUNS = Table(
    "extract_runs",
    (
        _key("run_id"),
        _text("kind"),
        _text("source_url"),
        _json("scope"),
        _bigint("window_start"),
        _bigint("window_end"),
        _json("counts"),
        Column("started_at", "timestamp"),
        Column("finished_at", "timestamp"),
        *LOADED,
    ),
)

TABLES = (
    PROJECTS, CUSTOM_FIELDS, USERS, WORK_TIME_SETTINGS, BOARDS, SPRINTS, ISSUES, ACTIVITIES,
    ISSUE_CENSUS, EXTRACT_RUNS,
)  # fmt: skip

# `$type`s that a present YouTrack sends (youtrack-api.md §1.3, §1.5). Others are kept and counted:
# a new kind of field or value may need a new line in staging.
_ARITY = ("Single", "Multi")
_BUNDLES = ("Enum", "User", "Group", "Version", "Build", "Owned")
KNOWN_TYPES = frozenset(
    {
        *(f"{arity}{kind}IssueCustomField" for arity in _ARITY for kind in _BUNDLES),
        "StateIssueCustomField", "StateMachineIssueCustomField", "PeriodIssueCustomField",
        "DateIssueCustomField", "SimpleIssueCustomField", "TextIssueCustomField",
        *(f"{kind}BundleElement" for kind in ("Enum", "State", "Version", "Build", "Owned")),
        "User", "Me", "VcsUnresolvedUser", "UserGroup", "NestedGroup", "ProjectTeam",
        "AllUsersGroup", "RegisteredUsersGroup", "PeriodValue", "TextFieldValue",
        "IssueCreatedActivityItem", "IssueResolvedActivityItem", "CustomFieldActivityItem",
        "TextCustomFieldActivityItem", "SprintActivityItem", "ProjectActivityItem",
        "Sprint", "IssueKey",
    }
)  # fmt: skip
