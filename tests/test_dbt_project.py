"""The dbt project itself: its unit tests, its spelling, its documentation, its layers."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
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
     "--log-path", sys.argv[2], "--warn-error-options", '{"error": ["Deprecations"]}']
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


def test_every_column_of_the_dashboard_has_a_title_in_both_languages(
    manifest: dict[str, Any],
) -> None:
    shown = {
        upstream
        for exposure in manifest["exposures"].values()
        for upstream in exposure["depends_on"]["nodes"]
    }
    assert len(shown) == 7
    for unique_id in shown:
        for column in manifest["nodes"][unique_id]["columns"].values():
            titles = column["config"]["meta"]["title"]
            assert titles["en"], f"{unique_id}.{column['name']}"
            assert titles["ru"], f"{unique_id}.{column['name']}"


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
