"""The history of every issue that changed: one request an issue, the cost of this tracker.

What raw holds of an issue's history is written down after the history itself, for a package of
issues at a time. So a run that was killed goes on with the issues that are left, and an issue that
did not change is not asked about again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone

import pyarrow as pa

from extract.ahead import Lane
from extract.client import ForbiddenError, NotFoundError
from extract.errors import SourceError
from extract.yandex_tracker.answers import Changelog
from extract.yandex_tracker.arrivals import read_one_by_one
from extract.yandex_tracker.journal import Pending
from extract.yandex_tracker.moments import milliseconds
from extract.yandex_tracker.tables import CHANGELOG
from extract.yandex_tracker.work import Scope, Work

# A package costs a part of a second, whatever it holds; a kill costs the requests of one or two.
ISSUES_A_PACKAGE = 1_000
# of so many issues, entries go to PostgreSQL as one page
ISSUES_A_PAGE = 200
# the next package's are fetched while PostgreSQL copies the last one's
CHANGELOGS_AHEAD = 500

# More unreadable histories than this are a fault of rights or of the server.
MOST_UNREADABLE = 20
MOST_UNREADABLE_SHARE = 0.05

# an issue that changes while it is read is read again, so often in one run
ROUNDS = 3


@dataclass
class _Package:
    """Some issues, and what came of their histories."""

    issues: dict[str, Pending]
    lane: Lane[Changelog]
    read: list[tuple[Pending, Changelog]] = field(default_factory=list)

    def take(self, changelogs: Iterable[Changelog]) -> None:
        self.read += ((self.issues[each.issue_id], each) for each in changelogs)


class Histories:
    """Changelogs on their way to raw, in packages: while one is loaded, another is asked for."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._opened: deque[_Package] = deque()
        # issues whose changelog knows more than they
        self.ahead_of_issue: list[str] = []

    def go_on(self, issue_ids: deque[str]) -> None:
        """Load the packages that have come, and ask for as many of these issues. Waits for none."""
        while self._opened and self._has_come(self._opened[0]):
            self._load_first()
        while len(self._opened) < 2 and issue_ids:
            some = [issue_ids.popleft() for _ in range(min(ISSUES_A_PACKAGE, len(issue_ids)))]
            self._open(self._work.journal.pending_of(some))

    def read(self, parts: Iterable[list[Pending]]) -> None:
        """Bring the changelogs of these issues, and all that are under way, into raw."""
        # the parts are of one moment, at which these were in none
        under_way = set().union(*(package.issues for package in self._opened))
        for issues in parts:
            self._open([each for each in issues if each.issue_id not in under_way])
            while len(self._opened) > 1:
                self._load_first()
        while self._opened:
            self._load_first()

    def _open(self, issues: list[Pending]) -> None:
        work = self._work
        passed_over = work.unreadable.union(*(package.issues for package in self._opened))
        wanted = {each.issue_id: each for each in issues if each.issue_id not in passed_over}
        chains = (_changelog(work, each) for each in wanted)
        lane = work.ahead.lane(chains, pages_ahead=CHANGELOGS_AHEAD)
        self._opened.append(_Package(wanted, lane))

    def _has_come(self, package: _Package) -> bool:
        package.take(package.lane.there())
        return package.lane.has_ended

    def _load_first(self) -> None:
        package = self._opened[0]
        package.take(package.lane)
        self.ahead_of_issue += _load(self._work, package)
        self._opened.popleft()


def read_changelogs(work: Work, scope: Scope, histories: Histories | None = None) -> None:
    """Read the changelogs that raw does not have as of the last change that it knows.

    `histories`: those that are under way already.

    An issue whose changelog knows a later change than the issue is looked at again, because not
    every change need move `updatedAt`.
    """
    for _ in range(ROUNDS):
        histories = histories or Histories(work)
        histories.read(work.journal.pending(scope.queues, ISSUES_A_PACKAGE))
        if not histories.ahead_of_issue:
            return
        before = work.packages.loaded["issues"]
        read_one_by_one(work, histories.ahead_of_issue)
        if work.packages.loaded["issues"] == before:
            return
        histories = None


def _changelog(work: Work, issue_id: str) -> Iterator[Changelog | None]:
    """The history of one issue; nothing of one that went meanwhile."""
    try:
        yield from work.reader.changelog(issue_id)
    except (NotFoundError, ForbiddenError):
        work.unreadable.add(issue_id)


def _load(work: Work, package: _Package) -> list[str]:
    """Load one package; returns the issues whose changelog knows more than they."""
    _check_unreadable(work, package)
    if not package.read:
        return []
    _check_entries(work, package)
    work.packages.load({"changelog": _pages(work, package)})
    # by the clock of this machine, and after the answers
    work.journal.take_changelogs(package.read, datetime.now(timezone.utc))
    work.counts["changelogs"] = work.counts.get("changelogs", 0) + len(package.read)
    work.progress("changelog", work.packages.loaded["changelog"], None)
    return [
        issue.issue_id
        for issue, changelog in package.read
        if changelog.head_at and milliseconds(changelog.head_at) > milliseconds(issue.updated_at)
    ]


def _pages(work: Work, package: _Package) -> Iterator[pa.Table]:
    for first in range(0, len(package.read), ISSUES_A_PAGE):
        part = [changelog for _, changelog in package.read[first : first + ISSUES_A_PAGE]]
        entries = [entry for changelog in part for entry in changelog.entries]
        yield work.table(
            CHANGELOG,
            entries,
            issue_id=[each.issue_id for each in part for _ in each.entries],
            position=[place for each in part for place in range(1, len(each.entries) + 1)],
        )


def _check_unreadable(work: Work, package: _Package) -> None:
    """A few issues go while they are read; many are a right that is missing."""
    here = len(package.issues.keys() & work.unreadable)
    limit = max(MOST_UNREADABLE, MOST_UNREADABLE_SHARE * len(package.issues))
    if here > limit and not work.accept_missing:
        raise SourceError(
            f"the changelogs of {here} of {len(package.issues)} issues cannot be read, more than "
            f"{limit:.0f}: give the token's account its right to read them, or run once with "
            "--accept-missing if they were deleted"
        )


def _check_entries(work: Work, package: _Package) -> None:
    """An entry belongs to one issue, and one that was there does not go."""
    fewer = sum(len(changelog.entries) < issue.entries for issue, changelog in package.read)
    if fewer:
        work.findings.count(
            "changelog(s) came with fewer entries than before: what raw has of them stays", fewer
        )
    silent = sum(not changelog.entries for _, changelog in package.read)
    if silent:
        work.findings.count("issue(s) without any entry in their changelog", silent)
    ids = [entry["id"] for _, changelog in package.read for entry in changelog.entries]
    owners = [each.issue_id for _, each in package.read for _ in each.entries]
    shared = len(ids) - len(set(ids)) + work.journal.entries_of_others(ids, owners)
    if shared:
        raise SourceError(
            f"{shared} entries of changelogs have the id of another issue's entry: they cannot be "
            "told apart"
        )
