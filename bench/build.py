"""`python -m bench.build --issues N`: how long dbt takes over N issues, model by model.

The made-up company is loaded once and copied inside the database: ids, numbers, boards and sprints
of each copy are its own. `--beside DIR` builds with another checkout's models too, in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg2
from rich.console import Console
from rich.table import Table

from bench.__main__ import postgresql
from bench.server import TODAY, simulated_tracker
from pipeline import embedded
from pipeline.settings import PROJECT_ROOT

# of which the copies are made: five boards with two years of sprints, ten changes an issue
COMPANY = 5_000
DATABASE = "bench"

# Ids of one copy look like those of the tracker to every model: 2-17 becomes 2-17.3. The values of
# fields, and the projects, are shared.
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
from raw.boards cross join copied;

insert into raw.sprints
select
    id || copied.suffix, board_id || copied.suffix, name, start, finish, archived, is_default,
    renamed(issues, copied.suffix), seen_at, loaded_at, _dlt_load_id, _dlt_id || copied.suffix
from raw.sprints cross join copied;

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


BUILD = """
import json, sys, time
from dbt.cli.main import dbtRunner
arguments = [*sys.argv[1:], "--log-level", "none", "--no-use-colors", "--no-write-json"]
runner = dbtRunner()
manifest = runner.invoke(["parse", *arguments]).result
began = time.monotonic()
outcome = dbtRunner(manifest=manifest).invoke(
    ["build", "--exclude-resource-type", "unit_test", *arguments]
)
taken = time.monotonic() - began
print(json.dumps({"success": outcome.success, "seconds": taken, "nodes": {
    one.node.name: one.execution_time for one in outcome.result.results}}))
"""


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


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.build", description=__doc__)
    parser.add_argument("--issues", type=int, default=100_000)
    parser.add_argument("--beside", type=Path, metavar="DIR", help="another checkout")
    parser.add_argument("--repeat", type=int, default=1, help="the fastest counts (default 1)")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 150)
    with postgresql() as (host, folder):
        environment = {
            **os.environ, "PGHOST": str(host), "PGPORT": str(embedded.PORT),
            "PGUSER": embedded.SUPERUSER, "PGDATABASE": DATABASE, "PGPASSWORD": "none",
            "LEAD_TIME_AS_OF": f"{TODAY}T00:00:00+00:00", "PROFILES": str(folder / "profiles"),
        }  # fmt: skip
        dsn = f"host={host} port={embedded.PORT} user={embedded.SUPERUSER} dbname={DATABASE}"
        load(environment, dsn)
        began = time.monotonic()
        fill(dsn, options.issues)
        console.print(f"raw filled in {time.monotonic() - began:,.0f} s: {counts(dsn)}")
        roots = [PROJECT_ROOT, *([options.beside.resolve()] if options.beside else [])]
        best: dict[Path, dict] = {}
        for _ in range(options.repeat):
            for root in roots:
                told = build(root, environment)
                console.print(f"{root.name}: {told['seconds']:,.1f} s", style="dim")
                if root not in best or told["seconds"] < best[root]["seconds"]:
                    best[root] = told
        console.print(slowest(best[PROJECT_ROOT]))
        for root in roots[1:]:
            ratio = best[PROJECT_ROOT]["seconds"] / best[root]["seconds"]
            console.print(f"{ratio:.2f} times what {root.name} takes")
    return 0


def load(environment: dict[str, str], dsn: str) -> None:
    """The company, through the extractor."""
    postgres = psycopg2.connect(dsn.replace(f"dbname={DATABASE}", "dbname=postgres"))
    postgres.autocommit = True
    with postgres.cursor() as cursor:
        cursor.execute(f"create database {DATABASE}")
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
    table = Table("model or test", "seconds", box=None)
    ordered = sorted(told["nodes"].items(), key=lambda each: -each[1])
    for name, seconds in ordered[:count]:
        table.add_row(name, f"{seconds:.1f}")
    rest = sum(seconds for _, seconds in ordered[count:])
    table.add_row(f"{max(len(ordered) - count, 0)} others", f"{rest:.1f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
