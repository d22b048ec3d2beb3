"""HTTP with a source: the token, retries, and refusal of any answer that is not what was asked.

A silent source is the danger, not a loud one: a wrong path answers 200 with a web page, a revoked
token may be a guest, a proxy may cut a body. Whatever is not JSON of the expected kind is an
error here, before anybody takes it for an empty answer.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError, ReadTimeoutError

from extract.errors import ConfigurationError, SourceError
from extract.isolated_dlt import Client as DltClient
from extract.throttle import Throttle

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
# somebody on the way did not wait for the answer
TIMED_OUT = frozenset({408, 504, 524})

# of a request, as JSON
Body = dict[str, Any] | list[dict[str, Any]]


class BadRequestError(SourceError):
    """The source does not understand the request (400): a name or a value it does not know."""


class UnauthorizedError(SourceError):
    """The source refuses the token (401)."""


class ForbiddenError(SourceError):
    """The token's account may not read this (403)."""


class NotFoundError(SourceError):
    """There is nothing there, or the account may not see it (404)."""


class NoApiError(SourceError):
    """The address answers, but not as the API does."""


class UnwellError(SourceError):
    """Every try failed, to the end of patience."""


class SlowError(Exception):
    """No answer within the read time-out, ours or a gateway's: less may come in time."""


