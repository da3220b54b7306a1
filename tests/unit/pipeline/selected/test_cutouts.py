"""Cutouts: what is no whole FITS file is never written, every real one is."""

import gzip
import io
import warnings

import numpy as np
import pytest
from astropy.io import fits

from pipeline.selected.cutouts import cutout, cutouts_of, is_whole
from tests import samples


def image(*shape: int) -> bytes:
    out = io.BytesIO()
    second = fits.ImageHDU(np.ones((5, 4), np.float64))
    fits.HDUList([fits.PrimaryHDU(np.ones(shape, np.float32)), second]).writeto(out)
    return out.getvalue()


WHOLE = image(30, 20)
HUGE = WHOLE.replace(b"NAXIS1  =                   20", b"NAXIS1  =           2000000000")
BROKEN = {
    "no FITS": b"<html>not found</html>",
    "cut in the header": WHOLE[:1000],
    "cut in the image": WHOLE[:4000],
    "cut in the last part": WHOLE[:8640],
    "claims more than there is": HUGE,
    "no END": b"SIMPLE  =                    T".ljust(80) * 200,
    "torn gzip": gzip.compress(WHOLE)[:-20],
    "gzip of nothing": gzip.compress(b""),
    "bomb": gzip.compress(b"SIMPLE" + bytes(9 << 20)),
    "no bytes": "text",
}


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
def test_what_is_no_whole_image_is_broken(value):
    assert cutout(value) == ("broken", b"")


@pytest.mark.parametrize("value", [None, b"", {"fileName": "a", "stampData": None}], ids=repr)
def test_what_is_not_there_is_absent(value):
    assert cutout(value) == ("absent", b"")


def test_plain_fits_is_kept_as_it_came():
    assert cutout(WHOLE) == ("present", WHOLE)


def test_gzip_is_unpacked():
    assert cutout({"stampData": gzip.compress(WHOLE)}) == ("present", WHOLE)


def test_missing_padding_behind_the_last_part_is_no_loss():
    assert is_whole(WHOLE[: 4 * 2880 + 5 * 4 * 8])


def test_kinds_are_told_apart():
    found = cutouts_of({"cutoutScience": WHOLE, "cutoutTemplate": None, "cutoutDifference": b"x"})

    states = {kind: each.state for kind, each in found.items()}
    assert states == {"science": "present", "template": "absent", "difference": "broken"}


def opens(plain: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(io.BytesIO(plain)) as parts:
            return any(part.data is not None for part in parts)


def test_every_cutout_of_the_samples_is_present_and_opens():
    packets = [*samples.rubin(), *samples.legacy(), *samples.ztf_originals()[:40]]
    found = [each for one in packets for each in cutouts_of(one.record).values()]

    assert not [each for each in found if each.state == "broken"]
    assert all(opens(each.fits) for each in found if each.state == "present")
