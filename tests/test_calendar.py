"""The command that fills work_calendar_days.csv, which is the truth."""

import csv
from datetime import date, timedelta
from pathlib import Path

import pytest

from extract.errors import ConfigurationError
from pipeline.calendar import CALENDAR, main, read_years, write_calendar
from pipeline.seeds import check_seeds

HEADER = "date,is_working,opens_at,closes_at,name\n"


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    path = tmp_path / CALENDAR
    path.parent.mkdir(parents=True)
    path.write_text(HEADER)
    return path


def rows(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as lines:
        return {row["date"]: row["is_working"] for row in csv.DictReader(lines)}


def test_russia_has_its_moved_days(calendar: Path, tmp_path: Path) -> None:
    # the government's decrees: 2024 works on three Saturdays, 2025 on one, 2026 on none
    told = write_calendar("RU", range(2024, 2027), tmp_path)
    found = rows(calendar)
    worked = [day for day, is_working in found.items() if is_working == "true"]
    assert worked == ["2024-04-27", "2024-11-02", "2024-12-28", "2025-11-01"]
    for day in ("2024-04-29", "2024-12-30", "2025-05-08", "2026-01-09", "2026-06-12"):
        assert found[day] == "false"
    # working days of the production calendar, as published for each year
    assert {year: working_days(year, found) for year in (2024, 2025, 2026)} == {
        2024: 248,
        2025: 247,
        2026: 247,
    }
    assert told == [f"{CALENDAR}: {len(found)} days of RU, 2024 to 2026"]
    check_seeds_of(calendar, tmp_path)


def working_days(year: int, exceptions: dict[str, str]) -> int:
    """Days of the year that are worked, of a week from Monday to Friday."""
    first = date(year, 1, 1)
    days = [first + timedelta(days=count) for count in range(365 + (year % 4 == 0))]
    return sum(
        exceptions.get(day.isoformat(), "true" if day.weekday() < 5 else "false") == "true"
        for day in days
    )


def check_seeds_of(calendar: Path, root: Path) -> None:
    """What is written passes the seeds' own check."""
    (calendar.parent / "_seeds.yml").write_bytes(
        (Path(__file__).parents[1] / "dbt_project" / "seeds" / "_seeds.yml").read_bytes()
    )
    check_seeds(root)


def test_a_second_writing_changes_nothing(calendar: Path, tmp_path: Path) -> None:
    write_calendar("RU", range(2024, 2028), tmp_path)
    first = calendar.read_bytes()
    told = write_calendar("ru", range(2024, 2028), tmp_path)
    assert calendar.read_bytes() == first
    assert len(told) == 1


def test_lines_of_people_stay(calendar: Path, tmp_path: Path) -> None:
    theirs = [
        "2026-01-09,true,10:00,14:00,we work\n",  # a holiday of the library
        '2026-07-31,false,,,"Founders, day"\n',
        "2026-06-12,true,10:00,12:00,День России (RU)\n",  # ours once, with hours of theirs
        "2026-02-23,false,,,23 февраля\n",
        "2025-01-01,false,,,New Year (RU)\n",  # not among the years asked for
        "2026-05-01,false,,,Labour Day (DE)\n",
    ]
    calendar.write_text(HEADER + "".join(theirs))
    told = write_calendar("RU", range(2026, 2027), tmp_path)
    lines = calendar.read_text().splitlines(keepends=True)
    assert [line for line in lines if line in theirs] == sorted(theirs)
    assert len(rows(calendar)) == len(lines) - 1  # no date twice
    assert sum("left as it was" in line for line in told) == 4
    assert "left as it was: 2026-01-09,true,10:00,14:00,we work" in told


def test_lines_of_its_own_are_written_anew(calendar: Path, tmp_path: Path) -> None:
    calendar.write_text(HEADER + "2026-01-09,true,,,x (RU)\n2026-03-02,false,,,y (RU)\n")
    told = write_calendar("RU", range(2026, 2027), tmp_path)
    assert rows(calendar)["2026-01-09"] == "false"
    assert "2026-03-02" not in rows(calendar)
    assert any(line.startswith("was: 2026-01-09,true,,,x (RU); is: 2026-01-09,") for line in told)
    assert "was: 2026-03-02,false,,,y (RU); is: taken out" in told


def test_a_region_and_a_windows_file(calendar: Path, tmp_path: Path) -> None:
    calendar.write_bytes(b"\xef\xbb\xbf" + HEADER.replace("\n", "\r\n").encode())
    write_calendar("DE-BY", range(2026, 2027), tmp_path)
    # Corpus Christi, which Bavaria has and Berlin has not
    assert "2026-06-04,false,,,Fronleichnam (DE-BY)\n" in calendar.read_text("utf-8")
    write_calendar("DE-BE", range(2026, 2027), tmp_path)
    assert {"2026-06-04", "2026-03-08"} <= rows(calendar).keys()  # Berlin's own beside it


def test_years_that_nobody_has_decreed_are_told(calendar: Path, tmp_path: Path) -> None:
    told = write_calendar("RU", range(2099, 2101), tmp_path)
    assert told[-1].startswith("Moved days of 2099 and later are not known to the library")


@pytest.mark.parametrize(
    ("country", "years", "said"),
    [
        ("XX", "2026", 'COUNTRY is an ISO code as RU or DE-BY, not "XX"'),
        ("", "2026", 'not ""'),
        ("DE-XX", "2026", "DE has no region XX, but BB"),
        ("RU", "26", 'YEARS is one year or two, as 2026 or 2024-2027, not "26"'),
        ("RU", "2027-2026", 'not "2027-2026"'),
        ("RU", "1900", "holidays of RU are known from 1991 to 2100"),
    ],
)
def test_what_it_cannot_do_is_said(
    country: str, years: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (Path(__file__).parents[1] / CALENDAR).read_bytes()
    assert main([country, years]) == 78
    assert said in capsys.readouterr().err
    assert (Path(__file__).parents[1] / CALENDAR).read_bytes() == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("day,is_working\n", "line 1: the columns are date,is_working,opens_at,closes_at,name"),
        (HEADER + "2026-01-01,false\n", "line 2: no row of a calendar"),
        (HEADER + 2 * "2026-01-01,false,,,a\n", 'names "2026-01-01" twice'),
        (HEADER + '2026-01-01,false,,,"a\n', "no CSV"),
    ],
)
def test_a_file_that_is_no_calendar_stays(
    calendar: Path, tmp_path: Path, content: str, said: str
) -> None:
    calendar.write_text(content)
    with pytest.raises(ConfigurationError, match="work_calendar_days.csv"):
        write_calendar("RU", range(2026, 2027), tmp_path)
    with pytest.raises(ConfigurationError) as refused:
        write_calendar("RU", range(2026, 2027), tmp_path)
    assert said in str(refused.value)
    assert calendar.read_text() == content


def test_years_are_one_or_two() -> None:
    assert read_years("2026") == range(2026, 2027)
    assert read_years(" 2024 - 2027 ") == range(2024, 2028)
