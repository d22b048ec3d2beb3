"""Every setting of a run: its name, its default, its check.

Settings come from the environment; `.env` in the project's folder fills in what the
environment leaves out. What a number *means* is no setting: those definitions are dbt vars and
seeds. The table in the README lists the same names.
"""

import os
import re
import stat
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from dotenv import load_dotenv
from dotenv.parser import parse_stream
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from extract.errors import ConfigurationError
from extract.sources import SOURCES
from extract.tracker import Source, Tracker
from extract.trackers import TRACKERS

PROJECT_ROOT = Path(__file__).resolve().parent.parent

# With one of these set, the operator means a PostgreSQL of their own (libpq's names).
DATABASE_IS_GIVEN_BY = ("PGHOST", "PGHOSTADDR", "PGSERVICE")

SECRETS = (
    *(name for source in SOURCES for name in source.secrets),
    "PGPASSWORD", "CLICKHOUSE_PASSWORD", "RUN_ALERT_WEBHOOK_URL", "SENTRY_DSN",
    "WALL_PASSWORD", "WALL_YOUTRACK_TOKEN", "WALL_YANDEX_TRACKER_TOKEN",
)  # fmt: skip

# A size as PostgreSQL spells it, within what it takes
WORK_MEM = r"[1-9]\d{0,2}(MB|GB)"


def dbt_target() -> Path:
    """The folder that dbt writes to: the manifest, the lineage site."""
    return PROJECT_ROOT / (os.environ.get("DBT_TARGET_PATH") or "target")


class Destinations(BaseSettings):
    """Where the figures of a run go (`pipeline/figures.py`)."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    statsd_host: str | None = None
    statsd_port: int = Field(default=8125, ge=1, le=65535)
    statsd_prefix: str = "lead_time"
    metrics_file: Path | None = None

    @field_validator("statsd_prefix")
    @classmethod
    def _check_prefix(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", value):
            raise ValueError("letters, digits, _ and - only, in parts between dots")
        return value

    @field_validator("metrics_file")
    @classmethod
    def _check_file(cls, value: Path | None) -> Path | None:
        if value and value.suffix != ".prom":
            raise ValueError("node_exporter reads files whose names end in .prom, and no others")
        return value


class Settings(Destinations):
    """The checked settings of one run; those of each source are its own.

    Secrets are `SecretStr`, so that no repr shows them.
    """

    run_timeout_minutes: float = Field(default=240, gt=0, le=7 * 24 * 60, allow_inf_nan=False)
    # read anew for each session, which may come before these are checked
    build_work_mem: str | None = None
    run_alert_webhook_url: SecretStr | None = None
    sentry_dsn: SecretStr | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("sentry_dsn")
    @classmethod
    def _check_dsn(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            # imported here: most installations report nowhere
            from sentry_sdk.utils import BadDsn, Dsn

            try:
                Dsn(value.get_secret_value())
            except BadDsn:
                raise ValueError("it is no DSN, as https://key@host/number") from None
        return value

    @field_validator("build_work_mem")
    @classmethod
    def _check_size(cls, value: str | None) -> str | None:
        if value and not re.fullmatch(WORK_MEM, value):
            raise ValueError("it is a size as PostgreSQL spells it: 64MB, 1GB")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value


class ClickHouseSettings(BaseSettings):
    """The ClickHouse that gets the marts, too; all but the last two are needed."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    clickhouse_url: str
    clickhouse_user: str
    clickhouse_password: SecretStr
    clickhouse_database: str
    clickhouse_ca_file: Path | None = None
    clickhouse_cluster: str | None = None

    @field_validator("clickhouse_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("it is https://host:8443 or http://host:8123, with nothing behind it")
        if "@" in parts.netloc:
            raise ValueError("user and password go into CLICKHOUSE_USER and CLICKHOUSE_PASSWORD")
        return value

    @field_validator("clickhouse_ca_file")
    @classmethod
    def _check_ca_file(cls, value: Path | None) -> Path | None:
        if value and not (value.is_file() and os.access(value, os.R_OK)):
            raise ValueError("there is no such file, or it may not be read")
        return value


def load_environment(env_file: Path = PROJECT_ROOT / ".env") -> list[str]:
    """Fill the environment from `.env` where it is silent; a variable that is set wins.

    The values go into the process's environment because libpq reads its own names there.
    Returns warnings. Raises ConfigurationError for a name in the file that is one of ours misspelt:
    the setting that was meant would silently keep its default.
    """
    # somebody else's environment, so a resemblance there may be chance
    warnings = [f"{each}, and has no effect" for each in _misspelt(os.environ)]
    if not env_file.exists():
        return warnings
    try:
        load_dotenv(env_file, override=False, interpolate=False)
        with env_file.open(encoding="utf-8") as lines:
            bindings = list(parse_stream(lines))
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"{env_file.name} cannot be read as UTF-8 text") from None
    misspelt = _misspelt(binding.key for binding in bindings if binding.key)
    if misspelt:
        raise ConfigurationError(f"{env_file.name}: {'; '.join(misspelt)}. Mend or remove it")
    broken = [binding.original.line for binding in bindings if binding.error]
    warnings += [f"{env_file.name}, line {line}: not NAME=value, ignored" for line in broken]
    if stat.S_IMODE(env_file.stat().st_mode) & (stat.S_IRGRP | stat.S_IROTH):
        warnings.append(
            f"{env_file.name} can be read by other users of this machine: chmod 600 .env"
        )
    return warnings


