"""The command line: `python -m pipeline <command>`; `--help` lists the commands."""

import argparse
import codecs
import gc
import locale
import os
import sys
from pathlib import Path

if not (3, 10) <= sys.version_info < (3, 14):
    sys.exit(f"Python 3.10 to 3.13 is needed; this is {sys.version.split()[0]}")

# dbt reports usage to its makers unless told not to
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
# a run that is stopped leaves dbt's semaphores to a process of Python's, which would warn of them
sys.warnoptions.append("ignore:resource_tracker:UserWarning")

from rich.console import Console  # noqa: E402

from extract.errors import ConfigurationError, RunError, disk_faults_named  # noqa: E402
from extract.memory import RARELY  # noqa: E402
from pipeline import __version__  # noqa: E402

EXIT_CODES = """exit codes:
  0  fine                          4  the database
  1  a model or a test failed     75  another run holds the lock
  2  usage                        78  configuration
  3  the tracker                  130  stopped by Ctrl-C; 143 by SIGTERM

Settings are read from the environment and from .env; see .env.example."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    gc.set_threshold(*RARELY)
    if codecs.lookup(locale.getpreferredencoding(False)).name != "utf-8":
        # dbt writes its own messages in the locale's encoding
        sys.stderr.write("error: the locale is not one of UTF-8: set LC_ALL=C.UTF-8\n")
        return ConfigurationError.exit_code
    _have_a_home()
    # what a terminal or a pipe cannot show must not decide how a run ends
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")
    try:
        with disk_faults_named("the folder of the project"):
            return options.command(options)
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
    except RunError as error:
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", style="red", markup=False)
        return error.exit_code


def _have_a_home() -> None:
    """dbt looks into the home of its user, and one whom the system does not know has none."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/nonexistent"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline",
        description="Delivery metrics from your tracker in your own PostgreSQL.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command")

    run = commands.add_parser(
        "run", help="load from the tracker, build and test the marts, publish"
    )
    _add_load_options(run)
    _add_vars(run)
    run.set_defaults(command=_run, extract=True, build=True)

    load = commands.add_parser("load", help="load from the tracker into raw, build nothing")
    _add_load_options(load)
    load.set_defaults(command=_run, extract=True, build=False, vars=None)

    build = commands.add_parser("build", help="build, test and publish the marts from raw")
    _add_vars(build)
    build.set_defaults(
        command=_run, extract=False, build=True,
        sweep=False, accept_missing=False, source_moved=False,
    )  # fmt: skip

    trial = commands.add_parser(
        "try", help="build the models into schemas of your own, and show what would change"
    )
    _add_vars(trial)
    trial.add_argument("--drop", action="store_true", help="drop what your last try has left")
    trial.set_defaults(command=_try)

    status = commands.add_parser("status", help="when the last run was, and whether it was OK")
    status.set_defaults(command=_status)

    psql = commands.add_parser("psql", help="psql in the database of the runs")
    psql.add_argument("sql", nargs="?", help="print the answer to this statement and leave")
    psql.add_argument("--header", action="store_true", help="print a table with the columns' names")
    psql.set_defaults(command=_psql)

    doctor = commands.add_parser("doctor", help="look at everything a run needs, change nothing")
    doctor.set_defaults(command=_doctor)

    docs = commands.add_parser("docs", help="the lineage site, served on loopback")
    docs.set_defaults(command=_docs)

    stop = commands.add_parser("stop", help="stop the embedded PostgreSQL")
    stop.set_defaults(command=_stop)
    return parser


def _add_load_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sweep", action="store_true", help="look for deleted issues now (else once a day)"
    )
    parser.add_argument(
        "--accept-missing",
        action="store_true",
        help="once: believe the tracker although many issues are gone",
    )
    parser.add_argument(
        "--source-moved",
        action="store_true",
        help="once: the same tracker has another address; compare, and go on there",
    )


def _add_vars(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vars", metavar="YAML", help="dbt vars, e.g. '{timezone: Europe/Moscow}'")


def _run(options: argparse.Namespace) -> int:
    # imported here: dlt and dbt cost seconds that the small commands need not pay
    from pipeline.build import parse_vars
    from pipeline.run import RunOptions, execute

    return execute(
        RunOptions(
            extract=options.extract,
            build=options.build,
            sweep=options.sweep,
            accept_missing=options.accept_missing,
            source_moved=options.source_moved,
            dbt_vars=parse_vars(options.vars),
        )
    )


def _try(options: argparse.Namespace) -> int:
    from pipeline.build import parse_vars
    from pipeline.trial import execute

    return execute(parse_vars(options.vars), drop=options.drop)


def _status(options: argparse.Namespace) -> int:
    from pipeline.status import show_status

    return show_status()


def _psql(options: argparse.Namespace) -> int:
    from pipeline.status import run_psql

    return run_psql(options.sql, has_header=options.header)


def _doctor(options: argparse.Namespace) -> int:
    from pipeline.doctor import show_health

    return show_health()


def _docs(options: argparse.Namespace) -> int:
    from pipeline.status import show_docs

    show_docs()
    return 0


def _stop(options: argparse.Namespace) -> int:
    from pipeline import embedded
    from pipeline.settings import PROJECT_ROOT

    was_running = embedded.stop(PROJECT_ROOT / ".local" / "postgres")
    sys.stderr.write(
        "the embedded PostgreSQL is stopped\n" if was_running else "nothing was running\n"
    )
    return 0


if __name__ == "__main__":
    code = main()
    # on leaving, Python would look through all that dbt has made: half a second
    gc.freeze()
    sys.exit(code)
