"""The simulated YouTrack over HTTP: a Flask application on a waitress server, loopback only.

It answers as youtrack-api.md says that the real one does, its silent traps included. `start`
serves a tracker from within a program; `python -m demo` serves one by itself.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flask import Flask, Response, g, request

from demo import serving
from demo.faults import html
from demo.model import Activity, Board, Entity, Issue, Project, Simple, Sprint, User
from demo.serving import Refused, json_answer, remember
from demo.tracker import Tracker
from demo.youtrack import query as search
from demo.youtrack.selection import BadFieldsError, Selection, compile_fields

TOKEN = "perm:demo.YouTrack.token"  # noqa: S105 - of a simulated server on loopback
DEFAULT_TOP = 42
SILENT_CUT = 1000  # measured for /issues and /activities without $top
ISSUES_CAP = 3500  # JetBrains/youtrack-apps pull request 48
CATEGORY_ERROR = "No requested categories specified as a filter parameter"
FOREVER = 2**63 - 1
ERRORS = {
    401: ("Unauthorized", "You are not logged in."),
    403: ("Forbidden", "HTTP 403 Forbidden"),
    404: ("Not Found", "HTTP 404 Not Found"),
    429: ("Too Many Requests", "HTTP 429 Too Many Requests"),
    500: ("server_error", "Internal Server Error"),
    502: ("Bad Gateway", "HTTP 502 Bad Gateway"),
    503: ("Service Unavailable", "HTTP 503 Service Unavailable"),
}
Answer = Callable[..., "Entity | Iterable[Entity] | Response"]


class Server(serving.Server):
    """A simulated YouTrack, with the switches that only it has."""

    title = "YouTrack"
    row_parameters = ("$top",)

    def __init__(self, tracker: Tracker, token: str, latency_ms: float) -> None:
        super().__init__(tracker, token, latency_ms)
        self.is_guest = False
        self.hidden_attributes: set[str] = set()
        self.issues_cap = ISSUES_CAP
        self.unknown_issue_id_is_error = False
        self._selections: OrderedDict[Any, Selection] = OrderedDict()
        self._catalogue_version = tracker.catalogue_version
        self._found: OrderedDict[Any, list[Issue]] = OrderedDict()
        self._filtered: OrderedDict[Any, Sequence[Activity]] = OrderedDict()
        self._counted: set[Any] = set()

    def failure(self, status: int, *, retry_after: str | None = None) -> Response:
        return failure(status, retry_after=retry_after)

    def authorise(self) -> Response | None:
        if not _is_api():
            return None
        given = request.headers.get("Authorization", "")
        if hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
            return None
        # where guests are allowed, an absent token is a guest session instead of a 401
        return None if self.is_guest and not given else failure(401)

    def path_of(self, rule: str) -> str:
        return rule.removeprefix("/youtrack")

    # --- prepared answers (call with the tracker's lock held) ---------------------------------

    def selection(self) -> Selection:
        """The compiled `fields` of this request; a rename outdates all of them."""
        if self._catalogue_version != self.tracker.catalogue_version:
            self._catalogue_version = self.tracker.catalogue_version
            self._selections.clear()
        hidden = frozenset(self.hidden_attributes)
        names = tuple(request.args.getlist("customFields"))
        key = (request.args.get("fields"), names, hidden)
        selection = self._selections.get(key)
        if selection is None:
            selection = compile_fields(self.tracker, key[0], hidden, names)
            remember(self._selections, key, selection, 64)
        return selection

    def issues(self, text: str | None) -> list[Issue]:
        if self.is_guest or getattr(g, "guest", False):
            return []
        text = None if getattr(g, "ignore_query", False) else text
        strict = self.unknown_issue_id_is_error
        key = (text, strict, self.tracker.version, self.tracker.timezone, self.tracker.now)
        found = self._found.get(key)
        if found is None:
            found = search.run(self.tracker, text, strict)
            remember(self._found, key, found, 16)
        return found

    def activities(self, issue: Issue | None) -> Sequence[Activity]:
        """The feed that the request's parameters leave, oldest first."""
        arguments = request.args
        wanted = frozenset(
            name.strip()
            for value in arguments.getlist("categories")
            for name in value.split(",")
            if name.strip()
        )
        if not wanted:
            raise Refused(failure(400, "bad_request", CATEGORY_ERROR))
        ignore = getattr(g, "ignore_query", False)
        start, end = (None, None) if ignore else (_number("start"), _number("end"))
        text = arguments.get("issueQuery")
        author = arguments.get("author")
        guest = self.is_guest or getattr(g, "guest", False)
        own = issue.id if issue else None
        key = (wanted, start, end, text, author, guest, ignore, self.tracker.version, own)
        found = self._filtered.get(key)
        if found is None:
            found = self._filter(issue, wanted, start, end, None if ignore else text, author)
            found = [] if guest else found
            remember(self._filtered, key, found, 8)
        return found

    def _filter(
        self, issue: Issue | None, wanted: frozenset[str], start: int | None, end: int | None,
        text: str | None, author: str | None,
    ) -> Sequence[Activity]:  # fmt: skip
        if issue is None:
            found = self.tracker.feed_between(start, end)
        else:
            low, high = start or 0, FOREVER if end is None else end
            found = sorted(
                (a for a in issue.activities if low <= a.timestamp <= high),
                key=lambda a: (a.timestamp, a.serial),
            )
        if not wanted >= {a.kind.category.id for a in found}:
            found = [a for a in found if a.kind.category.id in wanted]
        if text:
            named = set(self.issues(text))
            found = [a for a in found if a.issue in named]
        if author:
            found = [a for a in found if author in (a.author.id, a.author.login)]
        return found


