import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.sections.streams import RouteSettings
from pipeline.alerts.classify import classify, rule_version
from pipeline.sky import Footprint
from tests import oracle
from tests.unit.pipeline.alerts.batches import make_batch, make_matches

SEED = RouteSettings()
BOOM = RouteSettings(preset="boom")
APPROXIMATE = Footprint.load("approximate")
OUTSIDE = {"ra": 265.05, "dec": -32.25}
STAR = {"sgscore1": 0.9, "distpsnr1": 0.5}
BRIGHT = {"neargaiabright": 10.0, "maggaiabright": 9.0}


def ztf_class(route=SEED, **fields):
    return classify(make_batch("ztf", **fields), None, None, route).alert_class[0]


def lsst(rows, route=SEED, **fields):
    return classify(make_batch("lsst", **fields), make_matches(rows), APPROXIMATE, route)


def lsst_class(rows, route=SEED, **fields):
    return lsst(rows, route, **fields).alert_class[0]


def ztf_flags(**fields):
    found = classify(make_batch("ztf", **fields), None, None, SEED)
    return bool(found.star.values[0]), bool(found.near_brightstar.values[0])


@pytest.mark.parametrize(
    ("rows", "seed", "boom"),
    [
        ([(0.5, 0.95)], "stellar", "stellar"),
        ([(2.0, 0.3)], "hosted", "hosted"),
        ([(2.5, 0.8)], "hostless", "hostless"),
        ([(2.5, 0.8), (3.0, 0.9), (9.0, 0.7)], "hostless", "hostless"),
        ([], "hostless", "hostless"),
        ([(1.0, 0.51)], "stellar", "stellar"),
        ([(1.01, 0.51)], "hostless", "hostless"),
        ([(0.2, 0.5)], "hostless", "hosted"),
        ([(0.5, 0.95), (2.0, 0.3)], "stellar", "stellar"),
        ([(30.0, 0.3)], "hosted", "hosted"),
        ([(10.0, 0.9, 12.0)], "hostless", "stellar"),
        ([(10.0, 0.9, 15.1)], "hostless", "hostless"),
        ([(20.1, 0.9, 12.0)], "hostless", "hostless"),
        ([(2.0, 0.9), (3.0, 0.8), (4.0, 0.7), (5.0, 0.1)], "hosted", "hostless"),
    ],
    ids=str,
)
def test_lsst_classes_by_the_point_source_catalog(rows, seed, boom):
    assert lsst_class(rows) == seed
    assert lsst_class(rows, BOOM) == boom


@pytest.mark.parametrize("preset", [SEED, BOOM], ids=["seed", "boom"])
@pytest.mark.parametrize("rows", [[], [(30.1, 0.3)], [(2.0, float("nan"))]], ids=str)
def test_without_a_row_the_footprint_decides(rows, preset):
    assert lsst_class(rows, preset) == "hostless"
    assert lsst_class(rows, preset, **OUTSIDE) == "unknown"


def test_a_row_outside_the_footprint_still_counts():
    assert lsst_class([(2.5, 0.8)], **OUTSIDE) == "hostless"
    assert lsst_class([(2.5, 0.3)], **OUTSIDE) == "hosted"


def test_without_any_footprint_the_unmatched_are_unknown():
    batch, none = make_batch("lsst"), Footprint.load("none")

    assert classify(batch, make_matches([]), none, SEED).alert_class[0] == "unknown"
    assert classify(batch, make_matches([]), None, SEED).alert_class[0] == "unknown"


def test_lsst_star_flags_are_null_where_the_catalog_says_nothing():
    unknown, hostless, far = lsst([], **OUTSIDE), lsst([]), lsst([(2.5, 0.8)], **OUTSIDE)

    for flag in ("star", "near_brightstar"):
        assert not getattr(unknown, flag).valid[0]
        assert getattr(hostless, flag).valid[0]
        assert getattr(far, flag).valid[0]
        assert not getattr(hostless, flag).values[0]


def test_the_lsst_bright_star_flag_is_computed_under_both_presets():
    assert lsst([(10.0, 0.9, 12.0)]).near_brightstar.values[0]
    assert not lsst([(10.0, 0.4, 12.0)]).near_brightstar.values[0]
    assert not lsst([(10.0, 0.9, -999.0)]).near_brightstar.values[0]


