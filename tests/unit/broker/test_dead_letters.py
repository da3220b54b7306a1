"""What hostile packets say of themselves must fit into a column."""

import pytest

from broker.avro_schema import SchemaError, writer_schema_of_text
from broker.dead_letters import _clean

NESTED = r'{"type": "record", "name": "\ud800", "fields": [{"name": "a", "type": "\ud800"}]}'
NESTED = NESTED.replace(r'"type": "\ud800"}', r'"type": ["null", "\ud800"]}')


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "é" * 600])
def test_a_message_is_storable_and_short(text):
    cleaned = _clean(text, 500)

    assert len(cleaned) <= 500
    assert "\x00" not in cleaned
    cleaned.encode()


def test_the_name_in_a_hostile_schema_is_storable():
    with pytest.raises(SchemaError) as caught:
        writer_schema_of_text(NESTED)

    assert (
        _clean(str(caught.value), 500).encode()
        == rb"\ud800 holds itself: it could nest without end"
    )
