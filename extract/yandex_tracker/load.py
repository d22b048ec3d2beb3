"""One load: everything that Tracker holds, or what changed since the last run, into raw.

The steps, each of them safe to be killed in and to be repeated: the queues decide what is in scope;
all issues of queues that are new to raw are listed, later those that changed; then the changelog of
every issue that raw does not have as of its last change is read; counts are compared; once a day a
sweep looks for issues that are gone. The last thing written is the row of `extract_runs` that says
that all of it is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg2

from extract.address import is_unprotected
from extract.ahead import Ahead
from extract.census import is_due, sweep
from extract.client import Patience, UnauthorizedError
from extract.errors import DatabaseError, SourceError
from extract.findings import Findings
from extract.journal import connect
from extract.landing import Landing
from extract.memory import rare_collections
from extract.tracker import Load, LoadReport
from extract.yandex_tracker import catalogue, census
from extract.yandex_tracker.address import VENDOR, identity, normalise_url
from extract.yandex_tracker.arrivals import asked_for
from extract.yandex_tracker.backfill import backfill
from extract.yandex_tracker.catch_up import catch_up
from extract.yandex_tracker.changelogs import read_changelogs
from extract.yandex_tracker.client import YandexTrackerClient
from extract.yandex_tracker.journal import SCHEMA, YandexTrackerJournal
from extract.yandex_tracker.moved import adopt_address
from extract.yandex_tracker.reader import Reader
from extract.yandex_tracker.reconcile import count, reconcile
from extract.yandex_tracker.tables import ISSUE_CENSUS, TABLES
from extract.yandex_tracker.work import Scope, Work

_KEYED = ("issues", "changelog", "issue_changelogs")


@dataclass(frozen=True)
class Source:
    """Which organisation to read, as whom, and how much of it."""

    token: str = field(repr=False)
    organisation: str
    url: str = VENDOR
    is_iam: bool = False
    is_cloud: bool = False
    # keys; None: every queue that the token may read
    queues: tuple[str, ...] | None = None
    summaries: bool = True
    parallel_requests: int = 4

    def client(self, patience: Patience | None = None) -> YandexTrackerClient:
        """The client of this source."""
        return YandexTrackerClient(
            normalise_url(self.url),
            self.token,
            self.organisation,
            is_iam=self.is_iam,
            is_cloud=self.is_cloud,
            parallel=self.parallel_requests,
            patience=patience,
        )


def load(source: Source, order: Load, *, patience: Patience | None = None) -> LoadReport:
    """Bring raw up to date with Tracker.

    Raises ConfigurationError, SourceError or DatabaseError with what to mend; nothing that is
    raised holds the token or the password. Whatever was loaded before stays, and the next run
    goes on from there.
    """
    findings = Findings()
    if is_unprotected(source.url):
        findings.warn(
            "YANDEX_TRACKER_URL is plain http: the token can be read on the way. Use https"
        )
    client = source.client(patience)
    connection = connect(order.dsn)
    try:
        owner = order.identity or identity(source.url, source.organisation)
        journal = YandexTrackerJournal(connection, client.service, owner, order.run_id)
        journal.open(source_moved=order.source_moved)
        reader = Reader(client, findings)
        reader.introduce()
        if journal.moved_from:
            adopt_address(reader, journal, findings, accept_missing=order.accept_missing)
        # two more threads than requests: they make rows while the others wait for answers
        threads = 2 + source.parallel_requests
        with _goes_on_later(), Ahead(threads) as ahead, rare_collections():
            landing = Landing(
                order.dsn, order.working_dir, source="yandex_tracker", schema=SCHEMA, tables=TABLES
            )
            work = Work(
                reader, ahead, landing, journal, findings, order, summaries=source.summaries
            )
            kind = _load(work, source)
        return work.report(kind, "changelog")
    except psycopg2.Error as error:
        raise DatabaseError(f"the database failed: {' '.join(str(error).split())}") from None
    finally:
        connection.close()


@contextmanager
def _goes_on_later() -> Iterator[None]:
    """Say of a token that expires on the way that nothing is lost."""
    try:
        yield
    except UnauthorizedError as error:
        raise SourceError(
            f"{error}. It was valid when the run began: what is loaded stays, and the next run "
            "goes on from there"
        ) from None


def _load(work: Work, source: Source) -> str:
    """All steps of a load; returns its kind."""
    journal = work.journal
    scope, tables = catalogue.read_queues(work, source.queues)
    names = catalogue.names(work)
    # they come while the rest of the catalogue is read
    first_pages = asked_for(work, scope.within) if journal.state.queues is None else None
    # nothing is written before it is known that there is something to read
    if not journal.has_tables():
        journal.create_tables()
    elif missing := journal.missing_columns():
        _add_columns(journal, scope, missing)
    journal.make_keys_unique(*_KEYED)
    if source.summaries != journal.state.summaries:
        _heed_summaries(journal, scope, is_wanted=source.summaries)
    is_first = journal.last_finished() is None
    for each in names:
        tables |= each
    work.progress("catalogue", sum(page.num_rows for [page] in tables.values()), None)
    counted = count(work, scope)
    has_read_past = backfill(work, scope, tables, first_pages)
    catch_up(work, scope, {} if has_read_past else tables)
    read_changelogs(work, scope)
    found = reconcile(work, scope, counted, is_full=is_first)
    wish = work.order.sweep
    is_wanted = wish or work.accept_missing or (wish is None and is_due(work))
    if is_wanted and found is None:
        found = census.look(work, scope)
    if found:
        read_changelogs(work, scope)
    if is_wanted and found:
        sweep(work, found, ISSUE_CENSUS, journal.queue_keys())
    _read_details(work, scope, is_whole=bool(is_first or has_read_past or is_wanted))
    if is_first:
        kind = "full"
    elif has_read_past:
        kind = "backfill"
    else:
        kind = "sweep" if is_wanted else "incremental"
    _finish(work, scope, kind)
    return kind


def _add_columns(
    journal: YandexTrackerJournal, scope: Scope, missing: dict[str, list[str]]
) -> None:
    """Bring the raw tables of an earlier version up to date, with the past in new columns."""
    if {"issues", "changelog", "issue_changelogs"} & missing.keys():
        # written before there are empty columns, which a run that is killed would leave as they are
        journal.forget_versions(changelogs="changelog" in missing)
        journal.state.read_past_again()
        journal.mark(scope.queues, journal.state.read_until or 0)
    journal.create_tables()


def _heed_summaries(journal: YandexTrackerJournal, scope: Scope, *, is_wanted: bool) -> None:
    """Titles that are no longer wanted leave raw at once; those wanted again are read again."""
    journal.state.summaries = is_wanted
    if is_wanted:
        journal.forget_versions(changelogs=False)
        journal.state.read_past_again()
    else:
        journal.forget_summaries()
    # written at once, so that a run that is killed is not taken for one before the change
    journal.mark(scope.queues, journal.state.read_until or 0)


def _read_details(work: Work, scope: Scope, *, is_whole: bool) -> None:
    """Boards, and what takes a request for each board and each queue where anything has changed."""
    before = work.journal.boards_last_read()
    boards, tables = catalogue.read_boards(work)
    is_new = {str(board["id"]) for board in boards} - before.keys()
    if is_whole or is_new or work.packages.loaded["issues"]:
        tables |= catalogue.read_details(work, scope, boards)
    else:
        catalogue.keep_details(work)
    work.packages.load(tables)


def _finish(work: Work, scope: Scope, kind: str) -> None:
    """The row that makes this run the one from which the next goes on."""
    journal = work.journal
    if work.unreadable:
        work.findings.warn(
            f"{len(work.unreadable)} issue(s) went, or are hidden, while their changelogs were read"
        )
    window = (journal.state.read_until or 0, journal.started_ms)
    journal.state.read_until = journal.started_ms
    journal.state.catch_up = None
    journal.write(kind, scope.queues, window, work.all_counts())
