"""`python -m bench.zabbix`: loads of a real Zabbix with many events, beside what it can give.

The measure is a bare loop of the same requests whose answers nobody looks at, over some pages
before the load and some after it: the frontend takes one at a time, so nothing can be faster.
"""

from __future__ import annotations

import argparse
import sys
import time

import requests
from rich.console import Console
from rich.table import Table

from bench.__main__ import Bench, postgresql
from bench.case import measure
from demo.zabbix.real import RealZabbix, running, what_is_missing
from extract.zabbix.client import ZabbixClient
from extract.zabbix.reader import EVENTS_A_PAGE, Reader

SHARE, QUIET_REQUESTS = 0.8, 5
HOSTS, TRIGGERS_A_HOST = 100, 10
BARE_PAGES = 20

# Two years of pairs, a problem and its recovery; the last hundred problems are open. Of three
# events two have one tag and one has two; every fifth problem was acknowledged.
FILL = """
create temporary table made as
select
    n as eventid, n % 2 as value, triggerid,
    extract(epoch from now())::int - ({events} - n) * (2 * 365 * 86400 / {events}) as clock
from generate_series(1, {events}) as n
inner join (select triggerid, row_number() over (order by triggerid) - 1 as place from triggers)
    as placed on place = (n / 2) % {triggers};
insert into events
    (eventid, source, object, objectid, clock, value, acknowledged, ns, name, severity)
select eventid, 0, 0, triggerid, clock, value, (value = 1 and eventid % 10 = 1)::int,
    eventid % 1000000000, 'Packet loss on host ' || triggerid, value * 3
from made;
insert into event_recovery (eventid, r_eventid)
select eventid, eventid + 1 from made where value = 1 and eventid < {events} - 200;
insert into problem (eventid, source, object, objectid, clock, ns, name, severity)
select eventid, 0, 0, triggerid, clock, eventid % 1000000000, 'Packet loss on host ' || triggerid, 3
from made where value = 1 and eventid > {events} - 200;
insert into event_tag (eventtagid, eventid, tag, value)
select eventid * 2 + step, eventid, 'service', 'service ' || triggerid % 20
from made cross join generate_series(0, 1) as step where step = 0 or eventid % 2 = 1;
insert into acknowledges (acknowledgeid, userid, eventid, clock, message, action)
select eventid, 1, eventid, clock + 300, 'seen', 6 from made where value = 1 and eventid % 10 = 1;
analyze;
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.zabbix", description=__doc__)
    parser.add_argument("--events", type=int, default=600_000)
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 150)
    if missing := what_is_missing():
        console.print(f"not measured: {missing}")
        return 0
    table = Table("case", "wall s", "events", "events/s", "requests", "own CPU s", "peak MB")
    with running() as zabbix, postgresql() as (host, folder):
        _configure(zabbix)
        triggers = HOSTS * TRIGGERS_A_HOST
        zabbix.execute(FILL.format(events=options.events, triggers=triggers))
        dsn = Bench(console, host, folder, 1).database("zabbix", fresh=True)
        rates = {}
        for case in ("bare, before", "full", "bare, after", "nothing changed"):
            if case.startswith("bare"):
                first = 1 if case == "bare, before" else options.events // 2
                wall, events = _bare(zabbix, first)
                cells = ("", "", "")
            else:
                measured = measure(
                    "zabbix", url=zabbix.url, token=zabbix.token, dsn=dsn,
                    folder=str(folder / "dlt"),
                )  # fmt: skip
                wall, events, quiet = measured.wall_seconds, measured.issues, measured.requests
                cells = (f"{quiet:,}", f"{measured.cpu_seconds:.1f}", f"{measured.peak_mb:.0f}")
            rates[case] = events / wall
            table.add_row(case, f"{wall:.1f}", f"{events:,}", f"{rates[case]:,.0f}", *cells)
    console.print(table)
    share = rates["full"] / ((rates["bare, before"] + rates["bare, after"]) / 2)
    console.print(f"{share:.2f} of what the requests alone allow (to be reached: {SHARE})")
    console.print(f"{quiet} requests when nothing changed (at most {QUIET_REQUESTS})")
    return 0


def _configure(zabbix: RealZabbix) -> None:
    """Hosts with an item and some triggers each, and a user who may read them."""
    group = zabbix.call("hostgroup.create", {"name": "bench"})["groupids"][0]
    zabbix.add_reader([group])
    names = [f"host-{number:03d}" for number in range(HOSTS)]
    hosts = [
        {"host": name, "groups": [{"groupid": group}], "inventory_mode": 0,
         "inventory": {"site_rack": f"A-{number % 20:02d}"}}
        for number, name in enumerate(names)
    ]  # fmt: skip
    ids = zabbix.call("host.create", hosts)["hostids"]
    items = [
        {"hostid": each, "name": "loss", "key_": "loss", "type": 2, "value_type": 0}
        for each in ids
    ]  # fmt: skip
    zabbix.call("item.create", items)
    triggers = [
        {"description": f"Packet loss above {20 + number}",
         "expression": f"last(/{name}/loss)>{20 + number}",
         "tags": [{"tag": "service", "value": "network"}]}
        for name in names
        for number in range(TRIGGERS_A_HOST)
    ]  # fmt: skip
    zabbix.call("trigger.create", triggers)


def _bare(zabbix: RealZabbix, first: int) -> tuple[float, int]:
    """The seconds that some pages take, from an id on, and how many events they hold."""
    client = ZabbixClient(zabbix.url, zabbix.token)
    client.introduce()
    call = Reader(client, messages=False)._events(limit=EVENTS_A_PAGE)
    began, start, events = time.monotonic(), first, 0
    with requests.Session() as session:
        for _ in range(BARE_PAGES):
            body = {
                "jsonrpc": "2.0", "method": call.method, "id": 1, "auth": zabbix.token,
                "params": {**call.params, "eventid_from": str(start)},
            }  # fmt: skip
            answer = session.post(f"{zabbix.url}/api_jsonrpc.php", json=body, timeout=120).content
            found = answer.count(b'"eventid":"')
            if not found:
                break
            events += found
            start = int(answer[answer.rfind(b'"eventid":"') + 11 :].split(b'"', 1)[0]) + 1
    return time.monotonic() - began, events


if __name__ == "__main__":
    sys.exit(main())
