"""The alarm: one message when a run ends NOK, one when it is well again, none in between.

What was told last is kept twice: in a file in `.local/`, because a database that is down is a fault
worth telling, too; and in the run's record, because the folder may be full, or a container's that
is new every night.
"""

import json
import logging
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

import psycopg2
import requests

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10
LONGEST_ERROR = 1500


class Memory(Protocol):
    """Where an open fault is kept besides the file: the run's record."""

    def open_fault(self) -> str | None:
        """What was kept last."""

    def keep_open_fault(self, fault: str | None) -> None:
        """Keep it; None: all is well."""


class Alarm:
    """Tells a Mattermost- or Slack-compatible hook how runs end.

    `memory` is known as soon as the run has a record.
    """

    def __init__(self, hook: str | None, told: Path, redact: Callable[[str], str]) -> None:
        self._hook = hook
        self._told = told
        self._redact = redact
        self.memory: Memory | None = None

    def run_ended(self, error: str | None, *, died_before: bool = False) -> None:
        """Send what has to be said about this end. Never raises: an alarm decides nothing.

        `died_before`: an earlier run died without a word, and nobody has been told.
        """
        if not self._hook:
            return
        open_fault = self._open_fault()
        if error is None:
            if open_fault or died_before:
                since = open_fault["since"] if open_fault else None
                what = f" since {since}" if since else ": the run before it had died without a word"
                if self._send(f":white_check_mark: Lead time: OK again (NOK{what})."):
                    self._keep(None)
            return
        fault = _signature(error)
        if open_fault and open_fault["fault"] == fault:
            return
        since = open_fault["since"] if open_fault else _now()
        text = (
            f":red_circle: Lead time: the run on {socket.gethostname()} ended NOK (since {since}). "
            f"{error[:LONGEST_ERROR]}\nThe marts are as the last good run left them. "
            "More: make status; the log stands in ops.pipeline_runs."
        )
        if self._send(text):
            self._keep(json.dumps({"fault": fault, "since": since}))

    def _open_fault(self) -> dict[str, str] | None:
        for recall in (self._recall_from_file, self._recall_from_record):
            try:
                fault = json.loads(recall() or "")
                return {"fault": str(fault["fault"]), "since": str(fault["since"])}
            except (OSError, psycopg2.Error, ValueError, KeyError, TypeError):
                continue
        return None

    def _recall_from_file(self) -> str | None:
        return self._told.read_text(encoding="utf-8")

    def _recall_from_record(self) -> str | None:
        return self.memory.open_fault() if self.memory else None

    def _keep(self, fault: str | None) -> None:
        """Each place that fails is what the other is for."""
        with suppress(OSError):
            if fault is None:
                self._told.unlink(missing_ok=True)
            else:
                self._told.parent.mkdir(parents=True, exist_ok=True)
                self._told.write_text(fault, encoding="utf-8")
        with suppress(psycopg2.Error):
            if self.memory:
                self.memory.keep_open_fault(fault)

    def _send(self, text: str) -> bool:
        try:
            answer = requests.post(
                self._hook or "",
                json={"text": self._redact(text)},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        # requests lets through OSError (a REQUESTS_CA_BUNDLE that is not there) and ValueError
        # (a host that can be none: `hooks..example.com`)
        except (OSError, ValueError) as error:
            # its text holds the address, which is a secret
            logger.warning(
                "RUN_ALERT_WEBHOOK_URL did not answer (%s); the alarm is told by the next run",
                type(error).__name__,
            )
            return False
        if answer.status_code >= 300:
            logger.warning("RUN_ALERT_WEBHOOK_URL answered %s", answer.status_code)
            return False
        return True


def _signature(error: str) -> str:
    """What makes two errors the same fault: the text without counts, times and ids."""
    return re.sub(r"\d+", "0", error)[:LONGEST_ERROR]


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
