"""The marts of incidents, held against an independent computation cell by cell."""

import random
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from conftest import FROZEN, PostgresServer, fresh_database
from psycopg2.extras import Json, execute_values
from reference import (
    INCIDENT_KEYS,
    Rules,
    compare,
    compute_incidents,
    read_incident_marts,
    read_incidents_raw,
)
from warehouse import Warehouse
from zabbix_loads import extraction, simulated

AS_OF = datetime(2026, 6, 17, 12, tzinfo=timezone.utc)
assert AS_OF.strftime("%Y-%m-%dT%H:%M:%S") in FROZEN

SEEDS = ("severity_names", "host_racks", "service_teams")
MODELS = (
    "path:dbt_project/models/staging/zabbix", "path:dbt_project/models/intermediate/incidents",
    "path:dbt_project/models/marts/incidents",
)  # fmt: skip
NAMES = {
    0: ("Not classified", "Не классифицировано"), 1: ("Information", "Информация"),
    2: ("Warning", "Предупреждение"), 3: ("Average", "Средняя"), 4: ("High", "Высокая"),
    5: ("Disaster", "Чрезвычайная"),
}  # fmt: skip


@pytest.fixture(scope="module")
def incidents(
    server: PostgresServer, published: tuple[str, dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Warehouse]:  # fmt: skip
    """The marts of a tracker, with the company's monitoring loaded and its seeds built."""
    folder = tmp_path_factory.mktemp("incidents")
    for name in fresh_database(server, published[0]):
        with simulated(issues=1500, today="2026-06-17") as zabbix:
            made = extraction(server, name, zabbix, folder / "dlt")
            made.load(messages=True)
            made.connection.close()
        warehouse = Warehouse(server, name, folder / "dbt")
        yield warehouse
        warehouse.connection.close()


def differences(warehouse: Warehouse, rules: Rules, variables: dict[str, Any]) -> list[str]:
    """Where the marts, built anew, differ from the reference."""
    warehouse.dbt(
        "run", "--select", *MODELS, variables={"monitorings": ["zabbix"], **variables}, as_of=AS_OF
    )
    wanted = compute_incidents(read_incidents_raw(warehouse.connection), rules, AS_OF)
    actual = read_incident_marts(warehouse.connection)
    # of a mart without rows nothing would be said
    assert all(wanted.values()), {mart: len(rows) for mart, rows in wanted.items()}
    for mart, rows in wanted.items():
        assert set(rows[0]) == set(actual[mart][0]), mart
    return [
        f"{mart}: {difference}"
        for mart, key in INCIDENT_KEYS.items()
        for difference in compare(wanted[mart], actual[mart], key)
    ]


def test_every_cell_is_as_the_reference_has_it(incidents: Warehouse) -> None:
    variables = {"monitorings": ["zabbix"]}
    incidents.dbt("seed", "--select", *SEEDS, variables=variables)
    rows = [
        (row[0], row[1], row[1])
        for row in (("service", team) for team in teams(incidents)[:-1])
    ]  # fmt: skip
    fill(incidents, "service_teams", rows)
    rules = Rules(severity_names=NAMES, service_teams=tuple(rows))
    assert differences(incidents, rules, {}) == []
    with incidents.connection.cursor() as cursor:
        cursor.execute("select count(*), count(distinct end_kind) from marts.fct_incidents")
        assert cursor.fetchone() >= (2000, 4)


def test_and_so_it_is_whatever_a_monitoring_has_come_to_hold(incidents: Warehouse) -> None:
    """Edits of raw at random, other thresholds, seeds, and a zone with a change of the clock."""
    rng = random.Random(5)
    variables = {"monitorings": ["zabbix"]}
    incidents.dbt("seed", "--select", *SEEDS, variables=variables)
    shake(incidents.connection, rng)
    names = column(incidents, "select name from raw_zabbix.hosts order by hostid")
    technical = column(incidents, "select host from raw_zabbix.hosts order by hostid")
    racks = {
        technical[1]: ("Hall", "R-1", "12"), names[1]: ("Nowhere", "R-0", None),
        names[5]: (None, "R-1", "1-2"), technical[9]: ("Hall", None, None),
        "nobody's": ("Hall", "R-2", None),
    }  # fmt: skip
    fill(incidents, "host_racks", [(host, *place) for host, place in racks.items()])
    team, other, *_ = teams(incidents)
    owners = [
        ("service", team, team.upper()), ("host_group", "Racks/DC-1", team),
        ("host_group", "Network", other), ("service", "network", other), ("service", "no", "None"),
    ]  # fmt: skip
    fill(incidents, "service_teams", owners)
    rules = Rules(
        zone=ZoneInfo("Europe/Berlin"), min_severity=1, noise_minutes=7, acknowledge_minutes=9,
        flap_count=3, flap_minutes=45, settling_days=20, severity_names=NAMES, host_racks=racks,
        service_teams=tuple(owners),
    )  # fmt: skip
    given = {
        "timezone": "Europe/Berlin", "incident_min_severity": 1, "incident_noise_minutes": 7,
        "incident_acknowledge_minutes": 9, "flap_count": 3, "flap_minutes": 45,
        "incident_settling_days": 20,
    }  # fmt: skip
    assert differences(incidents, rules, given) == []


def test_every_unit_test_of_incidents_passes(incidents: Warehouse) -> None:
    # last: it needs the tables of the models that it stands in for
    folders = [f"test_type:unit,{model}" for model in MODELS]
    incidents.dbt("test", "--select", *folders, variables={"monitorings": ["zabbix"]})


def test_the_data_tests_of_incidents_hold_and_name_what_a_seed_has_for_nobody(
    incidents: Warehouse,
) -> None:
    fill(incidents, "host_racks", [("nobody's", "Hall", "R-2", None)])
    fill(incidents, "service_teams", [("service", "no such", "Nobody")])
    results = incidents.dbt(
        "test",
        "--select",
        "path:dbt_project/tests/incidents",
        variables={"monitorings": ["zabbix"]},
        as_of=AS_OF,
    )
    assert {each.node.name: (str(each.status), each.failures) for each in results} == {
        "assert_heat_equals_incidents": ("pass", 0),
        "assert_incident_times_count_incidents": ("pass", 0),
        "warn_seed_hosts_unknown": ("warn", 1),
        "warn_seed_services_unknown": ("warn", 2),
    }


def teams(warehouse: Warehouse) -> list[str]:
    """The tracker's teams that carry a service of the monitoring."""
    return column(
        warehouse,
        "select distinct team from marts.agg_sprint_throughput where team in (select value ->> "
        "'value' from raw_zabbix.hosts cross join jsonb_array_elements(tags)) order by team",
    )


def column(warehouse: Warehouse, query: str) -> list[Any]:
    with warehouse.connection.cursor() as cursor:
        cursor.execute(query)
        return [value for (value,) in cursor.fetchall()]


def fill(warehouse: Warehouse, seed: str, rows: list[tuple]) -> None:
    with warehouse.connection.cursor() as cursor:
        cursor.execute(f"delete from seeds.{seed}")
        execute_values(cursor, f"insert into seeds.{seed} values %s", rows)


def shake(connection: Any, rng: random.Random) -> None:
    """What happens to events, to what people say of them, to triggers and to hosts."""
    with connection.cursor() as cursor:

        def ids(query: str) -> list[int]:
            cursor.execute(query)
            return [key for (key,) in cursor.fetchall()]

        def change(table: str, keys: list[int], count: int, assignment: str, *values: Any) -> None:
            key = {"events": "eventid", "acknowledgements": "acknowledgeid",
                   "triggers": "triggerid", "hosts": "hostid"}[table]  # fmt: skip
            cursor.execute(
                f"update raw_zabbix.{table} set {assignment} where {key} = any(%s)",
                (*values, rng.sample(keys, count)),
            )

        problems = ids("select eventid from raw_zabbix.events where value = 1 order by eventid")
        recoveries = ids("select eventid from raw_zabbix.events where value = 0 order by eventid")
        for count, keys, assignment in (
            (40, recoveries, "userid = 5"),
            (30, recoveries, "correlationid = 3"),
            (20, recoveries, "c_eventid = 7"),
            (20, recoveries, "clock = clock - 86400"),
            # into another hour, another day, over a change of the clock
            (60, recoveries, "clock = clock + 3 * 86400 + eventid %% 3000"),
            (10, recoveries, "clock = clock + 100 * 86400"),
            (20, problems, "r_eventid = 0, is_listed = false"),
            (25, problems, "r_eventid = 0, is_listed = true"),
            (30, problems, "first_suppressed = true"),
            (30, problems, "suppressed = true"),
            (80, problems, "severity = eventid %% 6"),
            (40, problems, "clock = clock / 3600 * 3600, ns = 0"),
            (40, recoveries, "clock = clock / 3600 * 3600, ns = 0"),
            (5, problems, "name = ''"),
            (5, problems, "name = null"),
            # a late value: an old clock, by years
            (5, problems, "clock = clock - 400 * 86400"),
            (5, problems, "clock = clock + 20 * 86400"),
            (30, problems, "acknowledged = not acknowledged"),
        ):
            change("events", keys, count, assignment)
        for tags in (None, [], [{"tag": "service", "value": ""}],
                     [{"tag": "x", "value": "y"}, {"tag": "service", "value": "b"},
                      {"tag": "service", "value": "a"}]):  # fmt: skip
            change("events", problems, 25, "tags = %s", Json(tags))
        cursor.execute(
            "delete from raw_zabbix.events where eventid = any(%s)", (rng.sample(recoveries, 15),)
        )
        # one recovery of several, and problems of one trigger at set moments: on the window's edge
        for key in rng.sample(problems, 20):
            cursor.execute(
                "update raw_zabbix.events set r_eventid = (select r_eventid from raw_zabbix.events "
                "where eventid = %s) where eventid = any(%s)", (key, rng.sample(problems, 2)),
            )  # fmt: skip
        for step in (22, 22.5, 23):
            for place, key in enumerate(rng.sample(problems, 3)):
                cursor.execute(
                    "update raw_zabbix.events set objectid = (select max(triggerid) - %s "
                    "from raw_zabbix.triggers), clock = 1770000000 + %s, ns = 0 "
                    "where eventid = %s", (int(step * 2), int(place * step * 60), key),
                )  # fmt: skip
        said = ids("select acknowledgeid from raw_zabbix.acknowledgements order by 1")
        for count, assignment in (
            (30, "action = 16"),
            (20, "action = 24, old_severity = 1, new_severity = 4"),
            (20, "action = action | 8, old_severity = 0"),
            (20, "clock = clock - 7200"),
            (20, "clock = clock + 40 * 86400"),
            (20, "message = null"),
            (10, "message = ''"),
            (10, "action = 4"),
            (10, "eventid = 1"),
        ):
            change("acknowledgements", said, count, assignment)
        triggers = ids("select triggerid from raw_zabbix.triggers order by 1")
        hosts = ids("select hostid from raw_zabbix.hosts order by 1")
        for _ in range(25):
            several = [{"hostid": str(key)} for key in rng.sample(hosts, rng.randrange(4))]
            change("triggers", triggers, 1, "hosts = %s", Json(several))
        change("triggers", triggers, 1, "hosts = %s", Json([{"hostid": "999"}]))
        change("triggers", triggers, 10, "status = 1")
        change("triggers", triggers, 10, "tags = %s", Json([{"tag": "service", "value": "mail"}]))
        cursor.execute(
            "delete from raw_zabbix.triggers where triggerid = any(%s)", (rng.sample(triggers, 5),)
        )
        for count, assignment in (
            (6, "status = 1"),
            (6, "seen_at = seen_at - interval '1 day'"),
            (3, "name = ''"),
            (4, "groups = '[]'"),
            (4, "tags = '[]'"),
            (4, "inventory = null"),
            (4, "inventory = inventory - 'location'"),
            (4, "inventory = inventory - 'site_rack'"),
        ):
            change("hosts", hosts, count, assignment)
        cursor.execute("delete from raw_zabbix.host_groups where groupid = "
                       "(select max(groupid) from raw_zabbix.host_groups)")  # fmt: skip
        for place, key in enumerate(rng.sample(problems, 30)):
            cursor.execute(
                "insert into ops.tickets (incident_id, source, tracker, project, summary, state, "
                "ticket, ticket_url, requested_at) values (%s, 'zabbix', 'youtrack', 'P', 'S', %s, "
                "%s, %s, now())",
                (str(key), *(("sent", f"P-{place}", f"https://x/P-{place}") if place % 3
                             else ("failed", None, None))),
            )  # fmt: skip
