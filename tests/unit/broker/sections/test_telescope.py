"""What telescopes may stand on one bus, and what is refused by name."""

import json

import pytest

from broker.config import ConfigError, build
from broker.sections.telescope import BEAM

GIVEN = BEAM.model_dump()
OTHER = GIVEN | {"topic_prefix": "", "title": "Other"}


def telescopes(**records):
    return build(toml={"telescopes": records}).telescopes


def with_application(name):
    return OTHER | {"applications": [{"name": name}]}


def test_two_telescopes_stand_side_by_side():
    assert set(telescopes(beam=GIVEN, tca=OTHER)) == {"beam", "tca"}


def test_the_environment_gives_them_as_json():
    text = json.dumps({"beam": GIVEN})

    assert build({"NIGHTJAR_TELESCOPES": text}).telescopes == telescopes(beam=GIVEN)


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ({"beam": GIVEN, "sim": GIVEN}, "sim and beam have the same topic_prefix telescope.$"),
        (
            {"tca": OTHER, "x": OTHER | {"topic_prefix": "telescope.tca."}},
            "'x' is no name of a telescope",
        ),
        (
            {"tca": OTHER, "tch": OTHER | {"topic_prefix": "telescope.tca."}},
            "tch and tca have the same topic_prefix telescope.tca.",
        ),
        ({"data": OTHER}, "'data' is the name of a topic"),
        ({"tca": OTHER | {"topic_prefix": "telescope.status."}}, "status is the name of a topic"),
        ({"tca": OTHER | {"topic_prefix": "babamul."}}, "neither telescope. nor telescope.WORD."),
        ({"TCA": OTHER}, "'TCA' is no name of a telescope"),
        ({"tc-a": OTHER}, "'tc-a' is no name of a telescope"),
        ({"beam": GIVEN | {"latitude_deg": 91}}, "telescopes.beam.latitude_deg: .*less than"),
        ({"beam": GIVEN | {"colour": 1}}, "telescopes.beam.colour: no such setting"),
        ({"beam": GIVEN | {"applications": []}}, "telescopes.beam.applications"),
        ({"beam": GIVEN | {"frequencies_mhz": []}}, "a radio telescope has at least one"),
        ({"tca": OTHER | {"kind": "optical"}}, "an optical telescope has none"),
        ({"tca": with_application("a.b")}, "'a.b' is no name of an application"),
        ({"tca": with_application("monitor-x")}, "names that begin with monitor- are taken"),
        ({"tca": with_application("connect")}, "names that begin with connect are taken"),
        (
            {"beam": GIVEN | {"applications": [{"name": "sky"}, {"name": "sky-2"}]}},
            "sky could take the consumer groups of sky-2",
        ),
        (
            {"beam": GIVEN | {"applications": [{"name": "sky"}, {"name": "sky"}]}},
            "named twice: sky",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(records, said):
    with pytest.raises(ConfigError, match=said):
        telescopes(**records)
