"""What a simulated telescope does with a command: drawn by seed and id, in the order of time."""

import numpy as np
import pytest
from nightjar_telescope import AckStatus, ObservationBase, TelescopeCommand

from pipeline.simulate.telescope import Manners, script, spectrum

S = AckStatus


def command(number: int = 1, **changes) -> TelescopeCommand:
    request = ObservationBase(
        "M31", "galaxy", 10.7, 41.3, 1420.0, 0.0, 0.0, 0.0, "imaging", 120.0, "m31.fits",
        observation_id="sim-1",
    )  # fmt: skip
    return TelescopeCommand(f"cmd-{number}", "start_observation", 1, request)


def acks(acts):
    return [(act.status, act.progress_percent) for act in acts if act.status is not None]


def test_an_observation_goes_through_every_stage_at_its_speed():
    acts = script(command(), Manners(speed=60, chunks=3))

    assert acks(acts) == [
        (S.RECEIVED, None),
        (S.STARTED, None),
        (S.STARTED, 25),
        (S.STARTED, 50),
        (S.STARTED, 75),
        (S.COMPLETED, 100),
    ]
    assert acts[0].at_s < 1
    assert acts[-1].at_s - acts[1].at_s == pytest.approx(120 / 60)
    assert [act.chunk for act in acts if act.status is None] == [0, 1, 2]
    assert [act.at_s for act in acts] == sorted(act.at_s for act in acts)
    ends = {act.at_s + act.ends_in_s for act in acts if act.ends_in_s is not None}
    assert {round(end, 6) for end in ends} == {round(acts[-1].at_s, 6)}


def test_the_same_seed_and_id_give_the_same_acts():
    manners = Manners(seed=7, fail=0.5, reject=0.3, silent=0.2, is_shuffled=True)
    once, again = ([script(command(n), manners) for n in range(50)] for _ in range(2))

    assert once == again
    assert len({str(acts) for acts in once}) > 10


@pytest.mark.parametrize(
    ("share", "low", "high"), [(0.0, 0, 0), (0.3, 230, 370), (1.0, 1000, 1000)]
)
@pytest.mark.parametrize("word", ["reject", "fail", "silent"])
def test_shares_are_kept(word, share, low, high):
    ends = {"reject": S.REJECTED, "fail": S.FAILED, "silent": None}
    manners = Manners(**{word: share})

    last = [acks(script(command(n), manners))[-1:] for n in range(1000)]

    assert low <= sum((one[0][0] if one else None) is ends[word] for one in last) <= high


def test_one_that_fails_sends_no_data_after_it():
    acts = script(command(), Manners(fail=1, chunks=100))

    assert acts[-1].status is S.FAILED
    assert acts[-1].error_code == "receiver"
    assert 50 <= sum(act.status is None for act in acts) <= 61
    assert max(act.progress_percent or 0 for act in acts) == 50


def test_shuffled_acknowledgments_are_the_same_at_other_times():
    plain, shuffled = (script(command(3), Manners(is_shuffled=on)) for on in (False, True))

    assert sorted(map(str, acks(shuffled))) == sorted(map(str, acks(plain)))
    assert acks(shuffled) != acks(plain)


def test_late_acknowledgments_are_so_late_and_data_are_not():
    plain, late = (script(command(), Manners(late_s=on)) for on in (0, 40))

    assert [a.at_s for a in late if a.status] == pytest.approx(
        [a.at_s + 40 for a in plain if a.status]
    )
    assert [a.at_s for a in late if not a.status] == [a.at_s for a in plain if not a.status]


def test_a_command_without_an_observation_is_rejected():
    [act] = script(TelescopeCommand("cmd-1", "start_observation", 1, None), Manners())

    assert (act.status, act.error_code) == (S.REJECTED, "no_observation")


@pytest.mark.parametrize("length", [1, 5, 4096])
def test_data_are_seeded_noise_of_the_length_that_is_asked_for(length):
    manners = Manners(chunk_bytes=length)

    assert len(spectrum("sim-1", 0, manners)) == length
    assert spectrum("sim-1", 0, manners) == spectrum("sim-1", 0, manners)
    assert length == 1 or spectrum("sim-1", 0, manners) != spectrum("sim-1", 1, manners)


def test_noise_has_mean_0_and_deviation_1():
    noise = np.frombuffer(spectrum("sim-1", 0, Manners(chunk_bytes=400_000)), "<f4")

    assert abs(noise.mean()) < 0.02
    assert abs(noise.std() - 1) < 0.02
