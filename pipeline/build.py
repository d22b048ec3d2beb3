"""dbt, in this process: the models and tests of one run, and what went wrong in words."""

import json
import logging
import multiprocessing
import os
import re
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any

import psycopg2
import yaml
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)

from extract.errors import ConfigurationError, DiskError, RunError, UsageError
from pipeline import publish
from pipeline.database import Database
from pipeline.redaction import plain
from pipeline.server import kept_sessions
from pipeline.settings import PROJECT_ROOT, dbt_target

logger = logging.getLogger(__name__)

# The run's one "now", which the macro as_of reads.
AS_OF = "LEAD_TIME_AS_OF"
# The target's schema in `profiles.example.yml`.
SCHEMA = "LEAD_TIME_SCHEMA"

# How many offenders of one failing test are shown; the rest is a query away.
OFFENDERS_SHOWN = 3


@dataclass
class BuildReport:
    """What dbt did: counts for the record, sentences for people."""

    models_built: int = 0
    # of the marts, as they wait to be published
    rows: int = 0
    tests_failed: int = 0
    tests_warned: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class BuildError(RunError):
    """A model or a data test of severity error failed; the marts stay as they were.

    `report` holds everything that dbt said, where dbt came to say anything.
    """

    exit_code = 1

    def __init__(self, message: str, report: BuildReport | None = None) -> None:
        super().__init__(message)
        self.report = report


def parse_vars(text: str | None) -> dict[str, Any]:
    """The YAML mapping of `--vars`; raises UsageError when it is something else."""
    if not text or not text.strip():
        return {}
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"VARS is not YAML: {reason}") from None
    if not isinstance(value, dict):
        raise UsageError("VARS is a mapping, e.g. VARS='{timezone: Europe/Moscow}'")
    return value


def moment_of(given: dict[str, Any], otherwise: datetime) -> datetime:
    """The one "now" of a build: the var `as_of`, else `otherwise`.

    Raises UsageError for one that is no moment.
    """
    text = given.get("as_of")
    if text is None:
        return otherwise
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        raise UsageError(f"the var as_of is not a moment: {text}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


# The vars that analysts set, and what they hold; `dbt_project.yml` explains each.
_NAMES, _TEXT, _POSITIVE, _NOT_NEGATIVE = "names", "text", "positive", "not negative"
_COUNT = "count"
VARS = {
    **dict.fromkeys(
        ("team_field", "type_field", "lead_time_field", "story_points_field", "assignee_field",
         "state_field", "sprint_field", "story_types"), _NAMES),
    **dict.fromkeys(("as_of", "timezone", "lead_time_unit", "lead_time_fallback", "reader_role"),
                    _TEXT),
    **dict.fromkeys(("lead_time_minutes_per_day", "run_max_age_hours", "flap_minutes"),
                    _POSITIVE),
    **dict.fromkeys(("sprint_planning_grace_hours", "sprint_closing_grace_hours",
                     "incident_min_severity", "incident_noise_minutes",
                     "incident_acknowledge_minutes", "incident_settling_days"), _NOT_NEGATIVE),
    **dict.fromkeys(("forecast_sample_weeks", "forecast_horizon_weeks", "flap_count"), _COUNT),
}  # fmt: skip
CHOICES = {
    "lead_time_unit": ("days", "hours", "minutes"),
    "lead_time_fallback": ("history", "none"),
}


def check_vars(connection: Connection, given: dict[str, Any], *, role: str) -> None:
    """Raise ConfigurationError for a var that is unknown or cannot mean anything.

    `role` is the run's own, which must not be the reader: it would become read-only.
    """
    in_project = _project_vars()
    # an analyst's own models may have vars of their own
    known = VARS.keys() | in_project.keys()
    unknown = sorted(given.keys() - known)
    if unknown:
        raise ConfigurationError(
            f"unknown vars: {', '.join(unknown)}. Known are: {', '.join(sorted(known))}"
        )
    _check_spelling(in_project)
    valid = in_project | given
    for name, kind in VARS.items():
        value = valid.get(name)
        if value is not None or name in given:
            _check_var(name, kind, value)
    zone = valid.get("timezone", "UTC")
    with connection.cursor() as cursor:
        cursor.execute("select exists (select from pg_timezone_names where name = %s)", (zone,))
        if not cursor.fetchone()[0]:
            raise ConfigurationError(f"the var timezone is no time zone's name: {zone}")
    if valid.get("reader_role", "datalens_reader") == role:
        raise ConfigurationError(
            f"the var reader_role names {role}, the role of the run itself, which would become "
            "read-only; name another role"
        )


def _check_spelling(in_project: dict[str, Any]) -> None:
    """Refuse a var of `dbt_project.yml` that looks like one of ours and that nothing reads."""
    for name in sorted(map(str, in_project.keys() - VARS.keys())):
        meant = get_close_matches(name, VARS, n=1, cutoff=0.8)
        if meant and not _is_read(name):
            raise ConfigurationError(
                f"dbt_project.yml sets the var {name}, which nothing reads; {meant[0]} is meant?"
            )


def _is_read(name: str) -> bool:
    # a text of YAML doubles the quotes that it is in itself
    reads = re.compile(rf"""\bvar\(\s*['"]{{1,2}}{re.escape(name)}['"]""")
    folder = PROJECT_ROOT / "dbt_project"
    files = [
        PROJECT_ROOT / "dbt_project.yml",
        *(file for kind in ("sql", "yml", "yaml") for file in folder.rglob(f"*.{kind}")),
    ]
    return any(reads.search(file.read_text(encoding="utf-8", errors="replace")) for file in files)


def _check_var(name: str, kind: str, value: Any) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in CHOICES:
        is_right, wanted = value in CHOICES[name], " or ".join(CHOICES[name])
    elif kind == _NAMES:
        names = [value] if isinstance(value, str) else value
        is_right = value is None or (
            isinstance(names, list)
            and len(names) > 0
            and all(isinstance(each, str) and each.strip() for each in names)
        )
        wanted = "a name or a list of names"
    elif kind == _TEXT:
        is_right, wanted = bool(str(value or "").strip()) and "$" not in str(value), "a text"
    elif kind == _COUNT:
        is_right = is_number and isinstance(value, int) and value > 0
        wanted = "a whole number above 0"
    else:
        is_right = (
            is_number and isfinite(value) and (value > 0 if kind == _POSITIVE else value >= 0)
        )
        wanted = "a number" + (" above 0" if kind == _POSITIVE else ", 0 or more")
    if not is_right:
        raise ConfigurationError(f"the var {name} is {wanted}, not {value!r}")


def definition(name: str, given: dict[str, Any], default: Any) -> Any:
    """A dbt var as the models will see it: what was given, else `dbt_project.yml`, else default."""
    return given[name] if name in given else _project_vars().get(name, default)


def _project_vars() -> dict[str, Any]:
    """The vars of `dbt_project.yml`."""
    try:
        project = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"dbt_project.yml cannot be read: {error}") from None
    found = project.get("vars") or {} if isinstance(project, dict) else None
    if not isinstance(found, dict):
        raise ConfigurationError("dbt_project.yml: it, and vars in it, must be names with values")
    # dbt takes those under the project's own name before the others
    own = found.get(project.get("name"))
    return found | own if isinstance(own, dict) else found


