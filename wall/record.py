"""What the wall writes down about its own watching: one row of `ops.watch`.

Every wall over the database reads it, also one whose watcher stands by.
"""

from __future__ import annotations

from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)

from pipeline.ownership import claim

_TABLE = """
    create table if not exists ops.watch (
        source text primary key,
        read_at timestamptz,
        trouble text,
        trouble_since timestamptz
    )
"""


def prepare(connection: Connection) -> None:
    """Make the table, known to runs as one of ours."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('ops.watch') is null")
        if cursor.fetchone()[0]:
            claim(connection, [("ops", "watch")])
            cursor.execute(_TABLE)


def went_well(connection: Connection, source: str) -> None:
    """A round came to its end just now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into ops.watch (source, read_at) values (%s, clock_timestamp()) "
            "on conflict (source) do update set read_at = excluded.read_at, trouble = null, "
            "trouble_since = null",
            (source,),
        )


def failed(connection: Connection, source: str, trouble: str) -> None:
    """A round failed; since when, the first of them says."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into ops.watch (source, trouble, trouble_since) "
            "values (%s, %s, clock_timestamp()) on conflict (source) do update set "
            "trouble = excluded.trouble, "
            "trouble_since = coalesce(watch.trouble_since, excluded.trouble_since)",
            (source, trouble),
        )
