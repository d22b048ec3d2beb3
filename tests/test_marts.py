"""Every mart, cell by cell, against an independent computation from the same raw tables."""

from collections.abc import Iterator

import pytest
from conftest import PostgresServer, fresh_database
from histories import draw, write_raw
from warehouse import Warehouse

SEEDS_SHOWN = 3
SEEDS_LONG = 60


@pytest.fixture(scope="module")
def warehouse(
    server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """A database whose seeds are made and whose raw tables tests fill."""
    for name in fresh_database(server):
        made = Warehouse(server, name, tmp_path_factory.mktemp("dbt"))
        write_raw(made.connection, draw(0).raw)
        # with the vars of a test, for which the project is then read
        made.dbt("seed", variables=draw(1).variables)
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
