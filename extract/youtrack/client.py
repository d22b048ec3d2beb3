"""YouTrack's REST API: where it stands, and that every request names its fields."""

from __future__ import annotations

from typing import Any

from extract.client import Client, NoApiError, NotFoundError, Patience, Service, SlowError
from extract.errors import SourceError
from extract.youtrack.address import bases

SERVICE = Service("YouTrack", "YOUTRACK", "permanent token")


class YouTrackClient(Client):
    """One YouTrack, one token."""

    def __init__(
        self, url: str, token: str, *, parallel: int = 1, patience: Patience | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        super().__init__(SERVICE, headers, parallel=parallel, patience=patience)
        self._given = url
        self._base: str | None = None

    @property
    def url(self) -> str:
        """The address at which the API was found; the given one before that."""
        return self._base or self._given

    def connect(self, path: str, fields: str) -> Any:
        """The first request: find out whether the API stands at the address or beside it.

        A host that does not answer is soon given up; one that says that it is busy is not.
        """
        first_error: SourceError | None = None
        for base in bases(self._given):
            try:
                answer = self.call(
                    "GET", f"{base}/api/{path}", {"fields": fields}, tries=3, is_known=False
                )
            except (NotFoundError, NoApiError) as error:
                first_error = first_error or error
                continue
            self._base = base
            return answer.data
        raise first_error or SourceError("YouTrack does not answer")

    def get(self, path: str, fields: str, **params: Any) -> Any:
        """The parsed JSON of one GET."""
        return self.call("GET", f"{self.url}/api/{path}", {"fields": fields, **params}).data

    def post(self, path: str, fields: str, body: dict[str, Any]) -> Any:
        """The parsed JSON of one POST (only reading ones are used: counts)."""
        return self.call("POST", f"{self.url}/api/{path}", {"fields": fields}, body=body).data

    def page(self, path: str, fields: str, top: int, params: dict[str, Any]) -> tuple[Any, int]:
        """One page of at most `top` rows, halved while it times out; returns the size that did.

        Raises SourceError when even a single row does not come in time.
        """
        query = {"fields": fields, **params}
        while True:
            query["$top"] = top
            try:
                answer = self.call("GET", f"{self.url}/api/{path}", query, may_halve=top > 1)
            except SlowError:
                top = max(1, top // 2)
            else:
                return answer.data, top
