"""The watcher and the comments over a real Zabbix 6.0."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PostgresServer
from zabbix_front import in_front_of
from zabbix_loads import Extraction, fresh

from demo.zabbix.real import RealZabbix, running, what_is_missing
from extract.zabbix.watch import Watch
from wall import comments
from wall.comments import CommentError

MISSING = what_is_missing()

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture(scope="module")
def zabbix() -> Iterator[RealZabbix]:
    """A Zabbix with one host, whose trigger may be closed by hand."""
    with running() as started:
        group = started.call("hostgroup.create", {"name": "Серверы/ДЦ-1"})["groupids"][0]
        started.add_reader([group])
        host = {"host": "srv-1", "name": "БД 1", "groups": [{"groupid": group}],
                "inventory_mode": 0, "inventory": {"site_rack": "A-07"}}  # fmt: skip
        made = started.call("host.create", host)["hostids"][0]
        item = {"hostid": made, "name": "loss", "key_": "loss", "type": 2, "value_type": 0}
        started.call("item.create", item)
        trigger = {"description": "Loss on {HOST.NAME}", "priority": 4,
                   "expression": "last(/srv-1/loss)>20"}  # fmt: skip
        started.call("trigger.create", trigger)
        started.send("srv-1", "loss", "1")
        yield started


@pytest.fixture(scope="module")
def loaded(
    server: PostgresServer, zabbix: RealZabbix, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Extraction]:
    for made in fresh(server, zabbix, tmp_path_factory.mktemp("real")):
        made.load(messages=True)
        yield made


def said_of(zabbix: RealZabbix, event_id: str) -> list[dict[str, Any]]:
    [event] = zabbix.events(eventids=[event_id], select_acknowledges="extend")
    return event["acknowledges"]


@pytest.mark.parametrize("version", ["6.0", "7.2.1"])
def test_a_problem_appears_is_spoken_of_and_ends(
    loaded: Extraction, zabbix: RealZabbix, version: str, tmp_path: Path
) -> None:
    before = len(zabbix.events())
    source = type(loaded.source)(zabbix.url, zabbix.token, messages=True)
    watch = Watch(source, loaded.dsn, simulated="the company")
    watch.round()
    zabbix.send("srv-1", "loss", "60")
    event_id = zabbix.wait_for_events(before + 1)[-1]["eventid"]
    assert watch.round().open_count == 1
    assert loaded.one("select array_agg(eventid) from events where is_listed") == [int(event_id)]
    # the viewer's token has no more than the right to read
    if version == "6.0":
        comments.write(zabbix.url, zabbix.token, [event_id], "Смотрю", is_acknowledged=True)
    else:
        with in_front_of(zabbix, version) as front:
            comments.write(front.url, front.token, [event_id], "Смотрю", is_acknowledged=True)
    [said] = said_of(zabbix, event_id)
    assert (said["message"], said["action"]) == ("Смотрю", "6")
    assert watch.round().is_changed
    assert loaded.rows(
        "select message, userid from acknowledgements where eventid = %s", event_id
    ) == [("Смотрю", int(said["userid"]))]
    zabbix.send("srv-1", "loss", "1")
    zabbix.wait_for_events(before + 2)
    watch.round()
    assert loaded.one("select count(*) from events where is_listed") == 0
    watch.close()


def test_what_zabbix_refuses_is_told_without_the_token(zabbix: RealZabbix) -> None:
    with pytest.raises(CommentError, match="Nothing was written: Zabbix refuses the token") as told:
        comments.write(zabbix.url, "f" * 64, ["1"], "x", is_acknowledged=True)
    assert "f" * 64 not in str(told.value)
    with pytest.raises(CommentError, match="Nothing was written: .*No permissions"):
        comments.write(zabbix.url, zabbix.token, ["999999"], "x", is_acknowledged=True)
