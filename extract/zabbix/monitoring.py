"""Zabbix as a run sees it: its settings, what a token may see, its load."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from extract.tracker import Found, Load, LoadReport
from extract.zabbix.address import normalise_url
from extract.zabbix.client import SERVICE
from extract.zabbix.examination import examine
from extract.zabbix.journal import SCHEMA
from extract.zabbix.load import Source, load
from extract.zabbix.tables import TABLES


class ZabbixSettings(BaseSettings):
    """The checked settings of one Zabbix."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    zabbix_url: str | None = None
    zabbix_token: SecretStr | None = None
    # the texts of acknowledgements, which people wrote about people
    zabbix_messages: bool = False

    @field_validator("zabbix_url")
    @classmethod
    def _normalise_url(cls, value: str | None) -> str | None:
        return value and normalise_url(value)

    @field_validator("zabbix_token", mode="before")
    @classmethod
    def _check_token(cls, value: Any) -> Any:
        """It travels in a header."""
        text = value.strip() if isinstance(value, str) else value
        if isinstance(text, str) and not (text.isascii() and text.isprintable()):
            raise ValueError("it holds a line break or a letter that none has")
        return text or None

    def source(self) -> Source:
        """What is read, as whom."""
        token = self.zabbix_token.get_secret_value() if self.zabbix_token else ""
        return Source(self.zabbix_url or "", token, messages=self.zabbix_messages)


class Zabbix:
    """Zabbix; the members are those of `extract.tracker.Source`."""

    name = "zabbix"
    title = SERVICE.name
    prefix = SERVICE.prefix
    schema = SCHEMA
    tables = TABLES
    settings = ZabbixSettings
    required = {
        (SERVICE.url_setting,): "the address of the frontend, as a browser shows it",
        (SERVICE.token_setting,): (
            "an API token (Users > API tokens) of a user who may read the host groups"
        ),
    }
    secrets = (SERVICE.token_setting,)

    def examine(self, settings: ZabbixSettings) -> Iterator[Found]:
        """Ask what a run will need."""
        yield from examine(settings.source())

    def load(self, settings: ZabbixSettings, order: Load) -> LoadReport:
        """Bring the schema `raw_zabbix` up to date."""
        return load(settings.source(), order)
