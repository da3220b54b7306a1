"""ZTF history in, points out: detections, limits, forced photometry."""

import copy
import json
import math

import pytest

from pipeline.surveys import ztf
from pipeline.surveys.columns import SCHEMAS
from tests.samples import container
from tests.unit.pipeline.surveys.ztf_packets import alert, decode, detection, forced, only, row

GREEN, RED, NEAR_INFRARED = 0, 2, 4  # bytes of the wire's enum


def test_the_own_detection_opens_the_light_curve():
    batch = only(alert())

    (point,) = batch.detections.rows
    assert batch.detections.parent.tolist() == [0]
    assert (point["jd_utc"], point["band"], point["ra_deg"]) == (2461001.75, RED, 150.25)
    assert point["flux"] == pytest.approx(10 ** (-0.4 * (18.5 - 23.9)) * 1e9)
    assert point["flux_err"] == pytest.approx(0.05 / 1.0857362 * point["flux"])


def test_an_alert_that_is_not_public_keeps_its_detection_to_itself():
    batch = only(alert({"programid": 3}, prv_candidates=[detection(programid=2)]))

    assert batch.is_public.tolist() == [False]
    assert len(batch.detections.rows) == 0


def test_history_falls_into_detections_and_limits():
    rows = [detection(isdiffpos="0"), row(diffmaglim=20.5, fid=3), row(fid=2)]
    batch = only(alert(prv_candidates=rows))

    assert batch.detections.rows["flux"][1] == pytest.approx(-(10 ** (-0.4 * (20 - 23.9))) * 1e9)
    assert batch.limits.rows["band"].tolist() == [NEAR_INFRARED]
    assert batch.limits.rows["flux_err"][0] == pytest.approx(10 ** (-0.4 * (20.5 - 23.9)) / 5 * 1e9)


@pytest.mark.parametrize(
    "values",
    [
        {"programid": 2},
        {"sigmapsf": None},
        {"sigmapsf": 0.0},
        {"sigmapsf": -999.0},
        {"magpsf": 1e30},
        {"magpsf": -1e30},
        {"isdiffpos": None},
        {"fid": 4},
        {"jd": math.nan},
        {"ra": None},
        {"dec": -999.0},
    ],
    ids=str,
)
def test_unusable_rows_of_history_are_left_out(values):
    batch = only(alert(prv_candidates=[detection(**values)]))

    assert len(batch.detections.rows) == 1  # its own
    assert len(batch.limits.rows) == 0


def test_rows_belong_to_their_alert():
    other = alert(
        {"candid": 5, "programid": 3}, candid=5, prv_candidates=[detection(), detection()]
    )
    batch, _ = decode(alert(), other)

    assert batch.detections.parent.tolist() == [0, 1, 1]


def test_forced_photometry_is_scaled_by_its_zero_point():
    (point,) = only(alert(fp_hists=[forced(forcediffimflux=-100.0)])).forced.rows

    scale = 10 ** ((23.9 - 26) / 2.5) * 1e9
    assert point["flux"] == pytest.approx(-100 * scale)
    assert point["flux_err"] == pytest.approx(10 * scale)
    assert (point["has_flux"], point["band"]) == (2, GREEN)


@pytest.mark.parametrize("flux", [-99999.0, math.nan, None], ids=str)
def test_a_forced_flux_of_none_is_a_null_with_zero_bytes(flux):
    (point,) = only(alert(fp_hists=[forced(forcediffimflux=flux)])).forced.rows

    assert (point["has_flux"], point["flux"]) == (0, 0.0)
    assert point["flux_err"] > 0


@pytest.mark.parametrize(
    "values",
    [
        {"procstatus": "61"},
        {"procstatus": None},
        {"procstatus": "0,56"},
        {"programid": 3},
        {"forcediffimfluxunc": -99999.0},
        {"forcediffimfluxunc": math.nan},
        {"forcediffimfluxunc": 0.0},
        {"magzpsci": -99999.0},
        {"magzpsci": None},
        {"fid": 7},
    ],
    ids=str,
)
def test_forced_photometry_that_failed_is_left_out(values):
    assert len(only(alert(fp_hists=[forced(**values)])).forced.rows) == 0


def schema_with_forced_history():
    """Return ours with forced rows as previous candidates, as in 3.5."""
    raw = json.loads((SCHEMAS / "ztf_simulated.avsc").read_text())
    fields = {field["name"]: field for field in raw["fields"]}
    rows = fields["fp_hists"].pop("type")
    raw["fields"].remove(fields["fp_hists"])
    fields["prv_candidates"]["type"] = copy.deepcopy(rows)
    return raw


def test_forced_photometry_among_previous_candidates_is_moved(monkeypatch):
    monkeypatch.setattr("pipeline.surveys.allowed.AllowList.__contains__", lambda *_: True)
    ztf._containers.cache_clear()
    value = container(schema_with_forced_history(), alert(prv_candidates=[forced()]))
    batch = only(value)
    ztf._containers.cache_clear()

    assert [len(series.rows) for series in batch.series()] == [1, 0, 1]
