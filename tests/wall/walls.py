"""For the tests of the wall: a database with open incidents, a wall over it, its page in a browser.

The incidents stand in a table with the columns of `fct_open_incidents`, so that a test says what
burns in one line; that dbt's view has these columns, test_wall_marts.py shows.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import waitress
from conftest import PostgresServer

from pipeline.database import Database
from wall.app import Wall, make_app
from wall.board import Board
from wall.settings import WallSettings
from wall.tickets import Tickets

COLUMNS = """
    incident_id text primary key, source text default 'zabbix', trigger_id text default '20001',
    trigger_name text default 'Service is down', host text default 'srv-1',
    host_group text default 'Services/Mobile',
    host_groups text default 'Services/Mobile, Racks/DC-1', site text default 'DC-1',
    rack text default 'A-01', position text default '(none)', service text default 'Mobile',
    severity integer default 4, severity_name text default 'High',
    severity_name_ru text default 'Высокая', started_at timestamptz default now(),
    acknowledged_at timestamptz, is_acknowledged boolean default false,
    acknowledged_by text default '(none)', last_comment text default '(none)',
    last_comment_at timestamptz, is_suppressed boolean default false,
    ticket text default '(none)', ticket_url text default '(none)',
    seen_at timestamptz default now(), loaded_at timestamptz default now()
"""
TABLES = f"""
    create schema if not exists marts;
    create schema if not exists ops;
    create schema if not exists raw_zabbix;
    create table marts.fct_open_incidents ({COLUMNS});
    create table marts.agg_incident_heat (place_kind text, place text);
    create table marts.fct_incidents (site text, rack text);
    create table raw_zabbix.hosts (hostid bigint, seen_at timestamptz);
    create table ops.watch (source text primary key, read_at timestamptz, trouble text,
        trouble_since timestamptz);
    insert into ops.watch values ('zabbix', now());
    create table if not exists ops.tickets (
        incident_id text primary key, source text not null, tracker text not null,
        project text not null, summary text not null,
        state text not null check (state in ('sending', 'sent', 'doubtful', 'failed')),
        ticket text, ticket_url text, error text, requested_at timestamptz not null,
        settled_at timestamptz
    );
