"""Where the CPU time of the timed segments went, in milliseconds per alert."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.flow import Segment

STEPS = (
    "read", "decode", "archive", "select", "catalogs", "merge", "store", "pending", "encode", "produce", "mark",
)  # fmt: skip
SERVERS = ("postgres", "kafka", "redis")
LARGEST_GAP = 0.05
"""Of the total, that no line need explain."""


@dataclass(frozen=True)
class Stages:
    """CPU-ms per alert.

    Attributes
    ----------
    lines : dict
        Disjoint, in order of the table; they sum to ``total`` but for ``unexplained``.
    total : float
        All processes.
    unexplained : float
        Of the worker's children, what neither their main nor librdkafka's threads took.
    celery_share : float
        Worker outside task bodies, the listeners' bell, Redis, upkeep and beat, over all.
    """

    lines: dict[str, float]
    total: float
    unexplained: float
    celery_share: float

    @property
    def gap(self) -> float:
        """Part of the total that is in no line, and that lines below nothing hide."""
        below = sum(-spent for spent in self.lines.values() if spent < 0)
        return (abs(self.unexplained) + below) / self.total


def steady(segments: Sequence[Segment]) -> list[Segment]:
    """Return the segments in which the pool replaced no child, or all when there is none such."""
    return [one for one in segments if not one.cpu.children] or list(segments)


def gap_problems(found: Stages) -> list[str]:
    """The lines sum to the total."""
    if found.gap <= LARGEST_GAP:
        return []
    most = f"{100 * LARGEST_GAP:.0f} % may be"
    return [f"{100 * found.gap:.1f} % of the CPU time is in no line of its table, {most}"]


def stages(segments: Sequence[Segment]) -> Stages:
    """Add up some segments."""
    alerts = sum(one.alerts for one in segments)
    parts: Counter[str] = Counter()
    steps: Counter[str] = Counter()
    for one in segments:
        parts.update(one.cpu.parts)
        steps.update(one.work.cpu_ms)
    body_s = sum(one.work.body_cpu_ms for one in segments) / 1e3
    main_s = sum(one.cpu.child_main for one in segments)
    clients_s = sum(one.cpu.child_clients for one in segments)
    children_s = sum(one.cpu.child_all for one in segments)
    bell_s = sum(one.cpu.bell for one in segments)
    unexplained_s = children_s - main_s - clients_s
    names = [name for name in STEPS if name in steps] + sorted(set(steps) - set(STEPS))
    lines_s = {f"worker: {name}": steps[name] / 1e3 for name in names}
    lines_s["worker: between steps"] = body_s - sum(steps.values()) / 1e3
    lines_s["worker: Kafka client threads"] = clients_s
    lines_s["worker: Celery in the children"] = main_s - body_s
    lines_s["worker: Celery's parent"] = parts["worker"] - children_s
    lines_s["listeners: bell"] = bell_s
    lines_s["listeners: rest"] = parts["listeners"] - bell_s
    for name in SERVERS:
        lines_s[name] = parts[name]
    for name in sorted(set(parts) - {*SERVERS, "worker", "listeners"}):
        lines_s[name] = parts[name]
    total_s = sum(parts.values())
    celery_s = (
        (main_s - body_s) + (parts["worker"] - children_s) + bell_s
        + parts["redis"] + parts["upkeep and beat"]
    )  # fmt: skip
    per_alert = 1e3 / alerts
    return Stages(
        {name: spent * per_alert for name, spent in lines_s.items()},
        total_s * per_alert,
        unexplained_s * per_alert,
        celery_s / total_s,
    )


def wall_ms(segments: Sequence[Segment]) -> dict[str, float]:
    """Return wall ms per alert by step."""
    alerts = sum(one.alerts for one in segments)
    names = sorted({name for one in segments for name in one.work.wall_ms})
    return {name: sum(one.work.wall_ms[name] for one in segments) / alerts for name in names}
