"""The table of telescopes: its bounds, its names, and the facts that it was typed from."""

import csv

import pytest

from pipeline.gw.telescopes import TelescopeError, parse, telescope, telescopes
from tests import samples

FACTS = """
[[telescopes]]
name = "T1"
aliases = ["One"]
source = "its owners"
latitude_deg = 45.0
longitude_deg = 7.0
elevation_m = 100.0
fov_deg = 1.0
limiting_exposure_s = 30.0
readout_s = 5.0
"""
NO_SITE = {"SVOM-VT"}
"""A satellite."""


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("latitude_deg = 91.0", "latitude_deg"),
        ("fov_deg = 0.005", "fov_deg"),
        ("fov_deg = 11.0", "fov_deg"),
        ("horizon_deg = 61.0", "horizon_deg"),
        ("slew_deg_per_s = 0.0", "slew_deg_per_s"),
        ("seeing_arcsec = 1.0", "seeing_arcsec"),
    ],
)
def test_a_fact_out_of_bounds_is_refused_by_name(line, field):
    name = line.partition(" ")[0]
    facts = [each for each in FACTS.splitlines() if not each.startswith(f"{name} ")]

    with pytest.raises(TelescopeError, match=f"T1: {field}"):
        parse("\n".join([*facts, line]))


def test_a_name_that_is_also_an_alias_is_refused():
    with pytest.raises(TelescopeError, match="more than once: One"):
        parse(FACTS + FACTS.replace('"T1"', '"One"').replace('["One"]', "[]"))


def test_declinations_in_the_wrong_order_are_refused():
    with pytest.raises(TelescopeError, match="dec_min_deg must be below"):
        parse(FACTS + "dec_min_deg = 10.0\ndec_max_deg = -10.0\n")


def test_an_unknown_name_is_refused_and_known_ones_named():
    with pytest.raises(TelescopeError, match="no telescope 'TCX'; known: TCA, TCH"):
        telescope("TCX")


def test_an_alias_finds_its_telescope():
    assert telescope("Colibri") is telescope("COLIBRI")


def test_a_telescope_with_an_open_question_is_not_reviewed():
    assert not telescope("KAO").is_reviewed
    assert telescope("TCA").is_reviewed


@pytest.mark.samples
def test_every_site_of_the_collected_facts_is_listed_or_left_out_for_a_reason():
    names = {name for found in telescopes() for name in (found.name, *found.aliases)}

    assert {row["name"] for row in _facts()} - names == NO_SITE


@pytest.mark.samples
def test_facts_without_a_question_agree_with_the_collected_ones():
    reviewed = [row for row in _facts() if row["name"] not in NO_SITE]
    reviewed = [row for row in reviewed if telescope(row["name"]).is_reviewed]

    for row in reviewed:
        found = telescope(row["name"])
        assert found.latitude_deg == pytest.approx(float(row["latitude_deg"]), abs=1e-9)
        assert found.longitude_deg == pytest.approx(float(row["longitude_deg"]), abs=1e-9)
        assert found.fov_deg == float(row["fov_deg"])
        assert found.readout_s == float(row["readout_s"])
        assert found.slew_deg_per_s == float(row["slew_deg_per_s"])
        assert found.horizon_deg == float(row["horizon_deg"] or 0)


def _facts():
    with (samples.folder() / "gw/telescope_site_facts.csv").open() as file:
        return list(csv.DictReader(file))
