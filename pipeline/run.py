"""One run: lock, record, load, build, publish, summary, exit code.

What a run promises stands in docs/operations.md ("When a run fails"). The order is the promise: the
record before the first request, the tests before the publishing, the publishing last.
"""

import os
import secrets
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import psycopg2
from psycopg2.extras import Json

from extract.errors import (
    ConfigurationError,
    DatabaseError,
    DiskError,
    LockedError,
    RunError,
)
from extract.tracker import Configured, Load, LoadReport, Source
from pipeline import error_reports, publish, summary
from pipeline.alarm import Alarm
from pipeline.build import BuildError, BuildReport, Dbt, check_vars, definition, moment_of
from pipeline.console import RunConsole
from pipeline.contracts import public_marts
from pipeline.database import (
    NO_SPACE,
    Database,
    ensure_schemas,
    is_alive,
    loaded_monitorings,
    loaded_trackers,
    monitorings_of,
    open_database,
    refuse_without_rights,
    trackers_of,
)
from pipeline.figures import RunFigures
from pipeline.ownership import claim, made_tables, refuse_strangers_tables
from pipeline.record import RunRecord, holds_lock, take_lock
from pipeline.redaction import Redactor
from pipeline.seeds import check_seeds
from pipeline.server import fit_sessions, refuse_unfit
from pipeline.session import Session
from pipeline.settings import (
    PROJECT_ROOT,
    SECRETS,
    ClickHouseSettings,
    dbt_target,
    ignored_database_variables,
    load_environment,
    named_sources,
    named_trackers,
    nothing_is_configured,
    read_clickhouse,
    read_destinations,
    read_settings,
    source_problem,
)
from pipeline.simulated import forget_other_company, simulated_company
from report.settings import read_details, read_locale


@dataclass(frozen=True)
class RunOptions:
    """What the command line asks of a run."""

    extract: bool = True
    build: bool = True
    sweep: bool = False
    accept_missing: bool = False
    source_moved: bool = False
    dbt_vars: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Result:
    """What a run has done so far."""

    # by the tracker's name
    loads: dict[str, LoadReport] = field(default_factory=dict)
    build: BuildReport = field(default_factory=BuildReport)
    # None: not configured, or it has failed and is not asked again
    clickhouse: ClickHouseSettings | None = None

    def counts(self) -> str:
        issues = sum(load.issues_loaded for load in self.loads.values())
        activities = sum(load.activities_loaded for load in self.loads.values())
        events = sum(load.events_loaded for load in self.loads.values())
        of_monitorings = f", {events:,} events" if events else ""
        return (
            f"{issues:,} issues and {activities:,} changes{of_monitorings} loaded, "
            f"{self.build.models_built} models built, "
            f"{self.build.tests_failed} tests failed, {self.build.tests_warned} warned"
        )


def execute(options: RunOptions) -> int:
    """Do one run and return its exit code; every failure is told, recorded and contained.

    Raises UsageError, before anything is touched, for a var `as_of` that is no moment.
    """
    started_at = datetime.now(timezone.utc)
    as_of = moment_of(options.dbt_vars, started_at)
    started = time.monotonic()
    console = RunConsole(Redactor())
    alarm = figures = None
    result = _Result()
    is_demo, session = False, None
    code, error = 0, None
    # what is opened last is closed first: the record outlives the work, the lock the record
    with console, ExitStack() as stack:
        try:
            is_demo = _prepare_environment(console)
            # read here, unchecked: a mistake in the settings is worth an alarm, too
            hook = os.environ.get("RUN_ALERT_WEBHOOK_URL")
            alarm = Alarm(hook, PROJECT_ROOT / ".local" / "alarm.json", console.redact)
            figures = RunFigures(read_destinations())
            if is_demo and options.extract:
                _say_simulated(console)
            # a malformed DSN is told once the settings are read and the end can be recorded
            with suppress(ValueError):
                error_reports.start(os.environ.get("SENTRY_DSN"), console.redact)
            session = stack.enter_context(
                _session(console, alarm, figures, as_of, started_at, is_demo)
            )
            with session.stoppable():
                _work(session, options, as_of, result)
        except LockedError as locked:
            console.say(str(locked), style="yellow")
            return locked.exit_code
        except RunError as failure:
            code, error = failure.exit_code, str(failure)
        except psycopg2.Error as failure:
            console.keep(traceback.format_exc())
            code = DatabaseError.exit_code
            error = f"the database failed: {' '.join(str(failure).split())}"
        except Exception as failure:  # whatever happens, the record says so
            console.keep(traceback.format_exc())
            code, disk = 1, DiskError.of(failure, "the folder of the run")
            error = str(disk or f"{type(failure).__name__}: {failure}")
        code, error, last_line = _end(console, session, options, result, started, code, error)
        if error:
            error_reports.report(console.redact(error))
        if figures:
            figures.run_ended(code)
        if alarm:
            alarm.run_ended(error, died_before=bool(session and session.died_before))
    if session and options.build:
        _write_page(console, session.database, is_demo)
    style = "bold red" if code else "bold green"
    console.out.print(last_line, style=style, markup=False, soft_wrap=True)
    return code


