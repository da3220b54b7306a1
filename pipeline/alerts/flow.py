"""One range of packets through every step, from Kafka to Kafka."""

import traceback
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import structlog
from sqlalchemy.orm import Session

from broker import dead_letters
from broker.archive import Slice
from broker.avro_schema import SchemaUnreachableError
from broker.db import transaction
from broker.dead_letters import Letter
from broker.errors import TransientError
from broker.failpoints import failpoint, strike
from broker.kafka import OffsetsExpired
from broker.kafka_types import Packet, ReadResult
from broker.ranges import switches
from broker.ranges.claim import finish, still_mine
from pipeline.alerts import publish, replaying, selecting, store
from pipeline.alerts.batch import Batch, Rejected
from pipeline.alerts.decide import Classified, classify_batch, decide
from pipeline.alerts.merge import Merged, merge
from pipeline.alerts.selecting import Selection
from pipeline.alerts.work import RangeLostError, RangeWork, Tally, is_packets_fault, split
from pipeline.surveys.identify import identify

SCHEMA_RELEASES = 24
"""A packet of a schema that is not here waits while the registry is away: at night a new version is
more likely than a wrong id, and dead letters would bury the night. But a wrong id must not hold its
partition's commits for as long as the registry stays away. So the range is given back with the
rests of an outage, 1, 2, 4 ... 30 s, ten minutes in sum; then only the packets in question are
buried, to be sent again. Releases for other servers count too: a range that has waited so long
waits no longer."""

log = structlog.get_logger(__name__)


def carry(work: RangeWork) -> None:
    """Carry a claimed range from the stream to its topics; safe to repeat at any point.

    Raises
    ------
    TransientError
        If a server is away; nothing is lost, the range must be worked again.
    RangeLostError
        If the lease went to another worker.
    """
    with work.stage("read"):
        result, first = _read(work)
    failpoint("after_read")
    work.tally.read = len(result.packets)
    last = work.claim.last
    parts = list(split(result, first, last, work.settings.ranges.bytes_per_task))
    for at, (part, part_first, part_last) in enumerate(parts):
        # What has expired may have been stored by an earlier attempt, and waits to be published.
        publish_first = part_first if at else work.claim.first
        _carry_part(work, part, publish_first, part_last, is_last=at == len(parts) - 1)


def _read(work: RangeWork) -> tuple[ReadResult, int]:
    """Read the range, but for offsets that Kafka has forgotten; return what is there and its first.

    What has expired is buried as one interval, and the rest is worked as usual.
    """
    claim = work.claim
    if work.replay is not None:
        return replaying.read(work, work.replay), claim.first
    reader = work.resources.reader(claim.stream)
    first = claim.first
    while first <= claim.last:
        try:
            return reader.read(claim.topic, claim.partition, first, claim.last), first
        except OffsetsExpired as expired:
            end = min(expired.low - 1, claim.last)
            _bury_expired(work, first, end)
            first = end + 1
    return ReadResult([], []), first


def _bury_expired(work: RangeWork, first: int, last: int) -> None:
    letter = Letter(
        partition=work.source.partition,
        offset=first,
        last_offset=last,
        reason="expired_offsets",
        message=f"offsets {first} to {last}: Kafka forgot them before a worker could read them",
        night=work.survey.night(datetime.now(UTC)),  # when it was noticed: nobody knows more
    )
    with transaction(statement_timeout_s=_timeout_s(work)) as session:
        dead_letters.bury(session, work.claim.stream, work.claim.topic, work.source.id, [letter])
    work.tally.dead += last - first + 1


def _carry_part(work: RangeWork, part: ReadResult, first: int, last: int, *, is_last: bool) -> None:
    decoded = _decode(work, part.packets)
    if decoded is None:
        log.warning("range.isolating", error="MemoryError", packets=len(part.packets))
        singles = list(split(part, first, last, 1))
        for at, (single, its_first, its_last) in enumerate(singles):
            single_is_last = is_last and at == len(singles) - 1
            _carry_part(work, single, its_first, its_last, is_last=single_is_last)
        return
    batch, rejected = decoded
    strike(batch.candid)
    with work.stage("archive"):
        slices = _archive(work, part.packets)
    failpoint("after_archive")
    try:
        _store(work, batch, rejected, part.gaps, slices)
    except Exception as error:
        if not is_packets_fault(error):
            raise
        log.warning("range.isolating", error=repr(error), packets=len(batch))
        _store_one_by_one(work, batch, rejected, part.gaps, slices)
    failpoint("after_store")
    _publish(work, first, last, is_last=is_last)
    work.chosen.clear()  # packets, which the next part need not carry along


def _decode(work: RangeWork, packets: Sequence[Packet]) -> tuple[Batch, list[Rejected]] | None:
    """Decode packets; None if several need more memory together than the process may have.

    Which of several ate it is not to be seen: the one at which it ended may be innocent. What the
    error's traceback holds is let go when this returns.
    """
    with work.stage("decode"):
        try:
            return work.survey.decode(packets)
        except SchemaUnreachableError:
            if work.claim.releases < SCHEMA_RELEASES:
                raise
            return _decode_what_is_known(work, packets)
        except MemoryError as error:
            if len(packets) > 1:
                return None
            message = f"needs more memory than ranges.worker_memory_bytes leaves: {error!r}"
        empty, _ = work.survey.decode([])
        return empty, [Rejected(packets[0], "too_large", message)]


