"""How the full rate follows what it depends on: catalogs, stored history, alerts per task, packets.

Each point is a run of its own on empty tables, with D measured between its segments. Points are
compared by their ratio to D, which the speed of the machine at that minute does not move.
"""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.bench import goals, run
from tests.bench.profiles import CURVE, Load

BASE = "base"
ONE_BY_ONE = {"NIGHTJAR_RANGES__ALERTS_PER_TASK": "1", "NIGHTJAR_RANGES__WINDOW": "200"}
FITS_BYTES = 46_080
"""Of one plain cutout in a packet of 139 kB."""
SHORT = Load(warm=50, timed=400, idle=0, open_loop=0, singles=0, naive=0)
VISIT = Load(warm=500, timed=10_000, idle=0, open_loop=0, singles=0, naive=0)
"""Alerts of one visit, in one segment."""


@dataclass(frozen=True)
class Point:
    """One point of a curve.

    Attributes
    ----------
    curve : str
        What varies.
    value : int
        Of it.
    changes : mapping
        Fields of the profile that differ from ``CURVE``.
    settings : mapping
        Environment of our processes.
    survey : str
        Whose alerts are timed.
    note : str
        What else differs.
    """

    curve: str
    value: int
    changes: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    survey: str = "ztf"
    note: str = ""


POINTS = (
    Point(BASE, 0),
    Point("catalog rows", 1000, {"catalog_a_rows": 1000, "catalog_b_rows": 1000}),
    Point("catalog rows", 1_000_000, {"catalog_a_rows": 1_000_000}),
    Point("catalog rows", 5_000_000, {"is_clustered": True}, note="clustered"),
    Point("history points", 0, {"history_points": 0}),
    Point("history points", 200, {"history_points": 200}),
    Point("history points", 1000, {"history_points": 1000}),
    Point("alerts per task", 1, {"ztf": SHORT, "segments": 2}, ONE_BY_ONE),
    Point("alerts per task", 20, {}, {"NIGHTJAR_RANGES__ALERTS_PER_TASK": "20"}),
    Point("alerts per task", 100, {}, {"NIGHTJAR_RANGES__ALERTS_PER_TASK": "100"}),
    Point(
        "packet bytes", 139_000,
        {"lsst": VISIT, "segments": 1, "cutout_bytes": FITS_BYTES}, survey="lsst",
        note="LSST, plain cutouts, no history",
    ),
    Point(BASE, 0, note="again"),
)  # fmt: skip
OF_BASE = {"catalog rows": 5_000_000, "history points": 20, "alerts per task": 250}
"""Where the base stands on each curve."""


def measured(points: Sequence[Point] = POINTS) -> dict[str, Any]:
    """Measure every point; return the figures, with ``problems`` of all books."""
    found, problems = [], []
    for point in points:
        print(f"curve: {_name(point)}")
        profile = replace(CURVE, **point.changes)
        try:
            figures = run.rate(profile, point.survey, **point.settings)
        except Exception as error:  # noqa: BLE001 one point must not cost the hour of all others
            problems.append(f"{_name(point)}: {error!r}")
            continue
        problems += [f"{_name(point)}: {text}" for text in figures["problems"]]
        found.append(
            {
                "curve": point.curve,
                "value": point.value,
                "note": point.note,
                "survey": point.survey,
                "x_d_median": statistics.median(figures["x_d"]),
                "rate_hz_median": statistics.median(figures["rate_hz"]),
                **figures,
            }
        )
    base = statistics.median(one["x_d_median"] for one in found if one["curve"] == BASE)
    for one in found:
        one["of_base"] = one["x_d_median"] / base if one["survey"] == "ztf" else None
    return {"points": found, "problems": problems}


def add(figures: dict[str, Any]) -> None:
    """Measure the curves after a run, and judge the goals by them too."""
    began = time.monotonic()
    figures["curves"] = measured()
    figures["took_s"] += round(time.monotonic() - began)
    figures["problems"] += figures["curves"]["problems"]
    figures["goals"] = goals.verdict(figures["surveys"], figures["curves"], is_judged=True)


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the curves as text."""
    yield "== curves (each point a run of its own; base: 5,000,000 catalog rows, 20 points of history, 250 alerts per task)"
    for one in found["points"]:
        of_base = "" if one["of_base"] is None else f" = {one['of_base']:.2f} of the base"
        rates = f"{min(one['rate_hz']):.0f} – {max(one['rate_hz']):.0f}"
        yield (
            f"{_label(one):<50} {one['rate_hz_median']:6.0f} alerts/s ({rates}),"
            f" {one['x_d_median']:.2f} × D{of_base}; {one['cpu_ms_total']:.2f} CPU-ms"
        )


def plot(found: Mapping[str, Any], path: Path) -> None:
    """Draw the curves, one panel each, as ratio to D."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    panels = figure.subplots(1, len(OF_BASE), sharey=True)
    base = [one for one in found["points"] if one["curve"] == BASE]
    for panel, (curve, at) in zip(panels, OF_BASE.items(), strict=True):
        own = [(one["value"], one) for one in found["points"] if one["curve"] == curve]
        even = [(value, one) for value, one in own if not one["note"]] + [(at, one) for one in base]
        even.sort(key=lambda pair: pair[0])
        panel.plot(*_medians(even), "o-", label="even" if curve == "catalog rows" else None)
        for value, one in even:
            panel.plot([value] * len(one["x_d"]), one["x_d"], ".", color="0.6", markersize=3)
        for value, one in own:
            if one["note"]:
                panel.plot(value, one["x_d_median"], "s", label=one["note"])
                panel.legend(frameon=False)
        panel.set_xscale("symlog" if curve == "history points" else "log")
        panel.set_xlabel(curve)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("alerts/s over D")
    panels[0].set_ylim(bottom=0)
    figure.savefig(path)


def _medians(pairs: Sequence[tuple[int, Mapping[str, Any]]]) -> tuple[list[int], list[float]]:
    """Return values and the median of all points at each."""
    values = sorted({value for value, _ in pairs})
    return values, [
        statistics.median(one["x_d_median"] for at, one in pairs if at == value) for value in values
    ]


def _name(point: Point) -> str:
    return _label({"curve": point.curve, "value": point.value, "note": point.note})


def _label(one: Mapping[str, Any]) -> str:
    value = "" if one["curve"] == BASE else f" {one['value']:,}"
    return f"{one['curve']}{value}{', ' + one['note'] if one['note'] else ''}"
