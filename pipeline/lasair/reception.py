"""Take a batch of one topic: read, keep what is bad, store or bury; safe to repeat at any point."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker import dead_letters
from broker.archive import ArchiveWriter
from broker.attempts import Attempts
from broker.config import config, project_path
from broker.db import transaction
from broker.isolating import taken
from broker.kafka_messages import Received
from broker.message_letters import Bad, keep, letter_of
from broker.ranges.sources import known_source
from broker.sections.lasair import LasairTopicSettings
from pipeline.lasair import day_files, stamps
from pipeline.lasair.day_files import Place
from pipeline.lasair.journal import Journal
from pipeline.lasair.message import BadMessage, LasairMessage, read, utc_text
from pipeline.lasair.tables import LasairAlert
from pipeline.topics import LASAIR as STREAM

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Good:
    """A message that can be used."""

    received: Received
    said: LasairMessage


class TopicReception:
    """Takes the messages of one topic.

    Parameters
    ----------
    topic : LasairTopicSettings
        Which.
    topic_id : callable
        Returns Kafka's id of the topic: one that was made anew has another.
    place : Place
        Where its alerts are written.
    """

    def __init__(
        self, topic: LasairTopicSettings, topic_id: Callable[[], str], place: Place
    ) -> None:
        self._topic = topic
        self._topic_id = topic_id
        self._place = place
        self._journal = Journal(place.path, topic.name)
        archive = config().archive
        self._archive = ArchiveWriter(project_path(archive.path), archive.segment_bytes)
        self._attempts = Attempts()
        self._source_id: int | None = None
        self._next: dict[int, int] = {}

    @property
    def topic(self) -> str:
        """Return its topic's name."""
        return self._topic.name

    def take(self, messages: Sequence[Received]) -> None:
        """Store the messages that are not stored yet, bury the bad ones, ask for images.

        Raises
        ------
        OUTAGES
            If a server or the disk is away: nothing was decided, take them again.
        """
        self._take_all(messages, self._source(messages))

    def take_again(self, message: Received, source_id: int) -> None:
        """Take the message of a dead letter, under the log (``sources.id``) that it came from."""
        self._take_all([message], source_id)

    def _take_all(self, messages: Sequence[Received], source_id: int) -> None:
        def take(some: Sequence[Received]) -> None:
            self._take(source_id, [self._read(message) for message in some])

        def bury(bad: Bad) -> None:
            self._take(source_id, [bad])

        for _ in taken(self._attempts, messages, {self._topic.name: source_id}, take, bury):
            pass  # each piece is counted where it is stored

    def _take(self, source_id: int, judged: Sequence[Good | Bad]) -> None:
        good = [each for each in judged if isinstance(each, Good)]
        bad = [each for each in judged if isinstance(each, Bad)]
        letters = [self._letter(source_id, each) for each in bad]
        with transaction() as session:
            new = self._store(session, source_id, good)
            bells = stamps.want(session, self._topic.survey, [each.said for each in new])
            dead_letters.bury(session, STREAM, self._topic.name, source_id, letters)
        stamps.ring(self._place.host, bells)
        self._tell(new, bad)
        log.info(
            "lasair.taken",
            topic=self._topic.name,
            read=len(judged),
            stored=len(new),
            duplicate=len(good) - len(new),
            failed=len(bad),
        )

    def forget_sources(self) -> None:
        """Ask for the topic's id again."""
        self._source_id = None

    def close(self) -> None:
        """Close the archive's segment and both logs."""
        self._archive.close()
        self._journal.close()

    def _read(self, message: Received) -> Good | Bad:
        settings = config().lasair
        try:
            said = read(message.value, self._topic.survey, settings.jd_fields, message.written_at)
        except BadMessage as error:
            return Bad(message, error.reason, str(error))
        return Good(message, said)

    def _source(self, messages: Sequence[Received]) -> int:
        """Return the row of the topic as it is now; offsets that go back ask for it anew."""
        if any(m.offset < self._next.get(m.partition, 0) for m in messages):
            self._source_id = None
        if self._source_id is None:
            topic_id = self._topic_id()
            with transaction() as session:
                self._source_id = known_source(session, STREAM, self._topic.name, topic_id)
        self._next |= {m.partition: m.offset + 1 for m in messages}
        return self._source_id

    def _letter(self, source_id: int, bad: Bad) -> dead_letters.Letter:
        """Return the letter of a bad message, whose bytes are in the archive then."""
        piece = keep(self._archive, STREAM, source_id, bad.message)
        return letter_of(bad.message, bad.reason, bad.why, trace=bad.trace, archive=piece)

    def _store(self, session: Session, source_id: int, good: Sequence[Good]) -> list[Good]:
        """Insert rows; return those that were not there yet."""
        if not good:
            return []
        days = [each.said.detected_at.date() for each in good]
        files = day_files.begin(session, self._place, days)
        rows = [
            {
                "survey": self._topic.survey,
                "topic": self._topic.name,
                "source_id": source_id,
                "source_partition": each.received.partition,
                "source_offset": each.received.offset,
                "kafka_timestamp": each.received.written_at,
                "object_id": each.said.object_id,
                "jd_utc": each.said.jd_utc,
                "detected_at": each.said.detected_at,
                "payload": each.said.payload,
                "file_id": files[day],
            }
            for each, day in zip(good, days, strict=True)
        ]
        place = (LasairAlert.source_partition, LasairAlert.source_offset)
        statement = insert(LasairAlert).on_conflict_do_nothing().returning(*place)
        new = {tuple(row) for row in session.execute(statement, rows)}
        return [each for each in good if (each.received.partition, each.received.offset) in new]

    def _tell(self, new: Sequence[Good], bad: Sequence[Bad]) -> None:
        for each in new:
            said, where = each.said, _where(each.received)
            utc = utc_text(said.detected_at)
            self._journal.event(**where, object_id=said.object_id, utc=utc)
            for problem in said.problems:
                self._journal.error(
                    **where, object_id=said.object_id, reason="bad_value", cause=problem
                )
        for one in bad:
            where = _where(one.message)
            self._journal.error(**where, reason=one.reason, cause=one.why)


def _where(message: Received) -> dict[str, object]:
    return {
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
    }
