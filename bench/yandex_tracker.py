"""`python -m bench.yandex_tracker`: loads of the simulated Tracker, a request an issue at least.

What so many requests at this latency cost at least, `issues x latency / parallel`, is the measure.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from bench.__main__ import Bench, postgresql
from bench.case import measure
from bench.server import simulated_tracker
from demo.yandex_tracker.server import ORGANISATION

SHARE, QUIET_REQUESTS = 0.8, 15


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.yandex_tracker", description=__doc__)
    parser.add_argument("--issues", type=int, default=2_000)
    parser.add_argument("--latency", type=int, default=50, metavar="MS")
    parser.add_argument("--parallel", type=int, default=4)
    options = parser.parse_args()
    table = Table("case", "wall s", "issues", "entries", "requests", "own CPU s", "peak MB")
    with (
        postgresql() as (host, folder),
        simulated_tracker("yandex_tracker", options.issues) as tracker,
    ):
        tracker.order(f"edit {options.issues // 1000}")
        tracker.order(f"latency {options.latency}")
        dsn = Bench(Console(), host, folder, 1).database("yandex_tracker", fresh=True)
        found = {}
        for case in ("full", "nothing changed", "1 % changed"):
            if case == "1 % changed":
                tracker.order(f"edit {options.issues // 100}")
            found[case] = measured = measure(
                "yandex_tracker",
                url=tracker.url, token=tracker.token, dsn=dsn, folder=str(folder / "dlt"),
                organisation=ORGANISATION, parallel=options.parallel,
            )  # fmt: skip
            table.add_row(
                case, f"{measured.wall_seconds:.1f}", f"{measured.issues:,}",
                f"{measured.activities:,}", f"{measured.requests:,}",
                f"{measured.cpu_seconds:.1f}", f"{measured.peak_mb:.0f}",
            )  # fmt: skip
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(table)
    least = options.issues * options.latency / 1000 / options.parallel
    share = least / found["full"].wall_seconds
    quiet = found["nothing changed"].requests
    console.print(f"{share:.2f} of what the requests alone allow (to be reached: {SHARE})")
    console.print(f"{quiet} requests when nothing changed (at most {QUIET_REQUESTS})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
