"""What gwemopt is told: only what it reads, in its own names, with its mistakes made up for."""

from datetime import timedelta

import numpy as np
import pytest

from pipeline.gw import plan_gwemopt
from pipeline.gw.plan_check import Row
from pipeline.gw.plan_grid import Tiles
from pipeline.gw.plan_gwemopt import Slots, gap_s, telescope_config, tile_struct
from tests.unit.pipeline.gw import jobs

SLOTS = Slots(exposure_s=30.0, overhead_s=12.0)
NO_TILES = Tiles(*(np.array([]) for _ in range(4)))


@pytest.mark.parametrize(("separation_deg", "expected_s"), [(0.0, 5.0), (100.0, 5.0), (180.0, 9.0)])
def test_a_telescope_reads_out_while_it_moves(separation_deg, expected_s):
    assert gap_s(jobs.telescope(), separation_deg) == expected_s


def test_a_schedule_is_made_again_until_every_gap_is_long_enough(monkeypatch):
    """Two fields 30° apart: 15 s of way, more than reading out takes."""
    asked = []

    def once(job, candidates, slots):
        asked.append(slots.overhead_s)
        starts = [jobs.NOON + i * timedelta(seconds=30 + slots.overhead_s) for i in range(2)]
        return [
            Row(i, 30.0 * i, 0.0, start, start + timedelta(seconds=30), 1.0)
            for i, start in enumerate(starts)
        ]

    monkeypatch.setattr(plan_gwemopt, "_schedule_once", once)

    one, other = plan_gwemopt.schedule(jobs.job(jobs.telescope(slew_deg_per_s=2.0)), NO_TILES)

    assert asked == pytest.approx([5.0, 15.0])
    assert (other.start - one.end).total_seconds() == pytest.approx(15.0)


def test_all_that_lies_between_exposures_is_overhead_and_nothing_is_added_for_the_filter():
    found = telescope_config(jobs.telescope(), SLOTS)

    assert found["overhead_per_exposure"] == 12.0
    assert found["filt_change_time"] == 0.0


def test_declinations_are_told_as_text():
    found = telescope_config(jobs.telescope(dec_min_deg=-25.0), SLOTS)

    assert found["dec_constraint"] == "-25.0,90.0"


def test_a_candidate_keeps_its_number_place_and_probability():
    tiles = Tiles(np.array([7]), np.array([10.5]), np.array([-3.0]), np.array([0.25]))

    [(number, found)] = tile_struct(jobs.job(), tiles).items()

    assert number == 7
    assert (found["ra"], found["dec"], found["prob"]) == (10.5, -3.0, 0.25)
    assert (found["exposureTime"], found["nexposures"]) == (30.0, 1)
