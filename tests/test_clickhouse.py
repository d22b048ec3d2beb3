"""ClickHouse gets the marts as PostgreSQL holds them, or keeps what it had.

Most of it runs against ClickHouse's real engine (`clickhouse_engine.py`).
"""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import clickhouse_connect
import psycopg2
import pytest
from clickhouse_engine import PASSWORD, USER, Engine, running, with_engine
from conftest import FROZEN, REPOSITORY, PostgresServer, Project, fresh_database
from psycopg2 import sql

from extract.errors import ConfigurationError
from pipeline import clickhouse, doctor, run
from pipeline.clickhouse import NEXT, ClickHouseError, Target
from pipeline.console import RunConsole
from pipeline.contracts import Column, Contract, public_marts
from pipeline.database import Database
from pipeline.redaction import Redactor
from pipeline.settings import SECRETS, ClickHouseSettings, read_clickhouse


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running(tmp_path_factory.mktemp("clickhouse")) as started:
        yield started


@pytest.fixture
def settings(engine: Engine) -> Iterator[ClickHouseSettings]:
    """An empty database of a name that needs quotes, and the settings for it."""
    engine.ask("create database `my-марты`")
    engine.statements.clear()
    yield ClickHouseSettings(
        clickhouse_url=engine.url,
        clickhouse_user=USER,
        clickhouse_password=PASSWORD,
        clickhouse_database="my-марты",
    )
    engine.breaks_after = engine.version = None
    engine.ask("drop database `my-марты`")


@dataclass
class Source:
    """A copy of the database of a good run, of which a test may spoil the marts."""

    database: Database
    connection: Any
    marts: list[Contract]

    def execute(self, *statements: str) -> None:
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, query: Any) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()


@pytest.fixture
def source(server: PostgresServer, published: tuple[str, dict[str, str]]) -> Iterator[Source]:
    manifest = Path(published[1]["DBT_TARGET_PATH"]) / "manifest.json"
    for name in fresh_database(server, template=published[0]):
        connection = server.connect(name)
        database = Database(server.host, server.port, server.user, name)
        yield Source(database, connection, public_marts(manifest))
        connection.close()


@dataclass
class Reader:
    """What a client reads in ClickHouse."""

    client: Any

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.client.query(query).result_rows

    def tables(self) -> list[str]:
        return [
            name
            for (name,) in self.rows(
                "select name from system.tables where database = currentDatabase() order by name"
            )
        ]


@pytest.fixture
def reader(settings: ClickHouseSettings) -> Iterator[Reader]:
    host, _, port = settings.clickhouse_url.removeprefix("http://").partition(":")
    with closing(
        clickhouse_connect.get_client(
            host=host, port=int(port), username=USER, password=PASSWORD,
            database=settings.clickhouse_database, tz_mode="aware",
        )
    ) as client:  # fmt: skip
        yield Reader(client)


def mart(name: str, columns: dict[str, str], key: tuple[str, ...] = ("id",)) -> Contract:
    """A mart of which every column but the key may be null."""
    return Contract(
        name=name,
        description=f'Мой `mart` {name}: it\'s \\ a "test".',
        columns=tuple(
            Column(
                name=column,
                data_type=data_type,
                is_nullable=column not in key,
                is_unique_text=False,
                description=f"It's {column}\\",
            )
            for column, data_type in columns.items()
        ),
        key=key,
    )


# ---- the marts of a run


@with_engine
def test_every_mart_arrives_cell_by_cell(
    settings: ClickHouseSettings, source: Source, reader: Reader
) -> None:
    clickhouse.publish(settings, source.database, source.marts)
    in_postgres = source.rows(
        "select relname from pg_class where relnamespace = 'marts'::regnamespace "
        "and relkind in ('r', 'v') order by relname"
    )
    assert reader.tables() == [name for (name,) in in_postgres]
    compared = empty = 0
    source.execute("set timezone = 'UTC'")
    for contract in source.marts:
        # the status tells the hours up to the moment at which it is asked
        names = [each.name for each in contract.columns if each.name != "age_hours"]
        wanted = source.rows(
            sql.SQL("select {} from marts.{}").format(
                sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(contract.name)
            )
        )
        found = reader.rows(f"select {', '.join(names)} from {contract.name}")
        assert sorted(found, key=repr) == sorted(wanted, key=repr), contract.name
        compared += len(wanted) * len(names)
        empty += not wanted
    assert compared > 10_000
    assert empty, "no mart without rows was published"


