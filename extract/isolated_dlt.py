"""dlt, deaf to what stands around it; whoever needs something of it takes it from here.

dlt fills every argument that a caller leaves out from the environment and from `.dlt` folders,
also under names without a prefix: another program's FULL_REFRESH or DEV_MODE would send each load
into a schema of its own, and with SENTRY_DSN dlt itself would report exceptions, unredacted. So it
is imported in an environment that holds nothing of this, and its settings are those below.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

_SETTINGS = {
    # Telemetry is on by default. The log would print, unredacted, what reaches us as an exception.
    "runtime": {"dlthub_telemetry": False, "log_level": "CRITICAL"},
    # Nobody reads dlt's state of an earlier run, and each run tells it the whole shape of what it
    # loads: to fetch both would be a fifth of a small load's processor time.
    "restore_from_destination": False,
}

# what modules that dlt imports may ask for
_KEPT = ("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE")


@contextmanager
def _bare_environment() -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update({name: before[name] for name in _KEPT if name in before})
    os.environ.update(
        # read while it is imported, when its settings are not ours yet
        RUNTIME__DLTHUB_TELEMETRY="false",
        RUNTIME__LOG_LEVEL="CRITICAL",
        # a folder that nobody has, in place of ~/.dlt, .dlt and /var/dlt
        DLT_CONFIG_FOLDER="/nonexistent",
        DLT_DATA_DIR="/nonexistent",
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


with _bare_environment():
    import dlt
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.providers import CustomLoaderDocProvider
    from dlt.common.configuration.specs import RuntimeConfiguration
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
    from dlt.common.destination import DestinationCapabilitiesContext
    from dlt.common.normalizers.naming import NamingConvention
    from dlt.common.runtime import sentry
    from dlt.common.storages.load_package import load_package_state
    from dlt.destinations import postgres
    from dlt.destinations.impl.postgres.configuration import (
        PostgresClientConfiguration,
        PostgresCredentials,
    )
    from dlt.extract import DltResource
    from dlt.sources.helpers.requests import Client

    Container()[PluggableRunContext].providers.providers[:] = [
        CustomLoaderDocProvider("the project", lambda: _SETTINGS, supports_secrets=False)
    ]


class Postgres(postgres):
    """dlt's PostgreSQL, whose capabilities do not depend on its configuration.

    dlt asks for them a hundred times a load. Each time it would resolve a configuration and look
    for a driver that is not installed.
    """

    def capabilities(
        self,
        config: PostgresClientConfiguration | None = None,
        naming: NamingConvention | None = None,
    ) -> DestinationCapabilitiesContext:
        # a copy: dlt writes into what it gets
        return self.adjust_capabilities(self._capabilities.copy(), config, naming)

    @cached_property
    def _capabilities(self) -> DestinationCapabilitiesContext:
        return super().capabilities(self.spec())


__all__ = [
    "Client",
    "DltResource",
    "Postgres",
    "PostgresCredentials",
    "RuntimeConfiguration",
    "dlt",
    "load_package_state",
    "sentry",
]
