"""Take one message: count, archive, judge, store, or bury; safe to repeat at any point."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy.orm import Session

from broker import attempts, dead_letters
from broker.archive import ArchiveWriter, Slice
from broker.attempts import Place
from broker.config import config, project_path
from broker.db import transaction
from broker.failpoints import failpoint
from broker.kafka_messages import Received
from broker.message_letters import keep, letter_of
from broker.outages import OUTAGES
from broker.ranges.sources import known_source
from pipeline.gw import steps
from pipeline.gw.arrival import Arrival, Intake, Stored
from pipeline.gw.notices import BadNotice

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Attempt:
    """What this process knows of the message at hand: it counts and archives it once."""

    source_id: int
    count: int
    slice: Slice | None = None


class Reception:
    """Takes the messages of one stream.

    Parameters
    ----------
    stream : str
        Names its archive folder and its dead letters.
    intake : Intake
        What is done with a message.
    topic_id : callable
        Returns Kafka's id of a topic.
    topic_prefix : str
        Stands before the topics' own names.
    clock : callable
        Returns the time, UTC.
    """

    def __init__(
        self,
        stream: str,
        intake: Intake[Any],
        topic_id: Callable[[str], str],
        *,
        topic_prefix: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._stream = stream
        self._intake = intake
        archive = config().archive
        self._archive = ArchiveWriter(project_path(archive.path), archive.segment_bytes)
        self._topic_id = topic_id
        self._topic_prefix = topic_prefix
        self._clock = clock
        self._sources: dict[str, int] = {}
        self._at_hand: tuple[tuple[Any, ...], _Attempt] | None = None

    def take(self, message: Received) -> Stored | None:
        """Store a message and ring for its steps, or bury it.

        Returns
        -------
        Stored or None
            None when it was buried; the dead letter says why.

        Raises
        ------
        OUTAGES
            If a server or the disk is away: nothing was decided, take it again.
        """
        attempt = self._count(message)
        if attempt.count > attempts.BURY_AT_DEATH:
            self._bury(message, attempt, "worker_died", attempts.WHY_DEADLY)
            return None
        topic = message.topic.removeprefix(self._topic_prefix)
        if topic not in self._intake.passing:
            attempt = self._keep(message, attempt)
        try:
            judged = self._intake.judge(message.value, topic)
        except BadNotice as error:
            self._bury(message, attempt, error.reason, str(error))
            return None
        except Exception as error:
            log.exception("notice.not_judged")
            self._bury(message, attempt, "unexpected", repr(error), traceback.format_exc())
            return None
        try:
            return self._store(message, attempt, judged, topic)
        except OUTAGES:
            raise
        except Exception as error:
            log.exception("notice.not_stored")
            self._bury(message, attempt, "unexpected", repr(error), traceback.format_exc())
            return None

    def close(self) -> None:
        """Close the archive's segment, with its checksum."""
        self._archive.close()

    def forget_sources(self) -> None:
        """Ask for the topics' ids again: one may have been made anew."""
        self._sources.clear()

    def _count(self, message: Received) -> _Attempt:
        """Note durably that this process reads the message; a death leaves the note behind."""
        if self._at_hand is not None and self._at_hand[0] == _coordinates(message):
            return self._at_hand[1]
        topic_id = "" if message.topic in self._sources else self._topic_id(message.topic)
        with transaction() as session:
            source_id = self._sources.get(message.topic) or known_source(
                session, self._stream, message.topic, topic_id
            )
            count = attempts.note(session, _place(source_id, message))
        failpoint("notice_counted")
        self._sources[message.topic] = source_id
        return self._remember(message, _Attempt(source_id, count))

    def _keep(self, message: Received, attempt: _Attempt) -> _Attempt:
        """Put the bytes into the archive."""
        if attempt.slice is not None:
            return attempt
        piece = keep(self._archive, self._stream, attempt.source_id, message)
        failpoint("notice_archived")
        return self._remember(message, _Attempt(attempt.source_id, attempt.count, piece))

    def _store(self, message: Received, attempt: _Attempt, judged: Any, topic: str) -> Stored:
        arrival = Arrival(
            topic=topic,
            source_id=attempt.source_id,
            partition=message.partition,
            offset=message.offset,
            kafka_timestamp=message.written_at,
            received_at=self._clock(),
            slice=attempt.slice,
        )
        with transaction() as session:
            stored = self._intake.store(session, judged, arrival)
            _forget(session, attempt, message)
        failpoint("notice_stored")
        steps.ring(stored.bells)
        log.info("notice.stored", what=stored.text)
        return stored

    def _bury(
        self,
        message: Received,
        attempt: _Attempt,
        reason: str,
        why: str,
        trace: str | None = None,
    ) -> None:
        letter = letter_of(message, reason, why, trace=trace, archive=attempt.slice)
        with transaction() as session:
            dead_letters.bury(session, self._stream, message.topic, attempt.source_id, [letter])
            _forget(session, attempt, message)
        log.error("notice.buried", reason=reason, why=why, offset=message.offset)

    def _remember(self, message: Received, attempt: _Attempt) -> _Attempt:
        self._at_hand = (_coordinates(message), attempt)
        return attempt


def _forget(session: Session, attempt: _Attempt, message: Received) -> None:
    attempts.forget(session, _place(attempt.source_id, message))


def _coordinates(message: Received) -> tuple[Any, ...]:
    return (message.topic, message.partition, message.offset, message.timestamp_ms)


def _place(source_id: int, message: Received) -> Place:
    return Place(source_id, message.partition, message.offset)
