"""Fixtures over the simulated Zabbix. Who imports them has them: the tests of the wall do, too."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PostgresServer
from zabbix_loads import Extraction, fresh, loaded_template, simulated

from demo.zabbix.server import Server


@pytest.fixture
def zabbix() -> Iterator[Server]:
    with simulated() as running:
        yield running


@pytest.fixture(scope="module")
def template(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from loaded_template(server, tmp_path_factory.mktemp("dlt"))


@pytest.fixture
def loaded(
    server: PostgresServer, template: str, zabbix: Server, tmp_path: Path
) -> Iterator[Extraction]:
    """A database after a first load."""
    yield from fresh(server, zabbix, tmp_path / "dlt", template)


@pytest.fixture
def empty(server: PostgresServer, zabbix: Server, tmp_path: Path) -> Iterator[Extraction]:
    yield from fresh(server, zabbix, tmp_path / "empty")
