"""What can be asked of YouTrack, each answered completely or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from extract.client import BadRequestError, ForbiddenError, NotFoundError, UnwellError
from extract.errors import ConfigurationError, SourceError
from extract.findings import Findings
from extract.tables import Entity
from extract.youtrack import answers, paging, search
from extract.youtrack.client import YouTrackClient
from extract.youtrack.paging import Feed, IssueWindow, PageLengths, Pages, Split, Walk
from extract.youtrack.search import Within
from extract.youtrack.selection import CENSUS_FIELDS, ME_FIELDS, issue_fields

ISSUES_A_PAGE = 100
# below the cap of 3500 (youtrack-api.md §0 no. 4); a server that cuts at 1000 costs no more pages
IDS_A_PAGE = 2000
ISSUES_BY_NAME = 50


class Reader:
    """Reads one YouTrack. Several threads may read different windows."""

    def __init__(
        self,
        client: YouTrackClient,
        findings: Findings,
        *,
        summaries: bool = True,
        page_lengths: PageLengths | None = None,
    ) -> None:
        self.client = client
        self.findings = findings
        self.clock = search.TokenClock(None)
        self.page_lengths = page_lengths or PageLengths()
        self._issue_fields = issue_fields(summaries=summaries)
        self._account: str | None = None

    def introduce(self) -> None:
        """The first request: does the address lead to YouTrack, and whose token is it?

        Raises ConfigurationError for a guest: an instance with guest access answers a wrong
        token with a guest's view, which is a fraction of the data.
        """
        me = self.client.connect("users/me", ME_FIELDS)
        self._account = _account(me)
        general = (me.get("profiles") or {}).get("general") or {}
        self.clock = search.TokenClock.of((general.get("timezone") or {}).get("id"))
        if self.clock.zone is None:
            self.findings.warn(
                "the time zone of the token's account is unknown: windows are read 14 hours wider "
                "on both sides, which is slower. Set the account's zone to UTC in its profile"
            )

    def still_the_same(self) -> None:
        """The last request: a token that was revoked on the way may have become a guest."""
        if _account(self.client.get("users/me", ME_FIELDS)) != self._account:
            raise SourceError(
                "YouTrack takes YOUTRACK_TOKEN for another account than at the start of the run"
            )

    def listing(self, kind: str, path: str, fields: str, top: int) -> list[Entity]:
        """All rows of a short list."""
        return paging.listing(self, kind, path, fields, top)

    # --- issues

    def created(self, within: Within, start: int, end: int, split: Split | None = None) -> Pages:
        """The issues created in [start, end) in epoch ms, oldest first."""
        return iter(Walk(self, self._window("created", within, start, end), split))

    def updated(self, within: Within, start: int, reach: int | None = None) -> Pages:
        """The issues changed from `start` on.

        `reach`: a moment before `start` at which issues changed, where so few changed since that
        one page may show them all.
        """
        window = self._window("updated", within, start, None)
        page = None if reach is None else paging.newest_page(self, window, reach)
        if page is None:
            yield from Walk(self, window)
        else:
            yield page

    def ids(self, within: Within, start: int, end: int, split: Split | None = None) -> Pages:
        """Nothing but the ids of the issues created in [start, end)."""
        window = IssueWindow(
            "created", within, start, end, CENSUS_FIELDS, IDS_A_PAGE, answers.census, "issue ids"
        )
        return iter(Walk(self, window, split))

    def _window(self, attribute: str, within: Within, start: int, end: int | None) -> IssueWindow:
        return IssueWindow(
            attribute, within, start, end, self._issue_fields, ISSUES_A_PAGE, self._issues
        )

    def _issues(self, answer: object) -> list[Entity]:
        return answers.issues(answer, self.findings)

    def first_created(self, within: Within) -> int | None:
        """When the oldest issue was created (epoch ms), or None when there is no issue."""
        params = {"query": f"{within.clause}sort by: created asc"}
        page, _ = self.client.page("issues", CENSUS_FIELDS, 1, params)
        return min((issue["created"] for issue in answers.census(page)), default=None)

    def named(self, readable_ids: Sequence[str]) -> list[Entity]:
        """The issues of these readable ids; those that are gone are left out."""
        issues: dict[str, Entity] = {}
        for first in range(0, len(readable_ids), ISSUES_BY_NAME):
            part = self._named(readable_ids[first : first + ISSUES_BY_NAME])
            issues.update((issue["id"], issue) for issue in part)
        return list(issues.values())

    def _named(self, readable_ids: Sequence[str]) -> list[Entity]:
        params = {"query": search.of_issues(readable_ids)}
        try:
            page, _ = self.client.page("issues", self._issue_fields, ISSUES_A_PAGE, params)
        except BadRequestError:
            # an id that no longer exists spoils the query: find it by halves
            if len(readable_ids) == 1:
                return []
            middle = len(readable_ids) // 2
            return self._named(readable_ids[:middle]) + self._named(readable_ids[middle:])
        issues = self._issues(page)
        if len(issues) > len(readable_ids):
            raise answers.ignored(params["query"])
        came = {issue["idReadable"] for issue in issues}
        absent = [readable_id for readable_id in readable_ids if readable_id not in came]
        if len(absent) == len(readable_ids) > 1:
            # all gone or moved; or one of them, and the query finds nothing because of it
            middle = len(absent) // 2
            return self._named(absent[:middle]) + self._named(absent[middle:])
        if absent and len(absent) < len(readable_ids):
            # gone, moved, or cut off: once more without the others
            issues += self._named(absent)
        return issues

    def count(self, query: str) -> int | None:
        """How many issues YouTrack counts for a query; None when it does not come to a number.

        It answers -1 while it is still counting (youtrack-api.md §1.1).
        """
        wait = 0.1
        for _ in range(14):
            try:
                answer = self.client.post("issuesGetter/count", "count", {"query": query})
            except (ForbiddenError, NotFoundError, UnwellError):
                return None
            number = answer.get("count") if isinstance(answer, dict) else None
            if not isinstance(number, int):
                return None
            if number >= 0:
                return number
            time.sleep(wait)
            wait = min(wait * 1.7, 5)
        return None

    # --- changes

    def changes(self, within: Within, start: int, end: int, split: Split | None = None) -> Pages:
        """The changes with a timestamp in [start, end) in epoch ms, oldest first."""
        return iter(Feed(self, within.clause, start, end, within=within, split=split))

    def history(self, readable_ids: Sequence[str]) -> Iterator[list[Entity]]:
        """All changes of these issues; those that are gone have none."""
        for first in range(0, len(readable_ids), ISSUES_BY_NAME):
            yield from self._history(readable_ids[first : first + ISSUES_BY_NAME])

    def _history(self, readable_ids: Sequence[str]) -> Iterator[list[Entity]]:
        pages = iter(Feed(self, search.of_issues(readable_ids), 0, paging.FOREVER))
        try:
            first = next(pages)
        except BadRequestError:
            first = []
        if first:
            yield first
            yield from pages
        elif len(readable_ids) > 1:
            # an id that no longer exists spoils the query: find it by halves
            middle = len(readable_ids) // 2
            yield from self._history(readable_ids[:middle])
            yield from self._history(readable_ids[middle:])


def _account(me: object) -> str:
    """The id of the token's account; raises for anything but a person's or a service's."""
    if not isinstance(me, dict) or not me.get("login"):
        raise SourceError(
            "the answer to users/me is no user: YOUTRACK_URL does not lead to a YouTrack API"
        )
    if me.get("guest") is not False:
        raise ConfigurationError(
            "YouTrack takes YOUTRACK_TOKEN for a guest: give a permanent token of a service account"
        )
    return str(me.get("id"))
