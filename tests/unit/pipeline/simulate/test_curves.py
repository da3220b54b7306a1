import numpy as np
import pytest

from pipeline.simulate.curves import Curve, Epoch, earlier_visits, flux_njy, measure


def test_flux_of_ab_magnitudes():
    # 8.9 is 1 Jy and 31.4 is 1 nJy by the definition of AB.
    assert flux_njy([8.9, 31.4, 18.9]) == pytest.approx([1e9, 1.0, 1e5])


def test_a_supernova_rises_peaks_and_declines():
    curve = Curve("supernova", 18.0, 100.0, 15.0)

    flux = curve.flux_njy(np.array([80.0, 92.0, 100.0, 120.0, 160.0]), ["r"] * 5)

    assert flux[0] == 0
    assert flux[1] < flux[2] == pytest.approx(10 ** (0.4 * 13.4))
    # 0.055 mag a day for 20 days are 1.1 mag.
    assert flux[2] / flux[3] == pytest.approx(10 ** (0.4 * 1.1))
    assert flux[4] < flux[3]


def test_a_flare_has_halved_after_its_decay_time_times_ln_2():
    curve = Curve("flare", 18.0, 0.0, 4.0)

    flux = curve.flux_njy(np.array([0.0, 4 * np.log(2)]), ["r", "r"])

    assert flux[1] / flux[0] == pytest.approx(0.5)


def test_a_variable_is_fainter_than_its_template_half_of_the_time():
    curve = Curve("variable", 18.0, 0.0, 1.0)

    flux = curve.flux_njy(np.linspace(0, 1, 1000, endpoint=False), ["r"] * 1000)

    assert np.mean(flux < 0) == pytest.approx(0.5, abs=0.01)
    assert flux.mean() == pytest.approx(0, abs=1e-6 * flux.max())


def test_whatever_raises_an_alert_is_found():
    faint = Curve("steady", 25.0, 0.0, 1.0)
    is_alert = np.ones(500, bool)

    flux, error, _ = measure(
        faint, "ztf", np.arange(500.0), ["g"] * 500, is_alert, np.random.default_rng(1)
    )

    assert (flux / error).min() > 5


def test_without_light_only_noise_is_measured():
    dark = Curve("passing", 18.0, -1000.0, 0.1)

    flux, error, limit = measure(
        dark,
        "lsst",
        np.arange(2000.0),
        ["r"] * 2000,
        np.zeros(2000, bool),
        np.random.default_rng(1),
    )

    assert np.std(flux / error) == pytest.approx(1, abs=0.06)
    np.testing.assert_allclose(flux_njy(limit), 5 * error)


def test_the_month_before_ends_before_the_first_alert():
    jd, bands = earlier_visits("ztf", 2461000.0, np.random.default_rng(1))

    assert len(jd) == len(bands) > 5
    assert (np.diff(jd) >= 0).all()
    assert jd.min() > 2461000 - 31
    assert jd.max() < 2461000


def test_magnitude_of_an_epoch():
    epoch = Epoch(1.0, "r", -1230.2758, 245.9368, 24.0, 0.0, 0.0, 5)

    # The check values of the message contract.
    assert epoch.abmag == pytest.approx(23.674994, abs=1e-6)
    assert epoch.abmag_err == pytest.approx(0.217043, abs=1e-6)
    assert epoch.is_detection
