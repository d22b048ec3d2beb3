"""A run as its user meets it: the command, its exit code, what it leaves in the database."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from conftest import FROZEN, PostgresServer, Project, clean_environment, source_environment
from reference import KEYS, Definitions, compare, compute, read_marts, read_raw, read_seeds

from demo.company import Company
from demo.youtrack.server import Server, start
from pipeline import embedded, publish
from pipeline.record import LOCK_KEY

MARTS = (
    "fct_issues",
    "agg_lead_time_spectrum",
    "agg_lead_time_percentiles",
    "dim_sprints",
    "fct_sprint_issues",
    "agg_sprint_throughput",
    "fct_state_intervals",
    "fct_lead_time_differences",
    "agg_flow_daily",
    "agg_throughput_weekly",
    "agg_forecast",
    "fct_forecast_checks",
)


def fingerprint(server: PostgresServer, database: str) -> dict[str, str]:
    """What the marts hold, a digest each."""
    connection = server.connect(database)
    with connection.cursor() as cursor:
        digests = {}
        for mart in MARTS:
            cursor.execute(
                f"select md5(string_agg(m::text, ',' order by m::text)) from marts.{mart} as m"
            )
            digests[mart] = cursor.fetchone()[0]
    connection.close()
    return digests


def value(server: PostgresServer, database: str, query: str, user: str | None = None):
    """One value."""
    connection = server.connect(database, user)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
            return row[0] if row else None
    finally:
        connection.close()


LAST_RUN = "select {} from ops.pipeline_runs order by started_at desc limit 1"


def test_a_good_run_is_recorded_and_published(
    server: PostgresServer, published: tuple[str, dict[str, str]]
) -> None:
    database, _ = published
    assert value(server, database, LAST_RUN.format("status")) == "OK"
    assert value(server, database, LAST_RUN.format("tests_failed")) == 0
    assert value(server, database, LAST_RUN.format("models_built")) > 20
    loads = value(server, database, LAST_RUN.format("loads"))
    loaded = {name: load["issues_loaded"] for name, load in loads.items()}
    assert loaded == {"youtrack": value(server, database, LAST_RUN.format("issues_loaded"))}
    assert loads["youtrack"]["kind"] == "full"
    assert value(server, database, "select status from marts.pipeline_status") == "OK"
    assert value(server, database, "select count(*) from marts.fct_issues") == 400
    assert value(server, database, "select to_regnamespace('marts_next') is null")


def test_nobody_is_named_anywhere_in_the_database(
    server: PostgresServer, youtrack: Server, published: tuple[str, dict[str, str]]
) -> None:
    connection = server.connect(published[0])
    with connection.cursor() as cursor:
        cursor.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_schema not in ('pg_catalog', 'information_schema')"
        )
        tables = cursor.fetchall()
        text = ""
        for schema, table in tables:
            cursor.execute(f'select string_agg(t::text, chr(10)) from {schema}."{table}" as t')
            text += cursor.fetchone()[0] or ""
    connection.close()
    assert {"raw", "staging", "intermediate", "marts", "ops"} <= {schema for schema, _ in tables}
    people = youtrack.tracker.users
    assert any(person.login in text for person in people)
    assert [p.full_name for p in people if p.full_name in text] == []
    assert [p.email for p in people if p.email and p.email in text] == []


@pytest.mark.parametrize(
    ("option", "found"),
    [
        ("--sweep", "kind = 'sweep' and not counts ? 'accepted_missing'"),
        ("--accept-missing", "kind = 'sweep' and counts ? 'accepted_missing'"),
    ],
)
def test_a_sweep_asked_for_on_the_command_line_is_recorded(
    server: PostgresServer,
    project: Project,
    published: tuple[str, dict[str, str]],
    option: str,
    found: str,
) -> None:
    database, environment = published
    last = f"select {found} from raw.extract_runs order by finished_at desc limit 1"
    assert not value(server, database, last)
    completed = project.run("load", option, environment=environment)
    assert completed.returncode == 0, completed.stderr[-2000:]
    assert value(server, database, last)


def test_the_demo_runs_with_nothing_configured_and_says_so(
    project: Project, demo_run: subprocess.CompletedProcess[str]
) -> None:
    assert demo_run.returncode == 0, demo_run.stderr[-3000:]
    assert demo_run.stderr.startswith("This is simulated data")
    assert demo_run.stdout.rstrip().splitlines()[-1].startswith("OK in ")
    assert "Lead-time spectrum" in demo_run.stdout
    assert "Last closed sprint of each team" in demo_run.stdout
    answer = subprocess.run(
        ["make", "-s", "psql", 'SQL=select 1 as "o\'ne"'],
        cwd=project.root,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.stdout, answer.stderr) == ("1\n", "")
    status = project.run("status")
    assert status.returncode == 0
    assert status.stdout.startswith("OK\n")


def differences(connection, seeds: Path) -> list[str]:
    """Where the published marts differ from the reference at the same moment."""
    with connection.cursor() as cursor:
        cursor.execute("select max(as_of) from ops.pipeline_runs where status = 'OK'")
        as_of = cursor.fetchone()[0]
    definitions = Definitions.from_vars({}, read_seeds(seeds))
    wanted, actual = compute(read_raw(connection), definitions, as_of), read_marts(connection)
    for mart in KEYS:
        assert actual[mart], f"{mart} is empty: there is nothing to compare"
    return [
        f"{mart}: {difference}"
        for mart, key in KEYS.items()
        for difference in compare(wanted[mart], actual[mart], key)
    ]


def test_the_demo_companys_marts_equal_the_reference(
    project: Project, demo_run: subprocess.CompletedProcess[str]
) -> None:
    assert demo_run.returncode == 0
    socket = embedded.start(project.root / ".local" / "postgres")
    connection = PostgresServer(str(socket)).connect("leadtime_demo")
    try:
        assert differences(connection, project.root / "dbt_project" / "seeds") == []
    finally:
        connection.close()


SECRET = "perm:c2VjcmV0.token-that-must-not-be-seen"

BAD_INPUT = {
    "no address while a database is given": (
        {"YOUTRACK_URL": ""},
        78,
        r"YOUTRACK_URL is missing",
    ),
    "no token": ({"YOUTRACK_TOKEN": ""}, 78, r"YOUTRACK_TOKEN is missing"),
    "an address without scheme": (
        {"YOUTRACK_URL": "youtrack.example.com"},
        78,
        r"YOUTRACK_URL: an address starts with https://",
    ),
    "a wrong token": ({"YOUTRACK_TOKEN": SECRET}, 3, r"YOUTRACK_TOKEN"),
    "a project that does not exist": (
        {"YOUTRACK_PROJECTS": "NOSUCH"},
        78,
        r"YOUTRACK_PROJECTS.*NOSUCH",
    ),
    "a language that the page does not speak": ({"LOCALE": "de"}, 78, r"LOCALE is one of en, ru"),
    "a number that is none": (
        {"YOUTRACK_PARALLEL_REQUESTS": "many"},
        78,
        r"YOUTRACK_PARALLEL_REQUESTS",
    ),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_named_recorded_and_loses_nothing(
    case: str,
    server: PostgresServer,
    project: Project,
    youtrack: Server,
    published: tuple[str, dict[str, str]],
) -> None:
    changes, code, message = BAD_INPUT[case]
    database, environment = published
    before = fingerprint(server, database)
    changed = {name: text.replace("{url}", youtrack.url) for name, text in changes.items()}
    completed = project.run("run", environment={**environment, **changed})
    assert completed.returncode == code, completed.stderr[-2000:]
    assert re.search(message, completed.stderr), completed.stderr[-2000:]
    assert "Traceback" not in completed.stderr
    assert value(server, database, LAST_RUN.format("status")) == "NOK"
    assert re.search(message, value(server, database, LAST_RUN.format("error")))
    assert value(server, database, "select status from marts.pipeline_status") == "NOK"
    assert fingerprint(server, database) == before
    assert_secret_is_nowhere(SECRET, completed, server, database, project)


def assert_secret_is_nowhere(
    secret: str,
    completed: subprocess.CompletedProcess[str],
    server: PostgresServer,
    database: str,
    project: Project,
) -> None:
    """Not printed, not recorded, not in any file that the run wrote."""
    assert secret not in completed.stdout + completed.stderr
    log = value(server, database, LAST_RUN.format("coalesce(log, '') || coalesce(error, '')"))
    assert secret not in log
    folders = [project.root / name for name in (".local/dlt", ".local/dbt", "logs")]
    written = [
        path
        for folder in (*folders, server.targets / database)
        for path in folder.rglob("*")
        if path.is_file()
    ]
    assert written
    for path in written:
        assert secret.encode() not in path.read_bytes(), path


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs Linux")
@pytest.mark.parametrize("fails", [False, True], ids=["succeeding", "failing"])
def test_no_process_and_no_file_shows_the_token_or_the_password(
    fails: bool, server: PostgresServer, project: Project, youtrack: Server, database: str
) -> None:
    # that of this test alone: the commands of others that run now may show theirs
    token, password = "perm:shown.Nowhere.token", "correct-horse-battery-staple"
    require_password(server, "with_secrets", password, rights="superuser")
    # the build fails, after everything was loaded
    arguments = ["--vars", "{team_field: Squad}"] if fails else []
    seen: set[bytes] = set()
    with start(youtrack.tracker, token=token) as source:
        given = clean_environment({
            **server.environment(database),
            **source_environment(source),
            "PGUSER": "with_secrets",
            "PGPASSWORD": password,
        })  # fmt: skip
        with project.reading(("run", *arguments), given), ThreadPoolExecutor(1) as pool:
            process = subprocess.Popen(
                [sys.executable, "-m", "pipeline", "run", *arguments],
                cwd=project.root,
                env=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            said = pool.submit(process.communicate)
            while not said.done():
                seen |= command_lines()
                time.sleep(0.02)
    assert process.returncode == (1 if fails else 0)
    assert any(b"pipeline\0run" in line for line in seen)
    for secret in (token, password):
        assert not any(secret.encode() in line for line in seen)
        completed = subprocess.CompletedProcess([], process.returncode, said.result()[0], "")
        assert_secret_is_nowhere(secret, completed, server, database, project)


def command_lines() -> set[bytes]:
    """What `ps` shows of every process."""
    lines = set()
    for process in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{process}/cmdline", "rb") as file:
            lines.add(file.read())
    return lines


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("{url}/hub/somewhere", r"YOUTRACK_URL", id="a path with an HTML page"),
        pytest.param("http://127.0.0.1:9", r"127\.0\.0\.1:9", id="a host that does not answer"),
    ],
)
def test_an_address_without_an_api_behind_it_is_named(
    url: str,
    message: str,
    server: PostgresServer,
    project: Project,
    youtrack: Server,
    database: str,
) -> None:
    environment = {
        **server.environment(database),
        **source_environment(youtrack),
        "YOUTRACK_URL": url.format(url=youtrack.url),
    }
    completed = project.run("run", environment=environment)
    assert completed.returncode == 3, completed.stderr[-2000:]
    assert re.search(message, completed.stderr)
    assert value(server, database, LAST_RUN.format("status")) == "NOK"


def test_a_guest_is_refused(
    server: PostgresServer,
    project: Project,
    youtrack: Server,
    published: tuple[str, dict[str, str]],
) -> None:
    _, environment = published
    youtrack.is_guest = True
    try:
        completed = project.run("run", environment=environment)
    finally:
        youtrack.is_guest = False
    assert completed.returncode == 78
    assert re.search(r"guest", completed.stderr)


def test_another_youtrack_over_existing_data_is_refused(
    server: PostgresServer,
    project: Project,
    youtrack: Server,
    published: tuple[str, dict[str, str]],
) -> None:
    database, environment = published
    before = fingerprint(server, database)
    loaded = value(server, database, "select max(loaded_at) from raw.issues")
    # on the same host, and with ids that are ours, too
    with start(Company(issues=400, seed=4, today="2026-06-17")) as other:
        completed = project.run("run", environment={**environment, **source_environment(other)})
    assert completed.returncode == 78, completed.stderr[-2000:]
    assert re.search(r"YOUTRACK_URL", completed.stderr)
    assert fingerprint(server, database) == before
    assert value(server, database, "select max(loaded_at) from raw.issues") == loaded


def test_a_field_name_that_somebody_set_and_no_project_has_stops_the_build(
    server: PostgresServer, project: Project, published: tuple[str, dict[str, str]]
) -> None:
    database, environment = published
    before = fingerprint(server, database)
    completed = project.run("build", "--vars", "{team_field: Squad}", environment=environment)
    assert completed.returncode == 1
    assert re.search(r"Squad.*Team", completed.stderr), completed.stderr[-2000:]
    assert value(server, database, "select status from marts.pipeline_status") == "NOK"
    assert fingerprint(server, database) == before


def test_a_slip_in_a_seed_is_named_with_its_line(
    project: Project, server: PostgresServer, database: str
) -> None:
    seed = project.root / "dbt_project" / "seeds" / "state_categories.csv"
    before = seed.read_text(encoding="utf-8")
    seed.write_text(f"{before}Parked,wating\nopen,todo\n", encoding="utf-8")
    try:
        environment = server.environment(database)
        completed = project.run("build", "--vars", FROZEN, environment=environment)
    finally:
        seed.write_text(before, encoding="utf-8")
    assert completed.returncode == 78
    line = before.count("\n") + 1
    assert (
        f"dbt_project/seeds/state_categories.csv, line {line}: category is one of todo, "
        'in_progress, waiting, done, cancelled, not "wating"; waiting is meant?; '
        f'line {line + 1}: state names "open" again, after line '
    ) in completed.stderr


def test_vars_that_are_no_mapping_are_a_usage_error(project: Project) -> None:
    completed = project.run("build", "--vars", "just words")
    assert completed.returncode == 2
    assert "VARS" in completed.stderr


def test_a_second_run_leaves_at_once_with_its_own_code(
    server: PostgresServer, project: Project, published: tuple[str, dict[str, str]]
) -> None:
    database, environment = published
    runs = value(server, database, "select count(*) from ops.pipeline_runs")
    holder = server.connect(database)
    with holder.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (LOCK_KEY,))
    completed = project.run("run", environment=environment)
    holder.close()
    assert completed.returncode == 75
    assert value(server, database, "select count(*) from ops.pipeline_runs") == runs


def test_of_two_runs_at_once_one_works_and_one_leaves(
    server: PostgresServer, project: Project, youtrack: Server, database: str
) -> None:
    environment = {**server.environment(database), **source_environment(youtrack)}
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(Project(project.root).run, "load", environment=environment)
            for _ in range(2)
        ]
    assert sorted(run.result().returncode for run in runs) == [0, 75]
    assert value(server, database, "select count(*) from ops.pipeline_runs") == 1
    assert value(server, database, LAST_RUN.format("status")) == "OK"


def test_a_database_that_is_down_is_named(project: Project, youtrack: Server) -> None:
    environment = {"PGHOST": "127.0.0.1", "PGPORT": "9", **source_environment(youtrack)}
    completed = project.run("run", environment=environment)
    assert completed.returncode == 4
    assert re.search(r"PGHOST and PGPORT", completed.stderr)


def test_a_refused_password_is_named_and_not_shown(
    server: PostgresServer, project: Project, youtrack: Server, database: str
) -> None:
    require_password(server, "with_password", "right")
    environment = {
        **server.environment(database),
        **source_environment(youtrack),
        "PGUSER": "with_password",
        "PGPASSWORD": "wr0ng-Pa55word",
    }
    completed = project.run("run", environment=environment)
    assert completed.returncode == 4
    assert re.search(r"PGUSER and PGPASSWORD", completed.stderr)
    assert "wr0ng-Pa55word" not in completed.stdout + completed.stderr


def require_password(server: PostgresServer, role: str, password: str, *, rights: str = "") -> None:
    """Make the test server ask this role, and no other, for a password."""
    connection = server.connect()
    with connection.cursor() as cursor:
        cursor.execute(f"drop role if exists {role}")
        cursor.execute(f"create role {role} login {rights} password '{password}'")
        cursor.execute("show hba_file")
        hba = Path(cursor.fetchone()[0])
        rules = hba.read_text()
        rule = f"local all {role} scram-sha-256\n"
        if rule not in rules:
            hba.write_text(rule + rules)
        cursor.execute("select pg_reload_conf()")
    connection.close()


def test_a_role_that_may_not_create_schemas_is_told_what_to_ask_for(
    server: PostgresServer, project: Project, youtrack: Server, database: str
) -> None:
    connection = server.connect()
    with connection.cursor() as cursor:
        cursor.execute("drop role if exists without_rights")
        cursor.execute("create role without_rights login")
    connection.close()
    environment = {
        **server.environment(database),
        **source_environment(youtrack),
        "PGUSER": "without_rights",
    }
    completed = project.run("run", environment=environment)
    assert completed.returncode == 4
    assert f'grant create on database "{database}" to "without_rights"' in completed.stderr


def test_schemas_of_another_role_are_named_before_anything_is_written(
    server: PostgresServer, project: Project, youtrack: Server, database: str
) -> None:
    connection = server.connect(database)
    with connection.cursor() as cursor:
        cursor.execute("drop role if exists stranger")
        cursor.execute("create role stranger login")
        cursor.execute(f"grant create on database {database} to stranger")
        cursor.execute("create schema ops")
    environment = {
        **server.environment(database),
        **source_environment(youtrack),
        "PGUSER": "stranger",
    }
    completed = project.run("run", environment=environment)
    assert completed.returncode == 4
    assert "belong to another role: ops. " in completed.stderr
    assert value(server, database, "select to_regnamespace('raw') is null")
    with connection.cursor() as cursor:
        cursor.execute("drop owned by stranger")
        cursor.execute("drop role stranger")
    connection.close()


def test_the_sql_for_the_administrator_is_printed_where_roles_may_not_be_created(
    server: PostgresServer, project: Project, youtrack: Server, database: str
) -> None:
    connection = server.connect(database)
    with connection.cursor() as cursor:
        cursor.execute("drop role if exists without_createrole")
        cursor.execute("create role without_createrole login")
        cursor.execute(f"grant create on database {database} to without_createrole")
    environment = {
        **server.environment(database),
        **source_environment(youtrack),
        "PGUSER": "without_createrole",
    }
    variables = FROZEN.replace("}", ", reader_role: reader_to_come}")
    completed = project.run("run", "--vars", variables, environment=environment)
    with connection.cursor() as cursor:
        cursor.execute("drop owned by without_createrole")
        cursor.execute("drop role without_createrole")
    connection.close()
    assert completed.returncode == 0, completed.stderr
    (warning,) = (line for line in completed.stderr.splitlines() if "administrator" in line)
    assert warning.startswith("warning: ")
    assert 'create role "reader_to_come" login; alter role "reader_to_come" in database' in warning


def test_a_run_that_was_killed_reads_nok(
    server: PostgresServer, project: Project, published: tuple[str, dict[str, str]]
) -> None:
    database, environment = published
    query = "select status = 'RUNNING' from marts.pipeline_status"
    with project.running("build", environment=environment) as run:
        while not value(server, database, query):
            assert not run.done()
        project.kill()
        assert run.result().returncode == -signal.SIGKILL
    status = "select status || ': ' || error from marts.pipeline_status"
    assert re.match(r"NOK: .*died", value(server, database, status))
    completed = project.run("build", "--vars", FROZEN, environment=environment)
    assert completed.returncode == 0
    assert value(server, database, "select status from marts.pipeline_status") == "OK"


def test_a_run_that_is_told_to_stop_in_a_model_leaves_nothing_at_work_in_the_database(
    server: PostgresServer, project: Project, published: tuple[str, dict[str, str]]
) -> None:
    database, environment = published
    others = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    asleep = f"select count(*) = 1 {others} and state = 'active' and query like '%pg_sleep(600)%'"
    model = project.root / "dbt_project" / "models" / "intermediate" / "int_sleeps.sql"
    model.write_text("{{ config(materialized='table') }}\nselect 1 as one from pg_sleep(600)\n")
    try:
        with project.running("build", "--vars", FROZEN, environment=environment) as run:
            while not value(server, database, asleep):
                assert not run.done(), run.result()
                time.sleep(0.05)
            os.kill(project.warm.pid, signal.SIGTERM)
            assert run.result().returncode == 143
    finally:
        model.unlink()
    # a session ends a moment after it is told to
    deadline = time.monotonic() + 10
    while value(server, database, f"select count(*) {others}"):
        assert time.monotonic() < deadline, value(server, database, f"select query {others}")
        time.sleep(0.05)
    assert value(server, database, "select status from marts.pipeline_status") == "NOK"
    completed = project.run("build", "--vars", FROZEN, environment=environment)
    assert completed.returncode == 0, completed.stderr[-2000:]


def test_the_time_limit_ends_the_run_as_nok_and_leaves_nothing_running(
    server: PostgresServer, project: Project, youtrack: Server, database: str, tmp_path: Path
) -> None:
    environment = {
        **server.environment(database),
        **source_environment(youtrack),
        "RUN_TIMEOUT_MINUTES": "0.02",
        "METRICS_FILE": str(tmp_path / "lead_time.prom"),
    }
    given = clean_environment(environment)
    with (
        project.reading(("run",), given),
        subprocess.Popen(
            [sys.executable, "-m", "pipeline", "run"],
            cwd=project.root,
            env=given,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        _, said = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "RUN_TIMEOUT_MINUTES" in said
    assert "\nlead_time_run_ok 0\n" in (tmp_path / "lead_time.prom").read_text()
    assert "resource_tracker" not in said
    assert "RUN_TIMEOUT_MINUTES" in value(server, database, LAST_RUN.format("error"))
    left = subprocess.run(
        ["ps", "-s", str(process.pid), "-o", "stat=,args="],
        capture_output=True,
        text=True,
        check=False,
    )
    # what is dead and only waits to be counted does not run, nor what has given its memory back
    ended = re.compile(r"Z|\S+ +\[.*\]$")
    assert [line for line in left.stdout.splitlines() if not ended.match(line)] == []
    sessions = "select count(*) from pg_stat_activity where application_name like 'lead-time %'"
    assert value(server, database, sessions) == 0


def test_a_rebuild_keeps_the_readers_rights_hung_views_and_open_queries(
    server: PostgresServer, project: Project, published: tuple[str, dict[str, str]]
) -> None:
    database, environment = published
    reader = "datalens_reader"
    dashboard = server.connect(database, reader)
    dashboard.autocommit = False
    with closing(server.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("create schema analyst")
        cursor.execute("create view analyst.done as select count(*) as n from marts.fct_issues")
        cursor.execute("select oid from pg_class where oid = 'marts.fct_issues'::regclass")
        before = cursor.fetchone()
        with dashboard.cursor() as open_query:
            # holds its lock until the end
            open_query.execute("select count(*) from marts.fct_issues")
            completed = project.run("build", "--vars", FROZEN, environment=environment)
            open_query.execute("select 1")
        dashboard.close()
        assert completed.returncode == 0, completed.stderr[-2000:]
        assert "the view analyst.done, which reads a mart, was kept" in completed.stderr
        cursor.execute("select oid from pg_class where oid = 'marts.fct_issues'::regclass")
        assert cursor.fetchone() != before, "the marts are new ones"
        cursor.execute("select n from analyst.done")
        assert cursor.fetchone() == (400,)
        cursor.execute("drop schema analyst cascade")
        # what the next run does first: the retired marts, which nobody reads any more, go
        publish.prepare(connection)
    for mart in (*MARTS, "pipeline_status"):
        assert value(server, database, f"select count(*) from marts.{mart}", reader) is not None


def test_the_reader_reads_the_marts_and_reaches_nothing_else(
    server: PostgresServer, published: tuple[str, dict[str, str]]
) -> None:
    database, _ = published
    reader = "datalens_reader"
    for mart in (*MARTS, "pipeline_status"):
        assert value(server, database, f"select count(*) from marts.{mart}", reader) is not None
    query = """
        select string_agg(distinct table_schema, ',')
        from information_schema.role_table_grants
        where grantee = 'datalens_reader'
    """
    assert value(server, database, query) == "marts"
    for forbidden in (
        "select 1 from raw.issues",
        "select 1 from ops.pipeline_runs",
        "select 1 from staging.stg_youtrack__issues",
        "create table marts.mine (id int)",
        "create schema mine",
    ):
        with pytest.raises((psycopg2.errors.InsufficientPrivilege,
                            psycopg2.errors.ReadOnlySqlTransaction)):  # fmt: skip
            value(server, database, forbidden, reader)
    assert value(server, database, "show timezone", reader) == "UTC"
    assert value(server, database, "show default_transaction_read_only", reader) == "on"
    assert value(server, database, "show statement_timeout", reader) not in ("0", None)


def test_other_schemas_of_an_existing_database_are_not_touched(
    server: PostgresServer, published: tuple[str, dict[str, str]]
) -> None:
    database, _ = published
    query = """
        select string_agg(nspname, ',' order by nspname)
        from pg_namespace
        where nspname !~ '^pg_' and nspname <> 'information_schema'
    """
    ours = "intermediate,marts,ops,public,raw,raw_staging,seeds,staging"
    assert set(value(server, database, query).split(",")) <= set(ours.split(","))
    in_public = "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
    assert value(server, database, in_public) == 0


def test_env_file_that_is_a_folder_is_not_taken_for_nothing_configured(project: Project) -> None:
    # docker makes such a folder where it is told to mount a file that is missing
    folder = project.root / ".env"
    folder.mkdir()
    completed = project.run("run")
    folder.rmdir()
    assert completed.returncode == 78
    assert ".env cannot be read as UTF-8 text" in completed.stderr


MISSPELT = {
    "PGHOTS=db.example": "PGHOTS is no setting; PGHOST is meant?",
    "YOUTRACK_PROJECT=APP": "YOUTRACK_PROJECT is no setting; YOUTRACK_PROJECTS is meant?",
    "export REPORT_DETAIL=true": "REPORT_DETAIL is no setting; REPORT_DETAILS is meant?",
    "pgdatabase=metrics": "pgdatabase is no setting; PGDATABASE is meant?",
    "YOUTRACK_API=https://db.example": "YOUTRACK_API is no setting",
}


def test_a_misspelt_setting_in_the_env_file_is_named_before_anything_is_read(
    project: Project, youtrack: Server
) -> None:
    env_file = project.root / ".env"
    others = "TZ=Europe/Moscow\nhttps_proxy=\nLC_ALL=C\nPGADMIN_PORT=1\nRUN_TIMEOUT_MINUTES=9\n"
    env_file.write_text(others + "\n".join(MISSPELT))
    env_file.chmod(0o600)
    asked = youtrack.stats.requests
    try:
        completed = project.run("run", environment=source_environment(youtrack))
        doctor = project.run("doctor")
        env_file.write_text(others)
        # an environment that is not ours alone: told, no reason to stop
        pairs = (line.removeprefix("export ").split("=", 1) for line in MISSPELT)
        ended = project.run("build", environment={**dict(pairs), "RUN_TIMEOUT_MINUTES": "never"})
    finally:
        env_file.unlink()
    assert completed.returncode == doctor.returncode == 78
    assert youtrack.stats.requests == asked
    (said,) = re.findall(r"\.env: (.*)", completed.stderr)
    for told in MISSPELT.values():
        assert told in said
        assert told in doctor.stdout
        assert f"warning: {told}, and has no effect" in ended.stderr


def test_env_file_that_others_can_read_draws_a_warning(project: Project, youtrack: Server) -> None:
    env_file = project.root / ".env"
    env_file.write_text("PGHOST=127.0.0.1\nPGPORT='9' # quoted, with a comment\n")
    env_file.chmod(0o644)
    try:
        completed = project.run("run", environment=source_environment(youtrack))
    finally:
        env_file.unlink()
    assert completed.returncode == 4
    assert "chmod 600 .env" in completed.stderr
    assert "port 9" in completed.stderr


def test_variables_without_a_server_are_named_as_ignored(project: Project) -> None:
    # ends before anything is built
    environment = {"PGUSER": "someone", "PGDATABASE": "elsewhere", "RUN_TIMEOUT_MINUTES": "never"}
    completed = project.run("build", environment=environment)
    assert "PGUSER is ignored" in completed.stderr
    assert "PGDATABASE is ignored" in completed.stderr


def test_a_locale_without_utf8_is_told_and_the_plain_one_is_fine(project: Project) -> None:
    strict = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    cold = Project(project.root)
    refused = cold.run("status", environment=strict)
    assert refused.returncode == 78
    assert refused.stderr == "error: the locale is not one of UTF-8: set LC_ALL=C.UTF-8\n"
    plain = cold.run("status", environment={"LC_ALL": "C", "PYTHONUTF8": ""})
    assert "locale" not in plain.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_nothing_of_the_run_is_world_readable(project: Project) -> None:
    assert (project.root / ".local" / "postgres").stat().st_mode & 0o077 == 0
