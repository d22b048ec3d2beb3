"""What a load noticed without having to stop: warnings with their counts."""

from __future__ import annotations

import threading
from collections import Counter


class Findings:
    """Warnings of one load. Threads may add to it."""

    def __init__(self) -> None:
        self._adding = threading.Lock()
        self._warnings: dict[str, None] = {}
        self._unknown_types: Counter[str] = Counter()
        self._counted: Counter[str] = Counter()

    def warn(self, text: str) -> None:
        """A sentence for the operator; the same one is said once."""
        with self._adding:
            self._warnings[text] = None

    def count(self, text: str, number: int = 1) -> None:
        """Something that is met again and again: said once, with its number in front."""
        with self._adding:
            self._counted[text] += number

    def unknown_types(self, types: Counter[str]) -> None:
        """`$type`s that nobody has seen yet: kept as sent, but staging may need a line for them."""
        if types:
            with self._adding:
                self._unknown_types.update(types)

    def warnings(self) -> tuple[str, ...]:
        """All of them, unknown types as one sentence each."""
        with self._adding:
            return (
                *self._warnings,
                *(f"{number} {text}" for text, number in sorted(self._counted.items())),
                *(
                    f'{count} values of a $type that this version does not know: "{name}"'
                    for name, count in sorted(self._unknown_types.items())
                ),
            )
