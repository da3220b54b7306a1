import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from mocpy import MOC

from pipeline.sky import (
    Footprint,
    FootprintError,
    galactic_latitude_deg,
    hpx29,
    separation_arcsec,
)

INSIDE = (150.0, 30.0)
OUTSIDE = (265.05, -32.25)

ra = st.floats(0, 360, exclude_max=True)
dec = st.floats(-90, 90)


def everywhere(count=2000):
    rng = np.random.default_rng(1)
    return rng.uniform(0, 360, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))


def test_a_position_lies_in_the_cell_that_another_library_gives():
    ra_deg, dec_deg = everywhere(200)

    cells = [
        MOC.from_lonlat(x * u.deg, y * u.deg, max_norder=29).to_depth29_ranges[0][0]
        for x, y in zip(ra_deg.reshape(-1, 1), dec_deg.reshape(-1, 1), strict=True)
    ]

    assert hpx29(ra_deg, dec_deg).tolist() == [int(cell) for cell in cells]


@pytest.mark.parametrize("ra_deg", [-1e-17, 360.0, 720.0, 0.0])
def test_any_angle_names_the_same_meridian(ra_deg):
    assert hpx29([ra_deg], [5.0])[0] == hpx29([0.0], [5.0])[0]


@pytest.mark.parametrize(
    ("first", "second", "expected_arcsec"),
    [
        ((359.9999, 0.0), (0.0001, 0.0), 0.72),
        ((0.0, 89.9999), (180.0, 89.9999), 0.72),
        ((10.0, 90.0), (200.0, 90.0), 0.0),
        ((10.0, -90.0), (200.0, 90.0), 648000.0),
        ((10.0, 60.0), (10.001, 60.0), 1.8),
        ((10.0, 20.0), (10.0, 20.0), 0.0),
    ],
    ids=["across RA 0", "across the pole", "pole", "pole to pole", "cosine", "same"],
)
def test_separations_with_a_closed_form(first, second, expected_arcsec):
    assert separation_arcsec(*first, *second) == pytest.approx(expected_arcsec, abs=2e-6)


@given(ra, dec, ra, dec)
def test_separation_is_symmetric_and_equals_astropys(ra1, dec1, ra2, dec2):
    ours = separation_arcsec(ra1, dec1, ra2, dec2)

    theirs = SkyCoord(ra1 * u.deg, dec1 * u.deg).separation(SkyCoord(ra2 * u.deg, dec2 * u.deg))
    assert ours == separation_arcsec(ra2, dec2, ra1, dec1)
    assert ours == pytest.approx(theirs.arcsec, abs=0.01)  # near antipodes; else 1e-8


def test_galactic_latitude_equals_astropys():
    ra_deg, dec_deg = everywhere()

    theirs = SkyCoord(ra_deg * u.deg, dec_deg * u.deg).galactic.b.deg

    assert np.abs(galactic_latitude_deg(ra_deg, dec_deg) - theirs).max() < 2e-5


def test_the_approximate_footprint_leaves_out_the_milky_way():
    footprint = Footprint.load("approximate")

    assert footprint.contains(*zip(INSIDE, OUTSIDE, strict=True)).tolist() == [True, False]
    assert footprint.is_approximate


def test_no_footprint_contains_nothing():
    footprint = Footprint.load("none")

    assert footprint.contains(*zip(INSIDE, OUTSIDE, strict=True)).tolist() == [False, False]
    assert not footprint.is_approximate


@pytest.mark.parametrize("order", [3, 8, 11])
def test_a_moc_file_decides_as_its_library_does(tmp_path, order):
    path = tmp_path / "footprint.fits"
    moc = MOC.from_cone(150 * u.deg, 30 * u.deg, radius=40 * u.deg, max_depth=order)
    moc.save(path, format="fits")
    ra_deg, dec_deg = everywhere()

    found = Footprint.load(str(path)).contains(ra_deg, dec_deg)

    assert found.tolist() == moc.contains_lonlat(ra_deg * u.deg, dec_deg * u.deg).tolist()
    assert 0 < found.sum() < len(found)


def test_a_finer_moc_is_tested_by_its_cells_of_order_11(tmp_path):
    path = tmp_path / "fine.fits"
    MOC.from_lonlat([150.0] * u.deg, [30.0] * u.deg, max_norder=20).save(path, format="fits")

    found = Footprint.load(str(path)).contains([150.0, 151.0], [30.0, 30.0])

    assert found.tolist() == [True, False]


def test_an_empty_moc_contains_nothing(tmp_path):
    path = tmp_path / "empty.fits"
    MOC.new_empty(11).save(path, format="fits")

    assert not Footprint.load(str(path)).contains([150.0], [30.0]).any()


@pytest.mark.parametrize("content", [None, b"", b"no FITS at all"], ids=["absent", "empty", "text"])
def test_a_bad_file_is_named_with_its_setting(tmp_path, content):
    path = tmp_path / "bad.fits"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(FootprintError, match=r"bad\.fits \(setting lspsc\.footprint_moc\)"):
        Footprint.load(str(path))
