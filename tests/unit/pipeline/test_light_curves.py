import numpy as np
import pytest

from pipeline.alerts.batch import DETECTION, FORCED, LIMIT
from pipeline.light_curves import unpack


def test_a_ztf_flux_is_read_in_the_unit_of_its_stream():
    flux = 1e9 * 10 ** (-0.4 * (20 - 23.9))  # as ZTF's photometry of magnitude 20 goes out
    packed = np.array([(2460000.5, flux, flux / 10, 4, 10.0, 20.0)], DETECTION).tobytes()

    curve = unpack("ztf", 0, packed)

    assert curve.abmag[0] == pytest.approx(20.0, abs=1e-9)
    assert curve.flux_njy[0] == pytest.approx(36_307.8, rel=1e-5)  # 10^((31.4 - 20) / 2.5)
    assert (curve.band, curve.jd_utc.tolist()) == (["i"], [2460000.5])


@pytest.mark.parametrize(("abmag", "njy"), [(31.4, 1.0), (23.9, 1000.0), (21.4, 10_000.0)])
def test_lsst_fluxes_are_njy(abmag, njy):
    packed = np.array([(2460000.5, njy, njy / 10, 0, 10.0, 20.0)], DETECTION).tobytes()

    curve = unpack("lsst", 0, packed)

    assert curve.abmag[0] == pytest.approx(abmag, abs=1e-9)
    assert curve.flux_njy[0] == pytest.approx(njy)
    assert curve.abmag_err[0] == pytest.approx(0.10857, abs=1e-4)  # 2.5 / ln 10 × 1/10


def test_a_limit_is_five_times_its_error_and_has_no_flux():
    packed = np.array([(2460000.5, 200.0, 4)], LIMIT).tobytes()

    curve = unpack("lsst", 1, packed)

    assert curve.abmag[0] == pytest.approx(23.9)  # 5 × 200 nJy = 1 µJy
    assert np.isnan(curve.flux_njy[0])
    assert np.isnan(curve.abmag_err[0])


def test_a_forced_point_without_flux_has_none():
    packed = np.array([(2460000.5, 0, 0.0, 10.0, 2), (1.0, 2, -50.0, 10.0, 2)], FORCED).tobytes()

    curve = unpack("lsst", 2, packed)

    assert np.isnan(curve.flux_njy[0])
    assert curve.flux_njy[1] == pytest.approx(-50.0)


def test_an_unknown_band_does_not_hide_the_point():
    packed = np.array([(2460000.5, 200.0, 250)], LIMIT).tobytes()

    assert unpack("lsst", 1, packed).band == ["?"]


def test_torn_bytes_are_refused():
    with pytest.raises(ValueError, match="size"):
        unpack("lsst", 1, b"\x00" * 18)
