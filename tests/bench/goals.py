"""The goals, judged on the ZTF run and the curves; a figure that misses one stays as it is."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Figures = Mapping[Any, Any]
SURVEY = "ztf"
"""LSST packets without history decode so fast that D says little of the flow's work on them."""


class Goal(NamedTuple):
    """One goal: what is measured, its limit, and where the figure stands.

    Attributes
    ----------
    is_met : callable
        From the measured value and the limit.
    measured : callable
        From the survey's figures, in ``unit``; none when the run has no such figure.
    """

    name: str
    limit: float
    unit: str
    sign: str
    is_met: Callable[[float, float], bool]
    measured: Callable[[Figures], float | None]


def _at_least(value: float, limit: float) -> bool:
    return value >= limit


def _at_most(value: float, limit: float) -> bool:
    return value <= limit


def _celery_percent(figures: Figures) -> float | None:
    """Return Celery's share, unless the pool replaced a child in every segment."""
    share = figures["celery_share"]
    return None if len(figures["replaced_in"]) == len(figures["rate_hz"]) else 100 * share


def _naive_ratio(figures: Figures) -> float:
    return figures["naive"]["flow_is_faster"]


def _idle(percentile: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures["latency"]["idle"].get(percentile)


def _user_filters(figures: Figures) -> float | None:
    found = figures.get("user_filters")
    return found["share_percent"] if found else None


GOALS = (
    Goal("full flow, median", 2, "× D", "≥", _at_least, lambda f: f["x_d_median"]),
    Goal("full flow / naive", 10, "×", "≥", _at_least, _naive_ratio),
    Goal("decode / fastavro", 20, "×", "≥", _at_least, lambda f: f["micro"]["decode"]["ratio"]),
    Goal("encode / fastavro", 20, "×", "≥", _at_least, lambda f: f["micro"]["encode"]["ratio"]),
    Goal("latency p50 at 1 alert/s", 50, "ms", "≤", _at_most, _idle("p50_ms")),
    Goal("latency p99 at 1 alert/s", 250, "ms", "≤", _at_most, _idle("p99_ms")),
    Goal("Celery's share of all CPU at full rate", 5, "%", "≤", _at_most, _celery_percent),
    Goal("100 users' filters, of the ranges' time", 10, "%", "≤", _at_most, _user_filters),
    Goal(
        "Redis, all that comes in at full rate", 100, "bytes per alert", "≤", _at_most,
        lambda f: f["redis_bytes_per_alert"],
    ),
)  # fmt: skip


def _visit_hz(points: Figures) -> float | None:
    return points["packet bytes", 139_000]["rate_hz_median"]


def _with_history(points: Figures) -> float | None:
    return points["base", 0]["x_d_median"] / points["history points", 0]["x_d_median"]


OF_CURVES = (
    Goal("LSST packets of 139 kB", 1000, "alerts/s", "≥", _at_least, _visit_hz),
    Goal("20 points of history / none", 0.9, "×", "≥", _at_least, _with_history),
)
"""From points by (curve, value); of the base, which stands there twice, the later."""


def verdict(
    surveys: Mapping[str, Figures], curves: Figures | None = None, *, is_judged: bool
) -> dict[str, Any]:
    """Judge each goal.

    Parameters
    ----------
    surveys : mapping
        Figures of each survey that was measured.
    curves : mapping, optional
        Figures of the curves, where they were measured.
    is_judged : bool
        Whether the form is large enough.

    Returns
    -------
    dict
        ``judged``: one entry per goal, ``is_met`` none where nothing was measured;
        ``none_because``: why there is no entry.
    """
    if not is_judged:
        return {"judged": [], "none_because": "this form is too small for them"}
    if SURVEY not in surveys:
        return {"judged": [], "none_because": "they are for the ZTF run"}
    judged = [_judged(goal, surveys[SURVEY]) for goal in GOALS]
    if curves:
        points = {(one["curve"], one["value"]): one for one in curves["points"]}
        judged += [_judged(goal, points) for goal in OF_CURVES]
    return {"judged": judged, "none_because": ""}


def _judged(goal: Goal, figures: Figures) -> dict[str, Any]:
    value = goal.measured(figures)
    return {
        "goal": f"{goal.name} {goal.sign} {goal.limit:g} {goal.unit}",
        "measured": value,
        "unit": goal.unit,
        "is_met": None if value is None else goal.is_met(value, goal.limit),
    }