def _prepare_environment(console: RunConsole) -> bool:
    """Read `.env`, make the secrets known, name what is ignored; returns whether it is the demo."""
    for warning in load_environment():
        console.warn(warning)
    console.redact.add(*(os.environ.get(name) for name in SECRETS))
    for name in ignored_database_variables():
        console.warn(f"{name} is ignored: no PGHOST, PGHOSTADDR or PGSERVICE says which server")
    return nothing_is_configured()


def _say_simulated(console: RunConsole) -> None:
    console.say(
        "This is simulated data: nothing is configured, so a made-up company is loaded "
        '(README, "The first run").',
        style="bold magenta",
    )


@contextmanager
def _session(
    console: RunConsole,
    alarm: Alarm,
    figures: RunFigures,
    as_of: datetime,
    started_at: datetime,
    is_demo: bool,
) -> Iterator[Session]:
    """Open the database, take the lock, write the record's first line."""
    # asked before dbt's variables name the embedded server's address
    problem = source_problem()
    run_id = f"{started_at:%Y%m%dt%H%M%S}_{secrets.token_hex(3)}"
    # every connection of this process carries the name, dbt's and dlt's too
    os.environ["PGAPPNAME"] = f"lead-time {run_id}"
    database = open_database(is_demo=is_demo)
    console.redact.add(database.password)
    fit_sessions()
    connection = database.connect()
    try:
        refuse_unfit(database, connection)
        refuse_without_rights(connection)
        take_lock(connection)
        with connection.cursor() as cursor:
            refuse_strangers_tables(cursor)
        trackers = trackers_of(connection, is_demo=is_demo)
        monitorings = monitorings_of(connection, is_demo=is_demo)
        sources = [*trackers, *monitorings]
        ensure_schemas(connection, [source.schema for source in sources])
        claim(connection, made_tables(sources))
        record = RunRecord(database.connect(), run_id, as_of)
        died_before = record.start(started_at)
        alarm.memory = record
        figures.last_ok_at = record.last_ok_at()
        if died_before:
            console.warn("the run before this one died without a word; it is recorded as NOK now")
        yield Session(
            database, connection, record, console, alarm, figures, trackers, monitorings,
            died_before, is_demo, problem,
        )  # fmt: skip
        record.connection.close()
    finally:
        connection.close()


def _work(session: Session, options: RunOptions, as_of: datetime, result: _Result) -> None:
    console, database = session.console, session.database
    check_vars(session.connection, options.dbt_vars, role=database.user)
    if options.build:
        check_seeds()
    with _company(session, options, as_of) as company:
        dbt = Dbt(
            database,
            options.dbt_vars,
            as_of=as_of,
            trackers=[tracker.name for tracker in session.trackers],
            monitorings=[monitoring.name for monitoring in _monitorings_built(session, options)],
            on_progress=console.progress,
        )
        has_status = _exists(session, "marts.pipeline_status")
        if options.build or not has_status:
            dbt.parse()
        if not has_status:
            dbt.build_status_view()
            publish.publish_status_view(session.connection, reader=_reader(options))
        # Only now: a mistake in the settings shows on the dashboard too.
        settings, of_sources = read_settings()
        result.clickhouse = read_clickhouse()
        # of the page, which the end of the run writes
        read_locale(), read_details()
        if session.source_problem and options.extract:
            raise ConfigurationError(session.source_problem)
        if not options.extract and not loaded_trackers(session.connection):
            raise ConfigurationError(
                "nothing is loaded yet, so there is nothing to build: make run"
            )
        is_demo, is_named = session.is_demo, bool(named_trackers())
        if options.build and not (is_demo or is_named or loaded_trackers(session.connection)):
            raise ConfigurationError(
                "no tracker is configured, and the marts are made of a tracker's issues: give one "
                "(README), or load the rest alone with: make extract"
            )
        console.set_level(settings.log_level)
        with session.limited_to(settings.run_timeout_minutes):
            if options.extract:
                with session.stage("extract"):
                    sources = company() if company else _configured(session, of_sources)
                    for source in sources:
                        with _told_which(source, is_one_of_several=len(sources) > 1):
                            _load(session, options, source, as_of, result)
            else:
                session.record.keep_data_as_of()
            if options.build:
                with session.stage("build"):
                    publish.prepare(session.connection)
                    _build(session, dbt, result)
                with session.stage("publish"):
                    _publish(session, options, result)
                    if result.clickhouse:
                        _publish_to_clickhouse(session, result)


