"""The seeds, which people edit in spreadsheets: looked at before a run reads anything."""

import csv
import re
from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from extract.errors import ConfigurationError
from pipeline.settings import PROJECT_ROOT

_FOLDER = Path("dbt_project") / "seeds"
# of one file; the rest shows when these are mended
FAULTS_TOLD = 5

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# 24:00 is the end of the day
_TIME = re.compile(r"((2[0-3]|[01]?[0-9]):[0-5][0-9](:[0-5][0-9])?|24:00(:00)?)")


def check_seeds(root: Path = PROJECT_ROOT) -> None:
    """Raise ConfigurationError with the file and the line that dbt could not read as meant.

    The values are held against the tests that the YAML beside them names, which dbt would tell of
    by their own names and without a line.
    """
    folder = root / _FOLDER
    seeds = _documented_seeds(folder)
    checked = {}
    for path in sorted(folder.glob("**/*.csv")):
        name = path.relative_to(root).as_posix()
        try:
            lines = read_lines(path.read_bytes(), name)
        except OSError as error:
            raise ConfigurationError(f"{name} cannot be read: {error.strerror}") from None
        seed = seeds.get(path.stem)
        rows = _rows(lines, name, [column["name"] for column in seed["columns"]] if seed else None)
        if seed:
            _check_values(rows, name, seed)
            checked[path.stem] = rows
    if "work_week" in checked and "work_calendar_days" in checked:
        _check_hours(checked["work_week"], checked["work_calendar_days"])


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


def read_lines(content: bytes, name: str) -> list[str]:
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
    of_table = _key_tests(seed)
    for column in seed["columns"]:
        values = [(line, row[column["name"]]) for line, row in rows]
        tests = [
            types.get(column["name"]),
            *of_table.get(column["name"], []),
            *(column.get("data_tests") or []),
        ]
        for test in tests:
            kind, given = next(iter(test.items())) if isinstance(test, dict) else (test, {})
            faults += [
                (line, f"{column['name']} {said}") for line, said in _faults(kind, given, values)
            ]
    _refuse(faults, name)


def _key_tests(seed: dict[str, Any]) -> dict[str, list[str]]:
    """What the seed's test `key` says of each column."""
    found: dict[str, list[str]] = {}
    for test in seed.get("data_tests") or []:
        arguments = test["key"]["arguments"] if "key" in test else {}
        for column in arguments.get("columns", []):
            found[column] = ["not_null", "unique"]
        for column in arguments.get("not_null", []):
            found[column] = ["not_null"]
    return found


def _refuse(faults: list[tuple[int, str]], name: str) -> None:
    """Raise ConfigurationError with the first faults of a file, if it has any."""
    if faults:
        told = [f"line {line}: {said}" for line, said in sorted(faults)[:FAULTS_TOLD]]
        more = f"; and {len(faults) - len(told)} more" if len(faults) > len(told) else ""
        raise ConfigurationError(f"{name}, {'; '.join(told)}{more}")


def _check_hours(week: list[_Row], days: list[_Row]) -> None:
    """Work begins before it ends, be the hours a day's own or its weekday's; some day is worked."""
    names = [(_FOLDER / f"{seed}.csv").as_posix() for seed in ("work_week", "work_calendar_days")]
    usual = {int(row["weekday"]): row for _, row in week}
    # what int_work_days takes for a weekday without a row
    first = usual[min(usual)] if usual else {"opens_at": "", "closes_at": ""}
    working = [(line, row) for line, row in days if row["is_working"].lower() == "true"]
    _refuse([fault for line, row in week for fault in _hours_faults(line, row, row)], names[0])
    _refuse(
        [
            fault
            for line, row in working
            for fault in _hours_faults(
                line, row, usual.get(date.fromisoformat(row["date"]).isoweekday(), first)
            )
        ],
        names[1],
    )
    if not week and not working:
        raise ConfigurationError(
            f"{names[0]} and {names[1]} name no working day, so that no issue would have any "
            "working time"
        )


def _hours_faults(
    line: int, row: dict[str, str], usual: dict[str, str]
) -> Iterator[tuple[int, str]]:
    """What is wrong with the hours of a day; those that are empty are the usual ones."""
    hours = {column: row[column] or usual[column] for column in ("opens_at", "closes_at")}
    empty = [column for column, value in hours.items() if not value]
    if empty:
        yield line, f"{empty[0]} is empty, and work_week.csv has no hours for it"
    elif _padded(hours["opens_at"]) >= _padded(hours["closes_at"]):
        opens_at, closes_at = hours.values()
        yield line, f'closes_at is later on the day than opens_at ({opens_at}), not "{closes_at}"'


def _padded(time: str) -> str:
    """A time of day in a form that sorts: 9:00 as 09:00:00."""
    return (time if time.count(":") == 2 else f"{time}:00").rjust(8, "0")


def _faults(
    kind: str | None, given: dict[str, Any], values: list[tuple[int, str]]
) -> Iterator[tuple[int, str]]:
    """The lines that a type or a test of the YAML refuses, and what is wrong there."""
    if kind == "integer":
        for line, value in values:
            if value and not value.removeprefix("-").isdecimal():
                yield line, f'is a whole number, not "{value}"'
    elif kind == "date":
        for line, value in values:
            if value and not _is_date(value):
                yield line, f'is a date as 2026-06-12, not "{value}"'
    elif kind == "time":
        for line, value in values:
            if value and not _TIME.fullmatch(value):
                yield line, f'is a time of day from 00:00 to 24:00, not "{value}"'
    elif kind == "boolean":
        for line, value in values:
            if value and value.lower() not in ("true", "false"):
                yield line, f'is true or false, not "{value}"'
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


def _is_date(value: str) -> bool:
    """Whether a text is a date that the calendar has, written as ISO 8601 has it."""
    try:
        return bool(_DATE.fullmatch(value) and date.fromisoformat(value))
    except ValueError:
        return False
