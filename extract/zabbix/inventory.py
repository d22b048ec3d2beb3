"""Triggers, hosts with their inventory, groups and maintenances: what gives ids their names."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from extract.errors import SourceError
from extract.tables import Entity
from extract.zabbix import answers
from extract.zabbix.reader import NO_HOST
from extract.zabbix.tables import HOST_GROUPS, HOSTS, MAINTENANCES, TRIGGERS
from extract.zabbix.work import Work

Tables = dict[str, list[pa.Table]]

# More hosts newly gone than this are a fault of rights, not of somebody who tidies up.
MOST_NEWLY_GONE = 20
MOST_NEWLY_GONE_SHARE = 0.05

# names that a warning spells out
MOST_NAMES = 10


def check_hosts(work: Work, ids: Sequence[int]) -> None:
    """Rights are given by groups of hosts: hosts that go take their events with them.

    Raises SourceError when none is there, or when so many are gone that it cannot be believed.
    """
    if not ids:
        raise SourceError(NO_HOST)
    known = work.journal.hosts_last_read()
    gone = sorted(name or "?" for key, name in known.items() if key not in set(ids))
    limit = max(MOST_NEWLY_GONE, MOST_NEWLY_GONE_SHARE * len(known))
    if (len(gone) > limit or len(gone) == len(known) > 0) and not work.order.accept_missing:
        raise SourceError(
            f"{len(gone)} of {len(known)} hosts are not shown to the token's user any more: give "
            "it back its right to read their groups, or run once with --accept-missing if they "
            "were deleted"
        )
    if gone:
        more = ", …" if len(gone) > MOST_NAMES else ""
        work.findings.warn(
            f"{len(gone)} host(s) deleted or no longer shown to the token's user: "
            f"{', '.join(gone[:MOST_NAMES])}{more}"
        )


def read_details(work: Work, host_ids: Sequence[int]) -> Tables:
    """All hosts, and the triggers of what is open and of what came since the last run."""
    hosts, triggers = work.reader.details(host_ids, work.journal.triggers_to_read())
    groups = work.reader.client.words.groups
    return {
        "hosts": [work.listed(HOSTS, [host(each, groups) for each in hosts])],
        "triggers": [work.listed(TRIGGERS, [trigger(each) for each in triggers])],
    }


def listed(work: Work, groups: Sequence[Entity], maintenances: Sequence[Entity]) -> Tables:
    """Host groups and maintenances, as they were answered."""
    key = work.reader.client.words.groups
    return {
        "host_groups": [
            work.listed(HOST_GROUPS, [answers.fitted(HOST_GROUPS, row) for row in groups])
        ],
        "maintenances": [
            work.listed(MAINTENANCES, [_maintenance(row, key) for row in maintenances])
        ],
    }


def host(row: Entity, groups: str) -> Entity:
    """A host as raw keeps it. `groups`: what the version calls them."""
    return {
        **answers.fitted(HOSTS, row),
        "groups": answers.ids(row[groups], "groupid"),
        "tags": answers.tags(row["tags"]),
        "inventory": answers.inventory(row["inventory"]),
    }


def trigger(row: Entity) -> Entity:
    """A trigger as raw keeps it."""
    return {
        **answers.fitted(TRIGGERS, row),
        "hosts": answers.ids(row["hosts"], "hostid"),
        "tags": answers.tags(row["tags"]),
    }


def _maintenance(row: Entity, groups: str) -> Entity:
    return {
        **answers.fitted(MAINTENANCES, row),
        "groups": answers.ids(row[groups], "groupid"),
        "hosts": answers.ids(row["hosts"], "hostid"),
    }
