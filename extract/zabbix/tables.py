"""The raw tables of Zabbix, and which part of an answer fills each column.

Columns are the API's keys. Zabbix sends every number as a text; here they are numbers, 0 where it
says 0 for "none" (`r_eventid`, `userid`). Moments are seconds of Unix (`clock`), with nanoseconds
beside (`ns`). What is jsonb keeps the keys as they were sent, without people: of a person there is
the `userid` and nothing else.
"""

from __future__ import annotations

from extract.tables import EXTRACT_RUNS, LOADED, Column, Table, bigint, boolean, json, text

# the run ("now") that saw the row last: one that is no longer listed stays here
_SEEN_AT = Column("seen_at", "timestamp")


def _number(name: str) -> Column:
    return bigint(name, name)


def _id(name: str) -> Column:
    return Column(name, "bigint", (name,), nullable=False)


EVENTS = Table(
    "events",
    (
        _id("eventid"),
        # the trigger
        _number("objectid"),
        _number("clock"),
        _number("ns"),
        # 1: a problem; 0: a recovery
        _number("value"),
        text("name", "name"),
        # as it is now; the first one stands in `old_severity` of the first change
        _number("severity"),
        boolean("acknowledged", "acknowledged"),
        _number("r_eventid"),
        _number("c_eventid"),
        _number("cause_eventid"),
        _number("correlationid"),
        _number("userid"),
        boolean("suppressed", "suppressed"),
        json("suppression_data", "suppression_data"),
        json("tags", "tags"),
        # whether it was suppressed when a run saw it first
        boolean("first_suppressed"),
        # whether problem.get lists it as open, as of the last run
        boolean("is_listed"),
        *LOADED,
    ),
)
ACKNOWLEDGEMENTS = Table(
    "acknowledgements",
    (
        _id("acknowledgeid"),
        _number("eventid"),
        _number("userid"),
        _number("clock"),
        # bits: 1 close, 2 acknowledge, 4 message, 8 severity, 16 unacknowledge, …
        _number("action"),
        _number("old_severity"),
        _number("new_severity"),
        text("message", "message"),
        *LOADED,
    ),
)
TRIGGERS = Table(
    "triggers",
    (
        _id("triggerid"),
        # as configured, with its macros: expanded, they would be those of today
        text("description", "description"),
        _number("priority"),
        # 1: disabled
        _number("status"),
        # 1: makes a problem for every value that is one
        _number("type"),
        _number("manual_close"),
        json("hosts", "hosts"),
        json("tags", "tags"),
        _SEEN_AT,
        *LOADED,
    ),
)
HOSTS = Table(
    "hosts",
    (
        _id("hostid"),
        text("host", "host"),
        text("name", "name"),
        # 1: not monitored
        _number("status"),
        _number("maintenance_status"),
        json("groups", "groups"),
        json("tags", "tags"),
        # null where the inventory is switched off
        json("inventory", "inventory"),
        _SEEN_AT,
        *LOADED,
    ),
)
HOST_GROUPS = Table("host_groups", (_id("groupid"), text("name", "name"), _SEEN_AT, *LOADED))
MAINTENANCES = Table(
    "maintenances",
    (
        _id("maintenanceid"),
        text("name", "name"),
        # 0: data are collected; 1: they are not
        _number("maintenance_type"),
        _number("active_since"),
        _number("active_till"),
        _number("tags_evaltype"),
        json("groups", "groups"),
        json("hosts", "hosts"),
        json("tags", "tags"),
        json("timeperiods", "timeperiods"),
        _SEEN_AT,
        *LOADED,
    ),
)

TABLES = (EVENTS, ACKNOWLEDGEMENTS, TRIGGERS, HOSTS, HOST_GROUPS, MAINTENANCES, EXTRACT_RUNS)

# of the inventory's 70 fields those that say what a host is and where it stands; none of people,
# none of free text
INVENTORY = (
    "type", "model", "asset_tag", "serialno_a", "location", "location_lat", "location_lon",
    "site_rack", "site_city", "site_country", "site_address_a",
)  # fmt: skip
