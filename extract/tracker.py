"""What a run asks of a source, and what a tracker is asked besides.

A source is whatever a run loads into a raw schema of its own: a tracker, which tells of issues, or
a monitoring, which tells of events. Only trackers fill the neutral layer that the marts of issues
are made of, so only they have a place in the marts' column `tracker` and an address for an issue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol

from pydantic_settings import BaseSettings

from extract.errors import RunError
from extract.tables import Table

Progress = Callable[[str, int, "int | None"], None]

# what an examination finds: whether it is fine and a sentence, or what a run would fail with
Found = tuple[bool, str] | RunError


@dataclass(frozen=True)
class Load:
    """What is asked of one load.

    `sweep`: look for missing issues now (True), not now (False), or once a day (None).
    `accept_missing`: believe a sweep that misses so much that it would be an error.
    `source_moved`: raw's tracker is said to have moved to this address; compared, then believed.
    `identity`: as that of `Configured`.
    """

    dsn: str
    run_id: str
    as_of: datetime
    working_dir: Path
    on_progress: Progress
    sweep: bool | None = None
    accept_missing: bool = False
    source_moved: bool = False
    identity: str | None = None


@dataclass(frozen=True)
class LoadReport:
    """What a load did."""

    requests: int
    warnings: tuple[str, ...]
    # the newest change that raw knows
    data_as_of: datetime | None
    # full, backfill, incremental or sweep
    kind: str
    # a tracker's
    issues_loaded: int = 0
    activities_loaded: int = 0
    # a monitoring's
    events_loaded: int = 0

    def counts(self) -> dict[str, Any]:
        """What the run's record keeps of it."""
        return {
            "kind": self.kind,
            "issues_loaded": self.issues_loaded,
            "activities_loaded": self.activities_loaded,
            "events_loaded": self.events_loaded,
            "requests": self.requests,
            "data_as_of": self.data_as_of and self.data_as_of.isoformat(),
        }


class Source(Protocol):
    """One kind of source. A database holds at most one instance of each."""

    # the folder under models/staging; of a tracker, the value of the marts' column `tracker`
    name: ClassVar[str]
    # what people call it
    title: ClassVar[str]
    # what its settings begin with
    prefix: ClassVar[str]
    # its raw schema, and the tables that loads make there
    schema: ClassVar[str]
    tables: ClassVar[Sequence[Table]]
    # its settings in the environment, all of them optional
    settings: ClassVar[type[BaseSettings]]
    # the variables without which it cannot be asked, each with those that may stand in its place,
    # and what to say when none of them is set
    required: ClassVar[dict[tuple[str, ...], str]]
    # the variables that hold a secret
    secrets: ClassVar[tuple[str, ...]]

    def examine(self, settings: Any) -> Iterator[Found]:
        """Ask it what a run will need, without changing anything."""

    def load(self, settings: Any, order: Load) -> LoadReport:
        """Bring its raw schema up to date.

        Raises RunError with what to mend; nothing that is raised holds a secret. Whatever was
        loaded before stays, and the next load goes on from there.
        """


class Tracker(Source, Protocol):
    """A source of issues, from which the marts of issues are made."""

    def issue_address(self, settings: Any) -> str | None:
        """What the address of an issue in a browser begins with, before its readable id.

        None without an address.
        """


@dataclass(frozen=True)
class Configured:
    """A source that a run loads, with its settings.

    `identity`: what its data belong to; only a simulation, whose port changes, says it.
    """

    kind: Source
    settings: Any
    identity: str | None = None
