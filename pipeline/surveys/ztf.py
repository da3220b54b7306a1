"""ZTF, the Zwicky Transient Facility: packets from the first test schema to 4.02.

A packet is a container with its schema inside. Fields that a version lacks are null; 3.5 keeps its
forced photometry among the previous candidates.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.avro import Containers
from broker.avro_schema import WriterSchema
from broker.kafka_types import Packet
from pipeline.alerts.batch import Batch, Column, Points, Rejected
from pipeline.photometry import wire_flux, wire_flux_error, wire_limit_error
from pipeline.surveys import columns, points
from pipeline.surveys.allowed import AllowList
from pipeline.surveys.packets import IMAGES, count_images, decode_packets, place_problems
from pipeline.surveys.reading import Reading, inside
from pipeline.surveys.record import Survey
from pipeline.surveys.rows import Rows

OUTPUT_SCHEMA = "babamul_ztf.avsc"
NO_NUMBER = -999
"""ZTF's "none" in candidates and their history."""
NO_FORCED_NUMBER = -99999
"""ZTF's "none" in forced photometry."""
PUBLIC_PROGRAMID = 1
GOOD_PROCSTATUS = "0"
MAX_OBJECT_ID_CHARACTERS = 64

SIGN_BY_ISDIFFPOS: Mapping[Any, float] = MappingProxyType(
    {"t": 1.0, "true": 1.0, "1": 1.0, 1: 1.0, "f": -1.0, "false": -1.0, "0": -1.0, 0: -1.0}
)
"""Of texts in lower case, numbers and booleans (which compare equal to 1 and 0)."""

DERIVED = ("psfFlux", "psfFluxErr", "snr_psf", "apFlux", "apFluxErr", "snr_ap")
NO_TEXT = frozenset({"", "null"})
FORCED_FLUX = "forcediffimflux"

_HISTORY = ("jd", "fid", "programid", "magpsf", "sigmapsf", "diffmaglim", "ra", "dec")
_STATUS = "procstatus"
_FORCED = ("jd", "fid", "programid", FORCED_FLUX, "forcediffimfluxunc", "magzpsci")


def decode(packets: Sequence[Packet]) -> tuple[Batch, list[Rejected]]:
    """Decode ZTF packets; what cannot be read is returned beside the batch, never raised."""
    return decode_packets(packets, READING)


def read(packet: bytes) -> dict[str, Any]:
    """Return the whole record of one packet.

    Raises
    ------
    UnreadableError
        Saying why not.
    """
    record: dict[str, Any] = _containers().read(packet)
    return record


def split(packet: bytes) -> tuple[WriterSchema, bytes]:
    """Return one packet's writer schema and the bytes of its record; raises as ``read``."""
    schema, datum = _locate(packet)
    return schema, bytes(datum)


def _locate(packet: bytes) -> tuple[WriterSchema, bytes | memoryview]:
    return _containers().locate(packet)


@cache
def _containers() -> Containers:
    return Containers(AllowList().__contains__)


def _to_batch(packets: list[Packet], rows: Rows) -> tuple[Batch, NDArray[np.object_]]:
    candidate = _candidate(rows.within("candidate"))
    candid = rows.integers("candid")
    candidate["candid"] = candid
    jd, ra, dec = (candidate[name].values for name in ("jd", "ra", "dec"))
    band = _band(candidate["fid"].values)
    candidate["band"] = columns.band_column(band)
    problems = place_problems(candid.values, jd, ra, dec, ("candid", "jd", "ra", "dec"))
    object_id = _object_id(rows.texts("objectId"), problems)
    columns.refuse_beyond_int32(candidate, columns.fields_by_type(OUTPUT_SCHEMA)["int"], problems)
    is_public = candidate["programid"].values == PUBLIC_PROGRAMID
    has_cutouts, bad_images = count_images(rows)
    detections, limits, forced = _history(rows)
    own = _own_points(candidate, band, is_public)
    batch = Batch(
        survey="ztf",
        packets=packets,
        candid=candid.values,
        object_id=object_id,
        jd_utc=jd,
        ra_deg=ra,
        dec_deg=dec,
        band=band,
        is_public=is_public,
        score=candidate["drb"].values,
        has_cutouts=has_cutouts,
        bad_images=bad_images,
        candidate=candidate,
        detections=points.join(own, detections),
        limits=limits,
        forced=forced,
        extendedness=points.NO_EXTENDEDNESS,
        has_sssource=np.zeros(len(rows), bool),
    )
    return batch, problems


def _candidate(rows: Rows) -> dict[str, Column]:
    names = columns.fields_by_type(OUTPUT_SCHEMA)
    given = [name for name in names["double"] + names["float"] if name not in DERIVED]
    found = columns.number_columns(rows, given, NO_NUMBER)
    found |= columns.integer_columns(rows, names["int"] + names["long"], NO_NUMBER)
    for name in names["string"]:
        found[name] = columns.texts(rows.texts(name), NO_TEXT)
    sign = _sign(rows)
    found["isdiffpos"] = Column(sign > 0, ~np.isnan(sign))
    found |= _fluxes(found, sign)
    return found


