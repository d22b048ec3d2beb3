"""What the tests share: an embedded PostgreSQL, a simulated YouTrack, a fresh copy of the project.

No test reads the developer's own `.env`, database or YouTrack.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from extracting import Extraction, extraction, simulated
from pages import CHROMIUM, DRIVER
from parses import Parses, Place
from psycopg2 import sql
from warm import WarmProcess

from demo.company import Company
from demo.youtrack.server import Server, start
from extract.errors import UsageError
from extract.youtrack.address import identity
from pipeline import embedded
from pipeline.build import parse_vars
from report.browser import OPTIONS

REPOSITORY = Path(__file__).resolve().parent.parent
SAMPLES = REPOSITORY.parent / "shared" / "youtrack-samples"

# A path with spaces, Cyrillic letters and 150 characters: what users really have.
AWKWARD_NAME = "Отчёты по задачам и спринтам, всё важное/" * 4


# The files that take longest, which begin first: at the end, one worker would do them alone.
LONGEST = (
    "test_run", "test_nights", "test_extract_other_servers", "test_extract_guards",
    "test_extract_load", "test_extract_faults", "test_extract_census", "test_crash",
    "test_again_is_safe", "test_upgrade", "test_doctor", "test_ownership", "test_server",
    "test_marts",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One more than there are cores, as tests wait now and then, for a server or a moment."""
    told = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")
    return None if told else (os.cpu_count() or 1) + 1


def more_draws(*values: Any) -> list[Any]:
    """Parameters beyond those that `make test` runs: as `make test-slow` and the CI do."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


# every setting of a run, so that no test sees the developer's own
CLEANED = (
    "PG", "YOUTRACK_", "YANDEX_TRACKER_", "ZABBIX_", "RUN_", "SENTRY_", "DBT_", "DATALENS_",
    "WALL_", "REPORT_", "LOCALE", "DEMO_", "BUILD_", "STATSD_", "METRICS_", "CLICKHOUSE_",
    # what `make test ARGS=…` hands on to a make within
    "MAKE", "MFLAGS", "ARGS", "SQL", "VARS",
)  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> None:
    for name in list(os.environ):
        if name.startswith(CLEANED):
            del os.environ[name]
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"


@pytest.fixture(autouse=True)
def _kept_environment() -> Iterator[None]:
    """A test leaves the environment as it found it: a run in this process puts settings there."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@dataclass(frozen=True)
class PostgresServer:
    """A PostgreSQL of this test session."""

    host: str
    port: str = embedded.PORT
    user: str = embedded.SUPERUSER
    # where dbt keeps what it has parsed for each database: the next run there need not parse again
    targets: Path | None = None

    def connect(self, database: str = "postgres", user: str | None = None):
        """A connection in autocommit mode."""
        connection = psycopg2.connect(
            host=self.host, port=self.port, user=user or self.user, dbname=database
        )
        connection.autocommit = True
        return connection

    def environment(self, database: str) -> dict[str, str]:
        """The PG* variables that make this the given database of a run."""
        return {
            "PGHOST": self.host,
            "PGPORT": self.port,
            "PGUSER": self.user,
            "PGDATABASE": database,
            **({"DBT_TARGET_PATH": str(self.targets / database)} if self.targets else {}),
        }


PARSES = Parses()


