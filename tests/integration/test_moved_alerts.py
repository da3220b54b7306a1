"""A packet that comes again from a topic made anew, while its alert's messages still wait."""

import pytest
from sqlalchemy import select

from pipeline.alerts import ledger, store
from pipeline.alerts.tables import Alert, AlertDuplicate
from tests import factories

pytestmark = pytest.mark.integration
CANDID = 2**60


@pytest.fixture
def old(session):
    return factories.make_source(session, topic_id="old")


@pytest.fixture
def new(session, old):
    return factories.make_source(session, topic_id="new")


@pytest.fixture
def make_alert(session, old):
    segment = factories.make_segment(session)

    def make(offset=10, **given):
        values = {"candid": CANDID + offset, "source_offset": offset, "outputs": 1, "pending": 1}
        return factories.make_alert(session, old, segment, **values | given)

    return make


def come_again(session, source, *packets):
    return store.insert_duplicates(session, "ztf", store.Source(source.id, 3), packets)


def places(session, table):
    rows = session.execute(
        select(table.source_id, table.source_partition, table.source_offset).order_by(
            table.source_id, table.source_offset
        )
    )
    return [tuple(row) for row in rows]


def test_an_alert_that_waits_moves_to_where_its_packet_came_again(session, old, new, make_alert):
    alert = make_alert(10)

    duplicates = come_again(session, new, (alert.candid, 4))

    assert duplicates == 0
    assert places(session, Alert) == [(new.id, 3, 4)]
    assert places(session, AlertDuplicate) == [(old.id, 3, 10)]


def test_a_second_delivery_of_the_same_range_changes_nothing(session, old, new, make_alert):
    alert = make_alert(10)
    for _ in range(2):
        assert come_again(session, new, (alert.candid, 4)) == 0

    assert places(session, Alert) == [(new.id, 3, 4)]
    assert places(session, AlertDuplicate) == [(old.id, 3, 10)]


def test_of_two_copies_in_one_batch_the_first_is_the_alert(session, old, new, make_alert):
    alert = make_alert(10)

    assert come_again(session, new, (alert.candid, 7), (alert.candid, 4)) == 1

    assert places(session, Alert) == [(new.id, 3, 4)]
    assert places(session, AlertDuplicate) == [(old.id, 3, 10), (new.id, 3, 7)]


def test_an_alert_that_waits_does_not_move_to_where_nothing_is_published(
    session, old, new, make_alert
):
    alert = make_alert(10)
    here = store.Source(new.id, 3)

    assert store.insert_duplicates(session, "ztf", here, [(alert.candid, 4)], is_silent=True) == 1

    assert places(session, Alert) == [(old.id, 3, 10)]
    assert places(session, AlertDuplicate) == [(new.id, 3, 4)]


def test_an_alert_that_was_published_stays(session, old, new, make_alert):
    alert = make_alert(10, pending=0)

    assert come_again(session, new, (alert.candid, 4)) == 1

    assert places(session, Alert) == [(old.id, 3, 10)]
    assert places(session, AlertDuplicate) == [(new.id, 3, 4)]


def test_an_alert_that_waits_in_its_own_topic_stays_for_its_own_range(session, old, make_alert):
    alert = make_alert(10)

    assert come_again(session, old, (alert.candid, 40)) == 1

    assert places(session, Alert) == [(old.id, 3, 10)]


def test_an_alert_never_moves_back_to_an_older_topic(session, old, new, make_alert):
    alert = make_alert(4, source_id=new.id)

    assert come_again(session, old, (alert.candid, 10)) == 1

    assert places(session, Alert) == [(new.id, 3, 4)]


def test_an_alert_does_not_move_to_another_topic(session, old, make_alert):
    other = factories.make_source(session, topic="ztf_20241122_programid1", topic_id="other")
    alert = make_alert(10)

    assert come_again(session, other, (alert.candid, 4)) == 1

    assert places(session, Alert) == [(old.id, 3, 10)]


def test_a_place_that_another_alert_holds_is_left_to_it(session, old, new, make_alert):
    holder = make_alert(4, source_id=new.id)
    alert = make_alert(10)

    assert come_again(session, new, (alert.candid, 4)) == 1

    assert places(session, Alert) == [(old.id, 3, 10), (new.id, 3, 4)]
    assert holder.candid != alert.candid


def test_the_books_balance_after_a_move(session, old, new, make_alert):
    alerts = [make_alert(offset) for offset in (10, 11, 12)]
    come_again(session, new, (alerts[1].candid, 4))

    books = ledger.read(session)

    assert books.is_balanced
    assert books.received == 4
    assert ledger.by_stream(books)["ztf"]["duplicates"] == 1


def test_a_packet_once_counted_as_a_copy_is_not_counted_twice(session, old, new, make_alert):
    alert = make_alert(10, pending=0)
    come_again(session, new, (alert.candid, 4))
    alert.pending = 1
    session.flush()

    assert come_again(session, new, (alert.candid, 4)) == 0

    assert places(session, AlertDuplicate) == [(old.id, 3, 10)]
