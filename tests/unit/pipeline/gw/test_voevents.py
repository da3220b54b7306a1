"""VOEvents, well and badly made."""

import hashlib
from dataclasses import asdict
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.gw.notices import BadNotice
from pipeline.gw.voevents import MAX_PACKET_BYTES, Cone, parse_voevent
from tests.voevents import packet

BOMB = (
    b'<!DOCTYPE v [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    b"<VOEvent ivorn='ivo://nasa.gsfc.gcn/SWIFT#1'>&b;</VOEvent>"
)
OUTSIDE = b'<!DOCTYPE v SYSTEM "file:///etc/passwd"><VOEvent ivorn="ivo://a/b#1"></VOEvent>'


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not_xml"),
        (b"{}", "not_xml"),
        (b"\xff\xfe\x00", "not_xml"),
        (packet()[:-20], "not_xml"),
        (b"<html></html>", "not_xml"),
        (b"<?xml version='1.0' encoding='nonsense'?><VOEvent/>", "not_xml"),
        (BOMB, "not_xml"),
        (OUTSIDE, "not_xml"),
        (b"<a>" * 300_000, "not_xml"),
        (b" " * (MAX_PACKET_BYTES + 1), "too_large"),
        (b"<VOEvent ivorn=''></VOEvent>", "no_id"),
        (packet(trigger=None, ivorn="ivo://nasa.gsfc.gcn/SWIFT"), "no_id"),
        (packet(trigger="../../etc", ivorn="ivo://nasa.gsfc.gcn/SWIFT#a b"), "no_id"),
    ],
)
def test_what_is_no_packet_is_refused_with_its_reason(raw, reason):
    with pytest.raises(BadNotice) as caught:
        parse_voevent(raw)

    assert caught.value.reason == reason


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_break_the_reader(raw):
    with pytest.raises(BadNotice):
        parse_voevent(raw)


@given(st.text(max_size=20))
def test_no_value_breaks_the_reader(text):
    shown = "".join(c for c in text if c.isprintable() and c not in "<&")
    names = ("Rate_Signif", "Integ_Time", "Burst_Mag", "Def_NOT_a_GRB", "Slew_Status")
    found = parse_voevent(
        packet(shown or "x", place=(shown, shown, shown), time=shown, **dict.fromkeys(names, shown))
    )

    assert found.trigger_id == "1423875"


def test_what_a_packet_does_not_say_is_none():
    found = asdict(parse_voevent(packet(None, place=None, time=None, name=None)))

    given = {"ivorn", "trigger_id", "mission", "role", "is_test", "warnings"}
    assert {name for name, value in found.items() if value is not None} == given
    assert found["warnings"] == ()


@pytest.mark.parametrize("place", [(), (330.2,), ("", ""), ("nan", "1"), ("x", "y", "z")])
def test_half_a_position_is_none(place):
    assert parse_voevent(packet(place=place)).position is None


@pytest.mark.parametrize("place", [(361, 0, 1), (10, 91, 1), (-1, 0)])
def test_a_position_off_the_sky_is_none_and_said(place):
    found = parse_voevent(packet(place=place))

    assert found.position is None
    assert "off the sky" in found.warnings[0]


@pytest.mark.parametrize("error", ["0.0", "-1", "inf", ""])
def test_an_error_that_is_none_is_none_not_zero(error):
    assert parse_voevent(packet(place=(10, 20, error))).position == Cone(10.0, 20.0, None)


@pytest.mark.parametrize("time", ["yesterday", "2025-13-01T00:00:00", "1"])
def test_a_time_that_cannot_be_read_is_none_and_said(time):
    found = parse_voevent(packet(time=time))

    assert found.trigger_time is None
    assert time in found.warnings[0]


@pytest.mark.parametrize("time", ["2025-12-14T09:02:17Z", "2025-12-14T10:02:17+01:00"])
def test_times_are_utc(time):
    found = parse_voevent(packet(time=time)).trigger_time

    assert found == datetime(2025, 12, 14, 9, 2, 17, tzinfo=UTC)


def test_a_burst_without_a_name_is_called_by_its_day():
    assert parse_voevent(packet(name=None)).grb_name == "251214"


@pytest.mark.parametrize(
    ("role", "flag", "stored", "is_test"),
    [
        ("observation", "false", "observation", False),
        ("observation", "true", "observation", True),
        ("test", "false", "test", True),
        ("utility", "false", "utility", True),
        ("invented", "false", "test", True),
    ],
)
def test_what_is_no_observation_is_a_test(role, flag, stored, is_test):
    found = parse_voevent(packet(role=role, Test_Submission=flag))

    assert (found.role, found.is_test) == (stored, is_test)


@pytest.mark.parametrize(
    "flag",
    [
        "Def_NOT_a_GRB",
        "Target_in_Flt_Catalog",
        "Target_in_Gnd_Catalog",
        "Target_in_Blk_Catalog",
        "StarTrack_Lost_Lock",
    ],
)
def test_a_flag_is_a_warning(flag):
    assert len(parse_voevent(packet(**{flag: "true"})).warnings) == 1
    assert parse_voevent(packet(**{flag: "false"})).warnings == ()


@pytest.mark.parametrize(
    ("trigger_type", "rate", "image"), [("CRT", 6.64, None), ("IMT", None, 6.64), ("?", None, None)]
)
def test_svoms_significance_is_that_of_its_trigger(trigger_type, rate, image):
    found = parse_voevent(packet(202, mission="svom", SNR="6.64", Trigger_Type=trigger_type))

    assert (found.rate_significance_sigma, found.image_significance_sigma) == (rate, image)


@pytest.mark.parametrize(
    ("mission", "packet_type", "is_followed"),
    [("swift", 61, True), ("swift", 202, False), ("svom", 202, True), ("svom", 61, False)],
)
def test_a_mission_is_followed_by_its_own_packets(mission, packet_type, is_followed):
    assert parse_voevent(packet(packet_type, mission=mission)).is_followed is is_followed


def test_a_mission_that_nobody_follows_is_read_and_not_followed():
    found = parse_voevent(packet(ivorn="ivo://nasa.gsfc.gcn/Fermi#GBM_1"))

    assert found.mission is None
    assert not found.is_followed


def test_a_packet_without_a_name_is_called_by_its_bytes():
    raw = packet(ivorn="")

    assert parse_voevent(raw).ivorn == f"sha256:{hashlib.sha256(raw).hexdigest()}"


def test_the_id_may_stand_in_the_packets_name():
    found = parse_voevent(packet(trigger=None, ivorn="ivo://org.svom/fsc#sb25120806_eclairs"))

    assert found.trigger_id == "sb25120806_eclairs"
