"""What people run against the public topics: the published client, and the seed's snippet."""

import io
import socket
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient

from accounts.principals import Reader, email_reader, named_reader
from broker.config import config
from broker.kafka import Producer, own_connection
from broker.kafka_admin import ensure_topics, grant_reader, probe_login, revoke
from broker.kafka_types import Message
from compose.native.home import Home
from pipeline import bootstrap, topics
from pipeline.simulate import Sky, sky
from tests import native, oracle, samples
from tests.e2e import nights, published_client
from tests.e2e import system as systems
from tests.e2e.published import Published
from tests.e2e.system import make_input_topic
from tests.e2e.test_real_packets import input_messages

pytestmark = [pytest.mark.slow]

SEED = 8128
GROUP = "babamul-myapp"
CLASS_TOPICS = [output.name for output in topics.OUTPUTS if output.survey is not None]
HOSTED_ZTF = r"^babamul\.ztf\..*\.hosted$"
FIXED_PORTS = (9093, 9092)
PATIENCE_S = 60.0
MODELS = {"ztf": "ZtfAlert", "lsst": "LsstAlert"}

Messages = list[Published]


@pytest.fixture(scope="module")
def night() -> Sky:
    """A small simulated night: every category, pairs, duplicates."""
    return sky(SEED, ztf=60, lsst=60, duplicates=0.05)


@pytest.fixture(scope="module")
def published(night: Sky, one_system: AbstractContextManager[systems.System]) -> Messages:
    """Carry the night, and the real packets where there are some, to the topics; read these."""
    with one_system as system:
        make_input = partial(make_input_topic, system)
        nights.load_catalogs(system, night, system.folder)
        sent = nights.messages(list(night.packets()), make_input)
        if samples.are_there():
            sent += input_messages(make_input)
        system.start_listeners("ztf", "lsst")
        system.start_worker()
        system.send(sent)
        system.wait_until_accounted(len(sent))
        return system.published({})


@pytest.fixture
def named(topics_made: native.Parts) -> Iterator[Reader]:
    """A credential as the published client demands it."""
    yield from granted(named_reader(), topics_made.public_servers[0])


@pytest.fixture
def by_email(topics_made: native.Parts) -> Iterator[Reader]:
    """An account's own principal; nobody has used its consumer group yet."""
    admin = AdminClient(own_connection("admin"))
    with suppress(KafkaException):  # nobody ever used it
        admin.delete_consumer_groups([GROUP])[GROUP].result(PATIENCE_S)
    address = f"Night.Owl+{uuid.uuid4().hex[:8]}@Example.org"
    yield from granted(email_reader(address, config()), topics_made.public_servers[0])


def granted(reader: Reader, server: str) -> Iterator[Reader]:
    grant_reader(reader.username, reader.password, reader.group_prefix)
    assert probe_login(reader.username, reader.password, server)
    yield reader
    revoke(reader.username)


@pytest.fixture(scope="session")
def client() -> Path:
    """The published client in its own environment."""
    return published_client.installed()


def on_topics(published: Messages, names: list[str]) -> Messages:
    return [message for message in published if message.topic in names]


def as_client_sees(message: Published) -> tuple[Any, ...]:
    """Read a message with fastavro; what the client's models made of it must be the same."""
    alert = message.alert
    return (
        MODELS[message.headers["survey"]],
        message.topic,
        alert["candid"],
        alert["objectId"],
        len(alert["prv_candidates"]),
        alert["candidate"]["jd"],
    )


def as_validated(seen: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(
        seen[name] for name in ("model", "topic", "candid", "object_id", "detections", "jd")
    )


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (CLASS_TOPICS, CLASS_TOPICS),
        ([HOSTED_ZTF], [name for name in CLASS_TOPICS if ".ztf." in name and "hosted" in name]),
    ],
    ids=["by list", "by regular expression"],
)
def test_the_published_client_receives_and_validates_every_message(
    published: Messages,
    named: Reader,
    client: Path,
    topics_made: native.Parts,
    wanted: list[str],
    names: list[str],
):
    expected = on_topics(published, names)

    server, candids = topics_made.public_servers[0], {one.alert["candid"] for one in expected}
    seen = published_client.consume(named, server, len(expected), wanted, candids)

    assert Counter(map(as_validated, seen)) == Counter(map(as_client_sees, expected))
    assert {one["topic"] for one in seen} == {message.topic for message in expected}
    assert min(one["points"] for one in seen) > 0


