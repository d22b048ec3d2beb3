"""Trackers that take tickets, over real HTTP, with what a network does to an answer."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

TOKEN = "perm:may-create.tickets"


@dataclass
class Tracker:
    """What it holds, and how it answers a request that makes a ticket.

    `way`: well; lost (it is made, and the answer never comes); broken (500, nothing made); slow;
    refuse (400); late (made only after `seconds`, the connection broken before).
    """

    url: str = ""
    tickets: list[dict[str, Any]] = field(default_factory=list)
    way: str = "well"
    seconds: float = 0.3
    is_blind: bool = False
    posts: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def make(self, ticket: dict[str, Any]) -> dict[str, Any]:
        with self._making:
            made = {**ticket, "number": len(self.tickets) + 1}
            self.tickets.append(made)
            return made


@contextmanager
def youtrack() -> Iterator[Tracker]:
    def respond(handler: Any, tracker: Tracker, method: str, path: str, body: Any) -> None:
        if path == "/api/admin/projects/OPS":
            handler.answer(200, {"id": "0-7", "shortName": "OPS"})
        elif path == "/api/issues" and method == "POST":
            assert body["project"] == {"id": "0-7"}
            handler.make({"summary": body["summary"], "description": body["description"]}, shown)
        elif path == "/api/issues":
            handler.answer(200, [shown(each) for each in reversed(tracker.tickets)])
        else:
            handler.answer(404, {"error": "Not Found", "error_description": "no such thing"})

    def shown(ticket: dict[str, Any]) -> dict[str, Any]:
        number = ticket["number"]
        return {"id": f"2-{number}", "idReadable": f"OPS-{number}",
                "description": ticket["description"]}  # fmt: skip

    yield from _serve(respond)


@contextmanager
def yandex_tracker() -> Iterator[Tracker]:
    def respond(handler: Any, tracker: Tracker, method: str, path: str, body: Any) -> None:
        if path == "/v3/issues/":
            if any(each["unique"] == body["unique"] for each in tracker.tickets):
                handler.answer(409, {"errorMessages": ["есть уже"], "statusCode": 409})
                return
            handler.make(body, shown, status=201)
        elif path == "/v3/issues/_search":
            assert body["filter"] == {"queue": "OPS"}
            handler.answer(200, [shown(each) for each in reversed(tracker.tickets)])
        else:
            handler.answer(404, {"errorMessages": ["нет"], "statusCode": 404})

    def shown(ticket: dict[str, Any]) -> dict[str, Any]:
        return {"key": f"OPS-{ticket['number']}", "description": ticket["description"]}

    yield from _serve(respond)


def _serve(respond: Any) -> Iterator[Tracker]:
    tracker = Tracker()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 (the library's name)
            self._answer("GET", None)

        def do_POST(self) -> None:  # noqa: N802
            length = int(self.headers.get("Content-Length") or 0)
            self._answer("POST", json.loads(self.rfile.read(length) or b"null"))

        def _answer(self, method: str, body: Any) -> None:
            tracker.headers.append(dict(self.headers))
            path = urlsplit(self.path).path
            if tracker.is_blind and path.endswith("issues") and method == "GET":
                self.answer(503, {})
                return
            respond(self, tracker, method, path, body)

        def make(self, ticket: dict[str, Any], shown: Any, status: int = 200) -> None:
            tracker.posts += 1
            if tracker.way == "broken":
                self.answer(500, {})
            elif tracker.way == "refuse":
                self.answer(400, {"error_description": "A field is required"})
            elif tracker.way == "late":
                self.close_connection = True
                threading.Timer(tracker.seconds, tracker.make, args=(ticket,)).start()
                self.connection.close()
            else:
                made = tracker.make(ticket)
                if tracker.way == "lost":
                    self.close_connection = True
                    self.connection.close()
                    return
                if tracker.way == "slow":
                    time.sleep(tracker.seconds)
                self.answer(status, shown(made))

        def answer(self, status: int, value: Any) -> None:
            content = json.dumps(value).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                pass  # nobody waits any more

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

        def finish(self) -> None:
            # broken on purpose
            with suppress(OSError, ValueError):
                super().finish()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    tracker.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield tracker
    finally:
        server.shutdown()
        server.server_close()
