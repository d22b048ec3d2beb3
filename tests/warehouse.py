"""dbt over raw rows that a test has made, and the marts held against the reference."""

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from conftest import PARSES, REPOSITORY, PostgresServer
from extracting import extraction
from histories import write_raw, write_seeds
from parses import Place
from reference import KEYS, Definitions, compare, compute, read_marts, read_raw, read_seeds

from demo.youtrack.server import Server
from pipeline.build import AS_OF
from pipeline.record import _TABLE as RUNS_TABLE
from pipeline.server import fit_sessions, kept_sessions

# What dbt has read of the project, by database and vars: reading takes it longer than building.
_MANIFESTS: dict[tuple[str, ...], Any] = {}


class Warehouse:
    """A database in which dbt builds the marts, in this process."""

    def __init__(
        self, server: PostgresServer, database: str, folder: Path, root: Path = REPOSITORY
    ) -> None:
        self.connection = server.connect(database)
        self._root = root
        self._environment = server.environment(database)
        # of this checkout, where the runs of a test have one of their own
        self._target = str((server.targets or folder) / f"{database}_here")
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        profile = (root / "profiles.example.yml").read_text(encoding="utf-8")
        (folder / "profiles.yml").write_text(profile, encoding="utf-8")
        with self.connection.cursor() as cursor:
            cursor.execute("create schema if not exists ops")
            cursor.execute(RUNS_TABLE)

    def dbt(
        self,
        *arguments: str,
        variables: Mapping[str, object] | None = None,
        as_of: datetime | None = None,
    ) -> Any:
        """Run a dbt command and return its results; an assertion fails with dbt's own words."""
        given = json.dumps(dict(variables or {}), default=str)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._environment.items():
                patch.setenv(name, value)
            if as_of:
                patch.setenv(AS_OF, as_of.isoformat())
            # sessions as a run has them; what it replaces comes back
            patch.setattr(psycopg2, "connect", psycopg2.connect)
            fit_sessions()
            key = (str(self._root), self._target, given)
            if key not in _MANIFESTS:
                place = Place.of(self._root, self._environment)
                with PARSES.lent(f"by dbt {given}", Path(self._target), place):
                    _MANIFESTS[key] = self._invoke(
                        None, "parse", "--no-write-json", "--vars", given
                    )
            return self._invoke(_MANIFESTS[key], *arguments, "--vars", given, "--no-write-json")

    def _invoke(self, manifest: Any, *arguments: str) -> Any:
        from dbt.cli.main import dbtRunner

        words: list[str] = []
        runner = dbtRunner(
            manifest=manifest,
            callbacks=[lambda event: words.append(event.info.msg) if event.info.level == "error"
                       else None],
        )  # fmt: skip
        with kept_sessions():
            outcome = runner.invoke(
                [
                    *arguments,
                    "--project-dir",
                    str(self._root),
                    "--profiles-dir",
                    str(self._folder),
                    "--target-path",
                    self._target,
                    "--log-path",
                    str(self._folder / "logs"),
                    "--log-level",
                    "none",
                ]
            )
        assert outcome.success, "\n".join(words[-30:]) or str(outcome.exception)
        return outcome.result

    def build_models(self, variables: Mapping[str, object], as_of: datetime) -> None:
        """The models alone: their data tests judge real trackers, not drawn ones."""
        self.dbt("run", variables=variables, as_of=as_of)

    def differences(self, definitions: Definitions, as_of: datetime) -> list[str]:
        """Where the marts differ from the reference, cell by cell."""
        wanted = compute(read_raw(self.connection), definitions, as_of)
        actual = read_marts(self.connection)
        return [
            f"{mart}: {difference}"
            for mart, key in KEYS.items()
            for difference in compare(wanted[mart], actual[mart], key)
        ]

    def load(self, drawn) -> None:
        """Replace raw and the seeds by what `histories.draw` has drawn."""
        write_raw(self.connection, drawn.raw)
        write_seeds(self.connection, drawn.seeds)


class Pipeline:
    """Load and build, as a run does, at the simulated company's own time."""

    def __init__(
        self, server: PostgresServer, database: str, youtrack: Server, folder: Path
    ) -> None:
        self._company = youtrack.tracker
        self._extraction = extraction(server, database, youtrack, folder / "dlt")
        self.warehouse = Warehouse(server, database, folder / "dbt")
        self._has_seeds = False

    def close(self) -> None:
        """Leave the database, so that it can be dropped."""
        self._extraction.connection.close()
        self.warehouse.connection.close()

    @property
    def as_of(self) -> datetime:
        """The company's now."""
        return datetime.fromtimestamp(self._company.now / 1000, timezone.utc)

    def load(self, **options: Any) -> None:
        """Load only."""
        self._extraction.load(as_of=self.as_of, **options)

    def build(self) -> dict[str, list[dict[str, Any]]]:
        """Build only; returns the marts."""
        if not self._has_seeds:
            self.warehouse.dbt("seed")
            self._has_seeds = True
        self.warehouse.build_models({}, self.as_of)
        return read_marts(self.warehouse.connection)

    def run(self, **options: Any) -> dict[str, list[dict[str, Any]]]:
        """One run; returns the marts."""
        self.load(**options)
        return self.build()

    def differences(self) -> list[str]:
        """Where the marts differ from the reference."""
        seeds = read_seeds(REPOSITORY / "dbt_project" / "seeds")
        return self.warehouse.differences(Definitions.from_vars({}, seeds), self.as_of)
