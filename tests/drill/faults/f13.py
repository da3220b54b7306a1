"""F13: the archive's disk runs full, or a process may write no larger file.

A range that cannot be archived is given back without an attempt, and the log says why. Below 5 %
free the listeners cut nothing more and raise an alarm; when there is room again everything goes on
by itself. Nothing is buried, nothing comes twice.
"""

import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.drill.record import Fault
from tests.drill.stage import Stage

DISK_BYTES = 256 * 2**20
"""More than the packets of these cases, so that only the ballast fills it."""
CHUNK_BYTES = 2**20
PAGE_BYTES = 4096
FULL_S = 8.0
SETTLED_S = 3.0
REFUSED = "the archive cannot be written"
STOPPED, RESUMED = "listener.stopped", "listener.resumed"
STREAMS = ("ztf", "lsst")
_REFUSED_ROWS = """
    SELECT count(*) FROM stream_ranges WHERE position('the archive cannot be written' IN error) > 0
"""
_ROWS = "SELECT count(*) FROM stream_ranges"
_BURIED = "SELECT count(*) FROM dead_letters"


def run(stage: Stage) -> None:
    """Limit the size of files; fill a small disk, which only root can make."""
    if stage.is_short:
        _limit_files(stage)
        return
    if os.geteuid() != 0:
        _limit_files(stage)
        stage.skip("a full disk", "only root can mount a small one")
        return
    folder = stage.ground.folder / "small-disk"
    with _small_disk(folder):
        stage.settings["NIGHTJAR_ARCHIVE__PATH"] = str(folder / "archive")
        _limit_files(stage)
        _fill_disk(stage, folder)


def _limit_files(stage: Stage) -> None:
    """Let no file of the worker grow: its logs are silent meanwhile, but the rows say why."""
    with stage.case("no file may grow (RLIMIT_FSIZE)") as case:
        refused = stage.system.sql(_REFUSED_ROWS)[0][0]
        with case.fault():
            _limit(stage, 0)
            stage.crew.wait(lambda: stage.system.sql(_REFUSED_ROWS)[0][0] > refused, "a refusal")
            time.sleep(SETTLED_S)
            _limit(stage, resource.RLIM_INFINITY)
        assert stage.system.sql(_BURIED) == [(0,)]


def _limit(stage: Stage, size_bytes: int) -> None:
    """Set the limit of the worker and its children; a child forked later inherits it."""
    parent = stage.crew.process("worker")
    for process in (parent, *parent.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
            process.rlimit(psutil.RLIMIT_FSIZE, (size_bytes, hard))


def _fill_disk(stage: Stage, folder: Path) -> None:
    ballast = folder / "ballast"
    with stage.case("a full disk") as case:
        refused = stage.crew.log("worker").count(REFUSED)
        with case.fault():
            _fill(ballast)
            for stream in STREAMS:
                stage.crew.wait(lambda s=stream: _said(stage, s, STOPPED), f"an alarm of {stream}")
            time.sleep(SETTLED_S)
            cut = stage.system.sql(_ROWS)
            time.sleep(FULL_S)
            assert stage.system.sql(_ROWS) == cut, "a full disk, and ranges are still cut"
            ballast.unlink()
        for stream in STREAMS:
            stage.crew.wait(lambda s=stream: _said(stage, s, RESUMED), f"the return of {stream}")
        assert stage.crew.log("worker").count(REFUSED) > refused, "no range met the full disk"
        assert stage.system.sql(_BURIED) == [(0,)]


def _said(stage: Stage, stream: str, event: str) -> bool:
    return event in stage.crew.log(f"listen-{stream}")


def _fill(ballast: Path) -> None:
    """Leave no room at all."""
    for size_bytes in (CHUNK_BYTES, PAGE_BYTES):
        with ballast.open("ab", buffering=0) as file, suppress(OSError):
            while file.write(bytes(size_bytes)):
                pass


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """Mount a small disk in memory."""
    folder.mkdir()
    options = f"size={DISK_BYTES}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


FAULT = Fault("F13", "the archive's disk is full", run, is_short=True)
