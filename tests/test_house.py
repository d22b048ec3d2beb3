"""Which room may know which: arrows run one way, and what is shared names no source."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPOSITORY, clean_environment

from extract.sources import SOURCES

# a room → what it may use
ROOMS = {
    "demo": set(),
    "extract": set(),
    "report": {"extract"},
    "datalens": {"extract"},
    "pipeline": {"extract", "report", "datalens"},
    # a service of its own above all others; the simulated company is for a start without settings
    "wall": {"extract", "report", "pipeline", "demo"},
}
# names that are only looked at, to keep the former command alive
ALIASES = {REPOSITORY / "extract" / "__main__.py"}


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_uses_only_what_stands_below_it(room: str) -> None:
    files = sorted((REPOSITORY / room).rglob("*.py"))
    assert len(files) > 2
    for path in files:
        used = {module.partition(".")[0] for module in imports(path)} & ROOMS.keys()
        assert used - {room} <= ROOMS[room], path.relative_to(REPOSITORY)


def test_what_sources_share_names_none_of_them() -> None:
    shared = {*(REPOSITORY / "extract").glob("*.py")} - ALIASES
    assert len(shared) > 8
    lists = {REPOSITORY / "extract" / f"{name}.py" for name in ("sources", "trackers")}
    for path in shared - lists:
        text = path.read_text(encoding="utf-8").casefold()
        assert [each.title for each in SOURCES if each.title.casefold() in text] == [], path.name


def test_sources_do_not_know_each_other() -> None:
    for source in SOURCES:
        others = {f"extract.{each.name}" for each in SOURCES if each is not source}
        for path in (REPOSITORY / "extract" / source.name).glob("*.py"):
            used = {".".join(module.split(".")[:2]) for module in imports(path)}
            assert not used & others, path.name


def test_simulated_trackers_do_not_know_each_other() -> None:
    demo = REPOSITORY / "demo"
    folders = {f"demo.{server.parent.name}" for server in demo.glob("*/server.py")}
    assert len(folders) > 1
    for path in {*demo.rglob("*.py")} - {demo / "__main__.py"}:
        used = {".".join(module.split(".")[:2]) for module in imports(path)} & folders
        assert used <= {f"demo.{path.parent.name}"}, path.name


def test_keys_of_sources_are_their_own() -> None:
    for attribute in ("name", "title", "prefix", "schema"):
        values = [getattr(source, attribute) for source in SOURCES]
        assert len(set(values)) == len(values), attribute


@pytest.mark.parametrize(
    ("command", "former"),
    [("pipeline", "extract"), ("pipeline.page", "report"), ("pipeline.workbook", "datalens")],
)
def test_the_former_commands_still_answer(command: str, former: str) -> None:
    said = [
        subprocess.run(
            [sys.executable, "-m", module, "--help"],
            cwd=REPOSITORY,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for module in (command, former)
    ]
    assert said[0] == said[1] and f"python -m {command} " in said[0]
