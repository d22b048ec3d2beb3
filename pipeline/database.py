"""The PostgreSQL of a run: the one that the environment names, or the embedded one."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from extract.errors import DatabaseError
from extract.sources import MONITORINGS, SOURCES
from extract.tracker import Source, Tracker
from extract.trackers import TRACKERS
from pipeline import embedded
from pipeline.settings import (
    PROJECT_ROOT,
    database_is_given,
    named_sources,
    named_trackers,
)

OLDEST_VERSION = 15
CONNECT_TIMEOUT_SECONDS = 10

DEMO_DATABASE = "leadtime_demo"
OWN_DATABASE = "leadtime"

# The system's words for a full disk, as a server with English messages passes them on
NO_SPACE = "No space left on device"

# Where loads land; dlt merges by way of the second of each.
RAW_SCHEMAS = tuple(
    schema for source in SOURCES for schema in (source.schema, f"{source.schema}_staging")
)
# The schemas that a run writes to. No other one is touched.
SCHEMAS = (
    *RAW_SCHEMAS, "ops", "seeds", "staging", "intermediate", "marts", "marts_next",
)  # fmt: skip


@dataclass(frozen=True)
class Database:
    """Where a run writes. `password` never appears in a repr."""

    host: str
    port: str
    user: str
    name: str
    password: str = field(default="", repr=False)
    is_embedded: bool = False

    def connect(self) -> Connection:
        """A connection in autocommit mode; raises DatabaseError with what to mend."""
        try:
            connection = psycopg2.connect(**self._parameters())
        except psycopg2.Error as error:
            raise _explained(error) from None
        connection.autocommit = True
        return connection

    def _parameters(self) -> dict[str, Any]:
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "dbname": self.name,
            "password": self.password or None,
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            # whatever PGCLIENTENCODING or the role would have
            "client_encoding": "UTF8",
        }

    def url(self) -> str:
        """The address as libpq's URL, password included: for dlt, never for a log."""
        # dlt wants a password even where PostgreSQL asks for none
        password = quote(self.password or "none", safe="")
        options = urlencode({"connect_timeout": CONNECT_TIMEOUT_SECONDS})
        return (
            f"postgresql://{quote(self.user, safe='')}:{password}@{quote(self.host, safe='')}"
            f":{self.port}/{quote(self.name, safe='')}?{options}"
        )

    def environment(self) -> dict[str, str]:
        """The address as the variables that `profiles.example.yml` and psql read."""
        return {
            "PGHOST": self.host,
            "PGPORT": self.port,
            "PGUSER": self.user,
            "PGDATABASE": self.name,
            "PGPASSWORD": self.password,
        }


def open_database(*, is_demo: bool) -> Database:
    """The database of this run, started and created if it is the embedded one.

    Raises DatabaseError when it is down, refuses the password, or is older than PostgreSQL 15.
    """
    if database_is_given():
        return _given()
    return embedded_database(DEMO_DATABASE if is_demo else OWN_DATABASE)


def find_database(*, is_demo: bool) -> Database | None:
    """The database of a run as it stands, nothing started or created; None: not there yet."""
    if database_is_given():
        return _given()
    socket_directory = embedded.running_socket(PROJECT_ROOT / ".local" / "postgres")
    if socket_directory is None:
        return None
    name = DEMO_DATABASE if is_demo else OWN_DATABASE
    found = Database(
        str(socket_directory), embedded.PORT, embedded.SUPERUSER, name, is_embedded=True
    )
    connection = replace(found, name="postgres").connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("select exists (select from pg_database where datname = %s)", (name,))
            return found if cursor.fetchone()[0] else None
    finally:
        connection.close()


def _given() -> Database:
    """What libpq makes of the environment, `~/.pgpass` and the service file."""
    try:
        connection = psycopg2.connect("", connect_timeout=CONNECT_TIMEOUT_SECONDS)
    except psycopg2.Error as error:
        raise _explained(error) from None
    try:
        _check_version(connection)
        address = connection.info
        return Database(
            host=address.host or os.environ.get("PGHOSTADDR", ""),
            port=str(address.port),
            user=address.user,
            name=address.dbname,
            password=address.password or "",
        )
    finally:
        connection.close()


def embedded_database(name: str) -> Database:
    """A database of the embedded server, both made where they are not there."""
    socket_directory = embedded.start(PROJECT_ROOT / ".local" / "postgres")
    administration = Database(
        host=str(socket_directory), port=embedded.PORT, user=embedded.SUPERUSER, name="postgres",
        is_embedded=True,
    )  # fmt: skip
    connection = administration.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1 from pg_database where datname = %s", (name,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    finally:
        connection.close()
    return Database(
        host=administration.host,
        port=administration.port,
        user=administration.user,
        name=name,
        is_embedded=True,
    )


