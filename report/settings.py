"""Settings of the page and the dashboard: their language, and how much the page tells."""

import os
from pathlib import Path
from typing import Any

import yaml

from extract.errors import ConfigurationError

# our name -> d3's locale, for numbers and dates on axes
TIME_LOCALES = {"en": "en-GB", "ru": "ru-RU"}

BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def read_locale() -> str:
    """`LOCALE`; raises ConfigurationError when it is neither en nor ru."""
    locale = os.environ.get("LOCALE") or "en"
    if locale not in TIME_LOCALES:
        raise ConfigurationError(f"LOCALE is one of {', '.join(TIME_LOCALES)}, not {locale!r}")
    return locale


def read_details() -> bool:
    """`REPORT_DETAILS`; raises ConfigurationError when it is neither true nor false."""
    value = (os.environ.get("REPORT_DETAILS") or "false").lower()
    if value not in BOOLEANS:
        raise ConfigurationError(f"REPORT_DETAILS is true or false, not {value!r}")
    return BOOLEANS[value]


def read_texts(locale: str) -> dict[str, Any]:
    """The words of the page in one language."""
    path = Path(__file__).resolve().parent / "texts.yml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))[locale]
