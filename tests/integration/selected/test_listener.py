"""The loop of a consumer, with a reader whose messages are at hand."""

import pytest
from sqlalchemy import select

from pipeline.selected.listener import SelectedListener
from pipeline.selected.tables import SelectedRun
from tests.integration.selected.world import Consumer, packet, received

pytestmark = pytest.mark.integration


class _Reader:
    """Hands out batches one after the other; an error among them is raised."""

    def __init__(self, *batches) -> None:
        self.left = list(batches)

    def batch(self, *_):
        found = self.left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def commit_all(self, ends) -> None:
        pass

    def close(self) -> None:
        pass


def listen(*batches):
    """Let a listener take these batches, then stop it."""
    taker, reader = Consumer(), _Reader(*batches)
    listener = SelectedListener(
        reader, taker.reception, taker.writer, taker.target, book=taker.book, most=10
    )
    listener.run(lambda: not reader.left)


def runs(session):
    found = session.scalars(select(SelectedRun).order_by(SelectedRun.id))
    return [(run.state, run.ended_at is not None, run.error) for run in found]


def test_a_listener_that_fails_says_so_in_its_run(session, root):
    with pytest.raises(ValueError, match="fenced"):
        listen(received(packet(1)), ValueError("fenced"))

    assert runs(session) == [("failed", True, "ValueError('fenced')")]


def test_a_listener_that_is_stopped_ends_its_run(session, root):
    listen(received(packet(1)))

    assert runs(session) == [("done", True, None)]


def test_a_listener_that_read_nothing_leaves_no_run(session, root):
    listen(())

    assert runs(session) == []
