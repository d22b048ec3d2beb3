"""One load: everything that YouTrack holds, or what changed since the last run, into raw.

The steps, each of them safe to be killed in and to be repeated: the catalogue decides what is in
scope; the past of projects that are new to raw is read in packages; the catch-up reads what
changed since; counts are compared after a full load; once a day a sweep looks for issues that are
gone. The last thing written is the row of `raw.extract_runs` that says that all of it is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg2

from extract.address import is_unprotected
from extract.ahead import Ahead
from extract.census import is_due
from extract.client import Patience
from extract.errors import DatabaseError
from extract.findings import Findings
from extract.journal import connect
from extract.landing import Landing
from extract.memory import rare_collections
from extract.tracker import Load, LoadReport
from extract.youtrack import catalogue, census
from extract.youtrack.address import identity, normalise_url
from extract.youtrack.backfill import backfill
from extract.youtrack.catch_up import catch_up
from extract.youtrack.client import YouTrackClient
from extract.youtrack.journal import SCHEMA, YouTrackJournal
from extract.youtrack.moved import adopt_address
from extract.youtrack.paging import PageLengths
from extract.youtrack.reader import Reader
from extract.youtrack.reconcile import reconcile
from extract.youtrack.selection import TABLES
from extract.youtrack.work import Scope, Work


@dataclass(frozen=True)
class Source:
    """Which YouTrack to read, as whom, and how much of it."""

    url: str
    token: str = field(repr=False)
    # short names; None: every project that the token may read
    projects: tuple[str, ...] | None = None
    summaries: bool = True
    parallel_requests: int = 4


def load(source: Source, order: Load, *, patience: Patience | None = None) -> LoadReport:
    """Bring raw up to date with YouTrack.

    Raises ConfigurationError, SourceError or DatabaseError with what to mend; nothing that is
    raised holds the token or the password. Whatever was loaded before stays, and the next run
    goes on from there.
    """
    url = normalise_url(source.url)
    findings = Findings()
    if is_unprotected(url):
        findings.warn("YOUTRACK_URL is plain http: the token can be read on the way. Use https")
    client = YouTrackClient(url, source.token, parallel=source.parallel_requests, patience=patience)
    connection = connect(order.dsn)
    try:
        journal = YouTrackJournal(connection, order.identity or identity(url), order.run_id)
        journal.open(source_moved=order.source_moved)
        reader = Reader(
            client,
            findings,
            summaries=source.summaries,
            page_lengths=PageLengths(journal.state.page_lengths),
        )
        reader.introduce()
        if journal.moved_from:
            adopt_address(reader, journal, findings, accept_missing=order.accept_missing)
        # two more threads than requests: they make rows while the others wait for YouTrack
        with Ahead(2 + source.parallel_requests) as ahead, rare_collections():
            landing = Landing(
                order.dsn, order.working_dir, source="youtrack", schema=SCHEMA, tables=TABLES
            )
            work = Work(reader, ahead, landing, journal, findings, order)
            kind = _load(work, source)
        return work.report(kind, "activities")
    except psycopg2.Error as error:
        raise DatabaseError(f"the database failed: {' '.join(str(error).split())}") from None
    finally:
        connection.close()


def _load(work: Work, source: Source) -> str:
    """All steps of a load; returns its kind."""
    journal = work.journal
    scope, tables = catalogue.read_projects(work, source.projects)
    # nothing is written before it is known that there is something to read
    if not journal.has_tables():
        journal.create_tables()
    elif missing := journal.missing_columns():
        _add_columns(journal, scope, missing)
    if source.summaries != journal.state.summaries:
        _heed_summaries(journal, scope, is_wanted=source.summaries)
    tables |= catalogue.read_users(work)
    tables |= catalogue.read_work_time(work)
    rows = sum(page.num_rows for pages in tables.values() for page in pages)
    work.progress("catalogue", rows, None)
    kind = _read_past(work, scope)
    catch_up(work, scope, tables, has_read_past=kind != "incremental")
    found = reconcile(work, scope, is_full=kind == "full")
    # last, because who is gone from a sprint is asked by readable ids, which moves change
    work.packages.load(catalogue.read_boards(work))
    sweep = work.order.sweep
    is_wanted = sweep or work.accept_missing or (sweep is None and is_due(work))
    if (kind == "full" and found) or (kind != "full" and is_wanted):
        census.sweep(work, found or census.look(work, scope), scope)
        kind = "sweep" if kind == "incremental" else kind
    work.reader.still_the_same()
    _finish(work, scope, kind)
    return kind


def _add_columns(journal: YouTrackJournal, scope: Scope, missing: dict[str, list[str]]) -> None:
    """Bring the raw tables of an earlier version up to date, and the past into their new columns.

    The catalogue is read in every run; issues and changes are read again from the beginning.
    """
    state = journal.state
    if {"issues", "activities"} & missing.keys():
        state.read_past_again()
        # written before there are empty columns, which a run that is killed would leave as they are
        journal.write("window", scope.projects, (0, state.read_until or 0), {})
    journal.create_tables()


def _heed_summaries(journal: YouTrackJournal, scope: Scope, *, is_wanted: bool) -> None:
    """Titles that are no longer wanted leave raw at once; those wanted again are read again."""
    state = journal.state
    state.summaries = is_wanted
    if is_wanted:
        state.read_past_again()
    else:
        journal.forget_summaries()
    # written at once, so that a run that is killed is not taken for one before the change
    journal.write("window", scope.projects, (0, state.read_until or 0), {})


def _read_past(work: Work, scope: Scope) -> str:
    """Read the past of projects that raw does not have complete; returns the kind of the load."""
    state = work.journal.state
    in_scope = sorted(scope.short_names)
    if state.projects is None:
        backfill(work, scope, None)
        state.projects = in_scope
        return "full"
    new = [each for each in in_scope if each not in state.projects]
    if new:
        backfill(work, scope, new)
    # a project that left the scope grows stale: should it come back, its past is read again
    state.projects = in_scope
    return "backfill" if new else "incremental"


def _finish(work: Work, scope: Scope, kind: str) -> None:
    """The row that makes this run the one from which the next goes on."""
    journal = work.journal
    window = (journal.state.read_until or 0, journal.started_ms)
    journal.state.read_until = journal.started_ms
    journal.state.catch_up = None
    unread = journal.state.unread
    journal.state.unread = {path: unread[path] for path in sorted(work.kept)}
    journal.state.page_lengths = work.reader.page_lengths.as_dict()
    journal.write(kind, scope.projects, window, work.all_counts())
