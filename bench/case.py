"""One measured load, in a process of its own; the order comes over standard input, as JSON."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Measured:
    """What one load did and took."""

    issues: int
    activities: int
    requests: int
    wall_seconds: float
    # of the loading process: not of the server's, nor of PostgreSQL's
    cpu_seconds: float
    peak_mb: float


def measure(loader: str, **order: Any) -> Measured:
    """Have a load done by another process, which begins with nothing in its memory."""
    completed = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "bench.case"],
        input=json.dumps({"loader": loader, **order}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Measured(**json.loads(completed.stdout.splitlines()[-1]))


def main() -> None:
    order = json.load(sys.stdin)
    loaders = {
        "floor": _floor, "extractor": _extractor, "changelogs": _changelogs,
        "yandex_tracker": _yandex_tracker, "zabbix": _zabbix,
    }  # fmt: skip
    load = loaders[order.pop("loader")](**order)
    began, cpu = time.monotonic(), time.process_time()
    issues, activities, requests = load()
    wall, cpu = time.monotonic() - began, time.process_time() - cpu
    measured = Measured(issues, activities, requests, wall, cpu, _peak_mb())
    print(json.dumps(asdict(measured)))


def _floor(url: str, token: str, dsn: str) -> Any:
    from bench.floor import Floor

    floor = Floor(url, token, dsn)

    def load() -> tuple[int, int, int]:
        issues, activities = floor.load()
        return issues, activities, floor.requests

    return load


def _extractor(
    url: str, token: str, dsn: str, folder: str, sweep: bool | None = None,
    activities_a_page: int | None = None,
) -> Any:  # fmt: skip
    # imported here: the floor is measured without it
    from extract.youtrack import load as youtrack
    from extract.youtrack import paging

    if activities_a_page:
        paging.ACTIVITIES_A_PAGE = activities_a_page
    return lambda: _counts(youtrack.load(youtrack.Source(url, token), _order(dsn, folder, sweep)))


def _changelogs(**source: Any) -> Any:
    from bench.changelogs import Changelogs

    floor = Changelogs(_source(**source))

    def load() -> tuple[int, int, int]:
        floor.load()
        return 0, 0, floor.requests

    return load


def _yandex_tracker(dsn: str, folder: str, **source: Any) -> Any:
    from extract.yandex_tracker.load import load

    tracker = _source(**source)
    return lambda: _counts(load(tracker, _order(dsn, folder, None)))


def _source(url: str, token: str, organisation: str, parallel: int) -> Any:
    from extract.yandex_tracker.load import Source

    return Source(token, organisation, url, parallel_requests=parallel)


def _zabbix(url: str, token: str, dsn: str, folder: str) -> Any:
    from extract.zabbix import load as zabbix

    def load() -> tuple[int, int, int]:
        report = zabbix.load(zabbix.Source(url, token), _order(dsn, folder, None))
        return report.events_loaded, 0, report.requests

    return load


def _order(dsn: str, folder: str, sweep: bool | None) -> Any:
    from extract.tracker import Load

    now = datetime.now(timezone.utc)
    return Load(
        dsn=dsn,
        run_id=f"bench_{now:%H%M%S%f}",
        as_of=now,
        working_dir=Path(folder),
        on_progress=lambda *_: None,
        sweep=sweep,
    )


def _counts(report: Any) -> tuple[int, int, int]:
    return report.issues_loaded, report.activities_loaded, report.requests


def _peak_mb() -> float:
    """Of the largest process among this one and its children, if it has any."""
    people = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(who).ru_maxrss for who in people)
    # macOS counts bytes, Linux kilobytes
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    main()
