"""Where tickets are made: YouTrack or Yandex.Tracker, with a token that may create them.

A request that makes a ticket is sent once. What it came to is one of three: there is a ticket,
there is none, or nobody knows; for the last one `find` looks among the newest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

import requests
from requests.auth import AuthBase

from extract.errors import RunError
from extract.yandex_tracker.tracker import SITE
from extract.youtrack.address import bases

CONNECT_SECONDS, READ_SECONDS = 5, 25
TIMEOUT = (CONNECT_SECONDS, READ_SECONDS)

# a ticket that was made is among the newest for a while
NEWEST = 100

# somebody on the way gave up, or the tracker did after it had begun
_DOUBTFUL = frozenset({408, 500, 502, 503, 504, 520, 521, 522, 523, 524})

_KEY = re.compile(r"[\w-]{1,40}-\d{1,12}")


class RefusedError(RunError):
    """There is no ticket; the text says why. `status`: of the answer, if there was one."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class DoubtfulError(RunError):
    """Nobody knows whether there is a ticket."""


class Ticket(NamedTuple):
    """A ticket that is there."""

    key: str
    url: str


class Desk(Protocol):
    """One tracker."""

    def create(self, project: str, summary: str, description: str, mark: str) -> Ticket:
        """Make a ticket. Raises RefusedError or DoubtfulError."""

    def find(self, project: str, mark: str) -> Ticket | None:
        """The newest ticket with this mark in a line of its own.

        Raises DoubtfulError where that cannot be found out.
        """


class _Headers(AuthBase):
    """An auth object, because requests lets `~/.netrc` overrule a plain Authorization header."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


@dataclass
class _Caller:
    """One tracker's HTTP."""

    title: str
    headers: dict[str, str] = field(repr=False)

    def ask(self, method: str, url: str, **options: Any) -> Any:
        """The JSON of an answer. Raises RefusedError or DoubtfulError, neither with the token."""
        try:
            response = requests.request(
                method, url, auth=_Headers(self.headers), timeout=TIMEOUT, allow_redirects=False,
                **options,
            )  # fmt: skip
        except (requests.exceptions.ConnectTimeout, requests.exceptions.SSLError):
            raise RefusedError(f"{self.title} does not answer: nothing was sent") from None
        except requests.exceptions.ConnectionError as error:
            if "Failed to establish" in str(error) or "NameResolution" in str(error):
                raise RefusedError(f"{self.title} does not answer: nothing was sent") from None
            raise DoubtfulError(f"{self.title} broke the connection off") from None
        except requests.exceptions.RequestException:
            raise DoubtfulError(f"{self.title} did not answer in time") from None
        if response.status_code in _DOUBTFUL:
            raise DoubtfulError(f"{self.title} answered HTTP {response.status_code}")
        if response.status_code not in (200, 201):
            raise RefusedError(self._refusal(response), response.status_code)
        try:
            return response.json()
        except ValueError:
            raise DoubtfulError(f"{self.title} answered with something that is no JSON") from None

    def _refusal(self, response: requests.Response) -> str:
        status = response.status_code
        advice = {
            401: "it refuses the token that creates tickets",
            403: "the token's account may not create issues there",
            404: "there is no such project or queue, or the token's account may not see it",
            409: "it has a ticket of this incident already",
            429: "too many requests: wait a little",
        }.get(status, "it refuses the ticket")
        return f"{self.title} answered HTTP {status}: {advice}{_told(response)}"


def _told(response: requests.Response) -> str:
    """The tracker's own words, if it has some."""
    try:
        body = response.json()
    except ValueError:
        return ""
    if not isinstance(body, dict):
        return ""
    errors = body.get("errors")
    words = [
        body.get("error_description"),
        *(body.get("errorMessages") or ()),
        *(errors.values() if isinstance(errors, dict) else ()),
    ]
    text = "; ".join(" ".join(str(each).split()) for each in words if each)[:300]
    return f" ({text})" if text else ""


def marked(description: str, mark: str) -> str:
    """The text with the line by which the ticket is found again."""
    return f"{description.rstrip()}\n\n{mark}\n"


def _has_mark(text: object, mark: str) -> bool:
    return isinstance(text, str) and mark in {line.strip() for line in text.splitlines()}


