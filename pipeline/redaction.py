"""Keeping secrets and control characters out of everything that is written."""

import unicodedata
from urllib.parse import quote, quote_plus

REPLACEMENT = "[secret]"


class Redactor:
    """Replaces known secrets in any text, also where they stand quoted in an address."""

    def __init__(self) -> None:
        self._secrets: list[str] = []

    def add(self, *secrets: str | None) -> None:
        """Make these values known; empty ones are passed over."""
        spellings = {
            spelling
            for secret in (each.strip() for each in secrets if each)
            if secret
            for spelling in (
                secret,
                repr(secret)[1:-1],
                quote(secret, safe=""),
                quote(secret),
                quote_plus(secret),
            )
        }
        # longest first, so that a secret which contains another one goes as a whole
        self._secrets = sorted(spellings.union(self._secrets), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without any of the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, REPLACEMENT)
        return text


def plain(text: str) -> str:
    """Text from a tracker made safe for a terminal or a log.

    Control and format characters go (escape sequences, right-to-left overrides), because a
    title may hold what moves the cursor or hides what stands before it.
    """
    return "".join(
        character if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else " "
        for character in text
    )