def _fluxes(candidate: Mapping[str, Column], sign: NDArray[np.float64]) -> dict[str, Column]:
    found = {}
    for prefix, snr, magnitude, error in (
        ("psf", "snr_psf", "magpsf", "sigmapsf"),
        ("ap", "snr_ap", "magap", "sigmagap"),
    ):
        flux, flux_err = _signed_flux(candidate[magnitude].values, candidate[error].values, sign)
        found[f"{prefix}Flux"] = columns.derived(flux)
        found[f"{prefix}FluxErr"] = columns.derived(flux_err)
        with np.errstate(divide="ignore", invalid="ignore"):
            found[snr] = columns.derived(np.abs(flux) / flux_err)
    return found


def _signed_flux(
    magnitude_abmag: NDArray[np.float64],
    error_abmag: NDArray[np.float64],
    sign: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    with np.errstate(over="ignore", invalid="ignore"):
        flux = sign * wire_flux(magnitude_abmag, "ztf")
        return flux, wire_flux_error(flux, error_abmag)


def _sign(rows: Rows) -> NDArray[np.float64]:
    """Return +1, −1, or NaN where the packet does not say."""
    return rows.coded("isdiffpos", SIGN_BY_ISDIFFPOS, is_folded=True)


def _band(fid: NDArray[Any]) -> NDArray[np.int64]:
    """Return the index in BANDS (g r i come first there) of filters 1 to 3, −1 of any other."""
    with np.errstate(invalid="ignore"):
        return np.where((fid >= 1) & (fid <= 3), fid - 1, -1).astype(np.int64)  # noqa: PLR2004


def _object_id(values: Sequence[Any], problems: NDArray[np.object_]) -> NDArray[np.object_]:
    found = columns.texts(values).values
    for i, text in enumerate(found):
        # Postgres cannot store a NUL, and the id becomes the key of messages.
        if text is not None and not (
            text.isascii() and text.isprintable() and len(text) <= MAX_OBJECT_ID_CHARACTERS
        ):
            problems[i] = problems[i] or f"objectId is unusable: {text[:80]!r}"
    return found


def _own_points(
    candidate: Mapping[str, Column], band: NDArray[np.int64], is_public: NDArray[np.bool_]
) -> Points:
    parent = np.flatnonzero(is_public)
    names = ("jd", "psfFlux", "psfFluxErr", "ra", "dec")
    jd, flux, flux_err, ra, dec = (candidate[name].values[parent] for name in names)
    return points.detections(parent, jd, flux, flux_err, band[parent], ra, dec)


def _history(rows: Rows) -> tuple[Points, Points, Points]:
    parent, previous = rows.child("prv_candidates")
    is_forced = previous.has(FORCED_FLUX)
    detections, limits = _previous_points(parent, previous, ~is_forced)
    of_forced, forced = rows.child("fp_hists")
    found = _forced_points(of_forced, forced, np.ones(len(forced), bool))
    if is_forced.any():
        found = points.join(found, _forced_points(parent, previous, is_forced))
    return detections, limits, found


def _previous_points(
    parent: NDArray[np.int64], rows: Rows, is_wanted: NDArray[np.bool_]
) -> tuple[Points, Points]:
    jd, fid, programid, magpsf, sigmapsf, diffmaglim, ra, dec = rows.numbers(_HISTORY, NO_NUMBER)
    band = _band(fid)
    is_public = is_wanted & (programid == PUBLIC_PROGRAMID)
    is_limit = is_public & np.isnan(magpsf)
    is_detection = is_public & ~np.isnan(magpsf)
    flux, flux_err = _signed_flux(magpsf, sigmapsf, _sign(rows))
    with np.errstate(over="ignore"):
        limit_err = wire_limit_error(diffmaglim, "ztf")
    detection = [parent, jd, flux, flux_err, band, ra, dec]
    limit = [parent, jd, limit_err, band]
    return (
        points.detections(*(values[is_detection] for values in detection)),
        points.limits(*(values[is_limit] for values in limit)),
    )


def _forced_points(parent: NDArray[np.int64], rows: Rows, is_wanted: NDArray[np.bool_]) -> Points:
    jd, fid, programid, flux, flux_err, magzpsci = rows.numbers(_FORCED, NO_FORCED_NUMBER)
    is_good = rows.coded(_STATUS, {GOOD_PROCSTATUS: 1}) == 1
    keep = is_wanted & is_good & (programid == PUBLIC_PROGRAMID)
    with np.errstate(over="ignore", invalid="ignore"):
        scale = wire_flux(np.where(magzpsci == NO_NUMBER, np.nan, magzpsci), "ztf")
        values = [parent, jd, flux * scale, flux_err * scale, _band(fid)]
    return points.forced(*(value[keep] for value in values))


READING = Reading(
    read=read,
    locate=_locate,
    convert=_to_batch,
    wanted=frozenset(
        [
            *("candid", "objectId", *IMAGES),
            *inside("candidate", [*columns.fields_of_candidate(OUTPUT_SCHEMA), "isdiffpos", "fid"]),
            *inside("prv_candidates", [*_HISTORY, *_FORCED, "isdiffpos", _STATUS]),
            *inside("fp_hists", [*_FORCED, _STATUS]),
        ]
    ),
)

SURVEY = Survey(
    name="ztf",
    output_schema=OUTPUT_SCHEMA,
    decode=decode,
    dec_range_deg=(-30.0, 90.0),
    position_error_arcsec=2.0,
    night_utc_offset_h=-7,
    has_limits=True,
    is_wholly_public=False,
    read=read,
    split=split,
    ids_zero=date(2017, 1, 1),
    ids_per_day=10**15,  # the candid is the time of the exposure in days, then channel and counter
)
