"""What a raw table is: its columns, their types, and where in an answer each comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

# an object of a source's answer
Entity = dict[str, Any]

DataType = Literal["text", "bigint", "bool", "json", "timestamp"]


@dataclass(frozen=True)
class Column:
    """One raw column: dlt's type, and the path of its value in the source's object.

    An empty path means that the loader fills it.
    """

    name: str
    data_type: DataType
    path: tuple[str, ...] = ()
    nullable: bool = True


@dataclass(frozen=True)
class Table:
    """One raw table, keyed by its first column."""

    name: str
    columns: tuple[Column, ...]
    merge_key: str | None = None
    newest_first_by: str | None = None

    @property
    def key(self) -> str:
        return self.columns[0].name

    def dlt_columns(self, *, newest_first: bool) -> dict[str, dict[str, Any]]:
        """The hints for dlt: without them an all-empty column or table would not exist.

        `newest_first`: of a row that comes twice in one load keep the newer (dlt: the older).
        """
        hints: dict[str, dict[str, Any]] = {
            column.name: {
                "name": column.name,
                "data_type": column.data_type,
                "nullable": column.nullable,
            }
            for column in self.columns
        }
        if newest_first and self.newest_first_by:
            hints[self.newest_first_by]["dedup_sort"] = "desc"
        return hints


def text(name: str, *path: str) -> Column:
    return Column(name, "text", path)


def bigint(name: str, *path: str) -> Column:
    return Column(name, "bigint", path)


def boolean(name: str, *path: str) -> Column:
    return Column(name, "bool", path)


def json(name: str, *path: str) -> Column:
    return Column(name, "json", path)


def key(name: str, *path: str) -> Column:
    return Column(name, "text", path, nullable=False)


# Filled by the loader, in every table. `_dlt_id` repeats the key: dlt's own random one would cost
# an index of a million entries and tell nothing.
LOADED = (
    Column("loaded_at", "timestamp", nullable=False),
    Column("_dlt_load_id", "text", nullable=False),
    Column("_dlt_id", "text", nullable=False),
)


# what loads have done, and how far they came
EXTRACT_RUNS = Table(
    "extract_runs",
    (
        key("run_id"),
        text("kind"),
        text("source_url"),
        json("scope"),
        bigint("window_start"),
        bigint("window_end"),
        json("counts"),
        Column("started_at", "timestamp"),
        Column("finished_at", "timestamp"),
        *LOADED,
    ),
)