@pytest.fixture(scope="session", autouse=True)
def _shared_readings(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp()
    # each worker of pytest-xdist has a folder of its own in that of the session
    PARSES.folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "readings"
    PARSES.folder.mkdir(exist_ok=True)


# Waits for the end of the session, however it ends, and stops what servers are left in its folder.
GUARD = """
import os, sys
from pathlib import Path
from pipeline import embedded

sys.stdin.read()
for folder, _, files in os.walk(sys.argv[1]):
    if "postmaster.pid" in files:
        embedded.stop(Path(folder))
"""


@pytest.fixture(scope="session", autouse=True)
def _no_server_outlives_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-c", GUARD, str(tmp_path_factory.getbasetemp())],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        # Ctrl-C is meant for the tests
        start_new_session=True,
    ):
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """An embedded PostgreSQL that lives as long as the test session."""
    data = tmp_path_factory.mktemp("postgres") / "data"
    running = PostgresServer(str(embedded.start(data)), targets=tmp_path_factory.mktemp("targets"))
    with closing(running.connect()) as connection, connection.cursor() as cursor:
        # nobody needs it after a power cut, and each database that is dropped waits for the disk
        cursor.execute("alter system set fsync = off")
        cursor.execute("select pg_reload_conf()")
    yield running
    embedded.stop(data)


@pytest.fixture
def database(server: PostgresServer) -> Iterator[str]:
    """The name of a fresh, empty database."""
    yield from fresh_database(server)


def fresh_database(server: PostgresServer, template: str = "template1") -> Iterator[str]:
    """Create a database, yield its name, drop it. Nobody may be in `template` meanwhile.

    The first name that is free: dbt has parsed the project for it before.
    """
    connection = server.connect()
    with connection.cursor() as cursor:
        cursor.execute("select datname from pg_database")
        taken = {name for (name,) in cursor.fetchall()}
        name = next(name for name in map("test_{}".format, count()) if name not in taken)
        identifier = sql.Identifier(name)
        cursor.execute(
            sql.SQL("create database {} template {}").format(identifier, sql.Identifier(template))
        )
        yield name
        cursor.execute(sql.SQL("drop database if exists {} with (force)").format(identifier))
    connection.close()


@pytest.fixture
def empty(
    server: PostgresServer, database: str, youtrack: Server, tmp_path: Path
) -> Iterator[Extraction]:
    """An empty database, to be loaded from the test's YouTrack."""
    extractor = extraction(server, database, youtrack, tmp_path / "dlt")
    yield extractor
    extractor.connection.close()


@pytest.fixture
def clean(server: PostgresServer, youtrack: Server, tmp_path: Path) -> Iterator[Extraction]:
    """Another empty database, for the one clean load to compare with."""
    for name in fresh_database(server):
        extractor = extraction(server, name, youtrack, tmp_path / "clean")
        yield extractor
        extractor.connection.close()


