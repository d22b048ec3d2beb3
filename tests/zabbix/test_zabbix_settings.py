"""Zabbix as a run sees it: its settings, the doctor, a run beside a tracker and alone, secrets."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, PostgresServer, Project, source_environment
from extracting import simulated as simulated_youtrack
from zabbix_loads import Extraction, fresh, simulated

from demo.zabbix.server import Server
from extract.errors import ConfigurationError, RunError
from extract.tables import LOADED
from extract.zabbix.address import identity, normalise_url
from extract.zabbix.monitoring import Zabbix, ZabbixSettings
from pipeline.settings import (
    SECRETS,
    is_complete,
    named_sources,
    named_trackers,
    nothing_is_configured,
    read_settings,
    source_problem,
)

PASSWORD = "correct-horse-battery-staple"


@pytest.fixture
def zabbix() -> Iterator[Server]:
    with simulated(issues=60) as running:
        yield running


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> ZabbixSettings:
    for name, text in values.items():
        monkeypatch.setenv(name, text)
    return read_settings()[1]["zabbix"]


def test_an_address_and_a_token_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://z.example/zabbix/api_jsonrpc.php"
    settings = given(monkeypatch, ZABBIX_URL=url, ZABBIX_TOKEN=" abc\n")
    source = settings.source()
    assert (source.url, source.token, source.messages) == (
        "https://z.example/zabbix", "abc", False,
    )  # fmt: skip
    assert "abc" not in repr(source) + repr(settings)
    assert [each.name for each in named_sources()] == ["zabbix"]
    assert named_trackers() == []
    assert is_complete(named_sources()[0])
    assert source_problem() is None
    assert not nothing_is_configured()
    assert "ZABBIX_TOKEN" in SECRETS


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ZABBIX_URL": "zabbix"}, "ZABBIX_URL: an address starts with https"),
        ({"ZABBIX_TOKEN": "ключ"}, "ZABBIX_TOKEN: it holds a line break or a letter"),
        ({"ZABBIX_MESSAGES": "perhaps"}, "ZABBIX_MESSAGES: "),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as raised:
        given(monkeypatch, **values)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "missing"), [("ZABBIX_URL", "ZABBIX_TOKEN"), ("ZABBIX_TOKEN", "ZABBIX_URL")]
)
def test_half_a_configuration_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str, missing: str
) -> None:
    given(monkeypatch, **{name: "https://z.example"})
    assert (source_problem() or "").startswith(f"{missing} is missing ({name} is set): ")


def test_addresses_and_whose_data_it_is() -> None:
    for written in ("https://z.example", "https://z.example/index.php",
                    " https://z.example/api_jsonrpc.php/ "):  # fmt: skip
        assert normalise_url(written) == "https://z.example"
    assert identity("http://z.example/zabbix") == identity("https://z.example/zabbix/")
    assert identity("https://z.example") != identity("https://z.example/zabbix")


def examined(zabbix: Server, token: str | None = None) -> tuple[list[str], list[str]]:
    """What the doctor finds well, and what not."""
    well, ill = [], []
    settings = ZabbixSettings(zabbix_url=zabbix.url, zabbix_token=token or zabbix.token)
    for found in Zabbix().examine(settings):
        if isinstance(found, RunError):
            ill.append(str(found))
        else:
            (well if found[0] else ill).append(found[1])
    return well, ill


def test_a_doctor_finds_a_good_zabbix_well(zabbix: Server) -> None:
    well, ill = examined(zabbix)
    assert ill == []
    assert well[0] == "Zabbix 6.0.14 answers"
    assert any("56 hosts in 9 groups" in text for text in well)
    assert zabbix.stats.requests <= 6


def test_a_doctor_says_what_a_run_would_fail_with(zabbix: Server) -> None:
    monitoring = zabbix.monitoring
    for host in monitoring.hosts.values():
        host.inventory = None
    monitoring.begin_again()
    assert examined(zabbix)[1] == [
        "no host has an inventory: nothing says in which rack it stands",
        "there is no event that the token's user may read",
    ]
    with pytest.raises(RunError, match="Zabbix refuses the token"):
        examined(zabbix, "another")


@pytest.mark.parametrize("fails", [False, True], ids=["succeeding", "failing"])
def test_no_secret_is_written_printed_or_raised(
    server: PostgresServer, zabbix: Server, fails: bool, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    secrets = (zabbix.token, PASSWORD)
    said = ""
    if fails:
        # an answer may repeat what it was asked
        error = {"code": -32602, "message": "Invalid params.", "data": f"auth: {zabbix.token}"}
        zabbix.fault(
            "rewrite", "problem.get", count=None,
            change=lambda answers: [{"id": each["id"], "error": error} for each in answers],
        )  # fmt: skip
    for empty in fresh(server, zabbix, tmp_path / "dlt"):
        empty.dsn = empty.dsn.replace(":none@", f":{PASSWORD}@")
        said += failure(empty)
        raw = empty.rows("select to_jsonb(t)::text from extract_runs as t")
        said += str(raw) + repr(empty.source)
    assert ("refuses" in said) is fails
    said += "".join(capfd.readouterr()) + caplog.text
    written = [
        path for path in tmp_path.rglob("*")
        if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets)
    ]  # fmt: skip
    assert written == []
    assert not any(secret in said for secret in secrets)


def failure(empty: Extraction) -> str:
    try:
        empty.load()
    except Exception:
        return traceback.format_exc()
    return ""


def test_a_run_loads_whatever_is_configured(
    zabbix: Server, server: PostgresServer, database: str, project: Project
) -> None:
    alone = {
        **server.environment(database),
        "ZABBIX_URL": zabbix.url,
        "ZABBIX_TOKEN": zabbix.token,
    }
    # the marts are of issues: without any there is nothing to build, and it is said at once
    refused = project.run("run", environment=alone)
    assert refused.returncode == 78
    assert "no tracker is configured" in refused.stderr + refused.stdout
    loaded = project.run("load", environment=alone)
    assert loaded.returncode == 0, loaded.stderr[-2000:]
    assert "0 issues and 0 changes, " in loaded.stdout
    counts = (
        "select (select count(*) from raw_zabbix.hosts), "
        "(select loads ? 'zabbix' from ops.pipeline_runs order by started_at desc limit 1)"
    )
    with closing(server.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute(counts)
        assert cursor.fetchone() == (len(zabbix.monitoring.hosts), True)
    with simulated_youtrack(issues=30) as youtrack:
        both = {**alone, **source_environment(youtrack)}
        completed = project.run("run", environment=both)
        assert completed.returncode == 0, completed.stderr[-2000:]
        of_the_tracker = {**server.environment(database), **source_environment(youtrack)}
        later = project.run("load", environment=of_the_tracker)
    assert "Zabbix is not configured any more" in later.stderr + later.stdout
    with closing(server.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("select count(*), min(tracker) from marts.fct_issues")
        assert cursor.fetchone() == (30, "youtrack")


def test_the_description_of_the_tables_is_that_of_the_loader() -> None:
    """Whoever writes staging reads it."""
    path = REPOSITORY / "dbt_project" / "models" / "staging" / "zabbix" / "_zabbix__sources.yml"
    [source] = yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]
    types = {"bool": "boolean", "json": "jsonb", "timestamp": "timestamptz"}
    stamps = {column.name for column in LOADED}
    # what extract_runs has for other sources, and this one leaves empty
    unused = {"scope"}
    assert source["schema"] == Zabbix.schema
    assert {
        table["name"]: {column["name"]: column["data_type"] for column in table["columns"]}
        for table in source["tables"]
    } == {
        table.name: {
            column.name: types.get(column.data_type, column.data_type)
            for column in table.columns
            if column.name not in stamps | unused
        }
        for table in Zabbix.tables
    }
