"""What the cutouts show: stars, a host galaxy, the transient, noise, and the edge of a detector.

Science is sky + fixed sources + transient, template is the fixed sources seen deeper, difference is
science − template after matching backgrounds; the residual at a bright core is what imperfect
matching leaves.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

FWHM_PER_SIGMA = 2.3548
MOFFAT_BETA = 3.5
"""Wings of atmospheric seeing; a Gaussian has too few."""

MATCHING_ERROR = 0.006
"""Share of a fixed source's light that the subtraction misplaces."""


class Star(NamedTuple):
    """A fixed point source: offset from the centre [pixel] and flux [units of the image]."""

    x_px: float
    y_px: float
    flux: float


class Host(NamedTuple):
    """A galaxy: offset and half-light radius [pixel], flux, axis ratio, angle, Sérsic index."""

    x_px: float
    y_px: float
    flux: float
    radius_px: float
    axis_ratio: float
    angle_deg: float
    sersic_index: float


@dataclass(frozen=True)
class Scene:
    """Everything that decides a trio of cutouts but the noise.

    Attributes
    ----------
    shape : (int, int)
        Rows, columns [pixel].
    fwhm_px : float
        Seeing.
    transient_flux : float
        Difference flux [units of the image]; negative for a source that faded.
    noise_science, noise_template, sky_science, sky_template : float
        Pixel scatter and background [units of the image].
    gain : float
        Flux per photo-electron: photon noise of a pixel is √(gain × light).
    trail_px, trail_deg : float
        Length and direction in which a moving source is drawn out.
    is_artefact : bool
        A ghost of the subtraction instead of a point source.
    edge_px : int
        Rows at the lower edge without data (NaN); 0 for none.
    """

    shape: tuple[int, int]
    fwhm_px: float
    transient_flux: float
    noise_science: float
    noise_template: float
    sky_science: float
    sky_template: float
    gain: float
    stars: tuple[Star, ...] = ()
    host: Host | None = None
    trail_px: float = 0.0
    trail_deg: float = 0.0
    is_artefact: bool = False
    edge_px: int = 0


class Trio(NamedTuple):
    """The three images of an alert."""

    science: Image
    template: Image
    difference: Image


def render(scene: Scene, rng: np.random.Generator) -> Trio:
    """Return the images of ``scene`` with noise drawn from ``rng``."""
    fixed = _fixed_sources(scene)
    transient = _transient(scene)
    # A source cannot fade below nothing: the light that is missing was in the template.
    fixed += np.maximum(-transient - fixed, 0)
    draws = rng.standard_normal((2, *scene.shape), np.float32)
    light = np.maximum(fixed + transient, 0)
    noise_science = draws[0] * np.sqrt(scene.noise_science**2 + scene.gain * light)
    noise_template = draws[1] * np.sqrt(scene.noise_template**2 + 0.05 * scene.gain * fixed)
    science = scene.sky_science + fixed + transient + noise_science
    template = scene.sky_template + fixed + noise_template
    difference = transient + noise_science - noise_template + _residual(fixed)
    for image in (science, template, difference) if scene.edge_px else ():
        image[: scene.edge_px] = np.nan
    return Trio(
        science.astype(np.float32), template.astype(np.float32), difference.astype(np.float32)
    )


def _fixed_sources(scene: Scene) -> Image:
    fixed = np.zeros(scene.shape, np.float32)
    for star in scene.stars:
        fixed += star.flux * point_source(scene.shape, scene.fwhm_px, star.x_px, star.y_px)
    if scene.host is not None:
        fixed += _galaxy(scene.shape, scene.fwhm_px, scene.host)
    return fixed


def _transient(scene: Scene) -> Image:
    if scene.is_artefact:
        return _ghost(scene)
    if not scene.trail_px:
        return np.float32(scene.transient_flux) * point_source(scene.shape, scene.fwhm_px)
    steps = np.linspace(-0.5, 0.5, 9) * scene.trail_px
    angle = np.radians(scene.trail_deg)
    trail = np.zeros(scene.shape, np.float32)
    for x, y in zip(steps * np.sin(angle), steps * np.cos(angle), strict=True):
        trail += point_source(scene.shape, scene.fwhm_px, round(x, 2), round(y, 2)) / len(steps)
    return np.float32(scene.transient_flux) * trail


def _ghost(scene: Scene) -> Image:
    """Return a lobe beside its negative, as a misplaced subtraction leaves."""
    shift = 0.6 * scene.fwhm_px
    plus = point_source(scene.shape, scene.fwhm_px, shift / 2, 0.0)
    minus = point_source(scene.shape, scene.fwhm_px, -shift / 2, 0.0)
    return np.float32(2.5 * scene.transient_flux) * (plus - np.float32(0.8) * minus)


def _residual(fixed: Image) -> Image:
    """Return the slope of the fixed light along the rows: a small error of registration."""
    residual: Image = np.zeros_like(fixed)
    residual[:, 1:-1] = np.float32(MATCHING_ERROR) * (fixed[:, 2:] - fixed[:, :-2])
    return residual


@lru_cache(maxsize=512)
def point_source(
    shape: tuple[int, int], fwhm_px: float, x_px: float = 0.0, y_px: float = 0.0
) -> Image:
    """Return a Moffat profile of unit sum over the plane, offset from the centre."""
    x, y = _grid(shape)
    scale = fwhm_px / (2 * np.sqrt(2 ** (1 / MOFFAT_BETA) - 1))
    norm = (MOFFAT_BETA - 1) / (np.pi * scale**2)
    squared = ((x - x_px) ** 2 + (y - y_px) ** 2) / scale**2
    image: Image = (norm * (1 + squared) ** -MOFFAT_BETA).astype(np.float32)
    image.flags.writeable = False
    return image


def _galaxy(shape: tuple[int, int], fwhm_px: float, host: Host) -> Image:
    """Return a Sérsic profile; seeing only softens its core, a convolution would not be seen."""
    x, y = _grid(shape)
    angle = np.radians(host.angle_deg)
    along = (x - host.x_px) * np.cos(angle) + (y - host.y_px) * np.sin(angle)
    across = (y - host.y_px) * np.cos(angle) - (x - host.x_px) * np.sin(angle)
    seeing = fwhm_px / FWHM_PER_SIGMA
    radius = np.sqrt(along**2 + (across / host.axis_ratio) ** 2 + seeing**2) / host.radius_px
    b = 2 * host.sersic_index - 1 / 3  # Ciotti & Bertin 1999, first terms
    profile = np.exp(-b * radius ** (1 / host.sersic_index))
    galaxy: Image = (host.flux * _sersic_norm(host, b) * profile).astype(np.float32)
    return galaxy


def _sersic_norm(host: Host, b: float) -> float:
    """Return the central brightness of a profile with unit sum."""
    area: float = 2 * math.pi * host.sersic_index * host.radius_px**2 * host.axis_ratio
    norm: float = b ** (2 * host.sersic_index) / (area * math.gamma(2 * host.sersic_index))
    return norm


@lru_cache(maxsize=64)
def _grid(shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the offsets [pixel] of all pixels from the central one (rows // 2, columns // 2)."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    return x - shape[1] // 2, y - shape[0] // 2