class _PassingError(Exception):
    """A fault that may be gone at the next try."""

    def __init__(
        self, reason: str, *, is_overload: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.is_overload = is_overload
        self.retry_after = retry_after


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server, and how often to come back.

    Gateways in front of trackers give up after 20 to 60 s, so nothing comes
    after that. Eight tries with doubling waits span about a minute; of silent ones, each of which
    has cost the whole time-out, three are enough.
    """

    connect_seconds: float = 10
    read_seconds: float = 60
    tries: int = 8
    slow_tries: int = 3
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 60
    longest_retry_after_seconds: float = 900


@dataclass(frozen=True)
class Service:
    """What the operator calls a source: its name, and the settings that lead to it."""

    name: str
    # the settings are called after it: …_URL, …_TOKEN, …_PARALLEL_REQUESTS
    prefix: str
    # what a token is called in the source's own pages
    token: str
    # where a source takes tokens of several kinds, the end of this one's setting
    token_suffix: str = "TOKEN"  # noqa: S105  (a name)

    @property
    def url_setting(self) -> str:
        return f"{self.prefix}_URL"

    @property
    def token_setting(self) -> str:
        return f"{self.prefix}_{self.token_suffix}"


class Answer(NamedTuple):
    """The parsed body of an answer, and the headers beside it."""

    data: Any
    headers: Mapping[str, str]


class _Headers(AuthBase):
    """The token and its like as headers.

    An auth object, because requests lets `~/.netrc` overrule a plain Authorization header.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


class Client:
    """One source, one token. Safe to share between threads; each has a session of its own."""

    # the statuses of an answer that less may keep from happening
    too_much = TIMED_OUT

    def __init__(
        self,
        service: Service,
        headers: Mapping[str, str],
        *,
        parallel: int = 1,
        patience: Patience | None = None,
    ) -> None:
        self.service = service
        self.patience = patience or Patience()
        self.throttle = Throttle(parallel)
        self._is_parallel = parallel > 1
        self.request_count = 0
        self._counting = threading.Lock()
        # Held while an answer is parsed and made into rows. Python computes in one thread at a
        # time anyway; threads that compete for it spend a tenth of a load on changing turns.
        self.turn = threading.Lock()
        # dlt's client gives every thread its session; retries are ours, because they must agree
        # with the throttle that all threads share
        self._sessions = DltClient(
            request_timeout=(self.patience.connect_seconds, self.patience.read_seconds),
            raise_for_status=False,
            status_codes=(),
            exceptions=(),
            request_max_attempts=1,
            session_attrs={"auth": _Headers(headers)},
        )

    def call(
        self,
        method: str,
        url: str,
        params: dict[str, Any],
        *,
        body: Body | None = None,
        tries: int | None = None,
        may_halve: bool = False,
        is_known: bool = True,
    ) -> Answer:
        """Ask until there is an answer, the fault is no passing one, or patience ends.

        `tries`: how often to knock where nobody answers. `may_halve`: raise SlowError at the first
        time-out, for the caller to ask for less. `is_known`: the API stands at this address, so a
        web page there may pass; else it raises NoApiError.
        """
        tries = tries or self.patience.tries
        for attempt in range(1, self.patience.tries + 1):
            try:
                with self.throttle.slot():
                    response, content = self._ask(method, url, params, body)
                # parsed outside of the slot, so that the next request is on its way meanwhile
                with self.turn:
                    data = self._checked(response, content, url, may_halve=may_halve)
                self.throttle.went_well()
                return Answer(data, response.headers)
            except SlowError:
                self.throttle.struggles(0)
                reason = f"no answer within {self.patience.read_seconds:g} s"
                if may_halve:
                    raise
                if attempt == self.patience.slow_tries:
                    break
            except _PassingError as fault:
                reason = str(fault)
                if attempt >= tries and not fault.is_overload:
                    break
                self._wait(attempt, fault)
            except NoApiError:
                # in the middle of a run: a page of a proxy or of a restart, which may pass
                if not is_known:
                    raise
                reason = "a web page instead of data"
                self._wait(attempt, _PassingError(reason))
        raise UnwellError(
            f"{_place(url)} failed {attempt} times, the last time with: {reason}. "
            f"Is {self.service.name} well? A later run goes on from here."
        )

    def _wait(self, attempt: int, fault: _PassingError) -> None:
        """Hold back: a doubling wait with jitter, or longer if the server asked for it."""
        patience = self.patience
        backoff = min(
            patience.first_wait_seconds * 2 ** (attempt - 1), patience.longest_wait_seconds
        )
        wait = backoff * random.uniform(0.5, 1)  # noqa: S311  (no secret hangs on it)
        if fault.is_overload:
            self.throttle.struggles(fault.retry_after or 0)
        if fault.retry_after is not None:
            if fault.retry_after > patience.longest_retry_after_seconds:
                lower = f", or lower {self.service.prefix}_PARALLEL_REQUESTS"
                raise SourceError(
                    f"{self.service.name} asks to come back in {fault.retry_after:.0f} s "
                    "(Retry-After): its limit is reached; run again later"
                    f"{lower if self._is_parallel else ''}"
                ) from None
            wait = max(wait, fault.retry_after)
        if attempt < patience.tries:
            time.sleep(wait)

    def _ask(
        self, method: str, url: str, params: dict[str, Any], body: Body | None
    ) -> tuple[requests.Response, bytes]:
        """One request and its whole body. Raises SlowError, _PassingError or SourceError."""
        with self._counting:
            self.request_count += 1
        try:
            response = self._sessions.session.request(
                method,
                url,
                params=params,
                json=body,
                headers={"Accept": "application/json"},
                allow_redirects=False,
                stream=True,
            )
            # in one piece: `content` reads in pieces of 10 KB, at twice the processor time
            content = response.raw.read(decode_content=True)
        except requests.exceptions.SSLError:
            raise SourceError(
                f"the certificate of {_host(url)} is not trusted: give its authority in "
                "REQUESTS_CA_BUNDLE"
            ) from None
        except requests.exceptions.ReadTimeout:
            raise SlowError from None
        except ReadTimeoutError:
            raise SlowError from None
        except (requests.exceptions.RequestException, HTTPError) as error:
            if any(isinstance(cause, ReadTimeoutError) for cause in error.args):
                raise SlowError from None
            raise _PassingError(self._connection_fault(url, error)) from None
        except OSError as error:
            if "CA certificate" not in str(error):
                raise
            raise ConfigurationError(f"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE: {error}") from None
        return response, content

    def _checked(
        self, response: requests.Response, content: bytes, url: str, *, may_halve: bool
    ) -> Any:
        """The parsed body of an answer, or the error that it stands for."""
        status, headers = response.status_code, response.headers
        if status in self.too_much and may_halve:
            raise SlowError
        if status in PASSING:
            retry_after = _retry_after(headers.get("Retry-After"), headers.get("Date"))
            raise _PassingError(f"HTTP {status}", is_overload=True, retry_after=retry_after)
        if 300 <= status < 400:
            target = urlsplit(headers.get("Location", ""))
            raise SourceError(
                f"{_host(url)} redirects to {target.scheme or '?'}://{target.hostname or '?'}: not "
                "followed, so that the token stays here. "
                f"Give the right address in {self.service.url_setting}"
            )
        if status != HTTPStatus.OK:
            raise self._refusal(status, content, url)
        if "json" not in headers.get("Content-Type", "").lower():
            raise NoApiError(
                f"{_place(url)} answers with a web page, not with data: "
                f"{self.service.url_setting} has a wrong path"
            )
        return parse(content)

    def _refusal(self, status: int, content: bytes, url: str) -> SourceError:
        """The error of an answer that no retry mends. A source's texts are localised: not used."""
        service = self.service
        try:
            code = str(orjson.loads(content).get("error", ""))[:60]
        except (ValueError, AttributeError):
            code = ""
        told = f"HTTP {status}{f' {code}' if code else ''}"
        if status == HTTPStatus.UNAUTHORIZED:
            return UnauthorizedError(
                f"{service.name} refuses the token ({told}): it is wrong, expired or revoked. "
                f"Give a valid {service.token} in {service.token_setting}"
            )
        if status == HTTPStatus.FORBIDDEN:
            return ForbiddenError(f"the token's account may not read {_place(url)} ({told})")
        if status == HTTPStatus.NOT_FOUND:
            return NotFoundError(
                f"{_place(url)} does not exist ({told}): look at the path of {service.url_setting}"
            )
        if status == HTTPStatus.BAD_REQUEST:
            return BadRequestError(f"{service.name} does not understand {_place(url)} ({told})")
        if status in (HTTPStatus.REQUEST_URI_TOO_LONG, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE):
            return BadRequestError(f"the query to {_place(url)} is too long ({told})")
        return SourceError(f"{_place(url)} answers {told}")

    def _connection_fault(self, url: str, error: Exception) -> str:
        """Why a connection failed, without the address's query (requests puts it into messages)."""
        text = str(error)
        for sign, reason in (
            ("NameResolution", "the host name is not known"),
            ("Name or service", "the host name is not known"),
            ("refused", "the connection is refused"),
            ("ConnectTimeout", "the host does not answer"),
            ("ProxyError", "the proxy does not let it through"),
            ("reset", "the connection was reset"),
            ("IncompleteRead", "the body was cut short"),
        ):
            if sign in text:
                return f"{_host(url)}: {reason}; look at {self.service.url_setting}"
        return f"{_host(url)}: {type(error).__name__}"


def parse(content: bytes) -> Any:
    """JSON as Python objects, without what PostgreSQL's jsonb cannot hold.

    jsonb refuses U+0000 and lone surrogates; both turn up in pasted text. Raises _PassingError
    for a body that was cut.
    """
    if b"\\u0000" in content:
        if b"\\\\u0000" in content:
            # a backslash before it: whether it is an escape needs a parser
            return _mapped(_tolerant(content), _storable)
        content = content.replace(b"\\u0000", b"")
    try:
        return orjson.loads(content)
    except ValueError:
        return _mapped(_tolerant(content), _storable)


def _tolerant(content: bytes) -> Any:
    """JSON with lone surrogates and raw control characters in it, at a tenth of the speed."""
    try:
        return json.loads(content.decode("utf-8", "replace"), strict=False)
    except ValueError:
        raise _PassingError("a body that is no JSON, or cut short") from None


def _storable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """The same JSON with every string changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if isinstance(value, dict):
        return {change(key): _mapped(item, change) for key, item in value.items()}
    return value


def _retry_after(header: str | None, date: str | None) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date by the server's clock."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        now = parsedate_to_datetime(date).timestamp() if date else time.time()
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except ValueError:
        return None


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _place(url: str) -> str:
    """An address without its query."""
    return url.split("?", 1)[0]
