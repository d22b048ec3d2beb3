"""What can be asked of Tracker, each answered completely or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from extract.client import (
    ForbiddenError,
    NotFoundError,
    SlowError,
    UnauthorizedError,
    UnwellError,
)
from extract.errors import ConfigurationError, SourceError
from extract.findings import Findings
from extract.tables import Entity
from extract.yandex_tracker import answers, search
from extract.yandex_tracker.answers import Changelog
from extract.yandex_tracker.client import YandexTrackerClient, next_page, next_scroll, total
from extract.yandex_tracker.search import Within

ISSUES_A_PAGE = 1000
ENTRIES_A_PAGE = 100
ROWS_A_PAGE = 100
# what the API cuts pages at when it is not told, or does not listen
USUAL_PAGE = 50

# a scroll that ends early is begun again so often
SCROLLS = 4

# where a count may end, whatever there is: paged searches do
ROUND_TOTAL = 10_000

# a list this long is no list of queues, boards or people
MOST_PAGES = 10_000


class _ScrollEndedError(Exception):
    """A scroll expired, or ended before all that it had announced."""


class Reader:
    """Reads one organisation. Several threads may read different things."""

    def __init__(self, client: YandexTrackerClient, findings: Findings) -> None:
        self.client = client
        self.findings = findings

    def introduce(self) -> None:
        """The first request: does the address lead to Tracker, and may the token enter?"""
        try:
            me = self.client.first("myself").data
        except ForbiddenError as error:
            raise ConfigurationError(
                "the token's account may not enter the organisation in "
                f"{self.client.organisation_setting} ({error})"
            ) from None
        if not isinstance(me, dict) or not (me.get("uid") or me.get("login")):
            raise SourceError(
                "the answer to myself is no user: YANDEX_TRACKER_URL does not lead to the API of "
                "Yandex.Tracker"
            )
        if me.get("dismissed") is True or me.get("hasLicense") is False:
            self.findings.warn(
                "the token's account is dismissed or has no full access: it may see less than all"
            )

    def listing(self, path: str, key: str = "id", **params: Any) -> list[Entity]:
        """All rows of a list, whether it comes in pages or not."""
        found: dict[str, Entity] = {}
        page_number = 1
        following: dict[str, Any] = dict(params)
        announced = None
        while page_number <= MOST_PAGES:
            answer = self.client.get(path, **following)
            page = answers.rows(answer.data, path, key)
            before = len(found)
            found.update((str(row[key]), row) for row in page)
            announced = announced or total(answer.headers)
            linked = next_page(answer.headers)
            is_full = len(page) in (params.get("perPage"), USUAL_PAGE)
            is_short = announced is not None and len(found) < announced
            if len(found) == before or not (linked or is_full or is_short):
                break
            page_number += 1
            following = linked or {**params, "page": page_number}
        if announced is not None and len(found) < announced:
            self.findings.warn(
                f"Yandex.Tracker announces {announced} rows of {path} and delivers {len(found)}"
            )
        return list(found.values())

    # --- issues

    def count(self, within: Within) -> int:
        """How many issues there are, as Tracker counts them."""
        answer = self.client.post("issues/_count", {"query": search.all_issues(within)}).data
        if isinstance(answer, bool) or not isinstance(answer, int):
            raise SourceError("issues/_count answers with something that is no number")
        return answer

    def issues(self, within: Within, since: int | None = None) -> Iterator[list[Entity]]:
        """All issues, or those changed from `since` (epoch ms) on: those changed first in front.

        A scroll that ends early is begun again: an answer that was lost on the way may have taken
        its rows with it. Issues then come twice.
        """
        reason: _ScrollEndedError | None = None
        for _ in range(SCROLLS):
            try:
                yield from self._scroll(within, since)
                return
            except _ScrollEndedError as error:
                reason = error
        raise SourceError(f"{reason}, {SCROLLS} times. Run again later")

    def _scroll(self, within: Within, since: int | None) -> Iterator[list[Entity]]:
        """The pages of one scroll, to the last row that it announces."""
        body = {"query": search.by_update(within, since)}
        answer = self._first_page(body)
        announced, delivered = total(answer.headers), 0
        scroll: dict[str, str] = {}
        while True:
            page = answers.issues(answer.data, within, self.findings)
            delivered += len(page)
            following = next_scroll(answer.headers)
            scroll = following or scroll
            if page:
                yield page
            is_whole = announced is not None and announced <= delivered
            # an announcement of 10,000 and more may be where the counting ended
            is_believed = announced is not None and announced < ROUND_TOTAL
            if not page or not following or (is_whole and is_believed):
                break
            try:
                answer = self.client.post("issues/_search", body, **following)
            except (UnauthorizedError, UnwellError):
                raise
            except SourceError as error:
                raise _ScrollEndedError(f"a scroll over issues ended early ({error})") from None
        self._release(scroll)
        if announced is not None and delivered < announced:
            raise _ScrollEndedError(
                f"Yandex.Tracker announces {announced} issues and delivers {delivered}"
            )

    def _first_page(self, body: dict[str, Any]) -> Any:
        """Pages halve while they do not come in time; those that follow are as long."""
        rows = ISSUES_A_PAGE
        while True:
            try:
                return self.client.search(body, rows)
            except SlowError:
                rows = max(1, rows // 2)

    def _release(self, scroll: dict[str, str]) -> None:
        """What is not let go of ends by itself, after a minute."""
        if scroll:
            with suppress(SourceError):
                self.client.release(scroll)

    def issue(self, issue_id: str) -> Entity | None:
        """One issue, wherever it is now; None when it is gone."""
        try:
            answer = self.client.get(f"issues/{quote(issue_id, safe='')}").data
        except (NotFoundError, ForbiddenError):
            return None
        [found] = answers.issues([answer], Within(), self.findings)
        if found["id"] != issue_id:
            raise SourceError(f"Yandex.Tracker answers with another issue than {issue_id}")
        return found

    # --- history

    def changelog(self, issue_id: str) -> Iterator[Changelog | None]:
        """A step a request: nothing until the whole changelog is there.

        Raises NotFoundError or ForbiddenError when the issue is gone.
        """
        path = f"issues/{quote(issue_id, safe='')}/changelog"
        found: dict[str, Entity] = {}
        params: dict[str, Any] = {"perPage": ENTRIES_A_PAGE}
        # a page this long may have been cut without a word of it
        cut_at = {ENTRIES_A_PAGE, USUAL_PAGE}
        while True:
            answer = self.client.get(path, **params)
            with self.client.turn:
                page = answers.entries(answer.data, issue_id)
            before = len(found)
            found.update((entry["id"], entry) for entry in page)
            linked = next_page(answer.headers)
            if len(found) == before or not (linked or len(page) in cut_at):
                break
            cut_at.add(len(page))
            # after the last entry that came, whatever the link calls the last one
            is_relative = not linked or "id" in linked
            following = {"id": page[-1]["id"]} if is_relative else linked
            params = {"perPage": ENTRIES_A_PAGE, **following}
            yield None
        yield answers.oldest_first(issue_id, list(found.values()), self.findings)
