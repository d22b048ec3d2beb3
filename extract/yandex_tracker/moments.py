"""Moments as Tracker writes them: `2017-06-11T05:16:01.339+0000`, in whatever offset."""

from __future__ import annotations

from datetime import datetime

_FORMATS = ("%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z")


def moment(text: object) -> datetime:
    """The moment that a text means. Raises ValueError for what is none, or has no offset."""
    if isinstance(text, str):
        for each in _FORMATS:
            try:
                return datetime.strptime(text, each)
            except ValueError:
                continue
    raise ValueError(f"no moment: {text!r}")


def milliseconds(text: object) -> int:
    """The same as epoch ms."""
    return round(moment(text).timestamp() * 1000)
