"""What each bomb costs: processor time and peak memory of its refusal, each in a process of its own."""

import multiprocessing
import os
import platform
import resource
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from broker.kafka_types import Packet
from pipeline import surveys
from tests import hostile

MIB = 2**20


class Cost(NamedTuple):
    """What became of one bomb."""

    reason: str
    cpu_s: float
    extra_bytes: int


def main() -> int:
    """Print the table; 1 when a bomb was not refused as expected."""
    print(f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, {os.cpu_count()} cores\n")
    print("| survey | bomb | bytes in | refused as | CPU [s] | peak memory added [MiB] |")
    print("|---|---|---:|---|---:|---:|")
    is_sound = True
    for survey in ("ztf", "lsst"):
        for name, poison in hostile.poisons(survey).items():
            cost = _measured(survey, poison.value)
            is_sound = is_sound and cost.reason in poison.reasons
            print(
                f"| {survey} | {name} | {len(poison.value):,} | {cost.reason} | {cost.cpu_s:.3f} |"
                f" {cost.extra_bytes / MIB:.1f} |",
                flush=True,
            )
    return 0 if is_sound else 1


def _measured(survey: str, value: bytes) -> Cost:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=_decode, args=(survey, value, theirs)
    )
    process.start()
    theirs.close()
    try:
        return Cost(*ours.recv())
    except EOFError:
        return Cost("the process died", 0.0, 0)
    finally:
        process.join()


def _decode(survey: str, value: bytes, answer: Any) -> None:
    """Decode in a warm child, as a worker does, and send what it cost."""
    decode = surveys.survey(survey).decode
    decode([Packet(0, 0, hostile.good(survey))])
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew here
    before = _resident_peak_bytes()
    began = time.process_time()
    _, rejected = decode([Packet(0, 0, value)])
    cpu_s = time.process_time() - began
    reason = rejected[0].reason if rejected else "not refused"
    answer.send((reason, cpu_s, _resident_peak_bytes() - before))


def _resident_peak_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
