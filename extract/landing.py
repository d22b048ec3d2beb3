"""The raw schema of one source, as dlt writes it: Arrow pages in, tables out.

Rows are handed to dlt as finished CSV files (`dlt.mark.with_file_import`), which it links into
its package and copies to PostgreSQL. Measured on 40,000 issues with 400,000 changes, rows at hand,
two cores: objects 700 issues/s, Arrow tables 2,700, imported CSV 4,850; normalisation, which has
nothing to do for rows that are already flat and typed, goes from 0.9 s to 0.04 s a package.

An empty text reads null: dlt's COPY takes `""` for null in every nullable column. No tracker has
empty texts where raw has text columns; JSON is not touched by this.
"""

from __future__ import annotations

import gc
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.csv
from psycopg2.extensions import parse_dsn

from extract.errors import DatabaseError, DiskError, RunError
from extract.isolated_dlt import (
    DltResource,
    Postgres,
    PostgresCredentials,
    dlt,
    load_package_state,
)
from extract.tables import Table

# one COPY reads one file; several let PostgreSQL work on more than one core
CSV_FILE_BYTES = 48 << 20

Pages = Mapping[str, Iterable[pa.Table]]


class Landing:
    """Loads packages of Arrow pages into a raw schema. What it keeps on disk lives for one run."""

    def __init__(
        self, dsn: str, working_dir: Path, *, source: str, schema: str, tables: Sequence[Table]
    ) -> None:
        # Wiped, not resumed: a package that was killed half-way is read again from the source, and
        # each run tells dlt the shape of what it loads. A torn file can then never block a run.
        shutil.rmtree(working_dir, ignore_errors=True)
        self._files = working_dir / "files"
        self._files.mkdir(parents=True)
        self.loaded: Counter[str] = Counter()
        self._source = source
        self._tables = tables
        self._pipeline = dlt.pipeline(
            pipeline_name=source,
            pipelines_dir=str(working_dir / "pipelines"),
            destination=Postgres(credentials=_credentials(dsn), create_indexes=False),
            dataset_name=schema,
        )

    def load(self, pages: Pages, *, append: bool = False) -> None:
        """Land pages in the tables that they are named for, as one dlt package.

        Rows are merged by key, so that loading anything twice changes nothing. `append` only adds
        them, at two thirds of the cost: for a first load, whose end takes out what came twice.
        """
        self._run(self._resources(pages, append=append))

    def _resources(self, pages: Pages, *, append: bool) -> Iterator[DltResource]:
        disposition = "append" if append else {"disposition": "merge", "strategy": "delete-insert"}
        for table in self._tables:
            if table.name in pages:
                counted = self._counted(table.name, pages[table.name])
                # a chain: of a bare generator dlt looks up the module, through a thousand file
                # names
                files = chain(_files(table, counted, self._files))
                hints = _hints(table, newest_first=not append)
                yield dlt.resource(files, write_disposition=disposition, **hints)

    def _counted(self, table: str, pages: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for page in pages:
            self.loaded[table] += page.num_rows
            yield page

    def _run(self, resources: Iterable[DltResource]) -> None:
        try:
            source = dlt.source(lambda: resources, name=self._source, max_table_nesting=0)
            self._pipeline.run(source())
        except Exception as error:
            raise _told(error) from None
        finally:
            # dlt leaves reference cycles that hold the package's rows: 10 MB of a thousand issues
            gc.collect(1)


def _hints(table: Table, *, newest_first: bool = False) -> dict[str, Any]:
    return {
        "name": table.name,
        "columns": table.dlt_columns(newest_first=newest_first),
        "primary_key": table.key,
        "merge_key": table.merge_key,
    }


def _files(table: Table, pages: Iterable[pa.Table], folder: Path) -> Iterator[Any]:
    """Write pages to CSV files of moderate size and hand over each as it is full."""
    load_id = load_package_state()["load_id"]
    remaining = iter(pages)
    number = 0
    while True:
        path = folder / f"{load_id}.{table.name}.{number}.csv"
        rows = _write_file(remaining, path, load_id)
        if rows:
            yield dlt.mark.with_file_import(str(path), "csv", rows)
        path.unlink(missing_ok=True)
        if not rows:
            return
        number += 1


def _write_file(pages: Iterator[pa.Table], path: Path, load_id: str) -> int:
    """Fill one CSV file; returns the number of its rows, 0 when there are no more pages."""
    rows = 0
    writer = None
    with path.open("wb") as file:
        for page in pages:
            if not page.num_rows:
                continue
            page = page.append_column("_dlt_load_id", pa.repeat(load_id, page.num_rows))
            writer = writer or pyarrow.csv.CSVWriter(file, page.schema)
            writer.write_table(page)
            rows += page.num_rows
            if file.tell() > CSV_FILE_BYTES:
                break
        if writer:
            writer.close()
    return rows


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
