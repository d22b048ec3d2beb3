"""Which issues a request asks for: `filter`, a part of the query language, `keys`, `queue`.

A day alone means all of it. The vendor says that dates are in UTC; `zone` is for a server where
they are those of the token's user.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from demo.model import Issue
from demo.yandex_tracker.words import issue_id, issue_key, number, queue_key

Test = Callable[[Issue], bool]
MOMENTS = {
    "updated": "updated", "updatedat": "updated", "created": "created", "createdat": "created",
    "resolved": "resolved", "resolvedat": "resolved",
}  # fmt: skip
TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*"|'[^']*')|(?P<mark>\.\.|>=|<=|[:,><()])|(?P<word>[^\s:,><()"']+))"""
)
MOMENT = re.compile(r"^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:?\d\d)?$")


class BadSearchError(ValueError):
    """`field` is what the error body names; without one, it is a message of its own."""

    def __init__(self, message: str, field: str | None = None, status: int = 422) -> None:
        super().__init__(message)
        self.field = field
        self.status = status


class Search:
    """Selects and sorts the visible issues; `updated` is the tracker's own, by issue."""

    def __init__(
        self, issues: Iterable[Issue], updated: Callable[[Issue], int], zone: str = "UTC"
    ) -> None:
        self.issues = list(issues)
        self.updated = updated
        self.zone = ZoneInfo(zone)

    def moment(self, name: str, issue: Issue) -> int | None:
        if name == "updated":
            return self.updated(issue)
        return issue.created if name == "created" else issue.resolved

    # --- the request's body ----------------------------------------------------------------------

    def run(self, body: dict[str, Any], order: Any, known: set[str]) -> list[Issue]:
        """`known`: the keys of all queues, also of those that the token does not see."""
        given = [key for key in ("filter", "query", "queue", "keys") if body.get(key)]
        if len(given) > 1:
            message = "You can only use keys, a queue or a search query."
            raise BadSearchError(message, status=400)
        tests: list[Test] = []
        if "filter" in given:
            tests = [self._test(name, value, known) for name, value in body["filter"].items()]
        elif "queue" in given:
            tests = [self._test("queue", body["queue"], known)]
        elif "keys" in given:
            tests = [self._test("key", body["keys"], known)]
        elif "query" in given:
            tests, sorting = self._parse(body["query"], known)
            order = order or sorting
        found = [issue for issue in self.issues if all(test(issue) for test in tests)]
        return self._sorted(found, order or "-updated")

    def _sorted(self, issues: list[Issue], order: Any) -> list[Issue]:
        for name in reversed(order if isinstance(order, list) else str(order).split(",")):
            descends, plain = name.startswith("-"), name.strip(" +-").casefold()
            if plain in MOMENTS:
                kind = MOMENTS[plain]
                issues.sort(
                    key=lambda issue, kind=kind: (self.moment(kind, issue) or 0, issue.key),
                    reverse=descends,
                )
            elif plain == "key":
                issues.sort(
                    key=lambda issue: (queue_key(issue.project), issue.number), reverse=descends
                )
            else:
                raise BadSearchError(f"Field {name} does not exist.", "order")
        return issues

    # --- one condition ---------------------------------------------------------------------------

    def _test(self, name: str, value: Any, known: set[str]) -> Test:
        plain = name.casefold()
        if plain in MOMENTS:
            return self._between(MOMENTS[plain], *self._bounds(value))
        wanted = {str(one) for one in (value if isinstance(value, list) else [value])}
        if plain == "queue":
            missing = sorted(wanted - known)
            if missing:
                raise BadSearchError(f"Queue {missing[0]} does not exist.", "queue")
            return lambda issue: bool(
                {queue_key(issue.project), str(number(issue.project))} & wanted
            )
        if plain in ("key", "keys"):
            return lambda issue: issue_key(issue) in wanted
        if plain == "id":
            return lambda issue: issue_id(issue) in wanted
        raise BadSearchError(f"Field {name} does not exist.", name)

    def _between(self, kind: str, low: int | None, high: int | None) -> Test:
        def test(issue: Issue) -> bool:
            at = self.moment(kind, issue)
            if at is None:
                return False
            return (low is None or at >= low) and (high is None or at < high)

        return test

    # --- the query language ----------------------------------------------------------------------

    def _parse(self, query: str, known: set[str]) -> tuple[list[Test], str | None]:
        """`Queue: A, B AND Updated: >= "2026-06-01 10:00:00" "Sort by": Updated ASC`"""
        tokens = _tokens(query)
        tests: list[Test] = []
        order: str | None = None
        while tokens:
            name = tokens.pop(0)
            if name.upper() == "AND":
                continue
            if not tokens or tokens.pop(0) != ":":
                raise BadSearchError(f"Query is not correct near {name!r}.", status=400)
            values = _values(tokens)
            if name.casefold() == "sort by":
                descends = values[1:] and values[1].upper() == "DESC"
                order = ("-" if descends else "+") + values[0]
            elif name.casefold() in MOMENTS:
                tests.append(self._between(MOMENTS[name.casefold()], *self._range(values)))
            else:
                tests.append(self._test(name, [v for v in values if v != ","], known))
        return tests, order

    # --- dates -----------------------------------------------------------------------------------

    def _range(self, values: Sequence[str]) -> tuple[int | None, int | None]:
        if len(values) == 3 and values[1] == "..":
            return self._moment(values[0])[0], self._moment(values[2])[1]
        if len(values) == 2 and values[0] in (">", ">=", "<", "<="):
            first, end = self._moment(values[1])
            bounds = {">": (end, None), ">=": (first, None), "<": (None, first), "<=": (None, end)}
            return bounds[values[0]]
        if len(values) == 1:
            return self._moment(values[0])
        raise BadSearchError("Query is not correct: no date.", status=400)

    def _bounds(self, value: Any) -> tuple[int | None, int | None]:
        """Of a filter: `{"from": …, "to": …}`, both inclusive, or one date."""
        if not isinstance(value, dict):
            return self._range(_tokens(f'"{value}"'))
        low, high = value.get("from"), value.get("to")
        return (low and self._moment(low)[0]), (high and self._moment(high)[1])

    def _moment(self, text: str) -> tuple[int, int]:
        """First moment and end (epoch ms) of the day, minute, second or millisecond named."""
        plain = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text.replace("Z", "+00:00"))
        try:
            if not MOMENT.match(text):
                raise ValueError(text)
            at = datetime.fromisoformat(plain)
        except ValueError:
            raise BadSearchError(f"{text!r} is not a date.", "query") from None
        at = at.replace(tzinfo=self.zone) if at.tzinfo is None else at
        clock = re.split("[Z+-]", text[11:])[0]
        widths = {0: timedelta(days=1), 5: timedelta(minutes=1), 8: timedelta(seconds=1)}
        end = at + widths.get(len(clock), timedelta(milliseconds=1))
        return round(at.timestamp() * 1000), round(end.timestamp() * 1000)


def _tokens(query: str) -> list[str]:
    tokens, place = [], 0
    query = query.strip()
    while place < len(query):
        match = TOKEN.match(query, place)
        if match is None or match.group("mark") in ("(", ")"):
            raise BadSearchError("Query is not correct.", status=400)
        text = match.group("text")
        tokens.append(text[1:-1] if text is not None else match.group(match.lastgroup))
        place = match.end()
    return tokens


def _values(tokens: list[str]) -> list[str]:
    """What follows a name: all up to AND or the next `name :`."""
    values: list[str] = []
    while tokens and tokens[0].upper() != "AND" and tokens[1:2] != [":"]:
        values.append(tokens.pop(0))
    if not values:
        raise BadSearchError("Query is not correct: a value is missing.", status=400)
    return values
