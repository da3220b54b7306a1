"""The bytes of a dead letter's packet: from the archive, or from Kafka while it has them."""

import hashlib
from functools import cache
from pathlib import Path

from sqlalchemy.orm import Session

from broker.archive_index import (
    ArchiveError,
    ArchiveReader,
    cut,
    segments_named,
    segments_open_between,
)
from broker.config import config, project_path
from broker.dead_letters import DeadLetter
from broker.errors import TransientError
from broker.kafka import Cluster, OffsetsExpired, RangeReader, stream_connection
from broker.ranges.tables import Source
from broker.ranges.whereabouts import ATTEMPTS_TAKE, living_topic_id
from broker.sections.streams import StreamsSettings


class NoPacketError(Exception):
    """The packet cannot be had; the message says why in a sentence."""


def archived_packet(session: Session, letter: DeadLetter) -> bytes:
    """Return a letter's packet from the archive.

    Raises
    ------
    NoPacketError
        If it was never archived, or its segment is gone, short or damaged.
    """
    _require_one(letter)
    if letter.archive_segment_id is not None:
        return _slice(session, letter, letter.archive_segment_id)
    if letter.source_id is None:
        raise NoPacketError("It was buried before it was archived.")
    segments = segments_open_between(
        session, letter.first_seen_at - ATTEMPTS_TAKE, letter.first_seen_at
    )
    try:
        found = _archive().read(
            segments,
            letter.source_id,
            letter.source_partition,
            letter.source_offset,
            letter.source_offset,
        )
    except TransientError as error:
        raise NoPacketError(f"It was not archived on this machine; {error}.") from error
    if not found.packets:
        raise NoPacketError("It was buried before it was archived.")
    return found.packets[0].value


def living_log(session: Session, letter: DeadLetter) -> str | None:
    """Return the id of the topic in which the letter's offset still names its packet.

    None where nobody knew the topic's id when the packet was buried.

    Raises
    ------
    NoPacketError
        If the topic's log became shorter since.
    """
    source = None if letter.source_id is None else session.get(Source, letter.source_id)
    if source is None:
        return None
    topic_id = living_topic_id(session, source)
    if topic_id is None:
        raise NoPacketError("Its log became shorter; these offsets hold other packets now.")
    return topic_id


def kafka_packet(letter: DeadLetter, living: str | None) -> bytes:
    """Return a letter's packet from Kafka; takes seconds when Kafka is slow.

    Parameters
    ----------
    letter : DeadLetter
        Read before: no transaction waits for Kafka.
    living : str or None
        What ``living_log`` said of it.

    Raises
    ------
    NoPacketError
        If Kafka has forgotten it, has another topic or packet there, or does not answer.
    """
    _require_one(letter)
    if letter.stream not in StreamsSettings.model_fields:
        raise NoPacketError("Its stream is read message by message: only the archive is looked at.")
    connection = stream_connection(letter.stream)
    reader = RangeReader(connection, config().streams.named(letter.stream).group_prefix)
    offset = letter.source_offset
    try:
        topic_id = Cluster(connection).topic_ids([letter.topic]).get(letter.topic)
        if topic_id is None:
            raise NoPacketError(f"Kafka has no topic {letter.topic} any more.")
        if living not in (None, topic_id):
            raise NoPacketError("Its topic was made anew; these offsets hold other packets now.")
        read = reader.read(letter.topic, letter.source_partition, offset, offset)
    except OffsetsExpired as error:
        raise NoPacketError(f"Kafka has forgotten it: it keeps offsets from {error.low}.") from None
    except TransientError as error:
        raise NoPacketError("Kafka does not answer; try again.") from error
    finally:
        reader.close()
    if not read.packets:
        raise NoPacketError("Kafka holds no message at that offset.")
    packet = read.packets[0].value
    if not _is_its_own(letter, packet):
        raise NoPacketError("Kafka holds another packet at that offset now.")
    return packet


def _require_one(letter: DeadLetter) -> None:
    if letter.last_offset > letter.source_offset:
        count = letter.last_offset - letter.source_offset + 1
        raise NoPacketError(f"It stands for {count} offsets, not for one packet.")


def _slice(session: Session, letter: DeadLetter, segment_id: int) -> bytes:
    segments = segments_named(session, [segment_id])
    if not segments or letter.archive_start is None or letter.archive_length is None:
        raise NoPacketError(f"Archive segment {segment_id} is not known any more.")
    try:
        packet = cut(_root(), segments[0], letter.archive_start, letter.archive_length)
    except ArchiveError as error:
        raise NoPacketError(str(error)) from error
    if not _is_its_own(letter, packet):
        raise NoPacketError(f"{segments[0].path} is damaged: the packet's checksum is wrong.")
    return packet


def _is_its_own(letter: DeadLetter, packet: bytes) -> bool:
    return letter.sha256 is None or hashlib.sha256(packet).digest() == letter.sha256


def _root() -> Path:
    return project_path(config().archive.path)


@cache
def _archive() -> ArchiveReader:
    return ArchiveReader(_root())
