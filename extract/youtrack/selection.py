"""What is asked of YouTrack, and which raw column each part of the answer fills.

YouTrack sends what `fields=` names and nothing else: a misspelt or forbidden name vanishes under
200, a bare `value`, `added` or `removed` brings only its `$type` (youtrack-api.md §0 no. 2, 3).
So every request spells all of it out, and every column below names where it comes from.

Descriptions, comments and full names are never asked for. Bundle values and users share one
selection (`value(name,login,…)`), which is why `people.py` still takes the names off users.
"""

from __future__ import annotations

from extract.tables import EXTRACT_RUNS, LOADED, Column, Table, bigint, boolean, json, key, text

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
        key("id", "id"),
        text("short_name", "shortName"),
        text("name", "name"),
        boolean("archived", "archived"),
        *LOADED,
    ),
)
CUSTOM_FIELDS = Table(
    "custom_fields",
    (
        key("id", "id"),
        text("project_id", "project", "id"),
        text("type", "$type"),
        json("field", "field"),
        json("bundle", "bundle"),
        json("default_values", "defaultValues"),
        boolean("can_be_empty", "canBeEmpty"),
        text("empty_field_text", "emptyFieldText"),
        bigint("ordinal", "ordinal"),
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
    (key("id", "id"), text("login", "login"), text("type", "$type"), *LOADED),
)

WORK_TIME_FIELDS = "id,minutesADay,daysAWeek,workDays"
WORK_TIME_SETTINGS = Table(
    "work_time_settings",
    (
        key("id", "id"),
        bigint("minutes_a_day", "minutesADay"),
        bigint("days_a_week", "daysAWeek"),
        json("work_days", "workDays"),
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
        key("id", "id"),
        text("name", "name"),
        json("projects", "projects"),
        json("sprints_settings", "sprintsSettings"),
        json("column_settings", "columnSettings"),
        # projects that earlier runs saw on the board, each with the `as_of` of the run that first
        # missed it: YouTrack forgets them at once
        json("past_projects"),
        Column("seen_at", "timestamp"),
        *LOADED,
    ),
)

SPRINT_FIELDS = "id,name,start,finish,archived,isDefault,issues(id)"
SPRINTS = Table(
    "sprints",
    (
        key("id", "id"),
        text("board_id", "agile", "id"),
        text("name", "name"),
        bigint("start", "start"),
        bigint("finish", "finish"),
        boolean("archived", "archived"),
        boolean("is_default", "isDefault"),
        json("issues", "issues"),
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
        key("id", "id"),
        text("id_readable", "idReadable"),
        bigint("number_in_project", "numberInProject"),
        text("summary", "summary"),
        bigint("created", "created"),
        bigint("updated", "updated"),
        bigint("resolved", "resolved"),
        boolean("is_draft", "isDraft"),
        json("project", "project"),
        json("custom_fields", "customFields"),
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
        key("id", "id"),
        text("type", "$type"),
        text("category_id", "category", "id"),
        bigint("timestamp", "timestamp"),
        text("issue_id", "target", "id"),
        text("field_id", "field", "customField", "id"),
        text("field_name", "field", "name"),
        text("target_member", "targetMember"),
        json("added", "added"),
        json("removed", "removed"),
        *LOADED,
    ),
)

CENSUS_FIELDS = "id,idReadable,created,updated,project(id)"
CENSUS_MUST_HAVE = ("id", "idReadable", "created", "updated", "project")
ISSUE_CENSUS = Table(
    "issue_census",
    (
        key("issue_id"),
        text("project_id"),
        bigint("missed_sweeps"),
        Column("swept_at", "timestamp"),
        Column("seen_at", "timestamp"),
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
