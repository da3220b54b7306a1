"""The loop of a consumer, with a reader whose messages are at hand."""

import pytest
from sqlalchemy import select

from broker.db import lock
from broker.kafka import LoginRefusedError
from pipeline.selected import collect as collecting
from pipeline.selected import listener as listening
from pipeline.selected.listener import SelectedListener
from pipeline.selected.tables import SelectedRun
from tests.integration.selected.world import Consumer, expected, packet, received, tree

pytestmark = pytest.mark.integration


class _Reader:
    """Hands out batches one after the other; an error among them is raised."""

    def __init__(self, *batches) -> None:
        self.left = list(batches)
        self.owned = frozenset()

    def batch(self, *_):
        found = self.left.pop(0)
        if isinstance(found, Exception):
            self.owned = frozenset()  # a process that stood still has lost its partitions, too
            raise found
        self.owned = frozenset({("topic", 0)})
        return found

    def commit_all(self, ends) -> None:
        pass

    def close(self) -> None:
        pass


def listener_of(taker, *batches, **given):
    """Return a listener that these batches come to."""
    return SelectedListener(
        _Reader(*batches), taker.reception, taker.writer, taker.target,
        book=taker.book, most=10, clock=lambda: taker.now, **given,
    )  # fmt: skip


def listen(*batches):
    """Let a listener take these batches, then stop it."""
    listener = listener_of(Consumer(), *batches, rest_s=0.0)
    listener.run(lambda: not listener.reader.left)


def runs(session):
    found = session.scalars(select(SelectedRun).order_by(SelectedRun.id))
    return [(run.state, run.ended_at is not None, run.error) for run in found]


def test_a_listener_that_fails_says_so_in_its_run(session, root):
    with pytest.raises(ValueError, match="fenced"):
        listen(received(packet(1)), ValueError("fenced"))

    assert runs(session) == [("failed", True, "ValueError('fenced')")]


def test_a_login_that_is_refused_ends_who_never_read_and_nobody_else(session, root):
    refused = LoginRefusedError("handshake failed: Timed out")

    with pytest.raises(LoginRefusedError):
        listen(refused)
    listen(received(packet(1)), refused, received(packet(2)))

    assert runs(session) == [("done", True, None)]
    assert [row.written_count for row in session.scalars(select(SelectedRun))] == [2]


def test_a_listener_that_is_stopped_ends_its_run(session, root):
    listen(received(packet(1)))

    assert runs(session) == [("done", True, None)]


def test_a_listener_that_read_nothing_leaves_no_run(session, root):
    listen(())

    assert runs(session) == []


def test_a_run_does_not_end_well_while_another_process_keeps_its_rows_from_their_files(
    session, root, monkeypatch
):
    monkeypatch.setattr(collecting, "SETTLE_S", 0.0)
    taker = Consumer()
    taker.reception.take(received(packet(1), packet(2)))
    listener = listener_of(taker)

    with lock(taker.target.lock):
        why = collecting.settle(listener)
    assert why == "2 rows are in no file yet: another process writes, or see the log"

    assert collecting.settle(listener) is None
    assert tree(root) == expected(session, taker.target)


def test_letters_that_were_taken_again_may_be_taken_again_at_once(session, root, monkeypatch):
    forgotten = []
    listener = listener_of(Consumer(), forget=lambda: forgotten.append(1))
    for taken in (0, 1):
        monkeypatch.setattr(listening, "take_retried", lambda *_, taken=taken: taken)
        listener.look()

    assert forgotten == [1]
