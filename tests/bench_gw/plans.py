"""Plans of one telescope on maps of three sizes, and two at once: time and peak memory."""

import multiprocessing
import resource
import tempfile
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import hpgeom
import numpy as np

from pipeline.gw import plan_process
from pipeline.gw.plan_job import PlanJob, read_result, write_job
from pipeline.gw.plan_process import Limits
from pipeline.gw.telescopes import telescope
from tests import plans
from tests.bench_gw.notices import separation_deg
from tests.gw_notices import make_map

TELESCOPES = ("TCA", "FZU-CTA-N")
SMALL, LARGE = "S241102br-update", "S250910b-earlywarning"
WHOLE = "synthetic, 10 000 deg²"
AREA_DEG2 = 10_000.0
LEVEL = 6
LIMITS = Limits(time_s=300.0, memory_bytes=4 * 2**30, output_bytes=50_000_000)
KIBIBYTE = 1024
Task = tuple[str, bytes, datetime, Path]


def measured() -> list[dict[str, Any]]:
    """Return the figures of every plan, one after the other, then of two at once."""
    (small, event_time), (large, other_time) = plans.sample(SMALL), plans.sample(LARGE)
    maps = {
        SMALL: (small, event_time),
        LARGE: (large, other_time),
        WHOLE: (wide_map(), event_time),
    }
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above)
        found = []
        for number, (name, (fits, time_)) in enumerate(maps.items()):
            task = (TELESCOPES[0], fits, time_, folder / f"alone-{number}")
            found += [_named(name, "alone", each) for each in _run([task])]
            print(f"plan on {name}: {found[-1]['took_s']:.1f} s")
        for number, (name, (fits, time_)) in enumerate(maps.items()):
            both = [(each, fits, time_, folder / f"{number}-{each}") for each in TELESCOPES]
            found += [_named(name, "two at once", each) for each in _run(both)]
            print(f"two plans on {name}: {found[-2]['took_s']:.1f} and {found[-1]['took_s']:.1f} s")
    return found


def wide_map() -> bytes:
    """Return a map whose 90 % region is a round one of 10 000 deg², densest in its middle."""
    nside = 1 << LEVEL
    cells = np.arange(12 * nside**2)
    ra_deg, dec_deg = hpgeom.pixel_to_angle(nside, cells, nest=True)
    apart_deg = separation_deg(ra_deg, dec_deg, 345.0, 40.0)
    radius_deg = np.degrees(np.arccos(1 - np.radians(1) ** 2 * AREA_DEG2 / (2 * np.pi)))
    inside = apart_deg <= radius_deg
    weight = np.where(inside, 2 - apart_deg / radius_deg, 0.0)
    density = 0.9 * weight / weight.sum() + 0.1 * ~inside / np.count_nonzero(~inside)
    return make_map(cells + 4 * 4**LEVEL, density * 3 * 4**LEVEL / np.pi)


def _run(tasks: list[Task]) -> list[dict[str, Any]]:
    """Make plans at the same time, each watched by a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(tasks), mp_context=context, max_tasks_per_child=1) as pool:
        return list(pool.map(_plan, tasks))


def _plan(task: Task) -> dict[str, Any]:
    name, fits, event_time, folder = task
    job = PlanJob(
        event="S241102br",
        telescope=telescope(name),
        strategy="tiling",
        event_time=event_time,
        start=event_time,
        end=event_time + timedelta(days=1),
        max_tiles=10,
        exposure_s=30.0,
    )
    folder.mkdir()
    write_job(job, fits, folder)
    ended = plan_process.run(plan_process.command(folder), folder, LIMITS)
    return {
        "telescope": name,
        "took_s": ended.duration_s,
        "failure": ended.failure,
        "tiles": 0 if ended.failure else len(read_result(folder).tiles),
        "peak_bytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * KIBIBYTE,
    }


def _named(name: str, how: str, found: dict[str, Any]) -> dict[str, Any]:
    return {"map": name, "how": how, **found}
