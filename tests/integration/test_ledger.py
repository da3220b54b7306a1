"""The books: each outcome is counted once, and an offset that is nowhere is found."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from broker.dead_letters import Letter, bury, resolve
from broker.ranges.tables import StreamPartition
from pipeline.alerts import ledger
from pipeline.alerts.tables import AlertDuplicate, StreamGap
from tests import factories

pytestmark = pytest.mark.integration
TOPIC = "babamul.ztf.no-lsst-match.hosted"


@pytest.fixture
def make_alert(session, source):
    segment = factories.make_segment(session)

    def make(offset, **given):
        values = {
            "candid": 2**60 + offset,
            "source_offset": offset,
            "output_topic": TOPIC,
            "outputs": 1,
            "pending": 0,
        }
        return factories.make_alert(session, source, segment, **values | given)

    return make


@pytest.fixture
def commit(session, source):
    def committed(offset, partition=3):
        session.add(
            StreamPartition(
                stream=source.stream,
                topic=source.topic,
                topic_id=source.topic_id,
                partition=partition,
                epoch=1,
                committed_offset=offset,
                high_offset=offset,
            )
        )
        session.flush()

    return committed


def test_every_outcome_is_counted_once(session, source, make_alert, commit):
    published = make_alert(10)
    make_alert(11, pending=1)
    make_alert(12, gate_reason="rock", output_topic=None, outputs=0)
    make_alert(13, outputs=3, pending=0)
    session.add(
        AlertDuplicate(
            source_id=source.id, source_partition=3, source_offset=14, alert_id=published.id
        )
    )
    factories.make_dead_letter(session, source, source_offset=15, last_offset=15)
    session.add(StreamGap(source_id=source.id, source_partition=3, first_offset=16, last_offset=17))
    commit(18)

    books = ledger.read(session)

    assert books.is_balanced
    assert books.received == 6
    assert books.waiting == 1
    assert ledger.by_stream(books)["ztf"] == {
        "received": 6,
        "published": 2,
        "gated": 1,
        "duplicates": 1,
        "dead_letters": 1,
        "waiting": 1,
        "withheld": 0,
    }
    assert ledger.by_topic(books) == {TOPIC: 2, "babamul.none": 1}


def test_an_offset_that_is_nowhere_is_found(session, make_alert, commit):
    make_alert(10)
    make_alert(12)
    commit(13)

    (partition,) = ledger.read(session).partitions

    assert (partition.first_offset, partition.end_offset, partition.unaccounted) == (10, 13, 1)


def test_what_is_not_committed_yet_is_not_missed(session, make_alert, commit):
    make_alert(10)
    make_alert(14)
    commit(11)

    assert ledger.read(session).is_balanced


def test_an_interval_counts_its_length(session, source, commit):
    letter = Letter(3, 20, "expired_offsets", "gone", last_offset=29)
    bury(session, source.stream, source.topic, source.id, [letter])
    commit(30)

    books = ledger.read(session)

    assert books.is_balanced
    assert ledger.by_stream(books)["ztf"]["dead_letters"] == 10


def test_an_alert_whose_message_never_fits_is_a_dead_letter_and_not_published(
    session, source, make_alert, commit
):
    make_alert(10)
    bury(session, source.stream, source.topic, source.id, [Letter(3, 10, "too_large", "9 MB")])
    commit(11)

    books = ledger.read(session)

    assert books.is_balanced
    assert ledger.by_topic(books).get(TOPIC, 0) == 0
    assert books.received == 1


def test_a_letter_that_became_an_alert_is_counted_once(session, source, make_alert, commit):
    bury(session, source.stream, source.topic, source.id, [Letter(3, 10, "unexpected", "a bug")])
    make_alert(10)
    resolve(session, source.id, 3, [10])
    commit(11)

    books = ledger.read(session)

    assert books.is_balanced
    assert books.received == 1


def test_the_same_packet_is_buried_once(session, source):
    letter = Letter(3, 10, "truncated", "cut", packet=b"abc")
    bury(session, source.stream, source.topic, source.id, [letter])
    bury(session, source.stream, source.topic, source.id, [letter])

    assert ledger.by_stream(ledger.read(session))["ztf"]["dead_letters"] == 1


def test_the_command_fails_when_the_books_do_not_balance(session, make_alert, commit):
    make_alert(10)
    commit(12)
    printed = StringIO()

    with pytest.raises(SystemExit, match="1"):
        call_command("ledger", "--json", stdout=printed)

    assert json.loads(printed.getvalue())["unaccounted"] == 1


def test_the_command_says_what_to_do_when_there_is_nothing(session, capsys):
    call_command("ledger")

    assert "make demo" in capsys.readouterr().out


def test_an_interval_that_holds_alerts_stored_before_it_expired_counts_the_rest(
    session, source, make_alert, commit
):
    make_alert(20)
    make_alert(22)
    letter = Letter(3, 20, "expired_offsets", "gone", last_offset=29)
    bury(session, source.stream, source.topic, source.id, [letter])
    commit(30)

    books = ledger.read(session)

    assert books.is_balanced
    assert books.received == 10


def test_overlapping_gaps_cover_an_offset_once(session, source, make_alert, commit):
    make_alert(14)
    for first, last in ((15, 19), (18, 24)):
        session.add(
            StreamGap(source_id=source.id, source_partition=3, first_offset=first, last_offset=last)
        )
    session.flush()
    commit(26)

    (partition,) = ledger.read(session).partitions

    assert partition.unaccounted == 1


def test_what_a_silent_replay_stored_is_withheld_and_neither_waits_nor_was_published(
    session, make_alert, commit
):
    make_alert(10, outputs=3, pending=0, published_at=None)
    make_alert(11, outputs=0, pending=0, published_at=None, gate_reason="rock")
    make_alert(12)
    commit(13)

    books = ledger.read(session)

    assert books.is_balanced
    assert ledger.by_stream(books)["ztf"] == {
        "received": 3,
        "published": 1,
        "gated": 1,
        "duplicates": 0,
        "dead_letters": 0,
        "waiting": 0,
        "withheld": 1,
    }
    assert ledger.by_topic(books) == {TOPIC: 1}


def test_what_is_open_sent_again_and_ignored_is_told_apart_and_stays_accounted_for(
    session, source, commit, capsys
):
    for offset, state in enumerate(["open", "open", "retried", "ignored", "resolved"]):
        factories.make_dead_letter(
            session, source, source_offset=offset, last_offset=offset, state=state
        )
    commit(4)

    books = ledger.read(session)
    call_command("ledger")

    assert books.is_balanced
    (night,) = books.nights
    assert night.dead_letters == {"bad_value": 4}
    assert night.dead_letter_states == {"open": 2, "retried": 1, "ignored": 1}
    assert "(of these letters ignored)" in capsys.readouterr().out


def test_a_packet_that_was_buried_for_two_reasons_is_one_packet(session, source, commit):
    bury(session, source.stream, source.topic, source.id, [Letter(3, 10, "worker_died", "killed")])
    letter = Letter(3, 10, "truncated", "cut", packet=b"abc")
    bury(session, source.stream, source.topic, source.id, [letter])
    commit(11)

    books = ledger.read(session)

    assert books.is_balanced
    assert books.received == 1
