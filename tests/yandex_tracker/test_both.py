"""A run over both trackers: both are loaded, and the one that fails is named."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from conftest import PostgresServer, Project, source_environment
from extracting import simulated as simulated_youtrack
from loads import simulated

from demo import serving
from extract.errors import DatabaseError, SourceError
from extract.tracker import Configured
from extract.yandex_tracker.tracker import YandexTracker
from pipeline.run import _told_which


@pytest.fixture
def both() -> Iterator[tuple[serving.Server, serving.Server]]:
    with simulated_youtrack(issues=30) as youtrack, simulated(issues=30) as tracker:
        yield youtrack, tracker


@pytest.mark.parametrize("kind", [SourceError, DatabaseError])
def test_a_fault_names_its_tracker_where_there_are_several(kind: type[SourceError]) -> None:
    source = Configured(YandexTracker(), None)
    for several, told in ((True, "^Yandex.Tracker: it is ill$"), (False, "^it is ill$")):
        with pytest.raises(kind, match=told), _told_which(source, is_one_of_several=several):
            raise kind("it is ill")


def test_both_trackers_are_loaded_and_the_one_that_fails_is_named(
    both: tuple[serving.Server, serving.Server],
    server: PostgresServer,
    database: str,
    project: Project,
) -> None:
    youtrack, tracker = both
    environment = {
        **server.environment(database),
        **source_environment(youtrack),
        "YANDEX_TRACKER_URL": tracker.url,
        "YANDEX_TRACKER_TOKEN": tracker.token,
        "YANDEX_TRACKER_ORG_ID": tracker.organisation,
    }
    loaded = project.run("load", environment=environment)
    assert loaded.returncode == 0, loaded.stderr[-2000:]
    counts = (
        "select (select count(*) from raw.issues), "
        "(select count(*) from raw_yandex_tracker.issues), "
        "(select loads ?& array['youtrack', 'yandex_tracker'] from ops.pipeline_runs "
        "order by started_at desc limit 1)"
    )
    with closing(server.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute(counts)
        assert cursor.fetchone() == (len(youtrack.tracker.issues), 30, True)
    tracker.fault("status", r"/statuses$", status=404, count=None)
    failed = project.run("load", environment=environment)
    assert failed.returncode == 3
    assert "Yandex.Tracker: " in failed.stderr + failed.stdout
    tracker.faults.clear()
    youtrack.fault("status", r"/users/me$", status=401, count=None)
    failed = project.run("load", environment=environment)
    assert failed.returncode == 3
    assert "YouTrack: YouTrack refuses the token" in failed.stderr + failed.stdout
