"""A partition has one owner: epochs fence zombies, and an emptied table makes it begin anew."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from broker.db import transaction
from broker.kafka import Fenced
from broker.ranges import bookkeeping
from broker.ranges.holdings import Holdings
from broker.ranges.planning import Cut, RangeRow
from tests.integration.range_rows import PLACE, STREAM, cut, due, held_by, inserted, rows, take

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("database")]


def test_a_new_owner_rings_at_once_for_what_it_adopts():
    inserted(0, 9)
    assert due() == []
    take("successor")
    assert due() == [(0, 9)]


def test_every_new_owner_has_a_higher_epoch_even_when_the_table_was_emptied():
    epochs = [take(), take()]
    with transaction() as session:
        session.execute(text("TRUNCATE stream_partitions"))
    epochs.append(take())
    assert epochs == sorted(set(epochs))


def test_a_zombie_cannot_cut():
    old = take()
    new = take("successor")
    assert cut(old, Cut(PLACE, 0, 9)) == []
    assert cut(new, Cut(PLACE, 0, 9)) == [Cut(PLACE, 0, 9)]


def test_a_new_owner_waits_for_a_zombie_in_mid_cut_and_sees_its_range():
    old, taken = take(), []
    with transaction() as session:
        bookkeeping.insert_cuts(session, STREAM, [(Cut(PLACE, 0, 9), old)], 30)
        successor = threading.Thread(target=lambda: taken.append(take("successor")))
        successor.start()
        successor.join(0.3)
        assert successor.is_alive()
    successor.join(5)
    assert taken[0] > old
    with transaction() as session:
        assert bookkeeping.read_rows(session, STREAM, {PLACE: 0}) == {
            PLACE: [RangeRow(0, 9, is_done=False)]
        }


def test_a_zombie_that_waits_for_its_successor_is_refused():
    old, cuts = take(), []
    with transaction() as session:
        bookkeeping.take(session, STREAM, PLACE, "successor")
        zombie = threading.Thread(target=lambda: cuts.append(cut(old, Cut(PLACE, 0, 9))))
        zombie.start()
        zombie.join(0.3)
        assert zombie.is_alive()
    zombie.join(5)
    assert cuts == [[]]
    assert rows() == []


def test_a_zombie_learns_that_it_is_one_when_it_cuts_or_commits():
    zombie = held_by(take())
    take("successor")
    with pytest.raises(Fenced):
        zombie.cut(4, 250, 30)
    zombie.note_committed({PLACE: 5})
    with pytest.raises(Fenced):
        zombie.write_committed()


def test_emptied_bookkeeping_makes_the_owner_begin_anew():
    holdings = held_by(take())
    with transaction() as session:
        session.execute(text("TRUNCATE stream_partitions, stream_ranges"))
    assert holdings.cut(4, 250, 30) == []
    assert holdings.to_take == {PLACE}
    assert not holdings.owned


def test_an_older_postgres_makes_the_owner_begin_anew():
    holdings = held_by(take())
    with transaction() as session:
        session.execute(text("UPDATE stream_partitions SET epoch = epoch - 1"))
    assert holdings.cut(4, 250, 30) == []
    assert holdings.to_take == {PLACE}


def test_a_postgres_that_restarted_makes_the_owner_begin_anew_and_changes_nothing_before():
    guard = take()
    earlier = guard._replace(server_start=guard.server_start - timedelta(seconds=9))
    for act in (lambda held: held.cut(4, 250, 30), Holdings.write_committed):
        holdings = held_by(earlier)
        holdings.note_committed({PLACE: 5})
        act(holdings)
        assert holdings.to_take == {PLACE}
    assert rows() == []
    with transaction() as session:
        assert session.scalar(text("SELECT committed_offset FROM stream_partitions")) == 0
