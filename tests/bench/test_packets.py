"""What the benchmark sends: new packets of old ones, that decode and are judged as they were meant."""

from collections import Counter

import numpy as np
import pytest

from broker.kafka_types import Packet
from pipeline.surveys import survey as survey_named
from tests import oracle, samples
from tests.bench import packets, templates, variants, world
from tests.bench.world import Places, Surroundings

COUNT = 120
BEYOND_FLOATS = 2**53


@pytest.fixture(scope="module", params=["real", "generated"])
def origin(request: pytest.FixtureRequest):
    """Let templates come from the samples, where there are some, or from the simulator."""
    with pytest.MonkeyPatch.context() as patch:
        forget()
        if request.param == "generated":
            patch.setattr(samples, "are_there", lambda: False)
        else:
            samples.folder()
        yield request.param
    forget()


def forget() -> None:
    templates.of_survey.cache_clear()
    templates.rubin_schema.cache_clear()


def made(survey):
    low, high = world.DEC_RANGE_DEG[survey]
    places = Places(np.linspace(1, 359, COUNT), np.linspace(low + 1, high - 1, COUNT))
    nothing = np.zeros(COUNT, bool)
    near = Surroundings(np.full(COUNT, -1), nothing, ~nothing, [[] for _ in range(COUNT)])
    values, expected = packets._chunk((survey, 0, np.arange(COUNT) // 2, places, near, 0))
    return places, values, expected


@pytest.mark.slow
@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_every_packet_decodes_at_its_new_place_and_under_its_new_id(origin, survey):
    places, values, expected = made(survey)

    batch, rejected = survey_named(survey).decode([Packet(i, 0, v) for i, v in enumerate(values)])

    assert rejected == []
    assert templates.of_survey(survey)[0] == origin
    assert batch.candid.tolist() == [one.candid for one in expected]
    assert min(batch.candid) > BEYOND_FLOATS
    assert len(set(batch.candid.tolist())) == COUNT
    assert batch.ra_deg.tolist() == places.ra_deg.tolist()
    assert np.all(np.diff(batch.jd_utc) > 0)
    names = Counter(name for name in batch.object_id if not name.startswith("sso"))
    assert set(names) <= {variants.object_name(survey, number) for number in range(COUNT // 2)}
    assert Counter(names.values())[2] > COUNT // 3


@pytest.mark.slow
def test_the_mix_of_a_night_is_sent(origin):
    _, values, expected = made("ztf")

    records = [templates.read("ztf", value) for value in values]
    shares = Counter(one.gate for one in expected)

    assert [one.gate for one in expected] == [oracle.ztf_gate(record) for record in records]
    assert 0.6 < shares[None] / COUNT < 0.95
    assert set(shares) == {None, "rock", "low_drb", "non_public"}
    assert all(
        len(record["fp_hists"]) == min(30, len(record["prv_candidates"]))
        for record in records
        if record.get("fp_hists") and record.get("prv_candidates") and origin == "generated"
    )


def test_what_lies_around_is_found_by_plain_arithmetic_also_at_ra_zero_and_the_poles():
    here = Places(np.array([0.0, 10.0, 200.0]), np.array([5.0, 90.0, -40.0]))
    there = Places(
        np.array([359.9999, 190.0, 200.0, 200.0]),
        np.array([5.0, 89.9998, -40.0002, -41.0]),
    )

    found = list(world.around(here, there, 2.0))

    assert [(place, other) for place, _, other in found] == [(0, 0), (1, 1), (2, 2)]
    assert [separation for _, separation, _ in found] == pytest.approx(
        [0.36 * np.cos(np.radians(5)), 0.72, 0.72], rel=1e-4
    )
