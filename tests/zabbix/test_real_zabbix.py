"""Loads of a real Zabbix 6.0, and of the words of a later one before it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PostgresServer
from zabbix_front import in_front_of
from zabbix_loads import Extraction, fresh

from demo.zabbix.real import RealZabbix, running, wait_for, what_is_missing
from extract.client import UnauthorizedError
from extract.errors import ConfigurationError

MISSING = what_is_missing()

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

HOSTS = {"sw-core-1": ("Core switch 1", "A-07"), "srv-db-1": ("БД 1", "A-08"),
         "srv-web-1": ("web 1", None), "srv-late-1": ("late 1", "B-01")}  # fmt: skip
HOUR = 3600


@pytest.fixture(scope="module")
def zabbix() -> Iterator[RealZabbix]:
    """A Zabbix with four hosts, each with a trigger for loss, one also with one for its log."""
    with running() as started:
        group = started.call("hostgroup.create", {"name": "Серверы/ДЦ-1"})["groupids"][0]
        started.call("hostgroup.create", {"name": "not for the reader"})
        started.add_reader([group])
        for host, (name, rack) in HOSTS.items():
            add_host(started, group, host, name, rack)
        add_log(started, "srv-db-1")
        # the server reads what is configured once a second: who knows the last knows all
        add_item(started, "srv-db-1", "ready", 0)
        started.send("srv-db-1", "ready", "1")
        yield started


def add_host(zabbix: RealZabbix, group: str, host: str, name: str, rack: str | None) -> None:
    inventory = {"site_rack": rack, "location": "ДЦ-1", "poc_1_name": "Given Family"}
    zabbix.call(
        "host.create",
        {"host": host, "name": name, "groups": [{"groupid": group}],
         "tags": [{"tag": "service", "value": "база"}],
         **({"inventory_mode": 0, "inventory": inventory} if rack else {"inventory_mode": -1})},
    )  # fmt: skip
    add_item(zabbix, host, "loss", 0)
    zabbix.call(
        "trigger.create",
        {"description": "Loss on {HOST.NAME}: {ITEM.LASTVALUE1}", "priority": 4,
         "expression": f"last(/{host}/loss)>20", "recovery_mode": 1,
         "recovery_expression": f"last(/{host}/loss)<5", "manual_close": 1,
         "tags": [{"tag": "scope", "value": "availability"}]},
    )  # fmt: skip


def add_item(zabbix: RealZabbix, host: str, key: str, value_type: int) -> None:
    """An item that takes the values that are sent to it: numbers (0) or lines of a log (2)."""
    [known] = zabbix.call("host.get", {"filter": {"host": host}, "output": ["hostid"]})
    item = {"hostid": known["hostid"], "name": key, "key_": key, "type": 2}
    zabbix.call("item.create", {**item, "value_type": value_type})


def add_log(zabbix: RealZabbix, host: str) -> None:
    add_item(zabbix, host, "log", 2)
    zabbix.call(
        "trigger.create",
        {"description": "Ошибка в журнале", "priority": 3, "type": 1,
         "expression": f'find(/{host}/log,,"like","ERROR")=1', "recovery_mode": 1,
         "recovery_expression": f'find(/{host}/log,,"like","RECOVERED")=1'},
    )  # fmt: skip


@pytest.fixture(scope="module")
def loaded(
    server: PostgresServer, zabbix: RealZabbix, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Extraction]:
    yield from fresh(server, zabbix, tmp_path_factory.mktemp("real"))


def assert_same(loaded: Extraction, zabbix: RealZabbix) -> None:
    """Raw holds what Zabbix tells its administrator, people and messages left out."""
    told = zabbix.events(
        select_acknowledges="extend", selectTags="extend", selectSuppressionData="extend"
    )
    raw = loaded.raw()
    assert raw["events"].keys() == {int(event["eventid"]) for event in told}
    for event in told:
        row = raw["events"][int(event["eventid"])]
        for key in ("objectid", "clock", "ns", "value", "severity", "r_eventid", "c_eventid",
                    "correlationid", "userid"):  # fmt: skip
            assert row[key] == int(event[key]), (event["eventid"], key)
        for key in ("acknowledged", "suppressed"):
            assert row[key] == (event[key] == "1"), (event["eventid"], key)
        for key in ("name", "tags", "suppression_data"):
            assert row[key] == event[key], (event["eventid"], key)
        for said in event["acknowledges"]:
            kept = raw["acknowledgements"][int(said["acknowledgeid"])]
            assert kept == {"message": None, "acknowledgeid": int(said["acknowledgeid"])} | {
                key: int(said[key])
                for key in ("eventid", "userid", "clock", "action", "old_severity", "new_severity")
            }


def newest(zabbix: RealZabbix) -> int:
    return int(zabbix.events()[-1]["eventid"])


def test_what_happens_is_in_raw(loaded: Extraction, zabbix: RealZabbix) -> None:
    for host in ("sw-core-1", "srv-db-1", "srv-web-1"):
        zabbix.send(host, "loss", "60")
    for _ in range(2):
        zabbix.send("srv-db-1", "log", "ERROR")
    events = zabbix.wait_for_events(5)
    report = loaded.load()
    assert (report.kind, report.warnings, report.events_loaded) == ("full", (), 5)
    assert_same(loaded, zabbix)
    assert loaded.one("select count(*) from events where is_listed") == 5
    racks = dict(loaded.rows("select host, inventory ->> 'site_rack' from hosts"))
    assert racks == {host: rack for host, (_, rack) in HOSTS.items()}
    assert "Given" not in str(loaded.raw())
    # those that have fired: with macros as configured, and with their hosts
    triggers = loaded.raw()["triggers"].values()
    assert len(triggers) == 4 and all(len(row["hosts"]) == 1 for row in triggers)
    assert "Loss on {HOST.NAME}: {ITEM.LASTVALUE1}" in [row["description"] for row in triggers]
    assert [name for (name,) in loaded.rows("select name from host_groups")] == ["Серверы/ДЦ-1"]

    core, db, web = (
        next(each["eventid"] for each in events if name in each["name"])
        for name in ("Core switch 1", "БД 1", "web 1")
    )
    # acknowledged with a message, made worse, closed by hand
    acknowledge = {"eventids": core, "action": 6, "message": "Смотрю"}
    zabbix.call("event.acknowledge", acknowledge)
    zabbix.call("event.acknowledge", {"eventids": core, "action": 8, "severity": 5})
    zabbix.call("event.acknowledge", {"eventids": web, "action": 7, "message": "false alarm"})
    closed = zabbix.wait_for_events(6)[-1]
    # one recovery for two lines of a log, a value that comes two hours late
    zabbix.send("srv-db-1", "log", "RECOVERED")
    zabbix.wait_for_events(7)
    zabbix.send("srv-late-1", "loss", "50", int(time.time()) - 2 * HOUR)
    late = zabbix.wait_for_events(8)[-1]
    report = loaded.load()
    assert report.kind == "incremental" and report.requests <= 5
    assert_same(loaded, zabbix)
    assert loaded.event(int(core))["severity"] == 5
    said = loaded.rows(
        "select action, old_severity, new_severity from acknowledgements where eventid = %s "
        "order by acknowledgeid", int(core),
    )  # fmt: skip
    assert said == [(6, 0, 0), (8, 4, 5)]
    assert loaded.event(int(web))["r_eventid"] == int(closed["eventid"])
    assert loaded.event(int(closed["eventid"]))["userid"] == 1
    recovered = loaded.rows(
        "select r_eventid, count(*) from events where value = 1 and r_eventid > 0 "
        "group by 1 having count(*) > 1"
    )
    assert [number for _, number in recovered] == [2]
    row = loaded.event(int(late["eventid"]))
    assert row["clock"] < loaded.event(1)["clock"] and row["is_listed"] is True

    # recovered as it should be; another one's trigger is deleted
    zabbix.send("sw-core-1", "loss", "0")
    zabbix.wait_for_events(9)
    zabbix.call("trigger.delete", [loaded.event(int(db))["objectid"]])
    # problem.get still shows it until Zabbix tidies up
    zabbix.execute(f"delete from problem where eventid = {int(db)}")
    loaded.load()
    assert_same(loaded, zabbix)
    row = loaded.event(int(db))
    assert (row["r_eventid"], row["is_listed"]) == (0, False)
    assert loaded.one("select count(*) from triggers") == 5
    assert loaded.load().events_loaded == 0


def test_a_later_version_ends_in_the_same(
    server: PostgresServer, zabbix: RealZabbix, tmp_path: Path
) -> None:
    raw: dict[str, Any] = {}
    for six in fresh(server, zabbix, tmp_path / "six"):
        six.load()
        raw["6.0"] = six.raw()
    for version in ("7.0.5", "7.2.1"):
        with in_front_of(zabbix, version) as front:
            for later in fresh(server, front, tmp_path / version):
                report = later.load(messages=True)
                assert (report.kind, report.warnings) == ("full", ())
                later.load(messages=False)
                raw[version] = later.raw()
                for row in raw[version]["events"].values():
                    assert row.pop("cause_eventid") == 0
    for row in raw["6.0"]["events"].values():
        assert row.pop("cause_eventid") is None
    assert raw["6.0"] == raw["7.0.5"] == raw["7.2.1"]


def test_what_a_real_zabbix_refuses_is_told(
    server: PostgresServer, zabbix: RealZabbix, tmp_path: Path
) -> None:
    for empty in fresh(server, zabbix, tmp_path / "refused"):
        with pytest.raises(UnauthorizedError, match="Not authorized.*in ZABBIX_TOKEN"):
            empty.load(token="0" * 64)
        with pytest.raises(ConfigurationError, match="with /zabbix where it has that"):
            empty.load(url=f"{zabbix.url}/elsewhere")
        assert empty.rows("select tablename from pg_tables where schemaname = 'raw_zabbix'") == []


@pytest.mark.slow
def test_maintenance_suppresses_and_is_remembered(loaded: Extraction, zabbix: RealZabbix) -> None:
    """Zabbix begins and ends maintenances once a minute."""
    now = int(time.time())
    hosts = zabbix.call("host.get", {"filter": {"host": "srv-web-1"}, "output": ["hostid"]})
    made = zabbix.call(
        "maintenance.create",
        {"name": "Работы", "active_since": now - 60, "active_till": now + HOUR,
         "hostids": [hosts[0]["hostid"]],
         "timeperiods": [{"timeperiod_type": 0, "start_date": now - 60, "period": HOUR}]},
    )  # fmt: skip
    wait_for(
        lambda: zabbix.call("host.get", {"filter": {"maintenance_status": 1}}),
        "no host is in maintenance", 90,
    )  # fmt: skip
    before = len(zabbix.events())
    zabbix.send("srv-web-1", "loss", "70")
    event = zabbix.wait_for_events(before + 1)[-1]
    wait_for(
        lambda: zabbix.events(eventids=event["eventid"])[0]["suppressed"] == "1", "not suppressed"
    )
    loaded.load()
    row = loaded.event(int(event["eventid"]))
    assert (row["suppressed"], row["first_suppressed"]) == (True, True)
    assert_same(loaded, zabbix)
    [maintenance] = loaded.raw()["maintenances"].values()
    assert (maintenance["name"], maintenance["hosts"]) == ("Работы", hosts)
    zabbix.call("maintenance.delete", made["maintenanceids"])
    wait_for(
        lambda: zabbix.events(eventids=event["eventid"])[0]["suppressed"] == "0",
        "still suppressed", 90,
    )  # fmt: skip
    loaded.load()
    row = loaded.event(int(event["eventid"]))
    assert (row["suppressed"], row["first_suppressed"]) == (False, True)
