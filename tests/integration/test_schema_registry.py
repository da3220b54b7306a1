"""The upstream registry, over real HTTP with faults."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from broker.avro_confluent import CONFLUENT_PREFIX
from broker.avro_schema import SchemaCache, SchemaUnreachableError
from broker.errors import TransientError
from broker.kafka_types import Packet
from broker.ranges.claim import Claim
from broker.ranges.planning import release_delay_s
from pipeline.alerts import reading
from pipeline.alerts.work import is_infrastructure
from pipeline.clients.schema_registry import SchemaRegistry
from pipeline.surveys import lsst
from tests.standins.schema_registry import (
    busy,
    cut,
    garbage,
    hanging,
    moved,
    oversized,
    schema_registry,
)
from tests.unit.pipeline.surveys.lsst_packets import SCHEMA_ID, alert, packet

ALERT = {"type": "record", "name": "Alert", "fields": [{"name": "id", "type": "long"}]}


@pytest.fixture
def registry():
    faults = {2: busy, 3: moved, 4: garbage, 5: oversized, 6: hanging, 8: cut}
    with schema_registry({1101: ALERT} | faults) as server:
        yield server


def test_a_schema_is_found_by_its_id(registry):
    assert SchemaRegistry(registry.url + "/").schema(1101) == ALERT
    assert registry.asked == ["/schemas/ids/1101"]


def test_an_unknown_id_is_none(registry):
    assert SchemaRegistry(registry.url).schema(7) is None


@pytest.mark.parametrize(
    ("schema_id", "cause"),
    [
        (2, "503"),
        (3, "302"),
        (4, "no schema"),
        (5, "more than"),
        (6, "timed out"),
        (8, "peer closed"),
    ],
    ids=["busy", "redirect", "garbage", "oversized", "hanging", "cut"],
)
def test_trouble_is_transient_and_named(registry, schema_id, cause):
    with pytest.raises(TransientError, match=cause):
        SchemaRegistry(registry.url, 0.2 if cause == "timed out" else 5.0).schema(schema_id)


def test_a_registry_that_is_away_is_transient():
    with schema_registry({}) as server:
        url = server.url
    with pytest.raises(TransientError, match="refused"):
        SchemaRegistry(url).schema(1)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x.invalid", "x.invalid"])
def test_only_http_addresses_are_taken(url):
    with pytest.raises(ValueError, match="neither http nor https"):
        SchemaRegistry(url)


def test_an_unknown_id_is_asked_for_once_a_minute(registry):
    cache = SchemaCache([SchemaRegistry(registry.url).schema])
    for _ in range(3):
        with pytest.raises(LookupError, match="id 7"):
            cache.get(7)

    assert registry.asked == ["/schemas/ids/7"]


def test_a_registry_in_trouble_is_not_asked_for_the_next_id_at_once(registry):
    cache = SchemaCache([SchemaRegistry(registry.url).schema])
    for schema_id in (2, 9, 10):
        with pytest.raises(SchemaUnreachableError, match=rf"id {schema_id}; registry: .* 503"):
            cache.get(schema_id)

    assert registry.asked == ["/schemas/ids/2"]


NOBODYS_ID = 7
BUSY_ID = 2


@pytest.fixture
def range_of(registry, monkeypatch):
    """Return a function that decodes a good packet among ones of these ids, in a range's flow."""
    sources = [lsst.package_schema, SchemaRegistry(registry.url).schema]
    cache = SchemaCache(sources)
    monkeypatch.setattr(lsst, "_schemas", lambda: cache)

    def decoded(*schema_ids, releases=0):
        good = packet(alert())
        values = [good, *(CONFLUENT_PREFIX.pack(0, each) + good[5:] for each in schema_ids), good]
        packets = [Packet(offset, 0, value) for offset, value in enumerate(values)]
        claim = Claim("lsst", "t", 0, 0, 0, len(packets) - 1, 1, "task", releases)
        work = SimpleNamespace(claim=claim, survey=lsst.SURVEY, stage=lambda _: nullcontext())
        batch, rejected = reading.decode(work, packets)
        return [p.offset for p in batch.packets], [(r.packet.offset, r.reason) for r in rejected]

    return decoded


def test_an_id_that_the_registry_does_not_know_is_a_dead_letter_at_once(range_of):
    assert range_of(NOBODYS_ID) == ([0, 2], [(1, "unknown_schema")])


def test_a_range_waits_while_the_registry_may_know_a_schema(range_of):
    with pytest.raises(SchemaUnreachableError) as caught:
        range_of(NOBODYS_ID, BUSY_ID, releases=23)

    assert is_infrastructure(caught.value)


def test_a_range_does_not_wait_for_ever_and_only_the_packets_in_question_are_buried(range_of):
    found = range_of(BUSY_ID, NOBODYS_ID, BUSY_ID, releases=24)

    assert found == ([0, 4], [(offset, "unknown_schema") for offset in (1, 2, 3)])


def test_a_registry_that_is_back_in_time_loses_nothing(range_of, registry, monkeypatch):
    with pytest.raises(SchemaUnreachableError):
        range_of(BUSY_ID)
    monkeypatch.setattr("broker.avro_schema.AWAY_S", 0.0)
    lsst._schemas()._away.clear()
    registry.known[BUSY_ID] = lsst.package_schema(SCHEMA_ID)

    assert range_of(BUSY_ID, releases=3) == ([0, 1, 2], [])


def test_a_range_waits_ten_minutes():
    assert 590 < sum(release_delay_s(n) for n in range(reading.SCHEMA_RELEASES)) < 620
