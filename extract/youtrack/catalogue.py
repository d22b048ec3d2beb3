"""The short lists that give ids their present names: read whole in every run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import pyarrow as pa

from extract.client import BadRequestError, ForbiddenError, NotFoundError, UnwellError
from extract.errors import ConfigurationError, SourceError
from extract.tables import Entity
from extract.work import Tables
from extract.youtrack import search
from extract.youtrack.answers import entities
from extract.youtrack.paging import SHORTEST_CAP
from extract.youtrack.people import without_names
from extract.youtrack.search import Within
from extract.youtrack.selection import (
    BOARD_FIELDS,
    BOARDS,
    CUSTOM_FIELDS,
    PROJECT_CUSTOM_FIELDS,
    PROJECT_FIELDS,
    PROJECTS,
    SPRINT_FIELDS,
    SPRINTS,
    USER_FIELDS,
    USERS,
    WORK_TIME_FIELDS,
    WORK_TIME_SETTINGS,
)
from extract.youtrack.work import Scope, Work

# projects bring their fields with all bundle values, sprints the ids of their members
PROJECTS_A_PAGE = 20
USERS_A_PAGE = 1000
BOARDS_A_PAGE = 100
SPRINTS_A_PAGE = 500

# lengths at which lists are likely to be cut (youtrack-api.md §1.1)
CAPS = frozenset({SHORTEST_CAP, 42, 50, 100, 200, 500, 1000, 2000, 3500})

# board id → project id → when a run first missed it, in ISO 8601
PastProjects = dict[str, dict[str, str]]


def read_projects(work: Work, names: tuple[str, ...] | None) -> tuple[Scope, Tables]:
    """The projects with their fields, and which of them are in scope.

    Raises ConfigurationError naming every wanted project that cannot be read.
    """
    projects = work.reader.listing("projects", "admin/projects", PROJECT_FIELDS, PROJECTS_A_PAGE)
    scope = _scope(work, projects, names)
    _check_projects(work, projects)
    wanted = [project for project in projects if project["id"] in scope.short_names]
    # those of other projects too: an issue that came from there has a history in their values
    fields = list(_custom_fields(work, projects, scope))
    _check_fields(work, wanted, fields, is_named=names is not None)
    tables = {"projects": [work.table(PROJECTS, projects)]}
    if fields:
        tables["custom_fields"] = [_fields_table(work, fields)]
    return scope, tables


def _scope(work: Work, projects: list[Entity], names: tuple[str, ...] | None) -> Scope:
    if not projects:
        raise SourceError(
            "the token's account sees no project: give it a role with Read Project and Read Issue"
        )
    if names is None:
        short_names = {project["id"]: project["shortName"] for project in projects}
        archived = any(project.get("archived") for project in projects)
        return Scope(None, short_names, _all_by_name(work, short_names) if archived else Within())
    by_name = {project["shortName"].casefold(): project for project in projects}
    absent = [name for name in names if name.casefold() not in by_name]
    if absent:
        raise ConfigurationError(
            f"YOUTRACK_PROJECTS: {', '.join(absent)} does not exist, or the token's account may "
            f"not read it. Readable: {', '.join(sorted(p['shortName'] for p in projects))}"
        )
    wanted = {by_name[name.casefold()]["id"]: by_name[name.casefold()] for name in names}
    short_names = {project["id"]: project["shortName"] for project in wanted.values()}
    return Scope(sorted(short_names), short_names, Within(short_names))


def _check_projects(work: Work, projects: list[Entity]) -> None:
    """A project that is gone is told at once; that its issues are gone, a sweep finds."""
    there = {project["id"] for project in projects}
    lost = [each for each in work.journal.state.projects or () if each not in there]
    if lost:
        names = work.journal.projects_with_fields()
        work.findings.warn(
            f"{len(lost)} project(s) deleted or no longer readable by the token's account: "
            f"{', '.join(sorted(names.get(each, each) for each in lost))}"
        )


def _all_by_name(work: Work, short_names: dict[str, str]) -> Within:
    """All projects by name: whether a search without names finds archived ones is not known."""
    within = Within(short_names)
    try:
        work.reader.first_created(within)
    except BadRequestError:
        work.findings.warn("issues of archived projects may be left out: no search finds them")
        return Within()
    return within


def _custom_fields(work: Work, projects: list[Entity], scope: Scope) -> Iterator[Entity]:
    """Every project's fields; one in scope that hides them inside itself is asked apart."""
    for project in projects:
        attached = project.get("customFields") or []
        if not attached and project["id"] in scope.short_names:
            path = f"admin/projects/{project['id']}/customFields"
            try:
                attached = work.reader.listing("fields", path, PROJECT_CUSTOM_FIELDS, 100)
            except (ForbiddenError, NotFoundError):
                attached = []
        for custom_field in attached:
            yield {**without_names(custom_field), "project": {"id": project["id"]}}


