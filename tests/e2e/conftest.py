"""One running system for the end-to-end tests of a worker."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from broker import kafka_admin
from broker.config import config
from pipeline import bootstrap, topics
from tests import native
from tests.e2e import system as systems
from tests.e2e.system import fresh_system, make_input_topic

SYSTEM_GROUP = "kafka-topics"
"""Topic names are fixed: tests that run the system share one xdist worker."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of this folder on one worker."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(SYSTEM_GROUP))
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def topics_made(kafka: native.Parts) -> native.Parts:
    """Make every topic of the registry and the rights of our principals."""
    settings = config()
    kafka_admin.ensure_topics(bootstrap.output_topics(settings))
    kafka_admin.ensure_acls(bootstrap.service_acls(settings))
    return kafka


@pytest.fixture
def output_ends(topics_made: native.Parts) -> dict[tuple[str, int], int]:
    """Return where the output topics end before the test."""
    return systems.ends(output.name for output in topics.OUTPUTS)


@pytest.fixture
def system(topics_made: native.Parts, database: str, tmp_path: Path) -> Iterator[systems.System]:
    """Return a system whose input topics, consumer groups, database and archive are its own."""
    with fresh_system(database, tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def one_system(
    topics_made: native.Parts,
    make_database: Callable[..., str],
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> AbstractContextManager[systems.System]:
    """Return a system to enter once, for all that a module's tests look at afterwards."""
    folder = tmp_path_factory.mktemp(request.module.__name__.rpartition("_")[2])
    return fresh_system(make_database(migrated_template), folder)


@pytest.fixture
def make_input(system: systems.System) -> Callable[..., str]:
    """Return a function that makes one of this system's input topics and returns its name."""
    return partial(make_input_topic, system)


@pytest.fixture
def load_lspsc(system: systems.System, tmp_path: Path) -> Callable[..., None]:
    """Return a function that loads rows (ra, dec, score, mag_white) as the LSPSC."""

    def load(rows: list[tuple[float, float, float, float]]) -> None:
        file = tmp_path / "lspsc.csv"
        lines = [f"{at},{ra},{dec},{score},{mag}" for at, (ra, dec, score, mag) in enumerate(rows)]
        file.write_text("id,ra,dec,score,mag_white\n" + "\n".join(lines) + "\n")
        system.manage("load_catalog", "lspsc", str(file))

    return load
