"""Which tables and views are ours: those that a run has recorded, in `ops.made_relations`.

A run drops and replaces what stands in its schemas, so what somebody else keeps there is refused
before anything is read. Neither an equal name nor a comment proves that a table is ours.

Who records what, each before it is made or in the same transaction: a run its own tables and the
loader's, the hook `record_made_relations` what dbt is about to build, publishing the marts.
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from extract.errors import DatabaseError
from extract.tracker import Source
from pipeline.database import SCHEMAS

_TABLE = """
    create table if not exists ops.made_relations (
        schema_name text not null,
        relation_name text not null,
        primary key (schema_name, relation_name)
    )
"""

# Everything that goes when a schema is dropped; what belongs to a table, a view or an extension
# goes with that. dbt builds under a name with an ending first.
_PRESENT = r"""
    with

    present as (

        select
            pg_class.oid,
            'pg_class'::regclass as catalogue,
            nspname,
            relname,
            relname as label,
            regexp_replace(relname, '__dbt_(tmp|backup)\d*$', '') as made_as
        from pg_class
        inner join pg_namespace on pg_namespace.oid = relnamespace
        where relkind in ('r', 'v', 'm', 'p', 'f', 'S')

        union all

        select
            pg_proc.oid,
            'pg_proc'::regclass as catalogue,
            nspname,
            proname,
            format('%%s(%%s)', proname, pg_get_function_identity_arguments(pg_proc.oid)),
            -- a function of ours is recorded by its name with brackets
            proname || '()'
        from pg_proc
        inner join pg_namespace on pg_namespace.oid = pronamespace

        union all

        select
            pg_type.oid,
            'pg_type'::regclass as catalogue,
            nspname,
            typname,
            typname,
            null
        from pg_type
        inner join pg_namespace on pg_namespace.oid = typnamespace
        where typtype in ('e', 'd', 'r')

    )

    select
        nspname,
        label,
        made_as,
        coalesce(obj_description(oid, 'pg_class'), '') <> '' as has_comment
    from present
    where
        nspname = any(%(schemas)s)
        and not exists (
            select from pg_depend
            where
                pg_depend.classid = present.catalogue and pg_depend.objid = present.oid
                and deptype in ('a', 'i', 'e')
        )
    order by nspname, label
"""

# as the first version that wrote each had it, in the tables that prove an earlier run of ours
_PROOFS = {
    "pipeline_runs": ("ops", {"run_id", "started_at", "status", "lock_key", "data_as_of"}),
    "extract_runs": ("raw", {"run_id", "kind", "source_url", "counts", "_dlt_load_id"}),
}


def refuse_strangers_tables(cursor: Cursor, schemas: Iterable[str] = SCHEMAS) -> None:
    """Raise DatabaseError with everything in these schemas that no run of this project has made."""
    strangers = _strangers(cursor, list(schemas))
    if strangers:
        raise DatabaseError(
            "the schemas of a run hold what no run of this project has made and a run may drop: "
            f"{', '.join(strangers)}. Move each to a schema of its own (alter … set schema), drop "
            "it, or give the runs a database of their own (PGDATABASE); nothing was changed"
        )


def made_tables(sources: Iterable[Source]) -> list[tuple[str, str]]:
    """The tables (schema, name) that runs and loads make, the loader's own among them."""
    own = ["_dlt_loads", "_dlt_pipeline_state", "_dlt_version"]
    return [
        ("ops", "pipeline_runs"),
        ("ops", "tickets"),
        # the view that answers before there is any mart
        ("marts", "pipeline_status"),
        *(
            (schema, name)
            for source in sources
            for schema in (source.schema, f"{source.schema}_staging")
            for name in (*(table.name for table in source.tables), *own)
        ),
    ]


def claim(connection: Connection, tables: Iterable[tuple[str, str]]) -> None:
    """Record that runs make these tables (schema, name), and what an earlier version has made."""
    with connection.cursor() as cursor:
        adopted = [] if _is_recorded(cursor) else _left_by_earlier_version(cursor, list(SCHEMAS))
        cursor.execute(_TABLE)
        for schema, name in (("ops", "made_relations"), *tables, *adopted):
            cursor.execute(
                "insert into ops.made_relations values (%s, %s) on conflict do nothing",
                (schema, name),
            )


def record_published(cursor: Cursor, made: str, published: str) -> None:
    """Within the publishing: what stands in the schema `made` is from now on `published`'s."""
    cursor.execute("delete from ops.made_relations where schema_name = %s", (published,))
    cursor.execute(
        "insert into ops.made_relations select %s, relname from pg_class "
        "where relnamespace = %s::regnamespace and relkind in ('r', 'v', 'm', 'p', 'f', 'S')",
        (published, made),
    )


def _strangers(cursor: Cursor, schemas: list[str]) -> list[str]:
    """What is not ours, as `schema.name`."""
    if _is_recorded(cursor):
        cursor.execute("select schema_name, relation_name from ops.made_relations")
        ours = set(cursor.fetchall())
    else:
        ours = set(_left_by_earlier_version(cursor, schemas))
    return [
        f"{schema}.{label}"
        for schema, label, made_as, _ in _present(cursor, schemas)
        if (schema, made_as) not in ours
    ]


def _present(cursor: Cursor, schemas: list[str]) -> list[tuple[str, str, str | None, bool]]:
    cursor.execute(_PRESENT, {"schemas": schemas})
    return cursor.fetchall()


def _is_recorded(cursor: Cursor) -> bool:
    return _has_columns(cursor, "ops", "made_relations", {"schema_name", "relation_name"})


def _left_by_earlier_version(cursor: Cursor, schemas: list[str]) -> list[tuple[str, str]]:
    """Of a database without a record: what is there, if a row of a run of ours is.

    An earlier version took everything in `marts` for its own but what had no comment.
    """
    proven = {
        schema
        for table, (schema, columns) in _PROOFS.items()
        if _has_columns(cursor, schema, table, columns) and _has_rows(cursor, schema, table)
    }
    if not proven:
        return []
    if "ops" not in proven:
        schemas = [schema for schema in schemas if schema.startswith("raw")]
    return [
        (schema, made_as)
        for schema, _, made_as, has_comment in _present(cursor, schemas)
        if made_as is not None
        # no earlier version has made a function
        and not made_as.endswith("()")
        and (schema != "marts" or has_comment)
    ]


def _has_columns(cursor: Cursor, schema: str, table: str, columns: set[str]) -> bool:
    cursor.execute(
        "select array_agg(attname::text) from pg_attribute "
        "where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped",
        (f"{schema}.{table}",),
    )
    return columns <= set(cursor.fetchone()[0] or ())


def _has_rows(cursor: Cursor, schema: str, table: str) -> bool:
    # both names are our own
    cursor.execute(f"select exists (select from {schema}.{table})")  # noqa: S608
    return cursor.fetchone()[0]
