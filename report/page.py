"""The page as one file: data, words, charts, scripts and styles inside, nothing outside."""

import base64
import hashlib
import json
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)

from extract.trackers import TRACKERS
from report import data as marts
from report.settings import TIME_LOCALES, read_texts

TEMPLATES = Path(__file__).resolve().parent / "template"
# in the order in which they use each other
SCRIPTS = (
    "page", "words", "period", "statistics", "links", "tables", "tiles", "selection", "charts",
    "blocked", "run", "lead_time", "sprints", "ageing", "cumulative", "weekly", "forecast",
    "state_times", "efficiency", "incident_heat", "incident_times", "incident_lists", "address",
    "main",
)  # fmt: skip
CHARTS = Path(__file__).resolve().parent / "charts.py"
CACHE = Path(__file__).resolve().parent.parent / ".local" / "cache"


def write_report(
    connection: Connection,
    output: Path,
    *,
    locale: str = "en",
    details: bool = False,
    is_demo: bool = False,
    addresses: Mapping[str, str] | None = None,
) -> Path:
    """Write the page over the published marts; returns where it is.

    `details` puts summaries and assignees into it, and links to issues of the trackers in
    `addresses`: by a tracker's name, what the address of an issue begins with. Raises ReportError
    without marts.
    """
    content = marts.read(connection, details=details)
    content["addresses"] = dict(addresses or {}) if details else {}
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(render(content, locale=locale, is_demo=is_demo), encoding="utf-8")
    return output.resolve()


def render(content: dict[str, Any], *, locale: str, is_demo: bool = False) -> str:
    """The page's HTML. Nothing from the marts reaches it but as JSON in a block of data."""
    texts = read_texts(locale)
    has_incidents = "incidents" in content
    scripts = {"vega": vega_scripts(), "page": page_script(has_incidents=has_incidents)}
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    payload = {
        **content,
        "buckets": [texts["bucket_labels"].get(label, label) for label in content["buckets"]],
        "tracker_titles": {tracker.name: tracker.title for tracker in TRACKERS},
        "severity_titles": {
            name: russian if locale == "ru" else name
            for name, russian in content.get("severities", {}).items()
        },
        "locale": locale,
        "texts": texts,
        **drawings(
            texts, locale=locale, buckets=len(content["buckets"]), has_incidents=has_incidents
        ),
        "format_locale": vl_convert.get_format_locale(TIME_LOCALES[locale]),
        "time_locale": vl_convert.get_time_format_locale(TIME_LOCALES[locale]),
    }
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html").render(
        locale=locale,
        texts=texts,
        is_demo=is_demo,
        has_trackers=len(content["values"]["tracker"]) > 1,
        has_incidents=has_incidents,
        style=style,
        scripts=scripts,
        data=script_safe(payload),
        policy=policy(list(scripts.values()), style),
    )


def policy(scripts: list[str], style: str) -> str:
    """A content security policy: our own scripts run, by their hashes, and nothing else."""
    allowed = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def page_script(*, has_incidents: bool) -> str:
    """The page's own scripts as one: each file is a module that those after it may use."""
    modules = [
        (TEMPLATES / "scripts" / f"{name}.js").read_text(encoding="utf-8")
        for name in SCRIPTS
        if has_incidents or not name.startswith("incident_")
    ]
    # a block of their own, whatever names Vega's script takes
    return "\n".join(['"use strict";', "{", *modules, "}"])


def script_safe(value: Any) -> str:
    """JSON that cannot end its script element, and holds no line separator of JavaScript."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@cache
def vega_scripts() -> str:
    """Vega, Vega-Lite and vega-embed (BSD-3-Clause) as vl-convert carries them: no download.

    They depend on its version alone and take it seconds (2 of 3 for a page), so they are kept.
    """
    kept = CACHE / f"vega-{version('vl-convert-python')}.js"
    with suppress(OSError):
        return kept.read_text(encoding="utf-8")
    scripts = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # a folder that nobody may write to costs the seconds again, not the page
    with suppress(OSError):
        _keep(kept, scripts)
    return scripts


def drawings(
    texts: dict[str, Any], *, locale: str, buckets: int, has_incidents: bool
) -> dict[str, Any]:
    """What `report.charts` makes of the words, which takes it two seconds: so it is kept."""
    made_of = (texts, buckets, has_incidents, version("altair"), CHARTS.read_text(encoding="utf-8"))
    digest = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()
    kept = CACHE / f"charts-{locale}.json"
    with suppress(OSError, ValueError, LookupError, TypeError):
        found = json.loads(kept.read_text(encoding="utf-8"))
        if found["of"] == digest:
            return found["made"]
    # imported here: the library takes half a second
    from report.charts import drawn

    made = drawn(texts, buckets=buckets, has_incidents=has_incidents)
    with suppress(OSError):
        _keep(kept, json.dumps({"of": digest, "made": made}))
    return made


def _keep(kept: Path, text: str) -> None:
    """Write it whole or not at all, whoever writes at the same time."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=kept.parent, prefix=kept.name, delete=False
    ) as part:
        part.write(text)
    Path(part.name).replace(kept)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
