"""Carry a replay on by one step: fold what is done, cut what comes next, ring, finish.

A step is one transaction, and beside it no other step of the same replay runs. What a step reads
from ``stream_ranges`` may have been emptied meanwhile: it then cuts again from the cursors.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from broker.ranges.bookkeeping import RING_AGAIN, Due
from broker.ranges.planning import Backlog, Cut, Place, RangeRow, done_prefix, plan_cuts
from broker.ranges.replay_letters import OF_PLACE, letters_back, settle_letters
from broker.ranges.replay_queue import sweep
from broker.ranges.replay_tables import OPEN_STATES

OPEN_PLACES = 200
"""Places of a replay that are worked side by side; a thousand dead letters come in their turn."""
CUTS_LOCK = "ranges.replay_cuts"
"""Advisory lock of Postgres: whoever has it knows that no replay's range comes into being."""
OTHERS_REASON = "other ranges are at work on its offsets"
WAITING = "waiting: "
"""Begins the error of a replay that will go on by itself."""


class Pace(NamedTuple):
    """How fast a replay goes.

    Attributes
    ----------
    window : int
        Ranges in flight.
    longest : int
        Offsets in one range.
    ring_after_s : float
        A queued range is rung again after this time [s].
    """

    window: int
    longest: int
    ring_after_s: float


class Span(NamedTuple):
    """Offsets of one source's partition; ``first`` and ``last`` are inclusive."""

    source_id: int
    partition: int
    first: int
    last: int
    is_undeliverable: bool = False
    """Its message never fitted, says a dead letter."""


@dataclass(frozen=True)
class Hooks:
    """What the flow does to its alerts when ranges come and go.

    Attributes
    ----------
    ask_again : callable
        ``ask_again(session, publish, spans)``: ranges are being inserted; what shall be published
        of them is marked in the same transaction.
    take_back : callable
        ``take_back(session, spans)``: ranges are given up before a worker had them.
    """

    ask_again: Callable[[Session, str, Sequence[Span]], None]
    take_back: Callable[[Session, Sequence[Span]], None]


@dataclass
class _Open:
    """One unfinished place and its ranges."""

    row: Row[Any]
    ranges: list[Row[Any]] = field(default_factory=list)

    @property
    def place(self) -> Place:
        return self.row.topic, self.row.partition

    def span(self, first: int, last: int) -> Span:
        return Span(self.row.source_id, self.place[1], first, last, self.row.is_undeliverable)

    def backlog(self, others: Sequence[RangeRow]) -> Backlog:
        cursor = self.row.cursor_offset
        rows = [*_rows(self.ranges), *others]
        return Backlog(self.place, cursor, cursor, self.row.last_offset + 1, rows)


_LOCK = text("""
    SELECT id, stream, publish, state FROM replays
    WHERE id = :replay_id AND finished_at IS NULL FOR UPDATE SKIP LOCKED
""")
_PLACES = text(f"""
    SELECT p.id, p.topic, p.partition, p.source_id, p.first_offset, p.last_offset,
        p.cursor_offset, EXISTS (
            SELECT FROM dead_letters AS l WHERE {OF_PLACE} AND l.reason = 'too_large'
        ) AS is_undeliverable
    FROM replay_places AS p
    WHERE p.replay_id = :replay_id AND p.cursor_offset <= p.last_offset
    ORDER BY p.id LIMIT :open_places
""")  # noqa: S608 a constant of ours
_LOCK_CUTS = text("SELECT pg_try_advisory_xact_lock(hashtext(:name))")
_OTHERS = text("""
    SELECT topic, partition, first_offset, last_offset FROM stream_ranges
    WHERE stream = :stream AND topic = ANY(:topics) AND replay_id <> :replay_id
        AND state <> 'done'
""")
_RANGES = text("""
    SELECT id, topic, partition, first_offset, last_offset, state, lease_until < now() AS is_over,
        coalesce(read_count, 0) AS read, coalesce(stored_count, 0) AS stored,
        coalesce(duplicate_count, 0) AS duplicate, coalesce(dead_count, 0) AS dead,
        coalesce(published_count, 0) AS published
    FROM stream_ranges
    WHERE replay_id = :replay_id AND replay_id > 0 AND stream = :stream
    ORDER BY first_offset
""")
_DELETE_RANGES = text("DELETE FROM stream_ranges WHERE id = ANY(:ids)")
_MOVE = text("""
    UPDATE replay_places SET cursor_offset = :cursor, read_count = read_count + :read,
        dead_count = dead_count + :dead
    WHERE id = :id
""")
_COUNT = text("""
    UPDATE replays SET read_count = read_count + :read, stored_count = stored_count + :stored,
        duplicate_count = duplicate_count + :duplicate, dead_count = dead_count + :dead,
        published_count = published_count + :published
    WHERE id = :replay_id
""")
_INSERT = text("""
    INSERT INTO stream_ranges (stream, topic, partition, replay_id, first_offset, last_offset,
        ring_at)
    SELECT :stream, cut.topic, cut.partition, :replay_id, cut.first_offset, cut.last_offset,
        now() + make_interval(secs => :ring_after_s)
    FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS bigint[]), CAST(:firsts AS bigint[]),
        CAST(:lasts AS bigint[])) AS cut (topic, partition, first_offset, last_offset)
""")
_DUE = text(
    """
    WITH due AS (
        SELECT id FROM stream_ranges
        WHERE replay_id = :replay_id AND replay_id > 0 AND stream = :stream
            AND ((state = 'queued' AND ring_at <= now())
                OR (state = 'running' AND lease_until < now()))
        FOR UPDATE SKIP LOCKED
    )
"""  # noqa: S608 a constant of ours
    + RING_AGAIN
)
_STATE = text("""
    UPDATE replays SET state = :state,
        finished_at = CASE WHEN :is_finished THEN now() END,
        error = CASE WHEN CAST(:waits AS text) IS NOT NULL THEN :waits
            WHEN error LIKE :waiting THEN NULL ELSE error END
    WHERE id = :replay_id
""")


