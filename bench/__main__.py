"""`python -m bench`: one command, one table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg2
from rich.console import Console

from bench.case import measure
from bench.server import SimulatedTracker, simulated_tracker
from bench.table import (
    CHANGED,
    FLOOR,
    FULL,
    QUIET,
    SHORT_PAGES,
    SWEEP,
    Row,
    measurements,
    targets,
)
from pipeline import embedded

# of a table that goes to a file
WIDTH = 150


class Bench:
    """Loads of one simulated YouTrack into databases of one PostgreSQL, each row as it is made."""

    def __init__(self, console: Console, host: Path, folder: Path, repeat: int) -> None:
        self._console = console
        self._host = host
        self._folder = folder
        self._repeat = repeat
        self.rows: list[Row] = []

    def measure(self, issues: int, latencies: list[int]) -> None:
        """Every case over a company of so many issues, at each latency (ms a request)."""
        with simulated_tracker("youtrack", issues) as youtrack:
            for latency in latencies:
                youtrack.order(f"latency {latency}")
                self._cases(youtrack, issues, latency)

    def _cases(self, youtrack: SimulatedTracker, issues: int, latency: int) -> None:
        # each run reads the last hours of change again: let them hold as few as a tracker's do
        youtrack.order(f"edit {issues // 1000}")
        # in turn, so that a busy minute of the machine does not hit one side only
        for _ in range(self._repeat):
            self._case(youtrack, issues, latency, FLOOR, fresh=True)
            self._case(youtrack, issues, latency, FULL, fresh=True)
        self._case(youtrack, issues, latency, QUIET)
        self._case(youtrack, issues, latency, SWEEP, sweep=True)
        youtrack.order(f"edit {issues // 100}")
        self._case(youtrack, issues, latency, CHANGED)
        if not latency and issues <= 20_000:
            self._case(youtrack, issues, latency, SHORT_PAGES, fresh=True, activities_a_page=200)

    def _case(
        self, youtrack: SimulatedTracker, issues: int, latency: int, name: str,
        *, fresh: bool = False, **options: object,
    ) -> None:  # fmt: skip
        before = youtrack.seconds()
        loader = "floor" if name == FLOOR else "extractor"
        if loader == "extractor":
            options["folder"] = str(self._folder / "dlt")
        dsn = self.database(loader, fresh=fresh)
        measured = measure(loader, url=youtrack.url, token=youtrack.token, dsn=dsn, **options)
        row = Row(
            issues, latency, name, youtrack.told["boards"], measured, youtrack.seconds() - before
        )
        self._console.print(row.line(), style="dim", highlight=False)
        self._keep(row)

    def _keep(self, row: Row) -> None:
        """Of a case that was measured repeatedly, its fastest time counts."""
        for place, earlier in enumerate(self.rows):
            if earlier.case == row.case:
                if row.measured.wall_seconds < earlier.measured.wall_seconds:
                    self.rows[place] = row
                return
        self.rows.append(row)

    def database(self, name: str, *, fresh: bool) -> str:
        connection = psycopg2.connect(self._dsn("postgres"))
        connection.autocommit = True
        with connection.cursor() as cursor:
            if fresh:
                cursor.execute(f"drop database if exists {name} with (force)")
                cursor.execute(f"create database {name}")
            # what was written before must not be flushed in the next one's time
            cursor.execute("checkpoint")
        connection.close()
        return self._dsn(name)

    def _dsn(self, database: str) -> str:
        host = quote(str(self._host), safe="")
        return f"postgresql://{embedded.SUPERUSER}:none@{host}:{embedded.PORT}/{database}"


@contextmanager
def postgresql() -> Iterator[tuple[Path, Path]]:
    """A PostgreSQL of its own: its socket's folder, and a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        data = folder / "postgres"
        try:
            yield embedded.start(data), folder
        finally:
            embedded.stop(data)


def main() -> int:
    if sys.argv[1:2] == ["build"]:
        # imported here: it needs what is above
        from bench import build

        return build.main(sys.argv[2:])
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog="python -m bench build --help: the models and tests over many issues.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="only 20,000 issues without latency (a minute)"
    )
    parser.add_argument(
        "--repeat", type=int, default=1, metavar="N",
        help="measure the floor and the full load so often; the fastest counts (default 1)",
    )  # fmt: skip
    parser.add_argument("--issues", type=int, help="another size instead, without latency")
    options = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    with postgresql() as (host, folder):
        bench = Bench(console, host, folder, options.repeat)
        if options.issues:
            bench.measure(options.issues, [0])
        else:
            bench.measure(20_000, [0] if options.quick else [0, 50, 150])
            if not options.quick:
                bench.measure(100_000, [0])
    console.print(measurements(bench.rows))
    console.print(targets(bench.rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
