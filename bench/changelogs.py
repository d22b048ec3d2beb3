"""The least that a load of Tracker takes: its changelogs by a bare loop, which checks nothing."""

from __future__ import annotations

import queue
import threading

import requests

from extract.findings import Findings
from extract.yandex_tracker.load import Source
from extract.yandex_tracker.reader import Reader
from extract.yandex_tracker.search import Within


class Changelogs:
    """A changelog for each issue of Tracker, asked for by so many threads, and thrown away."""

    def __init__(self, source: Source) -> None:
        self._url = f"{source.url}/v3/issues"
        self._headers = {
            "Authorization": f"OAuth {source.token}", "X-Org-ID": source.organisation
        }  # fmt: skip
        self._parallel = source.parallel_requests
        self._ids: queue.SimpleQueue[str] = queue.SimpleQueue()
        # which issues there are is not what is measured
        for page in Reader(source.client(), Findings()).issues(Within()):
            for issue in page:
                self._ids.put(issue["id"])
        self.requests = self._ids.qsize()

    def load(self) -> None:
        """Ask for all of them."""
        threads = [threading.Thread(target=self._ask) for _ in range(self._parallel)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _ask(self) -> None:
        with requests.Session() as session:
            session.headers.update(self._headers)
            while True:
                try:
                    issue = self._ids.get_nowait()
                except queue.Empty:
                    return
                session.get(
                    f"{self._url}/{issue}/changelog", params={"perPage": 100}, timeout=60
                ).raise_for_status()
