"""A whole site for people who all come at once."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.e2e import site as sites
from tests.e2e.system import System
from tests.e2e.upkeep import CELERY
from tests.load.signups import LIMITS


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add how many sign up: ``pytest tests/load --signups 1000``."""
    parser.addoption("--signups", type=int, default=12, help="people who sign up at once")


@pytest.fixture(scope="package")
def site(
    make_system: Callable[[str], AbstractContextManager[System]],
) -> Iterator[sites.Site]:
    """Return a site whose limits do not stop a crowd from one address, with beat, to ring again."""
    with make_system("crowd") as system, sites.running(system, **LIMITS) as running:
        system.start("beat", *CELERY, "beat", "--loglevel", "WARNING", "--pidfile", "")
        yield running
