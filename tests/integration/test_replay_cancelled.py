"""What a cancelled replay leaves of what it had asked for."""

from datetime import UTC, datetime

import pytest

from broker.ranges.replay_steps import Span
from broker.ranges.tables import StreamPartition, StreamRange
from pipeline.alerts import replaying
from tests import factories

pytestmark = pytest.mark.integration
CANDID = 2**60
PARTITION = 3


@pytest.fixture
def alert(session, source):
    segment, owner = factories.make_segment(session), factories.make_object(session)
    return factories.make_alert(
        session, source, segment, candid=CANDID, object_id=owner.id, source_offset=10,
        outputs=3, pending=3, published_at=None,
    )  # fmt: skip


@pytest.fixture
def partition(session, source):
    """The listener's row of the log that the alert came from, committed beyond it."""
    made = StreamPartition(
        stream=source.stream, topic=source.topic, partition=PARTITION, topic_id=source.topic_id,
        resets=source.resets, epoch=1, committed_offset=20,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def take_back(session, source, alert):
    replaying.take_back(session, [Span(source.id, PARTITION, 0, 99)])
    session.refresh(alert)
    return alert.pending


def live(session, source, state):
    session.add(
        StreamRange(
            stream=source.stream, topic=source.topic, partition=PARTITION, first_offset=5,
            last_offset=19, state=state,
        )
    )  # fmt: skip
    session.flush()


@pytest.mark.usefixtures("partition")
def test_what_was_never_published_is_withheld(session, source, alert):
    assert take_back(session, source, alert) == 0


def test_what_was_published_before_waits_no_longer(session, source, alert):
    alert.published_at = datetime.now(UTC)
    session.flush()

    assert take_back(session, source, alert) == 0


@pytest.mark.parametrize(("state", "left"), [("queued", 3), ("running", 3), ("done", 0)])
def test_what_the_live_range_has_not_finished_stays_with_it(
    session, source, alert, partition, state, left
):
    partition.committed_offset = 5
    live(session, source, state)

    assert take_back(session, source, alert) == left


@pytest.mark.parametrize("emptied", ["bookkeeping", "topic made anew"])
def test_what_nobody_can_tell_is_left_waiting(session, source, alert, emptied):
    if emptied != "bookkeeping":
        session.add(
            StreamPartition(
                stream=source.stream, topic=source.topic, partition=PARTITION,
                topic_id="made anew", epoch=1, committed_offset=20,
            )
        )  # fmt: skip
        session.flush()

    assert take_back(session, source, alert) == 3


@pytest.mark.usefixtures("partition")
def test_what_is_stranded_is_still_sent(session, source, alert):
    factories.make_dead_letter(
        session, source, reason="expired_offsets", source_offset=0, last_offset=99
    )

    assert take_back(session, source, alert) == 3
