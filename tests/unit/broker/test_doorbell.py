import os
import threading

import pytest

from broker.doorbell import Doorbell, Ring, check_arguments


def ring(*arguments):
    return Ring("alerts.process", "alerts", arguments, 0)


def test_rings_arrive_in_order():
    heard = []
    bell = Doorbell(heard.append)
    for number in range(50):
        assert bell.ring(ring(number))
    assert bell.drain(5)
    assert [sent.arguments for sent in heard] == [(number,) for number in range(50)]


def test_a_broker_that_refuses_costs_a_count_and_no_exception():
    def refuse(_ring):
        raise ConnectionError("Redis is away")

    bell = Doorbell(refuse)
    assert bell.ring(ring(1))
    assert bell.drain(5)
    assert (bell.sent, bell.lost) == (0, 1)


def test_a_broker_that_hangs_holds_nobody_up():
    hangs = threading.Event()
    bell = Doorbell(lambda _ring: hangs.wait(), size=3)
    answers = [bell.ring(ring(number)) for number in range(6)]
    assert answers[:3] == [True] * 3
    assert answers[-1] is False  # one may be in the thread's hand
    assert bell.drain(0.01) is False
    hangs.set()
    assert bell.drain(5)


def test_a_fork_begins_with_an_empty_bell_of_its_own():
    hangs = threading.Event()
    bell = Doorbell(lambda _ring: hangs.wait(), size=3)
    bell.ring(ring(1))
    child = os.fork()
    if child == 0:
        hangs.set()
        is_fine = bell.ring(ring(2)) and bell.drain(5) and bell.sent == 1
        os._exit(0 if is_fine else 1)
    _, status = os.waitpid(child, 0)
    hangs.set()
    assert os.waitstatus_to_exitcode(status) == 0
    assert bell.drain(5)


@pytest.mark.parametrize("argument", [b"packet", {1, 2}, object()])
def test_only_json_passes(argument):
    with pytest.raises(TypeError):
        check_arguments([argument])


def test_packets_do_not_pass_as_text_either():
    with pytest.raises(ValueError, match="pass ids or offsets"):
        check_arguments(["x" * 1000])


def test_the_longest_range_passes():
    check_arguments(["ztf", "t" * 249, 2**31, 2**63, 2**63, 2**63])
