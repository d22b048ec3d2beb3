"""What raw knows of one YouTrack, and how far the runs over it have come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)

from extract import journal
from extract.journal import Journal
from extract.youtrack.client import SERVICE
from extract.youtrack.selection import TABLES

# one database holds one YouTrack, in this schema
SCHEMA = "raw"


@dataclass
class Backfill:
    """A read of the whole past that has not come to its end yet.

    `first` is when the oldest issue was created; everything before `position` is in raw.
    """

    projects: list[str] | None
    first: int
    position: int


@dataclass
class State(journal.State):
    """How far the runs have come. Moments are epoch ms."""

    # the past of these projects is complete; None before the first load is
    projects: list[str] | None = None
    backfill: Backfill | None = None
    # from when on issues and changes are read by a catch-up that has not come to its end yet
    catch_up: tuple[int, int] | None = None
    # the issues that the last look did not find: known to be away, though no sweep has missed them
    away: list[str] = field(default_factory=list)
    # how many issues the search finds in sprints whose list of members may have been cut
    found_members: dict[str, int] = field(default_factory=dict)
    page_lengths: dict[str, dict[str, int]] = field(default_factory=dict)
    # lists that the last run could not read: path → when they were read last
    unread: dict[str, str] = field(default_factory=dict)

    def read_past_again(self) -> None:
        """Issues and changes of all projects are to be read from the beginning."""
        self.backfill = None
        if self.projects is not None:
            self.projects = []

    def __post_init__(self) -> None:
        if isinstance(self.backfill, dict):
            self.backfill = Backfill(**self.backfill)


@dataclass(frozen=True, slots=True)
class Known:
    """An issue as raw knows it."""

    id_readable: str
    # the project's
    holder_id: str
    created: int
    updated: int
    missed_sweeps: int


# An issue that was loaded again since a sweep missed it is back. A project that is renamed renames
# its issues, none of which is loaded again for that.
_KNOWN = (
    "select issues.id, coalesce(short_name || '-' || number_in_project, id_readable), "
    "project ->> 'id', created, updated, "
    "case when issues.loaded_at < swept_at then missed_sweeps else 0 end from raw.issues "
    "left join raw.issue_census on issue_census.issue_id = issues.id "
    "left join raw.projects on projects.id = project ->> 'id' "
)
_CHANGES = (
    "select activities.id, id_readable from raw.activities "
    "inner join raw.issues on issues.id = activities.issue_id "
)
_COUNT = "select count(*) from raw.issues "
_ALL_SEEN = (
    "with emptied as (delete from raw.issue_census) insert into raw.issue_census "
    "(issue_id, project_id, missed_sweeps, swept_at, seen_at, loaded_at, _dlt_load_id, _dlt_id) "
    "select id, project ->> 'id', 0, %(at)s, %(at)s, %(at)s, %(run)s, id from raw.issues "
)
_IN_PROJECTS = (
    "(%(projects)s::text[] is null or issues.project ->> 'id' = any(%(projects)s::text[]))"
)

_CHANGED_BEFORE = (
    "select min(updated) from (select updated from raw.issues where updated < %(before)s and "  # noqa: S608  (constants)
    + _IN_PROJECTS
    + " order by updated desc limit %(issues)s) as latest"
)

# how many issues of a moved YouTrack are compared, spread evenly over the past
SAMPLE = 50

# only what was there at the last look: an issue that was deleted is at no address
_SAMPLE = (
    "select distinct on (part) id, id_readable, created from (select id, id_readable, created, "  # noqa: S608  (constants)
    "ntile(%(size)s) over (order by created, id) as part from raw.issues "
    "where not id = any(%(away)s) and not exists (select from raw.issue_census "
    "where issue_id = issues.id and missed_sweeps > 0 and issues.loaded_at < swept_at) and "
    + _IN_PROJECTS
    + ") as placed order by part, created, id"
)


class YouTrackJournal(Journal):
    """The reading side of YouTrack's raw tables."""

    state: State

    def __init__(self, connection: Connection, source: str, run_id: str) -> None:
        super().__init__(
            connection, SERVICE, SCHEMA, TABLES, source=source, run_id=run_id, state=State()
        )

    def open(self, *, source_moved: bool = False) -> None:
        """Read the state, as any journal."""
        super().open(source_moved=source_moved)
        if self.moved_from:
            # another server, or another proxy before it, may cut its pages elsewhere
            self.state.page_lengths = {}

    def adopt_source(self) -> None:
        """From now on raw belongs to the present address."""
        self.moved_from = None
        self.write("window", self._last_scope, (0, self.state.read_until or 0), {})

    def take_census(self, swept_at: datetime, projects: list[str] | None) -> int:
        """Write down that all issues of these projects were seen; returns their number."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                _ALL_SEEN + "where " + _IN_PROJECTS,
                {"at": swept_at, "run": self._run_id, "projects": projects},
            )
            return cursor.rowcount

    # --- what raw knows

    def known(self, ids: Iterable[str]) -> dict[str, Known]:
        """Of these issues, the ones that raw has."""
        return self._known(_KNOWN + "where issues.id = any(%(ids)s)", ids=list(ids))

    def known_in(self, projects: list[str] | None) -> dict[str, Known]:
        """All issues of these projects (None: of all)."""
        return self._known(_KNOWN + "where " + _IN_PROJECTS, projects=projects)

    def known_since(self, updated: int, projects: list[str] | None) -> dict[str, Known]:
        """The issues whose last known change is not older than `updated`, newest first."""
        return self._known(
            _KNOWN + "where updated >= %(since)s and " + _IN_PROJECTS + " order by updated desc",
            since=updated,
            projects=projects,
        )

    def changed_before(
        self, updated: int, projects: list[str] | None, *, issues: int
    ) -> int | None:
        """A moment before `updated` since which so many issues changed; None if there is none."""
        parameters = {"before": updated, "projects": projects, "issues": issues}
        return self._rows(_CHANGED_BEFORE, **parameters)[0][0]

    def _known(self, statement: str, **parameters: Any) -> dict[str, Known]:
        return {row[0]: Known(*row[1:]) for row in self._rows(statement, **parameters)}

    def activities_since(self, timestamp: int, projects: list[str] | None) -> dict[str, str]:
        """The changes that raw has from `timestamp` on: activity id → readable id of the issue."""
        return dict(
            self._rows(
                _CHANGES
                + "where timestamp >= %(since)s and "
                + _IN_PROJECTS
                + " order by timestamp desc",
                since=timestamp,
                projects=projects,
            )
        )

    def newest(self) -> tuple[int | None, int | None]:
        """The newest `updated` of an issue and the newest timestamp of a change."""
        return self._rows(
            "select (select max(updated) from raw.issues), "
            "(select max(timestamp) from raw.activities)"
        )[0]

    def created_between(self, start: int, end: int, projects: list[str] | None) -> int:
        """How many issues were created in [start, end), those that sweeps missed left out."""
        return self._rows(
            _COUNT + "where created >= %(start)s and created < %(end)s and not exists (select "
            "from raw.issue_census where issue_id = issues.id and missed_sweeps > 0 "
            "and issues.loaded_at < swept_at) and " + _IN_PROJECTS,
            start=start,
            end=end,
            projects=projects,
        )[0][0]

    def projects_last_read(self) -> dict[str, str]:
        """The projects of the last list that raw has of them: id → short name."""
        if not self._exists("projects"):
            return {}
        return dict(
            self._rows(
                "select id, short_name from raw.projects "
                "where loaded_at = (select max(loaded_at) from raw.projects) order by id"
            )
        )

    def sample_of_issues(self) -> list[tuple[str, str, int]]:
        """Issues of the last run's scope over the whole past: id, readable id, created."""
        if not self.has_read("issues"):
            return []
        return self._rows(_SAMPLE, size=SAMPLE, away=self.state.away, projects=self._last_scope)

    def boards_of_last_run(self) -> dict[str, str]:
        """The boards that the last run saw: id → name."""
        return dict(
            self._rows(
                "select id, name from raw.boards "
                "where seen_at = (select max(seen_at) from raw.boards)"
            )
        )

    def projects_of_boards(self) -> dict[str, tuple[set[str], dict[str, str]]]:
        """Of every board the projects that it showed when it was last seen, and those before them.

        board id → (project ids, past project id → when a run first missed it, in ISO 8601)
        """
        rows = self._rows("select id, projects, past_projects from raw.boards")
        return {
            board: (
                {project["id"] for project in projects or []},
                {project["id"]: project["missed_at"] for project in past or []},
            )
            for board, projects, past in rows
        }

    def sprints_of_last_run(self) -> dict[str, int]:
        """How many sprints of each board the last run saw."""
        return dict(
            self._rows(
                "select board_id, count(*) from raw.sprints "
                "where seen_at = (select max(seen_at) from raw.sprints) group by board_id"
            )
        )

    def kept_boards(self) -> list[dict[str, Any]]:
        """The boards that the last run saw, as YouTrack sent them."""
        return self._kept("boards")

    def kept_sprints(self, board_id: str) -> list[dict[str, Any]] | None:
        """A board's sprints that the last run saw, as YouTrack sent them; None for a new board."""
        if not self._rows("select from raw.boards where id = %(id)s", id=board_id):
            return None
        return [each for each in self._kept("sprints") if each["agile"]["id"] == board_id]

    def _kept(self, name: str) -> list[dict[str, Any]]:
        """The rows of a list that the last run saw, made into YouTrack's objects again."""
        columns = [
            column
            for table in TABLES
            if table.name == name
            for column in table.columns
            if column.path
        ]
        named = ", ".join(column.name for column in columns)
        rows = self._rows(
            f"select {named} from raw.{name} where seen_at = (select max(seen_at) from raw.{name})"  # noqa: S608  (our own names)
        )
        return [_entity([column.path for column in columns], row) for row in rows]

    def sprint_members(self) -> dict[str, set[str]]:
        """The members of every sprint as they were last seen: sprint id → issue ids."""
        if not self.has_tables():
            return {}
        rows = self._rows("select id, issues from raw.sprints where issues is not null")
        return {sprint: {issue["id"] for issue in issues} for sprint, issues in rows}

    def projects_with_fields(self) -> dict[str, str]:
        """The projects whose fields are known: id → short name."""
        if not self.has_tables():
            return {}
        return dict(
            self._rows(
                "select id, short_name from raw.projects "
                "where id in (select project_id from raw.custom_fields)"
            )
        )

    def fields_first_seen(self) -> dict[str, dict[str, datetime | None]]:
        """When runs first saw the fields of a project: project id → field id → moment.

        None for fields that the first read of the project brought, or an earlier version's.
        """
        if not self.has_tables():
            return {}
        is_new = "first_seen_at" in self.missing_columns().get("custom_fields", [])
        column = "null" if is_new else "first_seen_at"
        known: dict[str, dict[str, datetime | None]] = {}
        for project, field_id, moment in self._rows(
            f"select project_id, id, {column} from raw.custom_fields"  # noqa: S608  (our own names)
        ):
            known.setdefault(project, {})[field_id] = moment
        return known


def _entity(paths: list[tuple[str, ...]], values: tuple) -> dict[str, Any]:
    """The object in which these values stand at these paths."""
    entity: dict[str, Any] = {}
    for path, value in zip(paths, values, strict=True):
        place = entity
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1]] = value
    return entity
