"""The runs' record: how long it is kept."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest
from conftest import PostgresServer

from pipeline.record import KEPT_DAYS, RunRecord

NOW = datetime.now(timezone.utc)


@pytest.fixture
def connection(server: PostgresServer, database: str) -> Iterator:
    with closing(server.connect(database)) as opened:
        with opened.cursor() as cursor:
            cursor.execute("create schema ops")
        yield opened


def ended(connection, status: str, days_ago: int) -> str:
    """A run of so many days ago that ended so; returns its id."""
    record = RunRecord(connection, f"{status} {days_ago}", NOW)
    record.start(NOW)
    record.finish(error=None if status == "OK" else "down", log="")
    record.update(started_at=NOW - timedelta(days=days_ago))
    return record.run_id


def after_tonight(connection) -> set[str]:
    """The runs that are on record after one more has begun."""
    RunRecord(connection, "tonight", NOW).start(NOW)
    with connection.cursor() as cursor:
        cursor.execute("select run_id from ops.pipeline_runs")
        return {run_id for (run_id,) in cursor.fetchall()}


def test_runs_older_than_the_retention_are_forgotten(connection) -> None:
    for status in ("OK", "NOK"):
        ended(connection, status, KEPT_DAYS + 1)
    kept = {ended(connection, "NOK", KEPT_DAYS - 1), ended(connection, "OK", 1)}
    assert after_tonight(connection) == {*kept, "tonight"}


def test_the_last_good_run_and_what_failed_since_stay_however_old_they_are(connection) -> None:
    ended(connection, "OK", KEPT_DAYS + 30)
    ended(connection, "NOK", KEPT_DAYS + 20)
    last_good = ended(connection, "OK", KEPT_DAYS + 10)
    failed_since = ended(connection, "NOK", KEPT_DAYS + 5)
    assert after_tonight(connection) == {last_good, failed_since, "tonight"}


def test_where_no_run_was_ever_good_nothing_is_forgotten(connection) -> None:
    failed = ended(connection, "NOK", KEPT_DAYS + 5)
    assert after_tonight(connection) == {failed, "tonight"}


def test_tickets_have_a_table_from_the_first_run_on_and_no_run_touches_them(connection) -> None:
    with connection.cursor() as cursor:
        # an earlier version's database: its record, and nothing else
        RunRecord(connection, "earlier", NOW).start(NOW)
        cursor.execute("drop table ops.tickets")
        after_tonight(connection)
        cursor.execute(
            "insert into ops.tickets (incident_id, source, tracker, project, summary, state, "
            "requested_at) values ('7', 'zabbix', 'youtrack', 'OPS', 'down', 'sending', now())"
        )
        RunRecord(connection, "tomorrow", NOW).start(NOW)
        cursor.execute("select incident_id, state from ops.tickets")
        assert cursor.fetchall() == [("7", "sending")]
