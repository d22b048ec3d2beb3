"""`python -m bench build --issues N [N ...]`: what a build of N issues takes, model by model.

Seconds, the peak of PostgreSQL's memory beyond its shared buffers, and the ratios of the sizes. The
made-up company is loaded once and copied inside the database: ids, numbers, boards and sprints of
each copy are its own. `--beside DIR` builds with another checkout's models too, in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread

import psycopg2
from rich.console import Console
from rich.table import Table

from bench.__main__ import postgresql
from bench.server import TODAY, simulated_tracker
from pipeline import embedded
from pipeline.settings import PROJECT_ROOT

# of which the copies are made: five boards with two years of sprints, ten changes an issue
COMPANY = 5_000

# Ids of one copy look like those of the tracker to every model: 2-17 becomes 2-17.3. The values of
# fields, and the projects, are shared. So a board whose sprints follow a field is not copied: each
# issue would be in the sprints of all its copies.
COPY = """
insert into raw.issues
select
    id || copied.suffix, regexp_replace(id_readable, '[0-9]+$', '') || (number_in_project + step),
    number_in_project + step, summary, created, updated, resolved, is_draft, project, custom_fields,
    loaded_at, _dlt_load_id, _dlt_id || copied.suffix
from raw.issues cross join copied;

insert into raw.activities
select
    id || copied.suffix, type, category_id, timestamp, issue_id || copied.suffix, field_id,
    field_name, target_member,
    case when category_id = 'SprintCategory' then renamed(added, copied.suffix) else added end,
    case when category_id = 'SprintCategory' then renamed(removed, copied.suffix) else removed end,
    loaded_at, _dlt_load_id, _dlt_id || copied.suffix
from raw.activities cross join copied;

insert into raw.boards
select
    id || copied.suffix, name || copied.suffix, projects, sprints_settings, column_settings,
    past_projects, seen_at, loaded_at, _dlt_load_id, _dlt_id || copied.suffix
from raw.boards cross join copied
where sprints_settings #>> '{sprintSyncField,id}' is null;

insert into raw.sprints
select
    id || copied.suffix, board_id || copied.suffix, name, start, finish, archived, is_default,
    renamed(issues, copied.suffix), seen_at, loaded_at, _dlt_load_id, _dlt_id || copied.suffix
from raw.sprints cross join copied
where board_id in (
    select id from raw.boards where sprints_settings #>> '{sprintSyncField,id}' is null
);

insert into raw.issue_census
select issue_id || copied.suffix, project_id, missed_sweeps, swept_at, seen_at, loaded_at,
    _dlt_load_id, _dlt_id || copied.suffix
from raw.issue_census cross join copied;
"""
PREPARE = """
create temporary table copied as
select '.' || number as suffix, number * 1000000 as step
from generate_series(1, %(copies)s) as number;

create function pg_temp.renamed(value jsonb, suffix text) returns jsonb language sql immutable as $$
select regexp_replace(value::text, '"id": "([^"]+)"', '"id": "\\1' || suffix || '"', 'g')::jsonb
$$;
"""


def fill(dsn: str, issues: int) -> None:
    """Copy what is loaded until raw holds about `issues` issues."""
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor:
        cursor.execute(PREPARE, {"copies": issues // COMPANY - 1})
        cursor.execute(COPY.replace("renamed(", "pg_temp.renamed("))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
        cursor.execute("checkpoint")
    connection.close()


# In the sessions of a run; a checkout that has none yet builds in those of dbt.
BUILD = """
import json, resource, sys, time
from contextlib import suppress
from dbt.cli.main import dbtRunner
sys.path.insert(0, ".")
with suppress(ImportError):
    from pipeline.server import fit_sessions
    fit_sessions()
