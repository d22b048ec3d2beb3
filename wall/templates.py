"""Tickets from templates: a folder of `name.md.j2`, each with a front matter and its examples.

    ---
    match: {severity: 4, host_group: "Network*"}   # every part must fit; severity: at least
    tracker: youtrack                              # or yandex_tracker
    project: SRV                                   # or a queue
    summary: "{{ host }}: {{ trigger_name }}"
    ---
    The text, in Markdown.

The first one that fits, in the order of their names, is taken. They are rendered in a sandbox over
plain texts, of which none is left out: an unknown name is an error. `name.case.json` beside a
template holds an incident, `name.case.md` what becomes of it: these are its tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

from extract.errors import RunError
from pipeline.redaction import plain

ENDING = ".md.j2"
TRACKERS = ("youtrack", "yandex_tracker")
NONE = "(none)"

LONGEST_VALUE = 2000
LONGEST_SUMMARY = 250
LONGEST_TEXT = 20_000
LONGEST_FILE = 100_000

# what a template may name, each a text of one line; unknown ones read (none)
NAMES = (
    "incident_id", "source", "trigger_id", "trigger_name", "host", "host_group", "host_groups",
    "site", "rack", "position", "service", "severity", "severity_name", "started_at",
    "minutes_open", "acknowledged_by", "last_comment", "address",
)  # fmt: skip
MATCHED = ("severity", "trigger_name", "host", "host_group", "site", "rack", "service")

_FRONT = re.compile(r"\A---\n(?P<front>.*?)\n---\n(?P<body>.*)\Z", re.DOTALL)


class BadTemplateError(RunError):
    """A template that cannot be read or rendered; the text names it and says why."""


@dataclass(frozen=True)
class Draft:
    """A ticket as it would be sent."""

    template: str
    tracker: str
    project: str
    summary: str
    description: str

    def shown(self) -> str:
        """The whole of it as a file."""
        return (
            f"tracker: {self.tracker}\nproject: {self.project}\nsummary: {self.summary}\n\n"
            f"{self.description.rstrip()}\n"
        )


class _Environment(ImmutableSandboxedEnvironment):
    """No ranges, no multiplying: a text that nobody can make long enough to hurt."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, int | float) and isinstance(right, int | float) and operator != "**":
            return super().call_binop(context, operator, left, right)
        raise SecurityError(f"{operator} is for numbers only")


def _environment() -> _Environment:
    made = _Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    made.globals.clear()
    for name in ("center", "indent", "format", "wordwrap", "tojson", "pprint", "xmlattr"):
        made.filters.pop(name)
    return made


_JINJA = _environment()


@dataclass(frozen=True)
class Template:
    """One template."""

    name: str
    match: Mapping[str, Any]
    tracker: str
    project: str
    summary: str
    body: str

    @classmethod
    def read(cls, path: Path) -> Template:
        """Read and check a file. Raises BadTemplateError."""
        name = path.name.removesuffix(ENDING)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadTemplateError(f"{path.name} cannot be read: {error}") from None
        found = _FRONT.match(text.replace("\r\n", "\n"))
        if not found or len(text) > LONGEST_FILE:
            raise BadTemplateError(
                f"{path.name}: it begins with a front matter between two lines of ---, and has at "
                f"most {LONGEST_FILE:,} characters"
            )
        try:
            front = yaml.safe_load(found["front"])
        except yaml.YAMLError as error:
            raise BadTemplateError(f"{path.name}: {' '.join(str(error).split())}") from None
        wanted = {"match", "tracker", "project", "summary"}
        if not isinstance(front, dict) or front.keys() != wanted:
            raise BadTemplateError(f"{path.name}: its front matter has {', '.join(sorted(wanted))}")
        match = front["match"] or {}
        if not isinstance(match, dict) or not match.keys() <= set(MATCHED):
            raise BadTemplateError(f"{path.name}: match is made of {', '.join(MATCHED)}")
        if not isinstance(match.get("severity", 0), int):
            raise BadTemplateError(f"{path.name}: severity is a number from 0 to 5: at least this")
        if front["tracker"] not in TRACKERS:
            raise BadTemplateError(f"{path.name}: tracker is {' or '.join(TRACKERS)}")
        if not re.fullmatch(r"[\w-]{1,50}", str(front["project"])):
            raise BadTemplateError(f"{path.name}: project is a project's short name or a queue")
        made = cls(name, match, front["tracker"], str(front["project"]),
                   str(front["summary"]), found["body"])  # fmt: skip
        made.draft(dict.fromkeys(NAMES, NONE))
        return made

    def fits(self, values: Mapping[str, str]) -> bool:
        """Whether it is for this incident."""
        return all(_fits(name, wanted, values) for name, wanted in self.match.items())

    def draft(self, values: Mapping[str, str]) -> Draft:
        """The ticket for an incident. Raises BadTemplateError."""
        summary = self._rendered(self.summary, values, LONGEST_SUMMARY)
        description = self._rendered(self.body, values, LONGEST_TEXT)
        summary = " ".join(summary.split())
        return Draft(self.name, self.tracker, self.project, summary, description.strip() + "\n")

    def _rendered(self, text: str, values: Mapping[str, str], most: int) -> str:
        parts: list[str] = []
        length = 0
        try:
            for part in _JINJA.from_string(text).generate(dict(values)):
                length += len(part)
                parts.append(part)
                if length > most:
                    return "".join(parts)[: most - 1] + "…"
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError,
                RecursionError, MemoryError) as error:  # fmt: skip
            reason = " ".join(str(error).split()) or type(error).__name__
            line = getattr(error, "lineno", None)
            place = f", line {line} of the text" if line else ""
            raise BadTemplateError(f"{self.name}{ENDING}{place}: {reason}") from None
        return "".join(parts)


