import numpy as np
import pytest

from broker.sections.streams import GateSettings, LsstGateSettings, ZtfGateSettings
from pipeline.alerts.gate import GATES, explain, gate_reasons
from tests.unit.pipeline.alerts.batches import make_batch

BOOM = GateSettings()
OPEN = GateSettings(preset="open")


def reason(survey, settings=BOOM, **fields):
    return gate_reasons(make_batch(survey, **fields), settings)[0]


def ztf(**settings):
    return GateSettings(ztf=ZtfGateSettings(**settings))


def lsst(**settings):
    return GateSettings(lsst=LsstGateSettings(**settings))


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_a_good_alert_passes(survey):
    assert reason(survey) is None


def test_the_gates_stand_in_the_documented_order():
    common = ["no_object_id", "no_flux", "unknown_band", "empty_light_curve", "missing_field"]

    assert [g.name for g in GATES["ztf"]] == ["non_public", "rock", "low_drb", *common]
    assert [g.name for g in GATES["lsst"]] == ["rock", "pixel_flags", "low_reliability", *common]


def test_what_is_not_public_stays_inside_under_every_preset():
    assert reason("ztf", is_public=False) == "non_public"
    assert reason("ztf", OPEN, is_public=False) == "non_public"


@pytest.mark.parametrize(
    ("ssdistnr", "ssmagnr", "expected"),
    [
        (11.9, 18.0, "rock"),
        (0.0, 0.0, "rock"),
        (12.0, 18.0, None),
        (-999.0, 18.0, None),
        (11.9, -999.0, None),
        (None, 18.0, None),
        (11.9, None, None),
    ],
)
def test_a_ztf_rock_is_a_known_asteroid_within_12_arcsec(ssdistnr, ssmagnr, expected):
    assert reason("ztf", ssdistnr=ssdistnr, ssmagnr=ssmagnr) == expected


@pytest.mark.parametrize(
    ("drb", "expected"),
    [
        (0.19, "low_drb"),
        (0.2, None),
        (float(np.float32(0.2)), None),
        (None, "low_drb"),
        (1.0, None),
    ],
)
def test_a_low_or_missing_drb_is_not_published(drb, expected):
    assert reason("ztf", score=drb) == expected


@pytest.mark.parametrize("score", [0.7, float(np.float32(0.7))], ids=["exact", "of a packet"])
def test_a_score_equal_to_the_threshold_passes(score):
    assert reason("ztf", ztf(min_drb=0.7), score=score) is None
    assert reason("lsst", lsst(min_reliability=0.7), score=score) is None


@pytest.mark.parametrize(
    ("ss_object_id", "expected"), [(0, None), (None, None), (22355372540931, "rock")]
)
def test_an_lsst_rock_has_a_solar_system_id(ss_object_id, expected):
    assert reason("lsst", ssObjectId=ss_object_id) == expected


@pytest.mark.parametrize(("flag", "expected"), [(True, "pixel_flags"), (False, None), (None, None)])
def test_flagged_pixels_are_not_published(flag, expected):
    assert reason("lsst", pixelFlags=flag) == expected


def test_a_missing_reliability_counts_as_zero():
    assert reason("lsst", score=None) is None
    assert reason("lsst", lsst(min_reliability=0.5), score=None) == "low_reliability"


def test_open_publishes_rocks_flags_and_low_scores():
    assert reason("ztf", OPEN, ssdistnr=1.0, ssmagnr=18.0, score=None) is None
    assert reason("lsst", OPEN, ssObjectId=5, pixelFlags=True, score=None) is None


def test_a_given_setting_beats_the_preset():
    assert reason("ztf", ztf(exclude_rock=False), ssdistnr=1.0, ssmagnr=18.0) is None
    settings = GateSettings(preset="open", ztf=ZtfGateSettings(min_drb=0.5))
    assert reason("ztf", settings, score=0.4) == "low_drb"


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
@pytest.mark.parametrize("settings", [BOOM, OPEN], ids=["boom", "open"])
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"object_id": [None]}, "no_object_id"),
        ({"psfFlux": None}, "no_flux"),
        ({"psfFlux": 0.0}, "no_flux"),
        ({"psfFluxErr": None}, "no_flux"),
        ({"psfFluxErr": 0.0}, "no_flux"),
        ({"psfFluxErr": float("inf")}, "no_flux"),
        ({"psfFlux": -5.0}, None),
        ({"band": None}, "unknown_band"),
        ({"detections": 0}, "empty_light_curve"),
        ({"magpsf": None}, "missing_field"),
    ],
    ids=str,
)
def test_an_alert_without_photometry_is_never_published(survey, settings, fields, expected):
    assert reason(survey, settings, **fields) == expected


def test_a_ztf_alert_without_reference_position_is_kept_inside():
    assert reason("ztf", ranr=None) == "missing_field"


def test_an_lsst_alert_without_aperture_flux_is_published():
    assert reason("lsst", magap=None, sigmagap=None) is None


def test_the_first_shut_gate_gives_the_reason():
    assert reason("ztf", ssdistnr=1.0, ssmagnr=18.0, score=0.0, object_id=[None]) == "rock"


def test_each_alert_of_a_batch_has_its_own_reason():
    batch = make_batch("ztf", 4, score=[0.9, 0.1, 0.9, 0.1], is_public=[True, True, False, False])

    assert gate_reasons(batch, BOOM).tolist() == [None, "low_drb", "non_public", "non_public"]


def test_an_empty_batch_has_no_reasons():
    assert gate_reasons(make_batch("ztf", 0), BOOM).tolist() == []


def test_the_explanation_words_the_thresholds_in_force():
    gates = {gate.name: gate for gate in explain("ztf", ztf(min_drb=0.35))}

    assert gates["low_drb"].text == "drb (null counts as 0) is below 0.35"
    assert gates["low_drb"].is_on
    assert not {gate.name: gate for gate in explain("ztf", OPEN)}["rock"].is_on
