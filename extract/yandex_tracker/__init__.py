"""Yandex.Tracker: what only this tracker has."""
