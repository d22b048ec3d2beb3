"""What an operator graphs: the same figures for StatsD and for node_exporter, in nobody's way."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from conftest import FROZEN, REPOSITORY, PostgresServer, Project, source_environment

from demo.youtrack.server import Server
from extract.errors import ConfigurationError
from pipeline import figures
from pipeline.figures import FIGURES, Measured, RunFigures, datagrams, exposition, statsd_line
from pipeline.settings import Destinations, read_destinations, read_settings

HOSTILE = 'a"b\\c\nd:1|c\n# TYPE x.é'

# of https://prometheus.io/docs/instrumenting/exposition_formats/, as far as it is used
SAMPLE = re.compile(
    r'(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<label>[a-zA-Z_]\w*)="(?P<of>(?:[^"\\]|\\[\\"n])*)"\})? '
    r"(?P<value>-?\d+(?:\.\d+)?)",
    re.ASCII,
)


def read_exposition(text: str) -> dict[tuple[str, str | None], float]:
    """The samples by name and label's value; fails on what the format does not allow."""
    assert text.endswith("\n")
    samples, typed = {}, []
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert (name in typed, kind) == (False, "gauge"), line
            typed.append(name)
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample, line
        assert sample["name"] == typed[-1], "samples of a name stand together, after its type"
        key = sample["name"], sample["of"]
        assert key not in samples, line
        samples[key] = float(sample["value"])
    return samples


def some_figures(of: str = "youtrack") -> list[Measured]:
    return [Measured(each, 5, of if each.label else None) for each in FIGURES.values()]


def test_a_text_of_a_source_can_end_neither_a_name_nor_a_line() -> None:
    (sample,) = [
        key for key in read_exposition(exposition(some_figures(HOSTILE)))
        if key[0] == "lead_time_source_requests"
    ]  # fmt: skip
    assert sample[1] == 'a\\"b\\\\c\\nd:1|c\\n# TYPE x.é'
    requests = Measured(FIGURES["source.requests"], 5, HOSTILE)
    assert statsd_line(requests, "lead_time", 0) == (
        "lead_time.source.a_b_c_d_1_c___TYPE_x__.requests:5|c"
    )


def test_statsd_hears_milliseconds_counts_and_how_long_ago() -> None:
    def line(name: str, value: float, of: str | None = None) -> str:
        return statsd_line(Measured(FIGURES[name], value, of), "a.b", 1000)

    assert line("run.duration", 1.2345) == "a.b.run.duration:1234|ms"
    assert line("source.issues_loaded", 7, "youtrack") == "a.b.source.youtrack.issues_loaded:7|c"
    assert line("run.last_ok", 400) == "a.b.run.last_ok_age:600|g"
    # a gauge below zero would be a difference: a clock that is set back must not take away
    assert line("run.last_ok", 1400) == "a.b.run.last_ok_age:0|g"


def test_datagrams_hold_whole_lines_and_are_short() -> None:
    lines = [f"{'x' * length}:1|g" for length in (1, 500, 3, 200, 200, 90, 600, 1)]
    sent = list(datagrams(lines))
    assert b"\n".join(sent).decode().split("\n") == lines
    assert [len(each) > figures.LONGEST_DATAGRAM for each in sent].count(True) == 1
    assert 1 < len(sent) < len(lines)


@pytest.fixture
def statsd() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        yield server


def heard(statsd: socket.socket) -> dict[str, str]:
    """What has arrived, by name."""
    lines: list[str] = []
    statsd.settimeout(5)
    try:
        while True:
            lines += statsd.recv(65536).decode().split("\n")
            statsd.settimeout(0.1)
    except TimeoutError:
        pass
    assert all(re.fullmatch(r"[\w.-]+:\d+\|(g|c|ms)", line, re.ASCII) for line in lines), lines
    told = dict(line.split(":") for line in lines)
    assert len(told) == len(lines)
    return told


def destinations(statsd: socket.socket, file: Path) -> dict[str, str]:
    # as a name, which is looked up
    port = statsd.getsockname()[1]
    return {"STATSD_HOST": "localhost", "STATSD_PORT": str(port), "METRICS_FILE": str(file)}


