import signal
import subprocess
import sys

import pytest

from broker.failpoints import FAILPOINTS, parse

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
    assert len(FAILPOINTS) == 10


@pytest.mark.parametrize("text", ["after_lunch", "after_claim:0", "after_claim:x"])
def test_a_point_that_never_comes_is_an_error(text):
    with pytest.raises(ValueError):
        parse(text)
