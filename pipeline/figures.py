"""What an operator graphs: the figures of a run, for StatsD and for node_exporter.

They are gathered once, as the run goes on, and written by two plain writers when it ends. Neither
can make a run fail, or wait.
"""

import logging
import os
import re
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from extract.tracker import LoadReport
from pipeline.build import BuildReport
from pipeline.settings import PROJECT_ROOT, Destinations

logger = logging.getLogger(__name__)

# How long the end of a run waits for a name server that did not answer while the run was at work
LOOK_UP_SECONDS = 1
# What passes every network in one piece, as StatsD's own documentation has it
LONGEST_DATAGRAM = 512

GAUGE, COUNT, SECONDS, MOMENT = "gauge", "count", "seconds", "moment"


@dataclass(frozen=True)
class Figure:
    """A kind of number: `group` and `name` say of what, `label` of which of several."""

    group: str
    name: str
    kind: str
    means: str
    label: str | None = None

    def exported_name(self) -> str:
        """Its name for Prometheus, which wants units in it."""
        unit = {SECONDS: "_seconds", MOMENT: "_timestamp_seconds"}.get(self.kind, "")
        return f"lead_time_{self.group}_{self.name}{unit}"

    def statsd_name(self, prefix: str, value: str | None) -> str:
        """Its name for StatsD, where what would be a label is a part of the name."""
        # a file keeps a moment right as time goes by; what is sent once is how long ago it was
        name = f"{self.name}_age" if self.kind == MOMENT else self.name
        parts = (self.group, *([value] if value is not None else []), name)
        return ".".join((prefix, *(re.sub(r"[^A-Za-z0-9_-]", "_", part) for part in parts)))


FIGURES = {
    f"{figure.group}.{figure.name}": figure
    for figure in (
        Figure("run", "ok", GAUGE, "1 if the last run ended OK, 0 if NOK"),
        Figure("run", "exit_code", GAUGE, "Exit code of the last run"),
        Figure("run", "duration", SECONDS, "How long the last run took"),
        Figure("run", "last_ok", MOMENT, "When the last good run ended"),
        Figure("stage", "ok", GAUGE, "1 if this stage of the last run ended well", "stage"),
        Figure("stage", "duration", SECONDS, "How long the stage took", "stage"),
        Figure("source", "ok", GAUGE, "1 if this source was loaded", "source"),
        Figure("source", "duration", SECONDS, "How long the loading took", "source"),
        Figure("source", "requests", COUNT, "Requests to the source", "source"),
        Figure("source", "issues_loaded", COUNT, "Issues loaded", "source"),
        Figure("source", "changes_loaded", COUNT, "Changes of issues loaded", "source"),
        Figure("source", "events_loaded", COUNT, "Events of a monitoring loaded", "source"),
        Figure("source", "newest_change", MOMENT, "The newest change that is loaded", "source"),
        Figure("build", "models", GAUGE, "Models built"),
        Figure("build", "tests_failed", GAUGE, "Tests that failed"),
        Figure("build", "tests_warned", GAUGE, "Tests that warned"),
        Figure("publishing", "ok", GAUGE, "1 if the marts were published there", "target"),
        Figure("publishing", "duration", SECONDS, "How long the publishing took", "target"),
        Figure("publishing", "rows", GAUGE, "Rows of the published marts", "target"),
    )
}


@dataclass(frozen=True)
class Measured:
    """One figure with its value; seconds and moments are in seconds, those since 1970."""

    figure: Figure
    value: float
    of: str | None = None


@dataclass
class _Step:
    """A part of a run with a beginning and an end: one that did not end did not end well."""

    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    is_ok: bool = False


