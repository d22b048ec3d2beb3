"""The seeds, which people edit in spreadsheets: looked at before a run reads anything."""

import csv
from pathlib import Path

import yaml

from extract.errors import ConfigurationError
from extract.settings import PROJECT_ROOT

_FOLDER = Path("dbt_project") / "seeds"


def check_seeds(root: Path = PROJECT_ROOT) -> None:
    """Raise ConfigurationError with the file and the line that dbt could not read as meant."""
    folder = root / _FOLDER
    columns = _documented_columns(folder)
    for path in sorted(folder.glob("**/*.csv")):
        name = path.relative_to(root).as_posix()
        try:
            lines = _lines(path.read_bytes(), name)
        except OSError as error:
            raise ConfigurationError(f"{name} cannot be read: {error.strerror}") from None
        _check_rows(lines, name, columns.get(path.stem))


def _documented_columns(folder: Path) -> dict[str, list[str]]:
    """The columns of each seed, as the YAML files beside it name them."""
    found: dict[str, list[str]] = {}
    for path in folder.glob("*.yml"):
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            reason = " ".join(str(error).split())
            raise ConfigurationError(f"{_FOLDER / path.name} cannot be read: {reason}") from None
        for seed in document.get("seeds") or []:
            found[seed["name"]] = [column["name"] for column in seed.get("columns") or []]
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


def _check_rows(lines: list[str], name: str, columns: list[str] | None) -> None:
    """The header is the documented one (in any order), and each row has as many values."""
    rows = csv.reader(lines, strict=True)
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
    except csv.Error as error:
        raise ConfigurationError(f"{name}, line {rows.line_num}: no CSV ({error})") from None
