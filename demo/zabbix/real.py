"""A real Zabbix 6.0 of Debian's packages, for tests and benchmarks: up in seconds, gone after.

    with running() as zabbix:
        zabbix.url, zabbix.token                            # of a user who may read
        zabbix.call("host.create", {…})                     # as an administrator
        zabbix.send("host", "key", "60")                    # a value, as an agent would

Its PostgreSQL, its server and its frontend are processes of their own on loopback and on sockets in
a temporary folder; nothing of the system's configuration is read or written. Of Zabbix's 129,000
rows of first data those stay away that are templates: 20 s.
"""

from __future__ import annotations

import gzip
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

SERVER = Path("/usr/sbin/zabbix_server")
FRONTEND = Path("/usr/share/zabbix")
DATA = Path("/usr/share/zabbix-server-pgsql")
POSTGRESQL = Path("/usr/lib/postgresql")
PACKAGES = (
    "zabbix-server-pgsql", "zabbix-frontend-php", "zabbix-agent", "php-cli", "php-pgsql",
    "postgresql",
)  # fmt: skip

# without these there is no user, no role and no setting
_FIRST_ROWS = (
    "role", "role_rule", "users", "usrgrp", "users_groups", "hstgrp", "config",
    "config_autoreg_tls", "regexps", "expressions", "globalmacro", "graph_theme",
)  # fmt: skip
_READER = "reader"
_PASSWORD = "Ein-Wort-47"  # noqa: S105 - of a server on loopback that lives for a minute

# the least that runs; a new item takes values after a second
_SETTINGS = """
ListenIP=127.0.0.1
ListenPort={port}
DBHost={folder}
DBName=zabbix
DBUser=postgres
LogFile={folder}/server.log
PidFile={folder}/server.pid
SocketDir={folder}
StartPollers=1
StartPollersUnreachable=1
StartPreprocessors=1
StartTrappers=2
StartPingers=0
StartDiscoverers=0
StartHTTPPollers=0
StartTimers=1
StartEscalators=1
StartAlerters=1
StartDBSyncers=1
StartLLDProcessors=1
StartODBCPollers=0
StartHistoryPollers=1
StartReportWriters=0
CacheUpdateFrequency=1
HousekeepingFrequency=0
AllowUnsupportedDBVersions=1
"""
_FRONTEND_SETTINGS = """<?php
global $DB;
$DB['TYPE'] = 'POSTGRESQL';
$DB['SERVER'] = '{folder}';
$DB['PORT'] = '0';
$DB['DATABASE'] = 'zabbix';
$DB['USER'] = 'postgres';
$DB['PASSWORD'] = '';
$DB['DOUBLE_IEEE754'] = true;
$ZBX_SERVER_NAME = 'test';
"""


def what_is_missing() -> str | None:
    """Why there can be no real Zabbix here; None where there can."""
    tools = {"zabbix_sender", "php"}
    there = [SERVER.exists(), FRONTEND.exists(), *(shutil.which(tool) for tool in tools)]
    if all(there) and _postgresql():
        return None
    return f"a real Zabbix needs Debian's packages {' '.join(PACKAGES)}"


def _postgresql() -> Path | None:
    return max(POSTGRESQL.glob("*/bin"), default=None)


