"""The dbt project itself: its unit tests, its spelling, its documentation, its layers."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import REPOSITORY, PostgresServer, clean_environment
from warehouse import Warehouse

STRICT_PARSE = """
import sys
from dbt.cli.main import dbtRunner
from dbt.jsonschemas import jsonschemas

# dbt checks the spelling of a project's YAML for its own adapters only, unless told otherwise
jsonschemas._JSONSCHEMA_SUPPORTED_ADAPTERS.add("postgres")
outcome = dbtRunner().invoke(
    ["parse", "--no-partial-parse", "--profiles-dir", sys.argv[1], "--target-path", sys.argv[2],
     "--log-path", sys.argv[2], "--warn-error-options", '{"error": ["Deprecations"]}',
     "--vars", "{trackers: [youtrack, yandex_tracker], monitorings: [zabbix]}"]
)
sys.exit(not outcome.success)
"""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The manifest of a parse in which every deprecation is an error."""
    folder = tmp_path_factory.mktemp("parse")
    profile = (REPOSITORY / "profiles.example.yml").read_text(encoding="utf-8")
    (folder / "profiles.yml").write_text(profile, encoding="utf-8")
    completed = subprocess.run(
        [sys.executable, "-c", STRICT_PARSE, str(folder), str(folder / "target")],
        cwd=REPOSITORY,
        env=clean_environment({"PGHOST": "nowhere"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout[-3000:]
    return json.loads((folder / "target" / "manifest.json").read_text(encoding="utf-8"))


def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def test_every_model_and_column_is_described_and_every_mart_column_is_contracted(
    manifest: dict[str, Any],
) -> None:
    for model in models(manifest):
        assert len(model["description"]) > 20, model["name"]
        assert model["columns"], model["name"]
        for column in model["columns"].values():
            assert column["description"].strip(), f"{model['name']}.{column['name']}"
        if model["fqn"][1] == "marts":
            is_view = model["config"]["materialized"] == "view"
            assert is_view or model["contract"]["enforced"], model["name"]
            assert model["access"] == "public", model["name"]


def test_a_mart_that_is_shown_lacks_nothing_that_showing_takes(manifest: dict[str, Any]) -> None:
    """docs/adding-a-mart.md: words in both languages, a dataset, an exposure."""
    layout = yaml.safe_load((REPOSITORY / "datalens" / "layout.yml").read_text(encoding="utf-8"))
    datasets = {dataset["mart"] for dataset in layout["datasets"].values()}
    exposed = {
        upstream.rpartition(".")[2]
        for exposure in manifest["exposures"].values()
        for upstream in exposure["depends_on"]["nodes"]
    }
    lacking, shown = [], 0
    for mart in (model for model in models(manifest) if model["fqn"][1] == "marts"):
        name, words = mart["name"], mart["config"]["meta"]
        if words.get("shown") is False:
            continue
        shown += 1
        described = [
            (name, words),
            *((f"{name}.{c}", v["config"]["meta"]) for c, v in mart["columns"].items()),
        ]
        lacking += [
            f"_marts__models.yml: {each} has no {kind} in {language}"
            for each, meta in described
            for kind, language in (("title", "en"), ("title", "ru"), ("description", "ru"))
            if not (meta.get(kind) or {}).get(language)
        ]
        if name not in datasets:
            lacking.append(f"datalens/layout.yml: no dataset reads {name}")
        if name not in exposed:
            lacking.append(f"_marts__exposures.yml: no exposure depends on {name}")
    assert lacking == []
    assert shown >= 7


def test_the_layers_are_kept(manifest: dict[str, Any]) -> None:
    """Only staging reads raw; marts do not reach below intermediate; seeds may be read by all."""
    layer = {node["unique_id"]: node["fqn"][1] for node in models(manifest)}
    for model in models(manifest):
        own = layer[model["unique_id"]]
        for upstream in model["depends_on"]["nodes"]:
            if upstream.startswith("source.lead_time.youtrack"):
                assert own == "staging", f"{model['name']} reads {upstream}"
            if own == "marts":
                assert layer.get(upstream) != "staging", f"{model['name']} reads {upstream}"
            if own == "staging":
                assert layer.get(upstream, "staging") == "staging", model["name"]


def test_only_a_trackers_own_folders_name_it() -> None:
    """From the neutral layer on, models, macros, seeds and tests are those of every tracker."""
    folder = REPOSITORY / "dbt_project"
    trackers = [path.name for path in (folder / "models" / "staging").iterdir() if path.is_dir()]
    assert "youtrack" in trackers
    spelled = re.compile("|".join(name.replace("_", r"[\W_]?") for name in trackers), re.IGNORECASE)
    own = {folder / kind / name for kind in ("macros", "tests") for name in trackers}
    own |= {folder / "models" / "staging" / name for name in trackers}
    files = [
        path
        for path in folder.rglob("*")
        # the front page says where it all comes from
        if path.suffix in (".sql", ".yml", ".csv") and not own & set(path.parents)
    ]
    assert len(files) > 80
    named = [
        f"{path.relative_to(folder)}: {line.strip()}"
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if spelled.search(line)
    ]
    assert named == []


def test_the_dashboard_and_the_page_are_exposures_with_owner_and_address(
    manifest: dict[str, Any],
) -> None:
    exposures = {exposure["name"]: exposure for exposure in manifest["exposures"].values()}
    assert set(exposures) == {"datalens_dashboard", "report_page"}
    for exposure in exposures.values():
        assert exposure["url"]
        assert exposure["owner"]["name"]
    layout = (REPOSITORY / "datalens" / "layout.yml").read_text(encoding="utf-8")
    queries = (REPOSITORY / "report" / "data.py").read_text(encoding="utf-8")
    for name, read in (
        ("datalens_dashboard", re.findall(r"^    mart: (\w+)$", layout, re.MULTILINE)),
        ("report_page", re.findall(r"(?:from|join) marts\.(\w+)", queries)),
    ):
        assert set(exposures[name]["depends_on"]["nodes"]) == {
            f"model.lead_time.{mart}" for mart in read
        }


def test_every_link_of_the_front_page_leads_somewhere(manifest: dict[str, Any]) -> None:
    front = manifest["docs"]["doc.lead_time.__overview__"]["block_contents"]
    links = re.findall(r"\(#!/(\w+)/([\w.]+)\)", front)
    assert len(links) > 8
    for kind, unique_id in links:
        assert manifest["nodes"][unique_id]["resource_type"] == kind


def test_every_unit_test_passes(
    server: PostgresServer, published: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    Warehouse(server, published[0], tmp_path).dbt("test", "--select", "test_type:unit")
