"""The wall's own settings; those of Zabbix, the trackers and the database are the run's."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from extract.errors import ConfigurationError
from pipeline.settings import PROJECT_ROOT

TEMPLATES = PROJECT_ROOT / "wall" / "tickets"
SHORTEST_PASSWORD = 12


class WallSettings(BaseSettings):
    """The checked settings of the wall."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    wall_host: str = "127.0.0.1"
    wall_port: int = Field(default=8090, ge=1, le=65535)
    # one of the two lets people in; neither is needed on loopback
    wall_password: SecretStr | None = None
    wall_user_header: str | None = None
    # of an account that may create tickets and nothing else
    wall_youtrack_token: SecretStr | None = None
    wall_yandex_tracker_token: SecretStr | None = None
    wall_templates: Path = TEMPLATES

    @field_validator("wall_password")
    @classmethod
    def _check_password(cls, value: SecretStr | None) -> SecretStr | None:
        if value and len(value.get_secret_value()) < SHORTEST_PASSWORD:
            raise ValueError(f"it has less than {SHORTEST_PASSWORD} characters")
        return value

    @field_validator("wall_user_header")
    @classmethod
    def _check_header(cls, value: str | None) -> str | None:
        if value and not value.replace("-", "").isalnum():
            raise ValueError("it is the name of a header, as X-Remote-User")
        return value

    @field_validator("wall_youtrack_token", "wall_yandex_tracker_token", mode="before")
    @classmethod
    def _check_token(cls, value: Any) -> Any:
        """It travels in a header."""
        text = value.strip() if isinstance(value, str) else value
        if isinstance(text, str) and not (text.isascii() and text.isprintable()):
            raise ValueError("it holds a line break or a letter that no token has")
        return text or None

    @field_validator("wall_templates")
    @classmethod
    def _check_templates(cls, value: Path) -> Path:
        if not value.is_dir():
            raise ValueError("there is no such folder")
        return value

    @property
    def is_on_loopback(self) -> bool:
        """Whether nobody but this machine's own users reaches the page."""
        if self.wall_host == "localhost":
            return True
        try:
            return ip_address(self.wall_host).is_loopback
        except ValueError:
            return False


def read_wall_settings() -> WallSettings:
    """Read and check the settings.

    Raises ConfigurationError naming each variable that is wrong, never its value, and where the
    page would be open to a whole network.
    """
    try:
        settings = WallSettings()
    except ValidationError as error:
        raise ConfigurationError(
            "; ".join(
                f"{str(problem['loc'][0]).upper()}: {problem['msg'].removeprefix('Value error, ')}"
                for problem in error.errors(include_input=False, include_url=False)
            )
        ) from None
    if settings.wall_password and settings.wall_user_header:
        raise ConfigurationError(
            "WALL_PASSWORD and WALL_USER_HEADER are both set: people come in by one of the two"
        )
    if not (settings.is_on_loopback or settings.wall_password or settings.wall_user_header):
        raise ConfigurationError(
            "WALL_HOST lets a network in, and nobody is asked who he is: set WALL_PASSWORD, or "
            "WALL_USER_HEADER behind a reverse proxy that signs people in"
        )
    return settings
