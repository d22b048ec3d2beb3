"""What a run says: progress and plain lines on stderr, the summary on stdout, all kept for the log.

On a terminal the progress is one moving line per step; in a log it is a plain line now and then.
Everything passes the redactor, dlt's and dbt's own messages included.
"""

import logging
import time
from collections import deque
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from typing_extensions import Self

from pipeline.redaction import Redactor, plain

SECONDS_BETWEEN_LOG_LINES = 10
LINES_KEPT = 5000

# What the numbers of a step count.
_COUNTED = {
    "catalogue": "projects, fields and users read",
    "issues": "issues loaded",
    "activities": "changes loaded",
    "census": "issues looked for",
    "build": "models and tests built",
}

# whose words are for people; of the libraries, only warnings are kept
_OURS = ("extract", "pipeline", "report")
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class RunConsole:
    """The voice of one run. Use as a context manager around the run's work.

    `warnings` are those said so far, a line each, without secrets.
    """

    def __init__(self, redactor: Redactor, level: str = "info") -> None:
        self.redact = redactor
        self.out = Console(highlight=False)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)
        self._level = _LEVELS[level]
        self._kept: deque[str] = deque(maxlen=LINES_KEPT)
        self.warnings: list[str] = []
        self._tasks: dict[str, TaskID] = {}
        self._said_at: dict[str, float] = {}
        self._progress = Progress(
            TextColumn("{task.description:<32}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._err,
            disable=not self._err.is_terminal,
        )
        self._handler = _KeepingHandler(self)

    def __enter__(self) -> Self:
        root = logging.getLogger()
        root.addHandler(self._handler)
        self._take_level()
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
        logging.getLogger().removeHandler(self._handler)

    def set_level(self, level: str) -> None:
        """Take the level once the settings are read."""
        self._level = _LEVELS[level]
        self._take_level()

    def _take_level(self) -> None:
        for name in _OURS:
            logging.getLogger(name).setLevel(self._level)

    def say(self, message: str, *, style: str | None = None) -> None:
        """One line for people and for the log."""
        line = plain(self.redact(message))
        self.keep(line)
        self._err.print(line, style=style, markup=False)

    def warn(self, message: str) -> None:
        """A line that wants attention; the run goes on."""
        self.warnings.append(plain(self.redact(message)))
        self.say(f"warning: {message}", style="yellow")

    def keep(self, line: str) -> None:
        """Put a line into the record's log only."""
        self._kept.append(f"{time.strftime('%H:%M:%S')} {line}")

    def log(self) -> str:
        """Everything said so far."""
        return "\n".join(self._kept)

    def progress(self, step: str, done: int, total: int | None) -> None:
        """Tell how far a step is; cheap enough to be called for every page.

        `step` is a few words; for steps "build <model>" the first word is the step.
        """
        name = plain(self.redact(step.split(" ", 1)[0] if step.startswith("build ") else step))
        name = _COUNTED.get(name, name)
        if self._err.is_terminal:
            task = self._tasks.get(name)
            if task is None:
                task = self._tasks[name] = self._progress.add_task(name, total=total)
            self._progress.update(task, completed=done, total=total)
        finished = total is not None and done >= total
        now = time.monotonic()
        if finished or now - self._said_at.get(name, 0) >= SECONDS_BETWEEN_LOG_LINES:
            self._said_at[name] = now
            line = f"{name}: {done:,}" + (f" of {total:,}" if total else "")
            self.keep(line)
            if not self._err.is_terminal:
                self._err.print(line, markup=False)


class _KeepingHandler(logging.Handler):
    """Library messages: all warnings into the record's log, ours also to the people."""

    def __init__(self, console: RunConsole) -> None:
        super().__init__()
        self._console = console
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        message = self._console.redact(self.format(record))
        if record.name.startswith(_OURS):
            if record.levelno >= logging.WARNING:
                self._console.warn(record.getMessage())
            else:
                self._console.say(record.getMessage())
        elif record.levelno >= logging.WARNING:
            self._console.keep(plain(message))
