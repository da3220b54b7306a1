"""The files in which processes of one port count together, put away when a process is gone.

Gunicorn's workers, and the children of a Celery worker, are processes: each counts in a file of its
own (prometheus-client's multiprocess mode), and one that leads them adds the files up. A child is
replaced every few thousand tasks; without ``fold`` each scrape would read one more file for ever.
"""

import os
from pathlib import Path

from broker.config import config, project_path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
FOLDED = "folded"
"""In place of a process id: what processes counted that are gone."""
_ADDED = ("counter", "histogram", "summary")


def count_together() -> None:
    """Let this process count in a file; before prometheus-client is imported, which then decides.

    Without a port nobody asks, and nothing is written.
    """
    if not config().metrics.port:
        return
    path = folder()
    path.mkdir(parents=True, exist_ok=True)
    os.environ[VARIABLE] = str(path)  # noqa: TID251 the library's own switch


def folder() -> Path:
    """Return the folder of this process's port."""
    settings = config().metrics
    return project_path(settings.folder) / str(settings.port)


def clean(path: Path) -> None:
    """Remove what an earlier run left; for whoever leads, before there are others."""
    for file in path.glob("*.db"):
        if _pid(file) != str(os.getpid()):
            file.unlink(missing_ok=True)


def fold(path: Path) -> None:
    """Add what processes counted that are gone to one file of each kind, and remove theirs.

    Gauges of a process that is gone say nothing any more.
    """
    from prometheus_client.mmap_dict import MmapedDict  # noqa: PLC0415 count_together comes before

    for file in sorted(path.glob("*.db")):
        kind, pid = file.name.split("_")[0], _pid(file)
        if pid == FOLDED or _is_alive(pid):
            continue
        if kind in _ADDED:
            sums = MmapedDict(str(path / f"{kind}_{FOLDED}.db"))
            for key, value, at_s, _ in MmapedDict.read_all_values_from_file(str(file)):
                sums.write_value(key, sums.read_value(key)[0] + value, at_s)
            sums.close()
        file.unlink()


def _pid(file: Path) -> str:
    return file.stem.rpartition("_")[2]


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
