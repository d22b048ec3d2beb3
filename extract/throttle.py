"""How many requests may be under way at once."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

GOOD_ANSWERS_TO_GROW = 20


class Throttle:
    """A limit that halves when the server struggles and grows back by one when it is well.

    Shared by all threads: a 429 or a time-out that one of them meets slows down all of them.
    """

    def __init__(self, most: int) -> None:
        self.limit = self._most = max(1, most)
        self._running = 0
        self._good = 0
        self._not_before = 0.0
        self._free = threading.Condition()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a free place, and for the end of a pause that the server asked for."""
        with self._free:
            while self._running >= self.limit or self._pause() > 0:
                self._free.wait(self._pause() if self._running < self.limit else None)
            self._running += 1
        try:
            yield
        finally:
            with self._free:
                self._running -= 1
                self._free.notify_all()

    def _pause(self) -> float:
        return max(0.0, self._not_before - time.monotonic())

    def struggles(self, pause_seconds: float) -> None:
        """The server is slow or says no: half as many requests, none before the pause ends."""
        with self._free:
            self.limit = max(1, self.limit // 2)
            self._good = 0
            self._not_before = max(self._not_before, time.monotonic() + pause_seconds)
            self._free.notify_all()

    def went_well(self) -> None:
        """An answer came; after enough of them in a row, one more request at a time."""
        with self._free:
            self._good += 1
            if self._good >= GOOD_ANSWERS_TO_GROW and self.limit < self._most:
                self.limit += 1
                self._good = 0
                self._free.notify_all()
