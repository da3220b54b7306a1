"""An independent reading of packets: plain Python over fastavro's records, one at a time.

Written from the rules for fluxes, times and sentinels; it imports nothing of ours.
"""

import math
from typing import Any

Record = dict[str, Any]

BANDS = "grizyujhk"
POGSON = 1.0857362
LSST_IDS = ("diaObjectId", "ssObjectId", "parentDiaSourceId")
OLD_NAMES = {"midpointMjdTai": "midPointTai", "dec": "decl", "band": "filterName"} | {
    "psfFlux": "psFlux",
    "psfFluxErr": "psFluxErr",
    "psfChi2": "psChi2",
    "psfNdata": "psNdata",
    "scienceFlux": "totFlux",
    "scienceFluxErr": "totFluxErr",
    "trailDec": "trailDecl",
}


def none_if(value: Any, *sentinels: float) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return None if value in sentinels else value


def ztf_flux(magnitude: float) -> float:
    return 10 ** (-0.4 * (magnitude - 23.9)) * 1e9


def ztf_is_positive(value: Any) -> bool:
    return str(value).lower() in ("t", "true", "1")


def ztf_candidate(record: Record, names: list[str]) -> Record:
    """Return the output candidate, None for null; bands by their position."""
    given = record["candidate"]
    found = {name: none_if(given.get(name), -999, -999.0) for name in names}
    found["ssnamenr"] = None if found["ssnamenr"] == "null" else found["ssnamenr"]
    positive = ztf_is_positive(given["isdiffpos"])
    found |= {"isdiffpos": positive, "band": given["fid"] - 1}
    for prefix, snr, mag, sigma in (
        ("psf", "snr_psf", "magpsf", "sigmapsf"),
        ("ap", "snr_ap", "magap", "sigmagap"),
    ):
        if found[mag] is None or found[sigma] is None:
            continue
        flux = ztf_flux(found[mag])
        error = found[sigma] / POGSON * flux
        found |= {
            f"{prefix}Flux": flux if positive else -flux,
            f"{prefix}FluxErr": error,
            snr: flux / error,
        }
    return found


def ztf_points(record: Record) -> tuple[list[tuple], list[tuple], list[tuple]]:
    """Return detections, limits and forced points as tuples in the wire's order of fields."""
    detections, limits, forced = [], [], []
    own = record["candidate"]
    previous, hists = record.get("prv_candidates") or [], record.get("fp_hists") or []
    for row in [own, *previous, *hists]:
        if row["programid"] != 1:
            continue
        band = 2 * (row["fid"] - 1)
        if "forcediffimflux" in row:
            flux = none_if(row["forcediffimflux"], -99999.0)
            error = none_if(row["forcediffimfluxunc"], -99999.0)
            if row["procstatus"] == "0" and error is not None and error > 0:
                scale = 10 ** ((23.9 - row["magzpsci"]) / 2.5) * 1e9
                forced.append(
                    (row["jd"], 0 if flux is None else 2, (flux or 0) * scale, error * scale, band)
                )
        elif row["magpsf"] is None:
            if row["diffmaglim"] is not None:
                limits.append((row["jd"], ztf_flux(row["diffmaglim"]) / 5, band))
        elif row["sigmapsf"] > 0:
            flux = ztf_flux(row["magpsf"])
            signed = flux if ztf_is_positive(row["isdiffpos"]) else -flux
            detections.append(
                (row["jd"], signed, row["sigmapsf"] / POGSON * flux, band, row["ra"], row["dec"])
            )
    return detections, limits, forced


def utc(mjd_tai: float) -> float:
    """Return JD UTC; leap seconds of the years that the samples come from."""
    leap_s = 37 if mjd_tai >= 57754 else 35  # 35 until 2015-06-30, the older samples are of 2015
    return mjd_tai + 2400000.5 - leap_s / 86400


def field(row: Record, name: str) -> Any:
    return none_if(row.get(name, row.get(OLD_NAMES.get(name))))


def lsst_object_id(source: Record) -> str | None:
    if source["diaObjectId"]:
        return str(source["diaObjectId"])
    return f"sso{source['ssObjectId']}" if source["ssObjectId"] else None


def magnitude(flux: Any, error: Any, names: tuple[str, ...]) -> Record:
    """Return magnitude, its error and the signal to noise of a flux in nJy, where there is one."""
    if flux is None:
        return {}
    size = abs(flux)
    values = 31.4 - 2.5 * math.log10(size), POGSON * error / size, size / error
    return dict(zip(names, values, strict=True))


def lsst_candidate(record: Record, names: list[str]) -> Record:
    """Return the output candidate, None for null; bands by their position."""
    source = record["diaSource"]
    found = {name: field(source, name) for name in names}
    found |= {name: found[name] or None for name in LSST_IDS}
    flux, error, n_pixels = found["psfFlux"], found["psfFluxErr"], found["psfNdata"]
    band = found["band"]
    found |= {
        "objectId": lsst_object_id(source),
        "jd": utc(found["midpointMjdTai"]),
        "band": None if band is None else BANDS.index(band),
        "chipsf": found["psfChi2"] / n_pixels if n_pixels and found["psfChi2"] else None,
    }
    found |= magnitude(flux, error, ("magpsf", "sigmapsf", "snr_psf"))
    found |= magnitude(found["apFlux"], found["apFluxErr"], ("magap", "sigmagap", "snr_ap"))
    if found["psfFlux"] is not None:
        found["isdiffpos"] = found["psfFlux"] > 0
        found["diffmaglim"] = 31.4 - 2.5 * math.log10(5 * found["psfFluxErr"])
        found["snr"] = found["snr"] if found["snr"] is not None else found["snr_psf"]
    first = field(record["diaObject"] or {}, "firstDiaSourceMjdTai")
    found["jdstarthist"] = utc(first) if first else None
    found["ndethist"] = (record["diaObject"] or {}).get("nDiaSources")
    return found


def lsst_points(record: Record) -> tuple[list[tuple], list[tuple], list[tuple]]:
    """Return detections, limits (none) and forced points."""
    detections, forced = [], []
    for row in [record["diaSource"], *(record["prvDiaSources"] or [])]:
        flux, error, band = (field(row, name) for name in ("psfFlux", "psfFluxErr", "band"))
        if flux and error and band:
            jd, dec = utc(field(row, "midpointMjdTai")), field(row, "dec")
            detections.append((jd, flux, error, 2 * BANDS.index(band), row["ra"], dec))
    for row in record["prvDiaForcedSources"] or []:
        flux, error, band = (field(row, name) for name in ("psfFlux", "psfFluxErr", "band"))
        if error and band:
            jd = utc(field(row, "midpointMjdTai"))
            forced.append((jd, 0 if flux is None else 2, flux or 0, error, 2 * BANDS.index(band)))
    return detections, [], forced
