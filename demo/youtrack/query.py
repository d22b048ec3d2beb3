"""The subset of YouTrack's search language that an extractor needs, with its silent traps.

As measured (youtrack-api.md §2.1): a bad value is a 400 `invalid_query` with `error_children`, an
unknown attribute an empty 200, and an unbalanced parenthesis makes the whole query ignored: 200
with everything. Dates carry no zone; they are read in the token user's, to the second.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from demo.model import Bundle, Issue, Project, UserBundle
from demo.tracker import Tracker

VALUE = re.compile(
    r"\s*(?:(?P<range>\.\.)|(?P<braced>\{[^}]*\})|(?P<comma>,)|(?P<word>(?:(?!\.\.)[^\s,{}()])+))"
)
TERM = r"""\s*(?:
        (?P<sort>sort\ by:) | (?P<board>board\s+(?:\{[^}]*\}|[^:{]+?)\s*:)
      | (?P<attribute>(?:\{[^}]*\}|NAMES|[\w.]+)\s*:)
      | (?P<hash>\#(?:\{[^}]*\}|[\w-]+)) | (?P<braced>\{[^}]*\})
      | (?P<range>\.\.) | (?P<comma>,) | (?P<paren>[()]) | (?P<word>(?:(?!\.\.)[^\s,{}()])+)
    )"""
FORMATS = (
    (re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}"), "%Y-%m-%dT%H:%M:%S", timedelta(seconds=1)),
    (re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}"), "%Y-%m-%dT%H:%M", timedelta(minutes=1)),
    (re.compile(r"\d{4}-\d{2}-\d{2}"), "%Y-%m-%d", timedelta(days=1)),
)
SORTABLE = {
    "created": lambda issue: (issue.created, issue.key),
    "updated": lambda issue: (issue.updated, issue.key),
    "resolved date": lambda issue: (issue.resolved or 0, issue.key),
    "issue id": lambda issue: (issue.project.short_name, issue.number),
}
Condition = Callable[[Issue], bool]


class BadQueryError(ValueError):
    """400 invalid_query; the messages become `error_children`."""


@dataclass
class Query:
    """A parsed query; `nothing` for one that names an unknown attribute."""

    conditions: list[Condition] = field(default_factory=list)
    created: tuple[int, int] | None = None
    updated: tuple[int, int] | None = None
    sort: str = "updated"
    descending: bool = True
    nothing: bool = False
    issues: list[Issue] | None = None


def run(tracker: Tracker, text: str | None, unknown_id_is_error: bool = False) -> list[Issue]:
    """The visible issues that the query names, in its order (default: newest change first)."""
    query = Parser(tracker, text or "", unknown_id_is_error).parse()
    if query.nothing:
        return []
    by_updated = query.sort == "updated"
    if query.issues is not None:
        found = sorted((i for i in set(query.issues) if i.is_visible), key=SORTABLE[query.sort])
        by_updated = by_created = True
    else:
        by_created = query.sort == "created"
        use_updated = by_updated if by_updated or by_created else query.updated is not None
        found = tracker.issues_by_updated() if use_updated else tracker.issues_by_created()
        window = query.updated if use_updated else query.created
        if window is not None:
            key = (lambda i: i.updated) if use_updated else (lambda i: i.created)
            found = found[
                bisect_left(found, window[0], key=key) : bisect_right(found, window[1], key=key)
            ]
    conditions = list(query.conditions)
    for name in ("created", "updated"):
        bounds = getattr(query, name)
        if bounds is not None:
            conditions.append(
                lambda i, n=name, low=bounds[0], high=bounds[1]: low <= getattr(i, n) <= high
            )
    if conditions:
        found = [issue for issue in found if all(holds(issue) for holds in conditions)]
    if not (by_updated or by_created):
        found = sorted(found, key=SORTABLE[query.sort])
    return found[::-1] if query.descending else found


class Parser:
    def __init__(self, tracker: Tracker, text: str, unknown_id_is_error: bool) -> None:
        self.tracker = tracker
        self.text = text
        self.unknown_id_is_error = unknown_id_is_error
        self.query = Query()
        self.tokens: list[tuple[str, str]] = []
        self.position = 0

    def parse(self) -> Query:
        if self.text.count("(") != self.text.count(")"):
            return self.query
        position, wants_value = 0, False
        pattern = self._pattern()
        while position < len(self.text.rstrip()):
            match = (VALUE if wants_value else pattern).match(self.text, position)
            if match is None:
                raise BadQueryError(f"Can't parse search query: {self.text[position:]!r}")
            self.tokens.append((match.lastgroup or "", match.group(match.lastgroup or 0).strip()))
            position = match.end()
            wants_value = match.lastgroup in ("attribute", "board", "sort", "comma", "range")
        while (kind := self._peek()) is not None:
            self._term(kind)
        return self.query

    def _pattern(self) -> re.Pattern[str]:
        """Of names with a space only the known ones: `project: A created: B` is two attributes."""
        names = {"issue id", "resolved date"}
        for custom in self.tracker.custom_fields:
            names |= {name for name in (custom.name, custom.localized_name) if name and " " in name}
        known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        return re.compile(TERM.replace("NAMES", known), re.VERBOSE | re.IGNORECASE)

    def _peek(self) -> str | None:
        return self.tokens[self.position][0] if self.position < len(self.tokens) else None

    def _next(self) -> str:
        self.position += 1
        return self.tokens[self.position - 1][1]

    def _term(self, kind: str) -> None:
        text = self._next()
        if kind == "sort":
            self._sort()
        elif kind == "hash":
            self._hash(text[1:].strip("{}"))
        elif kind in ("board", "attribute"):
            name = re.sub(r"\s*:$", "", text).strip()
            if kind == "board":
                self._board(name[len("board") :].strip().strip("{}"))
            else:
                self._attribute(name.strip("{}"))
        elif kind in ("word", "braced") and text.casefold() not in ("and", "or"):
            wanted = text.strip("{}").casefold()
            self.query.conditions.append(lambda i: wanted in i.summary.casefold())

    def _values(self) -> list[tuple[str, str | None, bool]]:
        """Comma-separated (from, to or None, in braces) after an attribute."""
        values: list[tuple[str, str | None, bool]] = []
        while self._peek() in ("word", "braced"):
            low, braced = self._value()
            high = None
            if self._peek() == "range":
                self.position += 1
                if self._peek() not in ("word", "braced"):
                    raise BadQueryError("A range has no end")
                high, more = self._value()
                braced = braced or more
            values.append((low, high, braced))
            if self._peek() != "comma":
                break
            self.position += 1
        if not values:
            raise BadQueryError("An attribute has no value")
        return values

    def _value(self) -> tuple[str, bool]:
        kind = self._peek()
        text = self._next()
        return text.strip("{}").strip(), kind == "braced"

    def _sort(self) -> None:
        name, _ = self._value() if self._peek() in ("word", "braced") else ("", False)
        if name.casefold() == "issue" and self._peek() == "word":
            name += f" {self._value()[0]}"
        if name.casefold() not in SORTABLE:
            raise BadQueryError(f"The value {name!r} isn't used for the sort by attribute.")
        self.query.sort, self.query.descending = name.casefold(), False
        if self._peek() == "word" and self.tokens[self.position][1].lower() in ("asc", "desc"):
            self.query.descending = self._next().lower() == "desc"

    def _hash(self, name: str) -> None:
        lowered = name.casefold()
        if lowered in ("unresolved", "resolved"):
            resolved = lowered == "resolved"
            self.query.conditions.append(lambda i: (i.resolved is not None) is resolved)
        elif re.fullmatch(r"\w+-\d+", name):
            self._issue_ids([name])
        else:
            raise BadQueryError(f"The value {name!r} isn't used for any attribute.")

    def _issue_ids(self, names: list[str]) -> None:
        found = [self.tracker.find(name) for name in names]
        for name, issue in zip(names, found, strict=True):
            gone = issue is None or not issue.is_visible
            if gone and self.unknown_id_is_error:
                raise BadQueryError(f"The value {name!r} isn't used for the issue ID attribute.")
        self.query.issues = [issue for issue in found if issue is not None]

    def _attribute(self, name: str) -> None:
        lowered = name.casefold()
        if lowered in ("created", "updated", "resolved date"):
            self._dates(lowered)
        elif lowered == "issue id":
            self._issue_ids([value for value, _, _ in self._values()])
        elif lowered in ("project", "in"):
            self._projects()
        elif lowered in ("summary", "description"):
            wanted = " ".join(value for value, _, _ in self._values()).casefold()
            self.query.conditions.append(lambda i: wanted in i.summary.casefold())
        elif lowered == "has":
            self._has()
        else:
            self._custom_field(lowered)

    def _projects(self) -> None:
        projects: set[Project] = set()
        for value, _, _ in self._values():
            project = self.tracker.project(value)
            if project is None or project.hidden:
                raise BadQueryError(f"The value {value!r} isn't used for the project attribute.")
            projects.add(project)
        self.query.conditions.append(lambda i: i.project in projects)

    def _has(self) -> None:
        boards = {board.name.casefold(): board for board in self.tracker.boards}
        for value, _, _ in self._values():
            name = re.sub(r"^board\s+", "", value.casefold())
            if name not in boards:
                raise BadQueryError(f"The value {value!r} isn't used for the has attribute.")
            held = {i for sprint in boards[name].sprints for i in self.tracker.members(sprint)}
            self.query.conditions.append(lambda i, held=held: i in held)

    def _board(self, name: str) -> None:
        boards = [b for b in self.tracker.boards if b.name.casefold() == name.casefold()]
        boards = [board for board in boards if not board.hidden]
        wanted = {value.casefold() for value, _, _ in self._values()}
        if not boards:
            self.query.nothing = True
            return
        sprints = [s for board in boards for s in board.sprints if s.name.casefold() in wanted]
        if not sprints:
            raise BadQueryError(f"The value isn't used for the Board {name} attribute.")
        held = {issue for sprint in sprints for issue in self.tracker.members(sprint)}
        self.query.conditions.append(lambda i: i in held)

    def _custom_field(self, lowered: str) -> None:
        values = self._values()
        known = [
            attached
            for project in self.tracker.projects
            for attached in project.fields
            if lowered in (attached.field.name.casefold(), (attached.field.localized_name or "")
                           .casefold())
        ]  # fmt: skip
        if not known:
            self.query.nothing = True
            return
        wanted = {value.casefold() for value, _, _ in values}
        names = {
            name.casefold()
            for attached in known
            for name in (
                [element.name for element in attached.bundle.values]
                if isinstance(attached.bundle, Bundle)
                else [user.login for user in attached.bundle.users]
                if isinstance(attached.bundle, UserBundle)
                else wanted
            )
        }
        for value in wanted - names:
            raise BadQueryError(f"The value {value!r} isn't used for the {lowered} attribute.")

        def holds(issue: Issue) -> bool:
            for attached in known:
                held = issue.values.get(attached)
                for one in held if isinstance(held, tuple) else (held,):
                    name = getattr(one, "name", getattr(one, "login", one))
                    if str(name).casefold() in wanted:
                        return True
            return False

        self.query.conditions.append(holds)

    def _dates(self, name: str) -> None:
        spans = []
        for low, high, braced in self._values():
            if braced and any(character.isdigit() for character in low + (high or "")):
                raise BadQueryError(f"The value {{{low}}} isn't used for the {name} attribute.")
            first, last = self._moment(low, name)
            if high is not None:
                last = self._moment(high, name)[1]
            spans.append((first, last))
        if name == "resolved date":
            self.query.conditions.append(
                lambda i: (
                    i.resolved is not None and any(low <= i.resolved <= high for low, high in spans)
                )
            )
        elif len(spans) == 1:
            setattr(self.query, name, spans[0])
        else:
            self.query.conditions.append(
                lambda i: any(low <= getattr(i, name) <= high for low, high in spans)
            )

    def _moment(self, text: str, name: str) -> tuple[int, int]:
        """First and last millisecond that the text means, in the token user's time zone."""
        if text == "*":
            return 0, 2**62
        zone = ZoneInfo(self.tracker.timezone)
        for pattern, layout, width in FORMATS:
            if pattern.fullmatch(text):
                try:
                    start = datetime.strptime(text, layout).replace(tzinfo=zone)
                except ValueError as error:
                    raise BadQueryError(f"The value {text} isn't a date.") from error
                return _ms(start), _ms(start + width) - 1
        now = datetime.fromtimestamp(self.tracker.now / 1000, zone)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        days = {"today": 0, "yesterday": 1}
        if text.casefold() in days:
            start = midnight - timedelta(days=days[text.casefold()])
            return _ms(start), _ms(start + timedelta(days=1)) - 1
        raise BadQueryError(f"The value {text} isn't used for the {name} attribute.")


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
