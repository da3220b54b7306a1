"""Ask for replays: past ranges of a stream, or the packets of dead letters, worked once more.

Nothing here works on a packet or asks how a packet is decoded. A replay is rows; ``replay_steps``
cuts them into ranges, and the same workers that carry the live stream carry these.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Literal, cast

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.orm import Session

from broker.archive_index import Segment, segments_named, segments_of_nights
from broker.dead_letters import RETRIED_STATES, DeadLetter
from broker.ranges import whereabouts
from broker.ranges.planning import Place
from broker.ranges.replay_letters import letters_back
from broker.ranges.replay_tables import OPEN_STATES, Replay, ReplayPlace
from broker.ranges.whereabouts import Broker, ReadFrom, Stretch

ERROR_CHARACTERS = 500

Publish = Literal["none", "new", "all"]


class ReplayError(Exception):
    """A replay cannot be had; the message says why.

    Attributes
    ----------
    refused : mapping of int to str
        Of dead letters that cannot be tried again: why, by their id.
    """

    def __init__(self, message: str, refused: Mapping[int, str] | None = None) -> None:
        super().__init__(message)
        self.refused = dict(refused or {})


@dataclass(frozen=True)
class Wish:
    """Who wants what of a replay; no nights: single packets."""

    stream: str
    publish: Publish
    by: str
    source: Literal["kafka", "archive", "auto"] = "auto"
    nights: tuple[date, date] | None = None


@dataclass(frozen=True)
class Order:
    """What a worker must know of the replay that a range belongs to."""

    replay_id: int
    source_id: int
    read_from: ReadFrom
    publish: Publish
    night: date | None
    """First night of the replay; None: single packets."""
    segments: Sequence[Segment]
    """Where the archive may have its packets; empty for Kafka."""


_LOCK_STREAM = text("SELECT pg_advisory_xact_lock(hashtext('replays:' || :stream))")


def ask(session: Session, wish: Wish, stretches: Sequence[Stretch]) -> list[int]:
    """Insert a replay and return its id; it begins within ten seconds.

    Offsets are unique within a replay. Where a topic was made anew, or intervals of dead letters
    overlap, there are several replays, which wait for each other.
    """
    return [_insert(session, wish, each) for each in without_overlap(stretches)]


def without_overlap(stretches: Sequence[Stretch]) -> list[list[Stretch]]:
    """Return the stretches in as few groups as it takes to have no offset twice in a group."""
    groups: list[list[Stretch]] = []
    ends: list[dict[Place, int]] = []
    for stretch in sorted(stretches, key=lambda each: (each.first, each.last)):
        free = (at for at, end in enumerate(ends) if end.get(stretch.place, -1) < stretch.first)
        at = next(free, len(groups))
        if at == len(groups):
            groups.append([])
            ends.append({})
        groups[at].append(stretch)
        ends[at][stretch.place] = stretch.last
    return groups


def _insert(session: Session, wish: Wish, stretches: Sequence[Stretch]) -> int:
    first, last = wish.nights or (None, None)
    replay = Replay(
        stream=wish.stream,
        from_night=first,
        to_night=last,
        source=wish.source,
        publish=wish.publish,
        requested_by=wish.by,
        offset_count=sum(stretch.offsets for stretch in stretches),
    )
    session.add(replay)
    session.flush()
    session.add_all(
        ReplayPlace(
            replay_id=replay.id,
            topic=stretch.place[0],
            partition=stretch.place[1],
            source_id=stretch.source_id,
            read_from=stretch.read_from,
            first_offset=stretch.first,
            last_offset=stretch.last,
            cursor_offset=stretch.first,
            letter_id=stretch.letter_id,
            archive_segment_id=stretch.segment_id,
        )
        for stretch in stretches
    )
    session.flush()
    return replay.id


def require_no_other(session: Session, stream: str, first: date, last: date) -> None:
    """Return if no replay of these nights is under way; until the commit nobody can ask for one.

    Raises
    ------
    ReplayError
        Naming the other replay.
    """
    session.execute(_LOCK_STREAM, {"stream": stream})
    other = session.scalar(
        select(Replay.id).where(
            Replay.stream == stream,
            Replay.state.in_(OPEN_STATES),
            Replay.from_night <= last,
            Replay.to_night >= first,
        )
    )
    if other is not None:
        raise ReplayError(
            f"replay {other} of {stream} has nights in common and is not finished; "
            f"wait for it, or: manage.py replay --cancel {other}"
        )


def cancel(session: Session, replay_id: int, by: str) -> None:
    """Cut no further ranges of a replay; those in flight come to their end.

    Dead letters whose turn had not come are open again.

    Raises
    ------
    ReplayError
        If there is no such replay, or it is not under way.
    """
    _end(session, replay_id, "cancelled", f"cancelled by {by}")


def fail_if_open(session: Session, replay_id: int, why: str) -> None:
    """End a replay that cannot go on, as ``cancel`` does; one that has ended stays as it is."""
    with suppress(ReplayError):
        _end(session, replay_id, "failed", why)


def _end(session: Session, replay_id: int, state: str, why: str) -> None:
    ended = session.execute(
        update(Replay)
        .where(Replay.id == replay_id, Replay.state.in_(OPEN_STATES))
        .values(state=state, error=why[:ERROR_CHARACTERS])
        .returning(Replay.id)
    ).one_or_none()
    if ended is None:
        found = session.scalar(select(Replay.state).where(Replay.id == replay_id))
        raise ReplayError(
            f"there is no replay {replay_id}" if found is None else f"replay {replay_id} is {found}"
        )
    letters_back(session, replay_id)


def replay_source_id(session: Session, replay_id: int, place: Place, first: int) -> int | None:
    """Return ``sources.id`` that the packets of a replay's range stand under, if it is known."""
    return session.scalar(select(ReplayPlace.source_id).where(*_around(replay_id, place, first)))


