"""The demo asks again while the machine is too busy to answer, and not for ever."""

import pytest
import sqlalchemy.exc

from broker.errors import TransientError
from pipeline.simulate import patience
from pipeline.simulate.patience import patiently

AWAY = sqlalchemy.exc.OperationalError("SELECT", {}, Exception("connection timeout expired"))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(patience, "PAUSE_S", 0)


def answers(*found):
    left = list(found)

    def ask():
        one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(one, Exception):
            raise one
        return one

    return ask


def test_what_does_not_answer_in_time_is_asked_again():
    assert patiently(answers(AWAY, OSError("refused"), 7)) == 7


def test_what_never_answers_is_given_up_in_one_line():
    with pytest.raises(TransientError, match=r"nothing answered for 0 s: .*timeout expired"):
        patiently(answers(AWAY), within_s=0)


def test_other_troubles_are_nothing_to_wait_for():
    with pytest.raises(ValueError, match="wrong"):
        patiently(answers(ValueError("wrong"), 7))
