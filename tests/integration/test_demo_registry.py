"""What the demo says of strangers who read selected alerts, by the Confluent client itself."""

import pytest

from broker import kafka
from broker.config import config
from broker.kafka_types import Message
from pipeline.simulate import demo_registry
from pipeline.surveys import lsst
from tests import samples
from tests.integration.selected.world import packet
from tests.standins.schema_registry import schema_registry
from tests.unit.pipeline.surveys.lsst_packets import alert

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]


@pytest.fixture
def registry():
    with schema_registry({7: lsst.package_schema(1101)}) as server:
        yield server


@pytest.fixture
def settings(make_topic, registry):
    """Of a demo that was started with a registry, on a topic of its own."""
    found = config()
    filtered = found.selected.extendedness.model_copy(update={"topic": make_topic()})
    selected = found.selected.model_copy(update={"wire": "confluent", "extendedness": filtered})
    place = found.registry.model_copy(update={"url": registry.url})
    return found.model_copy(update={"selected": selected, "registry": place})


def send(settings, *values):
    topic = settings.selected.extendedness.topic
    producer = kafka.Producer(kafka.own_connection())
    assert producer.send([Message(topic, b"k", v, []) for v in values]) == [None] * len(values)
    producer.close()


def framed():
    return samples.framed(lsst.package_schema(1101), 7, alert())


def test_containers_of_an_earlier_demo_are_no_messages_of_this_one(settings):
    send(settings, packet(1))

    found = demo_registry.look(settings)

    assert (found.sent, found.is_settled) == (0, True)
    assert "no selected alert yet" in str(found)


def test_what_the_client_cannot_read_is_said_and_read_again_once_it_can(settings, registry):
    send(settings, framed())
    schemas = registry.known.copy()
    registry.known.clear()

    found = demo_registry.look(settings)

    assert not found.is_settled
    assert "404" in str(found)
    registry.known.update(schemas)
    assert demo_registry.look(settings, found).is_settled


def test_what_the_client_reads_is_named_and_not_read_again(settings, registry):
    send(settings, framed(), framed())

    found = demo_registry.look(settings)

    assert (found.sent, found.is_settled) == (2, True)
    assert f"read 2 of 2 selected alerts with schemas of {registry.url}" in str(found)
    assert demo_registry.look(settings, found) is found


def test_without_a_registry_the_demo_says_how_to_see_it(settings):
    selected = settings.selected.model_copy(update={"wire": "container"})

    found = demo_registry.look(settings.model_copy(update={"selected": selected}))

    assert found.is_settled
    assert "REGISTRY=1" in str(found)
