"""Marts as they are against marts as they should be, cell by cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from psycopg2 import sql

from .marts import KEYS, Marts
from .moments import UTC
from .raw import fetch

TOLERANCE = Decimal("0.01")
TOLERANT = frozenset(
    ("lead_time_days", "cycle_time_days", "days", "mean_days")
    + tuple(f"p{percent}" for percent in (10, 25, 50, 75, 85, 90, 95))
    + ("minutes_open", "minutes_to_acknowledge", "minutes_to_restore", "open_minutes",
       "unacknowledged_minutes")
    + tuple(f"p{percent}_minutes_to_{measure}" for percent in (50, 75, 90)
            for measure in ("acknowledge", "restore"))
)  # fmt: skip


def compare(
    expected_rows: Iterable[dict], actual_rows: Iterable[dict], key: Sequence[str]
) -> list[str]:
    """One line for each difference; empty when the marts agree.

    The columns are those of the expected rows: a mart may carry more. Days and percentiles may
    differ by 0.01, everything else not at all.
    """
    expected, found = _by_key(expected_rows, key, "expected")
    actual, repeated = _by_key(actual_rows, key, "actual")
    found += repeated
    for identity in expected.keys() | actual.keys():
        if identity not in actual:
            found.append(f"missing row: {_named(key, identity)}: {expected[identity]}")
        elif identity not in expected:
            found.append(f"row too many: {_named(key, identity)}: {actual[identity]}")
        else:
            cells = _cells(expected[identity], actual[identity])
            found += [f"{_named(key, identity)}: {cell}" for cell in cells]
    return sorted(found)


def _named(key: Sequence[str], identity: tuple) -> str:
    return ", ".join(f"{column}={value}" for column, value in zip(key, identity, strict=True))


def _by_key(
    rows: Iterable[dict], key: Sequence[str], side: str
) -> tuple[dict[tuple, dict], list[str]]:
    identities = [(tuple(row.get(column) for column in key), row) for row in rows]
    by_key = dict(identities)
    times = Counter(identity for identity, _ in identities) if len(by_key) < len(identities) else {}
    return by_key, [
        f"{side}: key {identity} occurs {count} times"
        for identity, count in times.items()
        if count > 1
    ]


def _cells(expected: dict, actual: dict) -> list[str]:
    found = []
    for column, wanted in expected.items():
        if column not in actual:
            found.append(f"no column {column}")
        elif not _agree(column, wanted, actual[column]):
            found.append(f"{column} is {actual[column]!r}, expected {wanted!r}")
    return found


def _agree(column: str, wanted: object, value: object) -> bool:
    if type(wanted) is type(value) and wanted == value:
        return True
    if wanted is None or value is None:
        return wanted is value
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    if column in TOLERANT and isinstance(value, Decimal | int | float):
        return abs(Decimal(str(value)) - Decimal(str(wanted))) <= TOLERANCE
    return wanted == value


def read_marts(connection, schema: str = "marts") -> Marts:
    """The marts of the contract that exist in a schema, as the reference returns them."""
    marts: Marts = {}
    for mart in KEYS:
        exists = fetch(
            connection,
            sql.SQL("select to_regclass({}) is not null as exists").format(
                sql.Literal(f'"{schema}"."{mart}"')
            ),
        )
        if exists[0]["exists"]:
            query = sql.SQL("select * from {}").format(sql.Identifier(schema, mart))
            marts[mart] = [
                {column: _in_utc(value) for column, value in row.items()}
                for row in fetch(connection, query)
            ]
    return marts


def _in_utc(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
