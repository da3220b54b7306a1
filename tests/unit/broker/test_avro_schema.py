"""Writer schemas: one fingerprint for all spellings, dangerous ones refused, lookups remembered."""

import hashlib
import json

import pytest

from broker.avro_schema import (
    SchemaCache,
    SchemaError,
    SchemaUnreachableError,
    writer_schema,
    writer_schema_of_text,
)
from broker.errors import TransientError

POINT = {"type": "record", "name": "Point", "fields": [{"name": "x", "type": "int"}]}


def record(name, *types):
    fields = [{"name": f"f{i}", "type": kind} for i, kind in enumerate(types)]
    return {"type": "record", "name": name, "fields": fields}


def array(items):
    return {"type": "array", "items": items}


def test_the_fingerprint_is_the_sha_256_of_the_canonical_form():
    # Written by hand after "Transforming into Parsing Canonical Form" of the Avro specification.
    canonical = (
        '{"name":"sky.Alert","type":"record","fields":[{"name":"id","type":"long"},'
        '{"name":"flux","type":["null","float"]}]}'
    )
    spelled = {
        "doc": "an alert",
        "namespace": "sky",
        "fields": [
            {"type": {"type": "long"}, "doc": "its id", "name": "id"},
            {"default": None, "name": "flux", "type": ["null", "float"]},
        ],
        "type": "record",
        "name": "Alert",
    }

    found = writer_schema(spelled).fingerprint

    assert found == hashlib.sha256(canonical.encode()).hexdigest()


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (record("A", array("null")), "could claim any length"),
        (record("A", ["null", array(record("Empty"))]), "could claim any length"),
        (record("A", array({"type": "fixed", "name": "F", "size": 0})), "could claim any length"),
        (record("A", record("Empty"), array("Empty")), "could claim any length"),
        (record("A", {"type": "map", "values": array("null")}), "could claim any length"),
        (record("A", ["null", "A"]), "holds itself"),
        (record("A", record("B", array("A"))), "holds itself"),
        ("long", "not one record"),
        ([POINT], "not one record"),
        (record("A", "nothing"), "not an Avro schema"),
        ({"type": "record"}, "not an Avro schema"),
        (None, "not an Avro schema"),
        (7, "not an Avro schema"),
    ],
    ids=[
        *("array of nulls", "of empty records", "of empty fixed", "by name", "in a map"),
        *("recursive", "recursive through an array", "no record", "a list", "unknown type"),
        *("no name", "null", "number"),
    ],
)
def test_what_must_not_be_decoded_with_is_refused(schema, problem):
    with pytest.raises(SchemaError, match=problem):
        writer_schema(schema)


def test_an_array_of_what_has_bytes_is_welcome():
    schema = record("A", array(["null", "int"]), array(POINT), {"type": "map", "values": "Point"})

    assert writer_schema(schema).name == "A"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        (json.dumps("x" * 2**20), "at most"),
        ('{"type":' * 400 + '"int"' + "}" * 400, "not"),
    ],
    ids=["cut", "nested without end", "too long", "nested deeply"],
)
def test_hostile_schema_texts_are_refused(text, problem):
    with pytest.raises(SchemaError, match=problem):
        writer_schema_of_text(text)


class Sources:
    """A source that counts, and a clock that stands still until told."""

    def __init__(self):
        self.asked, self.now_s, self.known = [], 100.0, {}

    def __call__(self, schema_id):
        self.asked.append(schema_id)
        if isinstance(answer := self.known.get(schema_id), Exception):
            raise answer
        return answer

    def clock(self):
        return self.now_s


def test_a_known_id_is_asked_for_once():
    source = Sources()
    source.known[1000] = POINT
    cache = SchemaCache([source], source.clock)

    assert cache.get(1000) is cache.get(1000)
    assert source.asked == [1000]


def test_sources_are_asked_in_order():
    first, second = Sources(), Sources()
    first.known[1], second.known[2] = POINT, record("Other")
    cache = SchemaCache([first, second])

    assert (cache.get(1).name, cache.get(2).name) == ("Point", "Other")
    assert second.asked == [2]


def test_an_unknown_id_is_named_and_asked_for_again_after_a_minute():
    source = Sources()
    cache = SchemaCache([source], source.clock)
    with pytest.raises(LookupError, match="id 7"):
        cache.get(7)

    source.now_s += 59
    with pytest.raises(LookupError, match="id 7"):
        cache.get(7)
    assert source.asked == [7]

    source.now_s += 2
    source.known[7] = POINT
    assert cache.get(7).name == "Point"


def test_a_dangerous_schema_is_an_unknown_id_with_the_cause():
    source = Sources()
    source.known[7] = record("A", array("null"))

    with pytest.raises(LookupError, match=r"id 7; an array"):
        SchemaCache([source]).get(7)


def test_an_id_that_a_silent_source_may_know_is_not_unknown():
    here, away = Sources(), Sources()
    away.known[7] = TransientError("registry away")

    with pytest.raises(SchemaUnreachableError, match=r"id 7; registry away"):
        SchemaCache([here, away]).get(7)


def test_a_silent_source_is_left_in_peace_for_a_moment_and_the_others_are_asked():
    clock = [0.0]
    here, away = Sources(), Sources()
    here.known[9] = POINT
    away.known |= {7: TransientError("registry away"), 8: POINT}
    cache = SchemaCache([here, away], lambda: clock[0])
    for schema_id in (7, 8):
        with pytest.raises(SchemaUnreachableError):
            cache.get(schema_id)
    assert cache.get(9).name == "Point"

    clock[0] = 6.0

    assert cache.get(8).name == "Point"
    assert away.asked == [7, 8]
