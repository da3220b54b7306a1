"""Light curves do not depend on how their packets were cut into ranges."""

import numpy as np
import pytest

from broker.db import cursor
from broker.kafka_types import Packet
from pipeline.alerts import curves
from pipeline.alerts.batch import SERIES
from pipeline.alerts.merge import merge
from pipeline.surveys import survey
from tests import samples

pytestmark = [pytest.mark.integration, pytest.mark.samples]

PACKETS = 60
WHOLE = list(range(PACKETS))
SHUFFLED = np.random.default_rng(7).permutation(PACKETS).tolist()


def cut(positions, size):
    return [positions[at : at + size] for at in range(0, len(positions), size)]


@pytest.fixture(scope="module")
def batch():
    """Return alerts of few objects, so that their histories meet."""
    packets = [Packet(i, 0, one.value) for i, one in enumerate(samples.ztf_rewritten()[:PACKETS])]
    found, rejected = survey("ztf").decode(packets)
    assert not rejected
    found.object_id[:] = [f"ZTF{i % 7}" for i in range(PACKETS)]
    return found


def expected(batch):
    """Return the bytes of each object's series by the rule, point by point."""
    best = {}
    for number, points in enumerate(batch.series()):
        for parent, row in zip(points.parent.tolist(), points.rows, strict=True):
            key = (batch.object_id[parent], number, row["jd_utc"], row["band"])
            best[key] = min(row.tobytes(), best.get(key, row.tobytes()))
    found = {}
    for name, number, jd_utc, band in sorted(best):
        found.setdefault((name, number), []).append(best[name, number, jd_utc, band])
    return {key: b"".join(rows) for key, rows in found.items()}


@pytest.mark.parametrize(
    "ranges",
    [
        cut(WHOLE, 1),
        cut(WHOLE, 7),
        cut(WHOLE, PACKETS),
        cut(SHUFFLED, 7),
        [*cut(WHOLE, 20), WHOLE[10:50], *cut(WHOLE, 20)],
    ],
    ids=["ones", "sevens", "whole", "shuffled", "overlapping and repeated"],
)
def test_however_packets_are_cut_the_light_curves_are_those_of_the_rule(session, batch, ranges):
    for positions in ranges:
        merge(session, batch.take(np.array(positions)))

    with cursor(session) as cur:
        cur.execute("SELECT id, object_id FROM objects ORDER BY id")
        names = dict(cur.fetchall())
    stored = curves.load(session, "ztf", np.array(list(names)))
    found = {
        (name, number): stored.points(number, at).tobytes()
        for number in range(len(SERIES))
        for at, name in enumerate(names.values())
    }
    assert {key: points for key, points in found.items() if points} == expected(batch)