class Dbt:
    """dbt against one database, with one run's vars.

    `own_schema` begins the names of somebody's own schemas, in place of those of the runs.
    """

    def __init__(
        self,
        database: Database,
        given_vars: dict[str, Any],
        *,
        as_of: datetime,
        trackers: list[str],
        monitorings: list[str],
        on_progress: Callable[[str, int, int | None], None],
        own_schema: str | None = None,
    ) -> None:
        # dbt parses the whole project anew whenever a var differs from the last time (7 of a run's
        # 19 s): what differs from run to run travels in the environment
        self._vars = {
            **{name: value for name, value in given_vars.items() if name != "as_of"},
            "marts_schema": publish.LIVE if own_schema else publish.NEXT,
            "trackers": trackers,
            "monitorings": monitorings,
        }
        self._target = dbt_target() / "try" if own_schema else dbt_target()
        self._on_progress = on_progress
        # of the parse, for the commands after it
        self._manifest: Any = None
        os.environ.update(database.environment())
        os.environ[AS_OF] = as_of.isoformat()
        os.environ[SCHEMA] = own_schema or publish.LIVE
        _silence_foreign_settings()
        self._profiles = _profiles_folder()

    def parse(self) -> None:
        """Read the project, so that its mistakes are told before a tracker is asked.

        Raises BuildError with dbt's own words.
        """
        self._manifest, _ = self._invoke("parse", "--no-write-json")
        self._write_manifest()

    def build(self, connection: Connection) -> BuildReport:
        """Build and test everything into `marts_next`.

        Raises BuildError when a model or a test of severity error failed; its message names the
        first of them, the report in `error.report` all.
        """
        # the manifest is written by parse
        results, warnings = self._invoke(
            "build", "--exclude-resource-type", "unit_test", "--no-write-json"
        )
        report = _report(results.results, connection)
        report.warnings += warnings
        if report.errors:
            raise BuildError(_headline(report.errors), report)
        return report

    def build_status_view(self) -> None:
        """Build `pipeline_status` alone into `marts_next`."""
        self._invoke("run", "--select", "pipeline_status", "--no-write-json")

    def build_open_incidents(self) -> None:
        """Build what the wall shows, with all that it stands on, into `marts_next`."""
        self._invoke(
            "build", "--select", "+fct_open_incidents", "+agg_incident_heat",
            "--exclude-resource-type", "unit_test", "test", "--no-write-json",
        )  # fmt: skip

    def _write_manifest(self) -> None:
        """Write what was parsed as `manifest.json`, unless it stands there already.

        dbt writes it anew each time, which is a third of a parse that has nothing to do. What it
        keeps of a parse for the next one, it renews only when something has changed.
        """
        manifest = self._target / "manifest.json"
        kept = self._target / "partial_parse.msgpack"
        try:
            if not manifest.exists() or manifest.stat().st_mtime_ns < kept.stat().st_mtime_ns:
                # whole or not at all: a torn one would be believed
                self._manifest.write(str(manifest.with_suffix(".next")))
                manifest.with_suffix(".next").replace(manifest)
            # as new as the files of the project that it was held against
            manifest.touch()
        except OSError as error:
            raise _ended_early("parse", error, "") from None

    def write_docs(self) -> Path:
        """Write the lineage site as one static file; returns where it is."""
        # a folder of its own: over the published marts, the project is parsed with other vars
        self._target = dbt_target() / "docs"
        self._vars["marts_schema"] = publish.LIVE
        self._invoke("docs", "generate", "--static")
        # The page is shown to others, whom the folders of this machine do not concern. Where a text
        # of its JSON begins, lest a short path (/app) be taken out of a word.
        text = (self._target / "static_index.html").read_text(encoding="utf-8")
        root = str(PROJECT_ROOT)
        for spelled in (root, json.dumps(root)[1:-1]):
            text = re.sub(rf'(?<="){re.escape(spelled)}(?=[/"])', ".", text)
        page = dbt_target() / "static_index.html"
        page.write_text(text, encoding="utf-8")
        return page

    def _invoke(self, *command: str) -> tuple[Any, list[str]]:
        """What a dbt command came to, and what its macros warned of."""
        _do_without_shared_memory()
        # imported here: it costs two seconds that `status` and `psql` need not pay
        from dbt.cli.main import dbtRunner

        counter = _Counter(self._on_progress)
        arguments = [
            *command, "--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(self._profiles),
            "--target-path", str(self._target),
            "--vars", json.dumps(self._vars, default=str), "--log-level", "none", "--no-use-colors",
        ]  # fmt: skip
        with kept_sessions():
            outcome = dbtRunner(manifest=self._manifest, callbacks=[counter]).invoke(arguments)
        if outcome.result is None or (outcome.exception and not outcome.success):
            raise _ended_early(" ".join(command[:2]), outcome.exception, counter.last_error)
        return outcome.result, counter.warnings


