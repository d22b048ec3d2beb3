"""Ticket templates: strict, in a sandbox, over plain texts, and tested by the examples beside them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, clean_environment
from walls import TEMPLATES

from wall.templates import (
    LONGEST_SUMMARY,
    LONGEST_TEXT,
    NAMES,
    NONE,
    BadTemplateError,
    Template,
    check,
    draft_for,
    read_folder,
    values_of,
)

FRONT = """---
match: {match}
tracker: youtrack
project: OPS
summary: "{{{{ host }}}}"
---
"""
INCIDENT = {
    "id": "4711", "trigger_id": "20001", "trigger": "Disk is full", "host": "srv-1",
    "host_group": "Services/Mobile", "host_groups": "Services/Mobile, Racks/DC-1", "site": "DC-1",
    "rack": "A-01", "position": "(none)", "service": "Mobile", "severity": 4,
    "severity_name": "High", "severity_name_ru": "Высокая", "started": 1_780_000_000, "by": "42",
    "comment": "known",
}  # fmt: skip


def write(folder: Path, name: str, body: str = "text\n", match: str = "{}") -> Path:
    path = folder / f"{name}.md.j2"
    path.write_text(FRONT.format(match=match) + body, encoding="utf-8")
    return path


def values(**changes: Any) -> dict[str, str]:
    return values_of({**INCIDENT, **changes}, locale="en", address="http://zabbix")


def drafted(tmp_path: Path, body: str, **changes: Any) -> str:
    return Template.read(write(tmp_path, "one", body)).draft(values(**changes)).description


def test_the_shipped_examples_come_out_as_they_stand() -> None:
    found, problems = check(TEMPLATES)
    assert problems == []
    assert len(found) >= 3
    assert [each for each in found if each.fault] == []


def test_the_command_shows_what_differs_and_fails(tmp_path: Path) -> None:
    folder = tmp_path / "tickets"
    shutil.copytree(TEMPLATES, folder)
    other = folder / "other.md.j2"
    other.write_text(other.read_text().replace("- Host:", "- Machine:"))
    environment = clean_environment({"WALL_TEMPLATES": str(folder)})

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "wall", "templates", *more],
            cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    failed = run()
    assert failed.returncode == 1
    assert "-- Host: srv-9" in failed.stdout and "+- Machine: srv-9" in failed.stdout
    assert run("--write").returncode == 0
    assert run().returncode == 0
    (folder / "bare.md.j2").write_text((folder / "network.md.j2").read_text())
    lacking = run()
    assert lacking.returncode == 1 and "bare.md.j2 has no example" in lacking.stdout
    # it comes before the one whose example it takes
    assert "the template is not taken: bare.md.j2 comes first" in lacking.stdout


def test_the_first_that_fits_is_taken(tmp_path: Path) -> None:
    write(tmp_path, "a", match="{severity: 5}")
    write(tmp_path, "b", match='{host_group: "racks/*", severity: 4}')
    write(tmp_path, "c", match='{service: [Web, "Mob*"]}')
    write(tmp_path, "d")
    templates, problems = read_folder(tmp_path)
    assert problems == []

    def taken(**changes: Any) -> str:
        return draft_for(templates, values(**changes)).template

    assert taken(severity=5) == "a"
    assert taken() == "b"
    assert taken(severity=3) == "c"
    assert taken(severity=3, service="(none)") == "d"
    assert draft_for(templates[:1], values()) is None


def test_every_name_is_there_as_one_line_of_text() -> None:
    made = values(comment="one\n\n# two\u202e\u0000three", position=None, trigger="x" * 9000)
    assert made.keys() == set(NAMES)
    assert all(isinstance(each, str) and "\n" not in each for each in made.values())
    assert made["last_comment"] == "one # two three"
    assert made["position"] == NONE
    assert len(made["trigger_name"]) == 2000
    assert values_of(INCIDENT, locale="ru", address=None)["severity_name"] == "Высокая"
    assert values_of(INCIDENT, locale="ru", address=None)["address"] == NONE


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{{ nobody }}", "'nobody' is undefined"),
        ("{{ host.nobody }}", "no attribute 'nobody'"),
        ("{{ host", "line 1 of the text"),
        ("{% if %}", "line 1 of the text"),
        ("{{ host.__class__.__mro__ }}", "unsafe"),
        ("{{ ''.__class__.__base__.__subclasses__() }}", "unsafe"),
        ("{% for n in range(10) %}x{% endfor %}", "'range' is undefined"),
        ("{{ host * 999999999 }}", "is for numbers only"),
        ("{{ '%999999999d' % 1 }}", "is for numbers only"),
        ("{{ 9 ** 999999999 }}", "is for numbers only"),
        ("{{ host|center(999999999) }}", "center"),
        ("{% include 'other.md.j2' %}", "no loader"),
        ("{{ lipsum() }}", "'lipsum' is undefined"),
        ("{{ cycler.__init__.__globals__ }}", "unsafe"),
        ("{{ self.__init__.__globals__ }}", "unsafe"),
        ("{{ 1 / 0 }}", "division"),
    ],
)
def test_what_is_wrong_in_a_template_is_told_before_anybody_presses(
    tmp_path: Path, body: str, said: str
) -> None:
    write(tmp_path, "bad", body)
    write(tmp_path, "good")
    templates, problems = read_folder(tmp_path)
    assert [each.name for each in templates] == ["good"]
    assert len(problems) == 1 and problems[0].startswith("bad.md.j2") and said in problems[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no front", "begins with a front matter"),
        ("---\nmatch: {}\n---\n", "its front matter has match, project, summary, tracker"),
        (FRONT.format(match="{team: x}"), "match is made of"),
        (FRONT.format(match="{severity: high}"), "severity is a number"),
        (FRONT.format(match="[1"), "while parsing"),
        (FRONT.format(match="{}").replace("youtrack", "jira"), "tracker is youtrack or"),
        (FRONT.format(match="{}").replace("OPS", '"../../x"'), "project is"),
        (FRONT.format(match="{}").replace("host", "hots"), "'hots' is undefined"),
    ],
)
def test_a_bad_front_matter_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.md.j2"
    path.write_text(text)
    with pytest.raises(BadTemplateError, match=r"^bad\.md\.j2") as told:
        Template.read(path)
    assert said in str(told.value)


def test_hostile_texts_are_not_rendered_again(tmp_path: Path) -> None:
    hostile = "{{ 7 * 7 }} {% raw %} ---\nproject: X"
    assert drafted(tmp_path, "{{ host }}", host=hostile) == "{{ 7 * 7 }} {% raw %} --- project: X\n"


def test_what_is_too_long_is_cut(tmp_path: Path) -> None:
    body = "{% for a in host %}{% for b in host %}{{ host }}{% endfor %}{% endfor %}"
    assert len(drafted(tmp_path, body, host="x" * 1500)) <= LONGEST_TEXT + 1
    draft = Template.read(write(tmp_path, "one")).draft(values(host="y" * 1500))
    assert len(draft.summary) == LONGEST_SUMMARY


def test_an_example_that_says_what_no_template_may_name_is_told(tmp_path: Path) -> None:
    write(tmp_path, "one")
    (tmp_path / "one.case.json").write_text(json.dumps({"password": "x"}))
    [found], problems = check(tmp_path)
    assert problems == [] and "an example holds some of" in found.fault