@contextmanager
def _company(
    session: Session, options: RunOptions, as_of: datetime
) -> Iterator[Callable[[], list[Configured]] | None]:
    """The demo, which is made while dbt reads the project; None where a tracker is configured."""
    if not (session.is_demo and options.extract):
        yield None
        return
    with simulated_company(session.connection, as_of.date()) as company:
        yield company


def _monitorings_built(session: Session, options: RunOptions) -> list[Source]:
    """Those that raw will hold when the marts are built: without a load, those that it holds."""
    return session.monitorings if options.extract else loaded_monitorings(session.connection)


def _build(session: Session, dbt: Dbt, result: _Result) -> None:
    """Build and test; a build that failed because the database did is no fault of a model."""
    try:
        result.build = dbt.build(session.connection)
        session.figures.built(result.build)
    except BuildError as failure:
        if failure.report:
            result.build = failure.report
            session.figures.built(failure.report)
        told = [str(failure), *result.build.errors]
        # with a number it is Python's word: the disk of dbt's own folders
        full = next((each for each in told if NO_SPACE in each and "[Errno" not in each), None)
        if full or not is_alive(session.connection):
            raise DatabaseError(
                f"the database failed during the build: {full or told[0]}"
            ) from None
        raise


@contextmanager
def _told_which(source: Configured, *, is_one_of_several: bool) -> Iterator[None]:
    """Say of which source a fault is."""
    try:
        yield
    except RunError as error:
        if is_one_of_several:
            raise type(error)(f"{source.kind.title}: {error}") from error
        raise


def _load(
    session: Session, options: RunOptions, source: Configured, as_of: datetime, result: _Result
) -> None:
    """Bring one source's raw schema up to date, and record what that came to."""
    name = source.kind.name
    working_dir = PROJECT_ROOT / ".local" / "dlt" / session.database.name / name
    if source.identity and forget_other_company(session.connection, source, working_dir):
        session.console.say(
            f"the simulated {source.kind.title} of another day is dropped and loaded anew"
        )
    order = Load(
        dsn=session.database.url(),
        run_id=session.record.run_id,
        as_of=as_of,
        working_dir=working_dir,
        on_progress=session.console.progress,
        sweep=options.sweep or None,
        accept_missing=options.accept_missing,
        source_moved=options.source_moved,
        identity=source.identity,
    )
    with session.figures.step("source", name):
        report = source.kind.load(source.settings, order)
    session.figures.loaded(name, report)
    for warning in report.warnings:
        session.console.warn(warning)
    result.loads[name] = report
    loads = result.loads.values()
    session.record.update(
        issues_loaded=sum(load.issues_loaded for load in loads),
        activities_loaded=sum(load.activities_loaded for load in loads),
        # of the issues that the marts show: a monitoring's events are newer in any case
        data_as_of=max(
            (
                result.loads[each.name].data_as_of
                for each in session.trackers
                if each.name in result.loads and result.loads[each.name].data_as_of
            ),
            default=None,
        ),
        loads=Json({key: load.counts() for key, load in result.loads.items()}),
    )


def _configured(session: Session, settings: dict[str, Any]) -> list[Configured]:
    """The sources to load; one whose data are there and whose settings are not is told."""
    named, loaded = named_sources(), loaded_trackers(session.connection)
    for source in (*loaded, *session.monitorings):
        if source not in named:
            session.console.warn(
                f"{source.title} is not configured any more: what is loaded of it stays as it is"
            )
    return [Configured(source, settings[source.name]) for source in named]


def _publish(session: Session, options: RunOptions, result: _Result) -> None:
    if not holds_lock(session.connection):
        raise DatabaseError("the run's lock was lost before publishing; the marts stay as they are")
    with session.figures.step("publishing", "postgresql"):
        publish.publish(session.connection, reader=_reader(options), run_id=session.record.run_id)
    session.figures.published("postgresql", result.build.rows)


