"""The simulated tracker of a benchmark, in a process of its own that obeys its standard input.

Each line of input is answered by one line of JSON: `edit N` lets a day pass and changes N issues,
`latency MS` makes each answer wait. The end of the input ends the process.
"""

from __future__ import annotations

import gc
import importlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

DAY = 86_400_000  # ms
SEED, TODAY, ACTIVITIES_AN_ISSUE = 1, "2026-06-01", 10


class SimulatedTracker:
    """The other end of the pipe."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.told = self._answer()
        self.url: str = self.told["url"]
        self.token: str = self.told["token"]

    def order(self, line: str) -> None:
        """Have something done, e.g. `edit 200` or `latency 50`."""
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        self._answer()

    def seconds(self) -> float:
        """The processor time that the server has taken so far."""
        return requests.get(f"{self.url}/demo/stats", timeout=60).json()["process_seconds"]

    def _answer(self) -> dict[str, Any]:
        return json.loads(self._process.stdout.readline())


@contextmanager
def simulated_tracker(face: str, issues: int) -> Iterator[SimulatedTracker]:
    """A company of so many issues with ten changes each, behind the API of a tracker (`youtrack`
    or `yandex_tracker`), while the block lasts."""
    command = [sys.executable, "-m", "bench.server", face, str(issues)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:  # noqa: S603
        try:
            yield SimulatedTracker(process)
        finally:
            process.terminate()


def serve(face: str, issues: int) -> None:
    # imported here: the parent, whose memory its children begin with, needs none of it
    from demo.company import Company

    start = importlib.import_module(f"demo.{face}.server").start
    company = Company(issues, SEED, TODAY, activities_per_issue=ACTIVITIES_AN_ISSUE)
    draw = random.Random(SEED)  # noqa: S311  (the same edits every time)
    with start(company, port=0) as server:
        gc.collect()
        gc.freeze()  # as `python -m demo`: looking through lasting objects would cost answers
        _tell(url=server.url, token=server.token, boards=len(company.boards))
        for line in sys.stdin:
            began = time.monotonic()
            order, number = line.split()
            if order == "edit":
                _edit(company, draw, int(number))
            elif order == "latency":
                server.latency_ms = float(number)
            _tell(order=order, seconds=time.monotonic() - began)


def _edit(company: Any, draw: random.Random, count: int) -> None:
    """A day later, change the summary or the state of issues drawn over the whole past."""
    company.advance(by=DAY)
    for number, issue in enumerate(draw.sample(company.issues_by_created(), count)):
        company.advance(by=1000)
        if number % 2:
            company.edit_summary(issue, f"Edited {number}")
        else:
            company.set_state(issue, draw.choice(issue.project.roles["state"].bundle.values))


def _tell(**words: Any) -> None:
    print(json.dumps(words), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
