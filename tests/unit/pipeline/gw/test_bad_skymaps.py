"""What is no map is refused with its cause; the notice that carries it goes on."""

import gzip
import io

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerts.skymap_files import SkyMapError
from pipeline.gw import skymap
from pipeline.gw.scored import score_notice
from pipeline.gw.skymap import SkyMap
from tests.gw_notices import make_map, with_map

WHOLE = make_map()
DENSITY = 3 / np.pi
"""Of an order-0 pixel that holds everything [1/sr]."""


def declared(**changes):
    """Return a map whose table declares something else than it has."""
    with fits.open(io.BytesIO(WHOLE)) as file:
        header = file[1].header.copy()
    for name, value in changes.items():
        header[name] = value
    return WHOLE[:2880] + header.tostring().encode() + WHOLE[5760:]


def picture():
    stream = io.BytesIO()
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(stream)
    return stream.getvalue()


BAD = {
    "empty": (b"", "no FITS file"),
    "text": (b"hello", "no FITS file"),
    "bzip2": (b"BZh91AY&SY", "no FITS file"),
    "cut header": (WHOLE[:3000], "."),
    "cut data": (WHOLE[:5760], "too small"),
    "picture": (picture(), "no table"),
    "broken gzip": (b"\x1f\x8b" + b"\0" * 20, "no gzip"),
    "a billion rows": (declared(NAXIS2=10**9), "declares 1000000000 rows"),
    "wide rows": (declared(NAXIS1=10**9), "declares 12 rows of 1000000000"),
    "no density": (make_map(UNUSED=np.zeros(12)).replace(b"PROBDENSITY", b"PROBABOUT  "), "PROBDENSITY"),
    "half": (make_map(density=[DENSITY / 2] + [0] * 11), "sum to 0.5000"),
    "three percent more": (make_map(density=[DENSITY * 1.03] + [0] * 11), "sum to 1.0300"),
    "negative": (make_map(density=[2 * DENSITY, -DENSITY] + [0] * 10), "negative"),
    "not a number": (make_map(density=[DENSITY, np.nan] + [0] * 10), "not finite"),
    "no pixels": (make_map(uniq=[], density=[]), "."),
    "UNIQ of nothing": (make_map(uniq=[3], density=[DENSITY]), "4 or more"),
    "UNIQ too fine": (make_map(uniq=[4**31], density=[DENSITY]), "beyond"),
    "twice the same": (make_map(uniq=[4, 4], density=[DENSITY / 2] * 2), "overlap"),
    "inside another": (make_map(uniq=[4, 16], density=[DENSITY / 2, DENSITY * 2]), "overlap"),
}  # fmt: skip
bad_maps = pytest.mark.parametrize(("content", "cause"), BAD.values(), ids=BAD)


@bad_maps
def test_what_is_no_map_is_refused(content, cause):
    with pytest.raises(SkyMapError, match=cause):
        SkyMap.from_fits(content)


@bad_maps
def test_its_notice_goes_on_without_a_map(content, cause):
    alert = score_notice(with_map(content))

    assert alert.sky_map is None
    assert alert.skymap_cause.startswith("the map cannot be used: ")
    assert (alert.area_90_deg2, alert.distance_mpc) == (None, None)
    assert alert.score.score == 2
    assert "area unknown" in alert.score.rule
    assert not alert.plans_itself()


def test_two_percent_are_forgiven():
    found = SkyMap.from_fits(make_map(density=[DENSITY * 1.019] + [0] * 11))

    assert found.probability.sum() == pytest.approx(1)


def test_a_gzip_bomb_is_stopped(monkeypatch):
    monkeypatch.setattr(skymap, "MAX_FITS_BYTES", 100_000)

    with pytest.raises(SkyMapError, match="more than 100000 bytes"):
        SkyMap.from_fits(gzip.compress(WHOLE + b"\0" * 200_000))


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=30)),
        min_size=1,
        max_size=6,
    )
)
def test_a_damaged_map_is_a_map_or_none(damage):
    content = bytearray(WHOLE)
    for at, piece in damage:
        content[at : at + len(piece)] = piece

    alert = score_notice(with_map(bytes(content)))

    assert (alert.sky_map is None) == (alert.skymap_cause is not None)
