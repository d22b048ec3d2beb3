"""Every mart, cell by cell, against an independent computation from the same raw tables."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PostgresServer, Project, fresh_database
from histories import draw, write_raw
from reference import KEYS, Definitions, compare, compute, read_marts, read_raw, read_seeds
from warehouse import Warehouse

from pipeline import embedded

SEEDS_SHOWN = 3
SEEDS_LONG = 60


def differences(connection, seeds: Path) -> list[str]:
    """Where the published marts differ from the reference at the same moment."""
    with connection.cursor() as cursor:
        cursor.execute("select max(as_of) from ops.pipeline_runs where status = 'OK'")
        as_of = cursor.fetchone()[0]
    definitions = Definitions.from_vars({}, read_seeds(seeds))
    wanted, actual = compute(read_raw(connection), definitions, as_of), read_marts(connection)
    for mart in KEYS:
        assert actual[mart], f"{mart} is empty: there is nothing to compare"
    return [
        f"{mart}: {difference}"
        for mart, key in KEYS.items()
        for difference in compare(wanted[mart], actual[mart], key)
    ]


def test_the_demo_companys_marts_equal_the_reference(
    project: Project, demo_run: subprocess.CompletedProcess[str]
) -> None:
    assert demo_run.returncode == 0
    socket = embedded.start(project.root / ".local" / "postgres")
    connection = PostgresServer(str(socket)).connect("leadtime_demo")
    try:
        assert differences(connection, project.root / "dbt_project" / "seeds") == []
    finally:
        connection.close()


@pytest.fixture(scope="module")
def warehouse(
    server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """A database whose seeds are made and whose raw tables tests fill."""
    for name in fresh_database(server):
        made = Warehouse(server, name, tmp_path_factory.mktemp("dbt"))
        write_raw(made.connection, draw(0).raw)
        made.dbt("seed")
        yield made
        made.connection.close()


def check_drawn(warehouse: Warehouse, seed: int) -> None:
    """Build the marts over one drawn tracker and hold them against the reference."""
    drawn = draw(seed)
    warehouse.load(drawn)
    warehouse.build_models(drawn.variables, drawn.as_of)
    assert warehouse.differences(drawn.definitions(), drawn.as_of) == []


@pytest.mark.parametrize("seed", range(1, 1 + SEEDS_SHOWN))
def test_random_histories_give_the_marts_of_the_reference(warehouse: Warehouse, seed: int) -> None:
    check_drawn(warehouse, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 100 + SEEDS_LONG))
def test_many_random_histories_give_the_marts_of_the_reference(
    warehouse: Warehouse, seed: int
) -> None:
    check_drawn(warehouse, seed)
