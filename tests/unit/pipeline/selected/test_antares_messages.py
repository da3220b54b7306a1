"""Loci of ANTARES: both layouts are read, and what is none is refused with its reason."""

import zlib
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.avro import UnreadableError
from pipeline.selected.antares_messages import MAX_LOCUS_BYTES, read_locus

LSST = {"dia_object_id": ["170028502154444814"], "ss_object_id": ["21163637"]}


def locus(**values: Any) -> dict[str, Any]:
    properties = {"num_alerts": 3, "survey": {"lsst": LSST, "ztf": {"id": []}}}
    given = {"id": "ANT2026abc", "ra": 53.1, "dec": -27.8, "properties": properties}
    return given | {"tags": ["lsst_extendedness"], "catalogs": []} | values


def older(found: dict[str, Any]) -> dict[str, Any]:
    attributes = {name: value for name, value in found.items() if name != "id"}
    return {"data": {"id": found["id"], "attributes": attributes}}


def value(document: dict[str, Any]) -> bytes:
    return zlib.compress(bson.encode(document))


def nested(depth: int) -> bytes:
    """Return BSON of a document in a document, made by hand: encoders refuse it."""
    plain = b"\x05\x00\x00\x00\x00"
    for _ in range(depth):
        body = b"\x03a\x00" + plain + b"\x00"
        plain = (len(body) + 4).to_bytes(4, "little") + body
    return plain


WHOLE = value(locus())
NO_OBJECT = {"survey": {"lsst": {"dia_object_id": [], "ss_object_id": []}, "ztf": {"id": ["ZTF"]}}}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"", "empty"),
        (bytes(8 * 2**20 + 1), "too_large"),
        (zlib.compress(bytes(MAX_LOCUS_BYTES + 1)), "too_large"),
        (WHOLE[:-8], "truncated"),
        (b"Obj\x01", "bad_value"),
        (zlib.compress(b"{}"), "bad_value"),
        (zlib.compress(bson.encode(locus())[:-4]), "bad_value"),
        (zlib.compress(nested(20_000)), "bad_value"),
        (value({"data": {"id": "ANT1"}}), "bad_value"),
        (value(locus(properties=None)), "bad_value"),
        (value(locus(id="")), "no_id"),
        (value(locus(id=7)), "no_id"),
        (value(locus(properties={})), "no_id"),
        (value(locus(properties=NO_OBJECT)), "no_id"),
        (value(locus(properties={"survey": {"lsst": {"dia_object_id": ["0", "x"]}}})), "no_id"),
    ],
    ids=[
        "nothing", "large", "bomb", "cut", "Avro", "no BSON", "cut BSON", "deep", "half a layout",
        "no properties", "no id", "id of another kind", "no survey", "ZTF alone", "no objects",
    ],
)  # fmt: skip
def test_what_is_no_locus_of_lsst_is_refused_with_its_reason(bad, reason):
    with pytest.raises(UnreadableError) as refused:
        read_locus(bad)

    assert refused.value.reason == reason


@pytest.mark.parametrize("layout", [dict, older], ids=["today's", "older"])
def test_both_layouts_say_the_same(layout):
    found = read_locus(value(layout(locus())))

    assert found.id == "ANT2026abc"
    assert found.object_ids == ("170028502154444814", "sso21163637")
    assert found.mjd is None


@pytest.mark.parametrize(
    ("said", "expected"), [(61220.25, 61220.25), (61220, 61220.0), (True, None), ("x", None)]
)
def test_the_time_of_the_newest_alert_is_a_number_or_none(said, expected):
    properties = locus()["properties"] | {"newest_alert_observation_time": said}

    assert read_locus(value(locus(properties=properties))).mjd == expected


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_a_locus_or_refused(junk, is_packed):
    with pytest.raises(UnreadableError):
        read_locus(zlib.compress(junk) if is_packed else junk)