def _misspelt(names: Iterable[str]) -> list[str]:
    """Of these names, those that look like a setting and are none, each with what may be meant."""
    known = KNOWN_VARIABLES | own_variables()
    prefixes = tuple(f"{source.prefix}_" for source in SOURCES)
    told = []
    for name in names:
        # proxies are read in either case, libpq's and our own names in capitals only
        if name in known or name.lower().endswith("_proxy"):
            continue
        close = get_close_matches(name.upper(), known, n=1, cutoff=0.83)
        if close or name.startswith(prefixes):
            meant = f"; {close[0]} is meant?" if close else ""
            told.append(f"{name} is no setting{meant}")
    return told


def own_variables() -> set[str]:
    """The names of the settings of the run and of every source."""
    settings = (Settings, ClickHouseSettings, *(source.settings for source in SOURCES))
    return {name.upper() for each in settings for name in each.model_fields}


def read_settings() -> tuple[Settings, dict[str, BaseSettings]]:
    """Read and check every setting: the run's, and those of each source by its name.

    Raises ConfigurationError naming each variable that is wrong, never its value: it may be a
    secret.
    """
    problems: list[str] = []
    run = _read(Settings, problems)
    sources = {source.name: _read(source.settings, problems) for source in SOURCES}
    if problems:
        raise ConfigurationError("; ".join(problems))
    return run, sources


def read_destinations() -> Destinations:
    """Where a run's figures go, whatever else is wrong; nowhere, if it is this.

    What is wrong here ends the run as well, by `read_settings`.
    """
    try:
        return Destinations()
    except ValidationError:
        return Destinations.model_construct()


