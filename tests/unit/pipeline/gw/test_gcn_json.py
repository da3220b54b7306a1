"""Messages of the unified schema, of many missions and of none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.gw.gcn_json import parse_gcn
from tests.samples import folder

WORDS = st.sampled_from(["", " ", "S241102br", "ra", "targets", "gcn_crossmatch", "ref_ID"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    "id", "event_name", "ra", "dec", "ra_dec_error", "data", "ref_ID", "alert_tense", "subject",
    "most_probable_direction", "eventId",
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_no_message_breaks_the_reader(document):
    found = parse_gcn(document)

    assert (found.ra_deg is None) is (found.dec_deg is None)


def test_an_empty_message_says_nothing():
    found = vars(parse_gcn({}))

    assert found == dict.fromkeys(found) | {"payload": {}}


@pytest.mark.parametrize(
    ("given", "error_deg"),
    [
        (0.5, 0.5),
        ([0.5, 0.7, 10], 0.7),
        ([0.5], 0.5),
        (0, None),
        ("1", None),
        ([], None),
        (-1, None),
    ],
)
def test_an_error_is_a_radius_or_the_larger_half_axis(given, error_deg):
    assert parse_gcn({"ra": 1, "dec": 2, "ra_dec_error": given}).error_deg == error_deg


@pytest.mark.parametrize(("ra", "dec"), [(361, 0), (0, 91), (None, 3), (True, 3), (1e400, 0)])
def test_a_position_off_the_sky_is_none(ra, dec):
    found = parse_gcn({"ra": ra, "dec": dec})

    assert (found.ra_deg, found.dec_deg) == (None, None)


@pytest.mark.parametrize(
    ("given", "name"),
    [("A", "A"), (["A", "B"], "A, B"), ([], None), ([None, 7], "7"), ("  ", None), ({}, None)],
)
def test_names_are_texts_or_lists(given, name):
    assert parse_gcn({"id": given}).notice_id == name
    assert parse_gcn({"event_name": given}).name == name


@pytest.mark.parametrize(
    ("tense", "is_real"),
    [(None, True), ("current", True), ("test", False), ("injection", False), ("archival", False)],
)
def test_an_absent_tense_is_the_present(tense, is_real):
    assert parse_gcn({"alert_tense": tense}).is_real is is_real


@pytest.mark.parametrize(
    ("subject", "trigger_id"),
    [
        ("LIGO/Virgo/KAGRA S241102br: Identification of a GW binary merger", "S241102br"),
        ("LIGO/Virgo/KAGRA MS241102br: test", "MS241102br"),
        ("Follow-up of S241102br and S250910b", "S241102br"),
        ("GRB 230410A: Fermi GBM Final Real-time Localization", None),
        ("GALS241102br", None),
    ],
)
def test_a_circular_names_its_event(subject, trigger_id):
    assert parse_gcn({"subject": subject, "circularId": 33603}).trigger_id == trigger_id


def test_maps_are_left_out():
    assert parse_gcn({"healpix_file": "aaaa", "far": 1}).payload == {"far": 1}


@pytest.mark.samples
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("circulars", ("33603", "GRB 230410A: Fermi GBM Final Real-time Localization", None)),
        ("notices__boom__alert", (None, "ZTF25acffkdr", "S251117bs")),
        ("notices__einstein_probe__wxt__alert", ("01708973486", None, None)),
        ("notices__icecube__lvk_nu_track_search", (None, None, "S230914ak")),
        ("notices__swift__bat__Guano", ("694215995", None, None)),
    ],
)
def test_what_real_messages_are_called(name, expected):
    found = sample(name)

    assert (found.notice_id, found.name, found.trigger_id) == expected


@pytest.mark.samples
@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("notices__boom__alert", (150.175649, 15.2832185, None)),
        ("notices__einstein_probe__wxt__alert", (120.0, 40.0, 0.02)),
        ("notices__icecube__lvk_nu_track_search", (17.49, 16.18, None)),
        (
            "notices__icecube__single_neutrino_alerts.gold_bronze_track_alerts",
            (345.82, 9.01, 0.5),
        ),
        ("notices__chime__frb.detection", (346.77850859547, 12.632485229956252, 0.598921231135782)),
        ("notices__swift__bat__guano.loc_map", (None, None, None)),
    ],
)
def test_where_real_messages_point(name, place):
    found = sample(name)

    assert (found.ra_deg, found.dec_deg, found.error_deg) == place


def sample(name):
    return parse_gcn(json.loads((folder() / f"gw/gcn-json/{name}.example.json").read_bytes()))
