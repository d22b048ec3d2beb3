"""The proof of the second tracker: one company, loaded through both faces, has the same marts.

Left out are the ids, which are each tracker's own, and `tracker`. What else the two cannot have in
common:

- `resolution`: a field of Tracker's own, whose name YouTrack has not.
- Labels, parents and epics: YouTrack's loader reads neither tags nor links.
- `updated_at`: Tracker dates an entry when it writes it, and moves an issue for sprints, too.
- Names come in one language here. A status that Tracker names in two would read in the reader's.
- Keys of queues are Latin: the company's Cyrillic project has a Latin short name here.
- Sprints that are values of a version field are sprints of a board in Tracker; of YouTrack they
  count where the var `sprint_field` names the field.
- A move to or from the Cyrillic project, whose states have other names: YouTrack tells two changes
  of the state, with none between, and Tracker one.
- An issue that goes from done to cancelled, or back, without being open between: YouTrack keeps the
  moment of the first, Tracker's resolution is that of the present kind. The company does not do it
  here, and the unit test `tracker_resolves_by_the_type_of_the_status` shows it.
"""

import random
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import extracting
import loads
import pytest
from conftest import PostgresServer, fresh_database, more_draws
from reference import KEYS, compare, read_marts
from warehouse import Warehouse

from demo.company import Company
from demo.yandex_tracker.server import start as start_tracker
from demo.yandex_tracker.words import TYPE_OF_STATUS
from demo.youtrack.server import start as start_youtrack
from extract.yandex_tracker import client

Marts = dict[str, list[dict[str, Any]]]

VARIABLES = {"sprint_field": "Sprint planned"}
OWN = {
    "tracker", "issue_id", "sprint_id", "board_id", "updated_at", "resolution",
    "parent_id_readable", "epic_id_readable",
}  # fmt: skip
OF_TRACKER = """
    select kind, count(*) from marts.dim_issue_labels group by kind
    union all
    select 'parent', count(*) from marts.fct_issues where parent_id_readable <> '(none)'
    union all
    select 'epic', count(*) from marts.fct_issues where epic_id_readable <> '(none)'
"""


@pytest.fixture(autouse=True)
def one_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LANGUAGE", "en")


def named(marts: Marts) -> Marts:
    """The marts with names in place of ids: an issue's key, a sprint's name, which is unique."""
    issues = {row["issue_id"]: row["issue_id_readable"] for row in marts["fct_issues"]}
    sprints = {row["sprint_id"]: row["sprint"] for row in marts["dim_sprints"]}
    names = {"issue_id": issues, "sprint_id": sprints}
    return {
        mart: [
            {
                column: names[column][value] if column in names else value
                for column, value in row.items()
                if column in names or column not in OWN
            }
            for row in rows
        ]
        for mart, rows in marts.items()
    }


def check(server: PostgresServer, folder: Path, company: Company) -> Marts:
    """Load the company twice and compare every mart; returns Tracker's."""
    found = []
    with start_youtrack(company) as youtrack, start_tracker(company) as tracker:
        for face, source, make in (
            ("youtrack", youtrack, extracting.extraction),
            ("yandex_tracker", tracker, loads.extraction),
        ):
            for name in fresh_database(server):
                extraction = make(server, name, source, folder / face)
                as_of = datetime.fromtimestamp(company.now / 1000, timezone.utc)
                extraction.load(as_of=as_of)
                extraction.connection.close()
                warehouse = Warehouse(server, name, folder / face / "dbt")
                variables = {**VARIABLES, "trackers": [face]}
                warehouse.dbt("seed", variables=variables)
                warehouse.build_models(variables, as_of)
                found.append(named(read_marts(warehouse.connection)))
                with warehouse.connection.cursor() as cursor:
                    cursor.execute(OF_TRACKER)
                    shown = {kind for kind, number in cursor.fetchall() if number > 1}
                wanted = {"tag", "component", "parent", "epic"}
                assert shown - {"former_key"} == (wanted if face == "yandex_tracker" else set())
                warehouse.connection.close()
    of_youtrack, of_tracker = found
    for mart, key in KEYS.items():
        differences = compare(of_youtrack[mart], of_tracker[mart], key)
        assert not differences, f"{mart}: " + "; ".join(differences[:20])
    return of_tracker


class Steady(Company):
    """A company in which what is done is not cancelled before it is opened again."""

    def set_state(self, issue: Any, state: Any, **how: Any) -> bool:
        kinds = {TYPE_OF_STATUS.get(one.name) for one in (issue.state, state) if one is not None}
        return kinds != {"done", "cancelled"} and super().set_state(issue, state, **how)


def company_of(seed: int, issues: int) -> Company:
    company = Steady(issues=issues, seed=seed, today="2026-06-03")
    (cyrillic,) = (one for one in company.projects if not one.short_name.isascii())
    company.rename_project(cyrillic, short_name="VIT")
    return company


def test_one_company_has_the_same_marts_through_both_faces(
    server: PostgresServer, tmp_path: Path
) -> None:
    marts = check(server, tmp_path, company_of(11, 400))
    # a check of something
    assert len(marts["fct_issues"]) == 400
    for mart, column in (
        ("fct_issues", "lead_time_days"),
        ("fct_sprint_issues", "is_planned"),
        ("fct_state_intervals", "left_at"),
        ("agg_forecast", "done_p85"),
    ):
        assert sum(row[column] is not None for row in marts[mart]) > 50, mart


@pytest.mark.parametrize("seed", [21, *more_draws(22, 23, 24)])
def test_also_after_edits(server: PostgresServer, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    company = company_of(seed, 200)
    # renames flip the resolved flag of states, which statuses of Tracker do not have
    company.random_edits(draw, 80, deletions=False, renames=False, moves=False)
    check(server, tmp_path, company)
