"""Messages that kill whoever reads them: found one by one, buried, and their neighbours go on."""

import pytest
from sqlalchemy import select

from broker.attempts import BURY_AT_DEATH, Attempts, MessageAttempt
from broker.kafka_messages import Received

pytestmark = pytest.mark.integration

SOURCES = {"one": 1, "two": 2}
DEADLY = 3


def message(offset, topic="one"):
    return Received(topic, 0, offset, 1_795_291_500_000, b"x")


BATCH = [message(1), message(1, "two"), message(2), message(DEADLY), message(2, "two"), message(4)]


class Died(BaseException):
    """What kill -9 is to a test of one process."""


class Reader:
    """A process that dies over one message."""

    def __init__(self, deadly=DEADLY):
        self.attempts = Attempts()
        self.taken, self.buried = [], []
        self.deadly = deadly

    def read(self, batch=BATCH):
        for piece in self.attempts.pieces(batch, SOURCES):
            if piece.is_deadly:
                self.buried += piece.messages
            elif any(m.offset == self.deadly for m in piece.messages):
                raise Died
            else:
                self.taken.append(len(piece.messages))
        return self


def notes(session):
    session.expire_all()
    found = session.scalars(select(MessageAttempt).order_by(MessageAttempt.id))
    return [(one.source_id, one.source_offset, one.attempts) for one in found]


def die(times=1):
    for _ in range(times):
        with pytest.raises(Died):
            Reader().read()


def test_a_batch_that_kills_nobody_is_taken_whole_and_leaves_no_note(session):
    reader = Reader(deadly=None).read()

    assert (reader.taken, reader.buried, notes(session)) == ([6], [], [])


def test_whoever_dies_over_a_batch_leaves_a_note_in_each_partition(session):
    die()

    assert notes(session) == [(1, 1, 1), (2, 1, 1)]


def test_the_next_process_takes_the_batch_one_by_one(session):
    die()

    assert Reader(deadly=None).read().taken == [1] * 6
    assert notes(session) == []


def test_the_killer_alone_is_buried_and_its_neighbours_are_taken(session):
    die(times=1 + BURY_AT_DEATH)

    last = Reader().read()

    assert last.buried == [message(DEADLY)]
    assert last.taken == [1] * 5
    assert notes(session) == []


def test_a_batch_that_begins_elsewhere_knows_of_the_death_inside_it(session):
    die(times=2)

    reader = Reader(deadly=None).read([message(2), message(DEADLY), message(4)])

    assert reader.taken == [1, 1, 1]


def test_a_server_that_is_away_is_no_death(session):
    reader = Reader()
    for _ in range(2 * BURY_AT_DEATH):
        with pytest.raises(Died):  # the same process goes on
            reader.read()

    reader.deadly = None
    assert reader.read().taken == [6]
    assert notes(session) == []


def test_a_killer_is_not_forgotten_while_its_burial_waits_for_a_server(session):
    die(times=1 + BURY_AT_DEATH)
    reader = Reader()
    pieces = reader.attempts.pieces([message(DEADLY)], SOURCES)
    assert next(pieces).is_deadly
    pieces.close()  # what an outage does to a loop over them

    assert reader.read([message(DEADLY)]).buried == [message(DEADLY)]
