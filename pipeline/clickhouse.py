"""Publishing to ClickHouse: the marts once more, for dashboards that read them there.

PostgreSQL computes every number, once; finished rows are copied from it, in one snapshot. Each
table is written beside the one that is read, and all change places in one statement when the last
of them is whole. Imported only where ClickHouse is configured: the library costs time.
"""

import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime, timezone
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver import Client
from clickhouse_connect.driver.binding import format_str, quote_identifier
from clickhouse_connect.driver.exceptions import ClickHouseError as LibraryError
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)
from pyarrow import csv

from extract.errors import ConfigurationError, DatabaseError
from pipeline.contracts import Column, Contract
from pipeline.database import Database
from pipeline.publish import LIVE
from pipeline.settings import ClickHouseSettings

logger = logging.getLogger(__name__)

# The oldest LTS whose documentation names all that is used; tried with 26.9 alone.
OLDEST_VERSION = (23, 8)
# Engines of a database in which tables change places; the second is that of ClickHouse Cloud.
DATABASE_ENGINES = ("Atomic", "Shared")

NEXT = "__next"
STATUS = "pipeline_status"

BLOCK_BYTES = 4 * 1024**2
CONNECT_SECONDS = 10
ANSWER_SECONDS = 300
LONGEST_REASON = 300
# digits that pyarrow reads
LONGEST_NUMERIC = 38

# What every supported version keeps exactly; newer ones keep more.
FIRST_DATE, LAST_DATE = date(1900, 1, 1), date(2299, 12, 31)
_FIRST = datetime(1900, 1, 1, tzinfo=timezone.utc)
_LAST = datetime(2299, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc)

_LIMITS = {pa.date32(): (FIRST_DATE, LAST_DATE), pa.timestamp("us", "UTC"): (_FIRST, _LAST)}

# PostgreSQL's type -> ClickHouse's and that of the body; numeric has a scale of its own.
_TYPES: dict[str, tuple[str, pa.DataType]] = {
    "text": ("String", pa.string()),
    "varchar": ("String", pa.string()),
    "character varying": ("String", pa.string()),
    "boolean": ("Bool", pa.bool_()),
    "smallint": ("Int16", pa.int16()),
    "integer": ("Int32", pa.int32()),
    "int": ("Int32", pa.int32()),
    "bigint": ("Int64", pa.int64()),
    "double precision": ("Float64", pa.float64()),
    "date": ("Date32", pa.date32()),
    "timestamptz": ("DateTime64(6, 'UTC')", pa.timestamp("us", "UTC")),
    "timestamp with time zone": ("DateTime64(6, 'UTC')", pa.timestamp("us", "UTC")),
}
_NUMERIC = re.compile(r"numeric\((\d+), ?(\d+)\)")
_LENGTH = re.compile(r"(varchar|character varying)\(\d+\)")

# ClickHouse's numbers of errors
_DATABASE_UNKNOWN, _ACCESS_DENIED, _NOT_AUTHENTICATED = 81, 497, 516


class ClickHouseError(DatabaseError):
    """ClickHouse did not get the marts."""


