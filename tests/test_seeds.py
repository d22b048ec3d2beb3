"""A seed that a spreadsheet has saved in its own way is named before anything is read."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import FROZEN, REPOSITORY, Project
from test_run import value

from extract.errors import ConfigurationError
from extract.seeds import check_seeds

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
