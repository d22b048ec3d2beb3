"""What must not be written anywhere: the token, the password, the names of people."""

import logging
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPOSITORY
from extracting import Extraction, simulated

from demo.youtrack.server import Server
from extract.youtrack.address import identity
from pipeline.console import RunConsole
from pipeline.redaction import Redactor

PASSWORD = "correct-horse-battery-staple"


@pytest.fixture
def youtrack() -> Iterator[Server]:
    with simulated() as server:
        yield server


@pytest.fixture
def empty(empty: Extraction) -> Extraction:
    empty.dsn = empty.dsn.replace(":none@", f":{PASSWORD}@")
    return empty


@pytest.mark.parametrize("fails", [False, True], ids=["succeeding", "failing"])
def test_no_secret_is_written_printed_or_raised(
    empty: Extraction, youtrack: Server, fails: bool, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    secrets = (youtrack.token, PASSWORD)
    said = ""
    if fails:
        youtrack.fault("status", r"/activitiesPage$", status=401, first=2, count=None)
    try:
        empty.load()
    except Exception:
        said = traceback.format_exc()
    assert bool(said) is fails
    raw = empty.rows("select to_jsonb(t)::text from raw.extract_runs as t")
    said += "".join(capfd.readouterr()) + caplog.text + str(raw)
    written = [
        path for path in tmp_path.rglob("*")
        if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets)
    ]  # fmt: skip
    assert written == []
    assert not any(secret in said for secret in secrets)
    assert not any(secret in repr(empty.source) for secret in secrets)


def test_a_warning_is_kept_without_secrets_and_on_one_line() -> None:
    redactor = Redactor()
    redactor.add(PASSWORD)
    console = RunConsole(redactor)
    console.warn(f"the tracker said: {PASSWORD}\nand \x1b[2J more")
    assert console.warnings == ["the tracker said: [secret] and  [2J more"]


def test_nobody_is_named_in_raw(loaded: Extraction, youtrack: Server) -> None:
    tables = [row[0] for row in loaded.rows(
        "select table_name from information_schema.tables where table_schema = 'raw'"
    )]  # fmt: skip
    text = "".join(
        row[0] for table in tables for row in loaded.rows(f'select t::text from raw."{table}" as t')
    )
    people = youtrack.tracker.users
    assert any(person.login in text for person in people)
    assert [p.full_name for p in people if p.full_name in text] == []
    assert [p.email for p in people if p.email and p.email in text] == []
    users = loaded.rows("select id, login, type from raw.users")
    assert {row[2] for row in users} == {"User"}


def test_users_in_values_and_changes_keep_id_and_login(loaded: Extraction) -> None:
    keys = loaded.rows(
        "select distinct jsonb_object_keys(item) from raw.activities, "
        "jsonb_array_elements(case jsonb_typeof(added) when 'array' then added end) as item "
        "where item ->> '$type' = 'User'"
    )
    assert {row[0] for row in keys} == {"id", "login", "$type"}


def test_summaries_that_are_not_wanted_are_not_even_asked_for(
    empty: Extraction, youtrack: Server
) -> None:
    youtrack.requests = []
    empty.load(summaries=False)
    assert empty.rows("select distinct summary from raw.issues") == [(None,)]
    assert not any("summary" in line for line in youtrack.requests)


def test_summaries_leave_raw_when_they_are_no_longer_wanted_and_come_back(
    loaded: Extraction,
) -> None:
    before = loaded.rows("select id, summary from raw.issues order by id")
    loaded.load(summaries=False)
    assert loaded.rows("select distinct summary from raw.issues") == [(None,)]
    loaded.load(summaries=True)
    assert loaded.rows("select id, summary from raw.issues order by id") == before
    assert loaded.load().kind == "incremental"


def test_plain_http_draws_a_warning_only_off_loopback(
    empty: Extraction, youtrack: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any("plain http" in warning for warning in empty.load().warnings)
    # a proxy on the way leads any name to the same server
    monkeypatch.setenv("http_proxy", youtrack.url)
    elsewhere = empty.load(url="http://youtrack.example", identity=identity(empty.source.url))
    assert [w for w in elsewhere.warnings if "plain http" in w]


def test_dlt_is_imported_without_its_telemetry_and_its_log() -> None:
    script = (
        "import pipeline.run; from dlt.common.configuration.specs import RuntimeConfiguration;"
        "from dlt.common.configuration import resolve_configuration as resolve;"
        "found = resolve(RuntimeConfiguration()); print(found.dlthub_telemetry, found.log_level)"
    )
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, env=environment, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.stdout.split() == ["False", "CRITICAL"]