def _check_version(connection: Connection) -> None:
    version = connection.server_version // 10000
    if version < OLDEST_VERSION:
        raise DatabaseError(f"PostgreSQL {version} is too old: {OLDEST_VERSION} or newer is needed")


def refuse_without_rights(connection: Connection) -> None:
    """Raise DatabaseError with the grant to ask for where a run may not make its schemas."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select current_user, current_database(), "
            "has_database_privilege(current_database(), 'CREATE')"
        )
        user, database, may_create = cursor.fetchone()
        # publishing renames schemas, which needs the same right on every run
        if not may_create:
            raise DatabaseError(
                f'the role "{user}" may not create schemas in the database "{database}": ask its '
                f'owner for: grant create on database "{database}" to "{user}"'
            )
        refuse_strangers(cursor, user)


def ensure_schemas(connection: Connection, raw_schemas: Iterable[str]) -> None:
    """Create the schemas that a run writes to, but those that are made when they are needed."""
    with connection.cursor() as cursor:
        for schema in sorted({*SCHEMAS} - {"marts_next", *RAW_SCHEMAS} | {*raw_schemas}):
            cursor.execute("select to_regnamespace(%s) is null", (schema,))
            # asked first, as `if not exists` answers with a notice
            if cursor.fetchone()[0]:
                cursor.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))


def refuse_strangers(cursor: Cursor, user: str) -> None:
    """Raise DatabaseError where a schema of a run belongs to a role that `user` is no part of."""
    cursor.execute(
        "select nspname from pg_namespace where nspname = any(%s) "
        "and not pg_has_role(nspowner, 'usage') order by nspname",
        (list(SCHEMAS),),
    )
    strangers = [name for (name,) in cursor.fetchall()]
    if strangers:
        raise DatabaseError(
            f"schemas of a run belong to another role: {', '.join(strangers)}. Run as that role, "
            f'or have each changed, with its tables: alter schema … owner to "{user}"'
        )


def is_alive(connection: Connection) -> bool:
    """Whether the session still answers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except psycopg2.Error:
        return False
    return True


def _explained(error: psycopg2.Error) -> DatabaseError:
    """libpq's message (which never holds the password) with the setting to look at."""
    message = " ".join(str(error).split()) or type(error).__name__
    lowered = message.lower()
    if "password" in lowered or "authentication" in lowered:
        advice = "look at PGUSER and PGPASSWORD (or ~/.pgpass)"
    elif "service" in lowered and os.environ.get("PGSERVICE"):
        advice = "look at PGSERVICE and the service file (PGSERVICEFILE, else ~/.pg_service.conf)"
    elif "startup parameter" in lowered:
        advice = (
            "a connection pooler stands before PostgreSQL and refuses it: leave PGOPTIONS out, or "
            "point PGHOST and PGPORT at PostgreSQL itself"
        )
    elif "parameter" in lowered:
        advice = "look at PGOPTIONS, PGTZ and PGDATESTYLE"
    elif "ssl" in lowered or "certificate" in lowered:
        advice = "look at PGSSLMODE and PGSSLROOTCERT, and whether the server speaks TLS"
    elif NO_SPACE in message:
        advice = "the disk of the database is full: make room"
    elif "does not exist" in lowered:
        advice = "look at PGDATABASE and PGUSER"
    else:
        advice = "look at PGHOST and PGPORT, and whether PostgreSQL is running there"
    return DatabaseError(f"PostgreSQL: {message}; {advice}")


def trackers_of(connection: Connection, *, is_demo: bool) -> list[Tracker]:
    """The trackers that the marts are made of: those configured, and those that were loaded."""
    named = TRACKERS[:1] if is_demo else named_trackers()
    loaded = loaded_trackers(connection)
    return [each for each in TRACKERS if each in named or each in loaded] or [TRACKERS[0]]


def monitorings_of(connection: Connection, *, is_demo: bool) -> list[Source]:
    """The monitorings that are configured, and those that were loaded."""
    named = MONITORINGS[:1] if is_demo else named_sources()
    loaded = loaded_monitorings(connection)
    return [each for each in MONITORINGS if each in named or each in loaded]


def loaded_monitorings(connection: Connection) -> list[Source]:
    """The monitorings of which a load has left something."""
    loaded = _loaded(connection)
    return [each for each in MONITORINGS if each in loaded]


def loaded_trackers(connection: Connection) -> list[Tracker]:
    """The trackers of which a load has left something."""
    loaded = _loaded(connection)
    return [each for each in TRACKERS if each in loaded]


def _loaded(connection: Connection) -> list[Source]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select array_agg(name) from unnest(%s) as name "
            "where to_regclass(name || '.extract_runs') is not null",
            ([source.schema for source in SOURCES],),
        )
        schemas = cursor.fetchone()[0] or ()
    return [source for source in SOURCES if source.schema in schemas]
