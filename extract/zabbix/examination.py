"""What a token may see, for `make doctor`: a handful of requests, nothing written."""

from __future__ import annotations

from collections.abc import Iterator

from extract.client import Patience
from extract.tracker import Found
from extract.zabbix.load import Source

PATIENCE = Patience(tries=2, read_seconds=20)


def examine(source: Source) -> Iterator[Found]:
    """Yield what was looked at. Raises what a run would where nothing can be read at all."""
    reader = source.reader(PATIENCE)
    # the version first: a token that is refused, and a frontend that is not there, look alike later
    reader.client.introduce()
    yield True, f"Zabbix {reader.version} answers"
    reader.check_readable()
    listed, groups, maintenances, hosts = reader.lists()
    yield True, "Zabbix takes the token"
    yield True, f"{len(hosts):,} hosts in {len(groups):,} groups can be read"
    yield True, f"{len(listed):,} problems are open, {len(maintenances):,} maintenances are known"
    found, _ = reader.details(hosts[:100], ())
    if not any(host["inventory"] for host in found):
        yield False, "no host has an inventory: nothing says in which rack it stands"
    if reader.newest_event() is None:
        yield False, "there is no event that the token's user may read"
