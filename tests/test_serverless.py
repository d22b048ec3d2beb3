"""The cloud function: a run in a read-only tree, where nothing but the temporary folder is written.

There is no function to be had here. What is like one: no folder but one may be written, there is
no /dev/shm, no home, a time limit, and a temporary folder that may be that of the call before.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import REPOSITORY, PostgresServer, clean_environment, source_environment
from test_deploy import _copied

from demo.youtrack.server import Server
from deploy.serverless import handler
from pipeline.record import LOCK_KEY

# one call, as the service makes it; what takes over answers with a line of JSON
CALL = """
import json, resource, sys
sys.path.insert(0, sys.argv[1])
import handler

class Context:
    def get_remaining_time_in_millis(self):
        return float(sys.argv[2]) * 60_000

try:
    answer = handler.handle({}, Context())
except RuntimeError as error:
    answer = {"error": str(error)}
answer["memory"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps(answer), file=sys.stderr)
"""

# the whole system read-only but for one folder, and no shared memory
READ_ONLY = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount --bind "$2" /dev/shm
mount -o remount,ro,bind /dev/shm
mount -o remount,ro,bind /
shift 2
exec "$@"
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The function's package, but for the libraries: without a bit that lets anybody write."""
    folder = tmp_path_factory.mktemp("function") / "package"
    folder.mkdir()
    shutil.copy(REPOSITORY / "deploy" / "serverless" / "handler.py", folder)
    for name in handler.PROJECT:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode & 0o555)
    return folder


class Function:
    """The package where it may write to its temporary folder alone."""

    def __init__(self, package: Path, folder: Path, environment: dict[str, str]) -> None:
        self.package, self.environment = package, environment
        self.temporary, self.nothing = folder / "tmp", folder / "nothing"
        self.temporary.mkdir()
        self.nothing.mkdir()
        self.said = ""

    def call(self, minutes: float = 15, **changes: str) -> dict[str, str]:
        command = [sys.executable, "-B", "-c", CALL, str(self.package), str(minutes)]
        if os.geteuid() == 0:
            if subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0:
                pytest.skip("this root may not mount: the read-only tree was not tried")
            command = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh",
                       str(self.temporary), str(self.nothing), *command]  # fmt: skip
        environment = clean_environment({**self.environment, **changes})
        environment |= {"TMPDIR": str(self.temporary), "HOME": "/nonexistent"}
        for name in ("PYTHONUTF8", "LANG", "LC_ALL"):
            environment.pop(name, None)
        called = subprocess.run(
            command, cwd="/", env=environment, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        self.said = called.stdout + called.stderr
        assert called.returncode == 0, self.said[-3000:]
        return json.loads(called.stderr.splitlines()[-1])


@pytest.fixture
def function(
    package: Path, tmp_path: Path, server: PostgresServer, database: str, youtrack: Server
) -> Function:
    given = {**server.environment(database), **source_environment(youtrack)}
    del given["DBT_TARGET_PATH"]
    return Function(package, tmp_path, given)


def lacking(folder: Path) -> Path:
    """A folder in whose presence what docs/operations.md leaves out of the package is not there."""
    for name in left_out():
        (folder / "lacking" / name).mkdir(parents=True)
        text = f"raise ImportError('there is no {name}')"
        (folder / "lacking" / name / "__init__.py").write_text(text)
    return folder / "lacking"


def left_out() -> list[str]:
    page = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    (names,) = re.findall(r"rm -r function/\{(.+)\}$", page, re.MULTILINE)
    assert names.count(",") > 1
    return names.split(",")


def test_a_function_does_a_run_and_what_ends_badly_is_its_error(
    function: Function, server: PostgresServer, database: str, tmp_path: Path
) -> None:
    # time is up at once: the run says so itself, before the service would end it
    cut = function.call(minutes=1.02)
    assert cut["error"].startswith("the run ended NOK, exit code 1: ")
    assert "RUN_TIMEOUT_MINUTES=0.02" in function.said
    # in the same temporary folder
    good = function.call(PYTHONPATH=str(lacking(tmp_path)))
    assert (good["statusCode"], good["body"]) == (200, "OK"), function.said[-3000:]
    assert "warning: the report page was not written: there is no" in function.said
    assert 0 < good["memory"] < 1024, "a function of 1 GB has room for it"
    with closing(server.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("select array_agg(status order by started_at) from ops.pipeline_runs")
        assert cursor.fetchone()[0] == ["NOK", "OK"]
        cursor.execute("select count(*), (select status from marts.pipeline_status) "
                       "from marts.fct_issues")  # fmt: skip
        assert cursor.fetchone() == (400, "OK")
        cursor.execute("select pg_advisory_lock(%s)", (LOCK_KEY,))
        other = function.call()
    assert (other["statusCode"], other["body"]) == (200, "another run is at work")
    assert [path.name for path in function.temporary.iterdir()] == ["lead-time"]
    written = {path.name for path in (function.temporary / "lead-time" / ".local").iterdir()}
    assert {"dbt", "dlt", "target", "logs"} <= written


def test_the_package_holds_what_the_image_holds() -> None:
    copied = {source.rstrip("/") for source, _ in _copied()}
    # a function has no page to serve
    assert set(handler.PROJECT) == copied - {"requirements.txt", "wall"}
    page = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if "deploy/serverless/handler.py" in line]
    assert set(handler.PROJECT) <= set(line.split())


def test_the_run_s_limit_is_the_function_s_less_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    def limit(context: object) -> float:
        return float(handler._variables(Path("x"), context)["RUN_TIMEOUT_MINUTES"])

    ten = SimpleNamespace(get_remaining_time_in_millis=lambda: 600_000)
    assert (limit(ten), limit(None)) == (9, 14)
    assert limit(SimpleNamespace(get_remaining_time_in_millis=lambda: 5)) > 0
    monkeypatch.setenv("RUN_TIMEOUT_MINUTES", "5")
    assert limit(ten) == 5
