"""Curves are compared by their ratio to D, drawn, and their packets are what they say."""

import io

import numpy as np
import pytest
from astropy.io import fits

from pipeline.catalogs.record import LoadError
from tests.bench import curves, run, templates, variants, world


@pytest.fixture
def measured(monkeypatch):
    """The curves of a flow that is as fast as D, half as fast with a history of 1000 points."""

    def rate(profile, survey, **settings):
        x_d = 0.5 if profile.history_points == 1000 else 1.0
        return {
            "rate_hz": [900.0 * x_d, 1000.0 * x_d], "d_hz": [900.0, 1000.0], "x_d": [x_d, x_d],
            "cpu_ms": {}, "cpu_ms_total": 2.0, "packet_bytes_median": 1,
            "problems": ["1 dead letters"] if settings and survey == "ztf" else [],
        }  # fmt: skip

    monkeypatch.setattr(run, "rate", rate)
    return curves.measured()


def test_each_point_stands_beside_the_base_and_brings_the_problems_of_its_books(measured):
    points = {(one["curve"], one["value"]): one for one in measured["points"]}

    assert points["history points", 1000]["of_base"] == pytest.approx(0.5)
    assert points["history points", 0]["of_base"] == pytest.approx(1.0)
    assert points["packet bytes", 139_000]["of_base"] is None
    assert measured["problems"] == [
        f"alerts per task {number}: 1 dead letters" for number in (1, 20, 100)
    ]


def test_a_point_that_cannot_be_measured_costs_no_other(measured, monkeypatch):
    whole = run.rate

    def rate(profile, *words, **settings):
        if profile.is_clustered:
            raise LoadError("no such file")
        return whole(profile, *words, **settings)

    monkeypatch.setattr(run, "rate", rate)
    found = curves.measured()

    assert len(found["points"]) == len(measured["points"]) - 1
    assert found["problems"][0].startswith("catalog rows 5,000,000")
    assert "no such file" in found["problems"][0]


def test_a_catalog_takes_the_place_of_a_far_larger_one(monkeypatch):
    asked = []

    def load(connection, catalog, wish, report):
        asked.append(wish.is_forced)
        if not wish.is_forced:
            raise LoadError("5,000,000 rows, which stay")
        return "loaded"

    monkeypatch.setattr(run.loading, "load", load)

    assert run.load_anew(None, "lspsc", None) == "loaded"
    assert asked == [False, True]


def test_they_are_told_and_drawn(measured, tmp_path):
    said = "\n".join(curves.lines(measured))
    assert "history points 1,000" in said
    assert "0.50 × D = 0.50 of the base" in said

    curves.plot(measured, tmp_path / "curves.svg")

    assert (tmp_path / "curves.svg").read_text().count("<svg") == 1


def test_two_fifths_of_a_clustered_sky_lie_in_a_fifth_of_it():
    ra_deg = np.random.default_rng(1).uniform(0, 360, 100_000)

    world._cluster(ra_deg)

    assert np.mean(ra_deg < 72) == pytest.approx(0.4, abs=0.01)
    assert np.mean((ra_deg > 72) & (ra_deg < 216)) == pytest.approx(0.3, abs=0.01)


def test_a_plain_packet_has_139_kb_and_no_history():
    value = variants.lsst(3, 3, 10.0, -20.0, cutout_bytes=curves.FITS_BYTES)
    record = templates.read("lsst", value)

    assert 138_000 < len(value) < 141_000
    assert not record["prvDiaSources"]
    assert not record["prvDiaForcedSources"]
    assert len(record["cutoutScience"]) == curves.FITS_BYTES
    with fits.open(io.BytesIO(record["cutoutScience"])) as file:
        assert file[0].data.shape == (103, 103)
