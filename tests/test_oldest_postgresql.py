"""The oldest PostgreSQL that is promised, from Debian's package: a run, and every dbt unit test."""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PostgresServer, Project, source_environment

from demo.youtrack.server import Server
from pipeline.database import OLDEST_VERSION

BINARIES = next(iter(glob.glob(f"/usr/lib/postgresql/{OLDEST_VERSION}/bin")), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BINARIES is None, reason=f"PostgreSQL {OLDEST_VERSION} of the system's packages is not here"
    ),
]


@pytest.fixture(scope="module")
def oldest() -> Iterator[PostgresServer]:
    """A cluster of that version on a socket, in a locale that knows no Cyrillic letters."""
    folder = Path(tempfile.mkdtemp(prefix="lt15-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        owner = pwd.getpwnam(user)
        os.chown(folder, owner.pw_uid, owner.pw_gid)

    def execute(program: str, *arguments: str) -> None:
        subprocess.run(
            [f"{BINARIES}/{program}", *arguments],
            user=user,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    data = folder / "data"
    execute(
        "initdb", "-D", str(data), "-U", "postgres", "--auth", "trust", "--encoding", "UTF8",
        "--no-locale",
    )  # fmt: skip
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    execute("pg_ctl", "start", "-w", "-D", str(data), "-l", str(folder / "log"), "-o", options)
    try:
        yield PostgresServer(host=str(folder))
    finally:
        execute("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(data))
        shutil.rmtree(folder, ignore_errors=True)


def test_a_run_and_every_unit_test_pass_on_the_oldest_version(
    oldest: PostgresServer, project: Project, youtrack: Server, tmp_path: Path
) -> None:
    environment = {**oldest.environment("postgres"), **source_environment(youtrack)}
    completed = project.run("run", environment=environment)
    assert completed.returncode == 0, completed.stderr[-3000:]
    from warehouse import Warehouse

    Warehouse(oldest, "postgres", tmp_path).dbt("test", "--select", "test_type:unit")
