"""ClickHouse's real engine behind the part of its HTTP interface that clients use.

One chDB session, one statement at a time, on loopback. There are no grants, no cluster and no
native port; a user is a name with a password.
"""

import base64
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest


def with_engine(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that needs the engine, which is half a gigabyte."""
    skipped = pytest.mark.skipif(
        not find_spec("chdb"),
        reason="chdb-core is not installed: pip install -r requirements-clickhouse-engine.txt",
    )
    return pytest.mark.chdb(skipped(test))


USER, PASSWORD = "publisher", "s3cret'ключ&x"


class Engine(ThreadingHTTPServer):
    """The server; `url` is its address, `statements` all that it was asked."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        from chdb import session

        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.statements: list[str] = []
        # after so many bytes of a body the connection breaks
        self.breaks_after: int | None = None
        self.version: str | None = None
        self._session = session.Session(str(folder))
        self._one_at_a_time = threading.Lock()

    def ask(self, statement: str, body: bytes = b"", given: dict[str, str] | None = None) -> bytes:
        """The answer to a statement; raises RuntimeError with ClickHouse's words."""
        given = given or {}
        with self._one_at_a_time, tempfile.NamedTemporaryFile() as file:
            self.statements.append(statement)
            self._run(f"USE `{given.get('database', 'default')}`")
            for name in ("async_insert", "input_format_null_as_default"):
                self._run(f"SET {name} = {given.get(name, '1')}")
            if body:
                file.write(body)
                file.flush()
                statement = statement.replace(" FORMAT ", f" FROM INFILE '{file.name}' FORMAT ")
            answer = self._run(statement, given.get("default_format", "TabSeparated"))
            if self.version and "version()" in statement:
                return f"{self.version}\tUTC\n".encode()
            return answer

    def _run(self, statement: str, answer_format: str = "TabSeparated") -> bytes:
        return self._session.query(statement, answer_format).bytes()

    def handle_error(self, *_: Any) -> None:
        """A client that left is no news."""

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self._session.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Engine

    def do_GET(self) -> None:  # noqa: N802  (the base class's name)
        self._answer(200, b"Ok.\n")  # /ping

    def do_POST(self) -> None:  # noqa: N802
        given = dict(parse_qsl(urlsplit(self.path).query))
        body = b"".join(self._pieces())
        statement = given.pop("query", None)
        if statement is None:
            statement, body = body.decode(), b""
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {wanted}":
            self._answer(403, b"Code: 516. DB::Exception: Authentication failed", "516")
            return
        try:
            self._answer(200, self.server.ask(statement, body, given))
        except RuntimeError as error:
            code = re.search(r"Code: (\d+)", str(error))
            self._answer(500, str(error).encode(), code[1] if code else "1002")

    def _pieces(self) -> Iterator[bytes]:
        """The request's body, whole or in chunks."""
        taken = 0
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
            taken += size
            if self.server.breaks_after is not None and taken > self.server.breaks_after:
                self.connection.close()
                raise ConnectionAbortedError
        self.rfile.readline()

    def _answer(self, status: int, body: bytes, error: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if error:
            self.send_header("X-ClickHouse-Exception-Code", error)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running(folder: Path) -> Iterator[Engine]:
    """The engine with its data in `folder`; one a process."""
    engine = Engine(folder)
    threading.Thread(target=engine.serve_forever, daemon=True).start()
    yield engine
    engine.close()
