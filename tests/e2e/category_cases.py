"""The category and gate cases of the public rules (babamul.md 12.F, G and I), written by hand.

Every expected value stands here as a word or a number; nothing is computed with our rules.
"""

from dataclasses import dataclass, field
from typing import Any

NONE = -999.0
MAG_FAINT = 18.0
JUST = 1e-6
"""Taken from a separation that lies on an inclusive limit [arcsec]; floats cannot say it exactly."""


@dataclass(frozen=True)
class Category:
    """An alert's surroundings and the class they must give it.

    Attributes
    ----------
    name : str
        For the test's id.
    survey : str
        Whose alert.
    alert_class, boom_class : str
        By the seed's flowchart (default) and by today's BOOM.
    rows : tuple of (separation, score, magnitude)
        Rows of LSPSC [arcsec, 0..1, AB mag].
    fields : dict
        Of ZTF's candidate or LSST's diaSource.
    is_outside : bool
        Outside the footprint.
    star, near_brightstar : bool or None
        As in the properties.
    is_lonely : bool
        No archival row within 2″: if hostless and unmatched, gets a second copy.
    """

    name: str
    survey: str
    alert_class: str
    boom_class: str
    rows: tuple[tuple[float, float, float], ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    is_outside: bool = False
    star: bool | None = False
    near_brightstar: bool | None = False
    is_lonely: bool = False


def _lsst(name: str, alert_class: str, *rows: tuple[float, ...], **other: Any) -> Category:
    full = tuple((row[0], row[1], row[2] if len(row) > 2 else MAG_FAINT) for row in rows)
    boom_class = other.pop("boom", alert_class)
    return Category(name, "lsst", alert_class, boom_class, full, **other)


def _ztf(name: str, alert_class: str, fields: dict[str, Any], **other: Any) -> Category:
    boom_class = other.pop("boom", alert_class)
    lonely = alert_class == "hostless"  # no catalog has a row there
    return Category(name, "ztf", alert_class, boom_class, (), fields, is_lonely=lonely, **other)


def _ps1(*stars: tuple[float | None, float]) -> dict[str, Any]:
    """Return fields for PS1 sources of (score, separation), nearest first, none of them bright."""
    found: dict[str, Any] = {"nmtchps": len(stars)}
    for n, (score, separation) in enumerate(stars, 1):
        found |= {f"sgscore{n}": score, f"distpsnr{n}": separation, f"srmag{n}": 19.0}
    return found


LSST = (
    _lsst("0.5/0.95", "stellar", (0.5, 0.95), star=True),
    _lsst("2.0/0.3", "hosted", (2.0, 0.3)),
    _lsst("all-high", "hostless", (2.5, 0.8), (4.0, 0.9), (20.0, 0.7), is_lonely=True),
    _lsst("empty-inside", "hostless", is_lonely=True),
    _lsst("empty-outside", "unknown", is_outside=True, star=None, near_brightstar=None),
    _lsst("star-outside", "stellar", (0.5, 0.95), is_outside=True, star=True),
    _lsst("high-outside", "hostless", (2.5, 0.8), is_outside=True, is_lonely=True),
    _lsst("1.0/0.51", "stellar", (1.0 - JUST, 0.51), star=True),
    _lsst("1.01/0.51", "hostless", (1.01, 0.51)),
    _lsst("0.2/0.5", "hostless", (0.2, 0.5), boom="hosted"),
    _lsst("star-and-host", "stellar", (0.5, 0.95), (3.0, 0.1), star=True),
    _lsst("30.0/0.3", "hosted", (30.0 - JUST, 0.3)),
    _lsst("30.1/0.3", "hostless", (30.1, 0.3), is_lonely=True),
    _lsst("30.1/0.3-outside", "unknown", (30.1, 0.3), is_outside=True, star=None,
          near_brightstar=None),
    _lsst("10/0.9/mag-12", "hostless", (10.0, 0.9, 12.0), boom="stellar", near_brightstar=True,
          is_lonely=True),
    _lsst("20.0/0.9/mag-15", "hostless", (20.0 - JUST, 0.9, 15.0), boom="stellar",
          near_brightstar=True, is_lonely=True),
    _lsst("20.1/0.9/mag-12", "hostless", (20.1, 0.9, 12.0), is_lonely=True),
    _lsst("host-in-fourth-place", "hosted", (3.0, 0.9), (4.0, 0.9), (5.0, 0.9), (6.0, 0.1),
          boom="hostless", is_lonely=True),
)  # fmt: skip

BRIGHT_GAIA = {"neargaiabright": 10.0, "maggaiabright": 11.0}

ZTF = (
    _ztf("0.8", "hostless", _ps1((0.8, 5.0))),
    _ztf("star", "stellar", _ps1((0.9, 0.5)), star=True),
    _ztf("star-at-2.0", "stellar", _ps1((0.77, 2.0)), star=True),
    _ztf("no-star-at-2.1", "hostless", _ps1((0.9, 2.1))),
    _ztf("red-star", "stellar", {**_ps1((0.3, 0.8)), "szmag1": 15.5}, star=True),
    _ztf("star-and-host", "stellar", _ps1((0.9, 0.5), (0.1, 3.0)), star=True),
    _ztf("0.3", "hosted", _ps1((0.3, 5.0))),
    _ztf("0.4", "hosted", _ps1((0.4, 5.0))),
    _ztf("all-minus-99", "hostless", _ps1((-99.0, 5.0), (-99.0, 6.0), (-99.0, 7.0))),
    _ztf("0.8-then-0.3", "hosted", _ps1((0.8, 5.0), (0.3, 6.0))),
    _ztf("third-0.3", "hosted", _ps1((0.8, 5.0), (0.8, 6.0), (0.3, 7.0))),
    _ztf("all-null", "hostless", _ps1((None, 5.0), (None, 6.0), (None, 7.0))),
    _ztf("0.5", "hostless", _ps1((0.5, 5.0)), boom="hosted"),
    _ztf("near-brightstar-and-0.3", "hosted", {**_ps1((0.3, 15.0)), **BRIGHT_GAIA},
         boom="stellar", near_brightstar=True),
    _ztf("near-brightstar-alone", "hostless", BRIGHT_GAIA, boom="stellar", near_brightstar=True),
)  # fmt: skip


@dataclass(frozen=True)
class Gated:
    """An alert and why it is not published; None where it is, under either preset.

    Attributes
    ----------
    name : str
        For the test's id.
    survey : str
        Whose alert.
    reason, open_reason : str or None
        By the default gates, and by ``gate.preset = "open"``.
    fields : dict
        Of ZTF's candidate or LSST's diaSource.
    rock : bool
        As in the properties, where it is published.
    """

    name: str
    survey: str
    reason: str | None
    open_reason: str | None
    fields: dict[str, Any]
    rock: bool = False


def _rock(separation_arcsec: float, magnitude: float = 18.0) -> dict[str, Any]:
    return {"ssdistnr": separation_arcsec, "ssmagnr": magnitude, "ssnamenr": "1234"}


ASTEROID = "K26A01B"

GATES = (
    Gated("programid-2", "ztf", "non_public", "non_public", {"programid": 2}),
    Gated("programid-3", "ztf", "non_public", "non_public", {"programid": 3}),
    Gated("programid-2-and-rock", "ztf", "non_public", "non_public",
          {"programid": 2, **_rock(1.0)}),
    Gated("rock-at-11.9", "ztf", "rock", None, _rock(11.9), rock=True),
    Gated("rock-at-0", "ztf", "rock", None, _rock(0.0), rock=True),
    Gated("rock-at-12.0", "ztf", None, None, _rock(12.0)),
    Gated("rock-at-minus-999", "ztf", None, None, _rock(NONE)),
    Gated("rock-without-magnitude", "ztf", None, None, _rock(5.0, NONE)),
    Gated("rock-and-low-drb", "ztf", "rock", None, {"drb": 0.1, **_rock(1.0)}, rock=True),
    Gated("drb-0.19", "ztf", "low_drb", None, {"drb": 0.19}),
    Gated("drb-0.2", "ztf", None, None, {"drb": 0.2}),
    Gated("drb-null", "ztf", "low_drb", None, {"drb": None}),
    Gated("unknown-band", "ztf", "unknown_band", "unknown_band", {"fid": 4}),
    Gated("pixel-flags", "lsst", "pixel_flags", None, {"pixelFlags": True}),
    Gated("ss-object", "lsst", "rock", None, {"designation": ASTEROID}, rock=True),
    Gated("ss-object-0", "lsst", None, None, {"ssObjectId": 0}),
    Gated("reliability-null", "lsst", None, None, {"reliability": None}),
    Gated("reliability-0", "lsst", None, None, {"reliability": 0.0}),
    Gated("no-object", "lsst", "no_object_id", "no_object_id", {"diaObjectId": 0}),
    Gated("no-flux", "lsst", "no_flux", "no_flux", {"psfFlux": None, "psfFluxErr": None}),
    Gated("zero-flux", "lsst", "no_flux", "no_flux", {"psfFlux": 0.0}),
    Gated("no-flux-error", "lsst", "no_flux", "no_flux", {"psfFluxErr": 0.0}),
)  # fmt: skip
