"""Messages that wait where no range will ever work again."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text

from broker import dead_letters
from broker.db import lock, transaction
from broker.kafka_types import DeliveryError
from broker.ranges import bookkeeping
from broker.ranges.planning import Cut
from broker.ranges.replay_steps import CUTS_LOCK
from broker.ranges.tables import StreamPartition, StreamRange
from pipeline.alerts import stranded
from pipeline.alerts.delivery import delivery_id
from pipeline.alerts.tables import Alert
from tests import factories

pytestmark = pytest.mark.integration
CANDID = 2**60
LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


class Producer:
    """Acknowledges everything, or fails everything with one error."""

    def __init__(self, error=None):
        self.error = error
        self.sent = []

    def send(self, messages):
        self.sent += messages
        return [self.error] * len(messages)

    @property
    def ids(self):
        return [dict(message.headers)["delivery_id"].decode() for message in self.sent]


@pytest.fixture
def make_alert(session, source):
    segment = factories.make_segment(session)
    owner = factories.make_object(session)

    def make(offset=10, **given):
        values = {
            "candid": CANDID + offset,
            "source_offset": offset,
            "object_id": owner.id,
            "outputs": 3,
            "pending": 3,
            "published_at": None,
            "created_at": LONG_AGO,
        }
        return factories.make_alert(session, source, segment, **values | given)

    return make


@pytest.fixture
def bury(session, source):
    def buried(first, last, **given):
        return factories.make_dead_letter(
            session,
            source,
            reason="expired_offsets",
            source_offset=first,
            last_offset=last,
            **{"first_seen_at": LONG_AGO, "updated_at": LONG_AGO} | given,
        )

    return buried


def waiting(session):
    session.expire_all()
    stored = session.scalars(select(Alert).order_by(Alert.source_offset))
    return [alert.source_offset for alert in stored if alert.pending]


def test_what_waits_in_a_buried_interval_is_published_with_its_own_ids(session, make_alert, bury):
    alert = make_alert(10)
    bury(0, 99)
    producer = Producer()

    assert stranded.publish_stranded(producer) == 2

    assert producer.ids == [
        delivery_id("ztf", alert.candid, topic) for topic in (alert.output_topic, "babamul.none")
    ]
    assert waiting(session) == []
    assert alert.published_at is not None
    assert stranded.publish_stranded(producer) == 0


def test_what_lies_outside_is_left_to_its_range(session, make_alert, bury):
    make_alert(10)
    bury(11, 99)
    producer = Producer()

    assert stranded.publish_stranded(producer) == 0
    assert waiting(session) == [10]


@pytest.mark.parametrize("young", ["alert", "letter"])
def test_a_worker_that_may_still_be_at_it_is_not_overtaken(session, make_alert, bury, young):
    now = datetime.now(UTC)
    alert, letter = make_alert(10), bury(0, 99)
    (alert if young == "alert" else letter).__setattr__(
        "created_at" if young == "alert" else "first_seen_at", now
    )
    session.flush()

    assert stranded.publish_stranded(Producer()) == 0


def partition(session, source, topic_id):
    session.add(
        StreamPartition(
            stream=source.stream, topic=source.topic, partition=3, topic_id=topic_id, epoch=1
        )
    )
    session.flush()


@pytest.mark.parametrize(
    ("topic_id", "state", "replay_id", "left"),
    [
        ("abc", "queued", 0, [10]),
        ("abc", "done", 0, []),
        ("made anew", "queued", 0, []),
        ("made anew", "queued", 7, [10]),
    ],
    ids=["unfinished", "done", "range of the new topic", "replay"],
)
def test_an_unfinished_range_publishes_its_own(
    session, source, make_alert, bury, topic_id, state, replay_id, left
):
    make_alert(10)
    bury(0, 99)
    partition(session, source, topic_id)
    session.add(
        StreamRange(
            stream=source.stream,
            topic=source.topic,
            partition=3,
            first_offset=5,
            last_offset=19,
            state=state,
            replay_id=replay_id,
        )
    )
    session.flush()

    stranded.publish_stranded(Producer())

    assert waiting(session) == left


def test_more_than_a_batch_is_published_batch_by_batch(session, make_alert, bury, monkeypatch):
    monkeypatch.setattr(stranded, "BATCH_ALERTS", 2)
    for offset in range(5):
        make_alert(offset)
    bury(0, 99)

    assert stranded.publish_stranded(Producer()) == 10
    assert waiting(session) == []


def test_one_call_has_an_end(session, make_alert, bury, monkeypatch):
    monkeypatch.setattr(stranded, "BATCH_ALERTS", 1)
    monkeypatch.setattr(stranded, "LONGEST_S", 0)
    for offset in range(5):
        make_alert(offset)
    bury(0, 99)

    stranded.publish_stranded(Producer())

    assert waiting(session) == [1, 2, 3, 4]


def test_a_broker_that_is_away_leaves_everything_waiting(session, make_alert, bury):
    make_alert(10)
    bury(0, 99)
    away = DeliveryError("_TIMED_OUT", is_too_large=False, text="not acknowledged in time")

    assert stranded.publish_stranded(Producer(away)) == 0
    assert waiting(session) == [10]


def test_a_message_that_never_fits_becomes_a_dead_letter(session, source, make_alert, bury):
    make_alert(10)
    bury(0, 99)
    large = DeliveryError("MSG_SIZE_TOO_LARGE", is_too_large=True, text="too large")

    assert stranded.publish_stranded(Producer(large)) == 0

    letters = session.scalars(
        select(dead_letters.DeadLetter).where(dead_letters.DeadLetter.reason == "too_large")
    ).all()
    assert [(letter.source_id, letter.source_offset) for letter in letters] == [(source.id, 10)]
    # 12:00 UTC is 05:00 at Palomar: the night that began the day before
    assert (letters[0].kafka_timestamp, letters[0].night) == (factories.NOON, date(2024, 11, 20))
    assert waiting(session) == []


@pytest.mark.usefixtures("database")
def test_a_second_copy_of_the_task_does_nothing():
    with transaction() as session:
        source = factories.make_source(session)
        owner = factories.make_object(session)
        segment = factories.make_segment(session)
        factories.make_alert(
            session, source, segment, object_id=owner.id, pending=1, created_at=LONG_AGO
        )
        factories.make_dead_letter(
            session, source, reason="expired_offsets", source_offset=0, last_offset=99,
            first_seen_at=LONG_AGO, updated_at=LONG_AGO,
        )  # fmt: skip
    with lock(CUTS_LOCK) as is_ours:
        assert is_ours
        assert stranded.publish_stranded(Producer()) == 0
    assert stranded.publish_stranded(Open()) == 1


class Open(Producer):
    """Acknowledges, and looks whether somebody holds a transaction open meanwhile."""

    def send(self, messages):
        with transaction() as session:
            others = session.scalars(
                text(
                    "SELECT query FROM pg_stat_activity WHERE datname = current_database()"
                    " AND backend_type = 'client backend'"
                    " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
                )
            ).all()
        assert others == []
        return super().send(messages)


def test_an_interval_that_is_quiet_is_not_looked_at_again(session, make_alert, bury):
    later = LONG_AGO + timedelta(minutes=1)
    make_alert(10)
    bury(0, 99)
    bury(100, 199, updated_at=later)
    seen, producer = stranded.Seen(), Producer()

    assert stranded.publish_stranded(producer, seen) == 2
    assert seen.mark[0] == later
    make_alert(20)
    assert stranded.publish_stranded(producer, seen) == 0
    session.execute(text("UPDATE dead_letters SET updated_at = now() - interval '10 min'"))
    assert stranded.publish_stranded(producer, seen) == 2


def test_an_interval_in_which_something_waits_is_looked_at_again(session, make_alert, bury):
    alert = make_alert(10, created_at=datetime.now(UTC))
    bury(0, 99)
    bury(100, 199)
    seen = stranded.Seen()

    assert stranded.publish_stranded(Producer(), seen) == 0
    assert seen.mark == stranded.Seen().mark
    alert.created_at = LONG_AGO
    session.flush()
    assert stranded.publish_stranded(Producer(), seen) == 2


@pytest.mark.usefixtures("database")
def test_a_range_beyond_the_last_known_watermark_is_buried_too():
    place = ("ztf_20260101_programid1", 0)
    with transaction() as session:
        taken = bookkeeping.take(session, "ztf", place, "listener")
        bookkeeping.begin(session, "ztf", place, taken, "id-1", 0, 5)
        guard = bookkeeping.Guard(taken.epoch, taken.server_start)
        bookkeeping.insert_cuts(session, "ztf", [(Cut(place, 0, 29), guard)], 30)
    with transaction() as session:
        taken = bookkeeping.take(session, "ztf", place, "listener")
        bookkeeping.forget(session, "ztf", place, taken, "the topic was made anew")
        letters = session.execute(text("SELECT source_offset, last_offset FROM dead_letters")).all()
    assert letters == [(0, 29)]
