"""What a token may see, for `make doctor`: a handful of requests, nothing written."""

from __future__ import annotations

from collections.abc import Iterator

from extract.errors import RunError
from extract.youtrack.client import Client, ForbiddenError, NotFoundError, Patience
from extract.youtrack.findings import Findings
from extract.youtrack.reader import Reader
from extract.youtrack.rows import Entity

PATIENCE = Patience(tries=2, read_seconds=20)
PAGE = 100


def examine(url: str, token: str, projects: tuple[str, ...] | None) -> Iterator[tuple[bool, str]]:
    """Yield what was looked at: whether it is as a run needs it, and a sentence.

    Raises what a run would raise where nothing can be read at all.
    """
    findings = Findings()
    reader = Reader(Client(url, token, patience=PATIENCE), findings)
    reader.introduce()
    zone = reader.clock.zone
    yield True, "YouTrack answers, and the token is no guest's"
    yield zone is not None, f"time zone of the token's account: {zone or 'not readable'}"
    readable = reader.listing("projects", "admin/projects", "id,shortName,archived", PAGE)
    by_name = {project["shortName"].casefold(): project for project in readable}
    for name in projects or ():
        if name.casefold() not in by_name:
            yield False, f"project {name}: does not exist, or the account may not read it"
    for project in readable:
        if projects is None or project["shortName"].casefold() in {p.casefold() for p in projects}:
            yield _project(reader, project)
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


def _project(reader: Reader, project: Entity) -> tuple[bool, str]:
    name = project["shortName"]
    try:
        path = f"admin/projects/{project['id']}/customFields"
        fields = reader.listing("fields", path, "id,field(id,name)", PAGE)
    except (ForbiddenError, NotFoundError):
        fields = []
    if not fields:
        return False, f"project {name}: its fields cannot be read; the account needs Read Project"
    try:
        count = reader.count(f"project: {{{name}}}")
    except RunError as error:
        return False, f"project {name}: {error}"
    counted = "an unknown number of" if count is None else f"{count:,}"
    return count != 0, f"project {name}: {len(fields)} fields, {counted} issues"
