"""The raw schema as dlt writes it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg2
import pyarrow as pa
from psycopg2.extensions import parse_dsn

from extract.errors import DatabaseError, DiskError, RunError
from extract.isolated_dlt import PostgresCredentials, dlt, postgres
from extract.youtrack.source import empty_tables, youtrack

PIPELINE = "youtrack"
DATASET = "raw"


class Warehouse:
    """Loads packages of Arrow pages into raw. What it keeps on disk lives as long as one run."""

    def __init__(self, dsn: str, working_dir: Path) -> None:
        # Wiped, not resumed: a package that was killed half-way is read again from YouTrack, and
        # dlt restores its schema from the database. A torn file can then never block a run.
        shutil.rmtree(working_dir, ignore_errors=True)
        self._files = working_dir / "files"
        self._files.mkdir(parents=True)
        self.loaded: Counter[str] = Counter()
        self._pipeline = dlt.pipeline(
            pipeline_name=PIPELINE,
            pipelines_dir=str(working_dir / "pipelines"),
            destination=postgres(credentials=_credentials(dsn), create_indexes=False),
            dataset_name=DATASET,
        )

    def create_tables(self) -> None:
        """Make sure that every raw table exists with every column."""
        self._run(empty_tables())

    def load(self, pages: dict[str, Iterable[pa.Table]], *, append: bool = False) -> None:
        """Merge pages into the tables that they are named for (or append), as one dlt package."""
        counted = {table: self._counted(table, each) for table, each in pages.items()}
        self._run(youtrack(counted, self._files, append=append))

    def _counted(self, table: str, pages: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for page in pages:
            self.loaded[table] += page.num_rows
            yield page

    def _run(self, source: object) -> None:
        try:
            self._pipeline.run(source)
        except Exception as error:
            raise _told(error) from None


def _credentials(dsn: str) -> PostgresCredentials:
    """libpq's address as dlt's; it wants a password even where PostgreSQL asks for none."""
    parts = parse_dsn(dsn)
    credentials = PostgresCredentials()
    # dlt writes it into a URL, where the slashes of a socket directory would end the host
    credentials.host = parts.pop("host", "localhost").replace("/", "%2F")
    credentials.port = int(parts.pop("port", 5432))
    credentials.username = parts.pop("user", "postgres")
    credentials.password = parts.pop("password", "") or "none"
    credentials.database = parts.pop("dbname", credentials.username)
    credentials.query = parts
    return credentials


def _told(error: BaseException) -> BaseException:
    """The run's own error from under dlt's wrapping, or what PostgreSQL said."""
    cause: BaseException | None = error
    root = error
    while cause:
        root = cause
        if isinstance(cause, RunError):
            return cause
        if full := DiskError.of(cause, "the loader's folder"):
            return full
        if isinstance(cause, psycopg2.Error):
            return DatabaseError(f"loading into raw failed: {_one_line(cause)}")
        cause = cause.__cause__ or cause.__context__
    return DatabaseError(f"loading into raw failed: {type(root).__name__}: {_one_line(root)}")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:500]