def step(
    session: Session, replay_id: int, pace: Pace, hooks: Hooks, stop_reason: str | None
) -> list[Due]:
    """Carry one replay on; return the ranges to ring when the transaction has been committed.

    Parameters
    ----------
    session : Session
        Of a transaction of its own.
    replay_id : int
        The replay; nothing happens where another process has it in hand.
    pace : Pace
        How much may be in flight.
    hooks : Hooks
        What the flow does to its alerts.
    stop_reason : str or None
        Why nothing may be cut now.
    """
    replay = session.execute(_LOCK, {"replay_id": replay_id}).one_or_none()
    if replay is None:
        return []
    places = _fold(session, replay, _open_places(session, replay))
    in_flight = sum(each.state != "done" for at in places for each in at.ranges)
    rung: list[Due] = []
    ahead = session.execute(_PLACES, {"replay_id": replay_id, "open_places": 1}).first()
    if replay.state not in OPEN_STATES:
        in_flight -= _give_up(session, replay, hooks, places)
    elif stop_reason is None:
        rung = _cut(session, replay, places, pace, hooks, pace.window - in_flight)
        if not rung and not in_flight:
            stop_reason = OTHERS_REASON
    is_open = replay.state in OPEN_STATES
    is_finished = ahead is None if is_open else in_flight == 0
    if is_finished:
        sweep(session, replay_id)
        letters_back(session, replay_id)
    values = {
        "replay_id": replay_id,
        "state": ("done" if is_finished else "running") if is_open else replay.state,
        "is_finished": is_finished,
        "waits": f"{WAITING}{stop_reason}" if stop_reason and is_open and not is_finished else None,
        "waiting": f"{WAITING}%",
    }
    session.execute(_STATE, values)
    return rung + _due(session, replay, pace)


def _open_places(session: Session, replay: Row[Any]) -> list[_Open]:
    values = {"replay_id": replay.id, "open_places": OPEN_PLACES}
    places = [_Open(row) for row in session.execute(_PLACES, values)]
    ranges: dict[Place, list[Row[Any]]] = {}
    for row in session.execute(_RANGES, {"stream": replay.stream, "replay_id": replay.id}):
        ranges.setdefault((row.topic, row.partition), []).append(row)
    for at in places:
        first, last = at.row.first_offset, at.row.last_offset
        at.ranges = [r for r in ranges.get(at.place, ()) if first <= r.first_offset <= last]
    return places


