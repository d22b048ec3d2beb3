"""The trackers that can be read."""

from __future__ import annotations

from extract.tracker import Tracker
from extract.yandex_tracker.tracker import YandexTracker
from extract.youtrack.tracker import YouTrack

TRACKERS: tuple[Tracker, ...] = (YouTrack(), YandexTracker())
