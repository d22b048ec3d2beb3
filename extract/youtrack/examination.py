"""What a token may see, for `make doctor`: a handful of requests, nothing written."""

from __future__ import annotations

from collections.abc import Iterator

from extract.client import ForbiddenError, NotFoundError, Patience
from extract.errors import ConfigurationError, RunError, SourceError
from extract.findings import Findings
from extract.tables import Entity
from extract.tracker import Found
from extract.youtrack.client import YouTrackClient
from extract.youtrack.reader import Reader

PATIENCE = Patience(tries=2, read_seconds=20)
PAGE = 100


def examine(url: str, token: str, projects: tuple[str, ...] | None) -> Iterator[Found]:
    """Yield what was looked at. Raises what a run would where nothing can be read at all."""
    findings = Findings()
    reader = Reader(YouTrackClient(url, token, patience=PATIENCE), findings)
    reader.introduce()
    zone = reader.clock.zone
    yield True, "YouTrack answers, and the token is no guest's"
    yield zone is not None, f"time zone of the token's account: {zone or 'not readable'}"
    yield from _projects(reader, projects)
    boards = reader.listing("boards", "agiles", "id,name", PAGE)
    yield bool(boards), f"{len(boards)} boards are shared with the account"
    for path, right, use in (
        ("users", "Read User Basic", "logins are taken from the issues"),
        (
            "admin/timeTrackingSettings/workTimeSettings",
            "Read Project",
            "a working day counts 480 minutes",
        ),
    ):
        try:
            reader.client.get(path, "id", **{"$top": 1})
            yield True, f"{path} can be read"
        except (ForbiddenError, NotFoundError):
            yield False, f"{path} cannot be read ({right}): {use}"


def _projects(reader: Reader, names: tuple[str, ...] | None) -> Iterator[Found]:
    readable = reader.listing("projects", "admin/projects", "id,shortName,archived", PAGE)
    by_name = {project["shortName"].casefold(): project for project in readable}
    for name in names or ():
        if name.casefold() not in by_name:
            yield ConfigurationError(
                f"YOUTRACK_PROJECTS: {name} does not exist, or the account may not read it"
            )
    wanted = {name.casefold() for name in names or by_name}
    looked_at = [project for name, project in by_name.items() if name in wanted]
    without_fields = []
    for project in looked_at:
        fields = _fields(reader, project)
        if fields:
            yield _issues(reader, project["shortName"], len(fields))
        else:
            without_fields.append(project["shortName"])
    if not readable:
        yield SourceError("the account sees no project: it needs Read Project and Read Issue")
    elif without_fields:
        message = (
            f"the fields of {', '.join(without_fields)} cannot be read: give the account Read "
            "Project there"
        )
        # a run goes on where a project that nobody asked for by name is closed
        may_go_on = names is None and len(without_fields) < len(looked_at)
        yield (False, message) if may_go_on else SourceError(message)


def _fields(reader: Reader, project: Entity) -> list[Entity]:
    path = f"admin/projects/{project['id']}/customFields"
    try:
        return reader.listing("fields", path, "id,field(id,name)", PAGE)
    except (ForbiddenError, NotFoundError):
        return []


def _issues(reader: Reader, name: str, fields: int) -> Found:
    try:
        count = reader.count(f"project: {{{name}}}")
    except RunError as error:
        return False, f"project {name}: {error}"
    counted = "an unknown number of" if count is None else f"{count:,}"
    return count != 0, f"project {name}: {fields} fields, {counted} issues"
