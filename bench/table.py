"""The measurements as a table, and what was to be reached beside what was."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass

from rich.table import Table

from bench.case import Measured

FLOOR, FULL, QUIET, SWEEP, CHANGED, SHORT_PAGES = CASES = (
    "floor", "full", "nothing changed", "nothing changed, sweep", "1 % changed",
    "full, pages of 200",
)  # fmt: skip

FLOORS_SHARE, ISSUES_A_SECOND, FLOORS_SHARE_AT_150_MS = 0.6, 3_750, 3
QUIET_REQUESTS, QUIET_SHARE, QUIET_SECONDS, IDS_A_PAGE = 10, 0.05, 5, 1_000
PEAK_MB, FLAT = 400, 1.15
REQUESTS_AN_ISSUE, REQUESTS_AN_ISSUE_SHORT_PAGES = 0.03, 0.07


@dataclass(frozen=True)
class Row:
    """One case over a company of `size` issues at a latency."""

    size: int
    latency_ms: int
    name: str
    boards: int
    measured: Measured
    server_seconds: float

    @property
    def case(self) -> tuple[int, int, str]:
        return self.size, self.latency_ms, self.name

    @property
    def speed(self) -> float:
        """Issues a second, their activities included."""
        return self.size / self.measured.wall_seconds

    @property
    def is_whole(self) -> bool:
        """Whether the case loads everything, so that rates say something."""
        return self.name in (FLOOR, FULL, SHORT_PAGES)

    @property
    def requests_an_issue(self) -> float:
        return self.measured.requests / self.size

    def line(self) -> str:
        """The row while the others are still to come."""
        m = self.measured
        return (
            f"{self.size:,} issues at {self.latency_ms} ms, {self.name}: {m.wall_seconds:.1f} s, "
            f"{m.requests} requests, {m.peak_mb:.0f} MB"
        )

    def cells(self) -> list[str]:
        m = self.measured
        return [
            f"{self.size:,}", f"{self.latency_ms}", self.name, f"{m.wall_seconds:.1f}",
            f"{self.speed:,.0f}" if self.is_whole else "",
            f"{m.activities / m.wall_seconds:,.0f}" if self.is_whole else "",
            f"{m.issues:,}", f"{m.activities:,}", f"{m.requests:,}",
            f"{self.requests_an_issue:.4f}" if self.is_whole else "",
            f"{m.cpu_seconds:.1f}", f"{self.server_seconds:.1f}", f"{m.peak_mb:.0f}",
        ]  # fmt: skip


COLUMNS = (
    "company", "ms", "case", "wall s", "issues/s", "activ./s", "issues", "activities",
    "requests", "an issue", "own CPU s", "server CPU s", "peak MB",
)  # fmt: skip


def measurements(rows: list[Row]) -> Table:
    """One line a case."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    table = Table(
        title="Loads of the simulated YouTrack, 10 activities an issue",
        caption=f"{os.cpu_count()} cores, shared with the server and PostgreSQL, both of their own "
        f"process; Python {platform.python_version()}; load averages at the end {load}",
    )
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "case" else "right")
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        is_last = after is None or row.case[:2] != after.case[:2]
        table.add_row(*row.cells(), end_section=is_last)
    return table


def targets(rows: list[Row]) -> Table:
    """What was to be reached, what was measured, and whether that reaches it."""
    table = Table(title="Targets")
    for column in ("issues", "ms", "what", "target", "measured", ""):
        table.add_column(column, justify="left" if column in ("what", "") else "right")
    for size, latency, what, target, measured, is_reached in _targets(rows):
        verdict = "[green]reached[/green]" if is_reached else "[bold red]missed[/bold red]"
        table.add_row(f"{size:,}", str(latency), what, target, measured, verdict)
    return table


Target = tuple[int, int, str, str, str, bool]


def _targets(rows: list[Row]) -> Iterator[Target]:
    by_case = {row.case: row for row in rows}
    for size, latency, name in by_case:
        if name == FULL:
            cases = {each: by_case.get((size, latency, each)) for each in CASES}
            for target in _of_one(latency, cases):
                yield size, latency, *target
    peaks = {r.size: r.measured.peak_mb for r in rows if r.name == FULL and not r.latency_ms}
    if len(peaks) > 1:
        small, large = min(peaks), max(peaks)
        growth = peaks[large] / peaks[small]
        what = f"peak memory, times that of {small:,} issues"
        yield large, 0, what, f"<= {FLAT}", f"{growth:.2f}", growth <= FLAT


def _of_one(latency: int, cases: dict[str, Row | None]) -> Iterator[tuple[str, str, str, bool]]:
    """The targets of one size and latency."""
    floor, full, quiet, sweep = cases[FLOOR], cases[FULL], cases[QUIET], cases[SWEEP]
    share = full.speed / floor.speed
    if latency in (0, 150):
        least = FLOORS_SHARE_AT_150_MS if latency else FLOORS_SHARE
        yield "full load, times the floor's speed", f">= {least}", f"{share:.2f}", share >= least
    if not latency:
        fast = full.speed >= ISSUES_A_SECOND
        yield "full load, issues/s", f">= {ISSUES_A_SECOND:,}", f"{full.speed:,.0f}", fast
    yield _most("full load, peak MB", PEAK_MB, full.measured.peak_mb, ".0f")
    yield _most("full load, requests/issue", REQUESTS_AN_ISSUE, full.requests_an_issue, ".4f")
    if short := cases[SHORT_PAGES]:
        what = "the same, activity pages of 200"
        yield _most(what, REQUESTS_AN_ISSUE_SHORT_PAGES, short.requests_an_issue, ".4f")
    allowed = QUIET_REQUESTS + full.boards
    yield _most("nothing changed, requests", allowed, quiet.measured.requests, "d")
    allowed += math.ceil(full.size / IDS_A_PAGE)
    yield _most("the same with the daily sweep", allowed, sweep.measured.requests, "d")
    seconds = max(QUIET_SECONDS, QUIET_SHARE * full.measured.wall_seconds)
    yield _most("nothing changed, seconds", seconds, quiet.measured.wall_seconds, ".1f")


def _most(what: str, most: float, measured: float, form: str) -> tuple[str, str, str, bool]:
    limit = f"{most:.3g}"
    return what, f"<= {limit}", f"{measured:{form}}", measured <= most
