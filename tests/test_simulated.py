"""The simulated company of a run with nothing configured: a tracker, and a monitoring beside it."""

from contextlib import closing
from datetime import date, datetime, timezone
from pathlib import Path
from urllib.parse import quote

import pytest
from conftest import PostgresServer

from extract.tracker import Load
from pipeline.simulated import forget_other_company, simulated_company

DAY, NEXT_DAY = date(2026, 6, 1), date(2026, 6, 2)


def test_the_monitoring_is_loaded_once_a_day(
    server: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEMO_ISSUES", "60")
    dsn = f"postgresql://{server.user}@/{database}?host={quote(server.host, safe='')}"
    dsn += f"&port={server.port}"
    with closing(server.connect(database)) as connection:

        def sources(day: date, *, is_loaded: bool = True) -> list[str]:
            with simulated_company(connection, day) as company:
                found = company()
                for source in found[1:] if is_loaded else []:
                    forget_other_company(connection, source, tmp_path)
                    report = source.kind.load(
                        source.settings,
                        Load(
                            dsn=dsn, run_id=str(day), identity=source.identity,
                            as_of=datetime.now(timezone.utc), working_dir=tmp_path,
                            on_progress=lambda *_: None,
                        ),
                    )  # fmt: skip
                    assert report.kind == "full" and report.events_loaded > 20
                return [source.kind.name for source in found]

        assert sources(DAY, is_loaded=False) == ["youtrack", "zabbix"]
        assert sources(DAY) == ["youtrack", "zabbix"]
        assert sources(DAY) == ["youtrack"]
        # a load that was cut off is gone on with
        with connection.cursor() as cursor:
            cursor.execute("delete from raw_zabbix.extract_runs where kind <> 'window'")
        assert sources(DAY, is_loaded=False) == ["youtrack", "zabbix"]
        assert sources(NEXT_DAY) == ["youtrack", "zabbix"]
        assert sources(NEXT_DAY) == ["youtrack"]
