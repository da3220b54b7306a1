import io

import fastavro
import pytest

from pipeline.simulate.scenario import appearance, epoch, make_lsst_packet, make_ztf_packet
from tests.unit.pipeline.simulate import readings


def test_a_plain_ztf_packet_is_a_good_public_alert():
    candidate = readings.ztf_record(make_ztf_packet())["candidate"]

    assert (candidate["programid"], candidate["ssdistnr"]) == (1, -999.0)
    assert candidate["drb"] > 0.9


def test_every_field_of_a_candidate_can_be_given():
    given = {
        "ra": 0.0001,
        "dec": -20.0,
        "jd": 2461000.75,
        "candid": 2**60,
        "drb": None,
        "ssdistnr": 11.5,
        "programid": 3,
        "isdiffpos": "f",
    }

    record = readings.ztf_record(make_ztf_packet(object_id="ZTF20abcdefg", **given))

    assert {name: record["candidate"][name] for name in given} == given
    assert (record["objectId"], record["candid"]) == ("ZTF20abcdefg", 2**60)


def test_a_band_stands_for_its_number():
    assert readings.ztf_record(make_ztf_packet(band="i"))["candidate"]["fid"] == 3
    assert readings.ztf_record(make_ztf_packet(fid=7))["candidate"]["fid"] == 7


def test_history_becomes_rows():
    visits = [epoch(2461250.7, "g", alert_id=9), epoch(2461251.7, "r")]

    record = readings.ztf_record(make_ztf_packet(history=visits))

    assert [row["candid"] for row in record["prv_candidates"]] == [9, None]
    assert [row["fid"] for row in record["fp_hists"]] == [1, 2]


def test_forced_photometry_can_differ_from_the_history():
    record = readings.ztf_record(make_ztf_packet(history=[epoch(2461250.7)], forced=[]))

    assert len(record["prv_candidates"]) == 1
    assert record["fp_hists"] is None


def test_a_packet_without_cutouts():
    assert readings.ztf_record(make_ztf_packet(has_cutouts=False))["cutoutScience"] is None
    assert readings.lsst_record(make_lsst_packet(has_cutouts=False))["cutoutScience"] is None


def test_an_unknown_field_is_named():
    with pytest.raises(TypeError, match="a candidate has no field magpfs"):
        make_ztf_packet(magpfs=18)
    with pytest.raises(TypeError, match="a diaSource has no field fluxx"):
        make_lsst_packet(fluxx=1)


@pytest.mark.parametrize("schema_id", [1101, 1000])
def test_every_field_of_a_dia_source_can_be_given(schema_id):
    given = {
        "diaSourceId": 2**57 + 1,
        "diaObjectId": 12,
        "ra": 359.9999,
        "dec": 5.0,
        "psfFlux": -10.0,
        "reliability": None,
        "pixelFlags": True,
        "band": "y",
    }

    record = readings.lsst_record(make_lsst_packet(schema_id=schema_id, **given))

    assert {name: record["diaSource"][name] for name in given} == given
    assert record["diaSourceId"] == 2**57 + 1
    assert record["diaObject"]["diaObjectId"] == 12


def test_a_designation_makes_a_solar_system_alert():
    record = readings.lsst_record(make_lsst_packet(designation="K17SA9A"))

    assert record["diaSource"]["ssObjectId"] == 21164736943044929
    assert (record["diaObject"], record["diaSource"]["diaObjectId"]) == (None, 0)


def test_lsst_history_becomes_sources_and_forced_points():
    visits = [epoch(2461250.7, "g", alert_id=9), epoch(2461251.7, "r")]

    record = readings.lsst_record(make_lsst_packet(history=visits))

    assert [row["diaSourceId"] for row in record["prvDiaSources"]] == [9]
    assert [row["band"] for row in record["prvDiaForcedSources"]] == ["g", "r"]


def test_the_appearance_is_the_table_of_the_seed():
    topics = [packet.truth.expected_topic for packet in appearance().packets]

    assert topics == [
        "babamul.lsst.no-ztf-match.stellar",
        "babamul.ztf.lsst-match.stellar",
        "babamul.lsst.ztf-match.stellar",
        "babamul.ztf.lsst-match.stellar",
        "babamul.lsst.ztf-match.stellar",
    ]


def test_the_mirrored_appearance():
    topics = [p.truth.expected_topic for p in appearance("hosted", is_ztf_first=True).packets]

    assert topics == [
        "babamul.ztf.no-lsst-match.hosted",
        "babamul.lsst.ztf-match.hosted",
        "babamul.ztf.lsst-match.hosted",
        "babamul.lsst.ztf-match.hosted",
        "babamul.ztf.lsst-match.hosted",
    ]


@pytest.mark.parametrize(
    ("separation", "programid", "third"),
    [(1.9, 1, "ztf-match"), (2.1, 1, "no-ztf-match"), (0.0, 2, "no-ztf-match")],
)
def test_the_third_alert_matches_only_what_is_near_and_public(separation, programid, third):
    packets = appearance(separation_arcsec=separation, ztf_programid=programid).packets

    assert packets[2].truth.expected_topic == f"babamul.lsst.{third}.stellar"


def test_a_non_public_step_is_gated():
    second = appearance(ztf_programid=2).packets[1]

    assert (second.truth.expected_gate, second.truth.expected_topic) == ("non_public", None)
    assert second.topic.endswith("programid2")


@pytest.mark.parametrize("alert_class", ["stellar", "hosted", "hostless"])
@pytest.mark.parametrize("ra_deg", [150.0, 359.99995])
def test_flowcharts_read_from_packets_and_catalog_agree(alert_class, ra_deg):
    made = appearance(alert_class, separation_arcsec=1.0, ra_deg=ra_deg, dec_deg=-5.0)

    for packet in made.packets:
        record = readings.read(packet)
        if packet.survey == "ztf":
            found = readings.ztf_class(record["candidate"])
        else:
            source = record["diaSource"]
            found = readings.lsst_class(source["ra"], source["dec"], made.lspsc)
        assert found == alert_class


def test_objects_of_one_test_are_told_apart():
    ids = [
        (packet.survey, packet.truth.alert_id)
        for number in (0, 1)
        for packet in appearance(number=number).packets
    ]

    assert len(set(ids)) == 10


def test_a_single_packet_is_a_container_of_its_own():
    assert len(list(fastavro.reader(io.BytesIO(make_ztf_packet())))) == 1
