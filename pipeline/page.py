"""`python -m pipeline.page`: write .local/report.html, one page over the marts.

LOCALE is en or ru. REPORT_DETAILS=true puts summaries, assignees and links to the tracker into the
page, which is then as confidential as they are.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from extract.errors import RunError, disk_faults_named
from extract.trackers import TRACKERS
from pipeline.database import Database, open_database
from pipeline.settings import (
    PROJECT_ROOT,
    load_environment,
    nothing_is_configured,
    read_settings,
)
from report.browser import LOOKS, print_page, take_picture
from report.data import ReportError
from report.page import write_report
from report.settings import TIME_LOCALES, read_details, read_locale

# the only folder that a container lets a run write to
OUTPUT = PROJECT_ROOT / ".local" / "report.html"


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or a picture of it; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.page",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument(
        "--picture", type=Path, help="write a PNG of the page instead (needs Chromium)"
    )
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER",
        help="write the page as it looks on a screen, dark, in Russian, on a phone and printed,\n"
        "for the eyes of whoever changes it (needs Chromium)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        with disk_faults_named("the folder of the project"):
            load_environment()
            is_demo = nothing_is_configured()
            database = open_database(is_demo=is_demo)
            if options.pictures is not None:
                written = write_pictures(database, is_demo=is_demo, folder=options.pictures)
            elif options.picture is not None:
                with tempfile.TemporaryDirectory() as folder:
                    page = Path(folder) / "report.html"
                    write_page(database, is_demo=is_demo, output=page)
                    written = take_picture(page, options.picture)
            else:
                written = write_page(database, is_demo=is_demo, output=options.output)
    except RunError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    sys.stdout.write(f"{written}\n")
    return 0


def write_pictures(database: Database, *, is_demo: bool, folder: Path) -> Path:
    """Write the page in every look that its reader may see; returns the folder."""
    with tempfile.TemporaryDirectory() as scratch:
        pages = {
            locale: write_page(
                database, is_demo=is_demo, output=Path(scratch) / f"{locale}.html", locale=locale
            )
            for locale in TIME_LOCALES
        }
        for name, look in LOOKS.items():
            take_picture(pages[look.locale], folder / f"{name}.png", look)
        print_page(pages["en"], folder / "printed.pdf")
    return folder.resolve()


def write_page(
    database: Database, *, is_demo: bool, output: Path = OUTPUT, locale: str | None = None
) -> Path:
    """Write the page as the environment, or `locale`, asks for it; returns where it is.

    Raises ConfigurationError for a setting that is malformed, ReportError without marts or where
    the file cannot be written.
    """
    locale, details = locale or read_locale(), read_details()
    connection = database.connect()
    try:
        return write_report(
            connection,
            output,
            locale=locale,
            details=details,
            is_demo=is_demo,
            addresses=issue_addresses() if details else {},
        )
    except OSError as error:
        raise ReportError(
            f"{output} cannot be written ({error.strerror}); "
            "name another file with: make report ARGS='--output FILE'"
        ) from None
    finally:
        connection.close()


def issue_addresses() -> dict[str, str]:
    """What the addresses of issues begin with, by the name of each tracker that has one."""
    _, settings = read_settings()
    found = {each.name: each.issue_address(settings[each.name]) for each in TRACKERS}
    return {name: address for name, address in found.items() if address}


if __name__ == "__main__":
    sys.exit(main())
