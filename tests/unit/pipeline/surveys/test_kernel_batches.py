"""The batch that the compiled kernel makes is the one that fastavro makes, whatever comes."""

import copy
from collections import Counter
from dataclasses import fields

import numpy as np
import pytest

from broker import avro_fallbacks, avro_table
from broker.avro import Containers
from broker.avro_schema import SchemaCache
from broker.compiled import FirstCall
from broker.kafka_types import Packet
from pipeline.alerts.batch import Points
from pipeline.surveys import lsst, packets, survey, ztf
from tests import hostile, samples
from tests.unit.pipeline.surveys import lsst_packets
from tests.unit.pipeline.surveys.ztf_packets import SCHEMA, alert

LONG_FORM_OF_6 = b"\x8c" + 9 * b"\x80" + b"\0"
"""A length that no writer spells so; the kernel leaves it to fastavro."""


@pytest.fixture
def fallbacks(monkeypatch):
    """Return how many packets fastavro carried since the test began."""
    monkeypatch.setattr(avro_fallbacks, "_counts", Counter())
    return avro_fallbacks.counts


def by_fastavro(name, found):
    def no_kernel(all_of_them, _):
        return [], dict.fromkeys(range(len(all_of_them)), "test")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packets, "by_kernel", no_kernel)
        return survey(name).decode(found)


def numbered(values):
    return [Packet(offset, 0, value) for offset, value in enumerate(values)]


def same_bytes(ours, theirs):
    if isinstance(ours, Points):
        ours, theirs = (_by_parent(points) for points in (ours, theirs))
        return same_bytes(ours.parent, theirs.parent) and same_bytes(ours.rows, theirs.rows)
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(
            same_bytes(ours[name].values, theirs[name].values)
            and same_bytes(ours[name].valid, theirs[name].valid)
            for name in ours
        )
    if not isinstance(ours, np.ndarray):
        return ours == theirs
    if ours.dtype == object:
        return ours.tolist() == theirs.tolist()
    return ours.dtype == theirs.dtype and ours.tobytes() == theirs.tobytes()


def _by_parent(points):
    order = np.argsort(points.parent, kind="stable")
    return Points(points.parent[order], points.rows[order])


def assert_same(name, values):
    found = numbered(values)
    ours, our_rejected = survey(name).decode(found)
    theirs, their_rejected = by_fastavro(name, found)

    different = [
        each.name
        for each in fields(ours)
        if not same_bytes(getattr(ours, each.name), getattr(theirs, each.name))
    ]
    assert different == []
    assert [one.packet.offset for one in our_rejected] == [
        one.packet.offset for one in their_rejected
    ]
    assert [(one.reason, one.message) for one in our_rejected] == [
        (one.reason, one.message) for one in their_rejected
    ]
    return ours, our_rejected


@pytest.mark.samples
@pytest.mark.parametrize(
    ("name", "packets_of", "count"),
    [
        ("ztf", samples.ztf_originals, 448),
        ("ztf", samples.ztf_rewritten, 384),
        ("lsst", samples.rubin, 45),
        ("lsst", samples.legacy, 10),
    ],
    ids=["originals", "rewritten", "rubin", "legacy"],
)
def test_every_real_packet_gives_the_same_bytes_without_fastavro(
    name, packets_of, count, fallbacks, monkeypatch
):
    if packets_of is samples.legacy:
        known = SchemaCache([{samples.LEGACY_SCHEMA_ID: samples.legacy_schema()}.get])
        monkeypatch.setattr(lsst, "_schemas", lambda: known)
    values = [sample.value for sample in packets_of()]

    batch, rejected = survey(name).decode(numbered(values))
    assert (len(batch), rejected, fallbacks()) == (count, [], {})

    assert_same(name, values)


@pytest.mark.parametrize("name", ["ztf", "lsst"])
def test_hostile_packets_are_buried_for_the_same_reasons_among_neighbours(name):
    values = [hostile.good(name)]
    for poison in hostile.poisons(name).values():
        values += [poison.value, hostile.good(name)]
    batch, rejected = assert_same(name, values)

    assert len(rejected) == len(hostile.poisons(name))
    assert len(batch) == len(values) - len(rejected)


