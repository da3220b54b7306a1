"""What ``/health`` says, and the disks, as facts for Prometheus."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from broker import health, metrics
from broker.config import config, project_path
from broker.metrics_facts import Source, Told


def sources() -> tuple[Source, ...]:
    """Return what is asked."""
    return Source("health", parts), Source("disk", disks)


def parts() -> Iterator[Told]:
    """Yield which parts are up, the tasks that wait, and the dead letters that are open."""
    for finding in health.report().findings:
        if finding.state not in {"off", "unknown"}:
            yield Told(metrics.PART_UP, float(finding.state != "down"), (finding.name,))
        for stream, reasons in finding.facts.get("open", {}).items():
            for reason, count in reasons.items():
                yield Told(metrics.LETTERS_OPEN, count, (stream, reason))
        for queue, count in finding.facts.get("waiting", {}).items():
            yield Told(metrics.QUEUE_WAITING, count, (queue,))


def disks() -> Iterator[Told]:
    """Yield how much is free where packets and files are written."""
    settings = config()
    for name, path in (("archive", settings.archive.path), ("output", settings.output.root)):
        usage = shutil.disk_usage(_there(project_path(path)))
        yield Told(metrics.DISK_FREE, usage.free / usage.total, (name,))


def _there(folder: Path) -> Path:
    """Return a folder, or the one above it that is there."""
    while not folder.exists():
        folder = folder.parent
    return folder
