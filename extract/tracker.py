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
    `identity`: what the data in raw belongs to; only a simulation, whose port changes, says it.
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
    # its settings in the environment, all of them optional; secrets are of type SecretStr
    settings: ClassVar[type[BaseSettings]]
    # those without which it cannot be asked, and what to say of each
    required: ClassVar[dict[str, str]]

    def examine(self, settings: Any) -> Iterator[Found]:
        """Ask it what a run will need, without changing anything."""

    def load(self, settings: Any, order: Load) -> LoadReport:
        """Bring its raw schema up to date.

        Raises RunError with what to mend; nothing that is raised holds a secret. Whatever was
        loaded before stays, and the next load goes on from there.
        """
