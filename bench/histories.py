"""How the models' cost grows with the history of a single issue: `python -m bench.histories`.

Each of six issues gets so many changes of one kind; what a model takes is dbt's own figure, of
which a few hundredths of a second are dbt's.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg2
from rich.console import Console
from rich.table import Table

from bench.__main__ import postgresql
from demo.tracker import Tracker
from demo.youtrack.server import start
from pipeline import embedded
from pipeline.settings import PROJECT_ROOT

SIZES = (5, 50, 500, 5_000)
# milliseconds
JUNE, SECOND, HOUR, DAY = 1_780_272_000_000, 1_000, 3_600_000, 86_400_000
HOURS_BEFORE_THE_FINISH = 12
TEAMS = [f"Team {number}" for number in range(10)]
MODELS = (
    "stg_youtrack__role_changes", "stg_youtrack__set_changes", "stg_youtrack__attribute_changes",
    "stg_youtrack__sprint_changes", "int_issue_attribute_intervals", "int_issue_state_visits",
    "int_issue_resolutions", "int_sprint_memberships", "int_issue_sprints", "int_issues",
    "int_sprint_issues", "fct_sprint_issues", "fct_issues", "fct_state_intervals",
)  # fmt: skip


def company(changes: int) -> Tracker:
    """One issue for each kind of history, all of `changes` changes."""
    draw = random.Random(1)  # noqa: S311
    tracker = Tracker(JUNE)
    user = tracker.add_user("anna", "Anna", None)
    projects = [tracker.add_project(name, name, user) for name in ("AAA", "BBB")]
    # of the changes of one moment some leave their state for the only time, some return to it
    states = [f"State {number}" for number in range(max(3, changes // 2))]
    fields = {
        "state": ("State", "state[1]", [*states, {"name": "Done", "is_resolved": True}]),
        "team": ("Team", "enum[*]", TEAMS),
        "type": ("Type", "enum[1]", ["Story", "Bug"]),
    }
    sprint_field = tracker.add_custom_field("Sprints", "version[*]")
    for role, (name, kind, values) in fields.items():
        field = tracker.add_custom_field(name, kind)
        for project in projects:
            default = states[0] if role == "state" else None
            tracker.attach(project, field, values, role=role, default=default)
    for project in projects:
        tracker.attach(project, sprint_field, ["Sprint 1", "Sprint 2"])
    boards = [
        tracker.add_board("By hand", projects),
        tracker.add_board(
            "Following a field", projects[:1], is_explicit=False, sync_field=sprint_field
        ),
    ]
    middle = JUNE + 14 * DAY
    sprints = [
        tracker.add_sprint(board, name, start, start + 14 * DAY)
        for board in boards
        for name, start in (("Sprint 1", JUNE), ("Sprint 2", middle))
    ]
    issues = [tracker.create_issue(projects[0], f"Issue {number}") for number in range(6)]
    for issue in issues:
        tracker.add_to_sprint(issue, sprints[0])
    # within the grace before the finish, in which leaving for the next sprint is told apart
    tracker.advance(middle - HOURS_BEFORE_THE_FINISH * HOUR)
    for _ in range(changes):
        tracker.set_field(issues[0], "State", draw.choice(states))
    for number in range(changes):
        tracker.advance(by=SECOND)
        back = number % 2
        tracker.set_field(issues[1], "State", draw.choice(states[:10]))
        tracker.set_field(issues[2], "Team", tuple(draw.sample(TEAMS, 3)))
        tracker.move_between_sprints(issues[3], sprints[back], sprints[1 - back])
        tracker.set_field(issues[4], "State", states[0] if back else "Done")
        tracker.set_field(issues[5], "Sprints", () if back else ("Sprint 1",))
        tracker.move_issue(issues[5], projects[1 - back])
    return tracker


def measure(changes: int, host: Path, folder: Path) -> dict[str, float]:
    """The seconds of each model over such a company."""
    name = f"histories_{changes}"
    connection = psycopg2.connect(
        host=str(host), port=embedded.PORT, user=embedded.SUPERUSER, dbname="postgres"
    )
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"create database {name}")
    connection.close()
    with start(company(changes)) as youtrack:
        environment = {
            **os.environ, "YOUTRACK_URL": youtrack.url, "YOUTRACK_TOKEN": youtrack.token,
            "PGHOST": str(host), "PGPORT": embedded.PORT, "PGUSER": embedded.SUPERUSER,
            "PGDATABASE": name,
        }  # fmt: skip
        subprocess.run(  # noqa: S603
            [sys.executable, "-m", "pipeline", "run"],
            env=environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    # a run keeps no times, so the models are built once more by hand
    shutil.copy(PROJECT_ROOT / "profiles.example.yml", folder / "profiles.yml")
    subprocess.run(  # noqa: S603
        [
            str(Path(sys.executable).with_name("dbt")), "run", "--quiet", "--profiles-dir",
            str(folder), "--target-path", str(folder / name), "--log-path", str(folder / name),
        ],
        cwd=PROJECT_ROOT,
        env=environment,
        check=True,
    )  # fmt: skip
    results = json.loads((folder / name / "run_results.json").read_text(encoding="utf-8"))
    return {
        result["unique_id"].split(".")[-1]: result["execution_time"]
        for result in results["results"]
        if result["unique_id"].startswith("model.")
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.histories", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, metavar="CHANGES")
    sizes = parser.parse_args().sizes
    with postgresql() as (host, folder):
        measured = {changes: measure(changes, host, folder) for changes in sizes}
    table = Table(title="Seconds of a model, by the changes of one issue")
    table.add_column("model")
    for changes in sizes:
        table.add_column(f"{changes:,}", justify="right")
    for model in MODELS:
        table.add_row(model, *(f"{measured[changes][model]:.2f}" for changes in sizes))
    Console().print(table)


if __name__ == "__main__":
    main()
