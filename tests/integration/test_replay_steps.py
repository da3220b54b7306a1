"""One step of a replay after the other, on real rows; nothing is read and nothing is published."""

from types import SimpleNamespace

import pytest
from sqlalchemy import text

from broker.db import transaction
from broker.kafka import Watermarks
from broker.ranges import replays
from broker.ranges.replay_queue import kafka_topics, unfinished
from broker.ranges.replay_steps import OPEN_PLACES, Pace, step
from broker.ranges.replays import ReplayError, Wish
from broker.ranges.whereabouts import Broker, Stretch

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("database")]
PACE = Pace(window=4, longest=10, ring_after_s=30)


@pytest.fixture
def hooks():
    """Hooks that remember what they were told."""
    asked, taken = [], []
    return SimpleNamespace(
        ask_again=lambda _session, publish, spans: asked.append((publish, spans)),
        take_back=lambda _session, spans: taken.extend(spans),
        asked=asked,
        taken=taken,
    )


def rows(statement, **values):
    with transaction() as session:
        return list(session.execute(text(statement), values).all())


def do(statement, **values):
    with transaction() as session:
        session.execute(text(statement), values)


def ask(*stretches, publish="none"):
    with transaction() as session:
        [replay_id] = replays.ask(session, Wish("ztf", publish, "a test"), stretches)
    return replay_id


def stretch(first, last, *, partition=0, letter_id=None):
    return Stretch(("t", partition), 5, "kafka", first, last, letter_id=letter_id)


def advance(replay_id, hooks, *, stop_reason=None, pace=PACE):
    with transaction() as session:
        return step(session, replay_id, pace, hooks, stop_reason)


def hold(first):
    """Let a worker have a range in hand."""
    do(
        "UPDATE stream_ranges SET state = 'running', owner = 'x',"
        " lease_until = now() + interval '1 h' WHERE first_offset = :first",
        first=first,
    )


def finish(*firsts, read=None, dead=0):
    do(
        "UPDATE stream_ranges SET state = 'done', dead_count = :dead,"
        " read_count = coalesce(:read, last_offset - first_offset + 1), stored_count = 1,"
        " duplicate_count = 2, published_count = 3 WHERE first_offset = ANY(:firsts)",
        firsts=list(firsts),
        read=read,
        dead=dead,
    )


def flat(rung):
    return sorted((due.place[1], due.first, due.last) for due in rung)


def replay(replay_id):
    return rows("SELECT * FROM replays WHERE id = :id", id=replay_id)[0]


def cursor(replay_id):
    return [row[0] for row in rows("SELECT cursor_offset FROM replay_places ORDER BY id")]


def test_a_window_is_cut_folded_in_order_and_counted_once(hooks):
    at = ask(stretch(100, 154))

    assert flat(advance(at, hooks)) == [(0, 100, 109), (0, 110, 119), (0, 120, 129), (0, 130, 139)]
    finish(110)
    assert flat(advance(at, hooks)) == [(0, 140, 149)]
    assert cursor(at) == [100]  # 100 to 109 is not done
    finish(100, 120)
    assert flat(advance(at, hooks)) == [(0, 150, 154)]
    assert cursor(at) == [130]
    finish(130, 140, 150)
    assert advance(at, hooks) == []

    done = replay(at)
    assert (done.state, done.offset_count, done.read_count) == ("done", 55, 55)
    assert (done.stored_count, done.duplicate_count, done.published_count) == (6, 12, 18)
    assert done.finished_at is not None
    assert rows("SELECT 1 FROM stream_ranges") == []
    with transaction() as session:
        assert unfinished(session) == []


def test_partitions_take_turns(hooks):
    at = ask(stretch(0, 99), stretch(0, 99, partition=1))

    assert flat(advance(at, hooks)) == [(0, 0, 9), (0, 10, 19), (1, 0, 9), (1, 10, 19)]


def test_emptied_bookkeeping_is_cut_again_from_the_cursors(hooks):
    at = ask(stretch(0, 99))
    advance(at, hooks)
    finish(0)
    advance(at, hooks)
    do("TRUNCATE stream_ranges, stream_partitions")

    assert flat(advance(at, hooks)) == [(0, 10, 19), (0, 20, 29), (0, 30, 39), (0, 40, 49)]


def test_a_range_is_rung_again_when_it_is_due_and_when_its_lease_has_ended(hooks):
    at = ask(stretch(0, 19))
    advance(at, hooks)
    assert advance(at, hooks) == []
    do("UPDATE stream_ranges SET ring_at = now() WHERE first_offset = 0")
    do(
        "UPDATE stream_ranges SET state = 'running', owner = 'x', claimed_at = now(),"
        " lease_until = now() WHERE first_offset = 10"
    )

    assert flat(advance(at, hooks)) == [(0, 0, 9), (0, 10, 19)]
    assert advance(at, hooks) == []
    states = rows("SELECT state, owner, error FROM stream_ranges ORDER BY first_offset")
    assert states == [("queued", None, None), ("queued", None, "the lease ended")]