def test_lsst_alerts_keep_to_their_own_rows():
    batch = make_batch("lsst", 3)

    found = classify(batch, make_matches([(0.5, 0.95)], alert=1), APPROXIMATE, SEED)

    assert found.alert_class.tolist() == ["hostless", "stellar", "hostless"]


def test_lsst_without_catalog_is_refused_by_name():
    with pytest.raises(ValueError, match="LSPSC"):
        classify(make_batch("lsst"), None, APPROXIMATE, SEED)


def test_the_other_spelling_of_the_magnitude_is_read_too():
    matches = make_matches([(10.0, 0.9, 12.0)])
    matches.columns["magwhite"] = matches.columns.pop("mag_white")

    found = classify(make_batch("lsst"), matches, APPROXIMATE, SEED)

    assert found.near_brightstar.values[0]


@pytest.mark.parametrize(
    ("fields", "seed", "boom"),
    [
        ({"sgscore1": 0.8, "distpsnr1": 5.0}, "hostless", "hostless"),
        (STAR, "stellar", "stellar"),
        ({"sgscore1": 0.3}, "hosted", "hosted"),
        ({"sgscore1": 0.4}, "hosted", "hosted"),
        ({f"sgscore{n}": -99.0 for n in "123"}, "hostless", "hostless"),
        ({"sgscore1": 0.8, "sgscore2": 0.3}, "hosted", "hosted"),
        ({}, "hostless", "hostless"),
        ({"sgscore1": 0.5}, "hostless", "hosted"),
        ({"sgscore3": 0.1}, "hosted", "hosted"),
        ({"sgscore1": 0.3, **BRIGHT}, "hosted", "stellar"),
        ({"sgscore1": 0.8, "distpsnr1": 25.0, **BRIGHT}, "hostless", "stellar"),
        ({**STAR, "sgscore2": 0.1}, "stellar", "stellar"),
    ],
    ids=str,
)
def test_ztf_classes_by_the_packets_neighbours(fields, seed, boom):
    assert ztf_class(**fields) == seed
    assert ztf_class(BOOM, **fields) == boom


@pytest.mark.parametrize(
    ("fields", "is_star"),
    [
        ({"sgscore1": 0.77, "distpsnr1": 2.0}, True),
        ({"sgscore1": 0.76, "distpsnr1": 2.0}, False),
        ({"sgscore1": 0.77, "distpsnr1": 2.1}, False),
        ({"sgscore1": 0.77}, False),
        ({"sgscore1": 0.77, "distpsnr1": -999.0}, False),
        ({"sgscore1": 0.21, "distpsnr1": 1.0, "srmag1": 20.0, "szmag1": 16.9}, True),
        ({"sgscore1": 0.21, "distpsnr1": 1.0, "srmag1": 20.0, "simag1": 16.9}, True),
        ({"sgscore1": 0.21, "distpsnr1": 1.0, "srmag1": 20.0, "szmag1": 17.0}, False),
        ({"sgscore1": 0.2, "distpsnr1": 1.0, "srmag1": 20.0, "szmag1": 16.0}, False),
        ({"sgscore1": 0.21, "distpsnr1": 1.1, "srmag1": 20.0, "szmag1": 16.0}, False),
        ({"sgscore1": 0.21, "distpsnr1": 1.0, "srmag1": 20.0, "szmag1": -999.0}, False),
        ({"sgscore1": 0.21, "distpsnr1": 1.0, "szmag1": 16.0}, False),
    ],
    ids=str,
)
def test_what_a_ztf_star_is(fields, is_star):
    assert ztf_flags(**fields)[0] is is_star


@pytest.mark.parametrize(
    ("fields", "is_near"),
    [
        ({"neargaiabright": 20.0, "maggaiabright": 12.0}, True),
        ({"neargaiabright": 20.1, "maggaiabright": 12.0}, False),
        ({"neargaiabright": 20.0, "maggaiabright": 12.1}, False),
        ({"neargaiabright": 20.0, "maggaiabright": -999.0}, False),
        ({"neargaiabright": -999.0, "maggaiabright": 10.0}, False),
        ({"sgscore2": 0.5, "distpsnr2": 20.0, "srmag2": 15.0}, True),
        ({"sgscore2": 0.49, "distpsnr2": 20.0, "srmag2": 15.0}, False),
        ({"sgscore3": 0.9, "distpsnr3": -999.0, "srmag3": 15.0}, False),
        ({"sgscore1": 0.5, "distpsnr1": 0.4, "sgmag1": 16.9}, True),
        ({"sgscore1": 0.5, "distpsnr1": 0.4, "simag1": 17.0}, False),
        ({"sgscore1": 0.5, "distpsnr1": 0.5, "simag1": 16.0}, False),
        ({"sgscore1": 0.5, "distpsnr1": 0.4, "simag1": -999.0}, False),
    ],
    ids=str,
)
def test_what_near_a_bright_star_is(fields, is_near):
    assert ztf_flags(**fields)[1] is is_near