arguments = [*sys.argv[1:], "--log-level", "none", "--no-use-colors", "--no-write-json"]
runner = dbtRunner()
manifest = runner.invoke(["parse", *arguments]).result
began = time.monotonic()
outcome = dbtRunner(manifest=manifest).invoke(
    ["build", "--exclude-resource-type", "unit_test", *arguments]
)
taken = time.monotonic() - began
print(json.dumps({
    "success": outcome.success, "seconds": taken,
    "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    "nodes": {one.node.unique_id: one.execution_time for one in outcome.result.results}}))
"""
# dbt begins every statement with a comment that says of which node it is
AT_WORK = r"""
select coalesce(leader_pid, pid), pid, substring(query from '"node_id": "([^"]+)"')
from pg_stat_activity
where state = 'active' and query like '/* {"app": "dbt"%'
"""


class Memory:
    """Looks, while the block lasts, at the memory of the sessions that work for dbt's nodes.

    `peaks` holds MB by node: what its session and the workers beside it had of their own.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._ended = Event()
        self._thread = Thread(target=self._look)
        self.peaks: dict[str, float] = {}

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        connection = psycopg2.connect(self._dsn)
        connection.autocommit = True
        with connection.cursor() as cursor:
            while not self._ended.wait(0.1):
                cursor.execute(AT_WORK)
                rows = cursor.fetchall()
                nodes = {leader: node for leader, pid, node in rows if leader == pid}
                taken: dict[str, float] = {}
                for leader, pid, _ in rows:
                    if node := nodes.get(leader):
                        taken[node] = taken.get(node, 0) + own_memory(pid)
                for node, memory in taken.items():
                    self.peaks[node] = max(self.peaks.get(node, 0), memory)
        connection.close()


def own_memory(pid: int) -> float:
    """MB of a process that it shares with nobody."""
    with suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        # one that has just ended has no such line
        taken = status.partition("RssAnon:")[2].split()
        return int(taken[0]) / 1024 if taken else 0
    return 0


def build(root: Path, environment: dict[str, str]) -> dict:
    """One build with a checkout's models; `nodes` has the seconds of each model and test."""
    profiles = Path(environment["PROFILES"])
    profiles.mkdir(exist_ok=True)
    (profiles / "profiles.yml").write_bytes((root / "profiles.example.yml").read_bytes())
    target = str(profiles / f"target_{abs(hash(str(root)))}")
    done = subprocess.run(  # noqa: S603
        [
            sys.executable, "-c", BUILD, "--project-dir", str(root),
            "--profiles-dir", str(profiles), "--target-path", target, "--log-path", target,
        ],
        cwd=root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    told = json.loads(done.stdout.splitlines()[-1])
    if not told["success"]:
        print("a model or a test failed", file=sys.stderr)
    return told


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench build", description=__doc__)
    parser.add_argument("--issues", type=int, nargs="+", default=[100_000], metavar="N")
    parser.add_argument("--beside", type=Path, metavar="DIR", help="another checkout")
    parser.add_argument("--repeat", type=int, default=1, help="the fastest counts (default 1)")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 150)
    roots = [PROJECT_ROOT, *([options.beside.resolve()] if options.beside else [])]
    taken = []
    with postgresql() as (host, folder):
        for issues in options.issues:
            database = f"bench_{issues}"
            environment = {
                **os.environ, "PGHOST": str(host), "PGPORT": str(embedded.PORT),
                "PGUSER": embedded.SUPERUSER, "PGDATABASE": database, "PGPASSWORD": "none",
                "LEAD_TIME_AS_OF": f"{TODAY}T00:00:00+00:00", "PROFILES": str(folder / "profiles"),
            }  # fmt: skip
            dsn = f"host={host} port={embedded.PORT} user={embedded.SUPERUSER} dbname={database}"
            load(environment, dsn)
            fill(dsn, issues)
            console.print(counts(dsn))
            best = measured(roots, environment, dsn, options.repeat, console)
            console.print(slowest(best[PROJECT_ROOT]))
            taken.append(best[PROJECT_ROOT]["seconds"])
            for root in roots[1:]:
                ratio = taken[-1] / best[root]["seconds"]
                console.print(f"{ratio:.2f} times what {root.name} takes")
    for smaller, larger in pairwise(range(len(taken))):
        console.print(
            f"{options.issues[larger] / options.issues[smaller]:.1f} times the issues, "
            f"{taken[larger] / taken[smaller]:.1f} times the seconds"
        )
    return 0


def measured(
    roots: list[Path], environment: dict[str, str], dsn: str, repeat: int, console: Console
) -> dict[Path, dict]:
    """The fastest build of each checkout, in turn."""
    best: dict[Path, dict] = {}
    for _ in range(repeat):
        for root in roots:
            with Memory(dsn) as memory:
                told = build(root, environment)
            told["peaks"] = memory.peaks
            console.print(
                f"{root.name}: {told['seconds']:,.1f} s, dbt's process {told['memory']} MB",
                style="dim",
            )
            if root not in best or told["seconds"] < best[root]["seconds"]:
                best[root] = told
    return best


def load(environment: dict[str, str], dsn: str) -> None:
    """The company, through the extractor."""
    name = environment["PGDATABASE"]
    postgres = psycopg2.connect(dsn.replace(f"dbname={name}", "dbname=postgres"))
    postgres.autocommit = True
    with postgres.cursor() as cursor:
        cursor.execute(f"create database {name}")
    postgres.close()
    with simulated_tracker("youtrack", COMPANY) as youtrack:
        subprocess.run(
            [sys.executable, "-m", "pipeline", "load", "--sweep"],
            cwd=PROJECT_ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**environment, "YOUTRACK_URL": youtrack.url, "YOUTRACK_TOKEN": youtrack.token},
        )  # fmt: skip


def counts(dsn: str) -> str:
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "select (select count(*) from raw.issues), (select count(*) from raw.activities)"
        )
        issues, activities = cursor.fetchone()
    connection.close()
    return f"{issues:,} issues, {activities:,} changes"


def slowest(told: dict, count: int = 25) -> Table:
    table = Table("model or test", "seconds", "MB", box=None)
    ordered = sorted(told["nodes"].items(), key=lambda each: -each[1])
    for node, seconds in ordered[:count]:
        memory = told["peaks"].get(node)
        name = node.split(".")[2]
        table.add_row(name, f"{seconds:.1f}", f"{memory:.0f}" if memory else "")
    rest = sum(seconds for _, seconds in ordered[count:])
    table.add_row(f"{max(len(ordered) - count, 0)} others", f"{rest:.1f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