def _fields_table(work: Work, fields: list[Entity]) -> pa.Table:
    """The fields with the moments at which runs saw them first and last.

    One that came to a project that raw knows was attached since; what a project had when it was
    first read may be as old as the project.
    """
    known = work.journal.fields_first_seen()
    first_seen = [
        known[project].get(custom_field["id"], work.as_of)
        if (project := custom_field["project"]["id"]) in known
        else None
        for custom_field in fields
    ]
    seen = [work.as_of] * len(fields)
    return work.table(CUSTOM_FIELDS, fields, first_seen_at=first_seen, seen_at=seen)


def _check_fields(
    work: Work, projects: list[Entity], fields: list[Entity], *, is_named: bool
) -> None:
    """Tell a project that has no fields from one that hides them: both answer with an empty list.

    Hidden are fields that raw knows, and fields whose values the project's issues carry.
    """
    with_fields = {each["project"]["id"] for each in fields}
    without = [project for project in projects if project["id"] not in with_fields]
    if not without:
        return
    known = work.journal.projects_with_fields()
    hidden = [project for project in without if project["id"] in known]
    # where other projects show theirs, one that nobody named may keep its own to itself
    if not hidden and (is_named or len(without) == len(projects)):
        hidden = [project for project in without if _issues_carry_fields(work, project)]
    if hidden:
        raise SourceError(
            f"the fields of {_short_names(hidden)} cannot be read: give the token's account "
            "Read Project there"
        )
    work.findings.warn(
        f"no custom field in {len(without)} project(s): {_short_names(without)}. If they have "
        "some, give the token's account Read Project there"
    )


def _issues_carry_fields(work: Work, project: Entity) -> bool:
    """Whether an issue of the project shows fields: each issue carries all of its project's."""
    query = Within({project["id"]: project["shortName"]}).clause.strip()
    page, _ = work.reader.client.page("issues", "id,customFields(id)", 1, {"query": query})
    return any(issue.get("customFields") for issue in entities(page, "issues"))


def _short_names(projects: list[Entity]) -> str:
    return ", ".join(project["shortName"] for project in projects)


def read_users(work: Work) -> Tables:
    """Ids and logins; a login that cannot be looked up is the one in the issue."""
    try:
        users = work.reader.listing("users", "users", USER_FIELDS, USERS_A_PAGE)
    except (ForbiddenError, NotFoundError):
        work.findings.warn("users cannot be listed (Read User Basic): logins are those in issues")
        return {}
    except UnwellError as fault:
        work.keep("users", "the users", fault, was_read=work.journal.has_read("users"))
        return {}
    return {"users": [work.table(USERS, users)]}


def read_work_time(work: Work) -> Tables:
    """How long a working day is; 480 minutes where it cannot be read."""
    path = "admin/timeTrackingSettings/workTimeSettings"
    try:
        settings = work.reader.client.get(path, WORK_TIME_FIELDS)
    except (ForbiddenError, NotFoundError):
        settings = None
    except UnwellError as fault:
        was_read = work.journal.has_read("work_time_settings")
        work.keep(path, "the work-time settings", fault, was_read=was_read)
        return {}
    if not isinstance(settings, dict) or not settings.get("id"):
        work.findings.warn(
            "the work-time settings cannot be read: periods count 480 minutes a day, unless the "
            "var lead_time_minutes_per_day says otherwise"
        )
        return {}
    return {"work_time_settings": [work.table(WORK_TIME_SETTINGS, [settings])]}


