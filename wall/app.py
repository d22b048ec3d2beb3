"""The page over HTTP: one JSON for all, and the few things that a person may do."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response, abort, g, render_template, request, session
from flask.sessions import SecureCookieSessionInterface
from werkzeug.exceptions import HTTPException

from extract.errors import RunError
from extract.trackers import TRACKERS
from wall import comments
from wall.access import HEADERS, SESSION_DAYS, Budget, Door, is_own, session_key
from wall.board import Board
from wall.settings import WallSettings
from wall.templates import (
    LONGEST_SUMMARY,
    LONGEST_TEXT,
    BadTemplateError,
    Draft,
    draft_for,
    one_line,
    read_folder,
    values_of,
)
from wall.texts import read_texts
from wall.tickets import Tickets

TITLES = {each.name: each.title for each in TRACKERS}

PAGE = Path(__file__).resolve().parent / "page"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

LARGEST_REQUEST = 256 * 1024
# requests that wait for another system leave most threads to the viewers
MOST_WRITERS = 3

# when the figures are older, the page says so instead of looking calm
OLD_SECONDS = 120


@dataclass
class Wall:
    """All that the page works with."""

    settings: WallSettings
    board: Board
    tickets: Tickets
    locale: str = "en"
    # the frontend of Zabbix as people reach it; None: unknown
    zabbix_url: str | None = None
    # asks Zabbix at once, after somebody has written something there
    hurry: Callable[[], None] = lambda: None
    is_demo: bool = False
    # of a simulated Zabbix, so that who looks can try it
    demo_token: str | None = None
    writing: Budget = field(default_factory=lambda: Budget(30, 60))
    signing_in: Budget = field(default_factory=lambda: Budget(5, 60))


class Told(Exception):  # noqa: N818  (an answer, not an error of this program)
    """A request that is not done; the text is for the person."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class _Sessions(SecureCookieSessionInterface):
    """A session that began over https stays there; the proxy's word for it is not needed."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.headers.get("Origin", "").startswith("https://")


def make_app(wall: Wall) -> Flask:
    """The application; `wall.board` is kept fresh by others."""
    app = Flask(__name__, static_folder=None, template_folder=str(PAGE))
    app.session_interface = _Sessions()
    app.config.update(
        SECRET_KEY=session_key(wall.settings),
        SESSION_COOKIE_NAME="wall",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(days=SESSION_DAYS),
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
    )
    door = Door(wall.settings)
    texts = read_texts(wall.locale)
    files = {path.name: path.read_bytes() for path in PAGE.iterdir() if path.suffix in KINDS}
    version = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()[:12]
    writers = threading.BoundedSemaphore(MOST_WRITERS)

    @app.before_request
    def receive() -> None:
        if not door.is_expected_host(request):
            abort(400)
        is_open = request.endpoint in ("file", "sign_in", "health", "page", None)
        g.visitor = door.visitor(request)
        if g.visitor is None and not is_open:
            raise Told(401, texts["sign_in_first"])
        if request.method not in ("GET", "HEAD"):
            if not is_own(request):
                raise Told(403, texts["not_from_here"])
            if g.visitor is not None and not wall.writing.allows(_who(g.visitor)):
                raise Told(429, texts["too_often"])

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers.update(HEADERS)
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response

    @app.errorhandler(Told)
    def tell(told: Told) -> Response:
        return _json({"error": told.text}, told.status)

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> Response:
        return _json({"error": error.name}, error.code or 500)

    @app.errorhandler(RunError)
    def fail(error: RunError) -> Response:
        return _json({"error": str(error)}, 502)

    @app.errorhandler(Exception)
    def break_down(error: Exception) -> Response:
        # what is in it may be anybody's text: its kind and place are enough
        app.logger.error("%s %s: %s", request.method, request.path, type(error).__name__)
        return _json({"error": texts["broken"]}, 500)

    @contextmanager
    def one_of_few_writers() -> Iterator[None]:
        if not writers.acquire(timeout=5):
            raise Told(503, texts["busy"])
        try:
            yield
        finally:
            writers.release()

    @app.get("/")
    def page() -> str | Response:
        if g.visitor is None and not door.has_password:
            raise Told(401, texts["sign_in_first"])
        is_in = g.visitor is not None
        # who is not in is told nothing but how to come in
        zabbix_url = wall.zabbix_url if is_in else None
        config = {
            "texts": texts, "locale": wall.locale, "is_demo": wall.is_demo,
            "demo_token": wall.demo_token, "has_password": door.has_password, "is_in": is_in,
            "visitor": g.visitor or "", "old_seconds": OLD_SECONDS, "zabbix_url": zabbix_url,
            "can_comment": zabbix_url is not None,
            "trackers": sorted(wall.tickets.trackers) if is_in else [],
        }  # fmt: skip
        # a data block: nothing in it can end it
        data = orjson.dumps(config).decode()
        for character in "<>&\u2028\u2029":
            data = data.replace(character, f"\\u{ord(character):04x}")
        return render_template(
            "wall.html", locale=wall.locale, texts=texts, data=data, version=version
        )

    @app.get("/static/<version>/<name>")
    def file(version: str, name: str) -> Response:
        if name not in files:
            abort(404)
        response = Response(files[name], content_type=f"{KINDS[Path(name).suffix]}; charset=utf-8")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

    @app.get("/health")
    def health() -> Response:
        """For a monitoring of the wall: 503 where its figures are old."""
        age = wall.board.age()
        is_fresh = age is not None and age <= OLD_SECONDS
        return _json({"is_fresh": is_fresh}, 200 if is_fresh else 503)

    @app.get("/api/incidents")
    def incidents() -> Response:
        snapshot = wall.board.snapshot
        response = Response(content_type="application/json")
        response.set_etag(snapshot.etag, weak=True)
        if request.if_none_match.contains_weak(snapshot.etag):
            response.status_code = 304
        elif request.accept_encodings["gzip"]:
            response.data = snapshot.packed
            response.headers["Content-Encoding"] = "gzip"
        else:
            response.data = snapshot.body
        age = wall.board.age()
        # beside the body, so that a quiet board stays the same
        response.headers["X-Wall-Age"] = "" if age is None else str(age)
        response.headers["X-Wall-Now"] = str(int(wall.board.now()))
        response.headers["Cache-Control"] = "no-cache, private"
        response.headers["Vary"] = "Accept-Encoding"
        return response

    @app.post("/api/sign-in")
    def sign_in() -> Response:
        if not wall.signing_in.allows(request.remote_addr or ""):
            raise Told(429, texts["too_often"])
        if not door.is_right(_body().get("password")):
            raise Told(403, texts["wrong_password"])
        session.permanent = True
        session["is_in"] = True
        return _json({})

    @app.post("/api/sign-out")
    def sign_out() -> Response:
        session.clear()
        return _json({})

    @app.post("/api/comment")
    def comment() -> Response:
        body = _body()
        token = request.headers.get("X-Zabbix-Token", "")
        if wall.zabbix_url is None:
            raise Told(409, texts["no_zabbix"])
        if not (token.isalnum() and len(token) <= comments.LONGEST_TOKEN):
            raise Told(400, texts["no_token"])
        ids = body.get("ids")
        if not isinstance(ids, list) or not 0 < len(ids) <= comments.MOST_AT_ONCE:
            raise Told(400, texts["nothing_chosen"])
        there = wall.board.snapshot.incidents
        if not all(isinstance(each, str) and each in there for each in ids):
            raise Told(409, texts["not_open_any_more"])
        message, is_acknowledged = body.get("message"), body.get("acknowledge")
        if not isinstance(message, str) or not isinstance(is_acknowledged, bool):
            abort(400)
        message = message.replace("\0", "").strip()
        if len(message) > comments.LONGEST_MESSAGE or not (message or is_acknowledged):
            raise Told(400, texts["no_message"])
        with one_of_few_writers():
            comments.write(wall.zabbix_url, token, ids, message, is_acknowledged=is_acknowledged)
        wall.hurry()
        return _json({"count": len(ids)})

    def known(incident_id: object) -> dict[str, Any]:
        incident = wall.board.snapshot.incidents.get(str(incident_id))
        if incident is None:
            raise Told(409, texts["not_open_any_more"])
        return incident

    def draft_of(incident: dict[str, Any]) -> Draft:
        templates, problems = read_folder(wall.settings.wall_templates)
        wall.board.note("templates", "; ".join(problems) or None)
        address = wall.zabbix_url and (
            f"{wall.zabbix_url}/tr_events.php?triggerid={incident['trigger_id']}"
            f"&eventid={incident['id']}"
        )
        values = values_of(incident, locale=wall.locale, address=address)
        try:
            draft = draft_for(templates, values)
        except BadTemplateError as error:
            raise Told(409, str(error)) from None
        if draft is None:
            raise Told(409, "; ".join([texts["no_template"], *problems]))
        return draft

    @app.get("/api/ticket/<incident_id>")
    def ticket_draft(incident_id: str) -> Response:
        draft = draft_of(known(incident_id))
        if draft.tracker not in wall.tickets.trackers:
            raise Told(409, f"{texts['no_tracker']} ({draft.tracker})")
        return _json(
            {
                "template": draft.template, "title": TITLES[draft.tracker],
                "project": draft.project, "summary": draft.summary,
                "description": draft.description,
            }
        )  # fmt: skip

    @app.post("/api/ticket")
    def send_ticket() -> Response:
        body = _body()
        summary, description = body.get("summary"), body.get("description")
        if not isinstance(summary, str) or not isinstance(description, str):
            abort(400)
        summary = one_line(summary)[:LONGEST_SUMMARY]
        if not body["summary"].strip() or len(description) > LONGEST_TEXT:
            raise Told(400, texts["no_summary"])
        incident_id = str(body.get("id"))
        # tracker and project are the template's, whatever is sent
        draft = draft_of(known(incident_id))
        draft = Draft(
            draft.template, draft.tracker, draft.project, summary, description.replace("\0", "")
        )
        try:
            with one_of_few_writers():
                sent = wall.tickets.send(incident_id, draft)
        finally:
            wall.board.hurry()
        return _json({"ticket": sent.ticket, "url": sent.url, "is_new": sent.is_new})

    return app


def _who(visitor: str) -> str:
    return visitor or request.remote_addr or ""


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        abort(400)
    return body


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, content_type="application/json")
