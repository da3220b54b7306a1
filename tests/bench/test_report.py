"""CPU by stage: the lines are disjoint and sum to the total."""

from collections import Counter

import pytest

from tests.bench.flow import Segment, Work
from tests.bench.measure import Cpu
from tests.bench.stages import stages


def segment():
    parts = {"postgres": 1.0, "kafka": 0.8, "redis": 0.1, "listeners": 0.3, "worker": 5.0, "upkeep and beat": 0.05}  # fmt: skip
    cpu = Cpu(parts, child_main=4.0, child_clients=0.5, child_all=4.6, bell=0.1)
    work = Work(
        read=1000, ranges=4, cpu_ms=Counter(decode=2000.0, store=1500.0), body_cpu_ms=3800.0
    )
    return Segment(1000, 10.0, work, cpu, redis_bytes=80_000)


def test_the_lines_sum_to_the_total_but_for_what_is_called_other():
    found = stages([segment()])

    assert found.total == pytest.approx(7.25)
    assert sum(found.lines.values()) + found.unexplained == pytest.approx(found.total)
    assert found.unexplained == pytest.approx(0.1)


def test_each_line_holds_its_own():
    lines = stages([segment(), segment()]).lines

    assert lines["worker: decode"] == pytest.approx(2.0)
    assert lines["worker: between steps"] == pytest.approx(0.3)
    assert lines["worker: Kafka client threads"] == pytest.approx(0.5)
    assert lines["worker: Celery in the children"] == pytest.approx(0.2)
    assert lines["worker: Celery's parent"] == pytest.approx(0.4)
    assert lines["listeners: bell"] == pytest.approx(0.1)
    assert lines["listeners: rest"] == pytest.approx(0.2)


def test_celerys_share_is_everything_around_the_tasks():
    share = stages([segment()]).celery_share

    assert share == pytest.approx((0.2 + 0.4 + 0.1 + 0.1 + 0.05) / 7.25)
