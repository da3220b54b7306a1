"""The figures as text and as a page, and the goals that they miss."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

Figures = Mapping[str, Any]
P99_MS, PLAN_S, PLAN_BYTES = 1000.0, 20.0, 4 * 2**30


def summary(took_s: Sequence[float]) -> dict[str, float]:
    """Return count, median, 99th percentile and greatest of some times [ms]."""
    median, p99, most = np.percentile(np.asarray(took_s) * 1e3, (50, 99, 100))
    return {"count": len(took_s), "p50_ms": median, "p99_ms": p99, "max_ms": most}


def failures(found: Figures) -> list[str]:
    """Return the goals that are missed, and the plans that failed."""
    missed = [
        f"notice, {name}: p99 {one['p99_ms']:.0f} ms, wanted {P99_MS:.0f}"
        for name, one in found["notices"].items()
        if one["p99_ms"] > P99_MS
    ]
    for plan in found["plans"]:
        where = f"plan of {plan['telescope']} on {plan['map']}, {plan['how']}"
        if plan["failure"]:
            missed.append(f"{where}: {plan['failure']}")
        if plan["took_s"] > PLAN_S:
            missed.append(f"{where}: {plan['took_s']:.1f} s, wanted {PLAN_S:.0f}")
        if plan["peak_bytes"] > PLAN_BYTES:
            missed.append(f"{where}: {plan['peak_bytes'] / 2**30:.1f} GiB, wanted 4")
    return missed


def text(found: Figures) -> str:
    """Return the whole report."""
    return "\n".join(_lines(found)) + "\n"


def markdown(found: Figures) -> str:
    """Return the report as a page of the documentation."""
    return (
        "# Benchmark of GW follow-up\n\n"
        "Output of `make bench-gw`; what is measured, and from when to when: `tests/bench_gw/`.\n"
        "Workers run without a token of Slack and without OwnCloud: how long those take is not ours"
        "\nto say.\n\n"
        f"```text\n{text(found)}```\n"
    )


def _lines(found: Figures) -> Iterator[str]:
    machine = found["machine"]
    yield f"{found['profile']} form, {found['date']}, commit {machine['commit']}"
    yield (
        f"machine: {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB;"
        f" load when it began {found['load']:.1f}"
    )
    yield f"notice: {found['notice_bytes'] / 1e6:.1f} MB; until its steps are committed:"
    yield f"  {'':22}{'notices':>9}{'p50':>9}{'p99':>9}{'max':>9}   [ms]"
    for name, one in found["notices"].items():
        numbers = "".join(f"{one[key]:>9.0f}" for key in ("count", "p50_ms", "p99_ms", "max_ms"))
        yield f"  {name:22}{numbers}"
    if found["alerts"]:
        yield f"  alert flow meanwhile: {found['alerts']} packets, {found['alerts_hz']:.0f}/s"
    if found["plans"]:
        yield "plan of one telescope, in a process that starts anew:"
        yield f"  {'':26}{'':14}{'telescope':>11}{'tiles':>7}{'time [s]':>10}{'peak [MB]':>11}"
    for plan in found["plans"]:
        yield (
            f"  {plan['map']:26}{plan['how']:14}{plan['telescope']:>11}{plan['tiles']:>7}"
            f"{plan['took_s']:>10.1f}{plan['peak_bytes'] / 1e6:>11.0f}"
        )
    missed = failures(found)
    yield from (f"missed: {line}" for line in missed)
    if not missed:
        yield "every goal is met: notices p99 ≤ 1 s, plans ≤ 20 s and ≤ 4 GiB"
