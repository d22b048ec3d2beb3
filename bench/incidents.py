"""`python -m bench.incidents`: what the marts of incidents take, and how soon the open ones answer.

The made-up company's hosts and triggers, with as many incidents over two years as are asked for: a
problem and its recovery each, every fifth acknowledged, a thousand still open. The heat map
is built twice: beside the others, as by a run, and alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import psycopg2
from rich.console import Console
from rich.table import Table

from bench.__main__ import Bench, postgresql
from demo.company import Company
from demo.zabbix.server import start
from extract.tracker import Load
from extract.zabbix.load import Source, load
from pipeline import embedded
from pipeline.record import make_tables
from pipeline.settings import PROJECT_ROOT

OPEN, TARGET_SECONDS, QUERIES = 1_000, 10, 20

# Durations are spread as those of real incidents: half are over within half an hour, one in a
# hundred takes a working day.
FILL = """
truncate raw_zabbix.events, raw_zabbix.acknowledgements;
create temporary table made as
select
    2 * n - 1 as eventid, placed.triggerid, name, severity, n > %(incidents)s - %(open)s as is_open,
    extract(epoch from now())::bigint - (%(incidents)s - n) * 2 * 365 * 86400 / %(incidents)s
        - 20000 as clock,
    20 + (60 * exp(3.2 + 1.3 * sqrt(-2 * ln(random() + 1e-9)) * cos(2 * pi() * random())))::bigint
        as seconds
from generate_series(1, %(incidents)s::bigint) as n
inner join (
    select
        triggerid, description as name, priority as severity,
        row_number() over (order by triggerid) - 1 as place, count(*) over () as triggers
    from raw_zabbix.triggers
) as placed on placed.place = n * 7919 %% placed.triggers;

insert into raw_zabbix.events
    (eventid, objectid, clock, ns, value, name, severity, acknowledged, r_eventid, c_eventid,
    correlationid, userid, suppressed, tags, first_suppressed, is_listed, loaded_at, _dlt_load_id,
    _dlt_id)
select
    eventid, triggerid, clock, 0, 1, name, severity, eventid %% 10 = 1,
    case when is_open then 0 else eventid + 1 end, 0, 0, 0, false,
    jsonb_build_array(
        jsonb_build_object('tag', 'scope', 'value', 'availability'),
        jsonb_build_object('tag', 'service', 'value', 'service ' || triggerid %% 20)
    ),
    false, is_open, now(), 'bench', eventid::text
from made
union all
select
    eventid + 1, triggerid, clock + seconds, 0, 0, name, 0, false, 0, 0, 0, 0, false, '[]', false,
    false, now(), 'bench', (eventid + 1)::text
from made where not is_open;

insert into raw_zabbix.acknowledgements
    (acknowledgeid, eventid, userid, clock, action, old_severity, new_severity, message, loaded_at,
    _dlt_load_id, _dlt_id)
select
    eventid, eventid, 1 + eventid %% 7, clock + 300, 6, 0, 0, 'seen', now(), 'bench', eventid::text
from made where eventid %% 10 = 1;
"""
HEAT = "agg_incident_heat"
# without the sprints, which ask for a tracker's models
MODELS = (
    "severity_names", "host_racks", "service_teams", "path:dbt_project/models/staging/zabbix",
    "path:dbt_project/models/intermediate/incidents", "fct_incidents", HEAT,
    "agg_incident_times", "fct_open_incidents",
)  # fmt: skip
BUILD = """
import json, sys
from dbt.cli.main import dbtRunner
from pipeline.server import fit_sessions
fit_sessions()
outcome = dbtRunner().invoke(["build", *sys.argv[1:], "--log-level", "none", "--no-use-colors"])
print(json.dumps({
    "error": str(outcome.exception or "") if outcome.result is None else "; ".join(
        one.message or "" for one in outcome.result.results if one.status in ("error", "fail")),
    "seconds": {one.node.name: one.execution_time for one in outcome.result or ()}}))
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.incidents", description=__doc__)
    parser.add_argument("--incidents", type=int, default=300_000)
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 150)
    with postgresql() as (host, folder):
        dsn = Bench(console, host, folder, 1).database("incidents", fresh=True)
        connection = psycopg2.connect(dsn)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("create schema if not exists ops; create schema raw_zabbix")
            make_tables(cursor)
            with start(Company(issues=2_000)) as zabbix:
                load(Source(zabbix.url, zabbix.token), Load(
                    dsn=dsn, run_id="bench", as_of=datetime.now(timezone.utc),
                    working_dir=folder / "dlt", on_progress=lambda *_: None,
                ))  # fmt: skip
            cursor.execute(FILL, {"incidents": options.incidents, "open": OPEN})
            cursor.execute("vacuum analyze")
            seconds = _build(str(host), folder, MODELS)
            alone = _build(str(host), folder, (HEAT,))[HEAT]
            table = Table("model", "seconds")
            for name, taken in sorted(seconds.items(), key=lambda each: -each[1]):
                table.add_row(name, f"{taken:.1f}")
            console.print(table)
            cursor.execute("select count(*) from marts.fct_open_incidents")
            console.print(f"{cursor.fetchone()[0]:,} open incidents of {options.incidents:,}:")
            console.print(f"{_answers(cursor):,.0f} ms for all of them")
        connection.close()
    is_met = alone <= TARGET_SECONDS
    console.print(f"{HEAT} alone: {alone:.1f} s (at most {TARGET_SECONDS})")
    return 0 if is_met else 1


def _build(host: str, folder: Path, models: Sequence[str]) -> dict[str, float]:
    """Seconds by model and test."""
    profiles = folder / "profiles"
    profiles.mkdir(exist_ok=True)
    (profiles / "profiles.yml").write_bytes((PROJECT_ROOT / "profiles.example.yml").read_bytes())
    done = subprocess.run(  # noqa: S603
        [
            sys.executable, "-c", BUILD, "--profiles-dir", str(profiles),
            "--target-path", str(profiles), "--log-path", str(profiles),
            "--exclude-resource-type", "unit_test", "--indirect-selection", "cautious",
            "--vars", "{monitorings: [zabbix]}", "--select", *models,
        ],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
        env={
            **os.environ, "PGHOST": host, "PGPORT": str(embedded.PORT),
            "PGUSER": embedded.SUPERUSER, "PGDATABASE": "incidents", "PGPASSWORD": "none",
        },
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    told = json.loads(done.stdout.splitlines()[-1])
    if told["error"]:
        raise SystemExit(told["error"])
    return told["seconds"]


def _answers(cursor: psycopg2.extensions.cursor) -> float:
    """Milliseconds until all open incidents are read, the best of some times."""
    taken = []
    for _ in range(QUERIES):
        began = time.perf_counter()
        cursor.execute("select * from marts.fct_open_incidents")
        cursor.fetchall()
        taken.append((time.perf_counter() - began) * 1000)
    return min(taken)


if __name__ == "__main__":
    sys.exit(main())
