"""The whole past, in packages: a run that breaks goes on after the last finished one.

`created` never changes, so windows over it cannot drift (youtrack-api.md §2.3), and changes are
cut by their timestamp at the same moments. Whatever is edited meanwhile is read again by the
catch-up, which reaches back to the moment at which the first of these runs began.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from extract.ahead import Lane
from extract.errors import SourceError
from extract.tables import Entity
from extract.youtrack.journal import Backfill
from extract.youtrack.paging import BEGINNING
from extract.youtrack.search import Within
from extract.youtrack.work import Scope, Work

ISSUES_A_PACKAGE = 8_000
WINDOWS_A_PACKAGE = 4


@dataclass(frozen=True)
class _Stretch:
    """One package's window of time, in epoch ms."""

    start: int
    end: int
    issues: Lane[pa.Table]
    activities: Lane[pa.Table]


def backfill(work: Work, scope: Scope, projects: list[str] | None) -> None:
    """Read the whole past of these projects (None: of the scope).

    Resumes an unfinished read of the same projects; of others, it starts over.
    """
    state = work.journal.state
    within = scope.within if projects is None else scope.only(projects)
    if state.backfill is None or state.backfill.projects != projects:
        first = work.reader.first_created(within)
        first = work.journal.started_ms if first is None else first
        state.backfill = Backfill(projects, first, first)
        if state.read_until is None:
            state.read_until = work.journal.started_ms
        # before the first row of data: from now on the database belongs to this YouTrack
        _mark(work, scope, state.backfill.position)
    _read(work, scope, within, state.backfill)
    work.journal.make_keys_unique("issues", "activities")
    state.backfill = None


def _read(work: Work, scope: Scope, within: Within, progress: Backfill) -> None:
    total = work.reader.count(within.clause.strip())
    opened: deque[_Stretch] = deque()
    for start, end in _stretches(progress.position, work.journal.started_ms, total):
        opened.append(_open(work, within, start, end, is_first=start == progress.first))
        if len(opened) > 1:
            _load(work, scope, opened.popleft(), total)
    while opened:
        _load(work, scope, opened.popleft(), total)


def _stretches(start: int, end: int, total: int | None) -> Iterator[tuple[int, int]]:
    """Equal stretches of time, as many as make packages of the usual size on average."""
    if start >= end:
        return
    number = max(1, math.ceil((total or 0) / ISSUES_A_PACKAGE))
    moments = [start + (end - start) * each // number for each in range(number + 1)]
    yield from zip(moments, moments[1:], strict=False)


def _open(work: Work, within: Within, start: int, end: int, *, is_first: bool) -> _Stretch:
    """Begin to fetch a stretch: its issues and the changes of the same time, in parallel.

    The first one begins before the oldest issue: which that is, is one row's word, and imported
    changes may be older.
    """
    reader = work.reader
    issues: Lane[pa.Table] = work.ahead.lane([])
    activities: Lane[pa.Table] = work.ahead.lane([])

    def add_issues(pages: Iterator[list[Entity]]) -> None:
        issues.add(work.issues(pages))

    def add_activities(pages: Iterator[list[Entity]]) -> None:
        activities.add(work.activities(pages))

    for first, last in _windows(start, end):
        opens = is_first and first == start
        created_from = min(first, BEGINNING) if opens else first
        add_issues(reader.created(within, created_from, last, add_issues))
        add_activities(reader.changes(within, 0 if opens else first, last, add_activities))
    return _Stretch(start, end, issues, activities)


def _windows(start: int, end: int) -> Iterator[tuple[int, int]]:
    width = max(1, -(-(end - start) // WINDOWS_A_PACKAGE))
    return ((each, min(each + width, end)) for each in range(start, end, width))


def _load(work: Work, scope: Scope, stretch: _Stretch, total: int | None) -> None:
    """Load one package, then write down that it is there."""
    work.packages.load(
        {
            "issues": _told(work, "issues", stretch.issues, total),
            "activities": _told(work, "activities", stretch.activities, None),
        },
        append=work.journal.state.projects is None,
    )
    state = work.journal.state
    if state.backfill is None:
        raise SourceError("a stretch was loaded outside of a backfill")
    state.backfill.position = stretch.end
    _mark(work, scope, stretch.start)


def _told(work: Work, table: str, pages: Lane[pa.Table], total: int | None) -> Iterator[pa.Table]:
    for page in pages:
        yield page
        work.progress(table, work.packages.loaded[table], total)


def _mark(work: Work, scope: Scope, start: int) -> None:
    position = work.journal.state.backfill.position if work.journal.state.backfill else start
    work.journal.write("window", scope.projects, (start, position), dict(work.packages.loaded))