@pytest.mark.parametrize("name", ["ztf", "lsst"])
def test_what_the_kernel_leaves_and_fastavro_takes_stands_in_its_place(name, fallbacks):
    odd = hostile.wrapped(name, hostile.with_text(name, LONG_FORM_OF_6 + b"MARKED"))
    batch, rejected = assert_same(name, [hostile.good(name), odd, hostile.good(name)])

    assert rejected == []
    assert [packet.offset for packet in batch.packets] == [0, 1, 2]
    assert fallbacks()["long_number"] == 1
    if name == "ztf":
        assert batch.object_id[1] == "MARKED"


def test_packets_of_several_schemas_keep_their_order(fallbacks):
    values = []
    for candid in range(1, 7):
        history = [lsst_packets.row(psfFlux=float(candid))]
        today = lsst_packets.alert(prvDiaSources=history)
        today["diaSource"]["diaSourceId"] = candid
        source = lsst_packets.old_source(diaSourceId=candid)
        old = {"alertId": 1, "diaSource": source, "prvDiaSources": [source, source]}
        values.append(
            lsst_packets.packet(old, lsst_packets.OLD_SCHEMA_ID)
            if candid % 2
            else lsst_packets.packet(today)
        )

    batch, rejected = assert_same("lsst", values)

    assert (rejected, fallbacks()) == ([], {"test": 6})
    assert batch.candid.tolist() == [1, 2, 3, 4, 5, 6]
    assert batch.dec_deg.tolist() == [-5.0, -28.0, -5.0, -28.0, -5.0, -28.0]


def changed(name, kind):
    """Return the schema of simulated packets with another type for one field of the candidate."""
    schema = copy.deepcopy(SCHEMA)
    candidate = next(each for each in schema["fields"] if each["name"] == "candidate")["type"]
    next(each for each in candidate["fields"] if each["name"] == name)["type"] = kind
    return schema


@pytest.mark.parametrize(
    ("field", "kind", "value", "reasons"),
    [
        ("fid", "float", 2.0, {"column_type"}),
        ("isdiffpos", "boolean", True, set()),
        ("isdiffpos", "int", 0, set()),
        ("isdiffpos", "string", "tRUE", set()),
        ("magpsf", "string", "dim", set()),  # a letter: nobody can read it
        ("drb", {"type": "map", "values": "int"}, {}, set()),
        ("rbversion", {"type": "map", "values": "int"}, {}, {"not_compilable"}),
        ("ra", ["null", "double"], None, set()),
        ("dec", ["null", "double"], 1.5, set()),
        ("programid", "long", 1, set()),
    ],
)
def test_a_field_of_another_type_is_what_fastavro_makes_of_it(
    field, kind, value, reasons, fallbacks, monkeypatch
):
    containers = Containers(lambda _: True)
    monkeypatch.setattr(ztf, "_containers", lambda: containers)
    one = samples.container(changed(field, kind), alert({field: value}))

    assert_same("ztf", [one, one])

    assert fallbacks().keys() - {"test"} == reasons


def test_the_largest_id_and_the_time_come_to_the_bit(fallbacks):
    jd = float(np.nextafter(2461001.75, np.inf))
    batch, _ = ztf.decode(
        numbered([samples.container(SCHEMA, alert({"jd": jd}, candid=2**63 - 1))])
    )

    assert batch.candid.tolist() == [2**63 - 1]
    assert batch.jd_utc.tobytes() == np.array([jd]).tobytes()
    assert fallbacks() == {}


def test_without_a_compiler_fastavro_takes_all(monkeypatch, fallbacks):
    def broken():
        raise RuntimeError("no compiler")

    monkeypatch.setattr(avro_table, "kernel", FirstCall(broken))
    batch, rejected = ztf.decode(numbered([samples.container(SCHEMA, alert())] * 2))

    assert (len(batch), rejected, fallbacks()) == (2, [], {"no_kernel": 2})
