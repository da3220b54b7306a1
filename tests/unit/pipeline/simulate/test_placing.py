from itertools import pairwise

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from pipeline.simulate import placing, sky
from pipeline.simulate.placing import OUTSIDE, ZTF_SKY, Placing, offset_deg


def placed(region, number, share=0):
    placing_ = Placing(np.random.default_rng(1), 1600, share)
    return placing_, [placing_.take(region) for _ in range(number)]


def coordinates(places):
    return SkyCoord([p.ra_deg for p in places], [p.dec_deg for p in places], unit="deg")


def vectors(ra_deg, dec_deg):
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def separations_arcsec(one, other):
    return np.degrees(np.arccos(np.clip(one @ other.T, -1, 1))) * 3600


def test_no_two_sources_are_within_two_arcminutes():
    _, places = placed(ZTF_SKY, 1600)
    here = vectors([p.ra_deg for p in places], [p.dec_deg for p in places])

    apart = separations_arcsec(here, here) + 1e9 * np.eye(len(here))

    assert apart.min() > 119.9


def test_background_rows_stay_away_from_every_source():
    rng = np.random.default_rng(2)
    placing_, places = placed(ZTF_SKY, 1600)
    ra, dec = placing.background(rng, placing_.fields, 5000)

    here = vectors([p.ra_deg for p in places], [p.dec_deg for p in places])

    assert separations_arcsec(vectors(ra, dec), here).min() > 44.9


def test_no_field_gives_no_background():
    ra, dec = placing.background(np.random.default_rng(2), [], 10)

    assert len(ra) == len(dec) == 0


def test_regions_by_galactic_latitude():
    _, inside = placed(ZTF_SKY, 50)
    _, outside = placed(OUTSIDE, 50)

    assert abs(coordinates(inside).galactic.b.deg).min() > 20
    assert abs(coordinates(outside).galactic.b.deg).max() < 16


def test_seeds_that_follow_one_another_share_no_field():
    fields = [{f.number for f in sky(seed, ztf=50, lsst=50).plan.fields} for seed in range(5)]

    assert all(not a & b for a, b in pairwise(fields))


def test_a_full_sky_is_refused():
    narrow = Placing(np.random.default_rng(1), per_field=1)

    with pytest.raises(ValueError, match="no room for more sources in region 'outside'"):
        [narrow.take(OUTSIDE) for _ in range(1000)]


@given(
    st.floats(0, 359.9999),
    st.floats(-89, 89),
    st.floats(-30, 30),
    st.floats(-30, 30),
)
def test_an_offset_has_its_length_and_direction(ra, dec, east, north):
    here = SkyCoord(ra, dec, unit="deg")
    there = SkyCoord(*offset_deg(ra, dec, east, north), unit="deg")

    # Recovers the components through astropy's own tangent plane.
    lon, lat = here.spherical_offsets_to(there)

    assert here.separation(there).arcsec == pytest.approx(np.hypot(east, north), abs=1e-6)
    assert (lon.arcsec, lat.arcsec) == pytest.approx((east, north), abs=2e-6)


def test_an_offset_across_zero_stays_in_range():
    ra, _ = offset_deg(359.9999, 0.0, 1.0, 0.0)

    assert ra == pytest.approx(0.000177778, abs=1e-8)