@with_engine
def test_the_tables_say_what_the_contracts_and_the_documentation_say(
    settings: ClickHouseSettings, source: Source, reader: Reader
) -> None:
    clickhouse.publish(settings, source.database, source.marts)
    found = {
        (table, column): (kind, comment)
        for table, column, kind, comment in reader.rows(
            "select table, name, type, comment from system.columns "
            "where database = currentDatabase()"
        )
    }
    wanted = source.rows(
        """
        select
            relname, attname, format_type(atttypid, atttypmod), attnotnull,
            col_description(pg_class.oid, attnum)
        from pg_class
        inner join pg_attribute on attrelid = pg_class.oid and attnum > 0
        where relnamespace = 'marts'::regnamespace and relkind = 'r'
        """
    )
    types = {
        "text": "String", "boolean": "Bool", "integer": "Int32", "date": "Date32",
        "timestamp with time zone": "DateTime64(6, 'UTC')",
        "numeric(12,2)": "Decimal(12, 2)", "numeric(5,4)": "Decimal(5, 4)",
        "numeric(14,3)": "Decimal(14, 3)",
    }  # fmt: skip
    assert {kind for _, _, kind, _, _ in wanted} == set(types)
    for table, column, kind, is_required, description in wanted:
        actual, comment = found[table, column]
        plain = re.sub(r"LowCardinality\((.*)\)", r"\1", actual)
        assert plain == (types[kind] if is_required else f"Nullable({types[kind]})"), column
        assert comment == " ".join(description.split())
    assert found["fct_issues", "team"][0] == "LowCardinality(String)"
    assert found["fct_issues", "issue_id"][0] == "String"
    assert found["fct_issues", "summary"][0] == "String"
    keys = dict(
        reader.rows("select name, sorting_key from system.tables where database != 'system'")
    )
    in_postgres = source.rows(
        "select conrelid::regclass::text, pg_get_constraintdef(oid) from pg_constraint "
        "where contype = 'p' and connamespace = 'marts'::regnamespace"
    )
    assert len(in_postgres) == len(source.marts) - 1
    for table, definition in in_postgres:
        key = keys[table.removeprefix("marts.")].strip("()")
        assert definition == f"PRIMARY KEY ({key})"


@with_engine
def test_all_tables_change_places_in_one_statement_the_status_last(
    engine: Engine, settings: ClickHouseSettings, source: Source
) -> None:
    for _ in range(2):
        engine.statements.clear()
        clickhouse.publish(settings, source.database, source.marts)
        (exchange,) = (each for each in engine.statements if each.startswith("EXCHANGE"))
        inserts = [each for each in engine.statements if each.startswith("INSERT")]
        assert len(inserts) == len(source.marts), "one body a table"
        assert exchange.count(" AND ") == len(source.marts)
        assert exchange.endswith("`my-марты`.`pipeline_status`")
        # nothing that is read is touched before
        before = engine.statements[: engine.statements.index(exchange)]
        assert not [
            each
            for each in before
            if re.match(r"(INSERT INTO|DROP TABLE IF EXISTS) ", each) and NEXT not in each
        ]


# ---- hostile rows


HOSTILE = (
    "Ёжик, «ёлки» и 'кавычки'", 'a "b" \\ c\\n', "tab\tnewline\nreturn\r", "", "(none)", "\\N",
    "NULL", "𝒳 emoji 🙂 \u202e", "'; drop table x; --", "\x01\x7f", "x" * 100_000,
)  # fmt: skip


