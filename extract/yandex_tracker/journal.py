"""What raw knows of one organisation, and how far the runs over it have come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)
from psycopg2.extras import execute_values

from extract import journal
from extract.client import Service
from extract.journal import Journal
from extract.yandex_tracker.answers import Changelog
from extract.yandex_tracker.tables import TABLES

SCHEMA = "raw_yandex_tracker"

# Of an issue that changed less than so long before its changelog was read, the last change may not
# have been in there yet.
CHANGELOG_MAY_LAG = "1 hour"

# how many issues of a moved organisation are compared, spread evenly over the past
SAMPLE = 50


@dataclass
class State(journal.State):
    """How far the runs have come. Moments are epoch ms."""

    # raw holds all issues of these queues (ids), as they were when they were listed; None before
    # the first listing has come to its end
    queues: list[str] | None = None
    # from when on a catch-up reads that has not come to its end yet
    catch_up: int | None = None
    # the "now" of the run that last saw the sprints and the local fields
    lists_seen_at: str | None = None

    def read_past_again(self) -> None:
        """The issues of all queues are to be listed again."""
        if self.queues is not None:
            self.queues = []


@dataclass(frozen=True, slots=True)
class Known:
    """An issue as raw knows it."""

    key: str
    # the queue's
    holder_id: str
    version: int | None
    updated_at: str
    missed_sweeps: int


@dataclass(frozen=True, slots=True)
class Pending:
    """An issue whose changelog is to be read."""

    issue_id: str
    version: int | None
    updated_at: str
    # how many entries raw has of it
    entries: int


# an issue that was loaded again since a sweep missed it is back
_MISSED = "case when issues.loaded_at < swept_at then missed_sweeps else 0 end"
_FROM = (
    "from raw_yandex_tracker.issues left join raw_yandex_tracker.issue_census "
    "on issue_census.issue_id = issues.id "
)
_IN_QUEUES = "(%(queues)s::text[] is null or queue ->> 'id' = any(%(queues)s::text[]))"
_KNOWN = f"select issues.id, key, queue ->> 'id', version, updated_at, {_MISSED} {_FROM}"  # noqa: S608
_PENDING = (
    "select issues.id, issues.version, issues.updated_at, coalesce(entries, 0) "  # noqa: S608
    f"{_FROM} left join raw_yandex_tracker.issue_changelogs "
    "on issue_changelogs.issue_id = issues.id "
    f"where coalesce({_MISSED}, 0) = 0 and {_IN_QUEUES} and ("
    "issue_changelogs.issue_id is null "
    "or issue_changelogs.version is distinct from issues.version "
    "or issue_changelogs.updated_at is distinct from issues.updated_at "
    "or (coalesce(head_at, created_at)::timestamptz < issues.updated_at::timestamptz "
    "and issue_changelogs.loaded_at < issues.updated_at::timestamptz "
    f"+ interval '{CHANGELOG_MAY_LAG}'))"
)
_ALL_SEEN = (
    "with emptied as (delete from raw_yandex_tracker.issue_census) "  # noqa: S608
    "insert into raw_yandex_tracker.issue_census "
    "(issue_id, queue_id, missed_sweeps, swept_at, seen_at, loaded_at, _dlt_load_id, _dlt_id) "
    "select id, queue ->> 'id', 0, %(at)s, %(at)s, %(at)s, %(run)s, id "
    f"from raw_yandex_tracker.issues where {_IN_QUEUES}"
)
_SAMPLE = (
    "select distinct on (part) id, key, created_at from (select id, key, created_at, "  # noqa: S608
    f"ntile(%(size)s) over (order by created_at, id) as part {_FROM} "
    f"where coalesce({_MISSED}, 0) = 0 and {_IN_QUEUES}) as placed order by part, created_at, id"
)


class YandexTrackerJournal(Journal):
    """The reading side of the raw tables."""

    state: State

    def __init__(self, connection: Connection, service: Service, source: str, run_id: str) -> None:
        super().__init__(
            connection, service, SCHEMA, TABLES, source=source, run_id=run_id, state=State()
        )

    def adopt_source(self) -> None:
        """From now on raw belongs to the present address."""
        self.moved_from = None
        self.mark(self._last_scope, self.state.read_until or 0)

    def mark(self, queues: list[str] | None, start: int) -> None:
        """Write down how far the run has come."""
        self.write("window", queues, (start, self.started_ms), {})

    def forget_versions(self, *, changelogs: bool) -> None:
        """Let all issues count as changed, and their changelogs as never read, where it says so."""
        if self._exists("issues"):
            self._do("update raw_yandex_tracker.issues set version = null")
        if changelogs and self._exists("issue_changelogs"):
            self._do("delete from raw_yandex_tracker.issue_changelogs")

    def take_census(self, swept_at: datetime, queues: list[str] | None) -> int:
        """Write down that all issues of these queues were seen; returns their number."""
        return self._do(_ALL_SEEN, at=swept_at, run=self._run_id, queues=queues)

    def take_changelogs(self, read: Sequence[tuple[Pending, Changelog]], at: datetime) -> None:
        """Write down which changelogs raw now has."""
        rows = [
            (
                issue.issue_id, issue.version, issue.updated_at, len(changelog.entries),
                changelog.head_at, at, self._run_id, issue.issue_id,
            )
            for issue, changelog in read
        ]  # fmt: skip
        with self._connection.cursor() as cursor:
            cursor.execute(
                "delete from raw_yandex_tracker.issue_changelogs where issue_id = any(%s)",
                ([row[0] for row in rows],),
            )
            execute_values(
                cursor,
                "insert into raw_yandex_tracker.issue_changelogs (issue_id, version, updated_at, "
                "entries, head_at, loaded_at, _dlt_load_id, _dlt_id) values %s",
                rows,
                page_size=1000,
            )

    def still_listed(self, table: str, where: str, before: str, now: datetime) -> None:
        """Rows that an earlier run saw, and this one did not ask for, count as seen."""
        self._do(
            f"update raw_yandex_tracker.{table} set seen_at = %(now)s "  # noqa: S608  (our own names)
            f"where {where} and seen_at = %(before)s",
            now=now,
            before=before,
        )

    # --- what raw knows

    def known(self, ids: Iterable[str]) -> dict[str, Known]:
        """Of these issues, the ones that raw has."""
        return self._known(_KNOWN + "where issues.id = any(%(ids)s)", ids=list(ids))

    def known_in(self, queues: list[str] | None) -> dict[str, Known]:
        """All issues of these queues (None: of all)."""
        return self._known(_KNOWN + "where " + _IN_QUEUES, queues=queues)

    def known_since(self, since: int, queues: list[str] | None) -> dict[str, Known]:
        """The issues whose last known change is not older than `since`, newest first."""
        return self._known(
            _KNOWN + "where updated_at::timestamptz >= to_timestamp(%(since)s / 1000.0) and "
            f"{_IN_QUEUES} order by updated_at::timestamptz desc",
            since=since,
            queues=queues,
        )

    def _known(self, statement: str, **parameters: Any) -> dict[str, Known]:
        return {
            row[0]: Known(*row[1:5], missed_sweeps=row[5] or 0)
            for row in self._rows(statement, **parameters)
        }

    def pending(self, queues: list[str] | None, size: int) -> Iterator[list[Pending]]:
        """The issues whose changelog raw does not have as of their last change, in parts."""
        # of one moment, and kept by PostgreSQL: there may be a million of them
        with self._connection.cursor("pending", withhold=True) as cursor:
            cursor.execute(_PENDING, {"queues": queues})
            while rows := cursor.fetchmany(size):
                yield [Pending(*row) for row in rows]

    def pending_of(self, ids: list[str]) -> list[Pending]:
        """Of these issues, those whose changelog raw does not have as of their last change."""
        statement = f"{_PENDING} and issues.id = any(%(ids)s)"
        return [Pending(*row) for row in self._rows(statement, queues=None, ids=ids)]

    def entries_of_others(self, ids: list[str], issue_ids: list[str]) -> int:
        """How many of these entries raw has as entries of another issue than that beside them."""
        return self._rows(
            "select count(*) from unnest(%(ids)s, %(issue_ids)s) as read (id, issue_id) "
            "inner join raw_yandex_tracker.changelog using (id) "
            "where changelog.issue_id <> read.issue_id",
            ids=ids,
            issue_ids=issue_ids,
        )[0][0]

    def newest(self) -> tuple[int | None, int | None]:
        """The newest `updated_at` of an issue and the newest head of a changelog, in epoch ms."""
        return self._rows(
            "select (select extract(epoch from max(updated_at::timestamptz)) * 1000 "
            "from raw_yandex_tracker.issues)::bigint, "
            "(select extract(epoch from max(head_at::timestamptz)) * 1000 "
            "from raw_yandex_tracker.issue_changelogs)::bigint"
        )[0]

    def created_before(self, moment: int, queues: list[str] | None) -> int:
        """How many issues were created before (epoch ms), those that sweeps missed left out."""
        return self._rows(
            f"select count(*) {_FROM} where created_at::timestamptz < "  # noqa: S608
            f"to_timestamp(%(moment)s / 1000.0) and coalesce({_MISSED}, 0) = 0 and {_IN_QUEUES}",
            moment=moment,
            queues=queues,
        )[0][0]

    def sample_of_issues(self) -> list[tuple[str, str, str]]:
        """Issues of the last run's scope over the whole past: id, key, moment of creation."""
        if not self._exists("issues"):
            return []
        return self._rows(_SAMPLE, size=SAMPLE, queues=self._last_scope)

    def queues_last_read(self) -> dict[str, str]:
        """The queues that the last run saw: id → key."""
        return self._last_seen("queues", "key")

    def boards_last_read(self) -> dict[str, str]:
        """The boards that the last run saw: id → name."""
        return self._last_seen("boards", "name")

    def _last_seen(self, table: str, column: str) -> dict[str, str]:
        if not self._exists(table):
            return {}
        return dict(
            self._rows(
                f"select id, {column} from raw_yandex_tracker.{table} where seen_at = "  # noqa: S608
                f"(select max(seen_at) from raw_yandex_tracker.{table}) order by id"
            )
        )

    def queue_keys(self) -> dict[str, str]:
        """Every queue that raw knows, vanished ones too: id → key."""
        return dict(self._rows("select id, key from raw_yandex_tracker.queues"))

    def _do(self, statement: str, **parameters: Any) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.rowcount
