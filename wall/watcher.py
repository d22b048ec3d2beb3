"""The thread that asks Zabbix every 30 seconds and tells the database how it went."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)

from extract.errors import RunError
from extract.zabbix.watch import LEFT_OUT, STOOD_BY, NotLoadedError, Watch
from pipeline.database import Database
from wall import record

SECONDS = 30
SOURCE = "zabbix"

logger = logging.getLogger(__name__)


class Watcher:
    """Rounds of a watch, for as long as the process lives; nothing that fails ends it."""

    def __init__(
        self, watch: Watch, database: Database, on_change: Callable[[], None],
        *, seconds: float = SECONDS, redact: Callable[[str], str] = str,
    ) -> None:  # fmt: skip
        self._watch = watch
        self._database = database
        self._on_change = on_change
        self._seconds = seconds
        self._redact = redact
        self._connection: Connection | None = None
        self._hurry = threading.Event()
        self._stopping = threading.Event()
        self._said: str | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="watcher")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def hurry(self) -> None:
        """Look now: somebody has just changed something in Zabbix."""
        self._hurry.set()

    def stop(self) -> None:
        """End after the present round."""
        self._stopping.set()
        self._hurry.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._hurry.clear()
            try:
                self.round()
            except Exception:  # the next round may be better, and the screen must not go blind
                logger.exception("a round ended in a fault of the program")
            self._hurry.wait(self._seconds)
        self._watch.close()

    def round(self) -> None:
        """One round, and a word about it in the database."""
        trouble = None
        try:
            done = self._watch.round()
        except NotLoadedError as error:
            trouble = str(error)
        except RunError as error:
            trouble = self._redact(str(error))
        else:
            if done.outcome == LEFT_OUT:
                # the load that is at work brings what is new
                return
            if done.outcome == STOOD_BY:
                self._say("another watcher is at work; this one stands by")
                return
        self._say(trouble or "watching")
        # without a database there is nobody to be told: its own fault shows on the page
        with suppress(psycopg2.Error, RunError):
            self._write(trouble)
        if trouble is None and done.is_changed:
            self._on_change()

    def _write(self, trouble: str | None) -> None:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._database.connect()
                record.prepare(self._connection)
            if trouble is None:
                record.went_well(self._connection, SOURCE)
            else:
                record.failed(self._connection, SOURCE, trouble)
        except psycopg2.Error:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            raise

    def _say(self, state: str) -> None:
        """Into the log, once for each change."""
        if state != self._said:
            self._said = state
            logger.info("%s", state)
