"""What the screens show, read from the database once for all of them.

A thread reads `fct_open_incidents`; what it finds becomes one JSON with its ETag, computed once for
each change. A viewer costs a comparison of two texts, and the database nothing.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)
from psycopg2.extras import RealDictCursor

from extract.errors import RunError
from pipeline.database import Database

SECONDS = 10
# places change with the nightly run
PLACES_SECONDS = 600
LONGEST_QUERY_MS = 20_000

NONE = "(none)"

_INCIDENTS = """
    select
        incident_id as id,
        trigger_id,
        trigger_name as trigger,
        host,
        host_group,
        host_groups,
        site,
        rack,
        position,
        service,
        severity,
        severity_name,
        severity_name_ru,
        extract(epoch from started_at)::bigint as started,
        is_acknowledged as acknowledged,
        acknowledged_by as by,
        extract(epoch from acknowledged_at)::bigint as acknowledged_at,
        last_comment as comment,
        extract(epoch from last_comment_at)::bigint as commented,
        is_suppressed as suppressed,
        ticket,
        ticket_url
    from marts.fct_open_incidents
    order by severity desc, started_at, incident_id
"""
# all that ever had an incident: a rack that is calm stands there as calm
_PLACES = """
    select distinct
        'rack' as place_kind,
        -- as the page spells it: two sites may call a rack the same
        case when site = '(none)' then rack else site || ' / ' || rack end as place
    from marts.fct_incidents
    where rack <> '(none)'
    union all
    select distinct place_kind, place
    from marts.agg_incident_heat
    where place_kind in ('host_group', 'service') and place <> '(none)'
"""
_WATCH = """
    select extract(epoch from read_at)::float as read_at, trouble,
        extract(epoch from trouble_since)::bigint as since
    from ops.watch
"""
_SEEN = "select extract(epoch from max(seen_at))::float as seen_at from raw_zabbix.hosts"
_SENT = "select incident_id, state, error from ops.tickets where state <> 'sent'"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """What all viewers get until something changes."""

    etag: str
    body: bytes
    packed: bytes
    incidents: dict[str, dict[str, Any]] = field(repr=False)


class Board:
    """The present state, kept fresh by a thread."""

    def __init__(
        self, database: Database, *, seconds: float = SECONDS, redact: Callable[[str], str] = str,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._database = database
        self._seconds = seconds
        self._redact = redact
        self._clock = clock
        self._connection: Connection | None = None
        self._rows: list[dict[str, Any]] = []
        self._places: dict[str, list[str]] = {}
        self._places_at: float | None = None
        self._trouble: dict[str, dict[str, Any]] = {}
        # when Zabbix was read last, in seconds of Unix; None: nobody knows
        self.read_at: float | None = None
        self._reading = threading.Lock()
        # of troubles and of the snapshot; never held over a query
        self._telling = threading.RLock()
        self._hurry = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="board")
        self.snapshot = self._made()

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def hurry(self) -> None:
        """Read now: something has changed."""
        self._hurry.set()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._hurry.set()
        self._thread.join(30)
        if self._connection is not None:
            self._connection.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._hurry.clear()
            try:
                self.refresh()
            except Exception:  # the next time may be better, and the screens must not go blind
                logger.exception("reading the board ended in a fault of the program")
            self._hurry.wait(self._seconds)

    def refresh(self) -> None:
        """Read the database, and make a new snapshot where anything has changed."""
        with self._reading:
            try:
                self._read()
                self._tell("database", None)
            except (psycopg2.Error, RunError) as error:
                self._forget_connection()
                self._tell("database", self._redact(" ".join(str(error).split()))[:500])
            self._renew()

    def age(self) -> int | None:
        """How many seconds ago Zabbix was read last."""
        return None if self.read_at is None else max(0, int(self._clock() - self.read_at))

    def now(self) -> float:
        """This machine's clock, in seconds of Unix: the browser's may be another."""
        return self._clock()

    def note(self, what: str, text: str | None) -> None:
        """A trouble that somebody else has found; None: it is over."""
        self._tell(what, text)
        self._renew()

    def _renew(self) -> None:
        with self._telling:
            snapshot = self._made()
            if snapshot.etag != self.snapshot.etag:
                self.snapshot = snapshot

    def _forget_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _read(self) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = self._database.connect()
            with self._connection.cursor() as cursor:
                cursor.execute(f"set statement_timeout = {LONGEST_QUERY_MS}")
        watch = self._rows_of(_WATCH, "ops.watch")
        row = watch[0] if watch else {"read_at": None, "trouble": None, "since": None}
        seen = self._rows_of(_SEEN, "raw_zabbix.hosts")
        moments = [row["read_at"], *(each["seen_at"] for each in seen)]
        self.read_at = max((each for each in moments if each is not None), default=None)
        self._tell("zabbix", row["trouble"], row["since"])
        if not self._exists("marts.fct_open_incidents"):
            # what was there stays on the screen: a run may be at work
            self._tell("view", "marts.fct_open_incidents")
            return
        self._tell("view", None)
        failed = {row["incident_id"]: row for row in self._rows_of(_SENT, "ops.tickets")}
        rows = self._rows_of(_INCIDENTS, None)
        for each in rows:
            sending = failed.get(each["id"])
            each["ticket_state"] = sending["state"] if sending else None
        self._rows = rows
        now = time.monotonic()
        if self._places_at is None or now - self._places_at > PLACES_SECONDS:
            places: dict[str, list[str]] = {}
            for each in self._rows_of(_PLACES, "marts.fct_incidents"):
                places.setdefault(each["place_kind"], []).append(each["place"])
            self._places, self._places_at = places, now

    def _rows_of(self, statement: str, table: str | None) -> list[dict[str, Any]]:
        """The rows of a statement; none where its table is not there."""
        if table is not None and not self._exists(table):
            return []
        with self._connection.cursor(cursor_factory=RealDictCursor) as cursor:
            cursor.execute(statement)
            return [dict(row) for row in cursor.fetchall()]

    def _exists(self, table: str) -> bool:
        with self._connection.cursor() as cursor:
            cursor.execute("select to_regclass(%s) is not null", (table,))
            return cursor.fetchone()[0]

    def _tell(self, what: str, text: str | None, since: int | None = None) -> None:
        """A trouble that begins, goes on or is over."""
        with self._telling:
            if text is None:
                if self._trouble.pop(what, None):
                    logger.info("%s is well again", what)
                return
            known = self._trouble.get(what)
            if known is None:
                logger.warning("%s: %s", what, text)
            since = since or (known["since"] if known else int(self._clock()))
            self._trouble[what] = {"what": what, "text": text, "since": since}

    def _made(self) -> Snapshot:
        body = orjson.dumps(
            {
                "incidents": self._rows,
                "places": self._places,
                "troubles": list(self._trouble.values()),
            }
        )
        etag = hashlib.sha256(body).hexdigest()[:32]
        packed = gzip.compress(body, compresslevel=5, mtime=0)
        return Snapshot(etag, body, packed, {row["id"]: row for row in self._rows})
