"""Rows into the raw tables by plain SQL, for who brings few of them and often.

dlt's packages are for many rows: one costs a second, a folder and a schema beside. Here a package
is one transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)
from psycopg2.extras import execute_values

from extract.tables import Table

# in the column that names dlt's package
PACKAGE = "watch"


class Upserts:
    """What `extract.landing.Landing` does, over the connection that it is given."""

    def __init__(self, connection: Connection, schema: str, tables: Sequence[Table]) -> None:
        self._connection = connection
        self._schema = schema
        self._tables = {table.name: table for table in tables}
        self.loaded: Counter[str] = Counter()

    def load(self, pages: Mapping[str, Iterable[pa.Table]], *, append: bool = False) -> None:
        """Put rows into the tables that they are named for, in place of those of the same key."""
        if append:
            raise ValueError("a first load is dlt's")
        with self._connection.cursor() as cursor:
            cursor.execute("begin")
            try:
                for name, tables in pages.items():
                    rows = [row for page in tables for row in page.to_pylist()]
                    if rows:
                        self._put(cursor, self._tables[name], rows)
                        self.loaded[name] += len(rows)
            except BaseException:
                if not self._connection.closed:
                    cursor.execute("rollback")
                raise
            cursor.execute("commit")

    def _put(self, cursor: object, table: Table, rows: list[dict]) -> None:
        # a page may bring a row twice: the last one is the newest
        rows = list({row[table.key]: row for row in rows}.values())
        columns = [column.name for column in table.columns]
        name = sql.Identifier(self._schema, table.name)
        parts = {"table": name, "key": sql.Identifier(table.key)}
        cursor.execute(
            sql.SQL("delete from {table} where {key} = any(%s)").format(**parts),
            ([row[table.key] for row in rows],),
        )
        insert = sql.SQL("insert into {table} ({columns}) values %s").format(
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)), **parts
        )
        filled = [
            [PACKAGE if column == "_dlt_load_id" else row[column] for column in columns]
            for row in rows
        ]
        execute_values(cursor, insert.as_string(cursor), filled, page_size=1000)