class Target:
    """The database in ClickHouse, with a connection that lives as long as the object.

    `origin` is the name of the PostgreSQL database: only tables that came from there are ours.
    """

    def __init__(self, settings: ClickHouseSettings, origin: str) -> None:
        self._database = settings.clickhouse_database
        self._cluster = settings.clickhouse_cluster
        # at the end of a table's comment
        self._mark = f"Published by lead-time from the PostgreSQL database {origin}."
        self._client = _connect(settings)
        self.version = self._client.server_version
        self._replicas = 0

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def refuse_unfit(self) -> None:
        """Raise ClickHouseError where tables could not be made whole and change places."""
        numbers = tuple(int(part) for part in re.findall(r"\d+", self.version)[:2])
        if numbers < OLDEST_VERSION:
            raise ClickHouseError(
                f"ClickHouse {self.version} is too old: "
                f"{'.'.join(map(str, OLDEST_VERSION))} or newer is needed"
            )
        engine = self._value(
            "select engine from system.databases where name = %(name)s", name=self._database
        )
        if engine not in DATABASE_ENGINES:
            raise ClickHouseError(
                f"ClickHouse's database {self._database} has the engine {engine}; tables change "
                f"places in one of {' or '.join(DATABASE_ENGINES)} only"
            )
        if self._cluster:
            self._replicas = self._count_replicas(self._cluster)

    def _count_replicas(self, cluster: str) -> int:
        shards, replicas = self._rows(
            "select uniqExact(shard_num), count() from system.clusters where cluster = %(name)s",
            name=cluster,
        )[0]
        if shards != 1:
            raise ClickHouseError(
                f"ClickHouse's cluster {cluster} has {shards} shards: the marts need one, every "
                "replica of which holds every row (CLICKHOUSE_CLUSTER)"
            )
        return replicas

    def missing_rights(self) -> list[str] | None:
        """The rights that a run needs and the user lacks; None where ClickHouse cannot tell."""
        needed = ("SELECT", "INSERT", "CREATE TABLE", "DROP TABLE")
        place = f"{quote_identifier(self._database)}.*"
        try:
            return [
                right for right in needed if not int(self._value(f"CHECK GRANT {right} ON {place}"))
            ]
        except ClickHouseError:
            return None

    def refuse_strangers(self, marts: list[Contract]) -> dict[str, str]:
        """The tables that are there, with their comments; raises ClickHouseError for a stranger's.

        Only what carries our mark is ever replaced or dropped.
        """
        there = dict(
            self._rows(
                "select name, comment from system.tables where database = %(name)s",
                name=self._database,
            )
        )
        names = [name for mart in marts for name in (mart.name, mart.name + NEXT)]
        strangers = [name for name in names if name in there and not self._is_ours(there[name])]
        if strangers:
            raise ClickHouseError(
                f"ClickHouse's database {self._database} has {', '.join(strangers)} from somebody "
                "else (their comments do not end with the words of this installation, "
                f'"{self._mark}"). Rename or drop them, or name another CLICKHOUSE_DATABASE'
            )
        return there

    def publish(self, connection: Connection, marts: list[Contract], *, is_all: bool) -> int:
        """Write the marts and let them take the places of those that are there, the status last.

        `connection` holds the snapshot of PostgreSQL. `is_all`: marts that are ours and not among
        these are dropped. Returns the number of rows.
        """
        there = self.refuse_strangers(marts)
        marts = sorted(marts, key=lambda mart: mart.name == STATUS)
        rows = 0
        for mart in marts:
            self._drop(mart.name + NEXT)
            self._create(mart.name + NEXT, mart)
            rows += self._fill(mart.name + NEXT, mart, connection)
        for mart in marts:
            if mart.name not in there:
                self._create(mart.name, mart)
        pairs = ", ".join(
            f"{self._table(mart.name + NEXT)} AND {self._table(mart.name)}" for mart in marts
        )
        self._command(f"EXCHANGE TABLES {pairs}{self._on_cluster()}")
        names = {mart.name for mart in marts}
        gone = {name for name, comment in there.items() if is_all and self._is_ours(comment)}
        try:
            for name in sorted({name + NEXT for name in names} | gone - names):
                self._drop(name)
        except ClickHouseError as error:  # the marts are there
            logger.warning("what is left over in ClickHouse goes at the next run: %s", error)
        return rows

    def _create(self, table: str, mart: Contract) -> None:
        columns = ",\n    ".join(
            f"{quote_identifier(column.name)} {_types(mart, column)[0]} "
            f"COMMENT {format_str(column.description)}"
            for column in mart.columns
        )
        engine = "ReplicatedMergeTree" if self._cluster else "MergeTree"
        key = ", ".join(quote_identifier(name) for name in mart.key)
        comment = f"{mart.description} {self._mark}".strip()
        self._command(
            f"CREATE TABLE {self._table(table)}{self._on_cluster()} (\n    {columns}\n) "
            f"ENGINE = {engine} ORDER BY {f'({key})' if key else 'tuple()'} "
            f"COMMENT {format_str(comment)}"
        )

    def _fill(self, table: str, mart: Contract, connection: Connection) -> int:
        schema = pa.schema(
            [
                pa.field(column.name, _types(mart, column)[1], nullable=column.is_nullable)
                for column in mart.columns
            ]
        )
        written = 0

        def counted() -> Iterator[pa.RecordBatch]:
            nonlocal written
            for batch in read_blocks(connection, mart, schema):
                written += batch.num_rows
                yield batch

        settings: dict[str, Any] = {
            # an answer means that the rows are there, and a null is never made a zero
            "async_insert": 0,
            "input_format_null_as_default": 0,
        }
        if self._replicas > 1:
            settings["insert_quorum"] = self._replicas
        _explained(
            lambda: self._client.raw_insert(
                self._table(table),
                insert_block=_body(counted(), schema),
                settings=settings,
                fmt="ArrowStream",
            )
        )
        arrived = int(self._value(f"select count() from {self._table(table)}"))  # noqa: S608
        if arrived != written:
            raise ClickHouseError(f"{written} rows of {mart.name} were sent, {arrived} arrived")
        return arrived

    def _is_ours(self, comment: str) -> bool:
        return comment.endswith(self._mark)

    def _drop(self, table: str) -> None:
        self._command(f"DROP TABLE IF EXISTS {self._table(table)}{self._on_cluster()}")

    def _table(self, name: str) -> str:
        return f"{quote_identifier(self._database)}.{quote_identifier(name)}"

    def _on_cluster(self) -> str:
        return f" ON CLUSTER {quote_identifier(self._cluster)}" if self._cluster else ""

    def _command(self, statement: str) -> None:
        _explained(lambda: self._client.command(statement))

    def _rows(self, query: str, **values: str) -> list[tuple[Any, ...]]:
        return _explained(lambda: self._client.query(query, values)).result_rows

    def _value(self, query: str, **values: str) -> Any:
        rows = self._rows(query, **values)
        return rows[0][0] if rows else None


