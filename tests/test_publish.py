"""Publishing: what hangs on the marts is kept, or named before anything is changed.

The marts that are published here are copies of the published ones; that a run publishes what it has
built, `test_run.py` shows.
"""

import logging
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from conftest import PostgresServer, fresh_database

from extract.errors import DatabaseError
from pipeline import publish

RUN_ID = "20260617t120000_00000{}"


@pytest.fixture
def connection(server: PostgresServer, published: tuple[str, dict[str, str]]) -> Iterator[Any]:
    """A copy of the database of a good run, with a schema of an analyst."""
    for name in fresh_database(server, template=published[0]):
        made = server.connect(name)
        with made.cursor() as cursor:
            cursor.execute("create schema analyst")
        yield made
        made.close()


def rebuild(connection: Any, number: int = 1) -> None:
    """Publish what a build without any change would have made."""
    publish.prepare(connection)
    with connection.cursor() as cursor:
        cursor.execute("create schema marts_next")
        cursor.execute(
            "select relname from pg_class "
            "where relnamespace = 'marts'::regnamespace and relkind = 'r'"
        )
        for (mart,) in cursor.fetchall():
            cursor.execute(f"create table marts_next.{mart} (like marts.{mart} including all)")
            cursor.execute(f"insert into marts_next.{mart} table marts.{mart}")
        cursor.execute("select pg_get_viewdef('marts.pipeline_status'::regclass)")
        cursor.execute(f"create view marts_next.pipeline_status as {cursor.fetchone()[0]}")
    publish.publish(connection, reader="datalens_reader", run_id=RUN_ID.format(number))


def one(connection: Any, query: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def execute(connection: Any, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


MART = "select 'marts.fct_issues'::regclass::oid"


def test_a_view_hung_on_a_mart_is_kept_with_its_rights(
    connection: Any, caplog: pytest.LogCaptureFixture
) -> None:
    execute(
        connection,
        "create view analyst.done with (security_invoker) as "
        "select team, count(*) as n from marts.fct_issues where is_done group by team",
        "create view analyst.top as select * from analyst.done limit 1",
        "grant usage on schema analyst to datalens_reader",
        "grant select on analyst.done to datalens_reader",
    )
    before, mart = one(connection, "select sum(n) from analyst.done"), one(connection, MART)
    caplog.set_level(logging.INFO, "pipeline")
    rebuild(connection)
    assert "analyst.done" in caplog.text
    assert one(connection, MART) != mart
    execute(
        connection,
        "delete from marts.fct_issues "
        "where issue_id = (select min(issue_id) from marts.fct_issues where is_done)",
    )
    assert one(connection, "select sum(n) from analyst.done") == before - 1, "of the new mart"
    assert one(connection, "select count(*) from analyst.top") == 1
    execute(connection, "set role datalens_reader")
    assert one(connection, "select sum(n) from analyst.done") == before - 1


def test_a_materialized_view_on_a_mart_stops_the_publishing(connection: Any) -> None:
    execute(connection, "create materialized view analyst.frozen as table marts.dim_sprints")
    mart = one(connection, MART)
    with pytest.raises(DatabaseError, match="analyst.frozen"):
        rebuild(connection)
    assert one(connection, MART) == mart
    assert one(connection, "select count(*) from analyst.frozen")


def test_what_is_bound_to_a_mart_stops_the_publishing_and_what_names_it_does_not(
    connection: Any,
) -> None:
    execute(
        connection,
        "create table analyst.notes (issue_id text references marts.fct_issues (issue_id))",
        "create function analyst.bound() returns bigint language sql "
        "begin atomic select count(*) from marts.dim_sprints; end",
        "create function analyst.by_name() returns bigint language sql "
        "as 'select count(*) from marts.dim_sprints'",
    )
    mart = one(connection, MART)
    with pytest.raises(DatabaseError) as raised:
        rebuild(connection)
    assert "analyst.bound()" in str(raised.value)
    assert "analyst.notes" in str(raised.value)
    assert "by_name" not in str(raised.value)
    assert one(connection, MART) == mart
    assert one(connection, "select analyst.bound() = analyst.by_name()")


def test_an_open_query_of_a_dashboard_is_never_waited_for(
    server: PostgresServer, connection: Any
) -> None:
    dashboard = psycopg2.connect(connection.dsn, user="datalens_reader")
    with dashboard.cursor() as cursor:
        cursor.execute("select count(*) from marts.fct_issues")  # holds its lock until the end
        rebuild(connection)
        cursor.execute("select 1")
    retired = "select count(*) from pg_namespace where nspname like 'marts_retired%'"
    assert one(connection, retired) == 1
    dashboard.close()
    rebuild(connection, 2)
    assert one(connection, retired) == 0
