"""One range of a data topic into ``telescope_data_raw``; safe to repeat at any point."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy.orm import Session

from broker import dead_letters, metrics
from broker.db import transaction
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.kafka import OffsetsExpired, Producer, RangeReader
from broker.kafka_types import ReadResult
from broker.ranges.claim import Claim, Counts, finish
from broker.ranges.expired import bury_interval
from broker.ranges.working import is_packets_fault
from pipeline.alerts.store import Source, utc_from_ms
from pipeline.telescope import sink_letters, sink_rows
from pipeline.telescope.decode_data import Decodes, Piece, Refused, decode, odd_times
from pipeline.telescope.record import Telescope, telescopes
from pipeline.telescope.sink_rows import Stored

EXPIRED = "Kafka forgot them before they could be stored"

log = structlog.get_logger(__name__)


@dataclass
class Tally:
    """What became of the messages of one range."""

    read: int = 0
    stored: int = 0
    duplicates: int = 0
    dead: int = 0
    odd_times: int = 0
    """Stored, though captured before 1970 or more than a day ahead."""


@dataclass
class SinkWork:
    """A claimed range and what it needs.

    Attributes
    ----------
    claim : Claim
        The range.
    source : Source
        Under which its offsets are known.
    telescope : Telescope
        Whose data these are.
    reader, producer, codec
        Open clients.
    part_bytes : int
        Messages worked on at once [bytes].
    timeout_s : int
        Longest statement [s].
    """

    claim: Claim
    source: Source
    telescope: Telescope
    reader: RangeReader
    producer: Producer
    codec: Decodes
    part_bytes: int
    timeout_s: int
    tally: Tally = field(default_factory=Tally)


def data_of(topic: str) -> Telescope:
    """Return whose data topic this is.

    Raises
    ------
    TransientError
        If no record names it: what it holds waits until one does again.
    """
    for found in telescopes():
        if found.data == topic:
            return found
    raise TransientError(f"no telescope's record has the data topic {topic}")


def carry(work: SinkWork) -> None:
    """Store a claimed range, bury what cannot be stored, and end it.

    Raises
    ------
    TransientError
        If a server is away, the registry included; nothing is lost, the range is worked again.
    """
    for result, end in _read(work):
        failpoint("data_read")
        work.tally.read += len(result.packets)
        pieces, refused = decode(result.packets, work.telescope, work.codec, telescopes())
        work.tally.odd_times += odd_times(pieces, time.time_ns() // 1_000_000)
        is_last = end >= work.claim.last
        try:
            _store(work, pieces, refused, is_last=is_last)
        except Exception as error:
            if not is_packets_fault(error):
                raise
            log.warning("range.isolating", error=repr(error), messages=len(pieces))
            _store_one_by_one(work, pieces, refused, is_last=is_last)


def _read(work: SinkWork) -> Iterator[tuple[ReadResult, int]]:
    """Yield the range piece by piece, each with its last offset; what has expired is buried."""
    claim = work.claim
    first = claim.first
    while first <= claim.last:
        try:
            parts = work.reader.parts(
                claim.topic, claim.partition, first, claim.last, work.part_bytes
            )
            for result, end in parts:
                yield result, end
                first = end + 1
        except OffsetsExpired as expired:
            end = min(expired.low - 1, claim.last)
            _bury_expired(work, first, end)
            yield ReadResult([], []), end
            first = end + 1


def _bury_expired(work: SinkWork, first: int, last: int) -> None:
    """Account for what Kafka has no more; the letter that a replay was made for does so already."""
    claim = work.claim
    if claim.replay_id:
        return
    tonight = utc_from_ms(time.time_ns() // 1_000_000).date()
    with transaction(statement_timeout_s=work.timeout_s) as session:
        bury_interval(
            session, claim.stream, claim.topic, work.source.id, claim.partition,
            first, last, EXPIRED, tonight,
        )  # fmt: skip
    work.tally.dead += last - first + 1


def _store(
    work: SinkWork, pieces: Sequence[Piece], refused: Sequence[Refused], *, is_last: bool
) -> None:
    """Insert and end the range in one transaction; where something is refused, in two.

    Between them the refused are copied to Kafka: nothing waits for it in a transaction.
    """
    with transaction(statement_timeout_s=work.timeout_s) as session:
        stored = sink_rows.store(session, pieces, work.telescope)
        failpoint("data_inserted")
        refused = [*refused, *stored.conflicts]
        if refused:
            known = sink_letters.buried_before(session, work.source, refused)
        else:
            _count(work, stored, 0)
            _end(session, work, pieces, is_last=is_last)
    if not refused:
        return
    place = (work.claim.topic, work.claim.partition)
    sink_letters.send_copies(work.producer, work.telescope.data_dlq, place, refused, known)
    failpoint("data_copied")
    _count(work, stored, len(refused))
    with transaction(statement_timeout_s=work.timeout_s) as session:
        _bury(session, work, refused)
        buried = {each.packet.offset for each in refused}
        kept = [piece for piece in pieces if piece.packet.offset not in buried]
        _end(session, work, kept, is_last=is_last)


def _store_one_by_one(
    work: SinkWork, pieces: Sequence[Piece], refused: Sequence[Refused], *, is_last: bool
) -> None:
    """Find the message that breaks its range: it alone becomes a dead letter."""
    for piece in pieces:
        try:
            _store(work, [piece], (), is_last=False)
        except Exception as error:
            if not is_packets_fault(error):
                raise
            broken = Refused(piece.packet, "unexpected", repr(error))
            _store(work, (), [broken], is_last=False)
    _store(work, (), refused, is_last=is_last)


def _bury(session: Session, work: SinkWork, refused: Sequence[Refused]) -> None:
    claim = work.claim
    for each in refused:
        log.warning("data.buried", offset=each.packet.offset, reason=each.reason, why=each.why)
    letters = [sink_letters.letter(claim.partition, each) for each in refused]
    dead_letters.bury(session, claim.stream, claim.topic, work.source.id, letters)


def _end(session: Session, work: SinkWork, kept: Sequence[Piece], *, is_last: bool) -> None:
    """Close letters of what is stored now, and end the range with its last part."""
    offsets = [piece.packet.offset for piece in kept]
    if offsets:
        dead_letters.resolve(
            session, work.source.id, work.source.partition, offsets, "its data are stored"
        )
    if is_last:
        tally = work.tally
        counts = Counts(tally.read, tally.stored, tally.duplicates, tally.dead)
        finish(session, work.claim, counts)


def _count(work: SinkWork, stored: Stored, dead: int) -> None:
    rows = {"stored": stored.rows, "duplicate": stored.duplicates, "dead": dead}
    for result, count in rows.items():
        metrics.TELESCOPE_ROWS.labels(work.telescope.name, result).inc(count)
    work.tally.stored += stored.rows
    work.tally.duplicates += stored.duplicates
    work.tally.dead += dead
