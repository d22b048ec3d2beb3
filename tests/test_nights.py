"""Nights that go wrong, and the morning after each: whole runs, as a scheduler starts them.

The company is edited between the evening's good run and the night, so that marts which stayed as
they were and marts of the next run are told apart.
"""

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from conftest import PostgresServer, Project, clean_environment, copy_project, source_environment
from reference import KEYS, compare, read_marts
from test_alarm import Hook
from test_run import LAST_RUN, value
from warm import WarmProcess

from demo.company import Company
from demo.youtrack.server import Server, start
from pipeline import embedded

pytestmark = pytest.mark.slow

AS_OF = "{as_of: 2026-06-27T12:00:00+00:00}"
DISK = "1g"
FOLDER = "6m"
NO_SPACE = "No space left on device"
# One name for all: dbt parses the project anew when the profile names another database.
DATABASE = "night"

Marts = dict[str, list[dict]]
Accident = Callable[[], None]


@dataclass
class House:
    """A PostgreSQL that may fall, a YouTrack that may be down, a copy of the project."""

    data: Path
    has_small_disk: bool
    project: Project
    youtrack: Server
    server: PostgresServer
    evening: Marts
    clean: Marts

    def restart(self) -> None:
        embedded.stop(self.data)
        embedded.start(self.data)


def mounted(folder: Path, size: str) -> bool:
    """Put a small disk of its own at `folder`; whether this machine lets us."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        return False
    folder.chmod(0o755)
    return True


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[bool]:
    """A small disk at `folder` while the block lasts, where mounting is allowed."""
    is_mounted = mounted(folder, size)
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def execute(server: PostgresServer, *statements: str) -> None:
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def loaded(project: Project, server: PostgresServer, youtrack: Server, name: str) -> Marts:
    """The marts of a good run over an empty database, which is then called `name`."""
    execute(server, f"create database {DATABASE}")
    environment = {**server.environment(DATABASE), **source_environment(youtrack)}
    completed = project.run("run", "--vars", AS_OF, environment=environment)
    assert completed.returncode == 0, completed.stderr[-3000:]
    with closing(server.connect(DATABASE)) as connection:
        marts = read_marts(connection)
    execute(server, f"alter database {DATABASE} rename to {name}")
    return marts


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    disk = tmp_path_factory.mktemp("disk")
    project = copy_project(tmp_path_factory.mktemp("clone"))
    come_back_sooner(project)
    project = replace(project, warm=WarmProcess(project.root, clean_environment()))
    company = Company(issues=80, seed=3, today="2026-06-17")
    with small_disk(disk, DISK) as is_small, start(company) as youtrack:
        server = PostgresServer(host=str(embedded.start(disk / "data")))
        try:
            evening = loaded(project, server, youtrack, "evening")
            company.random_edits(random.Random(3), 30, deletions=False)
            clean = loaded(project, server, youtrack, "clean")
            assert evening != clean
            yield House(disk / "data", is_small, project, youtrack, server, evening, clean)
        finally:
            project.warm.close()
            embedded.stop(disk / "data")


def come_back_sooner(project: Project) -> None:
    """As often as ever, after a tenth of the minute that a source which is down is waited for."""
    client = project.root / "extract" / "client.py"
    text, waits = client.read_text(encoding="utf-8"), "first_wait_seconds: float = 0.5\n"
    assert waits in text
    client.write_text(text.replace(waits, waits.replace("0.5", "0.05")), encoding="utf-8")


@dataclass
class Night:
    """The database as the evening's run left it, and the hook that hears of its nights."""

    house: House
    hook: Hook

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.house.server.environment(DATABASE),
            **source_environment(self.house.youtrack),
            "RUN_ALERT_WEBHOOK_URL": self.hook.url,
        }

    def run(self, **changes: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **changes}
        return self.house.project.run("run", "--vars", AS_OF, environment=environment)

    def run_with_accident_in_load(self, accident: Accident) -> subprocess.CompletedProcess[str]:
        """A run during whose load, before the changes are answered, the accident happens."""
        happened = self.house.youtrack.fault("call", r"/activitiesPage$", change=accident)
        completed = self.run()
        assert happened.hits == 1
        return completed

    def run_with_accident_in_build(self, accident: Accident) -> subprocess.CompletedProcess[str]:
        """A run during whose build the accident happens."""
        with closing(self.house.server.connect(DATABASE)) as connection:
            # what a bad night before left is no sign of this one
            connection.cursor().execute("drop schema if exists marts_next cascade")
        running = self.house.project.running("run", "--vars", AS_OF, environment=self.environment)
        with running as run:
            is_building = "select to_regnamespace('marts_next') is not null"
            while not self.value(is_building):
                assert not run.done(), run.result()
                time.sleep(0.05)
            accident()
            return run.result()

    def value(self, query: str):
        return value(self.house.server, DATABASE, query)

    def marts(self) -> Marts:
        with closing(self.house.server.connect(DATABASE)) as connection:
            return read_marts(connection)

    def told(self) -> list[str]:
        """What the hook has heard since it was asked last."""
        heard = [message["text"] for message in self.hook.received]
        self.hook.received.clear()
        return heard

    def assert_bad(self, completed: subprocess.CompletedProcess[str], code: int, why: str) -> None:
        """NOK for this reason wherever it is told, once to the hook; the marts are kept."""
        assert completed.returncode == code, completed.stderr[-3000:]
        assert why in completed.stderr
        assert "Traceback" not in completed.stderr
        assert completed.stdout.rstrip().splitlines()[-1].startswith("NOK")
        (told,) = self.told()
        assert "NOK" in told and why in told
        assert self.marts() == self.house.evening
        assert self.value(LAST_RUN.format("status")) == "NOK"
        assert why in self.value(LAST_RUN.format("error"))
        assert self.value("select status from marts.pipeline_status") == "NOK"
        assert why in self.value("select error from marts.pipeline_status")

    def assert_well_in_the_morning(self) -> None:
        """The next run is OK, says so to the hook, and its marts are those of a clean load."""
        completed = self.run()
        assert completed.returncode == 0, completed.stderr[-3000:]
        (told,) = self.told()
        assert "OK again" in told
        marts = self.marts()
        for mart, key in KEYS.items():
            assert compare(self.house.clean[mart], marts[mart], key) == [], mart
        assert self.value("select status from marts.pipeline_status") == "OK"


