"""Rows of a query as columns of JSON, in which each value of a dimension is its place in a list."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

DIMENSIONS = ("team", "issue_type", "sprint", "quarter")
EPOCH = date(1970, 1, 1)

Rows = list[tuple[Any, ...]]
Codes = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Table:
    """What a query found, with a name for each column; dimensions have their own names."""

    names: tuple[str, ...]
    rows: Rows

    def column(self, name: str) -> list[Any]:
        """The values of one column."""
        place = self.names.index(name)
        return [row[place] for row in self.rows]

    def encoded(self, codes: Codes) -> dict[str, list[Any]]:
        """The columns: days as numbers since 1970, dimensions as codes."""
        return {
            name: [codes[name][value] for value in self.column(name)]
            if name in codes
            else [_plain(value) for value in self.column(name)]
            for name in self.names
        }


def select(cursor: Any, names: Iterable[str], statement: str, *arguments: Any) -> Table:
    """What a statement finds, its columns named in their order."""
    cursor.execute(statement, arguments or None)
    return Table(tuple(names), cursor.fetchall())


def day_number(day: date) -> int:
    """Days since 1970."""
    return (day - EPOCH).days


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return day_number(value)
    return int(value) if isinstance(value, Decimal) else value