class RunFigures:
    """The figures of one run. `last_ok_at` is known as soon as the run has a record."""

    def __init__(self, destinations: Destinations) -> None:
        to = destinations
        self._statsd = (
            StatsD(to.statsd_host, to.statsd_port, to.statsd_prefix) if to.statsd_host else None
        )
        self._file = PROJECT_ROOT / to.metrics_file if to.metrics_file else None
        self._run = _Step()
        self._steps: dict[tuple[str, str], _Step] = {}
        self._measured: list[Measured] = []
        self.last_ok_at: datetime | None = None

    @contextmanager
    def step(self, group: str, of: str) -> Iterator[None]:
        """Time the block: a stage, the loading of a source, a publishing."""
        step = self._steps[group, of] = _Step()
        try:
            yield
            step.is_ok = True
        finally:
            step.ended = time.monotonic()

    def loaded(self, source: str, report: LoadReport) -> None:
        """Take what a load came to."""
        self._take("source.requests", report.requests, source)
        self._take("source.issues_loaded", report.issues_loaded, source)
        self._take("source.changes_loaded", report.activities_loaded, source)
        self._take("source.events_loaded", report.events_loaded, source)
        if report.data_as_of:
            self._take("source.newest_change", report.data_as_of.timestamp(), source)

    def built(self, report: BuildReport) -> None:
        """Take what a build came to, whether it ended well or not."""
        self._take("build.models", report.models_built)
        self._take("build.tests_failed", report.tests_failed)
        self._take("build.tests_warned", report.tests_warned)

    def published(self, target: str, rows: int) -> None:
        """Take how many rows a publishing showed to its readers."""
        self._take("publishing.rows", rows, target)

    def run_ended(self, code: int) -> None:
        """Tell everything. Never raises: figures decide nothing."""
        if not (self._statsd or self._file):
            return
        measured = self._all(code)
        if self._statsd:
            try:
                self._statsd.send(measured)
            except OSError as error:
                logger.warning("the figures were not sent to STATSD_HOST: %s", error)
        if self._file:
            try:
                write_file(self._file, measured)
            except OSError as error:
                reason = error.strerror or error
                logger.warning("METRICS_FILE %s was not written: %s", self._file, reason)

    def _take(self, name: str, value: float, of: str | None = None) -> None:
        self._measured.append(Measured(FIGURES[name], value, of))

    def _all(self, code: int) -> list[Measured]:
        now = time.monotonic()
        found = [
            Measured(FIGURES["run.ok"], int(code == 0)),
            Measured(FIGURES["run.exit_code"], code),
            Measured(FIGURES["run.duration"], now - self._run.began),
        ]
        last_ok = self._last_ok(code)
        if last_ok is not None:
            found.append(Measured(FIGURES["run.last_ok"], last_ok))
        # copied: where time is up, the run's own thread is still at work
        for (group, of), step in list(self._steps.items()):
            found.append(Measured(FIGURES[f"{group}.ok"], int(step.is_ok), of))
            seconds = (step.ended or now) - step.began
            found.append(Measured(FIGURES[f"{group}.duration"], seconds, of))
        return [*found, *self._measured]

    def _last_ok(self, code: int) -> float | None:
        if code == 0:
            return datetime.now(timezone.utc).timestamp()
        if self.last_ok_at:
            return self.last_ok_at.timestamp()
        # a database that does not answer cannot tell; the file of the run before can
        return last_ok_in(self._file) if self._file else None


class StatsD:
    """A StatsD server, told by datagrams: whether anybody listens makes no difference.

    Its name is looked up while the run is at work, so that a name server may take its time.
    """

    def __init__(self, host: str, port: int, prefix: str) -> None:
        self._host, self._port, self._prefix = host, port, prefix
        self._addresses: list[Any] = []
        self._looking = threading.Thread(target=self._look_up, daemon=True)
        self._looking.start()

    def _look_up(self) -> None:
        # ValueError: a name that can be none, as `statsd..example.com`
        with suppress(OSError, ValueError):
            self._addresses = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)

    def address(self) -> tuple[Any, Any] | None:
        """The family and the address of a socket; None if the name is not known in time."""
        self._looking.join(LOOK_UP_SECONDS)
        # nobody answers a datagram that went to the wrong one of two: most listen on IPv4
        found = sorted(self._addresses, key=lambda each: each[0] != socket.AF_INET)
        return (found[0][0], found[0][4]) if found else None

    def send(self, measured: list[Measured]) -> None:
        """Send everything; raises OSError where it cannot even be sent."""
        found = self.address()
        if found is None:
            raise OSError(f"the name {self._host} is not known")
        family, address = found
        now = time.time()
        lines = [statsd_line(each, self._prefix, now) for each in measured]
        with socket.socket(family, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            for datagram in datagrams(lines):
                channel.sendto(datagram, address)


def statsd_line(measured: Measured, prefix: str, now: float) -> str:
    """One figure in StatsD's words: gauges, counters, and durations in milliseconds."""
    figure, value = measured.figure, measured.value
    kind = {COUNT: "c", SECONDS: "ms"}.get(figure.kind, "g")
    if figure.kind == SECONDS:
        value = round(value * 1000)
    elif figure.kind == MOMENT:
        # below zero it would be taken for a difference
        value = max(0, round(now - value))
    return f"{figure.statsd_name(prefix, measured.of)}:{value}|{kind}"


def datagrams(lines: list[str]) -> Iterator[bytes]:
    """The lines in as few datagrams as fit, each at most LONGEST_DATAGRAM bytes."""
    together = b""
    for line in (each.encode() for each in lines):
        if together and len(together) + 1 + len(line) > LONGEST_DATAGRAM:
            yield together
            together = b""
        together = together + b"\n" + line if together else line
    if together:
        yield together


def exposition(measured: list[Measured]) -> str:
    """The figures in Prometheus' text format. All are gauges: the next run begins anew."""
    lines = []
    for figure in FIGURES.values():
        values = [each for each in measured if each.figure is figure]
        if not values:
            continue
        name = figure.exported_name()
        lines += (f"# HELP {name} {figure.means}.", f"# TYPE {name} gauge")
        for each in values:
            label = f'{{{figure.label}="{_escaped(each.of or "")}"}}' if figure.label else ""
            lines.append(f"{name}{label} {round(each.value, 3)}")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    """A label's value as the format wants it."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def write_file(path: Path, measured: list[Measured]) -> None:
    """Put the file into the place of the one before, whole and readable by all.

    Its collector runs as another user, and may read at any moment. Raises OSError.
    """
    # a name that the collector passes over, in the folder in which a renaming is one step
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(exposition(measured))
        os.replace(name, path)
    except OSError:
        with suppress(OSError):
            os.unlink(name)
        raise


def last_ok_in(path: Path) -> float | None:
    """When the last good run ended, as the file of an earlier run has it."""
    name = FIGURES["run.last_ok"].exported_name()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    found = re.search(rf"^{name} ([0-9.]+)$", text, re.MULTILINE)
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None