def _decode_what_is_known(
    work: RangeWork, packets: Sequence[Packet]
) -> tuple[Batch, list[Rejected]]:
    """Bury packets whose schema nobody could be asked for all this time; decode the others."""
    readable, unknown = [], []
    for packet in packets:
        try:
            work.survey.decode([packet])
        except SchemaUnreachableError as error:
            unknown.append(Rejected(packet, "unknown_schema", str(error)))
        else:
            readable.append(packet)
    batch, rejected = work.survey.decode(readable)
    return batch, sorted([*rejected, *unknown], key=lambda one: one.packet.offset)


def _archive(work: RangeWork, packets: Sequence[Packet]) -> dict[int, Slice]:
    """Write the packets to the archive; return where each offset lies.

    Raises
    ------
    TransientError
        Whatever the disk says: a full one, a file limit, a lost mount or right is never a packet's
        fault, and to count it as an attempt would bury good packets within seconds.
    """
    if not packets:
        return {}
    if work.replay is not None and work.replay.order.read_from == "archive":
        return work.replay.slices
    night = work.survey.night(store.utc_from_ms(packets[0].timestamp_ms))
    try:
        slices = work.resources.archive().append(
            work.survey.name, night, work.source.id, work.source.partition, packets
        )
    except OSError as error:
        raise TransientError(f"the archive cannot be written: {error}") from error
    return {packet.offset: piece for packet, piece in zip(packets, slices, strict=True)}


def _store_one_by_one(
    work: RangeWork,
    batch: Batch,
    rejected: Sequence[Rejected],
    gaps: Sequence[tuple[int, int]],
    slices: dict[int, Slice],
) -> None:
    """Find the packet that breaks its range: it alone becomes a dead letter."""
    empty = batch.take(np.empty(0, np.int64))
    _store(work, empty, rejected, gaps, slices)
    for at in range(len(batch)):
        single = batch.take(np.array([at]))
        try:
            with structlog.contextvars.bound_contextvars(candid=int(batch.candid[at])):
                _store(work, single, (), (), slices)
        except Exception as error:
            if not is_packets_fault(error):
                raise
            buried = Rejected(batch.packets[at], "unexpected", repr(error), traceback.format_exc())
            _store(work, empty, [buried], (), slices)


def _store(
    work: RangeWork,
    batch: Batch,
    rejected: Sequence[Rejected],
    gaps: Sequence[tuple[int, int]],
    slices: dict[int, Slice],
) -> None:
    """Carry a batch through transactions A1 and A2.

    Two transactions, because two simultaneous alerts of one object in two surveys must see each
    other: each commits its own object before it looks for the other's.
    """
    timeout_s = _timeout_s(work)
    tally = Tally(read=work.tally.read)
    letters = _letters(work, rejected, slices)
    selection = None
    if len(batch):
        with work.stage("select"):
            selection = selecting.select(batch, work.settings.selected)
        with work.stage("catalogs"), transaction(statement_timeout_s=timeout_s) as session:
            classified = classify_batch(session, batch, work.settings, work.resources.footprint())
        with work.stage("merge"), transaction(statement_timeout_s=timeout_s) as session:
            merged = merge(session, batch)
        with work.stage("store"), transaction(statement_timeout_s=timeout_s) as session:
            _store_alerts(session, work, batch, selection, classified, merged, slices, tally)
            _bury(session, work, letters)
            store.insert_gaps(session, work.source, gaps)
    elif rejected or gaps:
        with transaction(statement_timeout_s=timeout_s) as session:
            _bury(session, work, letters)
            store.insert_gaps(session, work.source, gaps)
    if selection is not None:
        work.chosen |= selection.chosen
        work.tally.selected += len(selection.chosen)
        work.tally.refused.update(selection.refused)
    work.tally.stored += tally.stored
    work.tally.duplicates += tally.duplicates
    work.tally.dead += len(rejected)


def _store_alerts(
    session: Session,
    work: RangeWork,
    batch: Batch,
    selection: Selection,
    classified: Classified,
    merged: Merged,
    slices: dict[int, Slice],
    tally: Tally,
) -> None:
    if bad_images := int(batch.bad_images.sum()):
        log.warning("packet.bad_images", count=bad_images)
    decided = decide(session, work.survey, work.settings.route, batch, classified, merged)
    decided = replace(decided, outputs=decided.outputs | selection.bits)
    _, first = np.unique(batch.candid, return_index=True)
    first.sort()
    inserted = store.insert_alerts(
        session,
        work.survey,
        work.source,
        batch.take(first),
        decided.take(first),
        [slices[batch.packets[at].offset] for at in first],
    )
    is_new = np.zeros(len(batch), bool)
    is_new[first] = [candid in inserted for candid in batch.candid[first].tolist()]
    store.count_alerts(session, merged.object_id, batch.jd_utc, is_new)
    others = [(int(batch.candid[at]), batch.packets[at].offset) for at in np.flatnonzero(~is_new)]
    if work.is_silent and inserted:
        replaying.withhold(session, list(inserted.values()))
    tally.stored = len(inserted)
    tally.duplicates = store.insert_duplicates(
        session, batch.survey, work.source, others, is_silent=work.is_silent
    )
    dead_letters.resolve(
        session, work.source.id, work.source.partition, [p.offset for p in batch.packets]
    )


