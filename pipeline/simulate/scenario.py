"""One object as two surveys meet it, packet by packet, with what must become of each.

The single packets come from ``make_ztf_packet`` and ``make_lsst_packet``, which take every field by
the survey's own name.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.simulate import ztf
from pipeline.simulate.catalogs import Columns
from pipeline.simulate.ids import ztf_pid
from pipeline.simulate.placing import offset_deg
from pipeline.simulate.recipes import APPEARANCE
from pipeline.simulate.single import (
    DEC_DEG,
    JD_UTC,
    LSST_OBJECT,
    RA_DEG,
    epoch,
    make_lsst_packet,
    make_ztf_packet,
)
from pipeline.simulate.surroundings import Neighbour
from pipeline.simulate.times import unix_ms
from pipeline.simulate.truth import SimulatedPacket, Truth

__all__ = ["Appearance", "appearance", "epoch", "make_lsst_packet", "make_ztf_packet"]

MATCH_RADIUS_ARCSEC = 2.0

_OTHER = {"ztf": "lsst", "lsst": "ztf"}
_AROUND = {
    "stellar": Neighbour(0.1, 0.0, 0.95, 18.4, 18.0, 17.8, 17.7),
    "hosted": Neighbour(3.0, 0.0, 0.1, 18.9, 18.2, 17.9, 17.8),
}


@dataclass(frozen=True)
class Appearance:
    """The packets of one object in order of time, and the catalog that they are judged with."""

    packets: tuple[SimulatedPacket, ...]
    lspsc: Columns


def appearance(
    alert_class: str = "stellar",
    *,
    separation_arcsec: float = 0.0,
    is_ztf_first: bool = False,
    ztf_programid: int = 1,
    ra_deg: float = RA_DEG,
    dec_deg: float = DEC_DEG,
    start_jd_utc: float = JD_UTC,
    number: int = 0,
) -> Appearance:
    """Return an object as both surveys meet it on days 1, 3, 5, 7 and 7.

    Parameters
    ----------
    alert_class : str
        ``stellar``, ``hosted`` or ``hostless``.
    separation_arcsec : float
        ZTF's position lies this far east of LSST's.
    is_ztf_first : bool
        The surveys change parts.
    ztf_programid : int
        Other than 1: ZTF's alerts are gated and match nothing.
    ra_deg, dec_deg : float
        LSST's position.
    start_jd_utc : float
        Day 1.
    number : int
        Tells objects of one test apart.
    """
    ztf_ra, ztf_dec = offset_deg(ra_deg, dec_deg, separation_arcsec, 0.0)
    places = {"lsst": (ra_deg, dec_deg), "ztf": (ztf_ra, ztf_dec)}
    is_match = separation_arcsec <= MATCH_RADIUS_ARCSEC and ztf_programid == 1
    swap = {"ztf": "lsst", "lsst": "ztf"} if is_ztf_first else {}
    seen: set[str] = set()
    packets = []
    for step, (day, planned) in enumerate(APPEARANCE):
        survey = swap.get(planned, planned)
        is_matched = is_match and _OTHER[survey] in seen
        jd_utc = start_jd_utc + day + 0.01 * step
        packets.append(
            _step(
                number * len(APPEARANCE) + step,
                survey,
                alert_class,
                places[survey],
                jd_utc,
                ztf_programid,
                is_matched=is_matched,
            )
        )
        seen.add(survey)
    return Appearance(tuple(packets), _catalog(alert_class, ra_deg, dec_deg, number))


def _step(
    number: int,
    survey: str,
    alert_class: str,
    place: tuple[float, float],
    jd_utc: float,
    ztf_programid: int,
    *,
    is_matched: bool,
) -> SimulatedPacket:
    ra, dec = place
    is_gated = survey == "ztf" and ztf_programid != 1
    match = f"{'' if is_matched else 'no-'}{_OTHER[survey]}-match"
    at = number // len(APPEARANCE)
    if survey == "ztf":
        alert_id, object_id = ztf_pid(jd_utc, 31) * 1_000_000 + 10_000 + number, _ztf_name(at)
        topic = ztf.topic(jd_utc, ztf_programid)
        around = _sgscore(alert_class)
        value = make_ztf_packet(
            object_id=object_id, candid=alert_id, ra=ra, dec=dec, jd=jd_utc,
            programid=ztf_programid, **around,
        )  # fmt: skip
    else:
        alert_id, object_id = (1 << 57) + (int(jd_utc * 1e4) << 20) + number, str(LSST_OBJECT + at)
        topic = "lsst-alerts-v11"
        value = make_lsst_packet(
            diaSourceId=alert_id, diaObjectId=LSST_OBJECT + at, ra=ra, dec=dec, jd=jd_utc
        )
    truth = Truth(
        number=number,
        input_topic=topic,
        survey=survey,
        alert_id=alert_id,
        object_id=object_id,
        category="appearance",
        surroundings=alert_class,
        jd_utc=jd_utc,
        ra_deg=ra,
        dec_deg=dec,
        band="r",
        expected_class=alert_class,
        expected_gate="non_public" if is_gated else None,
        expected_topic=None if is_gated else f"babamul.{survey}.{match}.{alert_class}",
        expected_none=alert_class == "hostless" and not is_matched and not is_gated,
    )
    return SimulatedPacket(survey, topic, None, value, unix_ms(jd_utc), truth)


def _ztf_name(number: int) -> str:
    return f"ZTF26b{''.join(chr(ord('a') + int(digit)) for digit in f'{number:06d}')}"


def _sgscore(alert_class: str) -> dict[str, Any]:
    star = _AROUND.get(alert_class)
    if star is None:
        return {}
    return {
        "sgscore1": star.score,
        "distpsnr1": star.east_arcsec,
        "sgmag1": star.g_abmag,
        "srmag1": star.r_abmag,
        "simag1": star.i_abmag,
        "szmag1": star.z_abmag,
        "nmtchps": 1,
    }


def _catalog(alert_class: str, ra_deg: float, dec_deg: float, number: int) -> Columns:
    star = _AROUND.get(alert_class)
    # A row that matches nothing keeps the catalog from being empty.
    rows = [(1 + 2 * number, (ra_deg + 5) % 360, dec_deg, 0.5, 21.0)]
    if star is not None:
        rows.append(
            (2 + 2 * number, *star.position_deg(ra_deg, dec_deg), star.score, star.white_abmag)
        )
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return dict(zip(("id", "ra", "dec", "score", "mag_white"), columns, strict=True))