def test_a_good_run_tells_both_the_same(
    server: PostgresServer,
    project: Project,
    published: tuple[str, dict[str, str]],
    statsd: socket.socket,
    tmp_path: Path,
) -> None:
    database, environment = published
    file = tmp_path / "lead_time.prom"
    to = {**destinations(statsd, file), "STATSD_PREFIX": "of.test"}
    ran = project.run("run", "--vars", FROZEN, environment={**environment, **to})
    assert ran.returncode == 0, ran.stderr[-2000:]
    samples, told = read_exposition(file.read_text(encoding="utf-8")), heard(statsd)
    # every figure there is, and each in both
    assert {name for name, _ in samples} == {each.exported_name() for each in FIGURES.values()}
    assert len(told) == len(samples)
    for figure in FIGURES.values():
        for (name, of), value in samples.items():
            if name == figure.exported_name():
                number, kind = told[figure.statsd_name("of.test", of)].split("|")
                if kind == "ms":
                    assert abs(int(number) / 1000 - value) < 0.002
                elif figure.kind != figures.MOMENT:
                    assert int(number) == value
    with closing(server.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select extract(epoch from finished_at)::float, issues_loaded, activities_loaded, "
            "models_built, tests_failed, tests_warned, (loads #>> '{youtrack,requests}')::int "
            "from ops.pipeline_runs order by started_at desc limit 1"
        )
        finished, issues, changes, models, failed, warned, requests = cursor.fetchone()
        cursor.execute(
            "select table_name from information_schema.tables "
            "where table_schema = 'marts' and table_type = 'BASE TABLE'"
        )
        rows = 0
        for (table,) in cursor.fetchall():
            cursor.execute(f"select count(*) from marts.{table}")
            rows += cursor.fetchone()[0]
    assert rows > 1000
    expected = {
        ("run_ok", None): 1, ("run_exit_code", None): 0,
        ("stage_ok", "extract"): 1, ("stage_ok", "build"): 1, ("stage_ok", "publish"): 1,
        ("source_ok", "youtrack"): 1, ("source_requests", "youtrack"): requests,
        ("source_issues_loaded", "youtrack"): issues,
        ("source_changes_loaded", "youtrack"): changes,
        ("source_events_loaded", "youtrack"): 0,
        ("build_models", None): models, ("build_tests_failed", None): failed,
        ("build_tests_warned", None): warned,
        ("publishing_ok", "postgresql"): 1, ("publishing_rows", "postgresql"): rows,
    }  # fmt: skip
    assert {key: samples[f"lead_time_{key[0]}", key[1]] for key in expected} == expected
    assert abs(samples["lead_time_run_last_ok_timestamp_seconds", None] - finished) < 5
    stages = ("extract", "build", "publish")
    parts = [samples["lead_time_stage_duration_seconds", stage] for stage in stages]
    assert 0 < sum(parts) < samples["lead_time_run_duration_seconds", None]


def test_a_bad_run_keeps_the_moment_of_the_good_one_even_without_the_database(
    server: PostgresServer, project: Project, youtrack: Server, database: str, tmp_path: Path
) -> None:
    environment = {**server.environment(database), **source_environment(youtrack)}

    def after(code: int, file: str, **changes: str) -> dict[tuple[str, str | None], float]:
        to = {"METRICS_FILE": str(tmp_path / file)}
        ran = project.run("load", environment={**environment, **to, **changes})
        assert ran.returncode == code, ran.stderr[-2000:]
        return read_exposition((tmp_path / file).read_text(encoding="utf-8"))

    last_ok = ("lead_time_run_last_ok_timestamp_seconds", None)
    assert last_ok not in after(4, "first.prom", PGPORT="9")
    good = after(0, "first.prom")
    assert ("lead_time_build_tests_failed", None) not in good, "nothing was tested"
    # known from the record: this file is new
    refused = after(3, "second.prom", YOUTRACK_TOKEN="perm:wrong")
    assert abs(refused[last_ok] - good[last_ok]) < 5
    for name in ("run", "stage", "source"):
        of = {"run": None, "stage": "extract", "source": "youtrack"}[name]
        assert refused[f"lead_time_{name}_ok", of] == 0
    assert refused["lead_time_run_exit_code", None] == 3
    # known from the file: there is no database to ask
    down = after(4, "first.prom", PGPORT="9")
    assert down[last_ok] == good[last_ok]
    assert not [of for _, of in down if of], "no stage was reached"


