"""Batches and light curves for tests, made of a few named values."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from broker.kafka_types import Packet
from pipeline.alerts.batch import (
    BANDS,
    DETECTION,
    FORCED,
    LIMIT,
    Batch,
    CatalogMatches,
    Column,
    LightCurves,
    Points,
)
from pipeline.alerts.schemas import record_schema

JD = 2460961.5

_GOOD = {
    "ztf": {
        "jd": JD, "ra": 150.0, "dec": 30.0, "magpsf": 18.0, "sigmapsf": 0.1, "ranr": 150.0,
        "decnr": 30.0, "psfFlux": 1e12, "psfFluxErr": 1e10, "programid": 1, "fid": 2, "band": "r",
    },
    "lsst": {
        "midpointMjdTai": 60961.0, "jd": JD, "ra": 150.0, "dec": 30.0, "magpsf": 23.0,
        "sigmapsf": 0.1, "diffmaglim": 25.0, "psfFlux": 1000.0, "psfFluxErr": 100.0, "band": "r",
        "snr": 10.0, "objectId": "1", "magap": None, "sigmagap": None,
    },
}  # fmt: skip

_ABSENT = {"double": np.nan, "float": np.nan, "boolean": False, "string": None}


def make_batch(survey: str = "ztf", size: int = 1, **fields: Any) -> Batch:
    """Return alerts that pass every gate; a field is one value, or a list with one per alert.

    ``object_id``, ``is_public``, ``score``, ``detections`` (points per alert), ``measured`` (a
    tuple of each alert's extendedness) and ``has_sssource`` set the batch.
    """
    batch_fields = {
        "object_id": "X1", "is_public": True, "score": 0.9, "detections": 1,
        "measured": (), "has_sssource": False,
    }  # fmt: skip
    chosen = {
        name: _spread(fields.pop(name, default), size) for name, default in batch_fields.items()
    }
    values = {name: _spread(v, size) for name, v in (_GOOD[survey] | fields).items()}
    candidate = {
        part["name"]: _column(part["type"], values.get(part["name"], [None] * size))
        for part in record_schema(survey, "candidate")["fields"]
    }
    bands = [BANDS.index(b) if b in BANDS else -1 for b in values["band"]]
    parent = np.repeat(np.arange(size), chosen["detections"])
    return Batch(
        survey=survey,
        packets=[Packet(i, 0, b"") for i in range(size)],
        candid=np.arange(size) + 2**60,
        object_id=np.array(chosen["object_id"], object),
        jd_utc=np.array(values["jd"], float),
        ra_deg=np.array(values["ra"], float),
        dec_deg=np.array(values["dec"], float),
        band=np.array(bands, np.int64),
        is_public=np.array(chosen["is_public"], bool),
        score=np.array([np.nan if s is None else s for s in chosen["score"]], float),
        has_cutouts=np.ones(size, bool),
        bad_images=np.zeros(size, np.int64),
        candidate=candidate,
        detections=Points(parent, np.zeros(len(parent), DETECTION)),
        limits=Points(parent[:0], np.zeros(0, LIMIT)),
        forced=Points(parent[:0], np.zeros(0, FORCED)),
        extendedness=_extendedness(chosen["measured"]),
        has_sssource=np.array(chosen["has_sssource"], bool),
    )


def make_curves(
    survey: str,
    detections: Sequence[Sequence[tuple[Any, ...]]] = (),
    limits: Sequence[Sequence[tuple[Any, ...]]] = (),
    forced: Sequence[Sequence[tuple[Any, ...]]] = (),
) -> LightCurves:
    """Return light curves, one object per element.

    Points are (jd, flux, error, band, ra, dec), (jd, error, band) and (jd, flux or None, error,
    band), with the band's letter.
    """
    count = max(len(detections), len(limits), len(forced))
    packed = (
        _pack(detections, count, DETECTION, lambda p: (*p[:3], 2 * BANDS.index(p[3]), *p[4:])),
        _pack(limits, count, LIMIT, lambda p: (*p[:2], 2 * BANDS.index(p[2]))),
        _pack(forced, count, FORCED, _forced_row),
    )
    return LightCurves(
        survey,
        np.arange(count, dtype=np.int64) + 10,
        tuple(rows for rows, _ in packed),
        tuple(starts for _, starts in packed),
    )


def make_matches(rows: Sequence[tuple[float, ...]], alert: int = 0) -> CatalogMatches:
    """Return LSPSC rows (separation, score, white magnitude) around one alert."""
    ordered = sorted((*row, *(np.nan,) * (3 - len(row))) for row in rows)
    table = np.array(ordered, float).reshape(-1, 3)
    return CatalogMatches(
        alert=np.full(len(table), alert),
        separation_arcsec=table[:, 0],
        columns={"score": table[:, 1], "mag_white": table[:, 2]},
    )


def _extendedness(values: list[tuple[float, ...]]) -> Points:
    parent = np.repeat(np.arange(len(values)), [len(each) for each in values])
    return Points(parent, np.array([value for each in values for value in each], float))


def _spread(value: Any, size: int) -> list[Any]:
    return list(value) if isinstance(value, list) else [value] * size


def _column(kind: Any, values: list[Any]) -> Column:
    kind = kind[1] if isinstance(kind, list) else kind
    valid = np.array([v is not None for v in values], bool)
    if kind == "string":
        found = np.empty(len(values), object)
        found[:] = values
        return Column(found, valid)
    if isinstance(kind, dict):
        return Column(np.array([BANDS.index(v) if v in BANDS else 0 for v in values]), valid)
    absent = _ABSENT.get(kind, 0)
    dtype = {"double": float, "float": float, "boolean": bool}.get(kind, np.int64)
    return Column(np.array([absent if v is None else v for v in values], dtype), valid)


def _pack(objects, count, dtype, convert):
    rows = [[convert(point) for point in points] for points in objects]
    rows += [[]] * (count - len(rows))
    starts = np.concatenate(([0], np.cumsum([len(r) for r in rows]))).astype(np.int64)
    return np.array([point for r in rows for point in r], dtype), starts


def _forced_row(point):
    jd, flux, error, band = point
    return jd, 0 if flux is None else 2, flux or 0.0, error, 2 * BANDS.index(band)
