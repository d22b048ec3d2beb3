"""Publishing: the schema `marts_next` becomes `marts` in one transaction.

Renaming a schema locks no table, so a dashboard's open query is never waited for, and a reader
sees the whole of one run or the whole of the other.
"""

import contextlib
import logging
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)

from extract.errors import DatabaseError
from pipeline.ownership import record_published, refuse_strangers_tables

logger = logging.getLogger(__name__)

LIVE = "marts"
NEXT = "marts_next"
# Published marts that could not be dropped yet: an open query still read them.
RETIRED_PREFIX = "marts_retired_"

LOCK_TIMEOUT = "5s"


@dataclass(frozen=True)
class HungView:
    """A view outside our schemas that reads a mart, as somebody made it."""

    schema: str
    name: str
    definition: str
    is_materialized: bool
    # such as security_invoker, which says whose rights the view reads with
    options: list[str] | None

    @property
    def full_name(self) -> str:
        """For messages."""
        return f"{self.schema}.{self.name}"


def prepare(connection: Connection) -> None:
    """Make way for a build: drop what an earlier one left in `marts_next` and retired marts."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(NEXT)),
        )
    _drop_retired(connection)


def publish_status_view(connection: Connection, *, reader: str) -> None:
    """Move `pipeline_status` from `marts_next`: it answers before there is any mart."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("alter view {}.pipeline_status set schema {}").format(
                sql.Identifier(NEXT), sql.Identifier(LIVE)
            )
        )
        _let_reader_in(cursor, reader)


def publish(connection: Connection, *, reader: str, run_id: str) -> None:
    """Swap the schemas; keep the views that somebody hung on a mart working.

    Raises DatabaseError, with `marts` as it was, when such a view cannot be kept.
    """
    retired = RETIRED_PREFIX + run_id
    connection.autocommit = False
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
            views = _views_hung_on_marts(cursor)
            _refuse_materialized(views)
            refuse_strangers_tables(cursor, [LIVE])
            _refuse_dependents(cursor)
            record_published(cursor, NEXT, LIVE)
            _rename(cursor, LIVE, retired)
            _rename(cursor, NEXT, LIVE)
            _carry_grants(cursor, retired)
            _let_reader_in(cursor, reader, retired=retired)
            for view in views:
                _hang_again(cursor, view)
    except psycopg2.Error as error:
        message = " ".join(str(error).split())
        raise DatabaseError(f"the marts could not be published: {message}") from None
    finally:
        # a lost connection has nothing left to set; its error is already on its way
        with contextlib.suppress(psycopg2.Error):
            connection.autocommit = True
    for view in views:
        logger.info("the view %s, which reads a mart, was kept", view.full_name)
    _drop_retired(connection)


def _rename(cursor: psycopg2.extensions.cursor, old: str, new: str) -> None:
    cursor.execute(
        sql.SQL("alter schema {} rename to {}").format(sql.Identifier(old), sql.Identifier(new))
    )


def _carry_grants(cursor: psycopg2.extensions.cursor, retired: str) -> None:
    """Whoever might read the old marts reads the new ones."""
    cursor.execute(
        """
        with granted as (
            select 'schema marts' as target, acl.*
            from pg_namespace
            cross join lateral aclexplode(nspacl) as acl
            where nspname = %(retired)s and acl.grantee <> nspowner
            union all
            select format('marts.%%I', old.relname), acl.*
            from pg_class as old
            cross join lateral aclexplode(old.relacl) as acl
            where
                old.relnamespace = (select oid from pg_namespace where nspname = %(retired)s)
                and acl.grantee <> old.relowner
                and to_regclass(format('marts.%%I', old.relname)) is not null
        )

        select format(
            'grant %%s on %%s to %%s', privilege_type, target,
            case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end
        )
        from granted
        """,
        {"retired": retired},
    )
    for (grant,) in cursor.fetchall():
        cursor.execute(grant)


def _let_reader_in(
    cursor: psycopg2.extensions.cursor, reader: str, retired: str | None = None
) -> None:
    """The reader sees the new marts and not the retired ones, from the same moment on."""
    cursor.execute("select 1 from pg_roles where rolname = %s", (reader,))
    if cursor.fetchone() is None:
        return
    role = sql.Identifier(reader)
    cursor.execute(
        sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(LIVE), role),
    )
    if retired:
        cursor.execute(
            sql.SQL("revoke all on schema {} from {}").format(sql.Identifier(retired), role),
        )