@with_engine
def test_hostile_text_and_extreme_values_arrive_as_they_are(
    settings: ClickHouseSettings, source: Source, reader: Reader
) -> None:
    hostile = mart(
        'odd "name` й',
        {
            "id": "integer", "a `b` \"c\"": "text", "n": "numeric(12,2)", "wide": "numeric(38,20)",
            "small": "smallint", "big": "bigint", "real_number": "double precision",
            "day": "date", "moment": "timestamptz", "flag": "boolean",
        },
    )  # fmt: skip
    source.execute(
        'create table marts."odd ""name` й" (id integer, "a `b` ""c""" text, n numeric(12, 2), '
        "wide numeric(38, 20), small smallint, big bigint, real_number double precision, day date, "
        "moment timestamptz, flag boolean)"
    )
    biggest = Decimal("9" * 18 + "." + "9" * 20)
    rows: list[tuple[Any, ...]] = [
        (number, text, Decimal("-9999999999.99"), biggest.copy_negate(), -32768, -(2**63), -1.5e300,
         date(1900, 1, 1), datetime(1900, 1, 1, tzinfo=timezone.utc), False)
        for number, text in enumerate(HOSTILE)
    ]  # fmt: skip
    rows.append(
        (1000, "last", Decimal("9999999999.99"), biggest, 32767, 2**63 - 1, 0.1 + 0.2,
         date(2299, 12, 31),
         datetime(2299, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc), True)
    )  # fmt: skip
    rows.append((1001, *(None,) * 9))
    with source.connection.cursor() as cursor:
        for row in rows:
            cursor.execute(
                'insert into marts."odd ""name` й" values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)',
                row,
            )
    source.execute(
        f"alter database {source.database.name} set datestyle = 'German'",
        f"alter database {source.database.name} set extra_float_digits = 0",
        f"alter database {source.database.name} set timezone = 'Asia/Kathmandu'",
    )
    clickhouse.publish(settings, source.database, [hostile])
    assert reader.rows('select * from `odd "name\\` й` order by id') == rows
    ((comment,),) = reader.rows("select comment from system.tables where name like 'odd%'")
    assert comment.startswith(hostile.description)


@with_engine
def test_many_blocks_arrive_whole(
    settings: ClickHouseSettings, source: Source, reader: Reader
) -> None:
    source.execute(
        "create table marts.many as select n as id, 'слово ' || n % 7 as word, "
        "case when n % 3 > 0 then n / 8.0 end::numeric(12,3) as part, "
        "timestamptz '2026-01-01 00:00+00' + n * interval '1.000001 second' as moment "
        "from generate_series(1, 200000) as n"
    )
    many = mart(
        "many",
        {"id": "integer", "word": "text", "part": "numeric(12,3)", "moment": "timestamptz"},
    )
    assert clickhouse.publish(settings, source.database, [many]) == 200_000
    ((size,),) = source.rows("select sum(length(m::text)) from marts.many as m")
    assert size > 2 * clickhouse.BLOCK_BYTES
    found = reader.rows("select * from many order by id")
    assert found == source.rows("select * from marts.many order by id")


@with_engine
@pytest.mark.parametrize(
    ("declared", "stored", "value", "told"),
    [
        ("date", "date", "'infinity'", "infinity"),
        ("date", "date", "'1899-12-31'", "1899-12-31"),
        ("date", "date", "'2300-01-01'", "2300-01-01"),
        ("date", "date", "'0044-03-15 BC'", "BC"),
        ("timestamptz", "timestamptz", "'-infinity'", "infinity"),
        ("timestamptz", "timestamptz", "'1899-12-31 23:59:59.999999+00'", "1899-12-31"),
        ("numeric(12,2)", "numeric", "1.005", "1.005|[Rr]escal"),
        ("numeric(12,2)", "numeric", "12345678901.5", "precision|digits"),
        ("numeric(12,2)", "numeric", "'NaN'", "NaN"),
        ("smallint", "integer", "70000", "70000"),
        ("integer", "text", "'x'", "x"),
        ("boolean", "text", "'x'", "x"),
    ],
)
def test_a_value_that_cannot_be_kept_is_named_and_nothing_changes(
    declared: str, stored: str, value: str, told: str,
    settings: ClickHouseSettings, source: Source, reader: Reader,
) -> None:  # fmt: skip
    source.execute(
        f"create table marts.picky (id integer, cell {stored})",
        "insert into marts.picky values (1, null)",
    )
    picky = mart("picky", {"id": "integer", "cell": declared})
    clickhouse.publish(settings, source.database, [picky])
    source.execute(f"insert into marts.picky values (2, {value})")
    with pytest.raises(ClickHouseError, match=rf"(?s)picky.*({told})"):
        clickhouse.publish(settings, source.database, [picky])
    assert reader.rows("select * from picky") == [(1, None)]


