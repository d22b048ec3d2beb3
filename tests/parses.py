"""What dbt has read of the project, handed on between the tests: their databases, roles and copies.

dbt reads the whole project anew, seven seconds long, when anything of the connection differs from
the last time. Of all that, what it keeps holds the database's name and the project's folder alone.
What else has changed since, a file or a var, dbt notices and reads.
"""

import hashlib
import os
import pprint
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import msgpack
from dbt.adapters.postgres.connections import PostgresCredentials
from dbt.artifacts.resources import FileHash

KEPT = "partial_parse.msgpack"


@dataclass(frozen=True)
class Place:
    """Where a project is read, and for which connection."""

    root: str
    database: str
    connection: str

    @classmethod
    def of(cls, root: Path, environment: Mapping[str, str]) -> "Place":
        """That of a command in `root`; `environment` says which server and which database."""
        credentials = PostgresCredentials(
            host=environment["PGHOST"],
            port=int(environment["PGPORT"]),
            user=environment["PGUSER"],
            database=environment["PGDATABASE"],
            schema="marts",
            password="",
        )
        told = pprint.pformat(sorted(credentials.connection_info()))
        return cls(str(root), credentials.database, FileHash.from_contents(told).checksum)


class Parses:
    """A reading of each kind, in files of a folder that all workers of a session share.

    The first that is made: what a test alters in its project later on is that test's alone.
    """

    folder: Path

    def __init__(self) -> None:
        self._targets: dict[Path, tuple[str, Place]] = {}

    @contextmanager
    def lent(self, kind: str, target: Path, place: Place) -> Iterator[None]:
        """While a command runs whose vars and sources are those of `kind`."""
        file = target / KEPT
        shared = self.folder / f"{hashlib.sha256(kind.encode()).hexdigest()}.msgpack"
        if shared.exists() and self._targets.get(target) != (kind, place):
            try:
                target.mkdir(parents=True, exist_ok=True)
                file.write_bytes(_moved(*_read(shared), place))
            except OSError:  # a disk that a test has filled: the command reads by itself
                file.unlink(missing_ok=True)
        before = _written(file)
        yield
        if not shared.exists() and _written(file) not in (None, before):
            # one that was cut off, by a full disk or a signal, is nobody's
            with suppress(ValueError):
                _write(shared, file.read_bytes(), place)
        self._targets[target] = (kind, place)


def _read(file: Path) -> tuple[bytes, Place]:
    reading, *place = msgpack.unpackb(file.read_bytes())
    return reading, Place(*place)


def _write(file: Path, reading: bytes, place: Place) -> None:
    msgpack.unpackb(reading)
    # whole or not at all, as another worker may read it now
    own = file.with_suffix(f".{os.getpid()}")
    own.write_bytes(msgpack.packb([reading, *astuple(place)]))
    own.replace(file)


def _written(file: Path) -> int | None:
    return file.stat().st_mtime_ns if file.exists() else None


def _moved(kept: bytes, old: Place, new: Place) -> bytes:
    reading = msgpack.unpackb(kept)
    reading["state_check"]["profile_hash"]["checksum"] = new.connection
    return msgpack.packb(_replaced(reading, old, new))


def _replaced(value: Any, old: Place, new: Place) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(each, old, new) for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, old, new) for each in value]
    if not isinstance(value, str):
        return value
    if value in (old.database, old.root):
        return new.database if value == old.database else new.root
    return value.replace(f'"{old.database}".', f'"{new.database}".').replace(
        f"{old.root}/", f"{new.root}/"
    )
