"""Yandex.Tracker's REST API: whose token it is, in which organisation, and how lists go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from requests.utils import parse_header_links

from extract.client import Answer, Client, Patience, Service

OAUTH = Service("Yandex.Tracker", "YANDEX_TRACKER", "OAuth token")
IAM = Service(
    "Yandex.Tracker", "YANDEX_TRACKER", "IAM token (it lives 12 hours at most)", "IAM_TOKEN"
)

# Names come in this language, always the same, so that an answer is the same every night.
LANGUAGE = "ru"


class YandexTrackerClient(Client):
    """One organisation, one token."""

    def __init__(
        self,
        url: str,
        token: str,
        organisation: str,
        *,
        is_iam: bool = False,
        is_cloud: bool = False,
        parallel: int = 1,
        patience: Patience | None = None,
    ) -> None:
        headers = {
            "Authorization": f"{'Bearer' if is_iam else 'OAuth'} {token}",
            "X-Cloud-Org-ID" if is_cloud else "X-Org-ID": organisation,
            "Accept-Language": LANGUAGE,
        }
        super().__init__(IAM if is_iam else OAUTH, headers, parallel=parallel, patience=patience)
        self.url = url
        self.organisation_setting = f"YANDEX_TRACKER_{'CLOUD_' if is_cloud else ''}ORG_ID"

    def get(self, path: str, **params: Any) -> Answer:
        """One GET."""
        return self.call("GET", self._address(path), params)

    def first(self, path: str) -> Answer:
        """The first request: a host that does not answer is soon given up."""
        return self.call("GET", self._address(path), {}, tries=3, is_known=False)

    def post(self, path: str, body: dict[str, Any], **params: Any) -> Answer:
        """One POST (only reading ones are used: searches and counts)."""
        return self.call("POST", self._address(path), params, body=body)

    def search(self, body: dict[str, Any], rows: int) -> Answer:
        """The first page of a scroll of `rows` a page. Raises SlowError when it does not come."""
        params = {"scrollType": "sorted", "perScroll": rows}
        path = self._address("issues/_search")
        return self.call("POST", path, params, body=body, may_halve=rows > 1)

    def release(self, scroll: Mapping[str, str]) -> Answer:
        """Let go of a scroll, by one try."""
        body = {scroll["scrollId"]: scroll.get("scrollToken", "")}
        path = self._address("system/search/scroll/_clear")
        return self.call("POST", path, {}, body=body, tries=1, is_known=False)

    def _address(self, path: str) -> str:
        return f"{self.url}/v3/{path}"


def next_page(headers: Mapping[str, str]) -> dict[str, str]:
    """The parameters of the page that a `Link` calls the next one; none where it calls none.

    Only the parameters: the token goes to no other address than the operator's.
    """
    for link in parse_header_links(headers.get("Link", "")):
        if link.get("rel") == "next":
            return dict(parse_qsl(urlsplit(link["url"]).query))
    return {}


def next_scroll(headers: Mapping[str, str]) -> dict[str, str]:
    """The parameters with which a scroll goes on; none where it does not."""
    linked = next_page(headers)
    scroll = {
        "scrollId": headers.get("X-Scroll-Id") or linked.get("scrollId"),
        "scrollToken": headers.get("X-Scroll-Token") or linked.get("scrollToken"),
    }
    return {key: value for key, value in scroll.items() if value} if scroll["scrollId"] else {}


def total(headers: Mapping[str, str]) -> int | None:
    """How many rows there are in all, where the answer says it."""
    text = headers.get("X-Total-Count", "")
    return int(text) if text.isdecimal() else None
