"""Packets to rows: golden statistics, old names, and what cannot be a row."""

import math

import pytest

from broker.avro import UnreadableError
from broker.avro_schema import SchemaCache
from pipeline.selected import messages
from pipeline.selected.rows import extendedness, row_values
from pipeline.surveys import lsst
from tests import samples
from tests.unit.pipeline.surveys.lsst_packets import alert, packet

STATISTICS = {
    169813006111211588: (0.31179, 0.31179, 0.31179),
    170046085932777529: (1, 0.923259, 1),
    170046106280394876: (0.854106, 0.115175, 0.988649),
    170094456248729605: (0.378339, 4.5e-7, 1),
    170094456523456557: (0.620584, 9.8e-5, 0.986368),
}
"""surveys.md §5."""
UNUSABLE = {
    "no id": {"diaSourceId": 0},
    "right ascension": {"ra": 360.5},
    "declination": {"dec": float("nan")},
    "time": {"midpointMjdTai": 0.0},
}


def values_of(**source):
    return row_values(alert(source))


@pytest.mark.parametrize("source", UNUSABLE.values(), ids=UNUSABLE)
def test_a_packet_without_id_place_or_time_is_refused_by_name(source):
    record = alert()
    record["diaSource"] |= source
    [name] = source

    with pytest.raises(UnreadableError, match=f"{name} is unusable") as caught:
        row_values(record)

    assert caught.value.reason == "bad_value"


def test_what_is_missing_or_no_number_is_none():
    found = values_of(psfFlux=None, psfFluxErr=math.nan, band=None, diaObjectId=None)

    assert {found[name] for name in ("ps_flux_njy", "ps_flux_err_njy", "filter_name")} == {None}
    assert found["dia_object_id"] is None
    assert found["extendedness_median"] is None


def test_an_object_id_of_0_is_kept():
    assert values_of(diaObjectId=0)["dia_object_id"] == 0


def test_the_median_of_an_even_count_is_the_mean_of_the_middle_two():
    history = [{"extendedness": value} for value in (0.25, None, math.nan, 1.0, 0.5)]
    found = extendedness(alert({"extendedness": 0.0}) | {"prvDiaSources": history})

    assert found == (0.375, 0.0, 1.0)


def test_statistics_of_real_alerts_are_those_of_the_survey_page():
    found = {
        one.record["diaSourceId"]: extendedness(one.record)
        for one in samples.rubin()
        if one.record["diaSourceId"] in STATISTICS
    }

    assert found.keys() == STATISTICS.keys()
    for number, expected in STATISTICS.items():
        assert found[number] == pytest.approx(expected, abs=1e-6)


def test_packets_of_2020_are_read_under_their_old_names():
    found = [
        row_values(messages.read(container_of(one), is_ours=False).record)
        for one in samples.legacy()
    ]

    fluxes = [row["ps_flux_njy"] for row in found]
    assert fluxes == [None] * 5 + [1035404.4, 1033239.25, 2321.9414, None, 13598.571]
    assert all(row["filter_name"] and row["mjd_tai"] > 50_000 for row in found)


def container_of(one: samples.Sample) -> bytes:
    return samples.container(samples.legacy_schema(), one.record)


def test_further_columns_say_what_the_packet_says():
    record = alert({"snr": 7.25, "psfChi2": 0.1, "ssObjectId": 5, "reliability": None})
    extra = row_values(record | {"prvDiaSources": [{}, {}], "ssSource": {"designation": "A"}})[
        "extra"
    ]

    assert extra == {
        "snr": 7.25, "chi": 0.1, "prv_candidates": 2, "reliability": None, "ssObjectId": 5,
        "designation": "A", "hasSSSource": True, "timeWithdrawnMjdTai": None,
        "antaresLocusId": None, "antaresAlertId": None,
    }  # fmt: skip


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 9999999999999999999, True, 1.5])
def test_a_further_column_of_integers_holds_what_every_file_can(number):
    assert row_values(alert({"ssObjectId": number}))["extra"]["ssObjectId"] is None


