"""What the tests that run our processes stand on: topics, systems, and a worker to be run by."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from broker import kafka_admin
from broker.config import config
from pipeline import bootstrap
from tests import native
from tests.e2e.system import System, fresh_system

FOLDER = Path(__file__).parent
ALERTS, DRILL, SITE = "alerts", "drill", "site"
GROUPS = {
    "e2e/test_drill.py": (DRILL, "e2e"),
    "e2e/rest": (SITE, "e2e"),
    "e2e/rights": (SITE, "e2e"),
    "e2e": (ALERTS, "e2e"),
    "load": (SITE, "e2e"),
    "browser": (SITE, "browser"),
}
"""Group of xdist, and mark, of the tests below a path; the first that fits.

The names of the public topics are fixed, and Redis is one: tests of a group are run one after the
other by one worker, beside those of the other groups. What another group publishes meanwhile is on
the same topics, so a test looks at its own alerts alone.
"""


def pytest_xdist_auto_num_workers() -> int:
    """Run one worker more than there are cores: whoever runs our processes mostly waits for them."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(tryfirst=True)  # xdist's worker reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests one worker runs in turn."""
    for item in items:
        for path, (group, mark) in GROUPS.items():
            if item.path.is_relative_to(FOLDER / path):
                item.add_marker(pytest.mark.xdist_group(group))
                item.add_marker(mark)
                break


@pytest.fixture(scope="session")
def topics_made(kafka: native.Parts) -> native.Parts:
    """Make every topic of the registry and the rights of our principals."""
    settings = config()
    outputs, rights = bootstrap.output_topics(settings), bootstrap.service_acls(settings)
    native.patiently(lambda: kafka_admin.ensure_topics(outputs))
    native.patiently(lambda: kafka_admin.ensure_acls(rights))
    return kafka


@pytest.fixture(scope="session")
def make_system(
    topics_made: native.Parts,
    make_database: Callable[..., str],
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], AbstractContextManager[System]]:
    """Return a function that makes a system to enter, with a database and a folder of its own."""

    def make(name: str) -> AbstractContextManager[System]:
        return fresh_system(make_database(migrated_template), tmp_path_factory.mktemp(name))

    return make