def _do_without_shared_memory() -> None:
    """Where there is none, as in cloud functions, let locks between threads serve.

    dbt, and the pool of its threads, ask for locks between processes, and have one process.
    """
    context = multiprocessing.get_context()
    try:
        context.Lock()
    except OSError:
        # imported here, as the rest of dbt, which comes after
        from dbt.mp_context import get_mp_context

        for each in (context, get_mp_context()):
            each.Lock, each.RLock = threading.Lock, threading.RLock


def _silence_foreign_settings() -> None:
    """Take dbt's variables out of this process: another project's DBT_EMPTY would build no row.

    Where dbt writes is the operator's to say; DBT_ENV_ begins the names that dbt leaves to models.
    """
    ours = ("DBT_TARGET_PATH", "DBT_LOG_PATH")
    for name in list(os.environ):
        if name.startswith("DBT_") and name not in ours and not name.startswith("DBT_ENV_"):
            del os.environ[name]
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"


class _Counter:
    """Turns dbt's events into progress; keeps its last error and what macros warned of."""

    def __init__(self, on_progress: Callable[[str, int, int | None], None]) -> None:
        self._on_progress = on_progress
        self.last_error = ""
        self.warnings: list[str] = []

    def __call__(self, event: Any) -> None:
        name, message = event.info.name, event.info.msg
        if event.info.level == "error" and message:
            self.last_error = message
            logger.debug("dbt: %s", plain(message))
        if name == "JinjaLogWarning":
            self.warnings.append(_one_line(message))
        if name == "LogNodeNoOpResult" or not name.startswith(("LogModelResult", "LogTestResult")):
            return
        node = getattr(event.data, "node_info", None)
        self._on_progress(
            f"build {getattr(node, 'node_name', '')}",
            getattr(event.data, "index", 0),
            # a model's event has one name for it, a test's the other
            getattr(event.data, "total", None) or getattr(event.data, "num_models", None),
        )


