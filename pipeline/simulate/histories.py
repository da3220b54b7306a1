"""The visits of one survey to one source: a month before its first alert, and the alerts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.simulate.curves import DETECTION_SNR, Epoch, Floats, earlier_visits, measure
from pipeline.simulate.ids import Ids
from pipeline.simulate.placing import offset_deg
from pipeline.simulate.plan import Source, Visit

SCATTER_ARCSEC = {"ztf": 0.08, "lsst": 0.015}
LARGEST_SCATTER_ARCSEC = {"ztf": 0.2, "lsst": 0.03}

_CODE = {"ztf": 11, "lsst": 12}


def history(seed: int, ids: Ids, visits: Sequence[Visit]) -> list[Epoch]:
    """Return all epochs of the source that ``visits`` see, in order of time.

    Parameters
    ----------
    seed : int
        Of the run.
    ids : Ids
        Names detections made before the first alert.
    visits : sequence of Visit
        All of one survey to one source, in order of time.
    """
    source, survey = visits[0].source, visits[0].survey
    rng = np.random.default_rng([seed, _CODE[survey], source.number])
    earlier, earlier_bands = _earlier(source, survey, visits[0].jd_utc, rng)
    jd = np.concatenate([earlier, [visit.jd_utc for visit in visits]])
    bands = [*earlier_bands, *(visit.band for visit in visits)]
    is_alert = np.arange(len(jd)) >= len(earlier)
    flux, error, limit = measure(source.curve, survey, jd, bands, is_alert, rng)
    found = is_alert | (np.abs(flux) > DETECTION_SNR * error)
    if source.curve.shape == "passing":
        found = is_alert
    names = [ids.alert(survey, float(jd[i]), source.number, -31 * i) for i in range(len(earlier))]
    names += [visit.alert_id for visit in visits]
    places = _places(source, survey, len(jd), rng)
    return [
        Epoch(*row)
        for row in zip(
            jd.tolist(),
            bands,
            flux.tolist(),
            error.tolist(),
            limit.tolist(),
            *zip(*places, strict=True),
            _known(names, found),
            strict=True,
        )
    ]


def _earlier(
    source: Source, survey: str, first_jd_utc: float, rng: np.random.Generator
) -> tuple[Floats, list[str]]:
    if survey == "lsst" and source.curve.shape == "passing":
        return np.empty(0), []  # Rubin gives no history where there is no diaObject
    return earlier_visits(survey, first_jd_utc, rng)


def _known(names: Sequence[int], found: NDArray[np.bool_]) -> list[int]:
    return [name if is_found else 0 for name, is_found in zip(names, found, strict=True)]


def _places(
    source: Source, survey: str, count: int, rng: np.random.Generator
) -> list[tuple[float, float]]:
    ra, dec = source.position_deg(survey)
    if source.is_exact:
        return [(ra, dec)] * count
    limit = LARGEST_SCATTER_ARCSEC[survey] / np.sqrt(2)
    scatter = rng.normal(0, SCATTER_ARCSEC[survey], (count, 2)).clip(-limit, limit)
    return [offset_deg(ra, dec, float(east), float(north)) for east, north in scatter]
