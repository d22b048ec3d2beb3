"""The simulated Yandex.Tracker over HTTP.

    from demo.company import Company
    from demo.yandex_tracker.server import start

    with start(Company(issues=300, seed=7, today="2026-06-01")) as server:
        server.url, server.token, server.organisation, server.organisation_header
        server.tracker.set_state("APP-12", "Done")              # edits of the company
        server.fault("status", r"/changelog", status=429, retry_after="1")
        server.expire_scrolls()

Switches besides those of every server (`demo.serving.Server`): `organisation`,
`organisation_header`, `iam_token`, `rows_cap` (where pages end), `narrows` (whether `fields=` is
honoured), `scroll_ends_empty` (whether the last page of a scroll is an empty one).
"""

from __future__ import annotations

import hmac
import json
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, request

from demo import serving
from demo.model import Issue, Project
from demo.serving import Refused, json_answer
from demo.tracker import Tracker
from demo.yandex_tracker.history import Entry, History, Teller, sprints_of
from demo.yandex_tracker.search import BadSearchError, Search
from demo.yandex_tracker.words import (
    PRIVATE,
    RESOLUTIONS,
    STATUS_TYPE_NAMES,
    SYSTEM_FIELDS,
    Field,
    Json,
    Words,
    issue_id,
    issue_key,
    moment,
    number,
    queue_key,
)

TOKEN = "y0_demo.Tracker.token"  # noqa: S105 - of a simulated server on loopback
IAM_TOKEN = "t1.demo.Tracker.iam"  # noqa: S105
ORGANISATION = "7654321"
ROWS_CAP = 10_000  # where pages of a search end (the vendor's pages, issue 13 of its client)
PER_PAGE, PER_SCROLL, MOST_PER_SCROLL, TTL_MS = 50, 100, 1000, 60_000
MESSAGES = {
    400: ("Bad request.", "Неверный запрос."),
    401: ("Authentication required.", "Требуется авторизация."),
    403: ("You are not allowed to do this.", "Недостаточно прав."),
    404: ("Issue does not exist.", "Задача не найдена."),
    405: ("Method is not allowed.", "Метод не поддерживается."),
    422: ("Validation failed.", "Ошибка проверки данных."),
    429: ("Too many requests.", "Слишком много запросов."),
    500: ("Internal error.", "Внутренняя ошибка."),
    503: ("Service unavailable.", "Сервис недоступен."),
}  # fmt: skip
SCROLL_GONE = ("Scroll does not exist.", "Прокрутка не найдена.")
Answer = Callable[..., "Response | list[Any] | Json"]


@dataclass
class Scroll:
    """A search as it was: rows as issues until an edit is near, as texts from then on."""

    token: str
    rows: list[Any]
    total: int
    most: int
    ttl_ms: float
    language: str
    fields: frozenset[str]
    expires: float = 0.0
    position: int = 0
    is_frozen: bool = False

    def touch(self) -> None:
        self.expires = time.monotonic() + self.ttl_ms / 1000