@pytest.fixture(scope="session")
def template(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database after a first load of the company of `simulated`, for copies."""
    for name in fresh_database(server):
        with simulated() as same:
            extractor = extraction(server, name, same, tmp_path_factory.mktemp("dlt"))
            extractor.load()
            extractor.connection.close()
        yield name


@pytest.fixture
def loaded(
    server: PostgresServer, template: str, youtrack: Server, tmp_path: Path
) -> Iterator[Extraction]:
    """A database after a first load from the test's YouTrack, which is `simulated`."""
    for name in fresh_database(server, template):
        extractor = extraction(server, name, youtrack, tmp_path / "dlt")
        # the template's company answered at another port
        extractor.rows("update raw.extract_runs set source_url = %s", identity(youtrack.url))
        yield extractor
        extractor.connection.close()


@dataclass(frozen=True)
class Project:
    """A copy of the project as a user has it after cloning, in a folder with an awkward path."""

    root: Path
    warm: WarmProcess | None = None

    def run(
        self, *arguments: str, environment: dict[str, str] | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """`python -m pipeline …` there, with nothing configured but `environment`."""
        given = clean_environment(environment)
        with self.reading(arguments, given):
            if self.warm:
                with tempfile.TemporaryDirectory() as folder:
                    return self.warm.run(arguments, given, Path(folder), timeout)
            return subprocess.run(
                [sys.executable, "-m", "pipeline", *arguments],
                cwd=self.root,
                env=given,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )

    @contextmanager
    def running(self, *arguments: str, environment: dict[str, str]) -> Iterator[Future]:
        """The same while it runs; `kill` ends it."""
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(self.run, *arguments, environment=environment)
            try:
                yield run
            except BaseException:
                self.kill()
                raise

    def kill(self) -> None:
        """SIGKILL for the command that runs, if one does."""
        with suppress(ProcessLookupError):
            if self.warm and self.warm.pid:
                os.kill(self.warm.pid, signal.SIGKILL)

    def reading(
        self, arguments: tuple[str, ...], given: dict[str, str]
    ) -> AbstractContextManager[None]:
        """While a command runs: what dbt has read before, by the command's vars and sources."""
        names = {"PGHOST", "PGPORT", "PGUSER", "PGDATABASE"}
        if arguments[:1] not in (("run",), ("build",), ("load",)) or not names <= given.keys():
            return nullcontext()
        text = arguments[arguments.index("--vars") + 1] if "--vars" in arguments else None
        try:
            dbt_vars = parse_vars(text)
        except UsageError:
            return nullcontext()
        # it travels in the environment
        dbt_vars.pop("as_of", None)
        # where none is named it is YouTrack
        has_other, has_zabbix = "YANDEX_TRACKER_URL" in given, "ZABBIX_URL" in given
        has_youtrack = "YOUTRACK_URL" in given or not has_other
        kind = repr((sorted(dbt_vars.items()), has_youtrack, has_other, has_zabbix))
        target = self.root / given.get("DBT_TARGET_PATH", "target")
        return PARSES.lent(kind, target, Place.of(self.root, given))


def clean_environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """This process's environment without any setting of a run, plus `extra`."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(CLEANED)}
    return {**inherited, "COLUMNS": "120", "PYTHONUTF8": "1", **(extra or {})}


def copy_project(folder: Path) -> Project:
    """Copy what git knows of the repository (or would take) into a new folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    # `make` there uses this environment instead of installing another
    (folder / ".venv").parent.mkdir(parents=True, exist_ok=True)
    (folder / ".venv").symlink_to(sys.prefix)
    for name in filter(None, listed.split("\0")):
        source = REPOSITORY / name
        if source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    return Project(folder)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One copy of the project for the whole session; its embedded PostgreSQL is stopped after."""
    copy = copy_project(tmp_path_factory.mktemp("clone") / AWKWARD_NAME)
    warm = WarmProcess(copy.root, clean_environment())
    yield replace(copy, warm=warm)
    warm.close()
    embedded.stop(copy.root / ".local" / "postgres")


# One "now" for every run over the small company, so that its marts can be compared.
FROZEN = "{as_of: 2026-06-17T12:00:00+00:00}"


@pytest.fixture(scope="session")
def youtrack() -> Iterator[Server]:
    """A small company behind the simulated API, for tests that only read it."""
    with start(Company(issues=400, seed=3, today="2026-06-17")) as running:
        yield running


def source_environment(youtrack: Server) -> dict[str, str]:
    """The settings that make this the YouTrack of a run."""
    return {"YOUTRACK_URL": youtrack.url, "YOUTRACK_TOKEN": youtrack.token}


@pytest.fixture(scope="session")
def published(
    server: PostgresServer, project: Project, youtrack: Server
) -> Iterator[tuple[str, dict[str, str]]]:
    """A database after one good run over the small company, and the environment of that run."""
    for name in fresh_database(server):
        environment = {**server.environment(name), **source_environment(youtrack)}
        completed = project.run("run", "--vars", FROZEN, environment=environment)
        assert completed.returncode == 0, completed.stderr[-3000:]
        yield name, environment


@pytest.fixture(scope="session")
def demo_run(project: Project) -> subprocess.CompletedProcess[str]:
    """What `make run` does on a fresh clone: the demo company in the embedded PostgreSQL."""
    return project.run("run")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Headless Chromium; for tests that `pages.needs_browser` marks."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (*OPTIONS, "--window-size=1280,1000",
                     f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()
