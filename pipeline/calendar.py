"""`make calendar`: write a country's holidays and moved working days into work_calendar_days.csv.

Lines of the file that it did not write stay as they are, and their dates keep what they say.
"""

import argparse
import csv
import io
import os
import re
import sys
from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches
from pathlib import Path

import holidays

from extract.errors import ConfigurationError, RunError
from pipeline.seeds import read_lines
from pipeline.settings import PROJECT_ROOT

CALENDAR = Path("dbt_project") / "seeds" / "work_calendar_days.csv"
HEADER = ["date", "is_working", "opens_at", "closes_at", "name"]


def main(arguments: list[str] | None = None) -> int:
    """Write the calendar; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.calendar", description=__doc__)
    parser.add_argument(
        "country", help="ISO code, as RU; with the code of a region where those differ, as DE-BY"
    )
    parser.add_argument("years", help="one, as 2026, or from and to, as 2024-2027")
    options = parser.parse_args(arguments)
    try:
        for line in write_calendar(options.country.strip(), read_years(options.years)):
            sys.stdout.write(f"{line}\n")
    except RunError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def read_years(text: str) -> range:
    """The years that a text as 2026 or 2024-2027 names."""
    found = re.fullmatch(r"\s*([0-9]{4})\s*(?:-\s*([0-9]{4})\s*)?", text)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, -1)
    if first > last:
        raise ConfigurationError(f'YEARS is one year or two, as 2026 or 2024-2027, not "{text}"')
    return range(first, last + 1)


def write_calendar(country: str, years: range, root: Path = PROJECT_ROOT) -> list[str]:
    """Bring the file up to date; returns what is to be told of it, in lines.

    A line is ours when its name ends with the country's code and it has no hours; ours of these
    years are written anew. A date that another line names is that line's.

    Raises ConfigurationError for a country or years that the library does not know, and for a file
    that is no calendar.
    """
    path = root / CALENDAR
    days = _holidays(country, years)
    code = "-".join(filter(None, [days.country, days.subdiv]))
    mark = f" ({code})"
    old = _read(path, root)
    ours = {
        row["date"]: line
        for line, row in old
        if row["name"].endswith(mark)
        and not row["opens_at"]
        and not row["closes_at"]
        and row["date"][:4] in map(str, years)
    }
    kept = {row["date"]: line for line, row in old if row["date"] not in ours}
    new = {
        day.isoformat(): _line([day.isoformat(), str(is_working).lower(), "", "", name + mark])
        for day, (is_working, name) in _exceptions(days, years).items()
    }
    theirs = sorted(new.keys() & kept.keys())
    lines = {**new, **kept}
    # sorted, so that a person finds a date; what has no date is for the seeds' check to name
    _replace(path, _line(HEADER) + "".join(lines[day] for day in sorted(lines)))
    changed = sorted(day for day in ours if day not in theirs and new.get(day) != ours[day])
    return [
        f"{CALENDAR}: {len(new) - len(theirs)} days of {code}, {years[0]} to {years[-1]}",
        *(f"was: {ours[day].strip()}; is: {new.get(day, 'taken out').strip()}" for day in changed),
        *(f"left as it was: {kept[day].strip()}" for day in theirs),
        *_unknown(days, years),
    ]


def _read(path: Path, root: Path) -> list[tuple[str, dict[str, str]]]:
    """Each line as it stands, with its values."""
    name = path.relative_to(root).as_posix()
    try:
        physical = read_lines(path.read_bytes(), name)
    except OSError as error:
        raise ConfigurationError(f"{name} cannot be read: {error.strerror}") from None
    reader = csv.reader(physical, strict=True)
    try:
        header = next(reader, [])
        if header != HEADER:
            raise ConfigurationError(f"{name}, line 1: the columns are {','.join(HEADER)}")
        start, found = reader.line_num, []
        for row in reader:
            if row and len(row) != len(header):
                raise ConfigurationError(f"{name}, line {reader.line_num}: no row of a calendar")
            line = "".join(physical[start : reader.line_num])
            start = reader.line_num
            if row:
                ended = line if line.endswith(("\n", "\r")) else line + "\n"
                found.append((ended, dict(zip(header, row, strict=True))))
    except csv.Error as error:
        raise ConfigurationError(f"{name}, line {reader.line_num}: no CSV ({error})") from None
    dates = [row["date"] for _, row in found]
    twice = next((day for day in dates if dates.count(day) > 1), None)
    if twice is not None:
        raise ConfigurationError(f'{name} names "{twice}" twice; take one of the lines out')
    return found


def _exceptions(days: holidays.HolidayBase, years: range) -> dict[date, tuple[bool, str]]:
    """Each holiday (not worked) and each weekend day that is worked, with its name."""
    found = {day: (False, name) for day, name in days.items() if day.year in years}
    moved = "рабочий день" if days.default_language == "ru" else "working day"
    return found | {day: (True, moved) for day in days.weekend_workdays if day.year in years}


def _holidays(country: str, years: range) -> holidays.HolidayBase:
    code, _, region = country.upper().partition("-")
    known = holidays.list_supported_countries()
    if code not in known:
        near = get_close_matches(code, known, n=3, cutoff=0.5)
        advice = f"; {', '.join(near)}?" if near else ""
        raise ConfigurationError(f'COUNTRY is an ISO code as RU or DE-BY, not "{country}"{advice}')
    if region and region not in known[code]:
        raise ConfigurationError(
            f"COUNTRY: {code} has no region {region}, but {', '.join(known[code]) or 'none'}"
        )
    # in the country's own language, whatever this machine's is
    language = holidays.country_holidays(code).default_language
    days = holidays.country_holidays(code, region or None, years, language=language)
    if years[0] < days.start_year or years[-1] > days.end_year:
        raise ConfigurationError(
            f"YEARS: holidays of {code} are known from {days.start_year} to {days.end_year}"
        )
    return days


def _unknown(days: holidays.HolidayBase, years: range) -> Iterator[str]:
    """A line where the country moves days each year and nobody knows yet how."""
    decreed = getattr(days, "special_public_holidays", {})
    missing = [year for year in years if decreed and year > max(decreed)]
    if missing:
        yield (
            f"Moved days of {missing[0]} and later are not known to the library "
            f"(holidays {holidays.__version__}): add them by hand"
        )


def _line(values: list[str]) -> str:
    """A line of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


def _replace(path: Path, text: str) -> None:
    """Write all of it or nothing."""
    beside = path.with_suffix(".csv.new")
    try:
        beside.write_bytes(text.encode())
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigurationError(f"{path} cannot be written ({error.strerror})") from None


if __name__ == "__main__":
    raise SystemExit(main())
