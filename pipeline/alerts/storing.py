"""A batch to rows: transactions A1 and A2, and the dead letters of what was refused."""

import traceback
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import structlog
from sqlalchemy.orm import Session

from broker import dead_letters, metrics
from broker.archive import Slice
from broker.db import transaction
from broker.dead_letters import Letter
from pipeline.alerts import filtering, measured, replaying, selecting, store
from pipeline.alerts.batch import Batch, Rejected
from pipeline.alerts.decide import Classified, classify_batch, decide
from pipeline.alerts.merge import Merged, merge
from pipeline.alerts.selecting import Selection
from pipeline.alerts.work import RangeWork, Tally, is_packets_fault
from pipeline.surveys.identify import identify

log = structlog.get_logger(__name__)


def store_batch(
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
    timeout_s = work.statement_timeout_s
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
    work.tally.caught += tally.caught
    work.tally.duplicates += tally.duplicates
    work.tally.dead += len(rejected)
    measured.stored(work.survey.name, tally.stored, tally.duplicates, rejected)
    metrics.ENRICHED.labels(work.survey.name, "ok", "classified").inc(len(batch))


def store_one_by_one(
    work: RangeWork,
    batch: Batch,
    rejected: Sequence[Rejected],
    gaps: Sequence[tuple[int, int]],
    slices: dict[int, Slice],
) -> None:
    """Find the packet that breaks its range: it alone becomes a dead letter."""
    empty = batch.take(np.empty(0, np.int64))
    store_batch(work, empty, rejected, gaps, slices)
    for at in range(len(batch)):
        single = batch.take(np.array([at]))
        try:
            with structlog.contextvars.bound_contextvars(candid=int(batch.candid[at])):
                store_batch(work, single, (), (), slices)
        except Exception as error:
            if not is_packets_fault(error):
                raise
            buried = Rejected(batch.packets[at], "unexpected", repr(error), traceback.format_exc())
            store_batch(work, empty, [buried], (), slices)


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
    with work.part("filters"):
        filtered = filtering.judge(work, batch, decided)
        decided = filtered.decided
    routed = int(np.count_nonzero(decided.outputs))
    measured.routed(batch.survey, routed, len(batch) - routed)
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
    with work.part("filters"):
        tally.caught = filtering.record(session, work, batch, filtered, first, inserted)
    tally.duplicates = store.insert_duplicates(
        session, batch.survey, work.source, others, is_silent=work.is_silent
    )
    dead_letters.resolve(
        session, work.source.id, work.source.partition, [p.offset for p in batch.packets]
    )


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
