"""`python -m wall`: what burns now, on a page, and the watcher that keeps it fresh.

`python -m wall watch` is the watcher alone. `python -m wall templates` renders the examples of the
ticket templates and says which of them became another text.
"""

from __future__ import annotations

import argparse
import difflib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import waitress

from extract.errors import ConfigurationError, RunError, disk_faults_named
from extract.zabbix.load import Source
from extract.zabbix.watch import Watch
from pipeline.database import Database, open_database
from pipeline.redaction import Redactor
from pipeline.server import fit_sessions
from pipeline.settings import (
    SECRETS,
    load_environment,
    nothing_is_configured,
    read_settings,
)
from report.settings import read_locale
from wall.app import Wall, make_app
from wall.board import Board
from wall.desks import Desk, YandexTrackerDesk, YouTrackDesk
from wall.settings import WallSettings, read_wall_settings
from wall.templates import check, read_folder
from wall.tickets import Tickets
from wall.watcher import Watcher

# viewers ask for a few hundred microseconds each; who writes waits for another system
THREADS = 8

logger = logging.getLogger("wall")


@dataclass
class Ground:
    """What the wall stands on."""

    database: Database
    source: Source
    desks: dict[str, Desk] = field(default_factory=dict)
    is_demo: bool = False
    viewer_token: str | None = None
    # whose data it is, where the address is chance
    identity: str | None = None


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m wall", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("command", nargs="?", default="serve",
                        choices=["serve", "watch", "templates"])  # fmt: skip
    parser.add_argument(
        "--write", action="store_true",
        help="templates: write down what comes out as what is expected",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        with disk_faults_named("the folder of the project"):
            warnings = load_environment()
            settings = read_wall_settings()
            if options.command == "templates":
                return show_templates(settings, is_writing=options.write)
            redact = Redactor()
            redact.add(*map(os.environ.get, SECRETS))
            _log(redact)
            for warning in warnings:
                logger.warning("%s", warning)
            signal.signal(signal.SIGTERM, _leave)
            with _ground(settings, redact) as ground:
                if options.command == "watch":
                    return watch(ground, redact)
                return serve(settings, ground, redact)
    except KeyboardInterrupt:
        return 130
    except RunError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code


def _leave(*_: object) -> None:
    raise SystemExit(0)


def _log(redact: Redactor) -> None:
    """Plain lines on stderr, no secret in them."""

    class _Formatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return redact(super().format(record))

    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # one line a request that waits is too many
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


@contextmanager
def _ground(settings: WallSettings, redact: Redactor) -> Iterator[Ground]:
    if nothing_is_configured():
        from wall.simulated import IDENTITY, simulated_company

        logger.info("this is simulated: nothing is configured, so a made-up company burns")
        with simulated_company(lambda text: logger.info("%s", text)) as company:
            fit_sessions()
            desk = YouTrackDesk(company.youtrack_url, company.youtrack_token)
            yield Ground(
                company.database, company.zabbix.source(), {"youtrack": desk}, is_demo=True,
                viewer_token=company.viewer_token, identity=IDENTITY,
            )  # fmt: skip
        return
    _, of_sources = read_settings()
    source = of_sources["zabbix"].source()
    if not source.url or not source.token:
        raise ConfigurationError(
            "ZABBIX_URL and ZABBIX_TOKEN are missing: the wall watches Zabbix. Simulated data are "
            "shown only when neither a source nor a database is configured"
        )
    os.environ.setdefault("PGAPPNAME", "lead-time wall")
    database = open_database(is_demo=False)
    redact.add(database.password)
    fit_sessions()
    yield Ground(database, source, desks_of(settings, of_sources))


def desks_of(settings: WallSettings, of_sources: dict) -> dict[str, Desk]:
    """Where tickets can be made: a token that may, and the address that the loads use."""
    desks: dict[str, Desk] = {}
    youtrack, tracker = of_sources["youtrack"], of_sources["yandex_tracker"]
    if settings.wall_youtrack_token:
        if not youtrack.youtrack_url:
            raise ConfigurationError("WALL_YOUTRACK_TOKEN needs YOUTRACK_URL beside it")
        desks["youtrack"] = YouTrackDesk(
            youtrack.youtrack_url, settings.wall_youtrack_token.get_secret_value()
        )
    if settings.wall_yandex_tracker_token:
        source = tracker.source()
        if not source.organisation:
            raise ConfigurationError(
                "WALL_YANDEX_TRACKER_TOKEN needs the organisation beside it: "
                "YANDEX_TRACKER_ORG_ID or YANDEX_TRACKER_CLOUD_ORG_ID"
            )
        desks["yandex_tracker"] = YandexTrackerDesk(
            source.url, settings.wall_yandex_tracker_token.get_secret_value(),
            source.organisation, is_cloud=source.is_cloud,
        )  # fmt: skip
    return desks


def serve(settings: WallSettings, ground: Ground, redact: Redactor) -> int:
    """Watch and show until stopped."""
    board = Board(ground.database, redact=redact)
    _, problems = read_folder(settings.wall_templates)
    board.note("templates", "; ".join(problems) or None)
    watcher = _watcher(ground, board.hurry, redact)
    app = make_app(
        Wall(
            settings=settings,
            board=board,
            tickets=Tickets(ground.database, ground.desks),
            locale=read_locale(),
            zabbix_url=ground.source.url,
            hurry=watcher.hurry,
            is_demo=ground.is_demo,
            demo_token=ground.viewer_token,
        )
    )
    try:
        server = waitress.create_server(
            app, host=settings.wall_host, port=settings.wall_port, threads=THREADS, ident=None,
            clear_untrusted_proxy_headers=True,
        )  # fmt: skip
    except OSError as error:
        raise ConfigurationError(
            f"the page cannot be served at {settings.wall_host}:{settings.wall_port} "
            f"({error.strerror}): give another WALL_HOST or WALL_PORT"
        ) from None
    watcher.start()
    board.start()
    host = f"[{settings.wall_host}]" if ":" in settings.wall_host else settings.wall_host
    logger.info("the wall: http://%s:%s/", host, settings.wall_port)
    try:
        server.run()
    finally:
        server.close()
        watcher.stop()
        board.stop()
    return 0


def watch(ground: Ground, redact: Redactor) -> int:
    """Only keep raw fresh, for walls elsewhere."""
    watcher = _watcher(ground, lambda: None, redact)
    watcher.start()
    try:
        threading.Event().wait()
    finally:
        watcher.stop()
    return 0


def _watcher(ground: Ground, on_change: object, redact: Redactor) -> Watcher:
    one = Watch(ground.source, ground.database.url(), simulated=ground.identity)
    # something happens in the simulated company every few seconds
    seconds = {"seconds": 5.0} if ground.is_demo else {}
    return Watcher(one, ground.database, on_change, redact=redact, **seconds)


def show_templates(settings: WallSettings, *, is_writing: bool) -> int:
    """Render the examples; 0 where each of them came out as expected."""
    folder = settings.wall_templates
    found, problems = check(folder, is_writing=is_writing)
    for each in found:
        sys.stdout.write(f"--- {each.name}{f': {each.fault}' if each.fault else ''}\n")
        expected = (folder / each.name).with_suffix(".md")
        if each.fault and each.shown and expected.exists():
            sys.stdout.writelines(
                difflib.unified_diff(
                    expected.read_text(encoding="utf-8").splitlines(keepends=True),
                    each.shown.splitlines(keepends=True),
                    expected.name,
                    "rendered now",
                )
            )
        else:
            sys.stdout.write(f"{each.shown}\n")
    for problem in problems:
        sys.stdout.write(f"error: {problem}\n")
    bad = len(problems) + sum(each.fault is not None for each in found)
    sys.stdout.write(f"{len(found)} examples, {bad} of them or beside them wrong\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
