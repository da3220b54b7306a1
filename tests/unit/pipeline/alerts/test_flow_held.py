"""A range whose stream is switched off stores its alerts and sends nothing."""

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from broker.ranges import switches
from broker.ranges.claim import Claim
from broker.ranges.working import RangeLostError
from pipeline.alerts import publish, settling
from pipeline.alerts.work import Tally


@pytest.fixture
def ended(monkeypatch):
    """Replace Postgres; return what was held and how the range was settled."""
    seen = SimpleNamespace(held=[], settled=[])

    @contextmanager
    def transaction(**_):
        yield None

    monkeypatch.setattr(settling, "transaction", transaction)
    monkeypatch.setattr(settling, "still_mine", lambda *_: True)
    monkeypatch.setattr(switches, "hold", lambda _, *place: seen.held.append(place))
    monkeypatch.setattr(
        settling, "_settle", lambda _, __, sent, *, is_last: seen.settled.append((sent, is_last))
    )
    return seen


def work(**given):
    values = {
        "claim": Claim("ztf", "t", 3, 0, 10, 19, 2, "me"),
        "source": SimpleNamespace(id=7, partition=3),
        "survey": SimpleNamespace(name="ztf"),
        "statement_timeout_s": 1,
        "tally": Tally(),
        "stage": lambda _: np.errstate(),
        "is_silent": False,
        "is_publishing": False,
        "chosen": {},
    }
    return SimpleNamespace(**values | given)


def waiting(monkeypatch, rows):
    monkeypatch.setattr(publish, "read_pending", lambda *_: SimpleNamespace(rows=rows))


def test_what_waits_is_held_and_the_range_ends(monkeypatch, ended):
    waiting(monkeypatch, [{"id": 1}])

    settling.publish_part(work(), 10, 19, is_last=True)

    assert ended.held == [("ztf", 7, 3, 10, 19)]
    assert ended.settled == [(publish.NOTHING, True)]


def test_where_nothing_waits_nothing_is_held(monkeypatch, ended):
    waiting(monkeypatch, [])

    settling.publish_part(work(), 10, 19, is_last=False)

    assert ended.held == []
    assert ended.settled == [(publish.NOTHING, False)]


def test_a_replay_that_publishes_nothing_holds_nothing(monkeypatch, ended):
    waiting(monkeypatch, [{"id": 1}])

    settling.publish_part(work(is_silent=True), 10, 19, is_last=True)

    assert ended.held == []


def test_a_range_that_was_lost_is_not_held(monkeypatch, ended):
    monkeypatch.setattr(settling, "still_mine", lambda *_: False)

    with pytest.raises(RangeLostError):
        settling.publish_part(work(), 10, 19, is_last=True)

    assert (ended.held, ended.settled) == ([], [])
