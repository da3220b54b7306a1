"""The rows of a ZTF packet: candidate, history and forced photometry."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.simulate.curves import NJY_ZERO_POINT_ABMAG, Epoch
from pipeline.simulate.ids import NID_ZERO_JD_UTC, ztf_pid
from pipeline.simulate.surroundings import Neighbour

Record = dict[str, Any]

NONE = -999.0
FID = {"g": 1, "r": 2, "i": 3}
ZERO_POINT_ABMAG = {"g": 26.3, "r": 26.25, "i": 25.7}
PIXEL_ARCSEC = 1.01
FAILED_FLUX_DN = -99999.0

_PARTNERS = {1: "Kulkarni", 2: "Kulkarni", 3: "Kulkarni/Prince"}
_RB_VERSION = "t17_f5_c3"
_DRB_VERSION = "d6_m7"


@dataclass(frozen=True)
class Asteroid:
    """The known solar-system object nearest to an alert."""

    separation_arcsec: float
    abmag: float
    name: str


@dataclass(frozen=True)
class Alert:
    """What a ZTF packet is made from.

    Attributes
    ----------
    object_id : str
        ZTF and nine characters.
    epoch : Epoch
        The detection that raised the alert.
    history : sequence of Epoch
        Earlier visits, in order of time.
    neighbours : tuple of (float, Neighbour)
        PS1 sources by separation from this alert [arcsec].
    rcid, field : int
        Readout channel and field.
    programid : int
        1 public.
    drb, rb : float
        Scores.
    asteroid : Asteroid or None
        Within 30 arcsec.
    fwhm_px : float
        Seeing.
    """

    object_id: str
    epoch: Epoch
    history: Sequence[Epoch] = ()
    neighbours: tuple[tuple[float, Neighbour], ...] = ()
    rcid: int = 31
    field: int = 483
    programid: int = 1
    drb: float = 0.9998
    rb: float = 0.82
    asteroid: Asteroid | None = None
    fwhm_px: float = 2.1


def candidate(alert: Alert) -> Record:
    """Return the record of the detection that raised the alert."""
    epoch = alert.epoch
    found = [one for one in alert.history if one.is_detection]
    return {
        **_CONSTANTS,
        **_detection(alert, epoch),
        **_stars(alert.neighbours),
        **_asteroid(alert.asteroid),
        "ndethist": len(found) + 1,
        "ncovhist": 240 + len(alert.history),
        "jdstarthist": found[0].jd_utc if found else epoch.jd_utc,
        "jdendhist": epoch.jd_utc,
        "rfid": alert.field * 1_000_000 + FID[epoch.band] * 100 + alert.rcid * 1000,
        "rb": alert.rb,
        "drb": alert.drb,
    }


def previous(alert: Alert, epoch: Epoch) -> Record:
    """Return a row of the history: a detection, or an upper limit with little in it."""
    if epoch.is_detection:
        return {"rbversion": _RB_VERSION, "rb": alert.rb, **_detection(alert, epoch)}
    return {**_EMPTY_DETECTION, **_exposure(alert, epoch), "rbversion": _RB_VERSION}


def _exposure(alert: Alert, epoch: Epoch) -> Record:
    return {
        "jd": epoch.jd_utc,
        "fid": FID[epoch.band],
        "pid": ztf_pid(epoch.jd_utc, alert.rcid),
        "diffmaglim": epoch.limit_abmag,
        "pdiffimfilename": f"ztf_{alert.field:06d}_z{epoch.band}_c{alert.rcid // 4 + 1:02d}_o_q"
        f"{alert.rcid % 4 + 1}_scimrefdiffimg.fits",
        "programpi": _PARTNERS.get(alert.programid),
        "programid": alert.programid,
        "nid": int(epoch.jd_utc - NID_ZERO_JD_UTC),
        "rcid": alert.rcid,
        "field": alert.field,
        "magzpsci": ZERO_POINT_ABMAG[epoch.band],
        "magzpsciunc": 1.9e-05,
        "magzpscirms": 0.036,
        "clrcoeff": -0.04 if epoch.band == "g" else 0.1,
        "clrcounc": 3.0e-05,
    }


def _detection(alert: Alert, epoch: Epoch) -> Record:
    magnitude, error = epoch.abmag, epoch.abmag_err
    pixel = _pixel(epoch)
    nearest = _nearest_reference(alert)
    return {
        **_SHAPE,
        **_exposure(alert, epoch),
        "candid": epoch.alert_id,
        "tblid": epoch.alert_id % 10_000,
        "isdiffpos": "t" if epoch.flux_njy > 0 else "f",
        "xpos": pixel[0],
        "ypos": pixel[1],
        "mindtoedge": min(*pixel, 3072 - pixel[0], 3080 - pixel[1]),
        "ra": epoch.ra_deg,
        "dec": epoch.dec_deg,
        "magpsf": magnitude,
        "sigmapsf": error,
        "magap": magnitude + 0.02,
        "sigmagap": 1.2 * error,
        "magapbig": magnitude - 0.01,
        "sigmagapbig": 1.5 * error,
        "magdiff": 0.02,
        "magfromlim": epoch.limit_abmag - magnitude - 0.02,
        "scorr": abs(epoch.flux_njy) / epoch.flux_err_njy,
        "fwhm": alert.fwhm_px,
        "aimage": 0.38 * alert.fwhm_px,
        "bimage": 0.34 * alert.fwhm_px,
        **nearest,
    }


def forced(alert: Alert, at: int, epoch: Epoch) -> Record:
    """Return the ``at``-th row of forced photometry."""
    to_dn = 10 ** (0.4 * (ZERO_POINT_ABMAG[epoch.band] - NJY_ZERO_POINT_ABMAG))
    is_failed = at % 17 == 16  # noqa: PLR2004 now and then the survey's own processing fails
    return {
        **_exposure(alert, epoch),
        "rfid": alert.field * 1_000_000 + FID[epoch.band] * 100 + alert.rcid * 1000,
        "sciinpseeing": alert.fwhm_px,
        "scibckgnd": 160.0,
        "scisigpix": 6.2,
        "exptime": 30.0,
        "adpctdif1": 0.08,
        "adpctdif2": 0.09,
        "forcediffimflux": FAILED_FLUX_DN if is_failed else epoch.flux_njy * to_dn,
        "forcediffimfluxunc": FAILED_FLUX_DN if is_failed else epoch.flux_err_njy * to_dn,
        "procstatus": "61" if is_failed else "0",
        **_nearest_reference(alert),
    }


def _nearest_reference(alert: Alert) -> Record:
    """Return the template source nearest to the alert; every one is a PS1 source here."""
    if not alert.neighbours:
        # Required even where nothing is near.
        return {
            "distnr": 21.7,
            "magnr": 20.9,
            "sigmagnr": 0.09,
            "chinr": 0.8,
            "sharpnr": 0.01,
            "ranr": (alert.epoch.ra_deg + 0.006) % 360,
            "decnr": alert.epoch.dec_deg,
        }
    separation, star = alert.neighbours[0]
    return {
        "distnr": separation / PIXEL_ARCSEC,
        "magnr": star.r_abmag,
        "sigmagnr": 0.02,
        "chinr": 0.6,
        "sharpnr": -0.01 if star.score > 0.5 else 0.25,  # noqa: PLR2004 star or galaxy
        "ranr": alert.epoch.ra_deg,
        "decnr": alert.epoch.dec_deg,
    }


def _stars(neighbours: tuple[tuple[float, Neighbour], ...]) -> Record:
    fields: Record = {"nmtchps": len(neighbours)}
    for n in (1, 2, 3):
        separation, star = neighbours[n - 1] if len(neighbours) >= n else (NONE, _NO_STAR)
        fields |= {
            f"sgmag{n}": star.g_abmag,
            f"srmag{n}": star.r_abmag,
            f"simag{n}": star.i_abmag,
            f"szmag{n}": star.z_abmag,
            f"sgscore{n}": star.score,
            f"distpsnr{n}": separation,
            f"objectidps{n}": int(NONE) if separation < 0 else 10**17 + int(separation * 1e9) + n,
        }
    return fields


def _asteroid(asteroid: Asteroid | None) -> Record:
    if asteroid is None:
        return {"ssdistnr": NONE, "ssmagnr": NONE, "ssnamenr": "null"}
    return {
        "ssdistnr": asteroid.separation_arcsec,
        "ssmagnr": asteroid.abmag,
        "ssnamenr": asteroid.name,
    }


def _pixel(epoch: Epoch) -> tuple[float, float]:
    """Return a place on the detector that stays the same for the object."""
    return (epoch.ra_deg * 3600 % 2900) + 80, (abs(epoch.dec_deg) * 3600 % 2900) + 80


_NO_STAR = Neighbour(0, 0, NONE, NONE, NONE, NONE, NONE)

_SHAPE: Record = {
    "chipsf": 1.1,
    "sky": 0.02,
    "classtar": 0.98,
    "seeratio": 1.1,
    "aimagerat": 0.38,
    "bimagerat": 0.34,
    "elong": 1.12,
    "nneg": 2,
    "nbad": 0,
    "sumrat": 0.97,
}

_CONSTANTS: Record = {
    "tooflag": 0,
    "jdstartref": 2458160.71,
    "jdendref": 2458364.71,
    "nframesref": 15,
    "rbversion": _RB_VERSION,
    "drbversion": _DRB_VERSION,
    "dsnrms": 11.4,
    "ssnrms": 21.9,
    "dsdiff": -10.5,
    "nmatches": 980,
    "zpclrcov": -2.3e-05,
    "zpmed": 26.26,
    "clrmed": 0.63,
    "clrrms": 0.26,
    "neargaia": NONE,
    "neargaiabright": NONE,
    "maggaia": NONE,
    "maggaiabright": NONE,
    "exptime": 30.0,
}

_EMPTY_DETECTION: Record = dict.fromkeys(
    ("candid", "isdiffpos", "ra", "dec", "magpsf", "sigmapsf", "ranr", "decnr")
)
