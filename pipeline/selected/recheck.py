"""Our own look at what another broker calls selected: the rule of our filter, over rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.config import config
from broker.sections.selected import ExtendednessSettings
from pipeline.filters.extendedness import Statistics, refusals
from pipeline.selected.sources import OURS


def selected(source: str, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Return which rows of a source are written: all, but for what its look refuses."""
    settings = config()
    if source in OURS or not settings.collect.recheck:
        return [True] * len(rows)
    return [reason is None for reason in reasons(rows, settings.selected.extendedness)]


def reasons(rows: Sequence[Mapping[str, Any]], rule: ExtendednessSettings) -> list[str | None]:
    """Return why the filter would refuse each row, None where it would select it.

    Parameters
    ----------
    rows : sequence of mapping
        Columns of ``selected_alerts``.
    rule : ExtendednessSettings
        Thresholds.
    """
    median = _column(rows, "extendedness_median")
    found = Statistics(
        median,
        _column(rows, "extendedness_min"),
        _column(rows, "extendedness_max"),
        np.isfinite(median).astype(np.int64),  # how many does not matter, only whether any
    )
    associated = [row["extra"]["hasSSSource"] or row["extra"]["ssObjectId"] for row in rows]
    return list(refusals(found, np.array(associated, bool), rule))


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64]:
    return np.array([np.nan if row[name] is None else row[name] for row in rows], np.float64)
