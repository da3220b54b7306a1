"""The threads of a listener of several topics end with it."""

import time

import pytest

from pipeline.lasair import day_files
from pipeline.lasair.day_files import Place
from pipeline.lasair.listener import LasairListener

PATIENCE_S = 5


class _Topic:
    """Listens until it is told to end, or gives up."""

    was_told = False

    def run(self, is_stopping):
        give_up_at = time.monotonic() + PATIENCE_S
        while not is_stopping() and time.monotonic() < give_up_at:
            time.sleep(0.01)
        self.was_told = is_stopping()


def test_an_error_of_writing_that_is_no_outage_ends_every_topic_and_is_raised(monkeypatch):
    def broken(_place):
        raise ValueError("no line")

    monkeypatch.setattr(day_files, "write_waiting", broken)
    topics = {"bright": _Topic(), "young": _Topic()}

    with pytest.raises(ValueError, match="no line"):
        LasairListener(topics, Place("here", "/nowhere")).run(lambda: False)

    assert [topic.was_told for topic in topics.values()] == [True, True]
