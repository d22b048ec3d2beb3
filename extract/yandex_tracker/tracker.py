"""Yandex.Tracker as a run sees it: its settings, what a token may see, its load."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from extract.tracker import Found, Load, LoadReport
from extract.yandex_tracker.address import SITE, VENDOR, normalise_url
from extract.yandex_tracker.client import IAM, OAUTH
from extract.yandex_tracker.examination import examine
from extract.yandex_tracker.journal import SCHEMA
from extract.yandex_tracker.load import Source, load
from extract.yandex_tracker.tables import TABLES

# of each two, one is given
_ALTERNATIVES = {
    "yandex_tracker_iam_token": "yandex_tracker_token",
    "yandex_tracker_cloud_org_id": "yandex_tracker_org_id",
}


class YandexTrackerSettings(BaseSettings):
    """The checked settings of one organisation's Yandex.Tracker."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    yandex_tracker_token: SecretStr | None = None
    yandex_tracker_iam_token: SecretStr | None = None
    yandex_tracker_org_id: str | None = None
    yandex_tracker_cloud_org_id: str | None = None
    # keys; None: every queue that the token may read
    yandex_tracker_queues: Annotated[tuple[str, ...] | None, NoDecode] = None
    yandex_tracker_summaries: bool = True
    yandex_tracker_url: str = VENDOR
    yandex_tracker_parallel_requests: int = Field(default=4, ge=1, le=16)

    @field_validator("yandex_tracker_url")
    @classmethod
    def _normalise_url(cls, value: str) -> str:
        return normalise_url(value)

    @field_validator(
        "yandex_tracker_token", "yandex_tracker_iam_token",
        "yandex_tracker_org_id", "yandex_tracker_cloud_org_id",
        mode="before",
    )  # fmt: skip
    @classmethod
    def _check_header(cls, value: Any, info: ValidationInfo) -> Any:
        """Each of them travels in a header."""
        text = value.strip() if isinstance(value, str) else value
        if isinstance(text, str) and not (text.isascii() and text.isprintable()):
            raise ValueError("it holds a line break or a letter that none has")
        if isinstance(text, str) and " " in text:
            raise ValueError("it holds a space, which none has")
        other = _ALTERNATIVES.get(info.field_name or "")
        if text and other and info.data.get(other):
            raise ValueError(f"{other.upper()} is set, too: give one of the two")
        return text or None

    @field_validator("yandex_tracker_queues", mode="before")
    @classmethod
    def _split_queues(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(key.strip() for key in value.split(",") if key.strip()) or None

    def source(self) -> Source:
        """What is read, as whom."""
        token = self.yandex_tracker_token or self.yandex_tracker_iam_token
        return Source(
            token=token.get_secret_value() if token else "",
            organisation=self.yandex_tracker_org_id or self.yandex_tracker_cloud_org_id or "",
            url=self.yandex_tracker_url,
            is_iam=self.yandex_tracker_token is None,
            is_cloud=self.yandex_tracker_org_id is None,
            queues=self.yandex_tracker_queues,
            summaries=self.yandex_tracker_summaries,
            parallel_requests=self.yandex_tracker_parallel_requests,
        )


class YandexTracker:
    """Yandex.Tracker; the members are those of `extract.tracker.Tracker`."""

    name = "yandex_tracker"
    title = OAUTH.name
    prefix = OAUTH.prefix
    schema = SCHEMA
    tables = TABLES
    settings = YandexTrackerSettings
    required = {
        (OAUTH.token_setting, IAM.token_setting): (
            "an OAuth token of an account made for it, or an IAM token of a service account where "
            "a Yandex Cloud organisation is linked"
        ),
        ("YANDEX_TRACKER_ORG_ID", "YANDEX_TRACKER_CLOUD_ORG_ID"): (
            "the organisation's id (Tracker > Administration > Organisations): the first of a "
            "Yandex 360 organisation, the second of a Yandex Cloud one"
        ),
    }
    secrets = (OAUTH.token_setting, IAM.token_setting)

    def examine(self, settings: YandexTrackerSettings) -> Iterator[Found]:
        """Ask what a run will need."""
        yield from examine(settings.source())

    def issue_address(self, settings: YandexTrackerSettings) -> str | None:
        """Of the vendor's own API alone: where another one's pages stand is not known."""
        source = settings.source()
        return f"{SITE}/" if source.organisation and source.url == VENDOR else None

    def load(self, settings: YandexTrackerSettings, order: Load) -> LoadReport:
        """Bring the schema `raw_yandex_tracker` up to date."""
        return load(settings.source(), order)