class RealZabbix:
    """A running Zabbix."""

    def __init__(self, folder: Path, api_port: int, server_port: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{api_port}"
        self.token = ""
        self._server_port = server_port
        self._session: str | None = None

    def log_in(self) -> None:
        """As the administrator that every new Zabbix has."""
        self._session = self.call("user.login", {"username": "Admin", "password": "zabbix"})

    def call(self, method: str, params: Any) -> Any:
        """The result of a call by the administrator. Raises RuntimeError with Zabbix's words."""
        body: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        if self._session:
            body["auth"] = self._session
        answer = requests.post(f"{self.url}/api_jsonrpc.php", json=body, timeout=60).json()
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def send(self, host: str, key: str, value: str, clock: int | None = None) -> None:
        """A value of a trapper item. Waits until the server knows the item."""
        command = ["zabbix_sender", "-z", "127.0.0.1", "-p", str(self._server_port)]
        line = f'"{host}" {key} "{value}"\n'
        if clock is not None:
            command.append("-T")
            line = f'"{host}" {key} {clock} "{value}"\n'

        def is_taken() -> bool:
            said = subprocess.run(  # noqa: S603
                [*command, "-i", "-"], input=line, capture_output=True, text=True, check=False
            )
            return "failed: 0" in said.stdout

        wait_for(is_taken, f"{host} takes no {key}")

    def events(self, **params: Any) -> list[dict[str, Any]]:
        """The events of triggers, oldest id first."""
        return self.call(
            "event.get",
            {"source": 0, "object": 0, "output": "extend", "sortfield": ["eventid"], **params},
        )

    def wait_for_events(self, number: int, **params: Any) -> list[dict[str, Any]]:
        """So many events, as soon as there are so many."""
        found: list[dict[str, Any]] = []

        def are_there() -> bool:
            found[:] = self.events(**params)
            return len(found) >= number

        wait_for(are_there, f"there are not {number} events")
        return found

    def execute(self, statement: str) -> str:
        """SQL in Zabbix's own database, for what no call can do."""
        return _run("psql", self.folder, "-h", str(self.folder), "-U", "postgres", "-v",
                    "ON_ERROR_STOP=1", "-Atqc", statement, "zabbix")  # fmt: skip

    def add_reader(self, groups: list[str]) -> None:
        """A user who may read these host groups and nothing else, and the user's token."""
        rights = [{"id": group, "permission": 2} for group in groups]
        made = self.call("usergroup.create", {"name": _READER, "rights": rights})
        user = self.call(
            "user.create",
            {"username": _READER, "passwd": _PASSWORD, "roleid": "1", "name": "Given",
             "surname": "Family", "usrgrps": [{"usrgrpid": made["usrgrpids"][0]}]},
        )  # fmt: skip
        token = self.call("token.create", {"name": _READER, "userid": user["userids"][0]})
        self.token = self.call("token.generate", token["tokenids"])[0]["token"]


@contextmanager
def running() -> Iterator[RealZabbix]:
    """A new and empty Zabbix while the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="zbx-"))
    if _user():
        shutil.chown(folder, _user())
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        _start_postgresql(folder, stack)
        _fill(folder)
        zabbix = RealZabbix(folder, _free_port(), server_port := _free_port())
        settings = folder / "server.conf"
        settings.write_text(_SETTINGS.format(folder=folder, port=server_port))
        server = _start([str(SERVER), "-f", "-c", str(settings)], folder, stack)
        _start(_frontend(zabbix), folder, stack)
        wait_for(lambda: _answers(zabbix), "the frontend does not answer")
        if server.poll() is not None:
            raise RuntimeError(f"zabbix_server ended with {server.returncode}, see its log")
        zabbix.log_in()
        yield zabbix


def wait_for(is_so: Any, otherwise: str, seconds: float = 60) -> None:
    """Ask again and again. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(f"{otherwise} after {seconds:g} s")
        time.sleep(0.1)


def _user() -> str | None:
    """Neither PostgreSQL nor Zabbix runs as root."""
    return "postgres" if os.geteuid() == 0 else None


def _run(program: str, folder: Path, *arguments: str, given: str | None = None) -> str:
    tool = (_postgresql() or Path()) / program
    return subprocess.run(  # noqa: S603
        [str(tool), *arguments],
        user=_user(), cwd=folder, input=given, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def _start_postgresql(folder: Path, stack: ExitStack) -> None:
    data = str(folder / "data")
    _run("initdb", folder, "-D", data, "-U", "postgres", "--auth", "trust", "-E", "UTF8",
         "--no-locale", "--no-sync")  # fmt: skip
    options = (
        f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off "
        "-c synchronous_commit=off -c full_page_writes=off -c shared_buffers=64MB"
    )
    # what pg_ctl leaves running must not hold our pipe
    subprocess.run(  # noqa: S603
        [str((_postgresql() or Path()) / "pg_ctl"), "start", "-w", "-D", data, "-l",
         str(folder / "postgresql.log"), "-o", options],
        user=_user(), cwd=folder, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    stack.callback(_run, "pg_ctl", folder, "stop", "-w", "-m", "immediate", "-D", data)


def _fill(folder: Path) -> None:
    """Zabbix's tables, and the few rows that it cannot be without."""
    with gzip.open(DATA / "schema.sql.gz", "rt", encoding="utf-8") as file:
        schema = file.read()
    wanted = re.compile(rf"INSERT INTO ({'|'.join(_FIRST_ROWS)}) ")
    with gzip.open(DATA / "data.sql.gz", "rt", encoding="utf-8") as file:
        rows = "".join(line for line in file if wanted.match(line))
    _run("createdb", folder, "-h", str(folder), "-U", "postgres", "zabbix")
    _run("psql", folder, "-h", str(folder), "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-q", "-1",
         "zabbix", given=schema + rows)  # fmt: skip


def _frontend(zabbix: RealZabbix) -> list[str]:
    """A copy of the PHP, because the place of its settings is a constant there."""
    copy = zabbix.folder / "frontend"
    left_out = shutil.ignore_patterns("assets", "audio", "fonts", "locale")
    shutil.copytree(FRONTEND, copy, ignore=left_out, ignore_dangling_symlinks=True)
    settings = zabbix.folder / "zabbix.conf.php"
    settings.write_text(_FRONTEND_SETTINGS.format(folder=zabbix.folder))
    constant = copy / "include" / "classes" / "core" / "CConfigFile.php"
    text = constant.read_text()
    constant.write_text(text.replace("'/etc/zabbix/zabbix.conf.php'", f"'{settings}'"))
    port = zabbix.url.rpartition(":")[2]
    return [
        "php", "-d", "memory_limit=256M", "-d", "max_execution_time=300", "-d",
        "post_max_size=16M", "-d", "date.timezone=UTC", "-d", "display_errors=0", "-S",
        f"127.0.0.1:{port}", "-t", str(copy),
    ]  # fmt: skip


def _start(command: list[str], folder: Path, stack: ExitStack) -> subprocess.Popen[bytes]:
    """A process group of its own, so that all of it can be ended."""
    process = subprocess.Popen(  # noqa: S603
        command, user=_user(), cwd=folder, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    stack.callback(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """The first process ends those that it started; what is left of them is killed."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _answers(zabbix: RealZabbix) -> bool:
    with suppress(requests.RequestException, ValueError):
        return bool(zabbix.call("apiinfo.version", {}))
    return False


def _free_port() -> int:
    """One that Zabbix's server takes: it refuses those above 32767, which the system gives."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as listening, suppress(OSError):
            listening.bind(("127.0.0.1", port))
            return port