def failure(
    status: int, error: str | None = None, description: str | None = None, *,
    children: list[str] | None = None, retry_after: str | None = None,
) -> Response:  # fmt: skip
    """An error body in the shape of the real one."""
    default_error, default_description = ERRORS.get(status, (str(status), f"HTTP {status}"))
    body: dict[str, Any] = {
        "error": error or default_error,
        "error_description": description or default_description,
    }
    if children is not None:
        body["error_children"] = [
            {"error": "invalid_query", "error_description": child} for child in children
        ]
    response = Response(
        json.dumps(body, ensure_ascii=False), status, content_type="application/json;charset=utf-8"
    )
    if retry_after is not None:
        response.headers["Retry-After"] = retry_after
    return response


def _number(name: str) -> int | None:
    text = request.args.get(name)
    if text is None or text == "":
        return None
    try:
        return int(text)
    except ValueError:
        message = f"The parameter {name} is not a number"
        raise Refused(failure(400, "bad_request", message)) from None


def _page(rows: Sequence[Any], unasked: int = DEFAULT_TOP, cap: int | None = None) -> Sequence[Any]:
    """`$skip` and `$top`; what an absent or negative `$top` means differs by resource."""
    skip = max(_number("$skip") or 0, 0)
    top = _number("$top")
    if top is None:
        top = unasked
    elif top < 0:
        top = SILENT_CUT if unasked == SILENT_CUT and cap is None else len(rows)
    if cap is not None:
        top = min(top, cap)
    return rows[skip : skip + top]


def _application(server: Server) -> Flask:
    """Routes under /api and /youtrack/api; whatever else is asked gets the web interface."""
    app = Flask("demo")
    tracker = server.tracker

    def route(path: str, answer: Answer, **options: Any) -> None:
        def view(**parts: str) -> Response:
            with tracker.lock:
                selection = server.selection()
                found = answer(**parts)
                if isinstance(found, Response):
                    return found
                if isinstance(found, Entity):
                    return json_answer(selection.render(found))
                return json_answer(f"[{','.join(map(selection.render, found))}]")

        view.__name__ = path
        for base in ("/api", "/youtrack/api"):
            app.add_url_rule(base + path, base + path, view, **options)

    answers = Answers(server)
    for path, answer in answers.routes().items():
        route(path, answer)
    route("/issuesGetter/count", answers.count, methods=["POST"])

    def create() -> Response:
        with tracker.lock:
            return json_answer(server.selection().render(answers.create(request.get_json())))

    for base in ("/api", "/youtrack/api"):
        app.add_url_rule(f"{base}/issues", f"{base} create", create, methods=["POST"])

    app.register_error_handler(Refused, lambda refused: refused.response)
    app.register_error_handler(
        BadFieldsError, lambda error: failure(400, "bad_request", f"Invalid fields: {error}")
    )
    app.register_error_handler(
        search.BadQueryError,
        lambda error: failure(
            400, "invalid_query", "Can't parse search query", children=[str(error)]
        ),
    )
    app.register_error_handler(404, lambda _: _unrouted())
    app.register_error_handler(500, lambda _: failure(500))
    app.register_error_handler(405, lambda _: failure(405, "Method Not Allowed"))
    return app


