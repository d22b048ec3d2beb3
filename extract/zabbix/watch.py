"""Raw kept fresh between two loads: what began, changed or ended, round by round.

A round is a load without its long parts: the events from the last known id on, the list of what is
open, the open ones once more. It writes what a load would write, and no row of `extract_runs`: the
next load begins where the last one ended. Whoever writes into raw holds a lock, so that a load
waits for the end of a round, and a round is left out while a load is at work. Of several watchers
over one database one works; the others stand by.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)

from extract.client import Patience
from extract.errors import DatabaseError, RunError, SourceError
from extract.findings import Findings
from extract.journal import connect
from extract.tables import Table
from extract.tracker import Load
from extract.zabbix import inventory
from extract.zabbix.address import identity
from extract.zabbix.events import read_again, read_new
from extract.zabbix.journal import SCHEMA, ZabbixJournal
from extract.zabbix.load import Source
from extract.zabbix.reader import Reader
from extract.zabbix.tables import HOSTS, TABLES, TRIGGERS
from extract.zabbix.upserts import Upserts
from extract.zabbix.work import Work

# "zbxwatch" in ASCII, read as a bigint; any number that nobody else locks would do
WATCH_LOCK = int.from_bytes(b"zbxwatch", "big")

# somebody looks at a screen: better to say soon that Zabbix does not answer than to try for long
WATCHING = Patience(connect_seconds=5, read_seconds=20, tries=2, slow_tries=1)

# hosts, groups and maintenances change seldom; a host that nobody knows is asked for at once
INVENTORY_SECONDS = 300

# how far a round came
WORKED, STOOD_BY, LEFT_OUT = "worked", "stood_by", "left_out"


class NotLoadedError(RunError):
    """There is nothing in raw to be kept fresh."""


@dataclass(frozen=True)
class Round:
    """What a round came to. `is_changed`: raw was written to."""

    outcome: str
    open_count: int = 0
    is_changed: bool = False
    warnings: tuple[str, ...] = ()


class Watch:
    """One Zabbix, watched. After an error the next round begins with new connections."""

    def __init__(
        self, source: Source, dsn: str, *, simulated: str | None = None,
        patience: Patience = WATCHING,
    ) -> None:  # fmt: skip
        self._source = source
        self._dsn = dsn
        # whose data it is, where the address is chance
        self._identity = simulated or identity(source.url)
        self._patience = patience
        self._connection: Connection | None = None
        self._reader: Reader | None = None
        self._cursor = 0
        self._inventory_at: float | None = None

    def round(self) -> Round:
        """Bring raw up to date, if it is this watch's turn.

        Raises RunError with what to mend, as a load does.
        """
        try:
            return self._round()
        except psycopg2.Error as error:
            self.close()
            raise DatabaseError(f"the database failed: {' '.join(str(error).split())}") from None
        except RunError:
            self.close()
            raise

    def close(self) -> None:
        """Give the lock back, so that another watch may work."""
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.close()
        self._connection = self._reader = None

    def _round(self) -> Round:
        if self._connection is None:
            self._connection = connect(self._dsn)
        if not self._holds_watch():
            return Round(STOOD_BY)
        journal = ZabbixJournal(self._connection, self._identity, "watch")
        self._open(journal)
        if not journal.take_turn(is_waiting=False):
            return Round(LEFT_OUT)
        try:
            return self._work(journal)
        finally:
            if not self._connection.closed:
                journal.leave_turn()

    def _holds_watch(self) -> bool:
        with self._connection.cursor() as cursor:
            cursor.execute(
                "select exists (select from pg_locks where locktype = 'advisory' and granted "
                "and pid = pg_backend_pid() and objsubid = 1 "
                "and (classid::bigint << 32) | objid::bigint = %(key)s) "
                # taken once in a session, else it would be held twice
                "or pg_try_advisory_lock(%(key)s)",
                {"key": WATCH_LOCK},
            )
            return cursor.fetchone()[0]

    def _open(self, journal: ZabbixJournal) -> None:
        if not journal.has_tables() or journal.last_finished() is None:
            raise NotLoadedError("nothing of Zabbix is loaded yet: the first load is that of a run")
        if journal.missing_columns():
            raise NotLoadedError("raw is of an earlier version: the next run brings it up to date")
        journal.open()
        if journal.moved_from:
            raise SourceError("Zabbix has another address than raw: the next run compares the two")
        journal.state.cursor = max(journal.state.cursor, self._cursor)

    def _work(self, journal: ZabbixJournal) -> Round:
        if self._reader is None:
            journal.index_listed()
            reader = self._source.reader(self._patience)
            reader.client.introduce()
            self._reader = reader
        findings = Findings()
        now = datetime.now(timezone.utc)
        order = Load(self._dsn, "watch", now, Path(), on_progress=lambda *_: None)
        packages = Upserts(self._connection, SCHEMA, TABLES)
        work = Work(self._reader, packages, journal, findings, order)
        read_new(work)
        listed, groups, maintenances, host_ids = self._reader.lists()
        # before anything is taken for over: who may see less, sees less burn
        inventory.check_hosts(work, host_ids)
        read_again(work, sorted({*listed, *journal.listed()}))
        hosts_of_open = self._read_triggers(work, journal.triggers_of(listed))
        if self._is_inventory_due(journal, hosts_of_open):
            hosts, _ = self._reader.details(host_ids, ())
            key = self._reader.client.words.groups
            tables = inventory.listed(work, groups, maintenances)
            rows = [inventory.host(host, key) for host in hosts]
            packages.load(tables | {"hosts": [work.listed(HOSTS, rows)]})
            self._inventory_at = time.monotonic()
        # last: what is listed is on the screen, with all that belongs to it
        is_moved = journal.take_listed(listed)
        self._cursor = journal.state.cursor
        is_changed = is_moved or bool(packages.loaded.total())
        return Round(WORKED, len(listed), is_changed, findings.warnings())

    def _read_triggers(self, work: Work, ids: list[int]) -> set[int]:
        """Bring the triggers of what is open into raw; returns the hosts of them."""
        _, triggers = work.reader.details((), ids)
        rows = [inventory.trigger(each) for each in triggers]
        changed = _changed(work.journal, TRIGGERS, rows)
        if changed:
            work.packages.load({"triggers": [work.listed(TRIGGERS, changed)]})
        return {int(host["hostid"]) for row in rows for host in row["hosts"]}

    def _is_inventory_due(self, journal: ZabbixJournal, hosts: set[int]) -> bool:
        last = self._inventory_at
        if last is None or time.monotonic() - last > INVENTORY_SECONDS:
            return True
        return not hosts <= journal.hosts_last_read().keys()


def _changed(journal: ZabbixJournal, table: Table, rows: list[dict]) -> list[dict]:
    """The rows that raw does not have as they are now."""
    known = journal.known(table, [row[table.key] for row in rows])
    return [row for row in rows if known.get(row[table.key]) != row]
