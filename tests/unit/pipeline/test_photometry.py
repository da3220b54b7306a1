import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import photometry


def test_ztf_magnitudes_give_the_published_wire_fluxes():
    flux = photometry.wire_flux(14.906532, "ztf")

    assert flux == pytest.approx(3.95719e12, rel=1e-6)
    assert photometry.wire_flux_error(flux, 0.0153339535) == pytest.approx(5.58878e10, rel=1e-6)


def test_lsst_fluxes_give_the_published_magnitudes():
    assert photometry.abmag(-1230.2758, "lsst") == pytest.approx(23.674994, abs=1e-6)
    assert photometry.abmag_error(-1230.2758, 245.9368) == pytest.approx(0.217043, abs=1e-6)
    assert photometry.limiting_abmag(245.9368, "lsst") == pytest.approx(23.675516, abs=1e-6)


def test_a_limit_and_its_error_belong_together():
    error = photometry.wire_limit_error([20.5, 19.0], "ztf")

    assert photometry.limiting_abmag(error, "ztf") == pytest.approx([20.5, 19.0])


@given(st.floats(10, 26), st.sampled_from(["ztf", "lsst"]))
def test_magnitude_to_flux_and_back(magnitude, survey):
    assert photometry.abmag(photometry.wire_flux(magnitude, survey), survey) == pytest.approx(
        magnitude
    )


@given(st.floats(10, 26))
def test_both_surveys_show_one_flux_for_one_magnitude(magnitude):
    njy = [photometry.njy(photometry.wire_flux(magnitude, s), s) for s in ("ztf", "lsst")]

    assert njy[0] == pytest.approx(njy[1])
    assert njy[0] == pytest.approx(3631e9 * 10 ** (-0.4 * magnitude), rel=1e-3)


def test_no_flux_has_no_magnitude_and_no_warning():
    assert photometry.abmag([0.0, np.nan], "ztf").tolist()[0] == np.inf
    assert np.isnan(photometry.abmag(np.nan, "ztf"))
    assert photometry.abmag_error(0.0, 1.0) == np.inf
