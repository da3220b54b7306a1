"""CPU by stage: the lines are disjoint and sum to the total."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.bench import report
from tests.bench.filtering import Pairs
from tests.bench.flow import Segment, Work
from tests.bench.measure import Cpu
from tests.bench.stages import gap_problems, stages, steady


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


def test_a_table_that_explains_all_but_a_twentieth_has_no_problem():
    assert gap_problems(stages([segment()])) == []


def test_a_table_that_leaves_more_unexplained_has_one():
    one = segment()
    threads_unseen = replace(one, cpu=replace(one.cpu, child_clients=0.2))

    (problem,) = gap_problems(stages([threads_unseen]))

    assert problem.startswith("5.5 % of the CPU time")


def test_lines_below_nothing_do_not_hide_what_is_missing():
    one = segment()
    child_gone = replace(one, work=replace(one.work, body_cpu_ms=4600.0))

    assert stages([child_gone]).lines["worker: Celery in the children"] < 0
    assert "9.7 %" in gap_problems(stages([child_gone]))[0]


@pytest.mark.parametrize(("more_s", "is_met"), [(0.29, True), (0.73, False)])
def test_what_the_filters_add_is_judged_by_their_sums(more_s, is_met):
    plain = segment()
    parts = plain.cpu.parts | {"worker": plain.cpu.parts["worker"] + more_s}
    with_filters = replace(plain, seconds=11.0, cpu=replace(plain.cpu, parts=parts))

    found = Pairs([with_filters] * 3, [plain] * 3).figures()

    assert found["cpu_ratio"] == pytest.approx([1 + more_s / 7.25] * 3)
    assert found["cpu_ratio_of_sums"] == pytest.approx(1 + more_s / 7.25)
    assert found["rate_ratio"] == pytest.approx([10 / 11] * 3)
    assert (found["is_met"], found["alerts"]) == (is_met, 6000)


def test_pairs_that_scatter_do_not_decide():
    plain = segment()

    def taking(more_s):
        parts = plain.cpu.parts | {"worker": plain.cpu.parts["worker"] + more_s}
        return replace(plain, cpu=replace(plain.cpu, parts=parts))

    found = Pairs([taking(0.6), taking(0.6), taking(0.0)], [plain, plain, taking(0.9)]).figures()

    assert sorted(found["cpu_ratio"])[1] > 1.05
    assert found["is_met"]


def cpu(*children):
    return Cpu({"worker": 1.0}, 1.0, 0.0, 1.0, 0.0, frozenset(children))


def test_children_that_came_or_went_are_seen():
    assert cpu(1, 2).since(cpu(1, 2)).children == frozenset()
    assert cpu(1, 3).since(cpu(1, 2)).children == {2, 3}
    assert cpu(1).since(cpu(1, 2)).children == {2}


def test_segments_in_which_a_child_was_replaced_are_left_out_of_the_table():
    calm = segment()
    disturbed = replace(calm, cpu=replace(calm.cpu, children=frozenset({2, 3})))

    assert steady([disturbed, calm]) == [calm]
    assert steady([disturbed]) == [disturbed]


def test_the_report_says_where_a_child_was_replaced():
    def said(*numbers):
        return list(report._replaced({"replaced_in": list(numbers), "rate_hz": [1.0, 2.0]}))

    assert said() == []
    assert "segment 2" in said(2)[0]
    assert "wrong" in said(1, 2)[0]