def publish(
    settings: ClickHouseSettings, database: Database, marts: list[Contract], *, is_all: bool = True
) -> int:
    """Publish the marts as PostgreSQL holds them now; returns the number of rows.

    Raises ClickHouseError, with ClickHouse's tables as they were, when a mart cannot be written.
    """
    with closing(Target(settings, database.name)) as target, closing(database.connect()) as read:
        target.refuse_unfit()
        read.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
        with read.cursor() as cursor:
            # whatever the role or the database would have
            cursor.execute(
                "set local timezone = 'UTC'; set local datestyle = 'ISO'; "
                "set local extra_float_digits = 1"
            )
        return target.publish(read, marts, is_all=is_all)


def read_blocks(
    connection: Connection, mart: Contract, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """The rows of a mart, block by block, by way of `copy`: row by row takes four times as long.

    Raises ClickHouseError, naming the column, for a value that would not arrive as it is.
    """
    readable, writable = os.pipe()
    copying = _Copying(connection, mart, writable)
    copying.start()
    rows = os.fdopen(readable, "rb")
    try:
        with csv.open_csv(
            rows,
            csv.ReadOptions(block_size=BLOCK_BYTES),
            csv.ParseOptions(newlines_in_values=True),
            csv.ConvertOptions(
                column_types=schema,
                # PostgreSQL writes a null as nothing and an empty text in quotes
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        ) as reader:
            for batch in reader:
                for field, array in zip(schema, batch.columns, strict=True):
                    _refuse_changed(f"{mart.name}.{field.name}", field, array)
                yield pa.record_batch(batch.columns, schema=schema)
    except pa.ArrowException as error:
        if copying.error:
            raise copying.error from None
        raise ClickHouseError(_in_words(mart, schema, error)) from None
    finally:
        # what is copied to a reader that has gone ends there
        rows.close()
        copying.join()
    if copying.error:
        raise copying.error


class _Copying(threading.Thread):
    """The rows of a mart on their way into a pipe; `error` is what ended them early."""

    def __init__(self, connection: Connection, mart: Contract, writable: int) -> None:
        super().__init__(daemon=True)
        self.error: psycopg2.Error | None = None
        self._connection = connection
        self._query = sql.SQL("copy (select {} from {}.{}) to stdout (format csv, header)").format(
            sql.SQL(", ").join(sql.Identifier(column.name) for column in mart.columns),
            sql.Identifier(LIVE),
            sql.Identifier(mart.name),
        )
        self._writable = writable

    def run(self) -> None:
        try:
            with os.fdopen(self._writable, "wb") as pipe, self._connection.cursor() as cursor:
                cursor.copy_expert(self._query, pipe)
        except psycopg2.Error as error:
            self.error = error
        except BrokenPipeError:
            pass  # the reader has gone, with an error of its own


def _refuse_changed(column: str, field: pa.Field, array: pa.Array) -> None:
    """Raise ClickHouseError for a value that ClickHouse would make another of."""
    if array.null_count and not field.nullable:
        raise ClickHouseError(f"{column} is null in {array.null_count} rows, against its contract")
    if pa.types.is_decimal(field.type):
        try:
            array.validate(full=True)  # reading looks at the scale alone
        except pa.ArrowException as error:
            raise ClickHouseError(f"{column}: {error}") from None
    if field.type in _LIMITS:
        first, last = _LIMITS[field.type]
        found = pc.min_max(array).as_py()
        for value in (found["min"], found["max"]):
            if value and not first <= value <= last:
                raise ClickHouseError(
                    f"{column} holds {value}; ClickHouse keeps {FIRST_DATE} to {LAST_DATE}"
                )


def _in_words(mart: Contract, schema: pa.Schema, error: pa.ArrowException) -> str:
    """The error of a value, with its column's name in place of the number."""
    found = re.search(r"In CSV column #(\d+): (?:Row #\d+: )?(.+)", str(error), re.DOTALL)
    if not found:
        return f"{mart.name}: {error}"
    field = schema.field(int(found[1]))
    return f"{mart.name}.{field.name} holds what {field.type} cannot: {found[2]}"


def _body(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[bytes]:
    """The batches as one Arrow stream, piece by piece."""
    sink = _Pieces()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(pa.PythonFile(sink, "w"), schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield sink.take()
    yield sink.take()


class _Pieces:
    """A file for pyarrow to write to, from which what was written is taken at once."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(self._pieces[-1])

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def _types(mart: Contract, column: Column) -> tuple[str, pa.DataType]:
    """ClickHouse's type of a column, and that of the body."""
    declared = _LENGTH.sub(r"\1", column.data_type)
    if found := _NUMERIC.fullmatch(declared):
        precision, scale = int(found[1]), int(found[2])
        if precision <= LONGEST_NUMERIC and scale <= precision:
            name, arrow = f"Decimal({precision}, {scale})", pa.decimal128(precision, scale)
            return (f"Nullable({name})" if column.is_nullable else name), arrow
    if declared not in _TYPES:
        raise ConfigurationError(
            f"{mart.name}.{column.name} has the type {column.data_type or '(none)'}, which cannot "
            "be published to ClickHouse exactly: text, integer, numeric(p, s) up to "
            f"{LONGEST_NUMERIC} digits, date, timestamptz, boolean can"
        )
    name, arrow = _TYPES[declared]
    if column.is_nullable:
        name = f"Nullable({name})"
    if arrow == pa.string() and not column.is_unique_text:
        name = f"LowCardinality({name})"
    return name, arrow


def _connect(settings: ClickHouseSettings) -> Client:
    address = urlsplit(settings.clickhouse_url)
    is_encrypted = address.scheme == "https"
    return _explained(
        lambda: clickhouse_connect.get_client(
            interface=address.scheme,
            host=address.hostname,
            port=address.port or (8443 if is_encrypted else 8123),
            username=settings.clickhouse_user,
            password=settings.clickhouse_password.get_secret_value(),
            database=settings.clickhouse_database,
            ca_cert=str(settings.clickhouse_ca_file) if settings.clickhouse_ca_file else None,
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=ANSWER_SECONDS,
            autogenerate_session_id=False,
            client_name="lead-time",
        )
    )


def _explained(ask: Callable[[], Any]) -> Any:
    """What ClickHouse answers; raises ClickHouseError with what to mend."""
    try:
        return ask()
    except LibraryError as error:
        code = getattr(error, "code", None)
        reason = " ".join(str(error).split())[:LONGEST_REASON]
    except OSError as error:  # a certificate, a broken connection
        code, reason = None, f"{type(error).__name__}: {error}"
    if code == _NOT_AUTHENTICATED:
        raise ClickHouseError("ClickHouse refuses CLICKHOUSE_USER or CLICKHOUSE_PASSWORD")
    if code == _DATABASE_UNKNOWN:
        raise ClickHouseError(
            "ClickHouse has no database of the name in CLICKHOUSE_DATABASE: create database …"
        )
    if code == _ACCESS_DENIED:
        raise ClickHouseError(f"ClickHouse's user lacks a right: {reason}")
    raise ClickHouseError(f"ClickHouse: {reason}")
