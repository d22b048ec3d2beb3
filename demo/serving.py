"""What the simulated trackers share over HTTP: a waitress server on loopback that can be disturbed.

A subclass names its tracker, answers what it refuses in that tracker's words, and routes its paths.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Any, TypeVar

import waitress
from flask import Flask, Response, g, request
from waitress.channel import HTTPChannel
from waitress.task import WSGITask

from demo import faults as fault_actions
from demo.faults import Fault
from demo.tracker import Tracker

Served = TypeVar("Served", bound="Server")


@dataclass
class Stats:
    """What the server did; `seconds` is processor time of answering, without latency or stalls."""

    requests: int = 0
    seconds: float = 0.0
    bytes: int = 0
    paths: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    tops: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, path: str, status: int, seconds: float, size: int, top: str) -> None:
        with self._lock:
            self.requests += 1
            self.seconds += seconds
            self.bytes += size
            self.paths[path] += 1
            self.statuses[status] += 1
            self.tops[path, top] += 1

    def reset(self) -> None:
        with self._lock:
            self.requests, self.seconds, self.bytes = 0, 0.0, 0
            for counter in (self.paths, self.statuses, self.tops):
                counter.clear()

    def as_dict(self) -> dict[str, Any]:
        with self._lock:
            return {
                "requests": self.requests, "seconds": round(self.seconds, 6), "bytes": self.bytes,
                "paths": dict(self.paths),
                "statuses": {str(status): n for status, n in self.statuses.items()},
                "process_seconds": time.process_time(),
            }  # fmt: skip


class Server:
    """A running server. Everything that tests turn is an attribute; changes act at once."""

    title = ""
    # the parameters that ask for a number of rows
    row_parameters: tuple[str, ...] = ()

    def __init__(self, tracker: Tracker, token: str, latency_ms: float) -> None:
        self.tracker = tracker
        self.token = token
        self.latency_ms = latency_ms
        self.faults: list[Fault] = []
        self.stats = Stats()
        self.requests: list[str] | None = None
        self.stopping = threading.Event()

    def failure(self, status: int, *, retry_after: str | None = None) -> Response:
        """An error in the words of the tracker."""
        raise NotImplementedError

    def authorise(self) -> Response | None:
        """The answer to a request that does not say who asks; None for one that does."""
        raise NotImplementedError

    def place(self) -> str:
        """What a fault's path is looked for in."""
        return request.path

    @property
    def content(self) -> str:
        """What there is to be read, in words."""
        return f"{len(self.tracker.issues)} issues, {len(self.tracker.log)} activities"

    def path_of(self, rule: str) -> str:
        """The route as the statistics count it."""
        return rule

    def listen(self: Served, app: Flask, port: int, threads: int) -> Served:
        """Serve `app` in the background on 127.0.0.1; port 0 takes a free one."""
        logging.getLogger("waitress").setLevel(logging.ERROR)
        self.app = app
        self._disturb(app)
        self._waitress = waitress.create_server(
            app, host="127.0.0.1", port=port, threads=threads, ident=self.title,
            outbuf_overflow=64 << 20, channel_timeout=600, log_socket_errors=False,
            clear_untrusted_proxy_headers=True,
        )  # fmt: skip
        self._waitress.channel_class = Channel
        self.port: int = self._waitress.effective_port
        self._thread = threading.Thread(target=self._serve, daemon=True, name="demo-server")
        self._thread.start()
        return self

    def _disturb(self, app: Flask) -> None:
        """Latency, faults, the log of requests and the statistics, around every answer."""

        @app.before_request
        def receive() -> Response | None:
            g.started = time.thread_time()
            if self.requests is not None:
                self.requests.append(f"{request.method} {request.full_path.rstrip('?')}")
            g.faults = [rule for rule in self.faults if rule.applies(self.place())]
            for rule in g.faults:
                if rule.action in ("guest", "ignore_query"):
                    setattr(g, rule.action, True)
            if self.latency_ms:
                self.stopping.wait(self.latency_ms / 1000)
            return fault_actions.before(self.stopping, g.faults, self.failure) or self.authorise()

        @app.after_request
        def finish(response: Response) -> Response:
            if g.faults:
                response = fault_actions.after(g.faults, response)
            spent = time.thread_time() - g.started
            rule = self.path_of(str(request.url_rule or request.path))
            top = next(filter(None, map(request.args.get, self.row_parameters)), "")
            self.stats.count(rule, response.status_code, spent, response.content_length or 0, top)
            return response

        @app.get("/demo/stats")
        def stats() -> Response:
            """No tracker's: the server's own time, for a benchmark in another process."""
            return json_answer(json.dumps(self.stats.as_dict()))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def access(self) -> str:
        """What a client must be given besides the address, in words."""
        return f"token {self.token}"

    def _serve(self) -> None:
        """waitress's own `run` has no end: one turn of its loop at a time, then close all."""
        sockets = self._waitress._map
        while not self.stopping.is_set():
            self._waitress.asyncore.loop(timeout=1, map=sockets, use_poll=True, count=1)
        self._waitress.task_dispatcher.shutdown(timeout=1)
        self._waitress.asyncore.close_all(sockets, ignore_all=True)

    def stop(self) -> None:
        self.stopping.set()
        # the loop may see `stopping` and close its trigger before it is pulled
        with contextlib.suppress(OSError):
            self._waitress.pull_trigger()
        self._thread.join(5)

    def __enter__(self: Served) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fault(self, action: str, path: str = r".*", **options: Any) -> Fault:
        """Add a rule and return it, so that a test can look at its `hits`."""
        rule = Fault(action, path, **options)
        self.faults.append(rule)
        return rule


class Channel(HTTPChannel):
    """A waitress channel that lets the application break its connection on purpose."""

    class task_class(WSGITask):  # noqa: N801 - waitress looks for this name
        def get_environment(self) -> dict[str, Any]:
            return {**super().get_environment(), "demo.channel": self.channel}


class Refused(Exception):  # noqa: N818 - an answer, not an error of this program
    """Ends a request with an error answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def remember(cache: OrderedDict[Any, Any], key: Any, value: Any, most: int) -> None:
    cache[key] = value
    while len(cache) > most:
        cache.popitem(last=False)


def json_answer(text: str) -> Response:
    return Response(
        text.encode(), 200, content_type="application/json;charset=utf-8",
        headers={"Cache-Control": "no-cache, no-store, no-transform, must-revalidate"},
    )  # fmt: skip