def _is_api() -> bool:
    return request.path.removeprefix("/youtrack").startswith("/api/")


def _unrouted() -> Response:
    return failure(404) if _is_api() else html()


class Answers:
    """One method for each resource: what it shows, before `fields` and JSON."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.tracker = server.tracker

    def routes(self) -> dict[str, Answer]:
        return {
            "/users/me": self.me,
            "/users": lambda: _page(self.tracker.users),
            "/users/<id>": self.user,
            "/config": self.config,
            "/admin/projects": lambda: _page(self.projects()),
            "/admin/projects/<id>": self.project,
            "/admin/projects/<id>/customFields": self.project_fields,
            "/admin/timeTrackingSettings/workTimeSettings": self.work_time,
            "/admin/customFieldSettings/customFields": self.custom_fields,
            "/issues": self.issues,
            "/issues/<id>": self.issue,
            "/issues/<id>/customFields": self.issue_fields,
            "/issues/<id>/sprints": self.issue_sprints,
            "/issues/<id>/activities": lambda id: self.activities(self.issue(id)),
            "/issues/<id>/activitiesPage": lambda id: self.activities_page(self.issue(id)),
            "/agiles": lambda: _page(self.boards()),
            "/agiles/<id>": self.board,
            "/agiles/<id>/sprints": lambda id: _page(self.board(id).sprints),
            "/agiles/<id>/sprints/<sprint_id>": self.sprint,
            "/activities": lambda: self.activities(None),
            "/activitiesPage": lambda: self.activities_page(None),
        }

    def _is_guest(self) -> bool:
        return self.server.is_guest or getattr(g, "guest", False)

    def _absent(self, identity: str) -> Refused:
        return Refused(failure(404, "Not Found", f"Entity with id {identity} not found"))

    def me(self) -> User:
        user = self.tracker.token_user
        if self._is_guest():
            return User("1-0", "guest", "guest", None, guest=True, type_name="Me")
        return User(user.id, user.login, user.full_name, user.email, type_name="Me")

    def user(self, id: str) -> User:  # noqa: A002 - the document's name
        for user in self.tracker.users:
            if id in (user.id, user.login):
                return user
        raise self._absent(id)

    def config(self) -> Simple:
        build = self.tracker.build
        version = ".".join(build.split(".")[:2])
        return Simple("AppConfig", {"id": "config", "version": version, "build": build})

    def projects(self) -> list[Project]:
        return [p for p in self.tracker.projects if not p.hidden and not self._is_guest()]

    def create(self, body: dict[str, Any]) -> Issue:
        """A new issue, as `POST /api/issues` makes it."""
        project = self.project(body.get("project", {}).get("id", ""))
        if not body.get("summary"):
            raise Refused(failure(400, "bad_request", "Summary is required"))
        issue = self.tracker.create_issue(project, body["summary"])
        issue.description = body.get("description")
        return issue

    def project(self, id: str) -> Project:  # noqa: A002
        for project in self.projects():
            if id in (project.id, project.short_name):
                return project
        raise self._absent(id)

    def project_fields(self, id: str) -> Sequence[Entity]:  # noqa: A002
        """A project without a role for the token answers with an empty list, not an error."""
        known = {p.id: p for p in self.tracker.projects} | {
            p.short_name: p for p in self.tracker.projects
        }
        if id not in known:
            raise self._absent(id)
        return _page([] if known[id].hidden or self._is_guest() else known[id].fields)

    def work_time(self) -> Simple:
        if self.tracker.work_time is None:
            raise Refused(failure(403))
        return Simple("WorkTimeSettings", {"id": "worktime", "firstDayOfWeek": 1}
                      | self.tracker.work_time)  # fmt: skip

    def custom_fields(self) -> Sequence[Entity]:
        if self._is_guest():
            raise Refused(failure(403))
        return _page(self.tracker.custom_fields)

    def issues(self) -> Sequence[Issue]:
        found = self.server.issues(request.args.get("query"))
        return _page(found, SILENT_CUT, self.server.issues_cap)

    def issue(self, id: str) -> Issue:  # noqa: A002
        issue = self.tracker.find(id)
        if issue is None or not issue.is_visible or self._is_guest():
            raise self._absent(id)
        return issue

    def issue_fields(self, id: str) -> Response:  # noqa: A002
        texts = self.server.selection().custom_fields(self.issue(id))
        return json_answer(f"[{','.join(_page(texts))}]")

    def issue_sprints(self, id: str) -> Sequence[Sprint]:  # noqa: A002
        return _page(self.tracker.sprints_of(self.issue(id)))

    def boards(self) -> list[Board]:
        return [b for b in self.tracker.boards if not b.hidden and not self._is_guest()]

    def board(self, id: str) -> Board:  # noqa: A002
        for board in self.boards():
            if board.id == id:
                return board
        raise self._absent(id)

    def sprint(self, id: str, sprint_id: str) -> Sprint:  # noqa: A002
        for sprint in self.board(id).sprints:
            if sprint.id == sprint_id:
                return sprint
        raise self._absent(sprint_id)

    def activities(self, issue: Issue | None) -> Sequence[Activity]:
        found = self.server.activities(issue)
        if request.args.get("reverse") == "true":
            found = found[::-1]
        return _page(found, SILENT_CUT)

    def activities_page(self, issue: Issue | None) -> Simple:
        """A keyset page: the cursor is the place of the last activity shown, so nothing shifts."""
        found = self.server.activities(issue)
        reverse = request.args.get("reverse") == "true"
        top = _number("$top")
        top = SILENT_CUT if top is None or top < 0 else top
        cursor = request.args.get("cursor")
        place = _decode(cursor) if cursor else None
        if reverse:
            high = len(found) if place is None else _place(found, place, after=False)
            rows = found[max(high - top, 0) : high][::-1]
            more, earlier = high - top > 0, high < len(found)
        else:
            low = 0 if place is None else _place(found, place, after=True)
            rows = found[low : low + top]
            more, earlier = low + top < len(found), low > 0
        page = {
            "id": "page", "reverse": reverse, "activities": list(rows), "hasAfter": more,
            "hasBefore": earlier, "afterCursor": _encode(rows[-1]) if rows else cursor,
            "beforeCursor": _encode(rows[0]) if rows else cursor,
        }  # fmt: skip
        return Simple("ActivityCursorPage", page)

    def count(self) -> Simple:
        """Minus one while it counts: the first answer for a query, then the number."""
        body = request.get_json(silent=True) or {}
        text = body.get("query")
        found = self.server.issues(text)
        key = (text, self.tracker.version)
        number = len(found) if key in self.server._counted else -1
        self.server._counted.add(key)
        return Simple("IssueCountResponse", {"id": "count", "count": number, "query": text})


def _encode(activity: Activity) -> str:
    text = f"{activity.timestamp}:{activity.serial}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def _decode(cursor: str) -> tuple[int, int]:
    try:
        timestamp, serial = base64.urlsafe_b64decode(cursor).decode().split(":")
        return int(timestamp), int(serial)
    except ValueError:
        raise Refused(failure(400, "bad_request", "Invalid cursor")) from None


def _place(found: Sequence[Activity], place: tuple[int, int], *, after: bool) -> int:
    low, high = 0, len(found)
    while low < high:
        middle = (low + high) // 2
        key = (found[middle].timestamp, found[middle].serial)
        if key < place or (after and key == place):
            low = middle + 1
        else:
            high = middle
    return low


def start(
    tracker: Tracker, port: int = 0, token: str = TOKEN, latency_ms: float = 0, threads: int = 16
) -> Server:
    """Serve `tracker` in the background on 127.0.0.1; port 0 takes a free one."""
    server = Server(tracker, token, latency_ms)
    return server.listen(_application(server), port, threads)
