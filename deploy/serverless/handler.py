"""One run as a cloud function, whose handler is `handler.handle`; a timer calls it.

How its package is made, and which limits it meets: docs/operations.md, "As a function".

A package is read-only, and a run writes beside its project: so the project, not its libraries, is
copied to the temporary folder first. The run is a process of its own, because it may end itself
hard when its time is up, and because whatever it leaves in memory goes with it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent
# what a run needs of the project
PROJECT = (
    "dbt_project", "dbt_project.yml", "extract", "pipeline", "profiles.example.yml", "report",
)  # fmt: skip
# of a function that may take 15 minutes, with what a run needs to write down that time is up
LONGEST_MINUTES = 14
SPARE_MINUTES = 1

ANOTHER_RUN_IS_AT_WORK = 75


def handle(event: Any, context: Any) -> dict[str, Any]:
    """Do one run with the settings of the function's environment.

    Raises RuntimeError where it does not end well: that is what a function's alarm listens to.
    """
    project = Path(tempfile.gettempdir()) / "lead-time"
    for name in PROJECT:
        _copy(PACKAGE / name, project / name)
    ended = subprocess.run(  # noqa: S603  (our own module)
        [sys.executable, "-m", "pipeline", "run"],
        cwd=project,
        env={**os.environ, **_variables(project / ".local", context)},
        check=False,
    )
    if ended.returncode == ANOTHER_RUN_IS_AT_WORK:
        return {"statusCode": 200, "body": "another run is at work"}
    if ended.returncode != 0:
        raise RuntimeError(
            f"the run ended NOK, exit code {ended.returncode}: "
            "what it said stands above, and in ops.pipeline_runs"
        )
    return {"statusCode": 200, "body": "OK"}


def _copy(source: Path, target: Path) -> None:
    """Copy without the source's rights: what may not be written could not be copied over again.

    The folder may be that of an earlier call.
    """
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        for child in source.iterdir():
            if child.name != "__pycache__":
                _copy(child, target / child.name)
    else:
        shutil.copyfile(source, target)


def _variables(local: Path, context: Any) -> dict[str, str]:
    return {
        # the libraries, which lie beside this file or in a layer; the project itself comes first
        "PYTHONPATH": os.pathsep.join([str(PACKAGE), *filter(None, sys.path)]),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "HOME": str(local),
        "DBT_TARGET_PATH": str(local / "target"),
        "DBT_LOG_PATH": str(local / "logs"),
        "RUN_TIMEOUT_MINUTES": os.environ.get("RUN_TIMEOUT_MINUTES") or _minutes(context),
    }


def _minutes(context: Any) -> str:
    """How long the run may take: where the function's context tells its time, up to the last."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    minutes = left() / 60_000 - SPARE_MINUTES if left else LONGEST_MINUTES
    return f"{max(minutes, 0.01):.2f}"