def _fold(session: Session, replay: Row[Any], places: Sequence[_Open]) -> list[_Open]:
    """Move cursors over finished ranges, count and delete these; return what is unfinished."""
    totals = dict.fromkeys(("read", "stored", "duplicate", "dead", "published"), 0)
    folded: list[int] = []
    finished: list[int] = []
    for at in places:
        cursor = done_prefix(at.row.cursor_offset, _rows(at.ranges))
        behind = [each for each in at.ranges if each.last_offset < cursor]
        if not behind:
            continue
        counts = {name: sum(getattr(each, name) for each in behind) for name in totals}
        totals = {name: totals[name] + counts[name] for name in totals}
        session.execute(_MOVE, {"id": at.row.id, "cursor": cursor, **counts})
        folded += [each.id for each in behind]
        if cursor > at.row.last_offset:
            finished.append(at.row.id)
    if not folded:
        return list(places)
    session.execute(_DELETE_RANGES, {"ids": folded})
    session.execute(_COUNT, {"replay_id": replay.id, **totals})
    settle_letters(session, finished)
    return _open_places(session, replay)


def _give_up(session: Session, replay: Row[Any], hooks: Hooks, places: Sequence[_Open]) -> int:
    """Drop the ranges of an ended replay that no worker has; return how many."""
    idle = [
        (at, each)
        for at in places
        for each in at.ranges
        if each.state == "queued" or (each.state == "running" and each.is_over)
    ]
    if replay.publish != "none":
        spans = [at.span(each.first_offset, each.last_offset) for at, each in idle]
        hooks.take_back(session, spans)
    session.execute(_DELETE_RANGES, {"ids": [each.id for _, each in idle]})
    return len(idle)


def _cut(
    session: Session,
    replay: Row[Any],
    places: Sequence[_Open],
    pace: Pace,
    hooks: Hooks,
    slots: int,
) -> list[Due]:
    """Insert the next ranges, around the offsets that another unfinished range has in hand.

    Two ranges over one offset would both find its message waiting, and both send it. A range of a
    replay comes into being here alone, under a lock, and sees those that were before. The other way
    round, that a live range is cut over one of ours, cannot happen: the listener cuts an offset
    once, upwards from what is committed, and a replay's offsets lie below that, or have a letter,
    which a live range gave them; that range's row stands until its offsets are committed. Emptied
    bookkeeping takes our range's row as well, and a worker without its row no longer sends; a
    message that was on its way then may be sent once more, as after any lost row.
    """
    if not session.scalar(_LOCK_CUTS, {"name": CUTS_LOCK}):
        return []
    others = _others(session, replay, places)
    backlogs = [at.backlog(others.get(at.place, ())) for at in places]
    cuts = plan_cuts(backlogs, slots, pace.longest)
    if not cuts:
        return []
    session.execute(
        _INSERT,
        {
            "stream": replay.stream,
            "replay_id": replay.id,
            "topics": [cut.place[0] for cut in cuts],
            "partitions": [cut.place[1] for cut in cuts],
            "firsts": [cut.first for cut in cuts],
            "lasts": [cut.last for cut in cuts],
            "ring_after_s": pace.ring_after_s,
        },
    )
    hooks.ask_again(session, replay.publish, [_span(places, cut) for cut in cuts])
    return [Due(cut.place, cut.first, cut.last) for cut in cuts]


def _others(
    session: Session, replay: Row[Any], places: Sequence[_Open]
) -> dict[Place, list[RangeRow]]:
    """Return what is unfinished, live or of other replays, on the partitions of these places."""
    found: dict[Place, list[RangeRow]] = {}
    topics = sorted({at.place[0] for at in places})
    values = {"stream": replay.stream, "topics": topics, "replay_id": replay.id}
    for topic, partition, first, last in session.execute(_OTHERS, values):
        found.setdefault((topic, partition), []).append(RangeRow(first, last, is_done=False))
    return found


def _span(places: Sequence[_Open], cut: Cut) -> Span:
    """Return a cut with what its place knows; places of one replay have no offset in common."""
    at = next(
        at
        for at in places
        if at.place == cut.place and at.row.first_offset <= cut.first <= at.row.last_offset
    )
    return at.span(cut.first, cut.last)


def _due(session: Session, replay: Row[Any], pace: Pace) -> list[Due]:
    key = {"stream": replay.stream, "replay_id": replay.id}
    values = key | {"ring_after_s": pace.ring_after_s}
    return [Due((row[0], row[1]), row[2], row[3]) for row in session.execute(_DUE, values)]


def _rows(ranges: Sequence[Row[Any]]) -> list[RangeRow]:
    return [
        RangeRow(each.first_offset, each.last_offset, is_done=each.state == "done")
        for each in ranges
    ]
