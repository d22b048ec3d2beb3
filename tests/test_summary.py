"""The summary at the end of a run says what it counts, and of when."""

import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from conftest import PostgresServer
from pages import fetch
from rich.console import Console

from pipeline import status, summary

# of the run over the small company (conftest)
AS_OF = datetime(2026, 6, 17, 12, tzinfo=timezone.utc)


@pytest.fixture
def connection(server: PostgresServer, published: tuple[str, dict[str, str]]) -> Iterator[Any]:
    """A transaction over good marts that is rolled back: a test may spoil them."""
    opened = server.connect(published[0])
    opened.autocommit = False
    yield opened
    opened.rollback()
    opened.close()


def said(connection: Any, as_of: datetime = AS_OF, zone: str = "UTC") -> str:
    out = io.StringIO()
    database = SimpleNamespace(is_embedded=True, name="leadtime", host="")
    summary.show(connection, Console(file=out, width=200), database, as_of=as_of, zone=zone)
    return out.getvalue()


def last_sprints(text: str) -> dict[str, str]:
    """The rows of the table of sprints by team."""
    if summary.LAST_SPRINTS not in text:
        return {}
    table = text.split(summary.LAST_SPRINTS)[1].split("\n\n")[0]
    rows = [line for line in table.splitlines() if "20" in line and not line.startswith("*")]
    return {row.split("  ")[0].strip(): row for row in rows}


LATEST = """
    select distinct on (team) team, is_team_inferred, sprint, start_at, finish_at
    from marts.dim_sprints where is_closed and team <> '(none)'
    order by team, finish_at desc, sprint_id
"""


OF_TRACKERS = r"^(YouTrack|Yandex\.Tracker): ([\d,]+) issues, ([\d,]+) done, newest change .*$"


def test_the_summary_and_the_status_tell_trackers_apart_where_there_are_several(
    connection: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unclosed = Mock(wraps=connection, close=lambda: None)
    monkeypatch.setattr(status, "_database", lambda: SimpleNamespace(connect=lambda: unclosed))
    status.show_status()
    assert re.findall(OF_TRACKERS, said(connection) + capsys.readouterr().out, re.M) == []
    with connection.cursor() as cursor:
        cursor.execute(
            "update marts.fct_issues set tracker = 'yandex_tracker', "
            "updated_at = '2026-06-16 21:30+00' where issue_id in "
            "(select issue_id from marts.fct_issues where is_done order by issue_id limit 3)"
        )
        cursor.execute("select count(*), count(*) filter (where is_done) from marts.fct_issues")
        total, done = cursor.fetchone()
    status.show_status()
    for text in (said(connection), capsys.readouterr().out):
        assert re.findall(OF_TRACKERS, text, re.M) == [
            ("Yandex.Tracker", "3", "3"),
            ("YouTrack", f"{total - 3:,}", f"{done - 3:,}"),
        ]
        assert "3 done, newest change 2026-06-16 21:30 UTC" in text


def test_each_table_says_which_issues_it_counts(connection: Any) -> None:
    text = said(connection)
    for title in ("Lead time of done", "Lead-time spectrum of done", "Last closed sprint"):
        (line,) = [line for line in text.splitlines() if line.startswith(title)]
        assert "issues of every type" in line


def test_a_sprint_that_ended_long_ago_is_left_out_and_the_others_have_their_date(
    connection: Any,
) -> None:
    latest = fetch(connection, LATEST)
    shown = last_sprints(said(connection))
    recent = {
        f"{team} *" if is_inferred else team: f"{finish:%Y-%m-%d}"
        for team, is_inferred, _, start, finish in latest
        if finish + 2 * (finish - start) >= AS_OF
    }
    assert len(recent) > 1, "a check of nothing"
    assert shown.keys() == recent.keys()
    assert all(ended in shown[team] for team, ended in recent.items())
    # two lengths of the sprint to the second, and a second more
    _, is_inferred, sprint, start, finish = latest[0]
    then = finish + 2 * (finish - start)
    assert sprint in said(connection, then)
    assert sprint not in "".join(
        last_sprints(said(connection, then + timedelta(seconds=1))).values()
    )
    assert last_sprints(said(connection, AS_OF + timedelta(days=730))) == {}


def test_the_date_is_that_of_the_reporting_time_zone(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "update marts.dim_sprints set finish_at = '2026-06-14 23:30+00' "
            "where is_closed and finish_at > '2026-06-01'"
        )
    assert "2026-06-14" in said(connection)
    moscow = "".join(last_sprints(said(connection, zone="Europe/Moscow")).values())
    assert "2026-06-15" in moscow
    assert "2026-06-14" not in moscow


def test_a_guess_is_called_one_and_a_boards_team_is_none(connection: Any) -> None:
    assert summary.GUESS in said(connection)
    with connection.cursor() as cursor:
        cursor.execute("update marts.dim_sprints set is_team_inferred = false")
    text = said(connection)
    assert last_sprints(text)
    assert "*" not in text.split(summary.LAST_SPRINTS)[1].split("The marts:")[0]


def test_three_lines_tell_of_flow(connection: Any) -> None:
    in_work = fetch(
        connection,
        "select wip_age_days, issue_id_readable from marts.fct_issues "
        "where is_wip and not is_excluded_team",
    )
    age, oldest = max(in_work)
    sums: dict[Any, int] = {}
    for week, done in fetch(
        connection,
        "select week_start_date, done_count from marts.agg_throughput_weekly where is_complete",
    ):
        sums[week] = sums.get(week, 0) + done
    last = sorted(sums)[-12:]
    average = sum(sums[week] for week in last) / len(last)
    ((promised,),) = fetch(
        connection,
        "select done_p85 from marts.agg_forecast where team = '(all)' and weeks_ahead = 4",
    )
    lines = said(connection).splitlines()
    expected = [
        f"In work: {len(in_work)} issues; the oldest, {oldest}, began {age:.1f} days ago",
        f"Last full week, from {last[-1]}: {sums[last[-1]]} issues done "
        f"(average of {len(last)}: {average:.1f})",
        f"Next 4 weeks: at least {promised} issues done, with 85 % confidence",
    ]
    assert lines[lines.index(expected[0]) :][:3] == expected


def test_without_work_or_weeks_there_is_no_line_of_flow(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("update marts.fct_issues set is_wip = false, wip_age_days = null")
        cursor.execute("update marts.agg_throughput_weekly set is_complete = false")
        cursor.execute("delete from marts.agg_forecast")
    text = said(connection)
    for line in ("In work", "Last full week", "Next 4 weeks"):
        assert line not in text
