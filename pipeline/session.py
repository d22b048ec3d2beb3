"""A run's hold on its database: the lock, the record, and the way out when time is up."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)

from extract.errors import RunError
from extract.tracker import Source, Tracker
from pipeline import error_reports
from pipeline.alarm import Alarm
from pipeline.console import RunConsole
from pipeline.database import Database
from pipeline.figures import RunFigures
from pipeline.record import RunRecord

# How long the end of a run waits for a database that restarts, to be recorded there
RESTART_SECONDS = 60


@dataclass
class Session:
    """What a run holds from its first step to its end."""

    database: Database
    connection: Connection
    record: RunRecord
    console: RunConsole
    alarm: Alarm
    figures: RunFigures
    # what the marts are made of
    trackers: list[Tracker]
    # what is loaded beside them
    monitorings: list[Source]
    died_before: bool = False
    is_demo: bool = False
    source_problem: str | None = None
    _ended: threading.Lock = field(default_factory=threading.Lock)

    def finish(self, error: str | None) -> str | None:
        """Record the end, once; returns what kept it from being recorded, if anything did."""
        if not self._ended.acquire(blocking=False):
            return None
        log = self.console.log()
        try:
            self.record.finish(error=error, log=log)
        except psycopg2.Error as failure:
            # a restart of the database has closed the record's session: once more with a new one
            try:
                self.record.connection = self._connect_again()
                # where the disk is full, the log is what does not fit
                log = "" if isinstance(failure, psycopg2.errors.DiskFull) else log
                self.record.finish(error=error or _one_line(failure), log=log)
            except (psycopg2.Error, RunError) as second_failure:
                return _one_line(second_failure)
            return None if error else _one_line(failure)
        return None

    def _connect_again(self) -> Connection:
        """A new session, as soon as the database lets us in; a restart takes it a while."""
        deadline = time.monotonic() + RESTART_SECONDS
        while True:
            try:
                return self.database.connect()
            except RunError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Record that the run is at this stage, and time it."""
        self.record.update(stage=name)
        with self.figures.step("stage", name):
            yield

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """SIGTERM (a scheduler's stop) and SIGINT end the run as NOK, nothing left running."""

        def end(number: int, frame: FrameType | None) -> None:
            reason = f"the run was stopped by {signal.Signals(number).name}"
            # in a thread of its own: this one may hold the very locks that the end needs
            threading.Thread(target=self.end_hard, args=(reason, 128 + number)).start()

        numbers = (signal.SIGTERM, signal.SIGINT)
        previous = {number: signal.signal(number, end) for number in numbers}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    @contextmanager
    def limited_to(self, minutes: float) -> Iterator[None]:
        """End the run hard when the block takes longer than `RUN_TIMEOUT_MINUTES`."""
        reason = f"the run took longer than RUN_TIMEOUT_MINUTES={minutes:g} and was ended"
        timer = threading.Timer(minutes * 60, self.end_hard, args=(reason, 1))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def end_hard(self, reason: str, code: int) -> None:
        """Record the end over a new connection, end this run's other sessions, leave at once.

        dbt and dlt work in threads that no exception can stop, hence `os._exit`. PostgreSQL would
        go on with a statement whose client is gone, hence the terminating of this run's backends,
        found by the application name that all its connections carry.
        """
        if not self._ended.acquire(blocking=False):
            return
        self.console.keep(f"error: {reason}")
        with suppress(psycopg2.Error, RunError):
            connection = self.database.connect()
            with connection.cursor() as cursor:
                cursor.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where application_name = %s and pid <> pg_backend_pid()",
                    (os.environ["PGAPPNAME"],),
                )
            record = RunRecord(connection, self.record.run_id, self.record.as_of)
            self.alarm.memory = record
            record.finish(error=reason, log=self.console.log())
        self.figures.run_ended(code)
        self.alarm.run_ended(reason)
        error_reports.report(self.console.redact(reason))
        sys.stderr.write(f"error: {reason}\n")
        sys.stderr.flush()
        os._exit(code)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
