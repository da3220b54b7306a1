"""A range's packets: read from Kafka, decoded to a batch, archived."""

from collections.abc import Sequence
from datetime import UTC, datetime

from broker import dead_letters, metrics
from broker.archive import Slice
from broker.avro_schema import SchemaUnreachableError
from broker.db import transaction
from broker.dead_letters import Letter
from broker.errors import TransientError
from broker.kafka import OffsetsExpired
from broker.kafka_types import Packet, ReadResult
from pipeline.alerts import replaying, store
from pipeline.alerts.batch import Batch, Rejected
from pipeline.alerts.work import RangeWork

SCHEMA_RELEASES = 24
"""A packet of a schema that is not here waits while the registry is away: at night a new version is
more likely than a wrong id, and dead letters would bury the night. But a wrong id must not hold its
partition's commits for as long as the registry stays away. So the range is given back with the
rests of an outage, 1, 2, 4 ... 30 s, ten minutes in sum; then only the packets in question are
buried, to be sent again. Releases for other servers count too: a range that has waited so long
waits no longer."""


def read(work: RangeWork) -> tuple[ReadResult, int]:
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


def decode(work: RangeWork, packets: Sequence[Packet]) -> tuple[Batch, list[Rejected]] | None:
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


def archive(work: RangeWork, packets: Sequence[Packet]) -> dict[int, Slice]:
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


def _bury_expired(work: RangeWork, first: int, last: int) -> None:
    letter = Letter(
        partition=work.source.partition,
        offset=first,
        last_offset=last,
        reason="expired_offsets",
        message=f"offsets {first} to {last}: Kafka forgot them before a worker could read them",
        night=work.survey.night(datetime.now(UTC)),  # when it was noticed: nobody knows more
    )
    with transaction(statement_timeout_s=work.statement_timeout_s) as session:
        dead_letters.bury(session, work.claim.stream, work.claim.topic, work.source.id, [letter])
    work.tally.dead += last - first + 1
    metrics.ALERTS.labels(work.survey.name, "error", letter.reason).inc(last - first + 1)


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
