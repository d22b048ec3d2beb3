"""The trackers that can be read."""

from __future__ import annotations

from extract.tracker import Tracker
from extract.youtrack.tracker import YouTrack

TRACKERS: tuple[Tracker, ...] = (YouTrack(),)
