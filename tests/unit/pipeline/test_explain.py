"""What pages say of the rules is what decides: the texts are run beside the classification."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.config import build
from broker.sections.streams import RouteSettings
from pipeline import topics
from pipeline.alerts import explain
from pipeline.alerts.classify import classify
from pipeline.alerts.gate import GATES
from pipeline.sky import Footprint
from tests.unit.pipeline.alerts.batches import make_batch, make_matches

FOOTPRINT = Footprint.load("approximate")
INSIDE, OUTSIDE = (150.0, 30.0), (265.05, -32.25)
SCORES = st.sampled_from([None, -999.0, 0.0, 0.2, 0.21, 0.3, 0.5, 0.51, 0.76, 0.77, 1.0])
DISTANCES = st.sampled_from([None, -999.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 25.0])
MAGNITUDES = st.sampled_from([None, -999.0, 12.0, 15.0, 16.0, 18.5, 20.0])
ZTF = st.fixed_dictionaries(
    dict.fromkeys(("sgscore1", "sgscore2", "sgscore3"), SCORES)
    | dict.fromkeys(("distpsnr1", "distpsnr2", "distpsnr3"), DISTANCES)
    | dict.fromkeys(("srmag1", "simag1", "szmag1"), MAGNITUDES)
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from([0.2, 1.0, 1.1, 15.0, 30.0]), st.sampled_from([0.0, 0.4, 0.5, 0.6, 1.0])
    ),
    max_size=5,
).map(sorted)
ROUTES = st.sampled_from(
    [
        RouteSettings(),
        RouteSettings(preset="boom"),
        RouteSettings(lspsc_max_matches=1),
        RouteSettings(hosted_threshold_inclusive=True),
    ]
)


def run(expression, names):
    return eval(f"({expression})", dict(names))


def said(survey, route, names):
    """Return the class whose expression, and no other's, is true."""
    chart = explain.chart(survey, route)
    classes = [*(step.alert_class for step in chart.steps), chart.otherwise]
    true = [each for each in classes if run(chart.expression(each), names)]
    assert len(true) == 1
    return true[0]


@settings(max_examples=300)
@given(ZTF, ROUTES)
def test_the_expressions_of_ztf_are_the_rule(fields, route):
    found = classify(make_batch("ztf", **fields), None, None, route)
    values = {
        name: math.nan if value is None or value < 0 else value for name, value in fields.items()
    }

    names = values | {"near_brightstar": bool(found.near_brightstar.values[0])}
    assert said("ztf", route, names) == found.alert_class[0]


@settings(max_examples=300)
@given(ROWS, st.sampled_from([INSIDE, OUTSIDE]), ROUTES)
def test_the_expressions_of_lsst_are_the_rule(rows, place, route):
    ra, dec = place
    matches = make_matches([(separation, score) for separation, score in rows])
    found = classify(make_batch("lsst", ra=ra, dec=dec), matches, FOOTPRINT, route)

    names = {
        "lspsc": [SimpleNamespace(separation_arcsec=s, score=score) for s, score in rows],
        "in_footprint": lambda *_: place == INSIDE,
        "ra": ra,
        "dec": dec,
        "near_brightstar": bool(found.near_brightstar.values[0]),
    }
    assert said("lsst", route, names) == found.alert_class[0]


@pytest.mark.parametrize(
    "name", [each.name for each in topics.OUTPUTS if each.name != topics.NONE_TOPIC]
)
def test_every_class_topic_has_a_rule(name):
    survey, is_matched, alert_class = explain.topic_parts(name)

    expression = explain.topic_expression(survey, alert_class, build(), is_matched=is_matched)

    assert topics.class_topic(survey, alert_class, is_matched=is_matched) == name
    assert compile(f"({expression})", name, "eval")


@pytest.mark.parametrize("name", [topics.NONE_TOPIC, "babamul.ztf-test", "babamul.x"])
def test_other_topics_have_no_parts(name):
    assert explain.topic_parts(name) is None


@pytest.mark.parametrize("survey", explain.SURVEYS)
def test_every_gate_is_told_in_its_order(survey):
    assert [gate.name for gate in explain.gates(survey, build())] == [g.name for g in GATES[survey]]


def test_the_none_topic_follows_its_settings():
    settings = build(
        {
            "NIGHTJAR_BABAMUL__NONE__CROSSMATCH_RADIUS_ARCSEC": "3.5",
            "NIGHTJAR_BABAMUL__NONE__INCLUDE_UNKNOWN": "true",
        }
    )

    words, expression = explain.none_rule(settings)

    assert "hostless or unknown" in words
    assert "3.5″" in words
    assert compile(f"({expression})", "none", "eval")
    assert "<= 3.5" in expression


def test_the_match_names_radius_and_declinations():
    words, expression = explain.match_rule("ztf", is_matched=True)

    assert "an LSST object within 2″" in words
    assert "−90° to 33.5°" in words
    assert expression == "survey_matches.lsst is not None"
