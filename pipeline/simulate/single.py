"""Single packets for tests: every field may be given, the rest is plausible."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from pipeline.simulate import lsst, ztf
from pipeline.simulate.curves import Epoch, flux_njy
from pipeline.simulate.ids import ztf_pid
from pipeline.simulate.images import Scene, Trio, render
from pipeline.simulate.times import mjd_tai
from pipeline.simulate.ztf_rows import Alert

JD_UTC = 2461254.75
RA_DEG = 150.0
DEC_DEG = 30.0
"""Inside the approximate footprint of the point-source catalog, in reach of both surveys."""

ZTF_OBJECT = "ZTF26aaaaaaa"
LSST_OBJECT = 170_028_496_585_752_654


def epoch(
    jd_utc: float = JD_UTC,
    band: str = "r",
    abmag: float = 18.5,
    *,
    err_abmag: float = 0.05,
    limit_abmag: float = 20.5,
    ra_deg: float = RA_DEG,
    dec_deg: float = DEC_DEG,
    alert_id: int = 0,
    is_positive: bool = True,
) -> Epoch:
    """Return one visit, to be given as ``history``; ``alert_id`` 0 is a visit without detection."""
    flux = float(flux_njy(abmag)) * (1 if is_positive else -1)
    error = abs(flux) * err_abmag / 1.0857362
    return Epoch(jd_utc, band, flux, error, limit_abmag, ra_deg, dec_deg, alert_id)


def make_ztf_packet(
    *,
    object_id: str = ZTF_OBJECT,
    history: Sequence[Epoch] = (),
    forced: Sequence[Epoch] | None = None,
    has_cutouts: bool = True,
    **candidate: Any,
) -> bytes:
    """Return one ZTF packet.

    Parameters
    ----------
    object_id : str
        Its objectId.
    history : sequence of Epoch
        Rows of prv_candidates, see ``epoch``.
    forced : sequence of Epoch, optional
        Rows of fp_hists; those of ``history`` if not given.
    has_cutouts : bool
        Whether the cutouts are there.
    **candidate
        Fields of the candidate by their names in the packet (``ra``, ``dec``, ``jd``, ``candid``,
        ``drb``, ``sgscore1`` …); ``band`` may stand for ``fid``.

    Raises
    ------
    TypeError
        Naming a field that a candidate does not have.
    """
    band = candidate.pop("band", "r")
    jd_utc = candidate.get("jd", JD_UTC)
    own = epoch(
        jd_utc,
        band,
        ra_deg=candidate.get("ra", RA_DEG),
        dec_deg=candidate.get("dec", DEC_DEG),
        alert_id=candidate.get("candid") or ztf_pid(jd_utc, 31) * 1_000_000 + 10_001,
    )
    programid = candidate.get("programid", 1)
    trio = _trio((63, 63), 2.1) if has_cutouts else None
    alert = Alert(object_id, own, history, programid=programid)
    record = ztf.record(alert, trio)
    if forced is not None:
        alert = Alert(object_id, own, forced, programid=programid)
        record["fp_hists"] = ztf.record(alert, None)["fp_hists"]
    record["candid"] = own.alert_id
    _override(record["candidate"], candidate, ztf.schema(), "candidate")
    return ztf.packet(record)


def make_lsst_packet(
    *,
    jd: float = JD_UTC,
    history: Sequence[Epoch] = (),
    designation: str | None = None,
    has_cutouts: bool = True,
    schema_id: int = lsst.SCHEMA_ID,
    **dia_source: Any,
) -> bytes:
    """Return one LSST packet.

    Parameters
    ----------
    jd : float
        Time (JD, UTC); ``midpointMjdTai`` beats it.
    history : sequence of Epoch
        Forced photometry; those with ``alert_id`` are prvDiaSources as well.
    designation : str or None
        Packed designation of a solar-system object: fills ssSource, mpc_orbits and ssObjectId.
    has_cutouts : bool
        Whether the cutouts are there.
    schema_id : int
        1101 or 1000.
    **dia_source
        Fields of diaSource by their names in the packet (``diaSourceId``, ``diaObjectId``, ``ra``,
        ``psfFlux``, ``reliability``, ``pixelFlags`` …).

    Raises
    ------
    TypeError
        Naming a field that a diaSource does not have.
    """
    default_object = 0 if designation else LSST_OBJECT
    own = epoch(
        jd,
        dia_source.get("band") or "r",
        21.0,
        ra_deg=dia_source.get("ra", RA_DEG),
        dec_deg=dia_source.get("dec", DEC_DEG),
        alert_id=dia_source.get("diaSourceId") or int(mjd_tai(jd) * 1e5) << 24,
    )
    alert = lsst.Alert(
        own,
        history,
        dia_object_id=dia_source.get("diaObjectId", default_object) or 0,
        designation=designation,
    )
    record = lsst.record(alert, _trio((30, 30), 4.0) if has_cutouts else None)
    record["diaSourceId"] = own.alert_id
    _override(record["diaSource"], dia_source, lsst.schema(schema_id), "diaSource")
    return lsst.packet(record, schema_id)


def _override(
    record: dict[str, Any], given: dict[str, Any], schema: dict[str, Any], part: str
) -> None:
    known = {
        field["name"]
        for outer in schema["fields"]
        if outer["name"] == part
        for field in outer["type"]["fields"]
    }
    if unknown := sorted(set(given) - known):
        raise TypeError(f"a {part} has no field {', '.join(unknown)}")
    record.update(given)


@lru_cache(maxsize=4)
def _trio(shape: tuple[int, int], fwhm_px: float) -> Trio:
    """Return the images that every packet made here shares: a bright point source."""
    scene = Scene(shape, fwhm_px, 4000.0, 5.0, 3.0, 0.0, 0.0, 0.1)
    return render(scene, np.random.default_rng(0))
