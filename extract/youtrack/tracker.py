"""YouTrack as a run sees it: its settings, what a token may see, its load."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from extract.tracker import Found, Load, LoadReport
from extract.youtrack.address import normalise_url
from extract.youtrack.client import SERVICE
from extract.youtrack.examination import examine
from extract.youtrack.journal import SCHEMA
from extract.youtrack.load import Source, load
from extract.youtrack.selection import TABLES


class YouTrackSettings(BaseSettings):
    """The checked settings of one YouTrack."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    youtrack_url: str | None = None
    youtrack_token: SecretStr | None = None
    # short names; None: every project that the token may read
    youtrack_projects: Annotated[tuple[str, ...] | None, NoDecode] = None
    youtrack_summaries: bool = True
    youtrack_parallel_requests: int = Field(default=4, ge=1, le=16)

    @field_validator("youtrack_url")
    @classmethod
    def _normalise_url(cls, value: str | None) -> str | None:
        return normalise_url(value) if value else None

    @field_validator("youtrack_token", mode="before")
    @classmethod
    def _check_token(cls, value: Any) -> Any:
        token = value.strip() if isinstance(value, str) else value
        if isinstance(token, str) and not (token.isascii() and token.isprintable()):
            raise ValueError("it holds a line break or a letter that no token has")
        if isinstance(token, str) and " " in token:
            raise ValueError("it holds a space, which no token has")
        return token or None

    @field_validator("youtrack_projects", mode="before")
    @classmethod
    def _split_projects(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(name.strip() for name in value.split(",") if name.strip()) or None


class YouTrack:
    """The tracker YouTrack; the members are those of `extract.tracker.Tracker`."""

    name = "youtrack"
    title = SERVICE.name
    prefix = SERVICE.prefix
    schema = SCHEMA
    tables = TABLES
    settings = YouTrackSettings
    required = {
        (SERVICE.url_setting,): "give your YouTrack's address",
        (SERVICE.token_setting,): (
            "a permanent token of a YouTrack service account (Profile > Account Security > Tokens)"
        ),
    }
    secrets = (SERVICE.token_setting,)

    def examine(self, settings: YouTrackSettings) -> Iterator[Found]:
        """Ask what a run will need."""
        yield from examine(
            settings.youtrack_url,
            settings.youtrack_token.get_secret_value(),
            settings.youtrack_projects,
        )

    def issue_address(self, settings: YouTrackSettings) -> str | None:
        """As the address was given: people know it, and it redirects where it must."""
        return f"{settings.youtrack_url}/issue/" if settings.youtrack_url else None

    def load(self, settings: YouTrackSettings, order: Load) -> LoadReport:
        """Bring the schema `raw` up to date."""
        source = Source(
            url=settings.youtrack_url,
            token=settings.youtrack_token.get_secret_value(),
            projects=settings.youtrack_projects,
            summaries=settings.youtrack_summaries,
            parallel_requests=settings.youtrack_parallel_requests,
        )
        return load(source, order)
