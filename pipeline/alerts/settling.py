"""The end of a range: its messages sent or held, and marked in transaction B."""

from sqlalchemy.orm import Session

from broker import dead_letters
from broker.db import transaction
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.ranges import switches
from broker.ranges.claim import finish, still_mine
from broker.ranges.working import RangeLostError
from pipeline.alerts import measured, publish, publish_letters, replaying
from pipeline.alerts.work import RangeWork


def publish_part(work: RangeWork, first: int, last: int, *, is_last: bool) -> None:
    """Send what waits in [first, last], then mark it; transaction B ends the range."""
    if work.is_silent:
        with (
            work.stage("mark"),
            transaction(statement_timeout_s=work.statement_timeout_s) as session,
        ):
            _settle(session, work, publish.NOTHING, is_last=is_last)
        return
    with (
        work.stage("pending"),
        transaction(statement_timeout_s=work.statement_timeout_s) as session,
    ):
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
    measured.published(work.survey.name, outgoing, outcomes)
    delivered = publish.settle(outgoing, outcomes)
    failpoint("after_ack")
    work.tally.published += delivered.published
    with work.stage("mark"), transaction(statement_timeout_s=work.statement_timeout_s) as session:
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
    with work.stage("mark"), transaction(statement_timeout_s=work.statement_timeout_s) as session:
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
        publish_letters.too_large_letters(delivered, work.survey, work.source.partition),
    )
    failpoint("before_done")
    if is_last and not delivered.failed:
        if work.replay is not None and still_mine(session, work.claim):
            replaying.account(session, work, work.replay)
        finish(session, work.claim, work.tally.counts())
