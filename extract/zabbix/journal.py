"""What raw knows of one Zabbix, and how far the runs over it have come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)

from extract import journal
from extract.journal import Journal
from extract.tables import Table
from extract.zabbix.client import SERVICE
from extract.zabbix.tables import ACKNOWLEDGEMENTS, EVENTS, TABLES

SCHEMA = "raw_zabbix"

# "zbxwrite" in ASCII, read as a bigint: held by whoever writes into raw, a load or a watch
WRITE_LOCK = int.from_bytes(b"zbxwrite", "big")

# a problem that was closed so long ago gets no comment any more
DAYS_WITH_COMMENTS = 7

# how many events of a Zabbix that has moved are compared, spread evenly over the past
SAMPLE = 50

# what Zabbix said, without what a run has made of it
EVENT_COLUMNS = tuple(column.name for column in EVENTS.columns if column.path)
ACKNOWLEDGEMENT_COLUMNS = tuple(column.name for column in ACKNOWLEDGEMENTS.columns if column.path)

_KNOWN = (
    f"select first_suppressed, is_listed, {', '.join(EVENT_COLUMNS)} "  # noqa: S608  (our own names)
    "from raw_zabbix.events where eventid = any(%(ids)s)"
)
_KNOWN_ACKNOWLEDGEMENTS = (
    f"select {', '.join(ACKNOWLEDGEMENT_COLUMNS)} "  # noqa: S608
    "from raw_zabbix.acknowledgements where eventid = any(%(ids)s)"
)
_UNSETTLED = (
    "select eventid from raw_zabbix.events as problem where value = 1 and ("
    # open when it was read last, by an earlier run
    "(r_eventid = 0 and loaded_at < %(began)s and (is_listed or eventid = any(%(listed)s))) "
    # open when it was read since the last run that came to its end, and no longer now
    "or (r_eventid = 0 and loaded_at >= coalesce(%(since)s, '-infinity'::timestamptz) "
    "and not eventid = any(%(listed)s)) "
    "or (r_eventid <> 0 and loaded_at < %(began)s and exists (select from raw_zabbix.events "
    "as recovery where recovery.eventid = problem.r_eventid and recovery.clock >= "
    "least((select max(clock) from raw_zabbix.events), extract(epoch from %(as_of)s)) "
    "- %(days)s * 86400))) "
    "union select listed from unnest(%(listed)s::bigint[]) as listed where not exists "
    "(select from raw_zabbix.events where eventid = listed) "
    "order by eventid"
)
_SAMPLE = (
    "select distinct on (part) eventid, objectid, clock, ns, value from (select *, "
    "ntile(%(size)s) over (order by eventid) as part from raw_zabbix.events) as placed "
    "order by part, eventid desc"
)


@dataclass
class State(journal.State):
    """How far the runs have come."""

    # raw holds all events up to this id
    cursor: int = 0
    # whether message texts are read
    messages: bool = False


class ZabbixJournal(Journal):
    """The reading side of the raw tables."""

    state: State

    def __init__(self, connection: Connection, source: str, run_id: str) -> None:
        super().__init__(
            connection, SERVICE, SCHEMA, TABLES, source=source, run_id=run_id, state=State()
        )

    def mark(self) -> None:
        """Write down how far the run has come."""
        self.write("window", None, (0, self.state.cursor), {})

    def adopt_source(self) -> None:
        """From now on raw belongs to the present address."""
        self.moved_from = None
        self.mark()

    def forget_messages(self) -> None:
        """Take the texts of all messages out of raw."""
        self._do("update raw_zabbix.acknowledgements set message = null where message is not null")

    def take_turn(self, *, is_waiting: bool) -> bool:
        """From now on nobody else writes into raw; returns whether it is so.

        A load waits for its turn, which the round of a watch delays by seconds.
        """
        if is_waiting:
            self._do("select pg_advisory_lock(%(key)s)", key=WRITE_LOCK)
            return True
        return self._rows("select pg_try_advisory_lock(%(key)s)", key=WRITE_LOCK)[0][0]

    def leave_turn(self) -> None:
        """Let others write."""
        self._do("select pg_advisory_unlock(%(key)s)", key=WRITE_LOCK)

    # --- what raw knows

    def is_filling(self) -> bool:
        """Whether rows may come twice: no load has come to the point where keys are unique."""
        return self.last_finished() is None and not self._exists("events_eventid_key")

    def known_events(self, ids: Sequence[int]) -> dict[int, tuple[bool, bool, dict[str, Any]]]:
        """Of these events, the ones that raw has: first_suppressed, is_listed, what was said."""
        return {
            row[2]: (row[0], row[1], dict(zip(EVENT_COLUMNS, row[2:], strict=True)))
            for row in self._rows(_KNOWN, ids=list(ids))
        }

    def known_acknowledgements(self, event_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """The acknowledgements that raw has of these events."""
        return {
            row[0]: dict(zip(ACKNOWLEDGEMENT_COLUMNS, row, strict=True))
            for row in self._rows(_KNOWN_ACKNOWLEDGEMENTS, ids=list(event_ids))
        }

    def unsettled(self, listed: Sequence[int], as_of: datetime) -> list[int]:
        """The problems to be looked at again, given those that are listed as open.

        They are the open ones, those closed in the last days, and those that are listed and that
        raw does not have: of several writers, one may come late with a lower id. One that is open
        and was found unlisted before is not among them: its trigger is gone, and nothing will
        ever change it.
        """
        rows = self._rows(
            _UNSETTLED,
            began=self._started_at,
            since=self.last_finished(),
            listed=list(listed),
            as_of=as_of,
            days=DAYS_WITH_COMMENTS,
        )
        return [row[0] for row in rows]

    def listed(self) -> list[int]:
        """The problems that were listed as open when somebody looked last."""
        return [row[0] for row in self._rows("select eventid from raw_zabbix.events "
                                             "where is_listed")]  # fmt: skip

    def index_listed(self) -> None:
        """Find what is listed without reading the whole past: of 600,000 events in 0.6 ms, not in
        120."""
        self._do(
            "create index if not exists events_listed on raw_zabbix.events (eventid) "
            "where is_listed"
        )

    def known(self, table: Table, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """The rows that raw has of a table, by their key, as Zabbix said them."""
        columns = [column.name for column in table.columns if column.path]
        statement = sql.SQL("select {columns} from {table} where {key} = any(%(ids)s)").format(
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            table=sql.Identifier(SCHEMA, table.name),
            key=sql.Identifier(table.key),
        )
        rows = self._rows(statement, ids=list(ids))
        return {row[0]: dict(zip(columns, row, strict=True)) for row in rows}

    def triggers_of(self, event_ids: Sequence[int]) -> list[int]:
        """The triggers of these events."""
        rows = self._rows(
            "select distinct objectid from raw_zabbix.events where eventid = any(%(ids)s) "
            "order by objectid",
            ids=list(event_ids),
        )
        return [row[0] for row in rows]

    def take_listed(self, listed: Sequence[int]) -> bool:
        """Write down which problems are listed as open now; returns whether any has changed."""
        is_changed = False
        parameters = {"listed": list(listed)}
        for statement in (
            "update raw_zabbix.events set is_listed = true "
            "where eventid = any(%(listed)s) and not is_listed",
            "update raw_zabbix.events set is_listed = false "
            "where is_listed and not eventid = any(%(listed)s)",
        ):
            is_changed = self._do(statement, **parameters) > 0 or is_changed
        return is_changed

    def triggers_to_read(self) -> list[int]:
        """The triggers of all that came since the last run that came to its end, and of all that
        is open."""
        rows = self._rows(
            "select distinct objectid from raw_zabbix.events "
            "where is_listed or loaded_at >= coalesce(%(since)s, '-infinity'::timestamptz) "
            "order by objectid",
            since=self.last_finished(),
        )
        return [row[0] for row in rows]

    def triggers_after(self, event_id: int) -> list[int]:
        """The triggers of the events with higher ids."""
        rows = self._rows(
            "select distinct objectid from raw_zabbix.events where eventid > %(after)s "
            "order by objectid",
            after=event_id,
        )
        return [row[0] for row in rows]

    def hosts_last_read(self) -> dict[int, str]:
        """The hosts that the last run saw: id → name."""
        return dict(
            self._rows(
                "select hostid, name from raw_zabbix.hosts where seen_at = "
                "(select max(seen_at) from raw_zabbix.hosts)"
            )
        )

    def sample_of_events(self) -> list[tuple[int, int, int, int, int]]:
        """Events over the whole past: id, trigger, moment in s and ns, value."""
        return self._rows(_SAMPLE, size=SAMPLE) if self._exists("events") else []

    def newest_clock(self) -> int | None:
        """The newest moment of an event, in seconds."""
        return self._rows("select max(clock) from raw_zabbix.events")[0][0]

    def _do(self, statement: str, **parameters: Any) -> int:
        """Execute a statement; returns how many rows it concerned."""
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.rowcount