def read_boards(work: Work) -> Tables:
    """All boards, and all their sprints with the ids of their present members."""
    boards = _boards(work)
    closed: set[str] = set()
    ill: dict[str, UnwellError] = {}
    before = work.journal.sprints_of_last_run()
    lane = work.ahead.lane(
        _sprints(work, board, before.get(board["id"], 0), closed, ill) for board in boards
    )
    sprints = [sprint for page in lane for sprint in page]
    for board in boards:
        if board["id"] in ill:
            sprints += _kept_sprints(work, board, ill[board["id"]])
    boards = [board for board in boards if board["id"] not in closed]
    _check_boards(work, boards)
    past = _past_projects(work, boards)
    known = work.journal.sprint_members()
    _check_members(work, boards, sprints, known)
    _keep_gone_members(work, sprints, known, past)
    past_projects = [
        [{"id": project, "missed_at": at} for project, at in sorted(past[board["id"]].items())]
        for board in boards
    ]
    seen_at = [work.as_of] * len(boards)
    return {
        "boards": [work.table(BOARDS, boards, past_projects=past_projects, seen_at=seen_at)],
        "sprints": [work.table(SPRINTS, sprints, seen_at=[work.as_of] * len(sprints))],
    }


def _boards(work: Work) -> list[Entity]:
    """All boards; those of the last run where YouTrack does not manage to list them.

    What is kept counts as seen: it would be taken for deleted otherwise.
    """
    try:
        return work.reader.listing("boards", "agiles", BOARD_FIELDS, BOARDS_A_PAGE)
    except UnwellError as fault:
        # a run that has ended has read them, even if there were none
        work.keep("agiles", "the boards", fault, was_read=True)
        return work.journal.kept_boards()


def _kept_sprints(work: Work, board: Entity, fault: UnwellError) -> list[Entity]:
    """The sprints of a board as the last run saw them."""
    sprints = work.journal.kept_sprints(board["id"])
    what = f"the sprints of the board {board.get('name')}"
    work.keep(_path_of_sprints(board), what, fault, was_read=sprints is not None)
    return sprints or []


def _check_members(
    work: Work, boards: list[Entity], sprints: list[Entity], known: dict[str, set[str]]
) -> None:
    """Hold a list of members that may have been cut against YouTrack's search.

    Nobody knows whether a list within a list is ever cut (youtrack-api.md §7). Round or equal
    lengths of the longest ones look like it; a list that did not change is not asked about again.
    """
    longest = max((len(sprint["issues"]) for sprint in sprints), default=0)
    suspects = [sprint for sprint in sprints if len(sprint["issues"]) == longest]
    if longest < SHORTEST_CAP or (len(suspects) == 1 and longest not in CAPS):
        return
    names = {board["id"]: board.get("name") for board in boards}
    times = Counter(names.values())
    # of two boards with one name, a search by names finds both
    suspects = [each for each in suspects if times[names[each["agile"]["id"]]] == 1]
    found = work.journal.state.found_members
    for sprint in suspects:
        if known.get(sprint["id"]) != {issue["id"] for issue in sprint["issues"]}:
            query = search.of_sprint(names[sprint["agile"]["id"]], sprint["name"])
            with suppress(BadRequestError):
                found[sprint["id"]] = work.reader.count(query) or 0
            break
    for sprint in suspects:
        if found.get(sprint["id"], 0) > longest:
            work.findings.warn(
                f"YouTrack shows {longest} issues in the sprint {sprint['name']}, but its search "
                f"finds {found[sprint['id']]}: lists of members may be cut"
            )


def _past_projects(work: Work, boards: list[Entity]) -> PastProjects:
    """The projects that were taken off each board, and when a run first missed them.

    What an earlier run saw counts, whichever version it was of; a project that is there again is
    no past one. A board that is not listed at all keeps the row that it has.
    """
    before = work.journal.projects_of_boards()
    missed_at = work.as_of.isoformat()
    found: PastProjects = {}
    for board in boards:
        there = {project["id"] for project in board.get("projects") or []}
        last, past = before.get(board["id"], (set(), {}))
        known = {**dict.fromkeys(last, missed_at), **past}
        found[board["id"]] = {key: at for key, at in known.items() if key not in there}
    return found


