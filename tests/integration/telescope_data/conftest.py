"""Data topics of two telescopes on the real broker, their schema on the real registry."""

import pytest

from broker import kafka_admin
from broker.config import config
from pipeline import bootstrap
from pipeline.telescope.record import telescope
from pipeline.telescope.topics import telescope_topics
from tests.integration.telescope.conftest import records, word
from tests.integration.telescope_data.world import DataTopic, register, wait_for_rights


@pytest.fixture
def topics(kafka, real_registry, set_up):
    names = word(), word()
    set_up(telescopes=records(*names))
    kafka_admin.ensure_topics(telescope_topics(config()))
    kafka_admin.ensure_acls(bootstrap.service_acls(config()))
    found = [telescope(name) for name in names]
    wait_for_rights(found)
    return [DataTopic(each, register(each.data)) for each in found]


@pytest.fixture
def topic(topics):
    return topics[0]
