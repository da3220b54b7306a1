"""One partition's ranges in Postgres: taken, cut, claimed, and read back."""

from sqlalchemy import text

from broker.db import transaction
from broker.ranges import bookkeeping
from broker.ranges.claim import claim
from broker.ranges.holdings import Holdings, OwnedPartition
from broker.ranges.planning import Cut

STREAM, PLACE = "ztf", ("ztf_20260101_programid1", 0)


def take(owner="listener"):
    with transaction() as session:
        taken = bookkeeping.take(session, STREAM, PLACE, owner)
        bookkeeping.begin(session, STREAM, PLACE, taken, "id-1", 0, 0)
    return bookkeeping.Guard(taken.epoch, taken.server_start)


def cut(guard, *cuts, ring_after_s=30.0):
    with transaction() as session:
        return bookkeeping.insert_cuts(session, STREAM, [(c, guard) for c in cuts], ring_after_s)


def inserted(first, last):
    assert cut(take(), Cut(PLACE, first, last))


def claimed(first=0, owner="task-1"):
    return claim(STREAM, *PLACE, first, 0, owner)


def rows(columns="first_offset, last_offset, state, attempts"):
    with transaction() as session:
        return [
            tuple(row)
            for row in session.execute(
                text(f"SELECT {columns} FROM stream_ranges ORDER BY first_offset")
            )
        ]


def change(assignments):
    with transaction() as session:
        session.execute(text(f"UPDATE stream_ranges SET {assignments}"))


def due(cursor=0):
    with transaction() as session:
        found = bookkeeping.take_due(session, STREAM, {PLACE: cursor}, 30)
    return [(ring.first, ring.last) for ring in found]


def held_by(guard, *, cursor=0, high=10):
    holdings = Holdings(STREAM)
    holdings.owned[PLACE] = OwnedPartition(PLACE, guard, "id-1", cursor, 0, high)
    return holdings
