"""Data topics of two telescopes on the real broker, their schema on the real registry."""

import json

import pytest
from confluent_kafka import Consumer, TopicPartition

from broker import kafka_admin
from broker.config import config
from broker.kafka import own_connection
from broker.sections.telescope import BEAM
from pipeline import bootstrap
from pipeline.telescope.record import telescope
from pipeline.telescope.topics import telescope_topics
from tests.integration.telescope.conftest import records, word
from tests.integration.telescope_data.world import DataTopic, register, wait_for_rights


@pytest.fixture
def topics(kafka, real_registry, set_up):
    names = word(), word()
    set_up(telescopes=records(*names))
    return made(*names)


@pytest.fixture
def neighbours(kafka, real_registry, set_up):
    """BEAM, whose topics begin with ``telescope.`` alone, and a telescope with a word of its own."""
    other = word()
    set_up(telescopes=json.dumps({"beam": BEAM.model_dump()} | json.loads(records(other))))
    beam, other = made("beam", other)
    beam.end = end_of(beam.telescope.data)  # its name is no new one at each test
    return beam, other


def made(*names):
    """Return the data topics of telescopes, once we may read them."""
    kafka_admin.ensure_topics(telescope_topics(config()))
    kafka_admin.ensure_acls(bootstrap.service_acls(config()))
    found = [telescope(name) for name in names]
    wait_for_rights(found)
    return [DataTopic(each, register(each.data)) for each in found]


def end_of(topic):
    """Return the offset that the next message of a topic will have."""
    consumer = Consumer(own_connection() | {"group.id": "nightjar-end"})
    try:
        return consumer.get_watermark_offsets(TopicPartition(topic, 0), 30)[1]
    finally:
        consumer.close()


@pytest.fixture
def topic(topics):
    return topics[0]
