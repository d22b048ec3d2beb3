"""The words of the page, in the languages that the report page has."""

from pathlib import Path
from typing import Any

import yaml

TEXTS = Path(__file__).resolve().parent / "texts.yml"


def read_texts(locale: str) -> dict[str, Any]:
    """The words in one language."""
    return yaml.safe_load(TEXTS.read_text(encoding="utf-8"))[locale]
