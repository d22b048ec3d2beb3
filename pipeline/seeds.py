"""The seeds, which people edit in spreadsheets: looked at before a run reads anything."""

import csv
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from extract.errors import ConfigurationError
from pipeline.settings import PROJECT_ROOT

_FOLDER = Path("dbt_project") / "seeds"
# of one file; the rest shows when these are mended
FAULTS_TOLD = 5


def check_seeds(root: Path = PROJECT_ROOT) -> None:
    """Raise ConfigurationError with the file and the line that dbt could not read as meant.

    The values are held against the tests that the YAML beside them names, which dbt would tell of
    by their own names and without a line.
    """
    folder = root / _FOLDER
    seeds = _documented_seeds(folder)
    for path in sorted(folder.glob("**/*.csv")):
        name = path.relative_to(root).as_posix()
        try:
            lines = _lines(path.read_bytes(), name)
        except OSError as error:
            raise ConfigurationError(f"{name} cannot be read: {error.strerror}") from None
        seed = seeds.get(path.stem)
        rows = _rows(lines, name, [column["name"] for column in seed["columns"]] if seed else None)
        if seed:
            _check_values(rows, name, seed)


def _documented_seeds(folder: Path) -> dict[str, dict[str, Any]]:
    """Each seed by name, as the YAML files beside it describe it."""
    found: dict[str, dict[str, Any]] = {}
    for path in folder.glob("*.yml"):
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            reason = " ".join(str(error).split())
            raise ConfigurationError(f"{_FOLDER / path.name} cannot be read: {reason}") from None
        for seed in document.get("seeds") or []:
            found[seed["name"]] = {**seed, "columns": seed.get("columns") or []}
    return found


def _lines(content: bytes, name: str) -> list[str]:
    """The file as text, its byte-order mark left out."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f'{name}, line {line}: not UTF-8; save it as "CSV UTF-8"'
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigurationError(
            f'{name}, line {line}: a NUL, which no text holds; save it as "CSV UTF-8"'
        )
    return text.splitlines(keepends=True)


# a line's number, and its values by column
_Row = tuple[int, dict[str, str]]


def _rows(lines: list[str], name: str, columns: list[str] | None) -> list[_Row]:
    """The rows; their header is the documented one (in any order), each has as many values."""
    rows = csv.reader(lines, strict=True)
    found = []
    try:
        header = next(rows, [])
        if columns is not None and sorted(header) != sorted(columns):
            advice = "; put commas between values" if ";" in "".join(header) else ""
            raise ConfigurationError(
                f"{name}, line 1: the columns are {','.join(columns)}, not "
                f"{','.join(header) or 'nothing'}{advice}"
            )
        for row in rows:
            if row and len(row) != len(header):
                advice = "; put commas between values" if ";" in "".join(row) else ""
                raise ConfigurationError(
                    f"{name}, line {rows.line_num}: {len(row)} values instead of "
                    f"{len(header)}{advice}"
                )
            edged = next((value for value in row if value != value.strip()), None)
            if edged is not None:
                raise ConfigurationError(
                    f'{name}, line {rows.line_num}: "{edged}" begins or ends with a blank, which '
                    "no name does; take it out"
                )
            if row:
                found.append((rows.line_num, dict(zip(header, row, strict=True))))
    except csv.Error as error:
        raise ConfigurationError(f"{name}, line {rows.line_num}: no CSV ({error})") from None
    return found


def _check_values(rows: list[_Row], name: str, seed: dict[str, Any]) -> None:
    """Each column's values are of its type, and pass the tests that are dbt's or ours."""
    types = (seed.get("config") or {}).get("column_types") or {}
    faults = []
    for column in seed["columns"]:
        values = [(line, row[column["name"]]) for line, row in rows]
        tests = [types.get(column["name"]), *(column.get("data_tests") or [])]
        for test in tests:
            kind, given = next(iter(test.items())) if isinstance(test, dict) else (test, {})
            faults += [
                (line, f"{column['name']} {said}") for line, said in _faults(kind, given, values)
            ]
    if faults:
        told = [f"line {line}: {said}" for line, said in sorted(faults)[:FAULTS_TOLD]]
        more = f"; and {len(faults) - len(told)} more" if len(faults) > len(told) else ""
        raise ConfigurationError(f"{name}, {'; '.join(told)}{more}")


def _faults(
    kind: str | None, given: dict[str, Any], values: list[tuple[int, str]]
) -> Iterator[tuple[int, str]]:
    """The lines that a type or a test of the YAML refuses, and what is wrong there."""
    if kind == "integer":
        for line, value in values:
            if value and not value.removeprefix("-").isdecimal():
                yield line, f'is a whole number, not "{value}"'
    elif kind == "not_null":
        yield from ((line, "is empty") for line, value in values if not value)
    elif kind == "accepted_values":
        accepted = [str(each) for each in (given.get("arguments") or {}).get("values") or []]
        for line, value in values:
            if value and value not in accepted:
                close = get_close_matches(value, accepted, n=1)
                meant = f"; {close[0]} is meant?" if close else ""
                yield line, f'is one of {", ".join(accepted)}, not "{value}"{meant}'
    elif kind in ("unique", "unique_ignoring_case"):
        seen: dict[str, int] = {}
        for line, value in values:
            key = value.casefold() if kind == "unique_ignoring_case" else value
            if value and key in seen:
                yield line, f'names "{value}" again, after line {seen[key]}'
            seen.setdefault(key, line)
