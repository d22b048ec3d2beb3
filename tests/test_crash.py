"""A run that is killed anywhere, and run again, ends in the marts of one clean run."""

import random
import time
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import (
    FROZEN,
    PostgresServer,
    Project,
    fresh_database,
    source_environment,
)
from extracting import differences, extraction
from reference import KEYS, compare, read_marts

from demo.company import Company
from demo.youtrack.server import Server, start
from extract.landing import Landing
from pipeline.record import LOCK_KEY

SHORT_KILLS = 3
# 50 kills: ten databases, five kills each
LONG_DRAWS, LONG_KILLS = 10, 5

# the moments at which a stage of a run begins and ends, as the database tells them
SECONDS = """
    select
        extract(epoch from loaded.ended - loaded.began)::float as extract,
        extract(epoch from runs.finished_at - loaded.ended)::float as build
    from ops.pipeline_runs as runs
    cross join lateral (
        select min(started_at) as began, max(finished_at) as ended
        from raw.extract_runs where run_id = runs.run_id
    ) as loaded
    where runs.status = 'OK' order by runs.started_at limit 1
"""
LOCK_HOLDERS = """
    select count(*) from pg_locks
    where
        locktype = 'advisory' and objsubid = 1
        and database = (select oid from pg_database where datname = current_database())
        and (classid::bigint << 32) | objid::bigint = %s
"""


@dataclass
class Victim:
    """One database whose runs are killed."""

    server: PostgresServer
    database: str
    project: Project
    environment: dict[str, str]
    # how long a run that nobody kills takes in each stage
    seconds: dict[str, float]
    killed: list[str] = field(default_factory=list)

    def rows(self, statement: str, *parameters: object) -> list[tuple]:
        """The answer to one statement, in a session of its own."""
        connection = self.server.connect(self.database)
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()

    def kill_in(self, stage: str, draw: random.Random) -> None:
        """Kill a run at a random moment of a stage (or in the next one, if it went fast)."""
        seconds = draw.uniform(0, self.seconds[stage])
        running = self.project.running("run", "--vars", FROZEN, environment=self.environment)
        with running as run:
            run_id = self._reach(stage, run)
            wait([run], timeout=seconds)
            if not run.done():
                self.project.kill()
                run.result()
                # one that had written its end was killed too late, while it wrote the page
                if self._status(run_id) == "RUNNING":
                    self.killed.append(run_id)
        if run_id in self.killed:
            self._assert_dead(run_id)
        else:
            assert self._status(run_id) == "OK", "it failed before it was killed"

    def _status(self, run_id: str) -> str:
        """What a run has written of itself."""
        return self.rows("select status from ops.pipeline_runs where run_id = %s", run_id)[0][0]

    def _reach(self, stage: str, run: Future) -> str:
        """Wait until the run is in a stage (or beyond it); returns the run's id."""
        stages = ["extract", "build", "publish"]
        reached = stages[stages.index(stage) :]
        there = "select to_regclass('ops.pipeline_runs') is not null"
        # a run that was killed says RUNNING until the next one has the lock
        runs = (
            "select run_id from ops.pipeline_runs "
            "where status = 'RUNNING' and stage = any(%s) and run_id <> all(%s)"
        )
        while not (found := self.rows(there)[0][0] and self.rows(runs, reached, self.killed)):
            assert not run.done(), run.result()
            time.sleep(0.02)
        return found[0][0]

    def _assert_dead(self, run_id: str) -> None:
        """Nothing holds the lock any more, and the status says so."""
        deadline = time.monotonic() + 10
        while self.rows(LOCK_HOLDERS, LOCK_KEY) != [(0,)]:
            assert time.monotonic() < deadline, "a session of the killed run holds the lock"
            time.sleep(0.02)
        [(status, error)] = self.rows("select status, error from marts.pipeline_status")
        assert status == "NOK", (run_id, status, error)

    def run(self) -> None:
        """A run that nobody kills."""
        completed = self.project.run("run", "--vars", FROZEN, environment=self.environment)
        assert completed.returncode == 0, completed.stderr[-3000:]

    def assert_like(self, clean: dict[str, list[dict]]) -> None:
        """The marts are those of a clean run, and every killed run is recorded as NOK."""
        with closing(self.server.connect(self.database)) as connection:
            marts = read_marts(connection)
        for mart, key in KEYS.items():
            assert compare(clean[mart], marts[mart], key) == [], mart
        status = dict(self.rows("select run_id, status from ops.pipeline_runs"))
        assert {status[run_id] for run_id in self.killed} == {"NOK"}
        assert self.rows("select status from marts.pipeline_status") == [("OK",)]