@pytest.fixture
def night(house: House) -> Iterator[Night]:
    (house.project.root / ".local" / "alarm.json").unlink(missing_ok=True)
    execute(house.server, f"create database {DATABASE} template evening")
    hook = Hook()
    yield Night(house, hook)
    hook.stop()
    house.youtrack.faults.clear()
    execute(house.server, f"drop database {DATABASE} with (force)")


def fill(path: Path, left: int) -> None:
    """Leave at most so many bytes on the disk of `path`, where others write meanwhile."""
    size = 0
    with path.open("wb") as file:
        while (free := shutil.disk_usage(path.parent).free - left) > 0:
            step = min(free, 16 << 20)
            with suppress(OSError):
                os.posix_fallocate(file.fileno(), size, step)
                size += step


def test_nights_in_which_youtrack_is_down(night: Night) -> None:
    house = night.house
    house.youtrack.fault("status", status=503, count=None)
    night.assert_bad(night.run(), 3, "HTTP 503")
    house.youtrack.stop()
    try:
        night.assert_bad(night.run(), 3, "connection is refused")
    finally:
        house.youtrack = start(house.youtrack.tracker, port=house.youtrack.port)
    night.assert_well_in_the_morning()


def test_nights_in_which_the_disk_of_the_database_is_full(night: Night) -> None:
    house = night.house
    if not house.has_small_disk:
        pytest.skip("mounting a small disk is not allowed here")
    filler = house.data.parent / "filler"

    def fill_up() -> None:
        # with room in the log, without which PostgreSQL itself ends and names no disk to us
        execute(
            house.server,
            "set synchronous_commit = on",
            "select pg_switch_wal()",
            "create role filler",
            "drop role filler",
        )
        fill(filler, left=64 << 10)

    for run in (night.run_with_accident_in_load, night.run_with_accident_in_build):
        completed = run(fill_up)
        filler.unlink()
        night.assert_bad(completed, 4, NO_SPACE)
    night.assert_well_in_the_morning()


def test_nights_in_which_the_disk_of_the_working_folder_is_full(night: Night) -> None:
    folder = night.house.project.root / ".local"
    # as the files in deploy/ set them
    dbts = {"DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs")}
    with small_disk(folder, FOLDER) as is_small:
        if not is_small:
            pytest.skip("mounting a small disk is not allowed here")
        for left in (0, 64 << 10, 6 << 20):  # too little to begin, to parse; all is, to build
            fill(folder / "filler", left)
            night.assert_bad(night.run(**dbts), 1, NO_SPACE)
            (folder / "filler").unlink()
    night.assert_well_in_the_morning()


def test_nights_in_which_the_database_restarts_in_the_middle(night: Night) -> None:
    def cut_off() -> None:
        """The sessions of the run itself, which are lost for good; dbt's hold no such lock."""
        execute(
            night.house.server,
            "select pg_terminate_backend(pid) from pg_stat_activity where pid in ("
            "select pid from pg_locks where locktype = 'advisory')",
        )

    in_load, in_build = night.run_with_accident_in_load, night.run_with_accident_in_build
    night.assert_bad(in_load(night.house.restart), 4, "the database failed")
    for accident in (night.house.restart, cut_off):
        night.assert_bad(in_build(accident), 4, "the database failed")
    night.assert_well_in_the_morning()