@with_engine
def test_a_copy_that_postgresql_ends_early_is_no_whole_mart(
    settings: ClickHouseSettings, source: Source, reader: Reader
) -> None:
    source.execute(
        "create view marts.broken as "
        "select n as id, 1 / (150000 - n) as word from generate_series(1, 200000) as n"
    )
    broken = mart("broken", {"id": "integer", "word": "integer"})
    with pytest.raises(psycopg2.Error, match="division by zero"):
        clickhouse.publish(settings, source.database, [broken])
    assert "broken" not in reader.tables()


@with_engine
def test_a_null_against_the_contract_is_told_and_never_becomes_a_zero(
    settings: ClickHouseSettings, source: Source, reader: Reader
) -> None:
    source.execute("create table marts.picky as select 1 as id, null::integer as cell")
    picky = mart("picky", {"id": "integer", "cell": "integer"}, key=("id", "cell"))
    with pytest.raises(ClickHouseError, match="picky.cell is null in 1 rows"):
        clickhouse.publish(settings, source.database, [picky])
    assert "picky" not in reader.tables()


@pytest.mark.parametrize("declared", ["numeric", "numeric(39,2)", "jsonb", "interval", "text[]"])
def test_a_type_that_has_no_exact_counterpart_is_named(declared: str) -> None:
    odd = mart("odd", {"id": "integer", "cell": declared})
    with pytest.raises(ConfigurationError, match=r"odd\.cell has the type " + re.escape(declared)):
        clickhouse._types(odd, odd.columns[1])


# ---- what goes wrong


def small(source: Source, *values: int) -> Contract:
    """A mart with these rows in PostgreSQL."""
    source.execute(
        "create table if not exists marts.small (id integer)", "truncate marts.small",
        *(f"insert into marts.small values ({value})" for value in values),
    )  # fmt: skip
    return mart("small", {"id": "integer"})


@with_engine
def test_a_connection_that_breaks_in_the_middle_leaves_the_tables_as_they_were(
    engine: Engine, settings: ClickHouseSettings, source: Source, reader: Reader
) -> None:
    first = small(source, 1)
    clickhouse.publish(settings, source.database, [first])
    source.execute(
        "truncate marts.small",
        "create table marts.z as select n as id, md5(n::text) as word "
        "from generate_series(1, 30000) as n",
    )
    big = mart("z", {"id": "integer", "word": "text"})
    engine.breaks_after = 200_000
    with pytest.raises(ClickHouseError, match="ClickHouse: "):
        clickhouse.publish(settings, source.database, [first, big])
    assert reader.rows("select * from small") == [(1,)]
    assert "z" not in reader.tables()
    assert {f"small{NEXT}", f"z{NEXT}"} <= set(reader.tables()), "what the died run left"
    engine.breaks_after = None
    clickhouse.publish(settings, source.database, [first, big])
    assert reader.tables() == ["small", "z"]
    assert reader.rows("select count() from small") == [(0,)]
    assert reader.rows("select count(), uniqExact(word) from z") == [(30_000, 30_000)]


@with_engine
@pytest.mark.parametrize("name", ["small", f"small{NEXT}"])
@pytest.mark.parametrize(
    "comment", ["", "Published by lead-time from the PostgreSQL database another."]
)
def test_a_stranger_s_table_is_named_and_stays(
    name: str, comment: str, settings: ClickHouseSettings, source: Source, reader: Reader,
    engine: Engine,
) -> None:  # fmt: skip
    reader.client.command(
        f"create table {name} engine = MergeTree order by x comment '{comment}' as select 7 as x"
    )
    engine.statements.clear()
    with pytest.raises(ClickHouseError, match=f"has {name} from somebody else"):
        clickhouse.publish(settings, source.database, [small(source, 1)])
    assert reader.rows(f"select x from {name}") == [(7,)]
    assert reader.tables() == [name]


