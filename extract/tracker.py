"""What a run asks of a tracker, whichever it is."""

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

    issues_loaded: int
    activities_loaded: int
    requests: int
    warnings: tuple[str, ...]
    # the newest change that raw knows
    data_as_of: datetime | None
    # full, backfill, incremental or sweep
    kind: str

    def counts(self) -> dict[str, Any]:
        """What the run's record keeps of it."""
        return {
            "kind": self.kind,
            "issues_loaded": self.issues_loaded,
            "activities_loaded": self.activities_loaded,
            "requests": self.requests,
            "data_as_of": self.data_as_of and self.data_as_of.isoformat(),
        }


class Tracker(Protocol):
    """One kind of tracker. A database holds at most one instance of each."""

    # the value of the marts' column `tracker`, and the folder under models/staging
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

    def issue_address(self, settings: Any) -> str | None:
        """What the address of an issue in a browser begins with, before its readable id.

        None without an address.
        """

    def load(self, settings: Any, order: Load) -> LoadReport:
        """Bring its raw schema up to date.

        Raises RunError with what to mend; nothing that is raised holds a secret. Whatever was
        loaded before stays, and the next load goes on from there.
        """


@dataclass(frozen=True)
class Configured:
    """A tracker that a run loads, with its settings.

    `identity`: what its data belong to; only a simulation, whose port changes, says it.
    """

    tracker: Tracker
    settings: Any
    identity: str | None = None
