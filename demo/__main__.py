"""`python -m demo`: serve the simulated company, or a folder of recordings, until interrupted."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import threading
import time
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from demo import serving
from demo.company import Company
from demo.tracker import Tracker
from demo.yandex_tracker import server as yandex_tracker
from demo.youtrack import server as youtrack
from demo.youtrack.recorded import RecordingError, load
from demo.zabbix import live
from demo.zabbix import server as zabbix

SERVERS = {"youtrack": youtrack, "yandex": yandex_tracker, "zabbix": zabbix}

# a monitoring beside a tracker has one incident for so many issues: enough for two years' picture,
# and a third of the time that a run takes to load it
ISSUES_AN_INCIDENT = 3


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="A simulated tracker or monitoring on 127.0.0.1, a made-up company behind it. "
        "The same seed, size and day always give the same answers.",
    )
    parser.add_argument(
        "--tracker", choices=list(SERVERS), default="youtrack",
        help="whose API tells the company (default %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--issues", type=_count, default=6000, metavar="N", help="how many issues (default 6000)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="S", help="which company (default 1)"
    )
    parser.add_argument(
        "--today", type=_day, metavar="YYYY-MM-DD",
        help="the day on which the company stands, at 00:00 UTC (default: today)",
    )  # fmt: skip
    parser.add_argument(
        "--port", type=int, default=8088, metavar="P", help="0 takes a free one (default 8088)"
    )
    parser.add_argument(
        "--token", help="the token that is accepted (default: one that the first line says)"
    )
    parser.add_argument(
        "--latency-ms", type=float, default=0.0, metavar="MS", help="wait before each answer"
    )
    parser.add_argument(
        "--activities-per-issue", type=float, metavar="N",
        help="pad the history to this mean (about 7.5 without it)",
    )  # fmt: skip
    parser.add_argument(
        "--timezone", type=_zone, default="UTC", metavar="ZONE",
        help="of the token's user, in which query dates are read (default UTC)",
    )  # fmt: skip
    parser.add_argument(
        "--recorded", type=Path, metavar="DIR",
        help="serve idea-issues.ndjson and idea-activities.ndjson of a folder instead, in the way "
        "of YouTrack; what they do not hold is derived as demo/recorded_assumptions.md says",
    )  # fmt: skip
    parser.add_argument(
        "--with-monitoring", action="store_true",
        help="serve the company's Zabbix, too, on a free port; a second line says where",
    )  # fmt: skip
    parser.add_argument(
        "--live", action="store_true",
        help="the company stands at the present moment, and in its Zabbix incidents begin, are "
        "taken and end; needs --with-monitoring",
    )  # fmt: skip
    options = parser.parse_args(given)
    if options.live and not options.with_monitoring:
        parser.error("--live is for a company with its monitoring")
    if options.with_monitoring and (options.tracker == "zabbix" or options.recorded is not None):
        parser.error("a monitoring stands beside the tracker of a made-up company")
    if options.recorded is not None and options.tracker != "youtrack":
        parser.error("recordings are YouTrack's")
    return options


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least one issue")
    return number


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no YYYY-MM-DD") from error


def _zone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no IANA time zone") from error


def tracker(options: argparse.Namespace) -> Tracker:
    if options.recorded is not None:
        served: Tracker = load(options.recorded)
    else:
        served = Company(
            options.issues, options.seed, options.today,
            now=int(time.time() * 1000) if options.live else None,
            activities_per_issue=options.activities_per_issue,
        )  # fmt: skip
    served.timezone = options.timezone
    return served


def _say(server: serving.Server) -> None:
    print(
        f"Simulated {server.title} at {server.url} ({server.access}): {server.content}",
        flush=True,
    )


def _exit_on_eof() -> None:
    """A run that starts this server holds its standard input; the run's death closes it."""

    def watch() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def main(given: list[str] | None = None) -> int:
    options = arguments(given)
    face = SERVERS[options.tracker]
    try:
        served = tracker(options)
        server: serving.Server = face.start(
            served, options.port, options.token or face.TOKEN, options.latency_ms
        )
    except (RecordingError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    _say(server)
    if options.with_monitoring:
        incidents = len(served.issues) // ISSUES_AN_INCIDENT
        monitoring = zabbix.start(served, latency_ms=options.latency_ms, incidents=incidents)
        _say(monitoring)
        if options.live:
            live.begin(monitoring)
    gc.collect()
    gc.freeze()  # a million lasting objects: collecting them again and again would cost answers
    if os.environ.get("DEMO_EXIT_ON_EOF") == "1":
        _exit_on_eof()
    try:
        server.stopping.wait()
    except KeyboardInterrupt:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
