"""The demo YouTrack for a run with nothing configured, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from extract.errors import RunError
from extract.pipeline import Source
from extract.settings import PROJECT_ROOT


@contextmanager
def simulated_youtrack() -> Iterator[Source]:
    """Serve the demo company while the block lasts.

    The process watches its stdin and ends with it, so it dies with this one, however that dies.
    """
    with subprocess.Popen(  # noqa: S603  (our own module)
        [sys.executable, "-m", "demo", "--port", "0", *_size()],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DEMO_EXIT_ON_EOF": "1"},
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield _source(line)
        finally:
            process.terminate()


def _size() -> list[str]:
    """DEMO_ISSUES is for measuring: the same run over a larger company."""
    issues = os.environ.get("DEMO_ISSUES")
    return ["--issues", issues] if issues else []


def _source(line: str) -> Source:
    """The address and the token from the line that the demo prints when it is ready."""
    words = line.replace("(", " ").replace(")", " ").split()
    url = next((word for word in words if word.startswith("http://")), None)
    token = next((word for word in words if word.startswith("perm")), None)
    if not url or not token:
        raise RunError(f"the demo YouTrack did not start; it said: {line.strip()!r}")
    return Source(url=url, token=token, projects=None)
