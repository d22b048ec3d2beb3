"""A later version's API in front of a real Zabbix 6.0, which answers behind it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from demo.zabbix.dialect import Dialect, RefusedError
from demo.zabbix.real import RealZabbix


@dataclass
class Front:
    """Where it stands; the token is that of the Zabbix behind."""

    url: str
    token: str


@contextmanager
def in_front_of(zabbix: RealZabbix, version: str) -> Iterator[Front]:
    """A server that takes the words of `version` and asks 6.0 in its own."""
    dialect = Dialect(version)

    def respond(body: dict[str, Any], header: str) -> dict[str, Any]:
        try:
            call = dialect.admit(body, header, zabbix.token)
        except RefusedError as refused:
            return {"jsonrpc": "2.0", "error": refused.error, "id": body["id"]}
        if call["method"] == "apiinfo.version":
            return {"jsonrpc": "2.0", "result": version, "id": body["id"]}
        answer = requests.post(
            f"{zabbix.url}/api_jsonrpc.php", json={**call, "auth": zabbix.token}, timeout=60
        ).json()
        if "result" in answer:
            answer["result"] = dialect.answer(body, answer["result"])
        return answer

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802 (the library's name)
            bodies = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            header = self.headers.get("Authorization", "")
            if isinstance(bodies, list):
                answer: Any = [respond(body, header) for body in bodies]
            else:
                answer = respond(bodies, header)
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Front(f"http://127.0.0.1:{server.server_address[1]}", zabbix.token)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