def _fits(name: str, wanted: Any, values: Mapping[str, str]) -> bool:
    if name == "severity":
        return int(values["severity"]) >= wanted if values["severity"].isdigit() else False
    held = [values[name]]
    if name == "host_group":
        held += values["host_groups"].split(", ")
    patterns = wanted if isinstance(wanted, list) else [wanted]
    return any(
        fnmatchcase(each.casefold(), str(pattern).casefold())
        for each in held
        for pattern in patterns
    )


def read_folder(folder: Path) -> tuple[list[Template], list[str]]:
    """The templates of a folder in the order of their names, and what is wrong with the others."""
    templates, problems = [], []
    for path in sorted(folder.glob(f"*{ENDING}")):
        try:
            templates.append(Template.read(path))
        except BadTemplateError as error:
            problems.append(str(error))
    return templates, problems


def values_of(incident: Mapping[str, Any], *, locale: str, address: str | None) -> dict[str, str]:
    """An incident of the board as a template sees it: texts of one line, none without a value."""
    started = datetime.fromtimestamp(incident["started"], timezone.utc)
    minutes = (datetime.now(timezone.utc) - started).total_seconds() // 60
    values = {
        "incident_id": incident["id"], "source": "zabbix", "trigger_id": incident["trigger_id"],
        "trigger_name": incident["trigger"], "acknowledged_by": incident["by"],
        "last_comment": incident["comment"], "address": address,
        "severity_name": incident["severity_name_ru" if locale == "ru" else "severity_name"],
        "started_at": started.strftime("%Y-%m-%d %H:%M UTC"), "minutes_open": max(0, int(minutes)),
        **{name: incident[name] for name in ("host", "host_group", "host_groups", "site", "rack",
                                             "position", "service", "severity")},
    }  # fmt: skip
    return {name: one_line(values[name]) for name in NAMES}


def one_line(value: Any) -> str:
    """A value as a text that cannot begin a line of its own."""
    text = " ".join(plain(str(value)).split()) if value is not None else ""
    return text[:LONGEST_VALUE] or NONE


def draft_for(templates: list[Template], values: Mapping[str, str]) -> Draft | None:
    """The ticket by the first template that fits; None where none does. Raises BadTemplateError."""
    for template in templates:
        if template.fits(values):
            return template.draft(values)
    return None


# --- the examples that are the templates' tests


@dataclass(frozen=True)
class Checked:
    """One example: what came out, and what is wrong with it."""

    name: str
    shown: str
    fault: str | None


def check(folder: Path, *, is_writing: bool = False) -> tuple[list[Checked], list[str]]:
    """Render every example; returns each of them, and what is wrong beside them.

    `is_writing`: what comes out is written down as what is expected.
    """
    templates, problems = read_folder(folder)
    if not templates and not problems:
        problems.append(f"there is no template (*{ENDING}) in {folder}")
    found = []
    for template in templates:
        examples = sorted(folder.glob(f"{template.name}.*.json"))
        if not examples:
            problems.append(f"{template.name}{ENDING} has no example ({template.name}.….json)")
        found += [
            _checked(template, templates, example, is_writing=is_writing) for example in examples
        ]
    return found, problems


def _checked(
    template: Template, templates: list[Template], example: Path, *, is_writing: bool
) -> Checked:
    try:
        given = json.loads(example.read_text(encoding="utf-8"))
        if not isinstance(given, dict) or not given.keys() <= set(NAMES):
            raise BadTemplateError(f"an example holds some of {', '.join(NAMES)}")
        values = {name: one_line(given.get(name)) for name in NAMES}
        draft = draft_for(templates, values)
        if draft is None or draft.template != template.name:
            by = f"{draft.template}{ENDING} comes first" if draft else "its match does not fit"
            return Checked(example.name, "", f"the template is not taken: {by}")
        shown = draft.shown()
    except (OSError, ValueError, RunError) as error:
        return Checked(example.name, "", str(error))
    expected = example.with_suffix(".md")
    if is_writing:
        expected.write_text(shown, encoding="utf-8")
    if not expected.exists():
        return Checked(example.name, shown, f"{expected.name} is missing")
    is_same = expected.read_text(encoding="utf-8") == shown
    return Checked(example.name, shown, None if is_same else f"{expected.name} says otherwise")
