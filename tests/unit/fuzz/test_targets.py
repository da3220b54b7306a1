"""Every decoder under random, changed and cut bytes: it decodes, or refuses as expected."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.avro import Containers, UnreadableError
from broker.avro_confluent import read_confluent
from broker.avro_schema import SchemaCache
from broker.dead_letters import REASONS
from pipeline.surveys import lsst
from tests import hostile, samples
from tests.fuzz.__main__ import NAMES
from tests.fuzz.targets import TARGETS

FUZZED = settings(max_examples=40, suppress_health_check=list(HealthCheck))
TAMPERED = [
    *(hostile.zigzag(number) for number in (2**27, -1, 2**62, -(2**63), 2**63 - 1, 10_001)),
    *(b"\xff" * 9, b"\xff" * 11, b"\x80\x00", b"\xc3\x28", b""),
]
"""Lengths, counts, branches and texts that nobody writes in earnest."""

DECIMAL = (
    b'{"type":"record","name":"a","fields":[{"name":"d","type":'
    b'{"type":"bytes","logicalType":"decimal"}}]}'
)
FOUND = [
    ("schema", DECIMAL),
    (
        "container",
        b"Obj\x01\x02\x16avro.schema"
        + hostile.zigzag(len(DECIMAL))
        + DECIMAL
        + b"\0"
        + bytes(16)
        + b"\x02\x04\x02\x01"
        + bytes(16),
    ),
]
"""What fuzzing found, once each; made short by hand."""


pytestmark = pytest.mark.filterwarnings(
    "ignore::RuntimeWarning", "ignore::astropy.utils.exceptions.AstropyWarning"
)


@pytest.fixture(scope="module")
def seeds():
    return {name: target.seeds() for name, target in TARGETS.items()}


def test_every_target_can_be_asked_for():
    assert set(NAMES) == set(TARGETS)


@pytest.mark.parametrize("name", NAMES)
def test_seeds_are_decoded_or_refused_as_expected(name, seeds):
    for seed in seeds[name]:
        TARGETS[name].try_bytes(seed)


@pytest.mark.parametrize(("name", "value"), FOUND)
def test_what_fuzzing_found_is_mended(name, value):
    TARGETS[name].try_bytes(value)


@pytest.mark.parametrize("name", NAMES)
@FUZZED
@given(st.binary(max_size=200))
def test_random_bytes(name, value):
    TARGETS[name].try_bytes(value)


@pytest.mark.parametrize("name", NAMES)
@FUZZED
@given(st.data())
def test_changed_bytes(name, seeds, data):
    seed = data.draw(st.sampled_from([one for one in seeds[name] if one]))
    value = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(value)))
        replaced = data.draw(st.integers(0, 4))
        value[at : at + replaced] = data.draw(st.sampled_from(TAMPERED) | st.binary(max_size=4))
    TARGETS[name].try_bytes(bytes(value))


@pytest.mark.parametrize("name", NAMES)
@FUZZED
@given(st.data())
def test_cut_bytes(name, seeds, data):
    seed = data.draw(st.sampled_from(seeds[name]))
    TARGETS[name].try_bytes(seed[: data.draw(st.integers(0, len(seed)))])


def why_at_every_length(read, value, step=1):
    """Return the reasons for all beginnings of a value, or for each ``step``-th."""
    found = set()
    for length in range(0, len(value), step):
        with pytest.raises(UnreadableError) as caught:
            read(value[:length])
        found.add(caught.value.reason)
    return found


def readers():
    ztf = Containers(lambda _: True)
    schemas = SchemaCache([lsst.package_schema])
    return {"ztf": ztf.read, "lsst": lambda value: read_confluent(schemas, value)}


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_a_packet_cut_at_every_byte_is_truncated(survey):
    value = hostile.good(survey)

    found = why_at_every_length(readers()[survey], value)

    # A container that ends behind its header is an empty one.
    assert found == ({"truncated", "empty"} if survey == "ztf" else {"truncated"})


@pytest.mark.slow
@pytest.mark.samples
@pytest.mark.parametrize(
    ("survey", "load"),
    [("ztf", samples.ztf_originals), ("lsst", samples.rubin)],
    ids=["ztf", "lsst"],
)
def test_a_real_packet_cut_short_is_truncated(survey, load):
    value = min((sample.value for sample in load()), key=len)

    found = why_at_every_length(readers()[survey], value, step=23)  # images are most of it

    assert found - {"empty"} == {"truncated"}


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
@pytest.mark.parametrize("raw", TAMPERED, ids=[one.hex() or "nothing" for one in TAMPERED])
def test_a_tampered_number_at_every_byte_is_decoded_or_refused(survey, raw):
    datum = hostile.body(survey, hostile.good(survey))
    if survey == "ztf":
        target, head = TARGETS["ztf-datum"], b""
    else:
        target, head = TARGETS["lsst"], hostile.wrapped("lsst", b"")
    for at in range(0, len(datum), 3):
        target.try_bytes(head + datum[:at] + raw + datum[at + 1 :])


def test_reasons_are_those_of_the_table():
    assert {
        poison
        for survey in ("ztf", "lsst")
        for one in hostile.poisons(survey).values()
        for poison in one.reasons
    } <= set(REASONS)