def test_a_babamul_message_stands_for_its_packet():
    schema = {
        "type": "record",
        "name": "babamul",
        "fields": [
            {"name": "candid", "type": "long"},
            {
                "name": "candidate",
                "type": {
                    "type": "record",
                    "name": "c",
                    "fields": [{"name": "midpointMjdTai", "type": "double"}],
                },
            },
        ],
    }
    value = samples.container(schema, {"candid": 9, "candidate": {"midpointMjdTai": 61000.0}})

    found = messages.read(value, is_ours=True)

    assert found[:2] == ({"diaSourceId": 9, "diaSource": {"midpointMjdTai": 61000.0}}, False)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "empty"),
        (b"{}", "truncated"),
        (b"Obj\x01", "truncated"),
        (bytes(9 << 20), "too_large"),
    ],
    ids=("empty", "JSON", "cut", "too large"),
)
def test_what_is_no_packet_is_refused_with_its_reason(value, reason):
    with pytest.raises(UnreadableError) as caught:
        messages.read(value, is_ours=False)

    assert caught.value.reason == reason


def test_a_ztf_message_is_refused_with_a_sentence():
    schema = {
        "type": "record",
        "name": "babamul",
        "fields": [
            {
                "name": "candidate",
                "type": {
                    "type": "record",
                    "name": "c",
                    "fields": [{"name": "jd", "type": "double"}],
                },
            }
        ],
    }

    with pytest.raises(UnreadableError, match="a ZTF alert"):
        messages.read(samples.container(schema, {"candidate": {"jd": 1.0}}), is_ours=True)


def test_ids_of_our_own_registry_are_known_on_our_own_topics_only(monkeypatch):
    ours = SchemaCache([lambda number: lsst.package_schema(1101) if number == 3 else None])
    monkeypatch.setattr(messages, "_our_schemas", lambda: ours)
    record = alert()
    value = samples.framed(lsst.package_schema(1101), 3, record)

    assert messages.read(value, is_ours=True).record["diaSourceId"] == record["diaSourceId"]
    with pytest.raises(UnreadableError, match="no schema has the id 3"):
        messages.read(value, is_ours=False)


@pytest.fixture
def two_registries(monkeypatch):
    """Let the id 1 name today's schema in our registry and another one in Rubin's."""
    ours = SchemaCache([lambda _: lsst.package_schema(1101)])
    theirs = SchemaCache([lambda _: lsst.package_schema(900)])
    monkeypatch.setattr(messages, "_our_schemas", lambda: ours)
    monkeypatch.setattr(lsst, "_schemas", lambda: theirs)


@pytest.mark.usefixtures("two_registries")
@pytest.mark.parametrize(("is_ours", "version"), [(True, 1101), (False, 900)])
def test_an_id_is_looked_for_where_its_topic_is_from(is_ours, version):
    record = alert()
    value = samples.framed(lsst.package_schema(version), 1, record)

    found = messages.read(value, is_ours=is_ours)

    assert found.record["diaSourceId"] == record["diaSourceId"]
    # What a source without registry of ours sends is kept so that its own schema goes with it.
    assert (found.container is None) is is_ours


@pytest.mark.usefixtures("two_registries")
@pytest.mark.parametrize(("stream", "version"), [("selected", 1101), ("lsst", 900)])
def test_a_kept_packets_id_is_looked_for_where_its_stream_is_from(stream, version):
    record = alert()
    value = samples.framed(lsst.package_schema(version), 1, record)

    assert messages.read_kept(value, stream)["diaSourceId"] == record["diaSourceId"]


def test_what_another_source_sends_is_kept_with_its_schema():
    value = samples.framed(lsst.package_schema(900), 900, record := alert())

    kept = messages.read(value, is_ours=False).container

    assert messages.read_kept(kept, "selected")["diaSourceId"] == record["diaSourceId"]


def test_a_strangers_container_needs_a_schema_that_is_known():
    record = alert()
    strange = {
        "type": "record",
        "name": "strange",
        "fields": [{"name": "diaSourceId", "type": "long"}],
    }

    with pytest.raises(UnreadableError, match="not on the allow-list"):
        messages.read(samples.container(strange, {"diaSourceId": 1}), is_ours=False)
    known = samples.container(lsst.package_schema(1101), record)
    assert messages.read(known, is_ours=False).record["diaSourceId"] == record["diaSourceId"]
    assert messages.read(packet(record), is_ours=False).is_packet