def _publish_to_clickhouse(session: Session, result: _Result) -> None:
    """Copy the marts that were just published; ClickHouse keeps what it has until all are there."""
    # imported here: most installations have no ClickHouse
    from pipeline import clickhouse

    settings, result.clickhouse = result.clickhouse, None
    marts = public_marts(dbt_target() / "manifest.json")
    session.console.progress("tables written to ClickHouse", 0, len(marts))
    try:
        with session.figures.step("publishing", "clickhouse"):
            rows = clickhouse.publish(settings, session.database, marts)
    except (RunError, psycopg2.Error) as error:
        reason = " ".join(str(error).split())
        kind = type(error) if isinstance(error, RunError) else DatabaseError
        raise kind(
            f"the marts are published in PostgreSQL, not in ClickHouse, which keeps those it had: "
            f"{reason}. The next run publishes them there"
        ) from None
    session.figures.published("clickhouse", rows)
    session.record.update(clickhouse_at=datetime.now(timezone.utc))
    session.console.progress("tables written to ClickHouse", len(marts), len(marts))
    result.clickhouse = settings


def _tell_clickhouse(session: Session, result: _Result) -> str | None:
    """Write how the run ended into ClickHouse's status; returns what kept it from there."""
    from pipeline import clickhouse

    try:
        marts = public_marts(dbt_target() / "manifest.json")
        status = [mart for mart in marts if mart.name == clickhouse.STATUS]
        clickhouse.publish(result.clickhouse, session.database, status, is_all=False)
    except (RunError, psycopg2.Error) as error:
        return f"ClickHouse was not told how the run ended: {' '.join(str(error).split())}"
    return None


def _reader(options: RunOptions) -> str:
    return definition("reader_role", options.dbt_vars, "datalens_reader")


def _end(
    console: RunConsole,
    session: Session | None,
    options: RunOptions,
    result: _Result,
    started: float,
    code: int,
    error: str | None,
) -> tuple[int, str | None, str]:
    """Tell and record the end; returns the exit code, the error and the last line."""
    for warning in result.build.warnings:
        console.warn(warning)
    # the first is the error itself
    for failed in result.build.errors[1:]:
        console.say(f"failed: {failed}", style="red")
    if error:
        error = console.redact(error)
        console.say(f"error: {error}", style="bold red")
    elapsed = time.monotonic() - started
    outcome = f"NOK after {elapsed:.0f} s" if error else f"OK in {elapsed:.0f} s"
    last_line = f"{outcome}: {result.counts()}"
    console.keep(last_line)
    if session:
        unrecorded = _record_end(session, result, error)
        if unrecorded:
            code = code or DatabaseError.exit_code
            unrecorded = f"the end of the run was not recorded: {unrecorded}"
            error, last_line = error or unrecorded, f"NOK: {unrecorded}"
        elif result.clickhouse and (untold := _tell_clickhouse(session, result)):
            console.warn(untold)
            if not error:
                code, error, last_line = DatabaseError.exit_code, untold, f"NOK: {untold}"
                session.record.finish(error=console.redact(untold), log=console.log())
    if session and not error and options.build:
        _tell_summary(session, options, result.clickhouse)
    return code, error, last_line


def _write_page(console: RunConsole, database: Database, is_demo: bool) -> None:
    """Write the report page, after the lock is free, so that it shows how the run ended."""
    try:
        # imported here: the chart library takes a second, and a function's package may lack it
        from pipeline.page import write_page

        path = write_page(database, is_demo=is_demo)
    except (ImportError, RunError, OSError, psycopg2.Error) as error:
        console.warn(f"the report page was not written: {error}")
        return
    console.out.print(f"The report page: {path}", markup=False, soft_wrap=True)


def _record_end(session: Session, result: _Result, error: str | None) -> str | None:
    session.record.columns |= {
        "models_built": result.build.models_built,
        "tests_failed": result.build.tests_failed,
        "tests_warned": result.build.tests_warned,
        "warnings": "\n".join(session.console.warnings),
    }
    return session.finish(error)


def _tell_summary(
    session: Session, options: RunOptions, clickhouse: ClickHouseSettings | None
) -> None:
    # a pipe that closes (`make run | head`) makes rich leave: nobody is there to be told
    with suppress(OSError, SystemExit):
        try:
            summary.show(
                session.connection,
                session.console.out,
                session.database,
                clickhouse=clickhouse,
                as_of=session.record.as_of,
                zone=definition("timezone", options.dbt_vars, "UTC"),
            )
        except psycopg2.Error as error:
            session.console.warn(f"the summary could not be read: {error}")


def _exists(session: Session, relation: str) -> bool:
    with session.connection.cursor() as cursor:
        cursor.execute("select to_regclass(%s) is not null", (relation,))
        return cursor.fetchone()[0]
