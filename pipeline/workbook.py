"""`python -m pipeline.workbook`: write .local/leadtime-workbook.json for import into DataLens.

It has the tab Incidents where the marts of incidents are made. datalens/leadtime-workbook.json, for
who has no data yet, never has it: without a monitoring its charts would be broken.
"""

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from datalens.manifest import read_marts, refuse_stale
from datalens.workbook import build
from extract.errors import ConfigurationError, RunError
from pipeline.settings import PROJECT_ROOT, dbt_target, load_environment, read_clickhouse
from report.settings import read_locale

LAYOUT = PROJECT_ROOT / "datalens" / "layout.yml"
# what a monitoring adds to it
INCIDENTS = PROJECT_ROOT / "datalens" / "incidents.yml"
SHIPPED = PROJECT_ROOT / "datalens" / "leadtime-workbook.json"
# not the tracked one: a language or a host of one's own is no change of the project
WORKBOOK = PROJECT_ROOT / ".local" / "leadtime-workbook.json"

# a name, or the number of an address; only those of IPv6 hold colons, two at least
SOURCES = ("postgres", "clickhouse")
HOST = re.compile(r"[\w.-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")


def main(arguments: list[str] | None = None) -> int:
    """Write the workbook; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.workbook", description=__doc__)
    parser.add_argument("--output", type=Path, default=WORKBOOK)
    parser.add_argument(
        "--shipped",
        action="store_true",
        help="write the project's own copy, datalens/leadtime-workbook.json, for a tracker alone",
    )
    options = parser.parse_args(arguments)
    try:
        load_environment()
        manifest = dbt_target() / "manifest.json"
        refuse_stale(manifest, PROJECT_ROOT)
        output = SHIPPED if options.shipped else options.output
        text = render(manifest, read_locale(), read_connection(), is_shipped=options.shipped)
        _write(output, text)
    except RunError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    sys.stdout.write(f"{output}\n")
    return 0


def _write(output: Path, text: str) -> None:
    try:
        if output == WORKBOOK:
            output.parent.mkdir(exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{output} cannot be written ({error.strerror}); "
            "name another file with: make datalens ARGS='--output FILE'"
        ) from None


def render(
    manifest: Path, locale: str, connection: dict[str, Any], *, is_shipped: bool = False
) -> str:
    """The workbook as the text of its file: the same input gives the same bytes."""
    layout = yaml.safe_load(LAYOUT.read_text(encoding="utf-8"))
    marts = read_marts(manifest, locale)
    if "fct_incidents" in marts and not is_shipped:
        added = yaml.safe_load(INCIDENTS.read_text(encoding="utf-8"))
        layout |= {key: _together(layout[key], more) for key, more in added.items()}
    workbook = build(layout, marts, locale, connection)
    return json.dumps(workbook, ensure_ascii=False, indent=1) + "\n"


def _together(there: Any, more: Any) -> Any:
    return [*there, *more] if isinstance(there, list) else {**there, **more}


def read_connection() -> dict[str, Any]:
    """The address of the marts as DataLens's own containers see it; our PGHOST is another view."""
    source = os.environ.get("DATALENS_SOURCE") or SOURCES[0]
    if source not in SOURCES:
        raise ConfigurationError(f"DATALENS_SOURCE is one of {', '.join(SOURCES)}, not {source!r}")
    return _clickhouse() if source == "clickhouse" else _postgres()


def _postgres() -> dict[str, Any]:
    return {
        "db_type": "postgres",
        "host": _host("leadtime-db"),
        "port": _port("5432"),
        "username": os.environ.get("DATALENS_DB_USER") or "datalens_reader",
        "db_name": os.environ.get("DATALENS_DB_NAME") or os.environ.get("PGDATABASE") or "leadtime",
    }


def _clickhouse() -> dict[str, Any]:
    """That of the run, unless DataLens sees it elsewhere; never the user who writes there."""
    settings = read_clickhouse()
    address = urlsplit(settings.clickhouse_url if settings else "https://clickhouse")
    is_encrypted = address.scheme == "https"
    return {
        "db_type": "clickhouse",
        "host": _host(address.hostname),
        "port": _port(str(address.port or (8443 if is_encrypted else 8123))),
        "username": os.environ.get("DATALENS_DB_USER") or "datalens_reader",
        "db_name": os.environ.get("DATALENS_DB_NAME")
        or (settings.clickhouse_database if settings else "leadtime"),
        "secure": "on" if is_encrypted else "off",
    }


def _port(usual: str) -> int:
    port = os.environ.get("DATALENS_DB_PORT") or usual
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigurationError(f"DATALENS_DB_PORT is a number from 1 to 65535, not {port!r}")
    return int(port)


def _host(usual: str) -> str:
    host = os.environ.get("DATALENS_DB_HOST") or usual
    if not HOST.fullmatch(host):
        # not shown: as a whole address it may hold a password
        raise ConfigurationError(
            "DATALENS_DB_HOST is a host's name or number alone, as leadtime-db: no scheme, user, "
            "password or space; the port goes into DATALENS_DB_PORT"
        )
    return host


if __name__ == "__main__":
    sys.exit(main())
