"""Kafka's jars against their lock."""

import hashlib
import re

import pytest

from compose.native import connect, jars, kafka
from compose.native.home import NativeError

COORDINATE = "org.example:thing:1.2.3"


@pytest.fixture
def libs(tmp_path):
    (tmp_path / "thing-1.2.3.jar").write_bytes(b"bytes")
    return tmp_path


@pytest.fixture
def locked():
    return {COORDINATE: hashlib.sha256(b"bytes").hexdigest()}


def test_the_locked_jars_pass(libs, locked):
    jars.verify(libs, locked)


def test_another_jar_of_the_same_name_is_named(libs, locked):
    (libs / "thing-1.2.3.jar").write_bytes(b"other bytes")

    with pytest.raises(NativeError, match=re.escape(f"thing-1.2.3.jar ({COORDINATE})")):
        jars.verify(libs, locked)


def test_a_missing_jar_is_named(libs, locked):
    (libs / "thing-1.2.3.jar").unlink()

    with pytest.raises(NativeError, match=r"thing-1\.2\.3\.jar is missing"):
        jars.verify(libs, locked)


def test_a_jar_that_nobody_locked_is_named(libs, locked):
    (libs / "extra-9.jar").write_bytes(b"")

    with pytest.raises(NativeError, match=r"extra-9\.jar"):
        jars.verify(libs, locked)


LOCKS = {"kafka": jars.KAFKA, "runtime": connect.RUNTIME, "plugins": connect.PLUGINS}
COUNTS = {"kafka": 50, "runtime": 50, "plugins": 20}


@pytest.mark.parametrize(
    ("name", "artifact"), [("kafka", "kafka_2.13"), ("runtime", "connect-runtime")]
)
def test_the_locks_hold_the_version_of_the_broker(name, artifact):
    wanted = f"org.apache.kafka:{artifact}:{kafka.pinned_version()}"

    assert wanted in jars.read_lock(LOCKS[name])


def test_what_the_worker_has_is_not_among_its_plugins():
    """A second Jackson, or a second Kafka, beside the worker's own cannot be loaded."""
    artifacts = {coordinate.split(":")[1] for coordinate in jars.read_lock(connect.PLUGINS)}

    assert {"debezium-connector-jdbc", "postgresql"} < artifacts
    assert not artifacts & {"kafka-clients", "connect-api", "slf4j-api", "jackson-databind"}


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_holds_a_digest_of_every_jar(name):
    lock = jars.read_lock(LOCKS[name])

    assert len(lock) > COUNTS[name]
    assert {digest for digest in lock.values() if not re.fullmatch("[0-9a-f]{64}", digest)} == set()
