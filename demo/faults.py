"""Faults that tests switch on: what a network, a proxy or an unlucky tracker does to an answer."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import Response, request

ACTIONS = frozenset({
    "status", "reset", "close", "truncate", "stall", "html", "redirect", "guest", "ignore_query",
    "empty", "cap", "unknown_type", "rewrite", "call",
})  # fmt: skip


@dataclass
class Fault:
    """One rule: requests whose path matches, from the `first`-th on (1 = the next), `count` times.

    action: `status` (with `status`, `retry_after`) · `reset` (RST after half of the body) ·
    `close` (the connection closes before any answer) · `truncate` (a complete HTTP answer whose
    JSON is cut) · `stall` (`seconds`, then the answer) · `html` · `redirect` (`location`) ·
    `guest` · `ignore_query` · `empty` · `cap` (`cap` rows whatever `$top` says) · `unknown_type`
    (one more activity of an undeclared `$type`) · `rewrite` (`change`: the decoded answer → what
    is sent) · `call` (`change()` runs before the answer is made: an edit between two pages).
    """

    action: str
    path: str = r".*"
    first: int = 1
    count: int | None = 1
    status: int = 503
    retry_after: str | None = None
    seconds: float = 0.0
    location: str = "http://elsewhere.invalid/api"
    cap: int = 50
    change: Callable[..., Any] | None = None
    seen: int = 0
    hits: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"unknown fault {self.action!r}")

    def applies(self, path: str) -> bool:
        if not re.search(self.path, path):
            return False
        with self._lock:
            self.seen += 1
            position = self.seen - self.first
            hit = position >= 0 and (self.count is None or position < self.count)
            self.hits += hit
            return hit


def before(
    stopping: threading.Event, faults: Iterable[Fault], failure: Callable[..., Response]
) -> Response | None:
    """What happens to the request before it is understood; a response ends it."""
    for fault in faults:
        if fault.action == "stall":
            stopping.wait(fault.seconds)
        elif fault.action == "call" and fault.change is not None:
            fault.change()
        elif fault.action == "status":
            return failure(fault.status, retry_after=fault.retry_after)
        elif fault.action == "html":
            return html()
        elif fault.action == "redirect":
            return Response(status=302, headers={"Location": fault.location + request.full_path})
        elif fault.action == "close":
            channel = request.environ["demo.channel"]
            _rst_on_close(channel.socket)
            channel.socket.shutdown(socket.SHUT_RDWR)
            return Response(b"", 200)
    return None


def after(faults: Iterable[Fault], response: Response) -> Response:
    """What happens to the bytes of the answer."""
    for fault in faults:
        if fault.action == "reset":
            response = _half(response.get_data(), request.environ["demo.channel"].socket)
        elif fault.action == "truncate":
            body = response.get_data()
            response.set_data(body[: len(body) * 2 // 3])
        elif fault.action in ("rewrite", "unknown_type", "cap", "empty"):
            decoded = json.loads(response.get_data())
            response.set_data(json.dumps(_rewritten(fault, decoded), ensure_ascii=False).encode())
    return response


def _rewritten(fault: Fault, decoded: Any) -> Any:
    if fault.action == "rewrite" and fault.change is not None:
        return fault.change(decoded)
    paged = isinstance(decoded, dict) and "activities" in decoded
    rows = decoded["activities"] if paged else decoded
    if not isinstance(rows, list):
        return decoded
    if fault.action == "empty":
        rows = []
        if paged:
            decoded |= {"hasAfter": False, "hasBefore": False, "afterCursor": None}
    elif fault.action == "cap":
        rows = rows[: fault.cap]
    elif rows:
        unknown = {"id": "0-0.99-1", "$type": "CommentReactionActivityItem"}
        rows = [*rows, rows[-1] | unknown]
    if not paged:
        return rows
    decoded["activities"] = rows
    return decoded


def _half(body: bytes, connection: socket.socket) -> Response:
    """Declare the whole length, send half, and let the socket die with an RST.

    waitress closes a connection whose application sent less than it declared.
    """

    def part() -> Iterator[bytes]:
        _rst_on_close(connection)
        yield body[: len(body) // 2]

    response = Response(part(), content_type="application/json;charset=utf-8")
    response.headers["Content-Length"] = str(max(len(body), 2))
    return response


def _rst_on_close(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def html() -> Response:
    """The page of the web interface, which every path outside the API answers with 200."""
    return Response(
        '<!DOCTYPE html><html><head><title>Sign in</title></head><body><div id="app"></div>'
        "</body></html>",
        200, content_type="text/html;charset=utf-8",
    )  # fmt: skip