def clean_run(
    server: PostgresServer, project: Project, youtrack: Server
) -> tuple[dict[str, list[dict]], dict[str, float]]:
    """The marts of one run over an empty database, and how long its stages took."""
    for name in fresh_database(server):
        environment = {**server.environment(name), **source_environment(youtrack)}
        completed = project.run("run", "--vars", FROZEN, environment=environment)
        assert completed.returncode == 0, completed.stderr[-3000:]
        with closing(server.connect(name)) as connection:
            return read_marts(connection), stage_seconds(connection)
    raise AssertionError


def stage_seconds(connection) -> dict[str, float]:
    """How long the stages of the first good run took."""
    with connection.cursor() as cursor:
        cursor.execute(SECONDS)
        return dict(zip(("extract", "build"), cursor.fetchone(), strict=True))


@pytest.mark.slow
def test_killed_runs_and_one_more_equal_one_clean_run(
    server: PostgresServer,
    project: Project,
    youtrack: Server,
    published: tuple[str, dict[str, str]],
    database: str,
) -> None:
    draw = random.Random(1)
    with closing(server.connect(published[0])) as connection:
        clean, seconds = read_marts(connection), stage_seconds(connection)
    environment = {**server.environment(database), **source_environment(youtrack)}
    victim = Victim(server, database, project, environment, seconds)
    for stage in ("extract", "extract", "build")[:SHORT_KILLS]:
        victim.kill_in(stage, draw)
    assert victim.killed
    victim.run()
    victim.assert_like(clean)


class Killed(Exception):  # noqa: N818  (what happens to a run, not an error of it)
    """Stands for SIGKILL where a test wants it at one exact place."""


@pytest.mark.parametrize("packages", [1, 2])
def test_a_catch_up_that_dies_between_its_packages_loses_no_change(
    server: PostgresServer,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    packages: int,
) -> None:
    """Found by kills: histories of new issues moved the newest known change past unread ones."""
    company = Company(issues=300, seed=3, today="2026-06-03")
    with start(company) as youtrack:
        killed = extraction(server, database, youtrack, tmp_path / "killed")
        killed.load()
        company.random_edits(random.Random(3), 30, deletions=False)
        load, calls = Landing.load, []

        def load_and_die(self: Landing, *args: object, **options: object) -> None:
            load(self, *args, **options)
            calls.append(self)
            if len(calls) == packages:
                raise Killed

        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(Landing, "load", load_and_die)
            killed.load()
        killed.load()
        for name in fresh_database(server):
            clean = extraction(server, name, youtrack, tmp_path / "clean")
            clean.load()
            both = [each.raw(without_names=True) for each in (killed, clean)]
            clean.connection.close()
    killed.connection.close()
    assert differences(*both) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(LONG_DRAWS))
def test_many_killed_runs_of_a_changing_company_equal_one_clean_run(
    server: PostgresServer, project: Project, database: str, seed: int
) -> None:
    draw = random.Random(seed)
    company = Company(issues=300, seed=seed, today="2026-06-03")
    with start(company, latency_ms=draw.choice((0, 20))) as youtrack:
        _, seconds = clean_run(server, project, youtrack)
        environment = {**server.environment(database), **source_environment(youtrack)}
        victim = Victim(server, database, project, environment, seconds)
        while len(victim.killed) < LONG_KILLS:
            victim.kill_in(draw.choice(("extract", "extract", "build")), draw)
            if draw.random() < 0.5:
                company.random_edits(draw, draw.randint(1, 30), deletions=False)
        victim.run()
        clean, _ = clean_run(server, project, youtrack)
    victim.assert_like(clean)