"""


@dataclass
class House:
    """A database of a wall, and what happens in it."""

    connection: Any
    database: Database
    _number: int = field(default=100)

    def execute(self, statement: str, *arguments: Any) -> list[tuple]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return cursor.fetchall() if cursor.description else []

    def burn(self, **values: Any) -> str:
        """An incident begins; `ago`: so many minutes before. Returns its id."""
        self._number += 1
        ago = values.pop("ago", 1)
        row = {"incident_id": str(self._number), **values}
        names = ", ".join(row)
        holes = ", ".join(["%s"] * len(row))
        self.execute(
            f"insert into marts.fct_open_incidents (started_at, {names}) "
            f"values (now() - make_interval(mins => %s), {holes})",
            ago,
            *row.values(),
        )
        return row["incident_id"]

    def change(self, incident_id: str, **values: Any) -> None:
        sets = ", ".join(f"{name} = %s" for name in values)
        self.execute(
            f"update marts.fct_open_incidents set {sets} where incident_id = %s",
            *values.values(),
            incident_id,
        )

    def take(self, incident_id: str, by: str = "7", comment: str = "(none)") -> None:
        self.execute(
            "update marts.fct_open_incidents set is_acknowledged = true, acknowledged_at = now(), "
            "acknowledged_by = %s, last_comment = %s, last_comment_at = now() "
            "where incident_id = %s",
            by,
            comment,
            incident_id,
        )

    def end(self, incident_id: str) -> None:
        self.execute("delete from marts.fct_open_incidents where incident_id = %s", incident_id)

    def read(self, ago: float = 0) -> None:
        """Zabbix was read so many seconds ago."""
        self.execute("update ops.watch set read_at = now() - make_interval(secs => %s)", ago)


def database_of(server: PostgresServer, name: str) -> Database:
    return Database(server.host, server.port, server.user, name)


@contextmanager
def house(server: PostgresServer, name: str) -> Iterator[House]:
    connection = server.connect(name)
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
    try:
        yield House(connection, database_of(server, name))
    finally:
        connection.close()


@dataclass
class Running:
    """A wall that answers."""

    url: str
    wall: Wall
    board: Board

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", headers=headers, timeout=30)

    def incidents(self) -> list[dict[str, Any]]:
        return self.get("/api/incidents").json()["incidents"]

    def post(
        self, path: str, body: Any, session: Any = requests, **headers: str
    ) -> requests.Response:
        """As the page itself asks."""
        given = {"X-Wall": "1", "Origin": self.url, **headers}
        return session.post(f"{self.url}{path}", json=body, headers=given, timeout=60)


@contextmanager
def running(
    house: House,
    *,
    desks: dict[str, Any] | None = None,
    seconds: float = 0.1,
    settings: dict[str, Any] | None = None,
    tickets: dict[str, Any] | None = None,
    **options: Any,
) -> Iterator[Running]:
    """A wall over a house, its board read ten times a second."""
    board = Board(house.database, seconds=seconds)
    board.refresh()
    wall = Wall(
        WallSettings(**(settings or {})), board,
        Tickets(house.database, desks or {}, **(tickets or {})), **options,
    )  # fmt: skip
    app = make_app(wall)
    logging.getLogger("waitress").setLevel(logging.ERROR)
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=8)
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            server.asyncore.loop(timeout=0.1, map=server._map, use_poll=True, count=1)
        server.task_dispatcher.shutdown(timeout=1)
        server.asyncore.close_all(server._map, ignore_all=True)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    board.start()
    try:
        yield Running(f"http://127.0.0.1:{server.effective_port}", wall, board)
    finally:
        stopping.set()
        thread.join(10)
        board.stop()


def until(check: Any, seconds: float = 10) -> Any:
    """What a check finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)
    return found


class Screen:
    """The wall in a browser."""

    def __init__(self, browser: Any, address: str) -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        self.browser = browser
        self.wait = WebDriverWait(browser, 20, poll_frequency=0.05)
        browser.get_log("browser")
        browser.get("about:blank")
        browser.get(address)
        self.until("return Number(document.documentElement.dataset.drawn || 0) > 0")

    def script(self, code: str, *arguments: Any) -> Any:
        return self.browser.execute_script(code, *arguments)

    def until(self, code: str, *arguments: Any) -> Any:
        return self.wait.until(lambda _: self.script(code, *arguments))

    def look(self) -> None:
        """What the page does every 15 seconds, now."""
        drawn = self.script("return document.documentElement.dataset.drawn")
        self.script("document.dispatchEvent(new Event('visibilitychange'))")
        self.until("return document.documentElement.dataset.drawn !== arguments[0]", drawn)

    def text(self, selector: str) -> str:
        return self.script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def texts(self, selector: str) -> list[str]:
        return self.script(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText)", selector
        )

    def click(self, selector: str) -> None:
        self.script("document.querySelector(arguments[0]).click()", selector)

    def cell(self, place: str) -> dict[str, Any] | None:
        """A place of the grid: its severity, its colour, its words."""
        return self.script(
            """
            const cell = [...document.querySelectorAll('#grid button')].find(
              (one) => one.querySelector('.name').textContent === arguments[0]);
            return cell && {
              severity: Number(cell.dataset.severity), colour: getComputedStyle(cell).backgroundColor,
              text: cell.innerText, label: cell.getAttribute('aria-label'),
              taken: cell.classList.contains('all-taken'),
            };
            """,
            place,
        )

    def row(self, incident_id: str) -> dict[str, str] | None:
        return self.script(
            """
            const row = document.querySelector(`#list tr[data-id="${arguments[0]}"]`);
            return row && Object.fromEntries([...row.cells].map((c) => [c.className.split(' ')[0], c.innerText]));
            """,
            incident_id,
        )

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser")]


TEMPLATES = Path(__file__).resolve().parents[2] / "wall" / "tickets"
