"""`python -m report`: write .local/report.html, one page over the marts.

LOCALE is en or ru. REPORT_DETAILS=true puts summaries and assignees into the page, which is then
as confidential as they are.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from pipeline.database import Database, open_database
from extract.errors import RunError, disk_faults_named
from pipeline.settings import PROJECT_ROOT, load_environment, nothing_is_configured
from report.browser import take_picture
from report.data import ReportError
from report.page import write_report
from report.settings import read_details, read_locale

# the only folder that a container lets a run write to
OUTPUT = PROJECT_ROOT / ".local" / "report.html"


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or a picture of it; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m report", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument(
        "--picture", type=Path, help="write a PNG of the page instead (needs Chromium)"
    )
    options = parser.parse_args(arguments)
    try:
        with disk_faults_named("the folder of the project"):
            load_environment()
            is_demo = nothing_is_configured()
            database = open_database(is_demo=is_demo)
            if options.picture is None:
                written = write_page(database, is_demo=is_demo, output=options.output)
            else:
                with tempfile.TemporaryDirectory() as folder:
                    page = Path(folder) / "report.html"
                    write_page(database, is_demo=is_demo, output=page)
                    written = take_picture(page, options.picture)
    except RunError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    sys.stdout.write(f"{written}\n")
    return 0


def write_page(database: Database, *, is_demo: bool, output: Path = OUTPUT) -> Path:
    """Write the page as the environment asks for it; returns where it is.

    Raises ConfigurationError for a setting that is malformed, ReportError without marts or where
    the file cannot be written.
    """
    locale, details = read_locale(), read_details()
    connection = database.connect()
    try:
        return write_report(connection, output, locale=locale, details=details, is_demo=is_demo)
    except OSError as error:
        raise ReportError(
            f"{output} cannot be written ({error.strerror}); "
            "name another file with: make report ARGS='--output FILE'"
        ) from None
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
