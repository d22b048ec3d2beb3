"""Zabbix's API: JSON-RPC at one address, one request at a time.

An error comes with HTTP 200. Several calls may travel in one request, and are answered in one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from extract.client import (
    TIMED_OUT,
    Client,
    ForbiddenError,
    NoApiError,
    NotFoundError,
    Patience,
    Service,
    UnauthorizedError,
)
from extract.errors import ConfigurationError, SourceError
from extract.zabbix.address import API
from extract.zabbix.wording import Wording, wording

SERVICE = Service("Zabbix", "ZABBIX", "API token (Users > API tokens)")

# what an answer says to a token that is none, is expired or belongs to nobody (any more)
_NOT_ADMITTED = ("not authorized", "not authorised", "session terminated", "token expired")


@dataclass(frozen=True)
class Call:
    """One method with its parameters. `ids`: the parameter whose list may be cut into parts."""

    method: str
    params: dict[str, Any]
    ids: str | None = None

    def halves(self) -> tuple[Call, Call] | None:
        """The same for the first and for the second half of its ids; None where there are none."""
        listed = self.params[self.ids] if self.ids else []
        if len(listed) < 2:
            return None
        middle = len(listed) // 2
        first, second = (
            replace(self, params={**self.params, self.ids: part})
            for part in (listed[:middle], listed[middle:])
        )
        return first, second


class ZabbixClient(Client):
    """One Zabbix, one token. A frontend has few workers: there is never more than one request."""

    # with HTTP 500 and an empty body ends whoever asked for more than PHP's memory holds
    too_much = TIMED_OUT | {500}

    def __init__(self, url: str, token: str, *, patience: Patience | None = None) -> None:
        self._token = token
        # filled when the version is known: the first request must not carry the token
        self._headers: dict[str, str] = {}
        super().__init__(SERVICE, self._headers, parallel=1, patience=patience)
        self.url = url
        self._numbers = count(1)
        self._words: Wording | None = None

    @property
    def words(self) -> Wording:
        """How this version is asked; known after `introduce`."""
        if self._words is None:
            raise RuntimeError("introduce comes first")
        return self._words

    def introduce(self) -> None:
        """The first request: does the address lead to Zabbix, and to which version?"""
        try:
            version = self._answers([Call("apiinfo.version", {})], tries=3, is_known=False)[0]
        except NotFoundError:
            raise ConfigurationError(
                f"there is no {API} at ZABBIX_URL: give the address of the frontend as a browser "
                "shows it, with /zabbix where it has that"
            ) from None
        self._words = wording(version if isinstance(version, str) else repr(version))
        if self._words.has_bearer:
            self._headers["Authorization"] = f"Bearer {self._token}"

    def ask(self, calls: Sequence[Call], *, may_halve: bool = False) -> list[Any]:
        """The results of some calls, by one request. Raises SlowError as `Client.call`."""
        return self._answers(calls, may_halve=may_halve)

    def _answers(self, calls: Sequence[Call], **how: Any) -> list[Any]:
        bodies = [self._body(call) for call in calls]
        body = bodies[0] if len(bodies) == 1 else bodies
        answer = self.call("POST", f"{self.url}{API}", {}, body=body, **how).data
        answers = answer if isinstance(answer, list) else [answer]
        # a request that is refused as a whole is answered by a single error
        if len(answers) == 1 and len(calls) > 1:
            self._result(calls[0], answers[0])
        by_id = {each.get("id"): each for each in answers if isinstance(each, dict)}
        if by_id.keys() != {each["id"] for each in bodies}:
            raise NoApiError(f"{self.url}{API} answers other calls than those that were made")
        return [
            self._result(call, by_id[body["id"]]) for call, body in zip(calls, bodies, strict=True)
        ]

    def _body(self, call: Call) -> dict[str, Any]:
        body = {
            "jsonrpc": "2.0", "method": call.method, "params": call.params,
            "id": next(self._numbers),
        }  # fmt: skip
        if self._words and not self._words.has_bearer:
            body["auth"] = self._token
        return body

    def _result(self, call: Call, answer: Any) -> Any:
        """The result, or the error that stands in its place."""
        if not isinstance(answer, dict) or answer.keys().isdisjoint({"result", "error"}):
            raise NoApiError(f"{self.url}{API} answers, but not as Zabbix: look at ZABBIX_URL")
        if "error" in answer:
            raise self._refused(call, answer["error"])
        return answer["result"]

    def _refused(self, call: Call, error: Any) -> SourceError:
        told = error if isinstance(error, dict) else {}
        text = " ".join(f"{told.get('message', '')} {told.get('data', '')}".split())
        text = text.replace(self._token, "…")[:300]
        if any(sign in text.casefold() for sign in _NOT_ADMITTED):
            return UnauthorizedError(self._not_admitted(text))
        if "no permissions to call" in text.casefold():
            return ForbiddenError(
                f"the role of the token's user may not call {call.method}: allow it under Users > "
                "User roles > API methods"
            )
        version = f" {self._words.version}" if self._words else ""
        return SourceError(f"Zabbix{version} refuses {call.method}: {text}")

    def _not_admitted(self, text: str) -> str:
        """All causes have one and the same answer."""
        advice = "it is wrong, expired or disabled, or its user is"
        if self._words and self._words.has_bearer:
            advice += ", or a proxy takes the header Authorization out"
        return (
            f"Zabbix refuses the token ({text}): {advice}. Give a valid {SERVICE.token} in "
            f"{SERVICE.token_setting}"
        )