@with_engine
def test_a_mart_that_is_gone_is_dropped_and_a_stranger_s_table_is_not(
    settings: ClickHouseSettings, source: Source, reader: Reader
) -> None:
    reader.client.command("create table theirs (x Int32) engine = MergeTree order by x")
    kept = small(source, 1)
    source.execute("create table marts.former as select 1 as id")
    clickhouse.publish(settings, source.database, [kept, mart("former", {"id": "integer"})])
    # of the status alone: nothing is known of the others
    clickhouse.publish(settings, source.database, [kept], is_all=False)
    assert reader.tables() == ["former", "small", "theirs"]
    clickhouse.publish(settings, source.database, [kept])
    assert reader.tables() == ["small", "theirs"]


@with_engine
def test_a_mart_with_another_shape_replaces_the_old_one(
    settings: ClickHouseSettings, source: Source, reader: Reader
) -> None:
    clickhouse.publish(settings, source.database, [small(source, 1)])
    source.execute("alter table marts.small add word text default 'да'")
    wider = mart("small", {"word": "text", "id": "integer"})
    clickhouse.publish(settings, source.database, [wider])
    assert reader.rows("select * from small") == [("да", 1)]


@with_engine
def test_the_marts_are_those_of_one_moment(
    engine: Engine, settings: ClickHouseSettings, source: Source, reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    source.execute(
        "create table marts.one as select 1 as id", "create table marts.two as select 1 as id"
    )
    fill = Target._fill

    def and_then_somebody_writes(self: Target, *arguments: Any) -> int:
        rows = fill(self, *arguments)
        source.execute("insert into marts.one values (2)", "insert into marts.two values (2)")
        return rows

    monkeypatch.setattr(Target, "_fill", and_then_somebody_writes)
    both = [mart(name, {"id": "integer"}) for name in ("one", "two")]
    clickhouse.publish(settings, source.database, both)
    assert reader.rows("select * from one") == reader.rows("select * from two") == [(1,)]


@with_engine
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"clickhouse_password": "wrong"}, "refuses CLICKHOUSE_USER or CLICKHOUSE_PASSWORD"),
        ({"clickhouse_database": "nowhere"}, "no database of the name in CLICKHOUSE_DATABASE"),
        ({"clickhouse_database": "system"}, "database system has the engine Memory"),
        ({"clickhouse_url": "http://127.0.0.1:9"}, "ClickHouse: .*refused"),
        ({"clickhouse_cluster": "prod"}, "cluster prod has 0 shards"),
    ],
)
def test_what_keeps_clickhouse_from_the_marts_is_said_and_no_password(
    change: dict[str, str], told: str, settings: ClickHouseSettings, source: Source
) -> None:
    given = {**settings.model_dump(), "clickhouse_password": PASSWORD, **change}
    with pytest.raises(ClickHouseError, match=told) as raised:
        clickhouse.publish(ClickHouseSettings(**given), source.database, [small(source, 1)])
    assert PASSWORD not in str(raised.value)


@with_engine
def test_a_version_that_is_too_old_is_refused(
    engine: Engine, settings: ClickHouseSettings, source: Source, reader: Reader
) -> None:
    engine.version = "23.7.9.1"
    with pytest.raises(ClickHouseError, match=r"23\.7\.9\.1 is too old: 23\.8 or newer"):
        clickhouse.publish(settings, source.database, [small(source, 1)])
    assert reader.tables() == []


