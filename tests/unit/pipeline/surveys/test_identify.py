"""What a broken packet still says of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.surveys.identify import identify, schema_of
from tests import hostile

ZTF = hostile.good("ztf", object_id="ZTF26abcdefg", candid=3_200_000_000_000_000_007)
LSST = hostile.good("lsst", diaSourceId=2**58 + 7, diaObjectId=7007)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (ZTF, (3_200_000_000_000_000_007, "ZTF26abcdefg")),
        (ZTF[:-50], (3_200_000_000_000_000_007, "ZTF26abcdefg")),
        (LSST, (2**58 + 7, "7007")),
        (LSST[:40], (2**58 + 7, None)),
        (LSST[:6], (None, None)),
        (b"\0\0\0\xff\xff" + LSST[5:], (None, None)),
        (b"{}", (None, None)),
        (b"", (None, None)),
        (None, (None, None)),
    ],
    ids=["ztf", "cut ztf", "lsst", "cut lsst", "cut id", "no schema", "json", "empty", "none"],
)
def test_ids_are_read_as_far_as_the_packet_goes(value, found):
    assert identify(value) == found


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(value):
    identify(value)
    identify(LSST[:5] + value)


def test_a_container_names_no_schema_outside_itself():
    assert schema_of(ZTF) is None
    assert schema_of(LSST)["name"].startswith("lsst.")


SIZES = ["abc", None, -5, 1.5, [1], 10**400]


@pytest.mark.parametrize("size", SIZES, ids=repr)
def test_a_schema_with_a_fixed_of_no_size_names_no_alert(size):
    fixed = {"type": "fixed", "name": "f", "size": size}
    record = {
        "type": "record",
        "name": "a",
        "fields": [{"name": "candid", "type": "long"}, {"name": "x", "type": fixed}],
    }

    assert identify(hostile.with_schema(record, b"\x0eabc")) == (7, None)
