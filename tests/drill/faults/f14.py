"""F14: each process of ours is told to stop under load, and started again."""

import signal
from dataclasses import dataclass

from tests.drill import web
from tests.drill.record import Fault
from tests.drill.stage import Stage

RUNNING = "SELECT count(*) FROM stream_ranges WHERE state = 'running'"


@dataclass(frozen=True)
class Stop:
    """A process and its limit [s] between SIGTERM and its end."""

    name: str
    within_s: float


STOPS = (
    Stop("listen-ztf", 10.0),
    Stop("listen-lsst", 10.0),
    Stop("worker", 35.0),
    Stop("worker-upkeep", 35.0),
    Stop("web", 20.0),
    Stop("beat", 10.0),
)
SHORT = ("listen-ztf", "worker")


def run(stage: Stage) -> None:
    """Stop each under load and look how long it takes."""
    wanted = [stop for stop in STOPS if not stage.is_short or stop.name in SHORT]
    if not stage.is_short:
        stage.cast["web"] = web.member()
    for stop in wanted:
        _stop(stage, stop)


def _stop(stage: Stage, stop: Stop) -> None:
    with stage.case(f"SIGTERM of {stop.name}") as case:
        process = stage.system.processes[stop.name]
        with case.fault():
            took_s = stage.crew.stop(stop.name)
            left = stage.system.sql(RUNNING)[0][0]
            stage.man()
        case.outcome.note = f"ended after {took_s:.1f} s"
        if process.returncode in {None, -signal.SIGKILL}:
            case.complaints.append("it had to be killed")
        if took_s > stop.within_s and not stage.is_short:
            case.complaints.append(f"it took {took_s:.1f} s")
        if stop.name == "worker" and left:
            case.complaints.append(f"{left} ranges were left running")


FAULT = Fault("F14", "SIGTERM of each process under load", run, is_short=True)