def _is_past(sprint: Entity, project: str, past: PastProjects) -> bool:
    """Whether the project was on the board until the sprint had finished, and no longer is."""
    missed_at = past.get(sprint["agile"]["id"], {}).get(project)
    finish = sprint.get("finish")
    if missed_at is None or finish is None:
        return False
    return finish < datetime.fromisoformat(missed_at).timestamp() * 1000


def _keep_gone_members(
    work: Work, sprints: list[Entity], known: dict[str, set[str]], past: PastProjects
) -> None:
    """Leave issues that YouTrack no longer shows in the sprints that they were last seen in.

    Deleting an issue takes it out of its sprints without a change in the feed, while taking it out
    by hand leaves one: only the list of members knows what the sprint held. So does taking its
    project off the board, which changes no sprint that had finished.
    """
    lost = {
        sprint["id"]: known[sprint["id"]] - {issue["id"] for issue in sprint["issues"]}
        for sprint in sprints
        if sprint["id"] in known
    }
    if not any(lost.values()):
        return
    # those that a look at all ids has missed need no asking, run after run
    candidates = work.journal.known(set().union(*lost.values()))
    away = {key for key, each in candidates.items() if each.missed_sweeps}
    away |= candidates.keys() & set(work.journal.state.away)
    kept: dict[str, set[str]] = {}
    for sprint in sprints:
        lost_here = lost.get(sprint["id"], set()) & candidates.keys()
        kept[sprint["id"]] = {
            key for key in lost_here if _is_past(sprint, candidates[key].holder_id, past)
        }
    doubtful = set().union(*(lost[key] - kept[key] for key in lost)) & candidates.keys()
    asked = [candidates[key].id_readable for key in doubtful - away]
    there = {issue["id"] for issue in work.reader.named(sorted(asked))}
    for sprint in sprints:
        gone = (lost.get(sprint["id"], set()) & candidates.keys()) - there
        sprint["issues"] += [{"id": key} for key in sorted(gone | kept[sprint["id"]])]


def _check_boards(work: Work, boards: list[Entity]) -> None:
    """A board that is gone takes its sprints out of the open ones; all of them gone is a fault."""
    now = {board["id"] for board in boards}
    gone = {key: name for key, name in work.journal.boards_of_last_run().items() if key not in now}
    if gone and not boards and not work.accept_missing:
        raise SourceError(
            f"none of the {len(gone)} boards that the last run read is there any more: share them "
            "with the token's account, or run once with --accept-missing if they were deleted"
        )
    if gone:
        work.findings.warn(
            f"{len(gone)} board(s) deleted or no longer shared with the token's account: "
            f"{', '.join(sorted(gone.values()))}"
        )


def _path_of_sprints(board: Entity) -> str:
    return f"agiles/{board['id']}/sprints"


def _sprints(
    work: Work,
    board: dict[str, Any],
    before: int,
    closed: set[str],
    ill: dict[str, UnwellError],
) -> Iterator[list[Entity]]:
    """A board's sprints, `before` of which the last run saw.

    A board that went meanwhile, or keeps its sprints to itself, is put into `closed`; one whose
    sprints YouTrack does not manage to list, into `ill`, with what it said.
    """
    path = _path_of_sprints(board)
    try:
        sprints = work.reader.listing("sprints", path, SPRINT_FIELDS, SPRINTS_A_PAGE)
        if before and not sprints:
            # one empty answer may be an accident
            sprints = work.reader.listing("sprints", path, SPRINT_FIELDS, SPRINTS_A_PAGE)
    except (ForbiddenError, NotFoundError):
        work.findings.warn(
            f"the sprints of the board {board.get('name')} cannot be read: it is left out"
        )
        closed.add(board["id"])
        return
    except UnwellError as fault:
        ill[board["id"]] = fault
        return
    if before and not sprints:
        work.findings.warn(
            f"none of the {before} sprints of the board {board.get('name')} comes back any more: "
            "they count as deleted"
        )
    for sprint in sprints:
        if sprint.get("issues") is None:
            raise SourceError(
                f"YouTrack leaves the issues out of the sprints of the board {board.get('name')}: "
                "the token's account may not read them"
            )
        sprint["issues"] = [{"id": issue["id"]} for issue in sprint["issues"]]
        sprint["agile"] = {"id": board["id"]}
    yield sprints
