"""LSST cutouts: plain FITS files of image, variance and point-spread function."""

import numpy as np

from pipeline.simulate import fits
from pipeline.simulate.curves import Epoch
from pipeline.simulate.images import Image, Trio, point_source

PIXEL_ARCSEC = 0.2
PSF_SIDE_PX = 41

_ROTATION_DEG = 46.5


def cutouts(trio: Trio, epoch: Epoch, fwhm_px: float) -> dict[str, bytes]:
    """Return the three files by their names in the packet."""
    wcs = _wcs(epoch, trio.science.shape)
    psf = np.array(point_source((PSF_SIDE_PX, PSF_SIDE_PX), fwhm_px), np.float64)
    last = fits.extension(psf / psf.sum(), "PSFIMAGE")
    variance = float(np.nanmedian(np.abs(trio.difference)) * 1.4826) ** 2
    return {
        "cutoutDifference": _cutout(trio.difference, variance, wcs, last),
        "cutoutScience": _cutout(trio.science, 0.8 * variance, wcs, last),
        "cutoutTemplate": _cutout(trio.template, 0.2 * variance, wcs, last),
    }


def _cutout(image: Image, variance: float, wcs: tuple[fits.Card, ...], psf: bytes) -> bytes:
    """Return a plain FITS file as Rubin's: image, variance, point-spread function."""
    spread = np.full(image.shape, variance, np.float32)
    spread += 0.01 * np.abs(np.nan_to_num(image))
    uncertainty = fits.extension(spread, "UNCERT", (("UTYPE", "VarianceUncertainty"),))
    return fits.primary(image, wcs, extend=True) + uncertainty + psf


def _wcs(epoch: Epoch, shape: tuple[int, ...]) -> tuple[fits.Card, ...]:
    """Return the tangent-plane coordinates: the alert in the middle, the field rotated."""
    scale = PIXEL_ARCSEC / 3600
    cosine = float(scale * np.cos(np.radians(_ROTATION_DEG)))
    sine = float(scale * np.sin(np.radians(_ROTATION_DEG)))
    return (
        ("ROTPA", _ROTATION_DEG),
        ("BUNIT", "nJy"),
        ("WCSAXES", 2),
        ("CRPIX1", shape[1] // 2 + 1.0),
        ("CRPIX2", shape[0] // 2 + 1.0),
        ("PC1_1", -cosine),
        ("PC1_2", sine),
        ("PC2_1", sine),
        ("PC2_2", cosine),
        ("CDELT1", 1.0),
        ("CDELT2", 1.0),
        ("CUNIT1", "deg"),
        ("CUNIT2", "deg"),
        ("CTYPE1", "RA---TAN"),
        ("CTYPE2", "DEC--TAN"),
        ("CRVAL1", epoch.ra_deg),
        ("CRVAL2", epoch.dec_deg),
        ("RADESYS", "ICRS"),
    )
