"""The sources that can be read: the trackers, and the monitorings beside them."""

from __future__ import annotations

from extract.tracker import Source
from extract.trackers import TRACKERS
from extract.zabbix.monitoring import Zabbix

MONITORINGS: tuple[Source, ...] = (Zabbix(),)

SOURCES: tuple[Source, ...] = (*TRACKERS, *MONITORINGS)
