"""A seed that a spreadsheet has saved in its own way is named before anything is read."""

import ast
import csv
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import FROZEN, REPOSITORY, Project
from test_run import value

from extract.errors import ConfigurationError
from pipeline.seeds import check_seeds

FILE = "dbt_project/seeds/excluded_teams.csv"
WRONG = {
    "another encoding": ("team\r\nЯдро\r\n".encode("cp1251"), 'line 2: not UTF-8; save it as "CSV'),
    "two bytes a letter": ("team\nMobile\n".encode("utf-16"), "line 1: not UTF-8"),
    "a NUL": (b"team\nMobile\0\n", "line 2: a NUL"),
    "another header": (b"teams\nMobile\n", "line 1: the columns are team, not teams"),
    "nothing": (b"", "line 1: the columns are team, not nothing"),
    "too many values": (b"team\nWeb\nMobile,x\n", "line 3: 2 values instead of 1"),
    "a blank": (b"team\nMobile \n", 'line 2: "Mobile " begins or ends with a blank'),
    "an open quote": (b'team\n"Mobile\n', "line 2: no CSV"),
}


def shipped(macro: str) -> list[str]:
    """The names that a macro of shipped_names.sql returns."""
    text = (REPOSITORY / "dbt_project" / "macros" / "shipped_names.sql").read_text("utf-8")
    return ast.literal_eval(text.split(f"macro {macro}()")[1].split("return(")[1].split(")")[0])


def test_what_ships_is_known_as_shipped() -> None:
    """Whoever adds a state or a story type for everybody adds it to the macro, too."""
    with (REPOSITORY / "dbt_project/seeds/state_categories.csv").open(encoding="utf-8") as file:
        assert [row["state"] for row in csv.DictReader(file)] == shipped("shipped_states")
    project = yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text("utf-8"))
    assert project["vars"]["story_types"] == shipped("shipped_story_types")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "dbt_project" / "seeds"
    folder.mkdir(parents=True)
    for path in (REPOSITORY / "dbt_project" / "seeds").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.parametrize(("content", "said"), WRONG.values(), ids=WRONG)
def test_a_seed_that_cannot_be_read_as_meant_is_named_with_its_line(
    root: Path, content: bytes, said: str
) -> None:
    (root / FILE).write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        check_seeds(root)
    assert str(raised.value).startswith(f"{FILE}, {said}")


SLIPS = {
    "a category that is none": (
        "state_categories",
        "state,category\nOpen,todo\nReview,in_progres\n",
        "line 3: category is one of todo, in_progress, waiting, done, cancelled, "
        'not "in_progres"; in_progress is meant?',
    ),
    "a state without category": (
        "state_categories",
        "state,category\nOpen,\n",
        "line 2: category is empty",
    ),
    "a state twice": (
        "state_categories",
        'state,category\nОткрыта,todo\n"In\nwork",waiting\nоткрыта,done\n',
        'line 5: state names "открыта" again, after line 2',
    ),
    "a day that is no number": (
        "lead_time_buckets",
        "label,from_day,to_day,position\nall,0,1.5,1\n",
        'line 2: to_day is a whole number, not "1.5"',
    ),
    "a board twice": (
        "board_teams",
        "board_id,board,team\n,Kanban,Web\n,Scrum,Web\n83-1,,Web\n83-1,,Core\n",
        'line 5: board_id names "83-1" again, after line 4',
    ),
    "a weekday twice": (
        "work_week",
        "weekday,opens_at,closes_at\n1,09:00,18:00\n2,09:00,18:00\n1,10:00,18:00\n",
        'line 4: weekday names "1" again, after line 2',
    ),
    "a weekday that is none": (
        "work_week",
        "weekday,opens_at,closes_at\n0,09:00,18:00\nMonday,09:00,18:00\n",
        'line 2: weekday is one of 1, 2, 3, 4, 5, 6, 7, not "0"; '
        'line 3: weekday is a whole number, not "Monday"; '
        'line 3: weekday is one of 1, 2, 3, 4, 5, 6, 7, not "Monday"',
    ),
    "a weekday without hours": (
        "work_week",
        "weekday,opens_at,closes_at\n1,09:00,\n",
        "line 2: closes_at is empty",
    ),
    "closing before opening": (
        "work_week",
        "weekday,opens_at,closes_at\n1,9:00,18:00:00\n2,18:00,9:00\n",
        'line 3: closes_at is later on the day than opens_at (18:00), not "9:00"',
    ),
    "closing as it opens": (
        "work_week",
        "weekday,opens_at,closes_at\n1,09:00,9:00:00\n",
        'line 2: closes_at is later on the day than opens_at (09:00), not "9:00:00"',
    ),
    "hours past midnight": (
        "work_week",
        "weekday,opens_at,closes_at\n1,09:00,24:00\n2,18:00,26:00\n3,09:60,24:01\n",
        'line 3: closes_at is a time of day from 00:00 to 24:00, not "26:00"; '
        'line 4: closes_at is a time of day from 00:00 to 24:00, not "24:01"; '
        'line 4: opens_at is a time of day from 00:00 to 24:00, not "09:60"',
    ),
    "a date that is none": (
        "work_calendar_days",
        "date,is_working,opens_at,closes_at,name\n"
        "2026-02-29,false,,,\n12.06.2026,false,,,\n20260612,FALSE,,,\n",
        'line 2: date is a date as 2026-06-12, not "2026-02-29"; '
        'line 3: date is a date as 2026-06-12, not "12.06.2026"; '
        'line 4: date is a date as 2026-06-12, not "20260612"',
    ),
    "an exception twice": (
        "work_calendar_days",
        "date,is_working,opens_at,closes_at,name\n2026-06-12,false,,,\n2026-06-12,true,,,\n",
        'line 3: date names "2026-06-12" again, after line 2',
    ),
    "neither true nor false": (
        "work_calendar_days",
        "date,is_working,opens_at,closes_at,name\n2026-06-12,нет,,,\n",
        'line 2: is_working is true or false, not "нет"',
    ),
    "closing before the weekday opens": (
        "work_calendar_days",
        "date,is_working,opens_at,closes_at,name\n"
        "2026-06-12,false,,08:00,\n2026-06-11,TRUE,,08:00,\n2026-06-13,true,18:00,,\n",
        'line 3: closes_at is later on the day than opens_at (09:00), not "08:00"; '
        'line 4: closes_at is later on the day than opens_at (18:00), not "18:00"',
    ),
}