@pytest.mark.parametrize(("ssdistnr", "is_rock"), [(5.0, True), (13.0, False), (None, False)])
def test_the_rock_flag_follows_the_gates_rule(ssdistnr, is_rock):
    batch = make_batch("ztf", ssdistnr=ssdistnr, ssmagnr=19.0)

    assert bool(classify(batch, None, None, SEED).rock.values[0]) is is_rock


def test_overrides_beat_the_preset_one_by_one():
    inclusive = RouteSettings(hosted_threshold_inclusive=True)
    strict_boom = RouteSettings(preset="boom", near_bright_star_is_stellar=False)

    assert ztf_class(inclusive, sgscore1=0.5) == "hosted"
    assert ztf_class(inclusive, **BRIGHT) == "hostless"
    assert ztf_class(strict_boom, **BRIGHT) == "hostless"


def test_the_rule_version_names_preset_and_overrides():
    assert rule_version(SEED) == "seed"
    assert rule_version(BOOM) == "boom"
    assert rule_version(RouteSettings(lspsc_max_matches=5)) == "seed;lspsc_max_matches=5"
    assert rule_version(RouteSettings(hosted_threshold_inclusive=False)) == "seed"


def of_a_packet(*values):
    """Draw a value as packets carry it: null, sentinel, or float32."""
    return st.sampled_from([None, -999.0, *(float(np.float32(value)) for value in values)])


NUMBERS = {
    "sgscore": of_a_packet(0.0, 0.2, 0.3, 0.49, 0.5, 0.51, 0.76, 0.8, 1.0),
    "distpsnr": of_a_packet(0.0, 0.4, 0.5, 1.0, 1.5, 2.0, 2.5, 20.0, 21.0),
    "mag": of_a_packet(0.0, 12.0, 15.0, 15.5, 17.0, 18.0, 18.5, 22.0),
}
NEIGHBOURS = st.fixed_dictionaries(
    {f"sgscore{n}": NUMBERS["sgscore"] for n in "123"}
    | {f"distpsnr{n}": NUMBERS["distpsnr"] for n in "123"}
    | {f"s{band}mag1": NUMBERS["mag"] for band in "griz"}
    | {f"srmag{n}": NUMBERS["mag"] for n in "23"}
    | {"neargaiabright": NUMBERS["distpsnr"], "maggaiabright": NUMBERS["mag"]}
)


@given(st.lists(NEIGHBOURS, min_size=1, max_size=10), st.sampled_from(["seed", "boom"]))
def test_ztf_classes_agree_with_the_oracle(candidates, preset):
    fields = {name: [c[name] for c in candidates] for name in candidates[0]}

    found = classify(
        make_batch("ztf", len(candidates), **fields), None, None, RouteSettings(preset=preset)
    )

    assert found.alert_class.tolist() == [oracle.ztf_class(c, preset) for c in candidates]
    assert found.star.values.tolist() == [oracle.ztf_star(c) for c in candidates]
    assert found.near_brightstar.values.tolist() == [
        oracle.ztf_near_brightstar(c) for c in candidates
    ]


ROW = st.tuples(
    st.sampled_from([0.0, 0.5, 1.0, 1.01, 5.0, 19.0, 20.0, 21.0, 30.0, 31.0]),
    st.sampled_from([0.0, 0.3, 0.5, 0.51, 1.0, float("nan")]),
    st.sampled_from([float("nan"), 12.0, 15.0, 16.0]),
)


@given(st.lists(ROW, max_size=8), st.booleans(), st.sampled_from(["seed", "boom"]))
def test_lsst_classes_agree_with_the_oracle(rows, is_inside, preset):
    position = {} if is_inside else OUTSIDE
    neighbours = [
        oracle.Neighbour(*(None if np.isnan(value) else value for value in row))
        for row in sorted(rows)
    ]

    found = lsst_class(sorted(rows), RouteSettings(preset=preset), **position)

    assert found == oracle.lsst_class(neighbours, is_inside=is_inside, preset=preset)
