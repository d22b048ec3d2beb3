"""Somebody's PostgreSQL: what a run refuses before anything is read, and what it is proof against.

Real servers: the suite's own PostgreSQL, with PgBouncer of the system's packages before it.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import psycopg2
import pytest
from conftest import FROZEN, PostgresServer, Project, fresh_database, source_environment

from demo.youtrack.server import Server
from pipeline import server as fitness

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def execute(server: PostgresServer, database: str, *statements: str) -> list[tuple]:
    """Run statements one by one; returns the rows of the last."""
    with closing(server.connect(database)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def nothing_is_written(server: PostgresServer, database: str) -> bool:
    """Whether no schema of a run is there."""
    schemas = execute(
        server,
        database,
        "select nspname from pg_namespace "
        "where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')",
    )
    return schemas == []


@contextmanager
def pooled(server: PostgresServer, *settings: str, port: str = "6432") -> Iterator[PostgresServer]:
    """PgBouncer on a socket before the server, with lines of `pgbouncer.ini`."""
    folder = Path(tempfile.mkdtemp(prefix="pooler-"))
    # PgBouncer refuses to be root; the server's own user may enter its folder
    owner = Path(server.host, f".s.PGSQL.{server.port}").stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={server.host} port={server.port} user={server.user}\n"
        f"[pgbouncer]\nlisten_addr =\nlisten_port = {port}\nunix_socket_dir = {folder}\n"
        "auth_type = any\n" + "\n".join(settings)
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [PGBOUNCER, str(folder / "pgbouncer.ini")], user=owner.st_uid, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 20
        with socket.socket(socket.AF_UNIX) as listening:
            while listening.connect_ex(str(folder / f".s.PGSQL.{port}")):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, "PgBouncer does not start"
                time.sleep(0.05)
        yield PostgresServer(host=str(folder), port=port, user=server.user)
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not here")


@needs_pgbouncer
@pytest.mark.parametrize(
    "settings",
    [
        ("pool_mode = transaction",),
        (
            "pool_mode = transaction",
            "ignore_startup_parameters = extra_float_digits,options",
            "server_round_robin = 1",
        ),
        ("pool_mode = transaction", "default_pool_size = 1"),
        ("pool_mode = statement",),
    ],
    ids=["transactions", "options ignored", "one process", "statements"],
)
def test_a_pool_of_transactions_is_refused_at_once(
    server: PostgresServer,
    database: str,
    project: Project,
    youtrack: Server,
    settings: tuple[str, ...],
) -> None:
    asked = youtrack.stats.requests
    with pooled(server, *settings) as pooler:
        environment = {**pooler.environment(database), **source_environment(youtrack)}
        completed = project.run("run", environment=environment)
        assert youtrack.stats.requests == asked
        doctor = project.run("doctor", environment=environment)
    assert completed.returncode == doctor.returncode == 4, completed.stderr
    (line,) = (line for line in completed.stderr.splitlines() if line.startswith("error:"))
    told = "a connection pooler in transaction mode stands before PostgreSQL"
    assert told in line and "in session mode" in line
    assert told in doctor.stdout
    assert nothing_is_written(server, database)


@needs_pgbouncer
def test_a_run_through_a_pool_of_sessions_is_ok(
    server: PostgresServer, database: str, project: Project, youtrack: Server
) -> None:
    with pooled(
        server, "pool_mode = session", f"default_pool_size = {fitness.SESSIONS_OF_A_RUN}"
    ) as pooler:
        environment = {**pooler.environment(database), **source_environment(youtrack)}
        completed = project.run("run", "--vars", FROZEN, environment=environment)
    assert completed.returncode == 0, completed.stderr[-3000:]
    assert execute(server, database, "select count(*) from marts.fct_issues") == [(400,)]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_text_is_refused(
    server: PostgresServer, project: Project, youtrack: Server, encoding: str
) -> None:
    name = f"test_{uuid.uuid4().hex[:12]}"
    execute(
        server,
        "postgres",
        f"create database {name} encoding '{encoding}' locale 'C' template template0",
    )
    environment = {**server.environment(name), **source_environment(youtrack)}
    try:
        completed = project.run("run", environment=environment)
        doctor = project.run("doctor", environment=environment)
        assert nothing_is_written(server, name)
        # the statement that is given does what it says
        statement = completed.stderr[completed.stderr.index("create database ") :].splitlines()[0]
        execute(server, "postgres", statement)
        made = f"{name}_utf8"
        assert execute(server, made, "show server_encoding") == [("UTF8",)]
    finally:
        execute(server, "postgres", f"drop database {name}", f"drop database if exists {name}_utf8")
    assert completed.returncode == doctor.returncode == 4
    told = f'the encoding of the database "{name}" is {encoding} and must be UTF8'
    assert told in completed.stderr
    assert told in doctor.stdout


def test_a_publication_for_all_tables_is_named_before_anything_is_written(
    server: PostgresServer, database: str, project: Project, youtrack: Server
) -> None:
    execute(server, database, "create publication inserts for all tables with (publish = 'insert')")
    environment = {**server.environment(database), **source_environment(youtrack)}
    # whose inserts need no key
    assert project.run("doctor", environment=environment).returncode == 0
    execute(server, database, 'create publication "Everything" for all tables')
    completed = project.run("run", environment=environment)
    doctor = project.run("doctor", environment=environment)
    assert completed.returncode == doctor.returncode == 4
    told = "the publication Everything takes in the tables of a run"
    assert told in completed.stderr
    assert told in doctor.stdout
    assert nothing_is_written(server, database)


@pytest.fixture
def role(server: PostgresServer, database: str) -> Iterator[Callable[[str], dict[str, str]]]:
    """Makes a role that may do in the database what a run needs, set up as one says."""
    name = f"role_{uuid.uuid4().hex[:8]}"
    execute(
        server,
        database,
        f"create role {name} login",
        f'alter database "{database}" owner to {name}',
    )

    def set_up(*statements: str) -> dict[str, str]:
        execute(
            server, database, *(each.format(role=name, database=database) for each in statements)
        )
        return {**server.environment(database), "PGUSER": name}

    yield set_up
    execute(
        server,
        database,
        f"reassign owned by {name} to {server.user}",
        f"drop owned by {name}",
        f"drop role {name}",
    )


def test_time_outs_and_habits_of_a_role_do_not_end_a_run(
    server: PostgresServer,
    database: str,
    project: Project,
    youtrack: Server,
    role: Callable[..., dict[str, str]],
    published: tuple[str, dict[str, str]],
) -> None:
    habits = {
        # These stand for the minutes of a real server. A session is idle from its start until
        # it is set up, on a busy machine for a while; the lock's, without that, all through a run.
        "idle_session_timeout": "3s",
        "idle_in_transaction_session_timeout": "3s",
        "statement_timeout": "20ms",
        "lock_timeout": "1ms",
        "search_path": "nowhere",
        "TimeZone": "Asia/Tokyo",
        "client_encoding": "LATIN1",
        "DateStyle": "SQL, DMY",
        "IntervalStyle": "iso_8601",
        "bytea_output": "escape",
        "extra_float_digits": "-15",
    }
    environment = role(
        *(f"alter role {{role}} set {name} = '{text}'" for name, text in habits.items())
    )
    with pytest.raises(psycopg2.errors.QueryCanceled):
        execute(
            PostgresServer(server.host, user=environment["PGUSER"]), database, "select pg_sleep(1)"
        )
    environment |= {**source_environment(youtrack), "PGCLIENTENCODING": "SQL_ASCII"}
    completed = project.run("run", "--vars", FROZEN, environment=environment)
    assert completed.returncode == 0, completed.stderr[-3000:]
    for mart in ("fct_issues", "fct_sprint_issues", "agg_lead_time_percentiles"):
        query = f"select md5(string_agg(m::text, ',' order by m::text)) from marts.{mart} as m"
        assert execute(server, database, query) == execute(server, published[0], query)


@pytest.mark.parametrize(
    ("asked", "memory", "host", "of_role", "work_mem"),
    [
        ("200MB", 8192, None, "64MB", "200MB"),
        ("32MB", 8192, None, "64MB", "32MB"),
        ("", 8192, None, "4MB", "128MB"),
        ("", 512, None, "4MB", "16MB"),
        ("", 65536, None, "4MB", "256MB"),
        ("", 512, None, "64MB", "64MB"),
        ("", 8192, "db.example.org", "4MB", "4MB"),
        ("32MB", 8192, "db.example.org", "4MB", "32MB"),
        # told by the settings, once there is a record
        ("a lot", 8192, None, "4MB", "128MB"),
    ],
)
def test_a_session_sorts_in_a_share_of_the_memory_or_in_what_is_asked(
    server: PostgresServer,
    database: str,
    role: Callable[..., dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    asked: str, memory: int, host: str | None, of_role: str, work_mem: str,
) -> None:  # fmt: skip
    environment = role(f"alter role {{role}} set work_mem = '{of_role}'")
    monkeypatch.setenv("BUILD_WORK_MEM", asked)
    monkeypatch.setattr(fitness, "memory_mb", lambda: memory)
    if host:
        monkeypatch.setattr(fitness._FitConnection, "info", SimpleNamespace(host=host))
    # what it replaces comes back after the test
    monkeypatch.setattr(psycopg2, "connect", psycopg2.connect)
    fitness.fit_sessions()
    user = environment["PGUSER"]
    fitted = psycopg2.connect(host=server.host, port=server.port, user=user, dbname=database)
    with closing(fitted), fitted.cursor() as cursor:
        cursor.execute("show work_mem")
        assert cursor.fetchone() == (work_mem,)


def test_dbts_sessions_are_kept_for_each_other_while_a_command_runs(
    server: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psycopg2, "connect", psycopg2.connect)
    fitness.fit_sessions()

    def session(name: str = "dbt"):
        return psycopg2.connect(
            host=server.host, port=server.port, user=server.user, dbname=database,
            application_name=name,
        )  # fmt: skip

    def standing(name: str) -> set[int]:
        query = f"select pid from pg_stat_activity where application_name = '{name}'"
        return {pid for (pid,) in execute(server, database, query)}

    def come_to(name: str, *connections: psycopg2.extensions.connection) -> None:
        """PostgreSQL sees the end of a session a moment later."""
        wanted, deadline = {one.info.backend_pid for one in connections}, time.monotonic() + 10
        while standing(name) != wanted:
            assert time.monotonic() < deadline, (standing(name), wanted)
            time.sleep(0.02)

    with fitness.kept_sessions():
        first = session()
        with first.cursor() as cursor:
            cursor.execute("create table left_open (x int)")
        first.close()
        # what it had not committed is gone
        assert execute(server, database, "select to_regclass('left_open')") == [(None,)]
        again, other = session(), session()
        assert again is first and other is not first
        ended = other.info.backend_pid
        other.close()
        # one that was ended meanwhile is not handed out, nor in the way
        execute(server, database, f"select pg_terminate_backend({ended})")
        with first.cursor() as cursor:
            cursor.execute("set enable_hashjoin = off; create temp table own (x int)")
            cursor.execute("select pg_advisory_lock(5)")
        first.commit()
        first.close()
        third, fourth = session(), session()
        assert first in (third, fourth) and other not in (third, fourth)
        with first.cursor() as cursor:
            cursor.execute("show enable_hashjoin")
            assert cursor.fetchone() == ("on",)
            cursor.execute("show statement_timeout")
            assert cursor.fetchone() == ("0",)
            cursor.execute("select to_regclass('own')")
            assert cursor.fetchone() == (None,)
            cursor.execute("select count(*) from pg_locks where locktype = 'advisory'")
            assert cursor.fetchone() == (0,)
        session("ours").close()
        come_to("ours")
        third.close()
        come_to("dbt", third, fourth)
    # one that is in use ends with its user
    come_to("dbt", fourth)
    fourth.close()
    come_to("dbt")


def test_the_memory_of_a_container_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = fitness.memory_mb()
    assert whole > 64
    (tmp_path / "none").write_text("max\n")
    (tmp_path / "limit").write_text(f"{64 << 20}\n")
    limits = (tmp_path / "missing", tmp_path / "none", tmp_path / "limit")
    monkeypatch.setattr(fitness, "_CONTAINER_LIMITS", limits[:2])
    assert fitness.memory_mb() >= whole
    monkeypatch.setattr(fitness, "_CONTAINER_LIMITS", limits)
    assert fitness.memory_mb() == 64


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "alter role {role} set default_transaction_read_only = on",
            'the sessions of the role "{role}" are read-only',
        ),
        ("alter role {role} connection limit 3", "a run needs 8 sessions, and 3 are allowed"),
        (
            'alter database "{database}" connection limit 5',
            "a run needs 8 sessions, and 5 are allowed",
        ),
    ],
    ids=["read-only", "limit of the role", "limit of the database"],
)
def test_what_the_server_does_not_allow_is_named_with_its_mend(
    server: PostgresServer,
    database: str,
    project: Project,
    youtrack: Server,
    role: Callable[..., dict[str, str]],
    statement: str,
    told: str,
) -> None:
    environment = {**role(statement), **source_environment(youtrack)}
    completed = project.run("run", environment=environment)
    doctor = project.run("doctor", environment=environment)
    assert completed.returncode == doctor.returncode == 4
    told = told.format(role=environment["PGUSER"])
    assert told in completed.stderr
    assert told in doctor.stdout
    assert nothing_is_written(server, database)
    # what is asked for mends it
    mend = completed.stderr[completed.stderr.rindex("alter ") :].splitlines()[0]
    execute(server, database, mend)
    assert project.run("doctor", environment=environment).returncode == 0


def test_the_reader_may_connect_where_nobody_else_may(
    server: PostgresServer, database: str, project: Project, youtrack: Server
) -> None:
    reader = f"reader_{uuid.uuid4().hex[:8]}"
    execute(
        server,
        database,
        f"create role {reader} nologin",
        f'revoke all on database "{database}" from public',
    )
    definitions = project.root / "dbt_project.yml"
    kept = definitions.read_text()
    definitions.write_text(kept.replace("datalens_reader", reader))
    environment = {**server.environment(database), **source_environment(youtrack)}
    try:
        before = project.run("doctor", environment=environment)
        assert f"! the reader's role {reader} may not log in" in before.stdout
        execute(server, database, f"alter role {reader} login")
        before = project.run("doctor", environment=environment)
        assert f"! the reader's role {reader} may not connect to this database" in before.stdout
        completed = project.run("run", environment=environment)
        assert completed.returncode == 0, completed.stderr[-3000:]
        as_reader = PostgresServer(server.host, user=reader)
        assert execute(as_reader, database, "select count(*) from marts.fct_issues") == [(400,)]
        after = project.run("doctor", environment=environment)
        assert f"✓ the reader's role {reader} exists and may connect" in after.stdout
    finally:
        definitions.write_text(kept)
        for other in (database, "postgres"):
            execute(server, other, f"drop owned by {reader}")
        execute(server, database, f"drop role {reader}")


def test_the_owner_is_asked_where_the_run_may_not_let_the_reader_connect(
    server: PostgresServer, project: Project, youtrack: Server
) -> None:
    reader, runner = (f"{name}_{uuid.uuid4().hex[:8]}" for name in ("reader", "runner"))
    for name in fresh_database(server):
        execute(
            server,
            name,
            f"create role {reader} login",
            f"create role {runner} login",
            f'revoke all on database "{name}" from public',
            f'grant connect, create, temporary on database "{name}" to {runner}',
        )
        environment = {
            **server.environment(name), "PGUSER": runner, **source_environment(youtrack),
        }  # fmt: skip
        variables = f"{{reader_role: {reader}}}"
        completed = project.run("run", "--vars", variables, environment=environment)
        assert completed.returncode == 0, completed.stderr[-3000:]
        (warning,) = (line for line in completed.stderr.splitlines() if "administrator" in line)
        statement = f'grant connect on database "{name}" to "{reader}"'
        assert statement in warning
        execute(server, name, statement)
        as_reader = PostgresServer(server.host, user=reader)
        assert execute(as_reader, name, "select count(*) from marts.fct_issues") == [(400,)]
        for role_name in (reader, runner):
            execute(server, name, f"drop owned by {role_name} cascade", f"drop role {role_name}")


@needs_pgbouncer
@pytest.mark.parametrize(
    ("variables", "said", "advice"),
    [
        ({"PGSSLMODE": "require"}, "server does not support SSL", "look at PGSSLMODE"),
        ({"PGTZ": "Mars/North"}, 'invalid value for parameter "TimeZone"', "and PGDATESTYLE"),
        ({"PGOPTIONS": "-c nonsense=1"}, 'configuration parameter "nonsense"', "look at PGOPTIONS"),
    ],
)
def test_a_variable_of_libpq_that_keeps_a_run_out_is_named(
    server: PostgresServer,
    project: Project,
    database: str,
    youtrack: Server,
    variables: dict[str, str],
    said: str,
    advice: str,
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {**server.environment(database), **source_environment(youtrack), **variables}
    # TLS is asked for over TCP only, where the server does not listen but PgBouncer does
    with pooled(server, "pool_mode = session", "listen_addr = 127.0.0.1", port=port):
        if "PGSSLMODE" in variables:
            environment |= {"PGHOST": "127.0.0.1", "PGPORT": port}
        for completed in (project.run(each, environment=environment) for each in ("run", "doctor")):
            assert completed.returncode == 4
            (line,) = (
                line
                for line in (completed.stderr + completed.stdout).splitlines()
                if line.startswith(("error: PostgreSQL", "✗ PostgreSQL"))
            )
            assert said in line and advice in line and "PGHOST and PGPORT" not in line
