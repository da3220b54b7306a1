"""LSST alerts by how extended their sources look, and by whether they are of the solar system.

The rule of ``antares_extendedness_filter``, over the columns of a batch: a microsecond per alert.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from broker.sections.selected import ExtendednessSettings, SelectedSettings
from pipeline.alerts.batch import Batch, Points
from pipeline.filters.record import Filter, Judged

NO_EXTENDEDNESS = "no_extendedness"
MEDIAN, MINIMUM, MAXIMUM = "median_out_of_range", "minimum_too_low", "maximum_too_high"
NO_SSSOURCE, IS_SSSOURCE = "no_sssource", "sssource"


class Statistics(NamedTuple):
    """Of each alert's extendedness; NaN where no source has any.

    Attributes
    ----------
    median, minimum, maximum : float64[n]
        From 0, point-like, to 1, extended; the median of an even count is the mean of the middle
        two.
    n : int64[n]
        Sources with a value.
    """

    median: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    n: NDArray[np.int64]


def statistics(extendedness: Points, size: int) -> Statistics:
    """Return the statistics of every alert of a batch of ``size``."""
    ranked = extendedness.rows[np.lexsort((extendedness.rows, extendedness.parent))]
    count = np.bincount(extendedness.parent, minlength=size).astype(np.int64)
    end = np.cumsum(count)
    has_any = count > 0
    first, last = (end - count)[has_any], end[has_any] - 1
    found = np.full((3, size), np.nan)
    found[0, has_any] = (ranked[(first + last) // 2] + ranked[(first + last + 1) // 2]) / 2
    found[1, has_any], found[2, has_any] = ranked[first], ranked[last]
    return Statistics(found[0], found[1], found[2], count)


def judge(batch: Batch, settings: SelectedSettings) -> Judged:
    """Select alerts whose statistics lie within the thresholds, bounds included.

    Parameters
    ----------
    batch : Batch
        Decoded alerts.
    settings : SelectedSettings
        The section ``extendedness`` has the thresholds, and whether an association with the solar
        system is required, forbidden or neither.
    """
    found = statistics(batch.extendedness, len(batch))
    return Judged(
        refusals(found, batch.has_sssource, settings.extendedness),
        {
            "extendedness_median": found.median,
            "extendedness_min": found.minimum,
            "extendedness_max": found.maximum,
            "n_extendedness": found.n,
            "has_sssource": batch.has_sssource,
        },
    )


def judge_rows(rows: Sequence[Mapping[str, Any]], settings: SelectedSettings) -> list[str | None]:
    """Return why each row would be refused, None where it would be selected.

    Parameters
    ----------
    rows : sequence of mapping
        Columns of ``selected_alerts``.
    settings : SelectedSettings
        As ``judge`` takes it.
    """
    median = _column(rows, "extendedness_median")
    found = Statistics(
        median,
        _column(rows, "extendedness_min"),
        _column(rows, "extendedness_max"),
        np.isfinite(median).astype(np.int64),  # how many does not matter, only whether any
    )
    associated = [row["extra"]["hasSSSource"] or row["extra"]["ssObjectId"] for row in rows]
    return list(refusals(found, np.array(associated, bool), settings.extendedness))


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64]:
    return np.array([np.nan if row[name] is None else row[name] for row in rows], np.float64)


def refusals(
    found: Statistics, has_sssource: NDArray[np.bool_], rule: ExtendednessSettings
) -> NDArray[np.object_]:
    """Return why each alert is refused, None where it is selected.

    Parameters
    ----------
    found : Statistics
        Of n alerts.
    has_sssource : bool[n]
        Whether each is associated with the solar system.
    rule : ExtendednessSettings
        Thresholds.
    """
    reason = np.full(len(has_sssource), None, object)
    for name, stops in reversed(_checks(found, has_sssource, rule)):
        reason[stops] = name
    return reason


def _checks(
    found: Statistics, has_sssource: NDArray[np.bool_], rule: ExtendednessSettings
) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return each reason with the alerts that it refuses, in the order in which they are asked."""
    required = rule.require_sssource
    return [
        (NO_EXTENDEDNESS, found.n == 0),
        (MEDIAN, (found.median < rule.median_min) | (found.median > rule.median_max)),
        (MINIMUM, found.minimum < rule.min_threshold),
        (MAXIMUM, found.maximum > rule.max_threshold),
        (NO_SSSOURCE, ~has_sssource & (required is True)),
        (IS_SSSOURCE, has_sssource & (required is False)),
    ]


FILTER = Filter(
    name="extendedness",
    version="1",
    description="LSST alerts whose sources are as extended as wanted, of the solar system or not.",
    survey="lsst",
    number=0,
    reasons=(NO_EXTENDEDNESS, MEDIAN, MINIMUM, MAXIMUM, NO_SSSOURCE, IS_SSSOURCE),
    judge=judge,
    judge_rows=judge_rows,
)