def test_every_public_alert_of_the_night_is_among_them(night: Sky, published: Messages):
    public = {
        (truth.survey, truth.alert_id)
        for truth in night.truths()
        if truth.expected_gate is None and not truth.is_duplicate
    }
    came = {
        (message.headers["survey"], message.alert["candid"])
        for message in on_topics(published, CLASS_TOPICS)
    }

    assert len(public) > 80
    assert public <= came


@pytest.mark.samples
def test_every_real_alert_that_passes_its_gate_is_among_them(published: Messages):
    folder = samples.folder()
    real = {
        ("ztf", record["candid"])
        for record in oracle.ztf_container(folder) + oracle.ztf_tar(folder)
        if oracle.ztf_gate(record) is None
    } | {
        ("lsst", record["diaSource"]["diaSourceId"])
        for record in oracle.rubin(folder)
        if oracle.lsst_gate(record) is None
    }
    came = {
        (message.headers["survey"], message.alert["candid"])
        for message in on_topics(published, CLASS_TOPICS)
    }

    assert len(real) == 300 + 38 + 35
    assert real <= came


@pytest.mark.parametrize("port", [0, 1], ids=["first port", "second port"])
def test_the_seed_snippet_reads_babamul_none(
    published: Messages, by_email: Reader, topics_made: native.Parts, port: int
):
    expected = on_topics(published, [topics.NONE_TOPIC])

    values = snippet(topics_made.public_servers[port], by_email, {one.value for one in expected})

    assert Counter(values) == Counter(message.value for message in expected)
    assert {value[:4] for value in values} == {b"Obj\x01"}
    assert all(next(fastavro.reader(io.BytesIO(value)))["objectId"] for value in values)


def snippet(server: str, reader: Reader, wanted: set[bytes]) -> list[bytes]:
    """Run the seed's snippet: only server, user and password are put in, and an end.

    It ends when everything that is wanted has come; other tests publish meanwhile.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": server,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": reader.username,
            "sasl.password": reader.password,
            "group.id": GROUP,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe(["babamul.none"])
    values: list[bytes] = []
    give_up_at = time.monotonic() + PATIENCE_S
    try:
        while wanted - set(values) and time.monotonic() < give_up_at:
            message = consumer.poll(1.0)
            if message is None:
                continue
            assert message.error() is None, message.error()
            if message.value() in wanted:
                values.append(message.value())
    finally:
        consumer.close()
    return values


@pytest.fixture
def fixed_ports(parts: native.Parts, tmp_path: Path) -> Iterator[str]:
    """A broker whose public listeners have the ports that the client takes for granted."""
    taken = [port for port in FIXED_PORTS if is_taken(port)]
    if taken:
        pytest.skip(f"ports {taken} are in use here")
    inside, controller = free_port(), free_port()
    own = native.Native(
        Home(tmp_path / "home"),
        {
            "NIGHTJAR_KAFKA__SCRAM_PORTS": ",".join(str(port) for port in FIXED_PORTS),
            "NIGHTJAR_KAFKA__BOOTSTRAP_SERVERS": f"localhost:{inside}",
            "NIGHTJAR_NATIVE__KAFKA_PORT": str(inside),
            "NIGHTJAR_NATIVE__KAFKA_CONTROLLER_PORT": str(controller),
        },
    )
    with own.hold(), pytest.MonkeyPatch.context() as patch:
        own.must("up", "kafka", "--throwaway")
        for name, text in own.settings().items():
            if "KAFKA" in name:
                patch.setenv(name, text)
        config.cache_clear()
        yield f"localhost:{FIXED_PORTS[0]}"
        own.run("down")
    config.cache_clear()


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_client_finds_the_broker_on_its_fixed_port(
    published: Messages, client: Path, fixed_ports: str
):
    kept = on_topics(published, CLASS_TOPICS)[0]
    (spec,) = [one for one in bootstrap.output_topics(config()) if one.name == kept.topic]
    ensure_topics([spec])
    headers = [(name, text.encode()) for name, text in kept.headers.items()]
    message = Message(kept.topic, kept.key.encode(), kept.value, headers)
    assert Producer(own_connection("admin")).send([message]) == [None]
    reader = named_reader()
    grant_reader(reader.username, reader.password, reader.group_prefix)
    assert probe_login(reader.username, reader.password, fixed_ports)

    (seen,) = published_client.consume(reader, "", 1, [kept.topic])

    assert as_validated(seen) == as_client_sees(kept)
