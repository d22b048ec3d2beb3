"""What leaves for the Sentry that SENTRY_DSN names, as the network shows it."""

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from conftest import PostgresServer, Project
from test_run import require_password

TOKEN = "perm:c2VjcmV0.token-that-must-not-leave"
PASSWORD = "pa55word-that-must-not-leave"
HOOK = "hook-that-must-not-leave"
KEY = "0123456789abcdef0123456789abcdef"
# what the SDK would add by itself
FORBIDDEN = {"vars", "request", "breadcrumbs", "extra", "server_name", "contexts", "modules"}


@dataclass
class Received:
    """One request as it came in, its body unpacked."""

    path: str
    headers: str
    body: bytes


class Loopback:
    """One server in three parts: a YouTrack that refuses every token, the hook, and Sentry."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                loopback.received.append(Received(self.path, str(self.headers), body))
                self.send_response(401 if "users/me" in self.path else 200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST = answer  # noqa: N815  (the library's names)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "YOUTRACK_URL": f"http://{self.host}",
            "YOUTRACK_TOKEN": TOKEN,
            "RUN_ALERT_WEBHOOK_URL": f"http://{self.host}/{HOOK}",
            "SENTRY_DSN": f"http://{KEY}@{self.host}/1",
            "PGPASSWORD": PASSWORD,
        }

    def events(self) -> list[dict[str, Any]]:
        """The events that Sentry was sent; an envelope is JSON line by line."""
        lines = [line for each in self.sentrys() for line in each.body.splitlines()]
        return [event for event in map(json.loads, lines) if "level" in event]

    def sentrys(self) -> list[Received]:
        return [each for each in self.received if each.path.startswith("/api/1/envelope")]

    def assert_discreet(self) -> None:
        """Sentry got no secret and nothing that may hold one; nobody else got Sentry's key."""
        for each in self.sentrys():
            for secret in (TOKEN, PASSWORD, HOOK):
                assert secret not in each.headers + each.body.decode()
            assert KEY not in each.body.decode()
            for line in each.body.splitlines():
                assert not FORBIDDEN & set(keys(json.loads(line)))
        for each in self.received:
            if each not in self.sentrys():
                assert KEY not in each.headers + each.body.decode(), each.path


def keys(document: Any) -> Iterator[str]:
    """Every key of a JSON document, however deep."""
    if isinstance(document, dict):
        yield from document
    if isinstance(document, dict | list):
        for each in document.values() if isinstance(document, dict) else document:
            yield from keys(each)


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    running = Loopback()
    yield running
    running.stop()


def test_a_refused_token_is_reported_without_a_secret(
    server: PostgresServer, project: Project, database: str, loopback: Loopback
) -> None:
    require_password(server, "reported", PASSWORD)
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("alter role reported superuser")
    environment = {
        **server.environment(database),
        **loopback.environment,
        "PGUSER": "reported",
    }
    completed = project.run("run", environment=environment)
    assert completed.returncode == 3, completed.stderr[-2000:]
    assert any("YouTrack refuses the token" in event["message"] for event in loopback.events())
    loopback.assert_discreet()


def test_a_database_that_is_down_is_reported_without_a_secret(
    project: Project, loopback: Loopback
) -> None:
    environment = {**loopback.environment, "PGHOST": "127.0.0.1", "PGPORT": "9"}
    completed = project.run("run", environment=environment)
    assert completed.returncode == 4, completed.stderr[-2000:]
    assert any("PGHOST and PGPORT" in event["message"] for event in loopback.events())
    loopback.assert_discreet()


def test_a_dsn_that_is_none_is_named_and_not_shown(
    server: PostgresServer, project: Project, database: str, loopback: Loopback
) -> None:
    environment = {
        **server.environment(database),
        **loopback.environment,
        "SENTRY_DSN": f"{KEY} without an address",
    }
    completed = project.run("run", environment=environment)
    assert completed.returncode == 78, completed.stderr[-2000:]
    assert "SENTRY_DSN" in completed.stderr
    assert KEY not in completed.stdout + completed.stderr