def _ended_early(command: str, exception: BaseException | None, last_error: str) -> RunError:
    """Why dbt came to no result."""
    if isinstance(exception, OSError):
        # dbt's own word is the traceback
        last_error = str(exception)
    said = last_error or str(exception or "dbt gave no reason")
    disk = exception and DiskError.of(exception, "dbt's folders")
    return disk or BuildError(f"dbt {command}: {_one_line(said)}")


def _report(results: list[Any], connection: Connection) -> BuildReport:
    report = BuildReport()
    for result in results:
        kind, status = str(result.node.resource_type), str(result.status)
        if kind == "test":
            if status in ("fail", "error"):
                report.tests_failed += 1
                report.errors.append(_test_sentence(result, connection))
            elif status == "warn":
                report.tests_warned += 1
                report.warnings.append(_test_sentence(result, connection))
        elif status == "error":
            report.errors.append(_model_sentence(result))
        elif kind == "model" and status == "success":
            report.models_built += 1
            if result.node.schema == publish.NEXT:
                # a view has none
                report.rows += max(0, result.adapter_response.get("rows_affected", 0))
    return report


# dbt's names of what psycopg2 calls a type, as a contract spells them
_CONTRACT_TYPES = {
    "STRING": "text",
    "LONGINTEGER": "bigint",
    "DECIMAL": "numeric",
    "FLOAT": "double precision",
    "DATETIMETZ": "timestamptz",
    "DATETIME": "timestamp",
}
# of dbt's table of what a contract and its model do not have in common
_CONTRACT_ROW = re.compile(
    r"^\s*\|\s*(\w+)\s*\|([^|]*)\|([^|]*)\|\s*(\w[^|]*?)\s*\|\s*$", re.MULTILINE
)


def _model_sentence(result: Any) -> str:
    """Why a model failed; where its contract did, the line of the YAML that mends it."""
    message = result.message or ""
    if "enforced contract" in message:
        yaml_file = str(result.node.patch_path).partition("://")[2]
        mended = [_contract_advice(row, yaml_file) for row in _CONTRACT_ROW.findall(message)]
        if advice := list(filter(None, mended)):
            return f"{result.node.name}: {'; '.join(advice)}"
    # where in dbt's own macros, nobody needs to know
    told = re.sub(r"^\s*> (in macro|called by) .*$", "", message, flags=re.MULTILINE)
    return f"{result.node.name}: {_one_line(told)}"


def _contract_advice(row: tuple[str, ...], yaml_file: str) -> str | None:
    column, made, agreed, reason = (part.strip() for part in row)
    made, agreed = (_CONTRACT_TYPES.get(each, each.lower()) for each in (made, agreed))
    return {
        "missing in contract": f"the contract does not know the column {column}: add "
        f'"- name: {column}" with "data_type: {made}" to the model\'s columns in {yaml_file}',
        "missing in definition": f"the column {column} of the contract is not selected: select it, "
        f"or take it out of {yaml_file}",
        "data type mismatch": f"{column} is {made} and its data_type in {yaml_file} {agreed}: cast "
        "it, or correct the data_type",
    }.get(reason)


def _test_sentence(result: Any, connection: Connection) -> str:
    """What a test found: its column `message` where it has one, else its rows' first values."""
    name = result.node.name
    if str(result.status) == "error":
        return f"{name}: {_one_line(result.message or '')}"
    offenders = _offenders(result, connection)
    found = f"{result.failures} row{'s' if result.failures != 1 else ''}"
    return f"{name} ({found}): {'; '.join(offenders)}" if offenders else f"{name}: {found}"


def _offenders(result: Any, connection: Connection) -> list[str]:
    """The first rows that a test found, a phrase each."""
    code = getattr(result.node, "compiled_code", None)
    if not code:
        return []
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"select * from ({code}) as offenders limit {OFFENDERS_SHOWN}")  # noqa: S608
            columns = [column.name for column in cursor.description]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    except psycopg2.Error:
        # what the test looked at is gone: its name has to do
        return []
    return [_one_line(row.get("message") or _first_value(row)) for row in rows]


def _first_value(row: dict[str, Any]) -> str:
    """What a generic test complains of stands in its first column (dbt's own and ours alike)."""
    value = next(iter(row.values()))
    return "a row without it" if value is None else f'"{value}"'


def _headline(errors: list[str]) -> str:
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return errors[0] + more


def _one_line(text: str) -> str:
    return plain(" ".join(text.split()))


def _profiles_folder() -> Path:
    """dbt wants a file named profiles.yml; the example serves, as it holds no secret."""
    folder = PROJECT_ROOT / ".local" / "dbt"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT_ROOT / "profiles.example.yml", folder / "profiles.yml")
    return folder