class YouTrackDesk:
    """Tickets in YouTrack: it knows no key of ours, so a doubtful one is looked for."""

    def __init__(self, url: str, token: str) -> None:
        self._bases = bases(url)
        self._caller = _Caller("YouTrack", {"Authorization": f"Bearer {token}"})
        self._address = url

    def create(self, project: str, summary: str, description: str, mark: str) -> Ticket:
        try:
            base, project_id = self._project(project)
        except DoubtfulError as error:
            # nothing was to be made yet
            raise RefusedError(str(error)) from None
        body = {
            "project": {"id": project_id},
            "summary": summary,
            "description": marked(description, mark),
        }
        answer = self._caller.ask(
            "POST", f"{base}/api/issues", params={"fields": "id,idReadable"}, json=body
        )
        return self._ticket(answer)

    def find(self, project: str, mark: str) -> Ticket | None:
        try:
            base, _ = self._project(project)
            found = self._caller.ask(
                "GET", f"{base}/api/issues",
                params={
                    "query": f"project: {{{project}}} sort by: created desc", "$top": NEWEST,
                    "fields": "id,idReadable,description",
                },
            )  # fmt: skip
        except RefusedError as error:
            raise DoubtfulError(str(error)) from None
        there = _marked_one(found, mark, "YouTrack")
        return self._ticket(there) if there else None

    def _project(self, short_name: str) -> tuple[str, str]:
        """Where the API stands, and the id of the project."""
        first: RefusedError | None = None
        for base in self._bases:
            try:
                answer = self._caller.ask(
                    "GET", f"{base}/api/admin/projects/{quote(short_name, safe='')}",
                    params={"fields": "id,shortName"},
                )  # fmt: skip
            except RefusedError as error:
                first = first or error
                continue
            if isinstance(answer, dict) and isinstance(answer.get("id"), str):
                return base, answer["id"]
        raise first or RefusedError(f"YouTrack has no project {short_name}")

    def _ticket(self, answer: Any) -> Ticket:
        key = answer.get("idReadable") if isinstance(answer, dict) else None
        # it becomes an address
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise DoubtfulError("YouTrack answered without the id of a ticket")
        return Ticket(key, f"{self._address}/issue/{key}")


class YandexTrackerDesk:
    """Tickets in Yandex.Tracker, which refuses a second one with the same `unique`."""

    def __init__(
        self, url: str, token: str, organisation: str, *, is_cloud: bool, page: str = SITE
    ) -> None:
        self._url = url
        self._page = page
        self._caller = _Caller(
            "Yandex.Tracker",
            {
                "Authorization": f"OAuth {token}",
                "X-Cloud-Org-ID" if is_cloud else "X-Org-ID": organisation,
            },
        )

    def create(self, project: str, summary: str, description: str, mark: str) -> Ticket:
        body = {
            "queue": project, "summary": summary, "description": marked(description, mark),
            "unique": mark,
        }  # fmt: skip
        try:
            answer = self._caller.ask("POST", f"{self._url}/v3/issues/", json=body)
        except RefusedError as error:
            if error.status != requests.codes.conflict:
                raise
            if there := self.find(project, mark):
                return there
            raise DoubtfulError(f"{error}, and it is not among the newest") from None
        return self._ticket(answer)

    def find(self, project: str, mark: str) -> Ticket | None:
        body = {"filter": {"queue": project}, "order": "-created"}
        try:
            found = self._caller.ask(
                "POST", f"{self._url}/v3/issues/_search", params={"perPage": NEWEST}, json=body
            )
        except RefusedError as error:
            raise DoubtfulError(str(error)) from None
        there = _marked_one(found, mark, "Yandex.Tracker")
        return self._ticket(there) if there else None

    def _ticket(self, answer: Any) -> Ticket:
        key = answer.get("key") if isinstance(answer, dict) else None
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise DoubtfulError("Yandex.Tracker answered without the key of a ticket")
        return Ticket(key, f"{self._page}/{key}")


def _marked_one(found: Any, mark: str, title: str) -> dict[str, Any] | None:
    """The first issue of a tracker's list that has the mark."""
    if not isinstance(found, list):
        raise DoubtfulError(f"{title} answered with something that is no list")
    rows = (each for each in found if isinstance(each, dict))
    return next((each for each in rows if _has_mark(each.get("description"), mark)), None)
