"""One load: every event that Zabbix has, or what is new since the last run, into raw.

The steps, each of them safe to be killed in and to be repeated: the events from the cursor on; the
lists of what is open now, of groups, maintenances and hosts; once more the events that can still
change; hosts and triggers. The last thing written is the row of `extract_runs` that says that all
of it is there. What is open is listed after the events were read, and read again after that: so an
event that raw holds as open, and that is not listed, is neither new nor just closed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone

import psycopg2

from extract.address import is_unprotected
from extract.client import Patience
from extract.errors import DatabaseError
from extract.findings import Findings
from extract.journal import connect
from extract.landing import Landing
from extract.memory import rare_collections
from extract.tracker import Load, LoadReport
from extract.zabbix import inventory
from extract.zabbix.address import identity, normalise_url
from extract.zabbix.client import ZabbixClient
from extract.zabbix.events import read_again, read_new
from extract.zabbix.journal import SCHEMA, ZabbixJournal
from extract.zabbix.moved import adopt_address
from extract.zabbix.reader import Reader
from extract.zabbix.tables import TABLES
from extract.zabbix.work import Work


@dataclass(frozen=True)
class Source:
    """Which Zabbix to read, as whom, and whether with what people wrote."""

    url: str
    token: str = field(repr=False)
    messages: bool = False

    def reader(self, patience: Patience | None = None) -> Reader:
        """The reader of this source."""
        client = ZabbixClient(normalise_url(self.url), self.token, patience=patience)
        return Reader(client, messages=self.messages)


def load(source: Source, order: Load, *, patience: Patience | None = None) -> LoadReport:
    """Bring raw up to date with Zabbix.

    Raises ConfigurationError, SourceError or DatabaseError with what to mend; nothing that is
    raised holds the token or the password. Whatever was loaded before stays, and the next run
    goes on from there.
    """
    findings = Findings()
    if is_unprotected(source.url):
        findings.warn("ZABBIX_URL is plain http: the token can be read on the way. Use https")
    reader = source.reader(patience)
    connection = connect(order.dsn)
    try:
        journal = ZabbixJournal(connection, order.identity or identity(source.url), order.run_id)
        journal.take_turn(is_waiting=True)
        journal.open(source_moved=order.source_moved)
        reader.client.introduce()
        if journal.moved_from:
            adopt_address(reader, journal, findings)
        with rare_collections():
            landing = Landing(
                order.dsn, order.working_dir, source="zabbix", schema=SCHEMA, tables=TABLES
            )
            work = Work(reader, landing, journal, findings, order)
            kind = _load(work, messages=source.messages)
        return _report(work, kind)
    except psycopg2.Error as error:
        raise DatabaseError(f"the database failed: {' '.join(str(error).split())}") from None
    finally:
        connection.close()


def _load(work: Work, *, messages: bool) -> str:
    """All steps of a load; returns its kind."""
    journal, state = work.journal, work.journal.state
    if not journal.has_tables():
        # before anything is written: is there anything to read?
        work.reader.check_readable()
        journal.create_tables()
        state.messages = messages
        # from now on the database belongs to this Zabbix
        journal.mark()
    elif journal.missing_columns():
        _read_past_again(work)
        journal.create_tables()
    if messages != state.messages:
        _heed_messages(work, is_wanted=messages)
    is_first = journal.last_finished() is None
    began_with = state.cursor
    read_new(work)
    if is_first:
        # a run that was killed after its COPY has brought a package twice
        journal.make_keys_unique("events", "acknowledgements")
    listed, groups, maintenances, host_ids = work.reader.lists()
    inventory.check_hosts(work, host_ids)
    read_again(work, journal.unsettled(listed, work.order.as_of))
    journal.take_listed(listed)
    tables = inventory.listed(work, groups, maintenances)
    work.packages.load(tables | inventory.read_details(work, host_ids))
    work.order.on_progress("hosts", len(host_ids), None)
    kind = "full" if is_first else "incremental"
    counts = {
        **work.packages.loaded,
        "open": len(listed),
        "requests": work.reader.client.request_count,
        "warnings": len(work.findings.warnings()),
    }
    journal.write(kind, None, (began_with, state.cursor), counts)
    return kind


def _read_past_again(work: Work) -> None:
    """The events are to be read again from the beginning, and compared with what raw has.

    Written at once, so that a run that is killed is not taken for one before the change.
    """
    work.journal.state.cursor = 0
    work.journal.mark()


def _heed_messages(work: Work, *, is_wanted: bool) -> None:
    """Texts that are no longer wanted leave raw at once; those wanted again are read again."""
    work.journal.state.messages = is_wanted
    if is_wanted:
        _read_past_again(work)
    else:
        work.journal.forget_messages()
        work.journal.mark()


def _report(work: Work, kind: str) -> LoadReport:
    newest = work.journal.newest_clock()
    moment = newest and datetime.fromtimestamp(newest, timezone.utc)
    return LoadReport(
        events_loaded=work.packages.loaded["events"],
        requests=work.reader.client.request_count,
        warnings=work.findings.warnings(),
        # a value may carry the moment of a clock that is ahead
        data_as_of=moment and min(moment, work.order.as_of),
        kind=kind,
    )