def _read(kind: type[BaseSettings], problems: list[str]) -> Any:
    try:
        return kind()
    except ValidationError as error:
        problems += (
            f"{str(problem['loc'][0]).upper()}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        return None


def read_clickhouse() -> ClickHouseSettings | None:
    """The ClickHouse to publish to; None where no setting of it is there.

    Raises ConfigurationError for half of them: who set one means to publish there.
    """
    fields = ClickHouseSettings.model_fields
    given = [name.upper() for name in fields if os.environ.get(name.upper())]
    if not given:
        return None
    needed = [name.upper() for name, field in fields.items() if field.is_required()]
    missing = [name for name in needed if name not in given]
    if missing:
        raise ConfigurationError(
            f"{', '.join(missing)} missing ({given[0]} is set): ClickHouse gets the marts if "
            f"{', '.join(needed)} are all set"
        )
    problems: list[str] = []
    settings = _read(ClickHouseSettings, problems)
    if problems:
        raise ConfigurationError("; ".join(problems))
    return settings


def named_trackers() -> list[Tracker]:
    """The trackers of which a setting that they need is there."""
    return [each for each in TRACKERS if any(map(os.environ.get, _needed(each)))]


def named_sources() -> list[Source]:
    """The sources of which a setting that they need is there."""
    return [each for each in SOURCES if any(map(os.environ.get, _needed(each)))]


def is_complete(source: Source) -> bool:
    """Whether every setting that the source needs is there, itself or another in its place."""
    return all(any(map(os.environ.get, names)) for names in source.required)


def _needed(source: Source) -> list[str]:
    return [name for names in source.required for name in names]


def database_is_given() -> bool:
    """Whether the environment names a PostgreSQL; otherwise the embedded one serves."""
    return any(os.environ.get(name) for name in DATABASE_IS_GIVEN_BY)


def nothing_is_configured() -> bool:
    """Neither a source nor a database is named: the demo serves."""
    return not (named_sources() or database_is_given())


def ignored_database_variables() -> list[str]:
    """The PG* variables that are set although no database is given, hence without effect."""
    if database_is_given():
        return []
    # client-side behaviour of psql, not an address
    harmless = {"PGAPPNAME", "PGTZ", "PGOPTIONS", "PGCLIENTENCODING"}
    return sorted(
        name
        for name in os.environ
        if name.startswith("PG") and name not in harmless and name in LIBPQ_VARIABLES
    )


# https://www.postgresql.org/docs/current/libpq-envars.html, the ones that say where and who
LIBPQ_VARIABLES = frozenset(
    {
        "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGPASSFILE", "PGSERVICEFILE",
        "PGSSLMODE", "PGSSLCERT", "PGSSLKEY", "PGSSLROOTCERT", "PGREQUIRESSL",
    }
)  # fmt: skip

# What the project and its libraries read beside the fields of `Settings`; for finding misspellings.
KNOWN_VARIABLES = frozenset(
    {
        *DATABASE_IS_GIVEN_BY, *LIBPQ_VARIABLES,
        # libpq's others, on the same page
        "PGAPPNAME", "PGCHANNELBINDING", "PGCLIENTENCODING", "PGCONNECT_TIMEOUT", "PGDATESTYLE",
        "PGGEQO", "PGGSSDELEGATION", "PGGSSENCMODE", "PGGSSLIB", "PGKRBSRVNAME",
        "PGLOADBALANCEHOSTS", "PGLOCALEDIR", "PGMAXPROTOCOLVERSION", "PGMINPROTOCOLVERSION",
        "PGOPTIONS", "PGREQUIREAUTH", "PGREQUIREPEER", "PGSSLCERTMODE", "PGSSLCOMPRESSION",
        "PGSSLCRL", "PGSSLCRLDIR", "PGSSLKEYLOGFILE", "PGSSLMAXPROTOCOLVERSION",
        "PGSSLMINPROTOCOLVERSION", "PGSSLNEGOTIATION", "PGSSLSNI", "PGSYSCONFDIR",
        "PGTARGETSESSIONATTRS", "PGTZ",
        # of PostgreSQL's own programs
        "PGCOLOR", "PGCOLORS", "PGDATA", "PGHOME", "PGLIB", "PGROOT",
        # the page, the workbook, the demo, the files under deploy/
        "LOCALE", "REPORT_DETAILS", "DEMO_ISSUES", "DATALENS_SOURCE", "DATALENS_DB_HOST",
        "DATALENS_DB_PORT", "DATALENS_DB_USER", "DATALENS_DB_NAME", "DATALENS_NETWORK",
        "LEADTIME_DB_PASSWORD", "LEADTIME_DB_PORT", "DBT_TARGET_PATH", "DBT_LOG_PATH",
        # the wall's own
        "WALL_HOST", "WALL_PORT", "WALL_PASSWORD", "WALL_USER_HEADER", "WALL_YOUTRACK_TOKEN",
        "WALL_YANDEX_TRACKER_TOKEN", "WALL_TEMPLATES",
        # requests
        "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY",
        "NO_PROXY",
        # of systems and of Sentry's library, close to ours by chance
        "LOGNAME", "RUN_ID", "SENTRY_ENVIRONMENT", "SENTRY_RELEASE",
    }
)  # fmt: skip


def source_problem() -> str | None:
    """What half a configuration lacks, in a sentence; None when all or nothing is configured.

    To be asked before the run puts the embedded server's address into the environment.
    """
    if nothing_is_configured():
        return None
    for source in named_sources() or SOURCES[:1]:
        given = next(n for n in (*DATABASE_IS_GIVEN_BY, *_needed(source)) if os.environ.get(n))
        for names, advice in source.required.items():
            if not any(map(os.environ.get, names)):
                return (
                    f"{' or '.join(names)} is missing ({given} is set): {advice}. Simulated data "
                    "is loaded only when neither a tracker nor a database is configured."
                )
    return None