def test_on_a_cluster_every_statement_is_the_cluster_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What would be sent: no cluster is at hand."""
    sent: list[str] = []
    settings_of: list[dict[str, Any]] = []

    class Client:
        server_version = "25.8.1"

        def command(self, statement: str) -> None:
            sent.append(statement)

        def query(self, query: str, *_: Any) -> Any:
            answers = {"system.databases": [("Atomic",)], "system.clusters": [(1, 3)]}
            rows = next((rows for part, rows in answers.items() if part in query), [])
            return type("Answer", (), {"result_rows": rows or ([(0,)] if "count" in query else [])})

        def raw_insert(self, *_: Any, settings: dict[str, Any], **__: Any) -> None:
            settings_of.append(settings)

    monkeypatch.setattr(clickhouse, "_connect", lambda _: Client())
    target = Target(
        ClickHouseSettings(
            clickhouse_url="https://ch", clickhouse_user="u", clickhouse_password="p",
            clickhouse_database="d", clickhouse_cluster="my `c`",
        ),
        "leadtime",
    )  # fmt: skip
    target.refuse_unfit()
    target.publish(None, [mart("m", {"id": "integer"})], is_all=True)
    words = [" ".join(each.split()[:2]) for each in sent]
    assert words == [
        "DROP TABLE", "CREATE TABLE", "CREATE TABLE", "EXCHANGE TABLES", "DROP TABLE",
    ]  # fmt: skip
    assert all("ON CLUSTER `my \\`c\\``" in each for each in sent)
    assert all(" ENGINE = ReplicatedMergeTree " in each for each in sent[1:3])
    assert [each["insert_quorum"] for each in settings_of] == [3], "all replicas have the rows"


# ---- settings


WHOLE = {
    "CLICKHOUSE_URL": "https://ch.example:8443", "CLICKHOUSE_USER": "u",
    "CLICKHOUSE_PASSWORD": "s3cret", "CLICKHOUSE_DATABASE": "d",
}  # fmt: skip


def test_without_a_setting_there_is_no_clickhouse() -> None:
    assert read_clickhouse() is None


def test_the_library_is_not_imported_where_it_has_nothing_to_do() -> None:
    looked = subprocess.run(
        [sys.executable, "-c", "import sys, pipeline.run, pipeline.doctor, pipeline.workbook; "
         "print([name for name in sys.modules if name.startswith('clickhouse_connect')])"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert looked.stdout == "[]\n"


def test_whole_settings_are_read_and_the_password_is_a_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, text in WHOLE.items():
        monkeypatch.setenv(name, text)
    found = read_clickhouse()
    assert found.clickhouse_password.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(found)
    assert "CLICKHOUSE_PASSWORD" in SECRETS


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"CLICKHOUSE_URL": ""}, r"^CLICKHOUSE_URL missing \(CLICKHOUSE_USER is set\)"),
        (
            {"CLICKHOUSE_USER": "", "CLICKHOUSE_PASSWORD": ""},
            r"^CLICKHOUSE_USER, CLICKHOUSE_PASSWORD missing \(CLICKHOUSE_URL is set\)",
        ),
        ({"CLICKHOUSE_URL": "ch.example"}, "CLICKHOUSE_URL: it is https"),
        ({"CLICKHOUSE_URL": "https://ch:x"}, "CLICKHOUSE_URL: it is https"),
        ({"CLICKHOUSE_URL": "https://ch/?user=a"}, "CLICKHOUSE_URL: it is https"),
        ({"CLICKHOUSE_URL": "https://a:s3cret@ch"}, "go into CLICKHOUSE_USER"),
        ({"CLICKHOUSE_CA_FILE": "/nowhere.pem"}, "CLICKHOUSE_CA_FILE: there is no such file"),
    ],
)
def test_half_or_malformed_settings_are_one_line(
    change: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {**WHOLE, **change}.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(ConfigurationError, match=told) as raised:
        read_clickhouse()
    assert "\n" not in str(raised.value)
    assert "s3cret" not in str(raised.value)


# ---- the doctor


@with_engine
def test_the_doctor_looks_at_clickhouse_and_changes_nothing(
    engine: Engine, settings: ClickHouseSettings, reader: Reader, monkeypatch: pytest.MonkeyPatch,
    published: tuple[str, dict[str, str]], tmp_path: Path,
) -> None:  # fmt: skip
    def findings() -> list[tuple[str, str, int]]:
        return [(each.level, each.text, each.exit_code) for each in doctor._clickhouse()]

    environment = {
        **published[1],
        "CLICKHOUSE_URL": settings.clickhouse_url,
        "CLICKHOUSE_USER": USER,
        "CLICKHOUSE_PASSWORD": PASSWORD,
        "CLICKHOUSE_DATABASE": settings.clickhouse_database,
    }
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    ((level, text, _),) = findings()
    assert (level, "database my-марты" in text) == ("ok", True)
    monkeypatch.setattr(Target, "missing_rights", lambda _: ["INSERT"])
    assert findings()[1][:2] == (
        "problem", "ClickHouse: grant INSERT on my-марты.* to CLICKHOUSE_USER",
    )  # fmt: skip
    monkeypatch.undo()
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    reader.client.command("create table fct_issues (x Int32) engine = MergeTree order by x")
    assert "has fct_issues from somebody else" in findings()[1][1]
    monkeypatch.setenv("CLICKHOUSE_PASSWORD", "wrong")
    assert findings() == [
        ("problem", "ClickHouse refuses CLICKHOUSE_USER or CLICKHOUSE_PASSWORD", 4)
    ]
    assert reader.tables() == ["fct_issues"]
    asked = [each.split()[0].upper() for each in engine.statements]
    assert set(asked) <= {"SELECT", "CHECK", "CREATE"}
    assert asked.count("CREATE") == 1, "the test's own"


# ---- a run


LAST_RUN = """
    select status, error, clickhouse_at is not null, log
    from ops.pipeline_runs
    order by started_at desc
    limit 1