def test_what_shall_be_published_is_asked_for_once_with_each_range(hooks):
    at = ask(stretch(0, 9), publish="all")
    advance(at, hooks)
    advance(at, hooks)

    [(publish, [span])] = hooks.asked
    assert (publish, *span) == ("all", 5, 0, 0, 9, False)


def test_nothing_is_cut_while_the_stream_is_stopped_and_what_is_in_flight_goes_on(hooks):
    at = ask(stretch(0, 99))
    advance(at, hooks)
    finish(0)
    do("UPDATE stream_ranges SET ring_at = now() WHERE first_offset = 10")

    assert flat(advance(at, hooks, stop_reason="rubbish")) == [(0, 10, 19)]
    assert replay(at).error == "waiting: rubbish"
    assert flat(advance(at, hooks)) == [(0, 40, 49)]
    assert replay(at).error is None


@pytest.mark.parametrize("publish", ["none", "all"])
def test_a_cancelled_replay_waits_for_what_a_worker_has_and_takes_back_the_rest(hooks, publish):
    at = ask(stretch(0, 99), publish=publish)
    advance(at, hooks)
    hold(10)
    with transaction() as session:
        replays.cancel(session, at, "somebody")

    assert advance(at, hooks) == []
    assert replay(at).finished_at is None
    assert [span.first for span in hooks.taken] == ([] if publish == "none" else [0, 20, 30])
    finish(10)
    advance(at, hooks)
    assert (replay(at).state, replay(at).error) == ("cancelled", "cancelled by somebody")
    assert (replay(at).read_count, rows("SELECT 1 FROM stream_ranges")) == (10, [])
    assert replay(at).finished_at is not None
    with transaction() as session, pytest.raises(ReplayError, match="is cancelled"):
        replays.cancel(session, at, "somebody")


def test_a_second_step_beside_one_does_nothing(hooks):
    at = ask(stretch(0, 99))
    with transaction() as session:
        assert len(step(session, at, PACE, hooks, None)) == 4
        assert advance(at, hooks) == []


def test_ranges_of_a_replay_that_is_gone_go_too(hooks):
    at = ask(stretch(0, 99))
    advance(at, hooks)
    do("DELETE FROM replays")
    with transaction() as session:
        assert unfinished(session) == []

    assert rows("SELECT 1 FROM stream_ranges") == []


def live(first, last, **given):
    do(
        "INSERT INTO stream_ranges (stream, topic, partition, replay_id, first_offset, last_offset)"
        " VALUES ('ztf', 't', :partition, :replay_id, :first, :last)",
        **{"first": first, "last": last, "partition": 0, "replay_id": 0} | given,
    )


def test_live_ranges_are_none_of_its_business(hooks):
    live(100, 199)
    live(0, 99, partition=1)
    at = ask(stretch(0, 9))
    advance(at, hooks)
    do("UPDATE stream_ranges SET state = 'done', read_count = 10 WHERE replay_id > 0")
    advance(at, hooks)

    assert replay(at).state == "done"
    assert rows("SELECT replay_id, state FROM stream_ranges") == [(0, "queued"), (0, "queued")]


@pytest.mark.parametrize("other", [0, 99], ids=["live", "of another replay"])
def test_what_another_range_has_in_hand_is_left_until_that_is_done(hooks, other):
    do("INSERT INTO replays (id, stream, source, publish, requested_by) OVERRIDING SYSTEM VALUE"
       " VALUES (99, 'ztf', 'auto', 'new', 'somebody')")  # fmt: skip
    live(5, 14, replay_id=other)
    at = ask(stretch(0, 24), publish="new")

    assert flat(advance(at, hooks)) == [(0, 0, 4), (0, 15, 24)]
    assert advance(at, hooks) == []
    finish(0, 15)
    assert advance(at, hooks) == []
    assert (replay(at).state, replay(at).error) == (
        "running", "waiting: other ranges are at work on its offsets"
    )  # fmt: skip
    do("UPDATE stream_ranges SET state = 'done' WHERE replay_id = :other", other=other)
    assert flat(advance(at, hooks)) == [(0, 5, 14)]
    assert replay(at).error is None


def test_of_two_replays_over_one_offset_only_one_is_cut_at_a_time(hooks):
    first, second = (ask(stretch(7, 7), publish="new") for _ in range(2))
    with transaction() as session:
        assert len(step(session, first, PACE, hooks, None)) == 1
        assert advance(second, hooks) == []  # while the other is not yet committed
    assert advance(second, hooks) == []
    finish(7)
    advance(first, hooks)
    assert flat(advance(second, hooks)) == [(0, 7, 7)]


def test_more_letters_than_places_at_once_come_in_their_turn(hooks):
    size = OPEN_PLACES + 5
    at = ask(*(stretch(10 * n, 10 * n) for n in range(size)))
    fast = Pace(window=1000, longest=10, ring_after_s=30)

    assert len(advance(at, hooks, pace=fast)) == OPEN_PLACES
    do("UPDATE stream_ranges SET state = 'done', read_count = 1")
    assert len(advance(at, hooks, pace=fast)) == 5
    do("UPDATE stream_ranges SET state = 'done', read_count = 1")
    advance(at, hooks, pace=fast)
    assert (replay(at).state, replay(at).read_count) == ("done", size)


