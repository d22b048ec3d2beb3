"""The README and the pages of docs/ name what exists, and the two READMEs say the same."""

import re
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, PostgresServer

from extract import errors
from extract.sources import SOURCES
from pipeline.settings import own_variables

README, IN_RUSSIAN = REPOSITORY / "README.md", REPOSITORY / "README.ru.md"
PAGES = [README, IN_RUSSIAN, *sorted((REPOSITORY / "docs").glob("*.md"))]
FOLDERS = "bench|datalens|dbt_project|demo|deploy|docs|extract|pipeline|report|tests|wall|youtrack"
WRITTEN_BY_THE_READER = {
    "deploy/.env",
    "dbt_project/models/marts/agg_my_numbers.sql",
}


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _links(page: Path) -> list[str]:
    return re.findall(r"\]\((?!http)([^)]+)\)", _text(page))


def _anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub spells them in an address."""
    headings = re.findall(r"^#+ (.+)$", _text(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_names_files_and_sections_that_exist(page: Path) -> None:
    paths = set(re.findall(rf"(?<![\w./-])(?:{FOLDERS})/[\w./-]*\w", _text(page)))
    missing = {path for path in paths if not (REPOSITORY / path).exists()}
    assert missing <= WRITTEN_BY_THE_READER
    for link in _links(page):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def _of_a_kind(readme: Path) -> dict[str, list[str]]:
    """What the READMEs share in whatever language: commands, output, names, pages linked."""
    text = _text(readme)
    shown = [line.partition("  #")[0].rstrip() for line in re.findall(r"^ {4,}(.+)$", text, re.M)]
    others = {"README.md", "README.ru.md"}
    return {
        "headings": re.findall(r"^#+(?= )", text, re.M),
        "shown": shown,
        "settings": re.findall(r"^\| (`.+?`(?:, …)?) \|", text, re.M),
        "links": [link for link in _links(readme) if link[0] != "#" and link not in others],
    }


def test_the_russian_readme_is_in_step() -> None:
    english = _of_a_kind(README)
    assert all(english.values())
    assert _of_a_kind(IN_RUSSIAN) == english


def test_every_source_has_a_section_and_every_setting_a_row() -> None:
    text = _text(README)
    assert len(SOURCES) > 1
    assert [each.title for each in SOURCES if f"\n## Your own {each.title}\n" not in text] == []
    first_cells = re.findall(r"^\| (`.+?) \|", text.split("\n## Settings\n")[1], re.M)
    assert own_variables() - set(re.findall(r"`(\w+)`", " ".join(first_cells))) == set()


def test_every_exit_code_is_explained() -> None:
    table = _text(REPOSITORY / "docs" / "operations.md").split("| exit code | meaning |")[1]
    explained = {
        int(code)
        for row in re.findall(r"^\| ([\d, ]+) \|", table.split("\n\n")[0], re.M)
        for code in row.split(",")
    }
    own = {each.exit_code for each in vars(errors).values() if hasattr(each, "exit_code")}
    assert len(own) > 5
    assert explained == own | {0, 130, 143}


def test_the_page_of_definitions_names_every_var_seed_and_mart_and_no_other() -> None:
    page = _text(REPOSITORY / "docs" / "definitions.md")
    project = _text(REPOSITORY / "dbt_project.yml")
    settings = project.split("\nvars:\n")[1].split("\non-run-start:")[0]
    # of the installation, not of a number
    definitions = set(re.findall(r"^  (?:# )?(\w+):", settings, re.M))
    definitions -= {"trackers", "monitorings", "reader_role"}
    folder = REPOSITORY / "dbt_project"
    models = {path.stem for path in (folder / "models").rglob("*.sql")}
    seeds = {path.stem for path in (folder / "seeds").glob("*.csv")}
    marts = {path.stem for path in (folder / "models" / "marts").rglob("*.sql")}
    words, tables = page.split("\n## The tables\n")
    defined = [re.split(r"(?<!\\)\|", row)[-2] for row in re.findall(r"^\|.+\|$", words, re.M)]
    named: dict[str, set[str]] = {"var": set(), "seed": set(), "model": set()}
    for part in (part for cell in defined for part in cell.split(";")):
        kind = part.split("`")[0].strip().removesuffix("s")
        if kind in named:
            named[kind] |= set(re.findall(r"`(\w+)`", part))
    assert named["var"] == definitions
    assert named["seed"] == seeds
    assert named["model"] <= models
    assert set(re.findall(r"^\| `(\w+)` \|", tables, re.M)) == marts


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_names_columns_that_the_marts_have(page: Path) -> None:
    file = REPOSITORY / "dbt_project" / "models" / "marts" / "_marts__models.yml"
    columns = {
        model["name"]: {column["name"] for column in model["columns"]}
        for model in yaml.safe_load(_text(file))["models"]
    }
    named = re.findall(r"`(\w+)\.(?!sql`)(\w+)(?: [^`]*)?`", _text(page))
    lacking = [
        f"{mart}.{column}"
        for mart, column in named
        if mart in columns and column not in columns[mart]
    ]
    assert lacking == []
    assert page.name != "from-tracker-exporter.md" or len(named) > 40


def test_what_the_page_on_tracker_exporter_asks_of_the_marts_is_answered(
    server: PostgresServer, published: tuple[str, dict[str, str]]
) -> None:
    page = _text(REPOSITORY / "docs" / "from-tracker-exporter.md")
    queries = re.findall(r"(?:^    .+\n)+", page, re.MULTILINE)
    assert len(queries) == 2
    connection = server.connect(published[0])
    with connection.cursor() as cursor:
        answers = []
        for query in queries:
            cursor.execute(query)
            answers.append((tuple(each.name for each in cursor.description), cursor.fetchall()))
    connection.close()
    (_, by_tag), (shape, times) = answers
    assert by_tag == []  # the company's tags are not loaded
    assert shape == (
        "issue_key", "status_name", "status_transitions_count", "duration", "busdays_duration",
        "last_seen",
    )  # fmt: skip
    assert any(count > 1 for _, _, count, *_ in times)
    assert all(
        duration >= 0 and working <= duration + 36 * count
        for _, _, count, duration, working, _ in times
    )