def _views_hung_on_marts(cursor: psycopg2.extensions.cursor) -> list[HungView]:
    """Views of other schemas that read a table or view of `marts` directly."""
    cursor.execute(
        """
        select distinct
            hung_schema.nspname,
            hung.relname,
            pg_get_viewdef(hung.oid),
            hung.relkind = 'm',
            hung.reloptions
        from pg_depend
        inner join pg_rewrite on pg_rewrite.oid = pg_depend.objid
        inner join pg_class as hung on hung.oid = pg_rewrite.ev_class
        inner join pg_namespace as hung_schema on hung_schema.oid = hung.relnamespace
        inner join pg_class as mart on mart.oid = pg_depend.refobjid
        inner join pg_namespace as mart_schema on mart_schema.oid = mart.relnamespace
        where
            pg_depend.classid = 'pg_rewrite'::regclass
            and pg_depend.refclassid = 'pg_class'::regclass
            and mart_schema.nspname = %s
            and hung_schema.nspname <> %s
        order by 1, 2
        """,
        (LIVE, LIVE),
    )
    return [HungView(*row) for row in cursor.fetchall()]


def _refuse_materialized(views: list[HungView]) -> None:
    stuck = [view.full_name for view in views if view.is_materialized]
    if stuck:
        raise DatabaseError(
            f"materialized views read the marts and would be lost: {', '.join(stuck)}. Drop them, "
            "or turn them into plain views; the marts stay as they were"
        )


def _refuse_dependents(cursor: psycopg2.extensions.cursor) -> None:
    """Foreign keys, functions and columns bound to a mart would be dropped with it: name them."""
    cursor.execute(
        """
        select distinct pg_describe_object(classid, objid, objsubid)
        from pg_depend
        where
            deptype = 'n'
            and classid <> 'pg_rewrite'::regclass
            and (
                (refclassid = 'pg_class'::regclass and refobjid in (
                    select oid from pg_class where relnamespace = 'marts'::regnamespace
                ))
                or (refclassid = 'pg_type'::regclass and refobjid in (
                    select oid from pg_type where typnamespace = 'marts'::regnamespace
                ))
            )
        order by 1
        """
    )
    dependents = [name for (name,) in cursor.fetchall()]
    if dependents:
        raise DatabaseError(
            f"bound to a mart, and would be lost: {'; '.join(dependents)}. Drop it, or make it a "
            "view or a function whose body is a text; the marts stay as they were"
        )


def _hang_again(cursor: psycopg2.extensions.cursor, view: HungView) -> None:
    """Point the view at the new mart of the same name; grants and its owner stay.

    The definition was read before the renaming, so it still says `marts`.
    """
    try:
        cursor.execute(
            sql.SQL("create or replace view {}.{} {} as ").format(
                sql.Identifier(view.schema),
                sql.Identifier(view.name),
                sql.SQL(f"with ({', '.join(view.options)})" if view.options else ""),
            )
            + sql.SQL(view.definition)
        )
    except psycopg2.Error as error:
        raise DatabaseError(
            f"the view {view.full_name} reads a mart and cannot be kept: "
            f"{' '.join(str(error).split())}. Drop or change it; the marts stay as they were"
        ) from None


def _drop_retired(connection: Connection) -> None:
    """Drop retired marts that nobody reads any more; what is still read goes at the next run."""
    with connection.cursor() as cursor:
        cursor.execute(
            # the ending is a run's id: nobody else's schema may go for its beginning
            "select nspname from pg_namespace where nspname ~ %s",
            (rf"^{RETIRED_PREFIX}\d{{8}}t\d{{6}}_[0-9a-f]{{6}}$",),
        )
        for (schema,) in cursor.fetchall():
            try:
                cursor.execute("set lock_timeout = '1s'")
                cursor.execute(
                    sql.SQL("drop schema {} cascade").format(sql.Identifier(schema)),
                )
            except psycopg2.errors.LockNotAvailable:
                logger.info("%s is still being read; it goes at the next run", schema)
            finally:
                cursor.execute("reset lock_timeout")
