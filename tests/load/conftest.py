"""A whole site for people who all come at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser import site as sites
from tests.e2e.conftest import SYSTEM_GROUP, topics_made
from tests.e2e.system import fresh_system
from tests.e2e.upkeep import CELERY, use_own_redis
from tests.load.signups import LIMITS, NEVER_RECONCILE

__all__ = ["topics_made"]
REDIS_DATABASE = 7


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add how many sign up: ``pytest tests/load --signups 1000``."""
    parser.addoption("--signups", type=int, default=12, help="people who sign up at once")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of this folder on the worker of those that run the system."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(SYSTEM_GROUP))
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="module")
def site(
    topics_made: object,
    make_database: Callable[..., str],
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[sites.Site]:
    """Return a running site whose limits do not stop a crowd from one address."""
    with crowded_site(make_database(migrated_template), tmp_path_factory.mktemp("crowd")) as found:
        yield found


@contextmanager
def crowded_site(database: str, folder: Path) -> Iterator[sites.Site]:
    """Yield a site on ``database`` whose doorbell nobody else hears, and beat, which rings again."""
    with fresh_system(database, folder) as system:
        use_own_redis(system, REDIS_DATABASE)
        with sites.running(system, **LIMITS, **NEVER_RECONCILE) as running:
            system.start("beat", *CELERY, "beat", "--loglevel", "WARNING", "--pidfile", "")
            yield running