LETTER = (
    "INSERT INTO dead_letters (stream, topic, source_id, source_partition, source_offset,"
    " last_offset, reason, message, state) VALUES ('ztf', 't', 5, 0, :first, :last, :reason, '',"
    " 'retried') RETURNING id"
)


def letter(first, last=None, reason="expired_offsets"):
    with transaction() as session:
        return session.scalar(
            text(LETTER), {"first": first, "last": last or first, "reason": reason}
        )


def letters():
    return rows("SELECT state, attempts, resolved_by FROM dead_letters ORDER BY id")


def retry(*ids):
    """Ask for letters of packets that Kafka still has."""
    broker = Broker({"t": "abc"}, {("t", 0): Watermarks(0, 1000)})
    with transaction() as session:
        return replays.retry_letters(session, ids, "somebody", {"ztf": broker})


@pytest.fixture
def source(database):
    do("INSERT INTO sources (id, stream, topic, topic_id) OVERRIDING SYSTEM VALUE"
       " VALUES (5, 'ztf', 't', 'abc')")  # fmt: skip


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("reasons", [("worker_died", "too_large"), ("too_large", "worker_died")])
def test_a_packet_with_two_letters_is_worked_once_and_both_follow(hooks, reasons):
    ids = [letter(7, reason=reason) for reason in reasons]
    do("UPDATE dead_letters SET state = 'open'")

    assert retry(*ids) == 2
    [[at]] = rows("SELECT id FROM replays")
    assert rows("SELECT first_offset, last_offset FROM replay_places") == [(7, 7)]
    assert flat(advance(at, hooks)) == [(0, 7, 7)]
    assert [span.is_undeliverable for _, [span] in hooks.asked] == [True]
    finish(7)
    advance(at, hooks)
    assert [row.state for row in letters()] == ["resolved", "resolved"]


@pytest.mark.usefixtures("source")
def test_both_letters_of_a_packet_are_open_again_when_their_replay_is_cancelled(hooks):
    ids = [letter(7, reason=reason) for reason in ("worker_died", "bad_value")]
    do("UPDATE dead_letters SET state = 'open'")
    retry(*ids)
    with transaction() as session:
        replays.cancel(session, 1, "somebody")

    assert [row.state for row in letters()] == ["open", "open"]


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("bookkeeping", ["kept", "emptied"])
def test_a_log_that_was_cut_short_no_longer_has_what_a_replay_means(bookkeeping):
    at = ask(stretch(0, 9))
    with transaction() as session:
        assert kafka_topics(session, at) == {"t": "abc"}
    do("INSERT INTO sources (stream, topic, topic_id, resets) VALUES ('ztf', 't', 'abc', 1)")
    if bookkeeping == "kept":
        do("INSERT INTO stream_partitions (stream, topic, partition, topic_id, resets, epoch)"
           " VALUES ('ztf', 't', 0, 'abc', 1, 1)")  # fmt: skip
    with transaction() as session:
        assert kafka_topics(session, at) == {"t": None}


@pytest.mark.parametrize(
    ("read", "dead", "expected"),
    [
        (10, 0, ("resolved", 1, "the packet became an alert, replay 1")),
        (10, 3, ("resolved", 1, "its packet has a dead letter of its own, replay 1")),
        (9, 0, ("open", 2, None)),
        (0, 0, ("open", 2, None)),
    ],
)
def test_a_letter_is_settled_by_what_was_read_of_it(hooks, read, dead, expected):
    at = ask(stretch(0, 9, letter_id=letter(0, 9)), publish="new")
    advance(at, hooks)
    finish(0, read=read, dead=dead)
    advance(at, hooks)

    assert letters() == [expected]


def test_a_letter_that_the_flow_has_judged_stays_as_it_is(hooks):
    at = ask(stretch(0, 0, letter_id=letter(0, reason="bad_value")), publish="new")
    advance(at, hooks)
    do("UPDATE dead_letters SET state = 'open', attempts = 2")
    finish(0, dead=1)
    advance(at, hooks)

    assert letters() == [("open", 2, None)]


def test_of_a_failed_replay_the_letters_not_begun_are_open_and_the_others_come_to_their_end(hooks):
    at = ask(*(stretch(n, n, letter_id=letter(n)) for n in range(0, 12, 2)), publish="new")
    advance(at, hooks)
    hold(2)
    with transaction() as session:
        replays.fail_if_open(session, at, "the topic was made anew")
    assert [row.state for row in letters()] == ["retried"] * 4 + ["open"] * 2
    advance(at, hooks)
    finish(2)
    advance(at, hooks)

    assert [row.state for row in letters()] == ["open", "resolved", *["open"] * 4]
    assert replay(at).state == "failed"
