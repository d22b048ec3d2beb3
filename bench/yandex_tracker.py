"""`python -m bench.yandex_tracker`: loads of the simulated Tracker, a request an issue at least.

The measure of a first load is a bare loop that asks for as many changelogs with as many requests
at once, on the same machine, before and after it: the faster of the two. What the latency alone
would take, `issues x latency / parallel`, is told too; the loop takes longer, by the time that the
simulation itself needs for an answer.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from bench.__main__ import WIDTH, Bench, postgresql
from bench.case import Measured, measure
from bench.server import simulated_tracker
from demo.yandex_tracker.server import ORGANISATION

SHARE, QUIET_REQUESTS = 0.8, 15
ALONE, FULL, QUIET, CHANGED = "changelogs alone", "full", "nothing changed", "1 % changed"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.yandex_tracker", description=__doc__)
    parser.add_argument("--issues", type=int, default=2_000)
    parser.add_argument("--latency", type=int, default=50, metavar="MS")
    parser.add_argument("--parallel", type=int, default=4)
    options = parser.parse_args()
    cases: list[tuple[str, Measured]] = []
    with (
        postgresql() as (host, folder),
        simulated_tracker("yandex_tracker", options.issues) as tracker,
    ):
        tracker.order(f"edit {options.issues // 1000}")
        tracker.order(f"latency {options.latency}")
        dsn = Bench(Console(), host, folder, 1).database("yandex_tracker", fresh=True)
        for case in (ALONE, FULL, ALONE, QUIET, CHANGED):
            if case == CHANGED:
                tracker.order(f"edit {options.issues // 100}")
            order = {
                "url": tracker.url, "token": tracker.token, "organisation": ORGANISATION,
                "parallel": options.parallel,
            }  # fmt: skip
            if case == ALONE:
                cases.append((case, measure("changelogs", **order)))
            else:
                order |= {"dsn": dsn, "folder": str(folder / "dlt")}
                cases.append((case, measure("yandex_tracker", **order)))
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(_table(cases))
    least = options.issues * options.latency / 1000 / options.parallel
    alone = min(each.wall_seconds for case, each in cases if case == ALONE)
    found = dict(cases)
    full, quiet = found[FULL].wall_seconds, found[QUIET].requests
    console.print(f"{alone / full:.2f} of the changelogs alone (to be reached: {SHARE})")
    console.print(f"{least / full:.2f} of the latency alone (the changelogs: {least / alone:.2f})")
    console.print(f"{quiet} requests when nothing changed (at most {QUIET_REQUESTS})")
    return 0


def _table(cases: list[tuple[str, Measured]]) -> Table:
    table = Table("case", "wall s", "issues", "entries", "requests", "own CPU s", "peak MB")
    for case, measured in cases:
        table.add_row(
            case, f"{measured.wall_seconds:.1f}", f"{measured.issues:,}",
            f"{measured.activities:,}", f"{measured.requests:,}",
            f"{measured.cpu_seconds:.1f}", f"{measured.peak_mb:.0f}",
        )  # fmt: skip
    return table


if __name__ == "__main__":
    sys.exit(main())