class Server(serving.Server):
    """A simulated Tracker, with the switches that only it has."""

    title = "Yandex.Tracker"
    row_parameters = ("perPage", "perScroll")

    def __init__(self, tracker: Tracker, token: str, latency_ms: float) -> None:
        super().__init__(tracker, token, latency_ms)
        self.iam_token = IAM_TOKEN
        self.organisation = ORGANISATION
        self.organisation_header = "X-Org-ID"
        self.rows_cap = ROWS_CAP
        self.narrows = True
        self.scroll_ends_empty = False
        self.words = Words(tracker)
        self.scrolls: dict[str, Scroll] = {}
        self._scrolled = 0
        self._histories: dict[Issue, tuple[Any, History]] = {}
        self._keys: tuple[int, dict[str, Issue]] = (-1, {})
        tracker.watchers.append(self._freeze_scrolls)

    def failure(self, status: int, *, retry_after: str | None = None) -> Response:
        return failure(status, retry_after=retry_after)

    def authorise(self) -> Response | None:
        """A token, of the kind that the organisation allows, and the organisation itself."""
        if not request.path.startswith("/v3/"):
            return None
        given = request.headers.get("Authorization", "")
        accepted = [f"OAuth {self.token}"]
        if self.organisation_header == "X-Cloud-Org-ID":
            accepted.append(f"Bearer {self.iam_token}")
        if not any(hmac.compare_digest(given.encode(), one.encode()) for one in accepted):
            return failure(401)
        if request.headers.get(self.organisation_header) != self.organisation:
            return failure(403)
        return None

    @property
    def access(self) -> str:
        return f"token {self.token}, {self.organisation_header} {self.organisation}"

    # --- what the answers need (call with the tracker's lock held) -------------------------------

    def history(self, issue: Issue) -> History:
        state = (len(issue.activities), len(issue.comments))
        known = self._histories.get(issue)
        if known is None or known[0] != state:
            known = (state, Teller(self.words, issue).tell())
            self._histories[issue] = known
        return known[1]

    def issues(self) -> list[Issue]:
        return self.tracker.issues_by_created()

    def find(self, reference: str) -> Issue | None:
        """An issue by its id, its key or a key that it had."""
        if re.fullmatch(r"[0-9a-f]{24}", reference):
            issue = self.tracker.issues.get(f"2-{int(reference[16:], 16)}")
            return issue if issue is not None and issue_id(issue) == reference else None
        if self._keys[0] != self.tracker.version:
            issues = list(self.tracker.issues.values())
            keys = {old: issue for issue in issues for old in self.history(issue).aliases} | {
                issue_key(issue): issue for issue in issues
            }
            self._keys = (self.tracker.version, keys)
        return self._keys[1].get(reference)

    def issue_row(self, issue: Issue, language: str) -> Json:
        words, history = self.words, self.history(issue)
        key, status, author = issue_key(issue), issue.state, words.user(issue.updater)
        row: Json = {
            "self": words.link("issues", key), "id": issue_id(issue), "key": key,
            "version": len(history.entries), "aliases": history.aliases,
            "summary": issue.summary, "description": f"{key}: {PRIVATE}",
            "queue": words.queue(issue.project), "createdAt": moment(issue.created),
            "createdBy": words.user(issue.reporter), "updatedAt": moment(history.updated),
            "updatedBy": author, "statusStartTime": moment(history.status_started),
            "votes": 0, "favorite": False,
        }  # fmt: skip
        for attached, value in issue.values.items():
            field = words.field(attached.field)
            if field.id not in ("status", "sprint"):
                row[field.id] = words.value(field, value, language)
        sprints = sprints_of(words, issue)
        row |= words.labels(issue) | {
            "sprint": [words.sprint_reference(sprint) for sprint in sprints],
            "boards": self._boards(sprints),
            "followers": words.value(Field("followers"), history.followers, language),
            "status": words.value(Field("status"), status, language),
            "previousStatus": words.value(Field("status"), history.previous_status, language),
        }
        if status is not None:
            kind = words.status_type(status)
            row["statusType"] = {
                "id": kind, "key": kind, "display": STATUS_TYPE_NAMES[kind][language == "ru"],
            }  # fmt: skip
        if issue.resolved is not None:
            resolution = words.resolution_of(status)
            row |= {"resolvedAt": moment(issue.resolved), "resolvedBy": author}
            row["resolution"] = resolution and words.resolution(resolution, language)
        if issue.comments:
            row["commentWithoutExternalMessageCount"] = len(issue.comments)
        # zeros and empty texts are values, all else that is empty is absent
        return {name: value for name, value in row.items() if value is not None and value != []}

    def _boards(self, sprints: Sequence[Any]) -> list[Json]:
        """The boards of an issue's sprints; those with an automatic filter are not named."""
        boards = {sprint.board.id: sprint.board for sprint in sprints if hasattr(sprint, "board")}
        return [
            {"id": self.words.board_id(board), "name": board.name}
            for board in boards.values()
            if not board.hidden
        ]

    def entry_row(self, issue: Issue, entry: Entry, language: str) -> Json:
        words, key, identity = self.words, issue_key(issue), entry.id_of(issue)
        row: Json = {
            "id": identity, "self": words.link("issues", key, "changelog", identity),
            "issue": words.issue(issue),
            "updatedAt": moment(entry.updated), "updatedBy": words.user(entry.author),
            "type": entry.type, "transport": "front",
        }  # fmt: skip
        if entry.changes:
            row["fields"] = [
                {
                    "field": {
                        "self": words.link("fields", change.field.id), "id": change.field.id,
                        "display": change.field.id,
                    },
                    "from": words.value(change.field, change.old, language),
                    "to": words.value(change.field, change.new, language),
                }
                for change in entry.changes
            ]  # fmt: skip
        if entry.type == "IssueCommentAdded":
            link = words.link("issues", key, "comments", entry.number)
            comment = {"self": link, "id": str(entry.number), "display": f"Comment: {PRIVATE}"}
            row["comments"] = {"added": [comment]}
        if entry.author is self.tracker.system_user:
            trigger = {"self": words.link("triggers", 1), "id": "1", "display": "Stamp"}
            row["executedTriggers"] = [{"trigger": trigger, "success": True, "message": "Success"}]
        return row

    # --- scrolls ---------------------------------------------------------------------------------

    def texts(self, rows: Sequence[Any], language: str, fields: frozenset[str]) -> list[str]:
        return [row if isinstance(row, str) else self._text(row, language, fields) for row in rows]

    def _text(self, issue: Issue, language: str, fields: frozenset[str]) -> str:
        row = self.issue_row(issue, language)
        if fields and self.narrows:
            row = {name: value for name, value in row.items() if name in fields}
        return json.dumps(row, ensure_ascii=False)

    def _freeze_scrolls(self) -> None:
        """An edit comes: what open scrolls have yet to show is put down as it is now."""
        self._forget_scrolls()
        for scroll in self.scrolls.values():
            if not scroll.is_frozen:
                rest = scroll.rows[scroll.position :]
                scroll.rows[scroll.position :] = self.texts(rest, scroll.language, scroll.fields)
                scroll.is_frozen = True

    def open_scroll(self, rows: list[Issue], most: int, ttl_ms: float, **asked: Any) -> str:
        self._scrolled += 1
        identity = f"scroll{self._scrolled:08d}"
        token = f"{random.Random(self._scrolled).getrandbits(64):016x}"
        self.scrolls[identity] = Scroll(token, list(rows), len(rows), most, ttl_ms, **asked)
        self.scrolls[identity].touch()
        return identity

    def expire_scrolls(self) -> None:
        with self.tracker.lock:
            self.scrolls.clear()

    def _forget_scrolls(self) -> None:
        now = time.monotonic()
        self.scrolls = {key: one for key, one in self.scrolls.items() if one.expires > now}

    def scroll(self, identity: str, token: str | None) -> Scroll:
        self._forget_scrolls()
        found = self.scrolls.get(identity)
        if found is None:
            raise Refused(failure(404, *SCROLL_GONE))
        if token is None or not hmac.compare_digest(token.encode(), found.token.encode()):
            raise Refused(failure(403))
        return found


