"""Headless Chromium, for the README's picture of the page."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from report.data import ReportError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# No sandbox: in containers it needs rights that nobody gives. The page is ours and loads nothing.
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--force-device-scale-factor=1",
)  # fmt: skip

# Down to the end of the charts; the table below them is cut off.
WIDTH, HEIGHT = 1280, 1812
# Virtual time, in which the page's charts are drawn; not a wait of as many seconds.
DRAWING_MILLISECONDS = 20_000
TIMEOUT_SECONDS = 120


def find_browser() -> str:
    """The path of Chromium; raises ReportError with the package to install."""
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    raise ReportError("Chromium is not installed; on Debian: apt-get install chromium")


def take_picture(page: Path, picture: Path) -> Path:
    """A PNG of the upper part of a page; raises ReportError when the browser draws none."""
    browser = find_browser()
    with tempfile.TemporaryDirectory() as profile:
        shot = Path(profile) / "picture.png"
        try:
            finished = subprocess.run(  # noqa: S603  (our own arguments)
                [
                    browser, *OPTIONS, f"--user-data-dir={profile}/profile", f"--screenshot={shot}",
                    f"--window-size={WIDTH},{HEIGHT}",
                    f"--virtual-time-budget={DRAWING_MILLISECONDS}", page.resolve().as_uri(),
                ],
                capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise ReportError(f"{browser} did not finish in {TIMEOUT_SECONDS} s") from None
        if not shot.is_file():
            last = (finished.stderr.strip().splitlines() or ["no message"])[-1]
            raise ReportError(f"{browser} drew no picture: {last}")
        try:
            picture.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(shot, picture)
        except OSError as error:
            raise ReportError(f"{picture} cannot be written ({error.strerror})") from None
    return picture.resolve()
