import signal
import subprocess
import sys

import pytest

from broker.failpoints import FAILPOINTS, parse, parse_poison

PASSES = """
from broker.failpoints import failpoint
for number in range(3):
    failpoint("after_store")
    print(number, flush=True)
"""


def run(value):
    return subprocess.run(
        [sys.executable, "-c", PASSES],
        env={"NIGHTJAR_TESTING__FAILPOINT": value, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("value", "survived"), [("after_store", ""), ("after_store:3", "0\n1\n")])
def test_a_process_dies_at_its_nth_pass_as_if_killed(value, survived):
    done = run(value)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == survived


@pytest.mark.slow
@pytest.mark.parametrize("value", ["", "after_ack", "after_store:4"])
def test_a_process_lives_when_the_point_is_another_or_not_reached(value):
    assert run(value).stdout == "0\n1\n2\n"


def test_names_and_passes_are_read():
    assert parse("") is None
    assert parse("after_claim") == ("after_claim", 1)
    assert parse("before_commit:12") == ("before_commit", 12)
    assert len(FAILPOINTS) == len(set(FAILPOINTS))


@pytest.mark.parametrize("text", ["after_lunch", "after_claim:0", "after_claim:x"])
def test_a_point_that_never_comes_is_an_error(text):
    with pytest.raises(ValueError):
        parse(text)


STRUCK = """
import signal
from broker.failpoints import strike
def interrupt(*_):
    raise TimeoutError
signal.signal(signal.SIGALRM, interrupt)
print("ready", flush=True)
signal.setitimer(signal.ITIMER_REAL, 0.5)
try:
    strike([11, 12, 13])
    print("unharmed", flush=True)
except TimeoutError:
    print("interrupted", flush=True)
"""


def struck(poison):
    return subprocess.Popen(
        [sys.executable, "-c", STRUCK],
        env={"NIGHTJAR_TESTING__POISON": poison, "PYTHONPATH": "."},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_deadly_packet_kills_its_process():
    process = struck("kill:12")
    assert process.communicate()[0] == "ready\n"
    assert process.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_hanging_packet_hangs_until_a_signal_interrupts_it():
    assert struck("hang:13").communicate()[0] == "ready\ninterrupted\n"


@pytest.mark.slow
def test_a_packet_that_sticks_is_not_interrupted_by_any_signal():
    process = struck("stick:11")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3.0)
    process.kill()
    assert process.communicate()[0] == "ready\n"


@pytest.mark.slow
@pytest.mark.parametrize("poison", ["", "kill:14,hang:15"])
def test_other_packets_do_no_harm(poison):
    assert struck(poison).communicate()[0] == "ready\nunharmed\n"


def test_poison_is_read():
    assert parse_poison("") == {}
    assert parse_poison("kill:3100,stick:-7") == {3100: "kill", -7: "stick"}


@pytest.mark.parametrize("text", ["drown:1", "kill", "kill:x"])
def test_poison_that_cannot_be_is_an_error(text):
    with pytest.raises(ValueError):
        parse_poison(text)
