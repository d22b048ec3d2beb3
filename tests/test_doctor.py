"""`make doctor`: each thing that it looks at, once as it should be and once not."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, PostgresServer, Project, source_environment
from extracting import simulated
from warehouse import Warehouse

from demo.youtrack.server import Server
from pipeline import build, database, doctor, embedded
from pipeline import server as fitness
from pipeline.record import RunRecord

GIB = 1024**3


@pytest.fixture(scope="module")
def youtrack() -> Iterator[Server]:
    with simulated(issues=30) as server:
        yield server


@dataclass
class Doctor:
    """The doctor in this process, over a folder of its own."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def says(self, environment: dict[str, str]) -> tuple[int, str]:
        """The exit code, and what was printed."""
        with self.monkeypatch.context() as patched:
            for name, text in environment.items():
                patched.setenv(name, text)
            self.capsys.readouterr()
            code = doctor.show_health()
        said = self.capsys.readouterr().out
        last_line = "a run can start" if code == 0 else "mend what is marked ✗, then run"
        assert said.rstrip().splitlines()[-1] == last_line
        assert ("✗" in said) is (code != 0)
        return code, said


@pytest.fixture
def patient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    """A project's folder with nothing in it but its definitions."""
    shutil.copy(REPOSITORY / "dbt_project.yml", tmp_path)
    for module in (build, database, doctor):
        monkeypatch.setattr(module, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(doctor, "load_environment", list)
    return Doctor(tmp_path, monkeypatch, capsys)


@pytest.fixture
def given(server: PostgresServer, database: str, youtrack: Server) -> Iterator[dict[str, str]]:
    """A database and a YouTrack that lack nothing."""
    yield {**server.environment(database), **source_environment(youtrack)}
    youtrack.faults.clear()
    youtrack.is_guest = False


def execute(server: PostgresServer, database: str, *statements: str) -> None:
    with closing(server.connect(database)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_nothing_configured_is_well_and_nothing_is_started(patient: Doctor) -> None:
    code, said = patient.says({})
    assert code == 0
    assert "nothing is configured: a run loads simulated data" in said
    assert "made by the first run" in said
    assert [path.name for path in patient.folder.iterdir()] == ["dbt_project.yml"]


def test_a_running_server_without_a_database_is_running(patient: Doctor) -> None:
    data = patient.folder / ".local" / "postgres"
    embedded.start(data)
    try:
        code, said = patient.says({})
    finally:
        embedded.stop(data)
    assert code == 0
    assert "running; the first run makes the database" in said


def test_where_the_figures_go_is_looked_at_and_decides_nothing(
    patient: Doctor, given: dict[str, str]
) -> None:
    fine = {"STATSD_HOST": "localhost", "METRICS_FILE": "x.prom"}
    code, said = patient.says({**given, **fine})
    assert code == 0
    assert "✓ figures go to localhost, port 8125" in said
    assert "✓ figures go to /" in said
    wrong = {"STATSD_HOST": "nobody.invalid", "METRICS_FILE": "/nowhere/x.prom"}
    code, said = patient.says({**given, **wrong})
    assert code == 0
    assert "! STATSD_HOST: the name nobody.invalid" in said
    assert "! METRICS_FILE: the folder /nowhere is not there" in said


def test_the_settings_of_the_page_are_looked_at(patient: Doctor, given: dict[str, str]) -> None:
    code, said = patient.says({**given, "LOCALE": "de", "REPORT_DETAILS": "perhaps"})
    assert code == 78
    assert "LOCALE is one of en, ru, not 'de'" in said
    assert "REPORT_DETAILS is true or false, not 'perhaps'" in said


@pytest.mark.parametrize(
    ("apart", "is_told"),
    [
        (timedelta(minutes=29), False),
        (timedelta(minutes=-29), False),
        (timedelta(hours=1), True),
        (timedelta(days=-400), True),
    ],
)
def test_clocks_that_are_apart_are_told(
    patient: Doctor,
    given: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    apart: timedelta,
    is_told: bool,
) -> None:
    class Wrong(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + apart

    monkeypatch.setattr(fitness, "datetime", Wrong)
    code, said = patient.says(given)
    assert code == (4 if is_told else 0)
    ours = f"the clock of this machine {datetime.now(timezone.utc) + apart:%Y-%m-%d}"
    assert (ours in said) is is_told


def test_what_lacks_nothing_is_well(patient: Doctor, given: dict[str, str]) -> None:
    code, said = patient.says(given)
    assert code == 0
    assert "!" not in said, said
    for line in (
        r"version \d.*Python 3",
        r"GiB free",
        r"the settings are complete",
        r"PostgreSQL \d+\.\d+.*, database test_\w+, role postgres",
        r"no run yet",
        r"time zone of the reports: UTC",
        r"the token is no guest's",
        r"time zone of the token's account: \w+",
        r"project \w+: \d+ fields, \d+ issues",
        r"[1-9]\d* boards are shared",
        r"users can be read",
        r"workTimeSettings can be read",
    ):
        assert re.search(line, said), (line, said)


def test_what_another_user_has_made_is_named(
    patient: Doctor, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles = patient.folder / ".local" / "dbt" / "profiles.yml"
    profiles.parent.mkdir(parents=True)
    profiles.touch()
    refused = {profiles, patient.folder}  # the latter for lack of logs/
    # the tests may run as root, who may everything
    monkeypatch.setattr(doctor.os, "access", lambda path, _mode: Path(path) not in refused)
    code, said = patient.says(given)
    assert code == 1
    found = [line for line in said.splitlines() if line.startswith("✗")]
    assert [line.split()[1] for line in found] == [str(profiles), str(patient.folder)], said
    assert all("give it to the user of the run" in line for line in found)


SETTINGS = {
    "a wrong token": ({"YOUTRACK_TOKEN": "perm:wrong"}, 3, "refuses the token.*YOUTRACK_TOKEN"),
    "no token": ({"YOUTRACK_TOKEN": ""}, 78, "YOUTRACK_TOKEN is missing"),
    "no address": ({"YOUTRACK_URL": ""}, 78, "YOUTRACK_URL is missing"),
    "a wrong address": ({"YOUTRACK_URL": "nowhere"}, 78, "YOUTRACK_URL: an address starts with"),
    "a YouTrack that is down": ({"YOUTRACK_URL": "http://127.0.0.1:9"}, 3, "connection is refused"),
    "an unknown project": ({"YOUTRACK_PROJECTS": "NOSUCH"}, 78, "YOUTRACK_PROJECTS: NOSUCH"),
    "no number": ({"RUN_TIMEOUT_MINUTES": "long"}, 78, "RUN_TIMEOUT_MINUTES"),
    "no size": ({"BUILD_WORK_MEM": "lots"}, 78, "BUILD_WORK_MEM: it is a size.*64MB"),
    "no DSN": ({"SENTRY_DSN": "somewhere"}, 78, "SENTRY_DSN: it is no DSN"),
    "a database that is down": ({"PGHOST": "127.0.0.1", "PGPORT": "9"}, 4, "PGHOST and PGPORT"),
    "a database that is not there": ({"PGDATABASE": "nosuch"}, 4, "PGDATABASE"),
    "authorities that are not there": (
        {"YOUTRACK_URL": "https://127.0.0.1:9", "REQUESTS_CA_BUNDLE": "/nowhere.pem"},
        78,
        "REQUESTS_CA_BUNDLE .*/nowhere.pem",
    ),
    "a service that is not there": ({"PGSERVICE": "nosuch"}, 4, "look at PGSERVICE"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_a_setting_that_no_run_can_start_with_is_named(
    case: str, patient: Doctor, given: dict[str, str]
) -> None:
    changes, code, message = SETTINGS[case]
    found, said = patient.says({**given, **changes})
    assert found == code, said
    assert re.search(f"✗ .*{message}", said), said
    assert said.count("✗") == 2  # the finding, and the last line


ACCOUNTS = {
    "a guest's token": (lambda server: setattr(server, "is_guest", True), 78, "✗.*guest"),
    "no project at all": (
        lambda server: server.fault("empty", r"/admin/projects$", count=None),
        3,
        "✗ the account sees no project",
    ),
    "no right to any project's fields": (
        lambda server: server.fault("empty", r"/customFields$", count=None),
        3,
        r"✗ the fields of \w+, .* cannot be read.*Read Project",
    ),
    "no right to one project's fields": (
        lambda server: server.fault("empty", r"/customFields$", count=1),
        0,
        r"! the fields of \w+ cannot be read.*Read Project",
    ),
    "an unknown time zone": (
        lambda server: server.hidden_attributes.add("GeneralUserProfile.timezone"),
        0,
        "! time zone of the token's account: not readable",
    ),
    "no board": (
        lambda server: server.fault("empty", r"/agiles$", count=None),
        0,
        "! 0 boards are shared",
    ),
    "no right to list users": (
        lambda server: server.fault("status", r"/users$", status=403, count=None),
        0,
        "! users cannot be read .Read User Basic",
    ),
    "no right to the working time": (
        lambda server: server.fault("status", r"/workTimeSettings$", status=403, count=None),
        0,
        "! .*workTimeSettings cannot be read .Read Project",
    ),
}


@pytest.mark.parametrize("case", ACCOUNTS)
def test_what_the_token_may_not_is_named(
    case: str, patient: Doctor, given: dict[str, str], youtrack: Server
) -> None:
    happens, code, message = ACCOUNTS[case]
    happens(youtrack)
    try:
        found, said = patient.says(given)
    finally:
        youtrack.hidden_attributes.clear()
    assert found == code, said
    assert re.search(message, said), said


def test_a_project_that_is_named_and_hides_its_fields_ends_a_run(
    patient: Doctor, given: dict[str, str], youtrack: Server
) -> None:
    names = [project.short_name for project in youtrack.tracker.projects][:2]
    youtrack.fault("empty", r"/customFields$", count=1)
    code, said = patient.says({**given, "YOUTRACK_PROJECTS": ",".join(names)})
    assert code == 3
    assert re.search(rf"✗ the fields of ({names[0]}|{names[1]}) cannot be read", said), said


def test_rights_that_the_role_lacks_are_named(
    patient: Doctor, given: dict[str, str], server: PostgresServer
) -> None:
    execute(
        server,
        given["PGDATABASE"],
        "drop role if exists without_rights",
        "create role without_rights login",
        "create schema raw",
    )
    code, said = patient.says({**given, "PGUSER": "without_rights"})
    assert code == 4
    assert f'grant create on database "{given["PGDATABASE"]}" to "without_rights"' in said
    assert re.search('✗ .*belong to another role: raw.*owner to "without_rights"', said)


@pytest.mark.parametrize("exists", [True, False])
def test_whether_the_readers_role_is_there_is_told(
    patient: Doctor, given: dict[str, str], server: PostgresServer, exists: bool
) -> None:
    reader = "reader_of_doctor" if exists else "reader_that_is_not_there"
    execute(
        server,
        given["PGDATABASE"],
        "drop role if exists may_create",
        "create role may_create login",
        f"grant create on database {given['PGDATABASE']} to may_create",
        "drop role if exists reader_of_doctor",
        "create role reader_of_doctor login",
    )
    definitions = patient.folder / "dbt_project.yml"
    definitions.write_text(definitions.read_text().replace("datalens_reader", reader))
    code, said = patient.says({**given, "PGUSER": "may_create"})
    execute(server, given["PGDATABASE"], "drop owned by may_create")
    assert code == 0, said
    told = f"✓ the reader's role {reader}" if exists else f'! .*create role "{reader}" login'
    assert re.search(told, said), said


def test_a_postgresql_that_is_too_old_is_refused(
    patient: Doctor, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "OLDEST_VERSION", embedded.MAJOR_VERSION + 1)
    code, said = patient.says(given)
    assert code == 4
    assert f"✗ PostgreSQL {embedded.MAJOR_VERSION} is too old" in said


def test_a_reporting_time_zone_that_is_none_is_named(
    patient: Doctor, given: dict[str, str]
) -> None:
    definitions = patient.folder / "dbt_project.yml"
    definitions.write_text(definitions.read_text().replace("timezone: UTC", "timezone: Mars/North"))
    code, said = patient.says(given)
    assert code == 78
    assert "✗ the var timezone is no time zone's name: Mars/North" in said


@pytest.mark.parametrize(
    ("definitions", "message"),
    [
        ("", "dbt_project.yml: it, and vars in it, must be names with values"),
        ("vars: [timezone]", "dbt_project.yml: it, and vars in it, must be names with values"),
        ("vars: {timezone: [UTC}", "dbt_project.yml cannot be read"),
        (
            "{name: lead_time, vars: {timezone: UTC, lead_time: {timezone: Mars/North}}}",
            "the var timezone is no time zone's name: Mars/North",
        ),
        ("vars: {run_max_age_hours: .inf}", "the var run_max_age_hours is a number above 0"),
        (
            "vars: {forecast_sample_weeks: 0}",
            "the var forecast_sample_weeks is a whole number above 0, not 0",
        ),
        (
            "vars: {forecast_horizon_weeks: 2.5}",
            "the var forecast_horizon_weeks is a whole number above 0, not 2.5",
        ),
        (
            "vars: {story_type: [Bug]}",
            "dbt_project.yml sets the var story_type, which nothing reads; story_types is meant?",
        ),
    ],
)
def test_definitions_that_mean_nothing_are_named(
    patient: Doctor, given: dict[str, str], definitions: str, message: str
) -> None:
    (patient.folder / "dbt_project.yml").write_text(definitions)
    code, said = patient.says(given)
    assert code == 78
    assert f"✗ {message}" in said


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("models/mine.sql", "select '{{ var(\"story_type\") }}'"),
        ("models/_mine.yml", """where: "type = '{{ var('story_type', none) }}'\""""),
        ("models/_mine.yaml", "where: 'type = {{ var( ''story_type'' ) }}'"),
        ("../dbt_project.yml", """models: {+schema: "{{ var('story_type') }}"}"""),
    ],
)
def test_a_var_of_the_analysts_own_may_be_spelled_nearly_like_ours(
    patient: Doctor, given: dict[str, str], file: str, text: str
) -> None:
    (patient.folder / "dbt_project.yml").write_text("vars: {story_type: [Bug]}\n")
    (patient.folder / "dbt_project" / "models").mkdir(parents=True)
    with (patient.folder / "dbt_project" / file).open("a", encoding="utf-8") as opened:
        opened.write(text)
    assert "story_type" not in patient.says(given)[1]


@pytest.mark.parametrize(("free", "mark"), [(1, "!"), (3, "✓")])
def test_a_disk_with_little_space_draws_a_warning(
    patient: Doctor, monkeypatch: pytest.MonkeyPatch, free: int, mark: str
) -> None:
    asked = []

    def disk_usage(path: Path):
        asked.append(path)
        return shutil._ntuple_diskusage(10 * GIB, 0, free * GIB)

    monkeypatch.setattr(doctor.shutil, "disk_usage", disk_usage)
    (patient.folder / ".local").mkdir()
    code, said = patient.says({})
    assert code == 0
    assert f"{mark} {free}.0 GiB free" in said
    assert asked == [patient.folder / ".local"], "a container's volume"


RUNS: dict[str, tuple[Callable[[RunRecord], None], str]] = {
    "good": (
        lambda record: record.finish(error=None, log=""),
        r"✓ the last run: OK, .*, 0 hours ago",
    ),
    "bad": (
        lambda record: record.finish(error="YouTrack is down", log=""),
        r"! the last run: NOK, .*: YouTrack is down",
    ),
    "killed": (lambda record: None, r"! the last run: NOK, .*died without a word"),
    "of last week": (
        lambda record: (
            record.finish(error=None, log=""),
            record.update(finished_at=datetime.now(timezone.utc) - timedelta(days=7)),
        ),
        r"! the last run: NOK, .*, 168 hours ago: .*more than 26 working hours ago",
    ),
}


@pytest.fixture
def status(server: PostgresServer, database: str, tmp_path: Path) -> RunRecord:
    """The record of a run, and the view that the doctor reads, as a run builds it."""
    warehouse = Warehouse(server, database, tmp_path / "dbt")
    warehouse.dbt("run", "--select", "pipeline_status")
    warehouse.connection.close()
    now = datetime.now(timezone.utc)
    record = RunRecord(server.connect(database), "a run", now)
    record.start(now)
    return record


def test_how_the_last_run_ended_and_how_long_ago_is_told(
    patient: Doctor, given: dict[str, str], status: RunRecord
) -> None:
    for ends, message in RUNS.values():
        ends(status)
        code, said = patient.says(given)
        assert code == 0
        assert re.search(message, said), said
        status.update(status="RUNNING", finished_at=None, error=None)
    status.connection.close()


def test_no_secret_is_told(patient: Doctor, given: dict[str, str]) -> None:
    secret = "perm:c2VjcmV0"
    names = ("YOUTRACK_TOKEN", "PGPASSWORD", "RUN_ALERT_WEBHOOK_URL", "SENTRY_DSN")
    code, said = patient.says({**given, **dict.fromkeys(names, secret)})
    assert code
    assert secret not in said


def dump(server: PostgresServer, database: str) -> str:
    """The database and the roles, as PostgreSQL's programs write them down."""
    said = ""
    for command in (["pg_dump"], ["pg_dumpall", "--roles-only"]):
        said += subprocess.run(
            [str(embedded.binaries() / command[0]), *command[1:]],
            env=server.environment(database),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return re.sub(r"\\(un)?restrict \w+", "", said)


def written(folder: Path) -> dict[Path, int]:
    """When each file was written last, but for those of a PostgreSQL that is at work there."""
    return {
        path: path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.relative_to(folder).parts[0] != "postgres"
    }


def test_the_command_changes_nothing_anywhere(
    server: PostgresServer,
    project: Project,
    youtrack: Server,
    given: dict[str, str],
    status: RunRecord,
) -> None:
    status.finish(error=None, log="")
    status.connection.close()
    files = written(project.root / ".local")
    before = dump(server, given["PGDATABASE"])
    assert "pipeline_runs" in before and "CREATE ROLE" in before
    youtrack.requests = []
    completed = project.run("doctor", environment=given)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert dump(server, given["PGDATABASE"]) == before
    assert written(project.root / ".local") == files
    asked = {line.split("?")[0] for line in youtrack.requests}
    assert asked
    assert {line for line in asked if not line.startswith("GET ")} <= {
        "POST /api/issuesGetter/count"
    }
    failing = project.run("doctor", environment={**given, "YOUTRACK_TOKEN": "perm:wrong"})
    assert failing.returncode == 3
    assert dump(server, given["PGDATABASE"]) == before


def test_a_folder_that_may_not_be_entered_is_named_and_the_rest_told(
    patient: Doctor, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    local = patient.folder / ".local"
    local.mkdir()
    (patient.folder / "logs").mkdir()
    (patient.folder / "target").mkdir()
    # the tests may run as root, who may everything
    exists = Path.exists

    def refusing(path: Path) -> bool:
        if local in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return exists(path)

    monkeypatch.setattr(Path, "exists", refusing)
    monkeypatch.setattr(doctor.os, "access", lambda path, _mode: Path(path) != local)
    code, said = patient.says(given)
    assert code == 1
    assert f"✗ {local} may not be written" in said
    assert "the token is no guest's" in said
