"""The report page in a headless browser, as its reader has it before him."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from report.browser import NAMES

CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="no Chromium with its driver; on Debian: apt-get install chromium chromium-driver",
)


class Page:
    """A page in a browser."""

    def __init__(self, browser: Any, path: Path, address: str = "") -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        self.browser = browser
        self._wait = WebDriverWait(browser, 60, poll_frequency=0.05)
        browser.get_log("browser")
        if address:  # else the page that is open would only be told of another address
            browser.get("about:blank")
        browser.get(path.resolve().as_uri() + address)
        self._wait.until(lambda _: self.shown() > 0)

    def script(self, code: str, *arguments: Any) -> Any:
        return self.browser.execute_script(code, *arguments)

    def shown(self) -> int:
        """How often the views were drawn."""
        return int(self.script("return document.documentElement.dataset.shown || 0"))

    def text(self, selector: str) -> str:
        return self.script("return document.querySelector(arguments[0]).textContent", selector)

    def pick(self, dimension: str, *values: str) -> None:
        """Tick values of a selector as a reader does."""
        for value in values:
            before = self.shown()
            ticked = self.script(
                """
                const [dimension, value] = arguments;
                const options = `[data-dimension=${dimension}] .options input`;
                const boxes = document.querySelectorAll(options);
                const box = [...boxes].find((one) => one.value === value);
                box?.click();
                return Boolean(box);
                """,
                dimension,
                value,
            )
            assert ticked, f"no {value} among the values of {dimension}"
            self._wait.until(lambda _, before=before: self.shown() > before)

    def do(self, code: str, *arguments: Any) -> None:
        """Run a script that changes what is selected, and wait for the views."""
        before = self.shown()
        self.script(code, *arguments)
        self._wait.until(lambda _: self.shown() > before)

    def open(self, view: str) -> None:
        """Go to a view as a reader does."""
        self.do("document.getElementById(`tab_${arguments[0]}`).click()", view)

    def choose(self, name: str, value: str) -> None:
        """Take a value of a list that drops down."""
        self.do(
            "const list = document.getElementById(arguments[0]); list.value = arguments[1];"
            "list.dispatchEvent(new Event('change'))",
            name,
            value,
        )

    def clear(self) -> None:
        """Take the whole selection back."""
        self.do("document.getElementById('reset').click()")

    def table(self, name: str) -> list[list[str]]:
        """The cells of a table's body."""
        return self.script(
            """
            const rows = document.querySelectorAll(`#table_${arguments[0]} tbody tr`);
            return [...rows].map((row) => [...row.cells].map((cell) => cell.textContent));
            """,
            name,
        )

    def complaints(self) -> list[str]:
        """Everything that the console said, warnings too."""
        return [entry["message"] for entry in self.browser.get_log("browser")]


def number(text: str) -> float:
    return float(text.replace(",", ""))


def fetch(connection: Any, statement: str, *arguments: Any) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments or None)
        return cursor.fetchall()
