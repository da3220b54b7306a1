"""One range of packets through every step, from Kafka to Kafka."""

import structlog

from broker import metrics
from broker.failpoints import failpoint, strike
from broker.kafka_types import ReadResult
from pipeline.alerts import reading, settling, storing
from pipeline.alerts.work import RangeWork, is_packets_fault, split

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
        result, first = reading.read(work)
    failpoint("after_read")
    work.tally.read = len(result.packets)
    metrics.KAFKA_READ.labels(work.survey.name).inc(len(result.packets))
    last = work.claim.last
    parts = list(split(result, first, last, work.settings.ranges.bytes_per_task))
    for at, (part, part_first, part_last) in enumerate(parts):
        # What has expired may have been stored by an earlier attempt, and waits to be published.
        publish_first = part_first if at else work.claim.first
        _carry_part(work, part, publish_first, part_last, is_last=at == len(parts) - 1)


def _carry_part(work: RangeWork, part: ReadResult, first: int, last: int, *, is_last: bool) -> None:
    decoded = reading.decode(work, part.packets)
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
        slices = reading.archive(work, part.packets)
    failpoint("after_archive")
    try:
        storing.store_batch(work, batch, rejected, part.gaps, slices)
    except Exception as error:
        if not is_packets_fault(error):
            raise
        log.warning("range.isolating", error=repr(error), packets=len(batch))
        storing.store_one_by_one(work, batch, rejected, part.gaps, slices)
    failpoint("after_store")
    settling.publish_part(work, first, last, is_last=is_last)
    work.chosen.clear()  # packets, which the next part need not carry along
