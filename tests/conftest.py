"""What every test may ask for: the real parts, and topics on them."""

import os
import uuid
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.environment import ALONE, inherited, point_at

# Before anything reads a setting: tests never see a developer's parts or thresholds.
os.environ.update({"NIGHTJAR_HOME": ".nightjar/test"} | ALONE)

from broker.config import config
from broker.kafka_admin import Acl, TopicSpec, ensure_acls, ensure_topics
from tests import native

config.cache_clear()

pytest_plugins = ["tests.database", "tests.systems"]

# How long an example takes is the machine's business: others use it too.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
# For runs by hand: pytest --hypothesis-profile=long; such a story may take its time.
settings.register_profile(
    "long",
    max_examples=2000,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

TOPIC_PREFIX = "nightjar-test-"
NO_KAFKA = "no Kafka: "
DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    """Forget the settings that others read: what they had set in the environment is gone again.

    Before the test too: a thread of the last one, or a fixture of its whole module, may have read
    them late. It asks for no other fixture, so that it ends after ``monkeypatch`` has.
    """
    config.cache_clear()
    yield
    config.cache_clear()


@pytest.fixture(scope="session")
def parts() -> Iterator[native.Parts]:
    """Start Postgres, Redis and Kafka, once for all workers of this run; settings point at them."""
    with native.Native(native.Home.named(native.TEST_HOME)).hold():
        started = native.start()
        for name in ("postgres", "redis"):
            if name in started.missing:
                pytest.fail(f"{name} did not start: {started.missing[name]}")
        point_at(started.native.settings())
        config.cache_clear()
        yield started


@pytest.fixture(scope="session")
def kafka(parts: native.Parts) -> native.Parts:
    """Demand Kafka; without it a test is skipped, unless REQUIRE_KAFKA=1."""
    if "kafka" in parts.missing:
        reason = NO_KAFKA + parts.missing["kafka"]
        if inherited().get("REQUIRE_KAFKA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    topics = ("READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS")
    rights = [
        Acl("pipeline", "topic", TOPIC_PREFIX, is_prefix=True, operations=topics),
        Acl("pipeline", "group", "nightjar-", is_prefix=True, operations=("READ",)),
        Acl("feed", "topic", TOPIC_PREFIX, is_prefix=True, operations=("WRITE", "DESCRIBE")),
    ]
    native.patiently(lambda: ensure_acls(rights))
    return parts


@pytest.fixture(scope="session")
def real_registry(parts: native.Parts) -> native.Parts:
    """Start the schema registry beside the other parts of this run; it ends with them."""
    done = parts.native.run("up", "registry")
    if "a network is needed once" in done.stderr:
        pytest.skip(f"no registry: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return parts


@pytest.fixture
def make_topic(kafka: native.Parts) -> Callable[..., str]:
    """Return a function that makes a topic of its own for this test."""

    def make(partitions: int = 1, **settings: str) -> str:
        name = f"{TOPIC_PREFIX}{uuid.uuid4().hex[:12]}"
        large = {"max.message.bytes": str(config().kafka.message_max_bytes)}
        names = {name.replace("_", "."): text for name, text in settings.items()}
        ensure_topics([TopicSpec(name, partitions, DAY_MS, {**large, **names})])
        return name

    return make


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that did not run for want of Kafka: a green run must not hide them."""
    skipped = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and NO_KAFKA in report.longrepr[2]
    ]
    if skipped:
        terminalreporter.write_line(
            f"{len(skipped)} tests skipped for want of Kafka (REQUIRE_KAFKA=1 makes that a failure)"
        )
