"""Headless Chromium: the README's picture of the page, and those that a developer looks at."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from report.data import ReportError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# No sandbox: in containers it needs rights that nobody gives. The page is ours and loads nothing.
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--force-device-scale-factor=1",
)  # fmt: skip

# Virtual time, in which the page's charts are drawn; not a wait of as many seconds.
DRAWING_MILLISECONDS = 20_000
TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Look:
    """One way to look at the page."""

    width: int
    height: int
    locale: str = "en"
    is_dark: bool = False
    view: str = "lead_time"


# Down to the end of the charts; the table below them is cut off.
README = Look(width=1280, height=2003)
LOOKS = {
    "english": Look(width=1280, height=2500),
    "russian": Look(width=1280, height=2500, locale="ru"),
    "dark": Look(width=1280, height=2500, is_dark=True),
    "phone": Look(width=390, height=3300),
    "phone-russian-dark": Look(width=390, height=3300, locale="ru", is_dark=True),
    "flow": Look(width=1280, height=2700, view="flow"),
    "flow-russian-dark": Look(width=1280, height=2700, locale="ru", is_dark=True, view="flow"),
    "flow-phone": Look(width=390, height=4200, view="flow"),
    "flow-phone-russian-dark": Look(width=390, height=4200, locale="ru", is_dark=True, view="flow"),
    "incidents": Look(width=1280, height=3600, view="incidents"),
    "incidents-russian-dark": Look(
        width=1280, height=3600, locale="ru", is_dark=True, view="incidents"
    ),
    "incidents-phone": Look(width=390, height=5200, view="incidents"),
    "incidents-phone-russian-dark": Look(
        width=390, height=5200, locale="ru", is_dark=True, view="incidents"
    ),
}
# Chromium makes no window as narrow as a phone: the page stands in a frame of that width.
FRAME = (
    '<!doctype html><body style="margin:0"><iframe src="{page}#view={look.view}" '
    'style="border:0;width:{look.width}px;height:{look.height}px"></iframe>'
)


def find_browser() -> str:
    """The path of Chromium; raises ReportError with the package to install."""
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    raise ReportError("Chromium is not installed; on Debian: apt-get install chromium")


def take_picture(page: Path, picture: Path, look: Look = README) -> Path:
    """A PNG of a page; raises ReportError when the browser draws none."""
    with tempfile.TemporaryDirectory() as folder:
        frame = Path(folder) / "frame.html"
        frame.write_text(FRAME.format(page=page.resolve().as_uri(), look=look), encoding="utf-8")
        shot = Path(folder) / "picture.png"
        theme = ["--blink-settings=preferredColorScheme=0"] if look.is_dark else []
        _run(
            folder, shot, f"--screenshot={shot}", f"--window-size={look.width},{look.height}",
            *theme, frame.as_uri(),
        )  # fmt: skip
        return _keep(shot, picture)


def print_page(page: Path, output: Path) -> Path:
    """The page as its reader prints it, as PDF; raises ReportError when the browser makes none."""
    with tempfile.TemporaryDirectory() as folder:
        printed = Path(folder) / "page.pdf"
        _run(
            folder, printed, f"--print-to-pdf={printed}", "--no-pdf-header-footer",
            page.resolve().as_uri(),
        )  # fmt: skip
        return _keep(printed, output)


def _run(folder: str, made: Path, *arguments: str) -> None:
    browser = find_browser()
    try:
        finished = subprocess.run(  # noqa: S603  (our own arguments)
            [
                browser, *OPTIONS, f"--user-data-dir={folder}/profile",
                f"--virtual-time-budget={DRAWING_MILLISECONDS}", *arguments,
            ],
            capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ReportError(f"{browser} did not finish in {TIMEOUT_SECONDS} s") from None
    if not made.is_file():
        last = (finished.stderr.strip().splitlines() or ["no message"])[-1]
        raise ReportError(f"{browser} drew no picture: {last}")


def _keep(made: Path, output: Path) -> Path:
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, output)
    except OSError as error:
        raise ReportError(f"{output} cannot be written ({error.strerror})") from None
    return output.resolve()
