"""`python -m pipeline …` without the seconds of its imports: forked from a process that has them.

In the folder of a project, `python warm.py` reads a line of JSON for each command and answers with
two: the process's id, and how it ended. The forked process has its own environment, output and
exit, as one that is started anew. What depends on the start of Python itself (its locale, its own
options) is not tested this way.
"""

import atexit
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


class WarmProcess:
    """One process in a project's folder, out of which commands are forked."""

    # of the command that runs
    pid: int | None = None

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, arguments: tuple[str, ...], environment: dict[str, str], folder: Path, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run one command; its output goes by way of files in `folder`."""
        paths = [folder / name for name in ("stdout", "stderr")]
        request = {
            "arguments": arguments,
            "environment": environment,
            "outputs": [str(path) for path in paths],
            "timeout": timeout,
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        self.pid = json.loads(self._process.stdout.readline())
        answer = json.loads(self._process.stdout.readline())
        self.pid = None
        said = [path.read_text(encoding="utf-8") for path in paths]
        if answer is None:
            raise subprocess.TimeoutExpired(arguments, timeout, *said)
        return subprocess.CompletedProcess(arguments, answer, *said)

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _serve() -> None:
    sys.path.insert(0, os.getcwd())
    import dbt.adapters.postgres
    import dbt.cli.main  # noqa: F401

    import pipeline.page  # noqa: F401
    from pipeline.__main__ import main

    is_warm = False
    for line in sys.stdin:
        request = json.loads(line)
        if not is_warm and request["arguments"][:1] in (["run"], ["build"]):
            _let_dbt_make_its_classes()
            is_warm = True
        child = os.fork()
        if not child:
            _become(request, main)
        print(child, flush=True)
        print(json.dumps(_ended(child, request["timeout"])), flush=True)


def _let_dbt_make_its_classes() -> None:
    """Read the project once, into nowhere.

    dbt makes the JSON schemas and the readers of its classes when it first meets each: half of the
    10 s of processor time that a project takes which was not read before.
    """
    from dbt.cli.main import dbtRunner

    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile("profiles.example.yml", Path(folder, "profiles.yml"))
        os.environ["PGHOST"] = "nowhere"
        # the static parser has threads, which a fork loses
        arguments = ["--no-static-parser", "--log-path", folder, "--log-level", "none", "parse",
                     "--profiles-dir", folder, "--target-path", folder]  # fmt: skip
        # anew, and again from what the first time has kept
        for _ in range(2):
            # a mistake that a test has made there is told by the command
            dbtRunner().invoke(arguments)
    # the commands need not look through it for garbage
    gc.collect()
    gc.freeze()


def _become(request: dict[str, Any], main: Any) -> None:
    """In the forked process: be the command, and end as it ends."""
    code = 1
    try:
        for number, path in zip((0, 1, 2), (os.devnull, *request["outputs"]), strict=True):
            flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(path, flags, 0o600), number)
        os.environ.clear()
        os.environ.update(request["environment"])
        time.tzset()
        sys.argv = ["pipeline", *request["arguments"]]
        code = main(request["arguments"])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


def _ended(child: int, timeout: float) -> int | None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return None


if __name__ == "__main__":
    _serve()