@pytest.mark.parametrize(("seed", "content", "said"), SLIPS.values(), ids=SLIPS)
def test_a_value_that_a_test_of_the_seed_refuses_is_named_with_its_line(
    root: Path, seed: str, content: str, said: str
) -> None:
    file = f"dbt_project/seeds/{seed}.csv"
    (root / file).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        check_seeds(root)
    assert str(raised.value) == f"{file}, {said}"


WEEK, DAYS = (f"dbt_project/seeds/{seed}.csv" for seed in ("work_week", "work_calendar_days"))


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (
            "2026-06-12,false,,,\n",
            f"{WEEK} and {DAYS} name no working day, so that no issue would have any working time",
        ),
        (
            "2026-06-12,true,09:00,,\n",
            f"{DAYS}, line 2: closes_at is empty, and work_week.csv has no hours for it",
        ),
    ],
)
def test_a_calendar_without_any_working_day_is_named(root: Path, days: str, said: str) -> None:
    (root / WEEK).write_text("weekday,opens_at,closes_at\n", encoding="utf-8")
    (root / DAYS).write_text(f"date,is_working,opens_at,closes_at,name\n{days}", encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        check_seeds(root)
    assert str(raised.value) == said


def test_a_week_may_be_made_of_working_days_by_name(root: Path) -> None:
    (root / WEEK).write_text("weekday,opens_at,closes_at\n", encoding="utf-8")
    (root / DAYS).write_text(
        "date,is_working,opens_at,closes_at,name\n2026-06-12,true,09:00,18:00,Inventory\n",
        encoding="utf-8",
    )
    check_seeds(root)


def test_semicolons_for_commas_are_named(root: Path) -> None:
    path = root / "dbt_project" / "seeds" / "state_categories.csv"
    path.write_bytes(path.read_bytes().replace(b",", b";"))
    with pytest.raises(ConfigurationError, match=r"state_categories.csv, line 1: .* put commas"):
        check_seeds(root)


@pytest.mark.parametrize(
    "content",
    ["\ufeffteam\r\nЯдро\r\n\r\n", 'team\n"Rock\'n, Data"\n', "team\nЯдро"],
    ids=["mark and CRLF", "quotes", "no last line break"],
)
def test_what_a_spreadsheet_saves_as_utf8_is_fine(root: Path, content: str) -> None:
    (root / FILE).write_bytes(content.encode())
    check_seeds(root)


def test_an_upgrade_keeps_the_lines_that_both_sides_have_added(root: Path) -> None:
    (root / ".gitattributes").write_bytes((REPOSITORY / ".gitattributes").read_bytes())
    seed = root / "dbt_project" / "seeds" / "state_categories.csv"

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=analyst", "-c", "user.email=analyst@example.com")
        subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)

    def commit(line: str) -> None:
        seed.write_text(seed.read_text(encoding="utf-8") + line, encoding="utf-8")
        git("add", "--all")
        git("commit", "--message", "a line")

    git("init", "--initial-branch", "theirs")
    commit("")
    git("switch", "--create", "ours")
    commit("Ждём заказчика,waiting\n")
    git("switch", "theirs")
    commit("Parked,waiting\nВ карантине,waiting\n")
    git("switch", "ours")
    git("merge", "theirs")
    lines = seed.read_text(encoding="utf-8").splitlines()
    assert {"Ждём заказчика,waiting", "Parked,waiting", "В карантине,waiting"} <= set(lines)
    check_seeds(root)


@pytest.fixture
def in_code_page(project: Project) -> Iterator[None]:
    path = project.root / FILE
    before = path.read_bytes()
    path.write_bytes(WRONG["another encoding"][0])
    yield
    path.write_bytes(before)


@pytest.mark.usefixtures("in_code_page")
def test_a_run_and_the_doctor_refuse_it(
    project: Project, server, published: tuple[str, dict[str, str]]
) -> None:
    database, environment = published
    said = f'{FILE}, line 2: not UTF-8; save it as "CSV UTF-8"'
    for command in ("run", "build"):
        run = project.run(command, "--vars", FROZEN, environment=environment)
        assert run.returncode == 78
        assert said in run.stderr
        assert value(server, database, "select error from marts.pipeline_status") == said
    doctor = project.run("doctor", environment=environment)
    assert doctor.returncode == 78
    assert said in doctor.stdout