"""


@with_engine
def test_a_run_says_whether_clickhouse_got_the_marts_and_the_next_one_catches_up(
    engine: Engine, settings: ClickHouseSettings, source: Source, reader: Reader,
    project: Project, published: tuple[str, dict[str, str]], server: PostgresServer,
) -> None:  # fmt: skip
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
    environment = {
        **published[1],
        **server.environment(source.database.name),
        "CLICKHOUSE_URL": nobody,
        "CLICKHOUSE_USER": USER,
        "CLICKHOUSE_PASSWORD": PASSWORD,
        "CLICKHOUSE_DATABASE": settings.clickhouse_database,
    }
    source.execute("delete from marts.fct_issues")

    down = project.run("build", "--vars", FROZEN, environment=environment)
    assert down.returncode == 4
    ((status, error, has_got, log),) = source.rows(LAST_RUN)
    assert (status, has_got) == ("NOK", False)
    assert error.startswith("the marts are published in PostgreSQL, not in ClickHouse")
    assert "The next run publishes them there" in error
    assert error in " ".join(down.stderr.split())
    assert source.rows("select count(*) from marts.fct_issues") == [(400,)]
    assert source.rows("select status, error from marts.pipeline_status") == [("NOK", error)]
    assert reader.tables() == []

    environment["CLICKHOUSE_URL"] = engine.url
    up = project.run("build", "--vars", FROZEN, environment=environment)
    assert up.returncode == 0, up.stderr[-3000:]
    assert "In ClickHouse, too: database my-марты" in up.stdout
    assert source.rows(LAST_RUN)[0][:3] == ("OK", None, True)
    assert reader.rows("select count() from fct_issues") == [(400,)]
    # told after the end of the run, which the marts themselves came before
    assert reader.rows("select status, error from pipeline_status") == [("OK", "(none)")]
    assert NEXT not in " ".join(reader.tables())
    told = project.run("status", environment=environment)
    assert "in ClickHouse since: 20" in told.stdout

    nowhere = {**environment, "YOUTRACK_URL": nobody}
    failed = project.run("run", "--vars", FROZEN, environment=nowhere)
    assert failed.returncode == 3
    ((status, error),) = reader.rows("select status, error from pipeline_status")
    assert status == "NOK"
    assert nobody.removeprefix("http://").split(":")[0] in error
    assert reader.rows("select count() from fct_issues") == [(400,)]

    said = [done.stdout + done.stderr for done in (down, up, told, failed)]
    assert PASSWORD not in "".join([*said, log])


@with_engine
@pytest.mark.parametrize(
    ("before", "code", "recorded"), [(None, 4, "ClickHouse was not told"), ("no tracker", 3, None)]
)
def test_an_end_that_clickhouse_is_not_told_is_no_good_end(
    before: str | None, code: int, recorded: str | None, settings: ClickHouseSettings,
    source: Source, published: tuple[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("DBT_TARGET_PATH", published[1]["DBT_TARGET_PATH"])
    source.execute("drop view marts.pipeline_status")
    console = RunConsole(Redactor())
    session = MagicMock(database=source.database, **{"finish.return_value": None})
    result = run._Result(clickhouse=settings)
    ended = run._end(
        console, session, run.RunOptions(build=False), result, 0.0, 3 if before else 0, before
    )
    assert ended[0] == code
    assert ended[1].startswith(before or "ClickHouse was not told how the run ended: ")
    assert ended[2].startswith("NOK")
    assert "pipeline_status" in console.warnings[0]
    errors = [call.kwargs["error"] for call in session.record.finish.call_args_list]
    assert [error[: len(recorded)] for error in errors] == ([recorded] if recorded else [])
