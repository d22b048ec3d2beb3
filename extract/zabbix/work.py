"""What every step of one load shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa

from extract.arrow import to_arrow
from extract.findings import Findings
from extract.landing import Landing
from extract.tables import Entity, Table
from extract.tracker import Load
from extract.zabbix.journal import ZabbixJournal
from extract.zabbix.reader import Reader
from extract.zabbix.upserts import Upserts


@dataclass
class Work:
    """One load at work."""

    reader: Reader
    packages: Landing | Upserts
    journal: ZabbixJournal
    findings: Findings
    order: Load
    counts: dict[str, Any] = field(default_factory=dict)

    def table(self, table: Table, entities: Sequence[Entity], **filled: Sequence[Any]) -> pa.Table:
        """Arrow columns, stamped with the time of this machine's clock."""
        return to_arrow(table, entities, datetime.now(timezone.utc), **filled)

    def listed(self, table: Table, rows: Sequence[Entity]) -> pa.Table:
        """The rows of a list, as seen by this run."""
        return self.table(table, rows, seen_at=[self.order.as_of] * len(rows))
