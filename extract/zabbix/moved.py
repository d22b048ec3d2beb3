"""A Zabbix at another address than the one that filled raw: is it the same one?"""

from __future__ import annotations

from collections.abc import Iterator

from extract.errors import ConfigurationError
from extract.findings import Findings
from extract.zabbix import answers
from extract.zabbix.journal import ZabbixJournal
from extract.zabbix.reader import Reader


def adopt_address(reader: Reader, journal: ZabbixJournal, findings: Findings) -> None:
    """Compare what raw holds with what the new address answers, and go on there if it agrees.

    Raises ConfigurationError with the first difference, and writes nothing then.
    """
    sample = journal.sample_of_events()
    compared = (
        f"{len(sample)} event(s) by id, moment and trigger compared between {journal.moved_from} "
        f"and {journal.source}"
    )
    first = next(_differences(reader, sample), None)
    if first:
        raise ConfigurationError(
            f"{compared}: {first}. This is not taken for the same Zabbix, and nothing is written. "
            "Look at ZABBIX_URL, or give another PGDATABASE"
        )
    journal.adopt_source()
    findings.warn(f"the address of Zabbix has changed: {compared}, all agree")


def _differences(reader: Reader, sample: list[tuple[int, int, int, int, int]]) -> Iterator[str]:
    """Each difference in words, as it is found."""
    there = {}
    for page in reader.events_by_id([row[0] for row in sample]):
        for row in page:
            event = answers.event(row)
            there[event["eventid"]] = event
    for event_id, *lasting in sample:
        found = there.get(event_id)
        keys = ("objectid", "clock", "ns", "value")
        if found and [found[key] for key in keys] != lasting:
            yield f"the event {event_id} is another one there"
    # old events are deleted as time goes by, but not those of the last months
    if len(there) < len(sample) / 2:
        yield f"{len(sample) - len(there)} of them are not there"