def _publish(work: RangeWork, first: int, last: int, *, is_last: bool) -> None:
    """Send what waits in [first, last], then mark it; transaction B ends the range."""
    if work.is_silent:
        with work.stage("mark"), transaction(statement_timeout_s=_timeout_s(work)) as session:
            _settle(session, work, publish.NOTHING, is_last=is_last)
        return
    with work.stage("pending"), transaction(statement_timeout_s=_timeout_s(work)) as session:
        if not still_mine(session, work.claim):
            raise RangeLostError
        pending = publish.read_pending(
            session, work.survey.name, work.source, first, last, work.chosen
        )
    if not work.is_publishing:
        _hold(work, first if pending.rows else None, last, is_last=is_last)
        return
    with work.stage("encode"):
        outgoing = publish.build(pending)
    with work.stage("select"):
        selected, _ = publish.build_selected(pending)
        outgoing += selected
    with work.stage("produce"):
        outcomes = work.resources.producer().send([sent.message for sent in outgoing])
    delivered = publish.settle(outgoing, outcomes)
    failpoint("after_ack")
    work.tally.published += delivered.published
    with work.stage("mark"), transaction(statement_timeout_s=_timeout_s(work)) as session:
        if not publish.is_whole(pending, outgoing):
            _leave(session, work, first, last)
        _settle(session, work, delivered, is_last=is_last)
    if delivered.failed:
        raise TransientError(
            f"{len(delivered.failed)} of {len(outgoing)} messages were not acknowledged, "
            f"first: {delivered.failed[0].text}"
        )


def _hold(work: RangeWork, first: int | None, last: int, *, is_last: bool) -> None:
    """End the range while its stream is off; from ``first`` on something waits, None: nothing."""
    with work.stage("mark"), transaction(statement_timeout_s=_timeout_s(work)) as session:
        if first is not None:
            _leave(session, work, first, last)
        _settle(session, work, publish.NOTHING, is_last=is_last)


def _leave(session: Session, work: RangeWork, first: int, last: int) -> None:
    """Note that messages of these offsets wait, for ``holdback`` to publish."""
    switches.hold(session, work.claim.stream, work.source.id, work.source.partition, first, last)


def _settle(
    session: Session, work: RangeWork, delivered: publish.Delivered, *, is_last: bool
) -> None:
    """Mark what Kafka has, bury what it never will, end the range: transaction B."""
    publish.mark(session, delivered)
    dead_letters.bury(
        session,
        work.claim.stream,
        work.claim.topic,
        work.source.id,
        publish.too_large_letters(delivered, work.survey, work.source.partition),
    )
    failpoint("before_done")
    if is_last and not delivered.failed:
        if work.replay is not None and still_mine(session, work.claim):
            replaying.account(session, work, work.replay)
        finish(session, work.claim, work.tally.counts())


def _letters(
    work: RangeWork, rejected: Sequence[Rejected], slices: dict[int, Slice]
) -> list[Letter]:
    """Say of each refused packet what can be said; before a transaction, for it may take a while.

    A stranger's schema may be long, and an unknown one is asked for over the network.
    """
    letters = []
    for bad in rejected:
        log.warning("packet.buried", offset=bad.packet.offset, reason=bad.reason, why=bad.message)
        at = store.utc_from_ms(bad.packet.timestamp_ms)
        piece = slices[bad.packet.offset]
        candid, object_id = _ids_of(bad.packet.value)
        letters.append(
            Letter(
                partition=work.source.partition,
                offset=bad.packet.offset,
                reason=bad.reason,
                message=bad.message,
                traceback=bad.traceback,
                kafka_timestamp=at,
                night=work.survey.night(at),
                packet=bad.packet.value,
                archive=(piece.segment_id, piece.start, piece.length),
                candid=candid,
                object_id=object_id,
            )
        )
    return letters


def _ids_of(value: bytes) -> tuple[int | None, str | None]:
    """Return alert id and object for people to search by: to fail at them must decide nothing."""
    try:
        return identify(value)
    except Exception as error:
        if not is_packets_fault(error):
            raise
        log.exception("packet.not_identified")
        return None, None


def _bury(session: Session, work: RangeWork, letters: Sequence[Letter]) -> None:
    dead_letters.bury(session, work.claim.stream, work.claim.topic, work.source.id, letters)


def _timeout_s(work: RangeWork) -> int:
    """Return the longest statement of this worker [s]: all waits together end before its limit."""
    return work.settings.postgres.worker_statement_timeout_s
