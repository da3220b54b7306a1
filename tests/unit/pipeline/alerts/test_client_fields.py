"""Which alerts the published client can take."""

import numpy as np
import pytest

from pipeline.alerts.gate import has_client_fields
from pipeline.alerts.store import FLAG_NAMES, pack_flags
from tests.unit.pipeline.alerts.batches import make_batch


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_a_whole_alert_is_complete(survey):
    assert has_client_fields(make_batch(survey)).tolist() == [True]


@pytest.mark.parametrize(
    ("survey", "fields"),
    [
        ("ztf", {"ranr": None}),
        ("ztf", {"decnr": np.nan}),
        ("ztf", {"sigmapsf": np.inf}),
        ("ztf", {"psfFlux": None}),
        ("ztf", {"ndethist": -1}),
        ("ztf", {"nmtchps": -999}),
        ("ztf", {"band": "?"}),
        ("lsst", {"snr": None}),
        ("lsst", {"magpsf": None}),
        ("lsst", {"diffmaglim": np.nan}),
        ("lsst", {"detector": -1}),
    ],
)
def test_one_field_that_the_client_refuses_is_enough(survey, fields):
    assert has_client_fields(make_batch(survey, **fields)).tolist() == [False]


def test_aperture_magnitudes_may_be_missing():
    batch = make_batch("lsst", magap=None, sigmagap=np.nan)

    assert has_client_fields(batch).tolist() == [True]


def test_the_flag_is_the_sixth():
    batch = make_batch()
    flags = [batch.candidate["isdiffpos"]] * 6

    assert FLAG_NAMES[5] == "complete"
    assert pack_flags(flags).max() < 2**15