def test_a_name_server_that_hangs_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30))
    monkeypatch.setattr(figures, "LOOK_UP_SECONDS", 0.1)
    began = time.monotonic()
    RunFigures(Destinations(statsd_host="statsd.example.com")).run_ended(0)
    assert time.monotonic() - began < 5
    assert "the name statsd.example.com is not known" in caplog.text
    over.set()


@pytest.mark.parametrize("host", ["nobody.invalid", "statsd..example.com", "x" * 70])
def test_a_host_that_is_none_is_a_warning(host: str, caplog: pytest.LogCaptureFixture) -> None:
    RunFigures(Destinations(statsd_host=host)).run_ended(1)
    assert f"the name {host} is not known" in caplog.text


def test_a_host_where_nobody_listens_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for _ in range(3):
        RunFigures(Destinations(statsd_host="127.0.0.1", statsd_port=port)).run_ended(0)
    assert caplog.text == ""


def test_of_two_addresses_the_one_of_ipv4_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    v6 = (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", ("::1", 8125, 0, 0))
    v4 = (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", 8125))
    for found, expected in (([v6, v4], v4), ([v6], v6)):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, found=found, **__: found)
        assert figures.StatsD("x", 8125, "p").address() == (expected[0], expected[4])


def test_the_file_is_whole_and_readable_by_its_collector_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "lead_time.prom"
    # as under the service's UMask=0077
    handle, name = figures.tempfile.mkstemp(dir=tmp_path)
    assert Path(name).stat().st_mode & 0o777 == 0o600
    Path(name).unlink()
    figures.write_file(file, some_figures())
    assert file.stat().st_mode & 0o777 == 0o644
    before = file.read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == [file.name]

    def full(*_: object) -> str:
        assert [path.suffix for path in tmp_path.iterdir()].count(".prom") == 1
        assert file.read_text(encoding="utf-8") == before
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figures, "exposition", full)
    with pytest.raises(OSError, match="No space"):
        figures.write_file(file, some_figures())
    assert file.read_text(encoding="utf-8") == before
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_file_that_cannot_be_written_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for file in (tmp_path / "nowhere" / "x.prom", tmp_path / "folder.prom"):
        (tmp_path / "folder.prom").mkdir(exist_ok=True)
        caplog.clear()
        RunFigures(Destinations(metrics_file=file)).run_ended(0)
        assert re.search(rf"METRICS_FILE {file} was not written: \w", caplog.text)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.prom"]


@pytest.mark.parametrize("text", ["", "lead_time_run_last_ok_timestamp_seconds 1.2.3\n", "\x00"])
def test_a_file_of_another_kind_tells_no_moment(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.prom"
    file.write_text(text)
    assert figures.last_ok_in(file) is None
    file.write_bytes(b"\xff")
    assert figures.last_ok_in(file) is None


def test_a_step_that_is_not_over_is_not_well(tmp_path: Path) -> None:
    """So the time limit finds it, in a thread of its own."""
    file = tmp_path / "x.prom"
    run = RunFigures(Destinations(metrics_file=file))
    run.last_ok_at = datetime.now(timezone.utc) - timedelta(hours=2)
    with run.step("stage", "extract"):
        pass
    with run.step("stage", "build"):
        run.run_ended(1)
    samples = read_exposition(file.read_text())
    assert samples["lead_time_stage_ok", "extract"] == 1
    assert samples["lead_time_stage_ok", "build"] == 0
    assert 7199 < time.time() - samples["lead_time_run_last_ok_timestamp_seconds", None] < 7300


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STATSD_PORT", "many"),
        ("STATSD_PORT", "0"),
        ("STATSD_PREFIX", "a b"),
        ("STATSD_PREFIX", "a."),
        ("STATSD_PREFIX", "a\n"),
        ("METRICS_FILE", "/var/lib/node_exporter/lead_time.txt"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_named_and_the_run_can_still_be_told(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        read_settings()
    assert read_destinations().statsd_host is None


def test_the_page_for_operators_lists_every_figure_and_no_other() -> None:
    page = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w.…]+)` \| `(\w+(?:\{\w+\})?)` \|", page, re.MULTILINE)
    listed = {
        (
            each.statsd_name("lead_time", "…" if each.label else None).replace("._.", ".…."),
            each.exported_name() + (f"{{{each.label}}}" if each.label else ""),
        )
        for each in FIGURES.values()
    }
    assert set(rows) == listed
    assert len(rows) == len(listed)