def language() -> str:
    return "ru" if request.headers.get("Accept-Language", "").startswith("ru") else "en"


def failure(
    status: int, *messages: str, retry_after: str | None = None,
    errors: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """An error body as samples/error.json has it; two messages are one in two languages."""
    given = messages or MESSAGES.get(status, (f"HTTP {status}",))
    text = given[-1] if language() == "ru" else given[0]
    body = {"errors": errors or {}, "errorMessages": [] if errors else [text], "statusCode": status}
    response = Response(
        json.dumps(body, ensure_ascii=False), status, content_type="application/json;charset=utf-8"
    )
    if retry_after is not None:
        response.headers["Retry-After"] = retry_after
    return response


def _number(name: str, default: int, most: int | None = None) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not text.isdecimal() or int(text) < 1 or (most is not None and int(text) > most):
        raise Refused(failure(400, f"Parameter {name} is not correct."))
    return int(text)


def _linked(**changes: Any) -> str:
    """This address with other parameters."""
    arguments = {**request.args.to_dict(), **changes}
    return f"{request.base_url}?{urlencode(arguments)}"


def _page(texts: Callable[[Sequence[Any]], list[str]], rows: Sequence[Any], cap: int) -> Response:
    """`perPage`, `page` and the headers that count; rows beyond `cap` are never shown."""
    most, page = _number("perPage", PER_PAGE), _number("page", 1)
    shown = rows[: min(len(rows), cap)][(page - 1) * most : page * most]
    response = json_answer(f"[{','.join(texts(shown))}]")
    response.headers["X-Total-Count"] = str(len(rows))
    response.headers["X-Total-Pages"] = str(-(-len(rows) // most))
    if page * most < min(len(rows), cap):
        response.headers["Link"] = f'<{_linked(page=page + 1)}>; rel="next"'
    return response


def _dumped(rows: Sequence[Any]) -> list[str]:
    return [json.dumps(row, ensure_ascii=False) for row in rows]


class Answers:
    """One method for each resource: what it shows."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.words = server.words
        self.tracker = server.tracker

    def routes(self) -> dict[str, Answer]:
        return {
            "/myself": lambda: self.words.user_row(self.tracker.token_user),
            "/users": self.users,
            "/queues": self.queues,
            "/queues/<key>": lambda key: self.queue_row(self.queue(key)),
            "/queues/<key>/localFields": self.local_fields,
            "/statuses": lambda: [
                self.words.status_row(status, language()) for status in self.words.elements("state")
            ],
            "/resolutions": lambda: [
                self.words.resolution_row(key, language()) for key in RESOLUTIONS
            ],
            "/issuetypes": lambda: self.elements("type", "issuetypes"),
            "/priorities": lambda: self.elements("priority", "priorities"),
            "/fields": self.fields,
            "/boards": self.boards,
            "/boards/<int:identity>": lambda identity: self.words.board_row(
                self.board(identity), language()
            ),
            "/boards/<int:identity>/columns": lambda identity: self.words.columns(
                self.board(identity), language()
            ),
            "/boards/<int:identity>/sprints": self.sprints,
            "/sprints/<int:identity>": self.sprint,
            "/issues/<reference>": lambda reference: self.server.issue_row(
                self.issue(reference), language()
            ),
            "/issues/<reference>/changelog": self.changelog,
        }

    def posts(self) -> dict[str, Answer]:
        return {
            "/issues/_search": self.search,
            "/issues/_count": lambda: json_answer(str(len(self.found(_body())))),
            "/system/search/scroll/_clear": self.clear_scrolls,
        }

    # --- lists -----------------------------------------------------------------------------------

    def users(self) -> Response:
        rows = [self.words.user_row(user) for user in self.tracker.users]
        return _page(_dumped, rows, len(rows))

    def visible(self) -> list[Project]:
        return [project for project in self.tracker.projects if not project.hidden]

    def queue_row(self, project: Project) -> Json:
        expands = "all" in request.args.get("expand", "")
        return self.words.queue_row(project, language(), expands)

    def queues(self) -> Response:
        rows = [self.queue_row(project) for project in self.visible()]
        return _page(_dumped, rows, len(rows))

    def queue(self, key: str) -> Project:
        for project in self.tracker.projects:
            if key in (queue_key(project), str(number(project))):
                if project.hidden:
                    raise Refused(failure(403))
                return project
        raise Refused(failure(404, "Queue does not exist.", "Очередь не существует."))

    def local_fields(self, key: str) -> list[Json]:
        return [
            self.words.field_row(field, language())
            for field in self.words.fields_of(self.queue(key))
        ]

    def fields(self) -> list[Json]:
        system = [self.words.system_field_row(row) for row in SYSTEM_FIELDS]
        return system + [
            self.words.field_row(field, language()) for field in self.words.global_fields()
        ]

    def elements(self, role: str, path: str) -> list[Json]:
        return [self.words.row(one, path, language()) for one in self.words.elements(role)]

    def boards(self) -> Response | list[Json]:
        rows = [self.words.board_row(board, language()) for board in self.words.boards()]
        return _page(_dumped, rows, len(rows)) if "perPage" in request.args else rows

    def board(self, identity: int) -> Any:
        for board in self.words.boards():
            if self.words.board_id(board) == identity:
                return board
        raise Refused(failure(404, "Board does not exist.", "Доска не найдена."))

    def sprints(self, identity: int) -> list[Json]:
        board = self.board(identity)
        return [self.words.sprint_row(board, sprint) for sprint in self.words.sprints_of(board)]

    def sprint(self, identity: int) -> Json:
        for board in self.words.boards():
            for sprint in self.words.sprints_of(board):
                if self.words.sprint_id(sprint) == identity:
                    return self.words.sprint_row(board, sprint)
        raise Refused(failure(404, "Sprint does not exist.", "Спринт не найден."))

    # --- issues ----------------------------------------------------------------------------------

    def issue(self, reference: str) -> Issue:
        """By id, key or a former key."""
        found = self.server.find(reference)
        if found is None or not found.is_visible:
            raise Refused(failure(404))
        return found

    def found(self, body: Json) -> list[Issue]:
        asked = Search(
            self.server.issues(),
            lambda issue: self.server.history(issue).updated,
            self.tracker.timezone,
        )
        known = {queue_key(project) for project in self.tracker.projects}
        known |= {str(number(project)) for project in self.tracker.projects}
        return asked.run(body, body.get("order") or request.args.get("order"), known)

    def search(self) -> Response:
        if identity := request.args.get("scrollId"):
            return self.next_page(identity)
        body = _body()
        found = self.found(body)
        fields = frozenset(filter(None, request.args.get("fields", "").split(",")))
        kind = request.args.get("scrollType")
        if kind is None:
            return _page(
                lambda rows: self.server.texts(rows, language(), fields), found,
                self.server.rows_cap,
            )  # fmt: skip
        if body.get("queue") or body.get("keys"):
            raise Refused(failure(400, "Scroll is not supported."))
        if kind not in ("sorted", "unsorted"):
            raise Refused(failure(400, "Parameter scrollType is not correct."))
        if kind == "unsorted":
            random.Random(len(found)).shuffle(found)
        identity = self.server.open_scroll(
            found, _number("perScroll", PER_SCROLL, MOST_PER_SCROLL),
            _number("scrollTTLMillis", TTL_MS), language=language(), fields=fields,
        )  # fmt: skip
        return self.next_page(identity, self.server.scrolls[identity].token)

    def next_page(self, identity: str, token: str | None = None) -> Response:
        """Each asking goes on, so that a page whose answer is lost is lost for good."""
        scroll = self.server.scroll(identity, token or request.args.get("scrollToken"))
        rows = scroll.rows[scroll.position : scroll.position + scroll.most]
        texts = self.server.texts(rows, scroll.language, scroll.fields)
        scroll.position += len(rows)
        scroll.touch()
        response = json_answer(f"[{','.join(texts)}]")
        response.headers["X-Total-Count"] = str(scroll.total)
        is_last = scroll.position >= scroll.total
        if is_last and (not rows or not self.server.scroll_ends_empty):
            del self.server.scrolls[identity]
            return response
        link = _linked(scrollId=identity, scrollToken=scroll.token)
        response.headers["Link"] = f'<{link}>; rel="next"'
        response.headers["X-Scroll-Id"] = identity
        response.headers["X-Scroll-Token"] = scroll.token
        return response

    def clear_scrolls(self) -> Response:
        for identity, token in _body().items():
            found = self.server.scrolls.get(identity)
            if found is not None and found.token == token:
                del self.server.scrolls[identity]
        return Response(status=204)

    def changelog(self, reference: str) -> Response:
        issue = self.issue(reference)
        entries = self.server.history(issue).entries
        if kind := request.args.get("type"):
            entries = [entry for entry in entries if entry.type == kind]
        if field := request.args.get("field"):
            entries = [
                entry
                for entry in entries
                if any(change.field.id == field for change in entry.changes)
            ]
        if last := request.args.get("id"):
            places = [n for n, entry in enumerate(entries, 1) if entry.id_of(issue) == last]
            if not places:
                raise Refused(failure(404, "Change does not exist.", "Изменение не найдено."))
            entries = entries[places[0] :]
        shown = entries[: _number("perPage", PER_PAGE)]
        rows = [self.server.entry_row(issue, entry, language()) for entry in shown]
        response = json_answer(f"[{','.join(_dumped(rows))}]")
        if len(shown) < len(entries):
            link = _linked(id=shown[-1].id_of(issue))
            response.headers["Link"] = f'<{link}>; rel="next"'
        return response


def _body() -> Json:
    body = request.get_json(silent=True)
    if body is None and request.get_data():
        raise Refused(failure(400, "Request body is not correct JSON."))
    if not isinstance(body or {}, dict):
        raise Refused(failure(400, "Request body is not an object."))
    return body or {}


def _application(server: Server) -> Flask:
    app = Flask("demo")
    answers = Answers(server)

    def route(path: str, answer: Answer, method: str) -> None:
        def view(**parts: Any) -> Response:
            with server.tracker.lock:
                server.words.base = request.host_url.rstrip("/")
                found = answer(**parts)
            if isinstance(found, Response):
                return found
            return json_answer(json.dumps(found, ensure_ascii=False))

        app.add_url_rule(f"/v3{path}", f"{method} {path}", view, methods=[method])

    for path, answer in answers.routes().items():
        route(path, answer, "GET")
    for path, answer in answers.posts().items():
        route(path, answer, "POST")

    app.register_error_handler(Refused, lambda refused: refused.response)
    app.register_error_handler(BadSearchError, _bad_search)
    for status in (404, 405, 500):
        app.register_error_handler(status, lambda _, status=status: failure(status))
    return app


def _bad_search(error: BadSearchError) -> Response:
    if error.field is None:
        return failure(error.status, str(error))
    return failure(error.status, errors={error.field: str(error)})


def start(
    tracker: Tracker, port: int = 0, token: str = TOKEN, latency_ms: float = 0, threads: int = 16
) -> Server:
    """Serve `tracker` in the background on 127.0.0.1; port 0 takes a free one."""
    server = Server(tracker, token, latency_ms)
    return server.listen(_application(server), port, threads)