def _around(replay_id: int, place: Place, first: int) -> tuple[ColumnElement[bool], ...]:
    """Return what the place of a replay fulfils that ``first`` lies in."""
    return (
        ReplayPlace.replay_id == replay_id,
        ReplayPlace.topic == place[0],
        ReplayPlace.partition == place[1],
        ReplayPlace.first_offset <= first,
        ReplayPlace.last_offset >= first,
    )


def order(session: Session, survey: str, replay_id: int, place: Place, first: int) -> Order | None:
    """Return what a worker must know of a replay's range, or None where the replay is gone."""
    row = session.execute(
        select(ReplayPlace, Replay)
        .join(Replay, Replay.id == ReplayPlace.replay_id)
        .where(*_around(replay_id, place, first))
    ).one_or_none()
    if row is None:
        return None
    at, replay = row
    segments: Sequence[Segment] = ()
    if at.read_from == "archive" and at.archive_segment_id is not None:
        segments = segments_named(session, [at.archive_segment_id])
    elif at.read_from == "archive" and replay.from_night and replay.to_night:
        segments = segments_of_nights(session, survey, replay.from_night, replay.to_night)
    return Order(
        replay.id,
        at.source_id,
        cast("ReadFrom", at.read_from),  # both by constraints of the tables
        cast("Publish", replay.publish),
        replay.from_night,
        segments,
    )


def add_missing(session: Session, replay_id: int, packets: int, what: str) -> None:
    """Count packets that could not be had, and name the last of them in the replay's row."""
    session.execute(
        update(Replay)
        .where(Replay.id == replay_id)
        .values(
            missing_count=Replay.missing_count + packets,
            error=what[:ERROR_CHARACTERS],
        )
    )


def retry_letters(
    session: Session, ids: Sequence[int], by: str, brokers: Mapping[str, Broker]
) -> int:
    """Ask that the packets of dead letters be worked once more; all of them, or none.

    A letter's packet is read from Kafka while it is there, else from the archive. Its message is
    published if it never was. Letters that are not open or ignored are passed over.

    Parameters
    ----------
    session : Session
        Of an open transaction, which the caller commits.
    ids : sequence of int
        ``dead_letters.id``.
    by : str
        Who asks.
    brokers : mapping
        What ``whereabouts.ask_brokers`` said of these letters, by stream.

    Returns
    -------
    int
        How many were taken; they are ``retried`` until a worker has judged their packets again.

    Raises
    ------
    ReplayError
        If a packet is nowhere; ``refused`` says of each letter why, and no letter was taken.
    """
    letters = session.scalars(
        select(DeadLetter)
        .where(DeadLetter.id.in_(ids), DeadLetter.state.in_(RETRIED_STATES))
        .order_by(DeadLetter.id)
    ).all()
    found = whereabouts.locate(session, letters, brokers)
    if refused := {at: each for at, each in found.items() if isinstance(each, str)}:
        raise ReplayError(_refusal(refused), refused)
    taken = _take_letters(session, list(found))
    stretches: dict[str, list[Stretch]] = {}
    packets: set[tuple[int, Place, int, int]] = set()
    for letter in letters:
        at = found[letter.id]
        if letter.id not in taken or not isinstance(at, Stretch):
            continue
        packet = (at.source_id, at.place, at.first, at.last)
        # One buried before anybody knew its source cannot be found by it: it goes by itself.
        if letter.source_id is None or packet not in packets:
            stretches.setdefault(letter.stream, []).append(at)
        if letter.source_id is not None:
            packets.add(packet)
    for stream, listed in stretches.items():
        ask(session, Wish(stream, "new", by), listed)
    return len(taken)


def _refusal(refused: Mapping[int, str]) -> str:
    first, *_ = refused.items()
    others = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    return f"dead letter {first[0]} cannot be tried again: {first[1]}{others}"


def _take_letters(session: Session, ids: Sequence[int]) -> set[int]:
    """Mark the letters as retried that are still open or ignored; return which were."""
    taken = session.scalars(
        update(DeadLetter)
        .where(DeadLetter.id.in_(ids), DeadLetter.state.in_(RETRIED_STATES))
        .values(state="retried", resolved_by=None, updated_at=func.now())
        .returning(DeadLetter.id)
    )
    return set(taken)
