"""Send packets through once more whose workers died: most often the machine was at fault."""

from datetime import timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from broker.celery import task
from broker.db import transaction
from broker.dead_letters import DeadLetter
from broker.errors import TransientError
from broker.ranges.second_tries import try_again
from broker.sections.streams import StreamsSettings

REST = timedelta(minutes=10)
LAST_CALL = timedelta(hours=2)
"""Older letters are an operator's: whoever starts a system again must not meet last month's."""
MOST_LETTERS = 50
BY = "by itself, 10 minutes after its workers died"

log = structlog.get_logger(__name__)


@task("dead_letters.retry_died", queue="upkeep", every_s=60)
def retry_died() -> None:
    """Ask once, for each packet that was buried as ``worker_died``, that it be worked again."""
    try:
        with transaction() as session:
            due = due_letters(session)
        tried = try_again(due, BY) if due else None
    except TransientError as error:
        log.warning("dead_letters.not_retried", error=str(error))  # until the next minute
        return
    if tried is not None and (tried.taken or tried.refused):
        log.info("dead_letters.retried", letters=tried.taken, refused=tried.refused)


def due_letters(session: Session) -> list[int]:
    """Return letters of dead workers whose packets were never sent again, oldest first.

    Of streams that are read in ranges: a notice whose readers died thrice is a person's.

    A packet whose worker dies again has two burials behind it, and is left to an operator. One that
    can be had nowhere is asked for each minute until its last call.
    """
    return list(
        session.scalars(
            select(DeadLetter.id)
            .where(
                DeadLetter.reason == "worker_died",
                DeadLetter.stream.in_(StreamsSettings.model_fields),
                DeadLetter.state == "open",
                DeadLetter.attempts == 1,
                DeadLetter.first_seen_at.between(func.now() - LAST_CALL, func.now() - REST),
            )
            .order_by(DeadLetter.id)
            .limit(MOST_LETTERS)
        )
    )
