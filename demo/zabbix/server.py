"""The simulated Zabbix over HTTP.

    from demo.company import Company
    from demo.zabbix.server import start

    with start(Company(issues=300, seed=7, today="2026-06-01")) as server:
        server.url, server.token
        server.dialect = Dialect("7.2.1")                   # 6.0.14 without it
        monitoring = server.monitoring                      # problem, recover, acknowledge, …
        monitoring.problem(next(iter(monitoring.triggers.values())))
        server.fault("status", "event.get", status=500)     # faults go by the names of methods

Switches besides those of every server (`demo.serving.Server`): `dialect`; `calls` (set it to []
to record method and parameters of each call); `api.most_rows` (more are HTTP 500, as where PHP's
memory ends).
"""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Response, request

from demo import faults, serving
from demo.company import Company
from demo.serving import json_answer
from demo.zabbix.api import Api, Json, NoPermissionError, TooMuchError, UnknownMethodError
from demo.zabbix.dialect import Dialect, RefusedError
from demo.zabbix.story import tell

TOKEN = "0123456789abcdef" * 4  # noqa: S105 - of a simulated server on loopback
VERSION = "6.0.14"
API = "/api_jsonrpc.php"


class Server(serving.Server):
    """A simulated Zabbix, with the switches that only it has."""

    title = "Zabbix"

    def __init__(
        self, company: Company, token: str, latency_ms: float, incidents: int | None
    ) -> None:
        super().__init__(company, token, latency_ms)
        self.monitoring = tell(company, incidents)
        self.api = Api(self.monitoring)
        self.dialect = Dialect(VERSION)
        # of people: token → user id; the server's own is that of user 1, who only reads
        self.viewers: dict[str, int] = {}
        self.calls: list[tuple[str, Json]] | None = None

    @property
    def content(self) -> str:
        return f"{len(self.monitoring.hosts)} hosts, {len(self.monitoring.events)} events"

    def failure(self, status: int, *, retry_after: str | None = None) -> Response:
        """What PHP and the server before it answer: a status and nothing else."""
        response = Response(b"", status, content_type="text/html; charset=UTF-8")
        if retry_after is not None:
            response.headers["Retry-After"] = retry_after
        return response

    def authorise(self) -> Response | None:
        """Each call of a request says for itself who asks."""
        return None

    def place(self) -> str:
        """The methods that are called, since all of them have one path."""
        bodies = request.get_json(silent=True) or []
        bodies = bodies if isinstance(bodies, list) else [bodies]
        return ",".join(str(body.get("method")) for body in bodies) or request.path

    def respond(self, bodies: Json | list[Json]) -> Any:
        """The answers to a request's calls, one or several."""
        if isinstance(bodies, list):
            return [self._respond(body) for body in bodies]
        return self._respond(bodies)

    def _respond(self, body: Json) -> Json:
        answer: Json = {"jsonrpc": "2.0"}
        try:
            header = request.headers.get("Authorization", "")
            call = self.dialect.admit(body, header, self.token, *self.viewers)
            user = self.viewers.get(self.dialect.given(body, header), 1)
            if self.calls is not None:
                self.calls.append((body["method"], body.get("params") or {}))
            if call["method"] == "apiinfo.version":
                answer["result"] = self.dialect.version
            else:
                with self.tracker.lock:
                    result = self.api.answer(call["method"], call["params"], user)
                answer["result"] = self.dialect.answer(body, result)
        except RefusedError as refused:
            answer["error"] = refused.error
        except NoPermissionError:
            data = "No permissions to referred object or it does not exist!"
            answer["error"] = {"code": -32500, "message": "Application error.", "data": data}
        except UnknownMethodError as unknown:
            data = f'Incorrect API "{str(unknown).partition(".")[0]}".'
            answer["error"] = {"code": -32601, "message": "Method not found.", "data": data}
        return {**answer, "id": body.get("id")}


def _application(server: Server) -> Flask:
    app = Flask(__name__, static_folder=None)

    @app.post(API)
    def respond() -> Response:
        try:
            return json_answer(json.dumps(server.respond(request.get_json()), ensure_ascii=False))
        except TooMuchError:
            return server.failure(500)

    @app.errorhandler(404)
    def elsewhere(_: Exception) -> Response:
        """The frontend's page, whatever is asked for."""
        return faults.html()

    return app


def start(
    company: Company, port: int = 0, token: str = TOKEN, latency_ms: float = 0, threads: int = 4,
    incidents: int | None = None,
) -> Server:  # fmt: skip
    """Serve the monitoring of `company` in the background on 127.0.0.1; port 0: a free one."""
    server = Server(company, token, latency_ms, incidents)
    return server.listen(_application(server), port, threads)
