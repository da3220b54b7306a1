"""Ids of our own registry: asked for over real HTTP, once each, and not waited for."""

import json
import struct

import pytest

from broker.avro_schema import writer_schema
from broker.errors import TransientError
from pipeline.alerts.schema_ids import SchemaIds
from pipeline.alerts.selected_messages import as_confluent
from pipeline.clients.schema_registry import SchemaRegistry
from pipeline.surveys import lsst
from tests.standins.schema_registry import busy, cut, garbage, hanging, refusing, registering
from tests.unit.pipeline.surveys.lsst_packets import SCHEMA_ID, alert, packet

SUBJECT = "lsst-extendedness-filtered-value"
ALERT = {"type": "record", "name": "Alert", "fields": [{"name": "id", "type": "long"}]}


@pytest.fixture
def registry():
    with registering() as server:
        yield server


def schema(**marks):
    return writer_schema(ALERT | marks)


def post_paths(registry):
    return [path for path in registry.asked if path.startswith("/subjects")]


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (busy, "503"),
        (refusing, "read-only mode"),
        (garbage, "no schema"),
        (cut, "peer closed"),
        (hanging, "timed out"),
    ],
    ids=["busy", "refusing", "garbage", "cut", "hanging"],
)
def test_trouble_is_transient_named_and_not_asked_for_again_at_once(registry, fault, cause):
    registry.known["fault"] = fault
    now_s = [0.0]
    ids = SchemaIds(
        SchemaRegistry(registry.url, 0.2 if fault is hanging else 5.0), lambda: now_s[0]
    )

    for _ in range(3):
        with pytest.raises(TransientError, match=cause):
            ids.get(SUBJECT, schema())

    assert len(post_paths(registry)) == 1
    del registry.known["fault"]
    now_s[0] = 31.0
    assert ids.get(SUBJECT, schema()) == 7


def test_a_registry_that_is_away_is_transient():
    with registering() as server:
        url = server.url

    with pytest.raises(TransientError, match="refused"):
        SchemaIds(SchemaRegistry(url)).get(SUBJECT, schema())


def test_a_schema_has_one_id_however_it_is_spelled_and_is_registered_once(registry):
    ids = SchemaIds(SchemaRegistry(registry.url))

    found = {ids.get(SUBJECT, schema()), ids.get(SUBJECT, schema(doc="the same"))}

    assert found == {7}
    assert post_paths(registry) == [f"/subjects/{SUBJECT}/versions"]


def test_a_subject_takes_any_version_before_it_has_one(registry):
    SchemaIds(SchemaRegistry(registry.url)).get("a/b", schema())

    assert registry.asked == ["/config/a%2Fb", "/subjects/a%2Fb/versions"]


def test_a_packet_gets_our_id_before_the_bytes_that_came(registry):
    value = packet(alert({"extendedness": 0.5}))

    sent = as_confluent("lsst", value, SUBJECT, SchemaIds(SchemaRegistry(registry.url)))

    assert struct.unpack(">bI", sent[:5]) == (0, 7)
    assert sent[5:] == value[5:]
    (text,) = registry.known["ids"]
    assert "__fastavro" not in text
    ours = writer_schema(lsst.package_schema(SCHEMA_ID))
    assert writer_schema(json.loads(text)).fingerprint == ours.fingerprint
