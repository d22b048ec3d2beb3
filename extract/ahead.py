"""Pages fetched ahead in a few threads, with bounded memory.

A *chain* is an iterator whose every step is one request: the next page of one window. A *lane* is
a group of chains whose pages end in the same raw table. Threads take a step of whichever chain is
waiting, earlier lanes first, and leave a lane alone while its consumer is behind. So a window
that turns out heavy does not idle the other threads, the next package is fetched while PostgreSQL
still copies the last one, and memory holds a few pages whatever the size of the load.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from typing_extensions import Self

PAGES_AHEAD = 32

Page = TypeVar("Page")


class Lane(Generic[Page]):
    """The pages of some chains, in the order in which they arrive. Iterate to consume them."""

    def __init__(
        self, fetcher: Ahead, chains: Iterable[Iterator[Page]], pages_ahead: int = PAGES_AHEAD
    ) -> None:
        self._fetcher = fetcher
        self._pages_ahead = pages_ahead
        self.waiting: deque[Iterator[Page]] = deque(chains)
        self.running = 0
        self.pages: deque[Page] = deque()

    @property
    def is_hungry(self) -> bool:
        """Whether a thread should take a step of one of this lane's chains."""
        return bool(self.waiting) and len(self.pages) + self.running < self._pages_ahead

    @property
    def is_exhausted(self) -> bool:
        return not (self.waiting or self.running or self.pages)

    def add(self, chain: Iterator[Page]) -> None:
        """One more chain, for a window that was found too big for one thread."""
        self._fetcher.add(self, chain)

    def there(self) -> Iterator[Page]:
        """The pages that have come, without waiting for others."""
        while self.pages and (page := self._fetcher.take(self)) is not None:
            yield page

    @property
    def has_ended(self) -> bool:
        """Whether every page has come and was taken."""
        return self._fetcher.has_ended(self)

    def __iter__(self) -> Iterator[Page]:
        while (page := self._fetcher.take(self)) is not None:
            yield page


class Ahead:
    """The threads. A context manager: leaving it ends them, whatever they were about to fetch."""

    def __init__(self, threads: int) -> None:
        self._changed = threading.Condition()
        self._lanes: list[Lane] = []
        self._failure: BaseException | None = None
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"fetch-{number}", daemon=True)
            for number in range(threads)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def lane(
        self, chains: Iterable[Iterator[Page]], *, pages_ahead: int = PAGES_AHEAD
    ) -> Lane[Page]:
        """Start fetching these chains as soon as the earlier lanes leave a thread idle.

        `pages_ahead`: how many pages wait for the consumer at most; more where they are small.
        """
        lane = Lane(self, chains, pages_ahead)
        with self._changed:
            self._lanes.append(lane)
            self._changed.notify_all()
        return lane

    def add(self, lane: Lane[Page], chain: Iterator[Page]) -> None:
        with self._changed:
            lane.waiting.append(chain)
            if lane not in self._lanes:
                self._lanes.append(lane)
            self._changed.notify_all()

    def has_ended(self, lane: Lane[Page]) -> bool:
        with self._changed:
            return lane.is_exhausted

    def take(self, lane: Lane[Page]) -> Page | None:
        """The next page, waiting for it; None when the lane has ended. Raises what a chain did."""
        with self._changed:
            while not lane.pages:
                if self._failure:
                    raise self._failure
                if lane.is_exhausted:
                    return None
                self._changed.wait()
            self._changed.notify_all()
            return lane.pages.popleft()

    def _work(self) -> None:
        while True:
            with self._changed:
                while (lane := self._next_lane()) is None:
                    if self._is_closed or self._failure:
                        return
                    self._changed.wait()
                chain = lane.waiting.popleft()
                lane.running += 1
            self._step(lane, chain)

    def _next_lane(self) -> Lane | None:
        if self._is_closed or self._failure:
            return None
        self._lanes = [lane for lane in self._lanes if not lane.is_exhausted]
        return next((lane for lane in self._lanes if lane.is_hungry), None)

    def _step(self, lane: Lane[Page], chain: Iterator[Page]) -> None:
        """One page of one chain; a failure stops everything and reaches the consumer."""
        page, has_more, failure = None, True, None
        try:
            page = next(chain)
        except StopIteration:
            has_more = False
        except BaseException as error:
            failure = error
        with self._changed:
            lane.running -= 1
            if failure:
                self._failure = self._failure or failure
            else:
                if page is not None:
                    lane.pages.append(page)
                if has_more:
                    # first in line again: a window that is begun is finished before the next one
                    lane.waiting.appendleft(chain)
            self._changed.notify_all()
