"""The upstream registry, over real HTTP with faults."""

import pytest

from broker.avro_schema import SchemaCache
from broker.errors import TransientError
from pipeline.clients.schema_registry import SchemaRegistry
from tests.standins.schema_registry import (
    busy,
    cut,
    garbage,
    hanging,
    moved,
    oversized,
    schema_registry,
)

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
        (8, "no schema"),
    ],
    ids=["busy", "redirect", "garbage", "oversized", "hanging", "cut"],
)
def test_trouble_is_transient_and_named(registry, schema_id, cause):
    with pytest.raises(TransientError, match=cause):
        SchemaRegistry(registry.url, timeout_s=0.2).schema(schema_id)


def test_a_registry_that_is_away_is_transient():
    with schema_registry({}) as server:
        url = server.url
    with pytest.raises(TransientError, match="refused"):
        SchemaRegistry(url).schema(1)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x.invalid", "x.invalid"])
def test_only_http_addresses_are_taken(url):
    with pytest.raises(ValueError, match="neither http nor https"):
        SchemaRegistry(url)


def test_an_id_in_trouble_is_asked_for_once_a_minute(registry):
    cache = SchemaCache([SchemaRegistry(registry.url).schema])
    for _ in range(3):
        with pytest.raises(LookupError, match=r"id 2; registry: .* 503"):
            cache.get(2)

    assert registry.asked == ["/schemas/ids/2"]
