"""Which replays there are to carry on, and whether Kafka still has what they mean."""

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.orm import Session

_UNFINISHED = text("SELECT id, stream FROM replays WHERE finished_at IS NULL ORDER BY id")
_KAFKA_TOPICS = text("""
    SELECT p.topic, min(s.topic_id) AS topic_id,
        coalesce(bool_or(now.resets <> s.resets), false) AS was_cut
    FROM replay_places AS p JOIN sources AS s ON s.id = p.source_id
    LEFT JOIN stream_partitions AS now ON now.stream = s.stream AND now.topic = s.topic
        AND now.partition = p.partition AND now.topic_id = s.topic_id
    WHERE p.replay_id = :replay_id AND p.read_from = 'kafka' AND p.cursor_offset <= p.last_offset
    GROUP BY 1
""")
_DELETE_ORPHANS = text("""
    DELETE FROM stream_ranges AS r WHERE r.replay_id > 0
        AND NOT EXISTS (SELECT 1 FROM replays WHERE id = r.replay_id)
""")


def unfinished(session: Session) -> list[tuple[int, str]]:
    """Return id and stream of every replay that may need a step; orphaned ranges are dropped."""
    session.execute(_DELETE_ORPHANS)
    return [(row.id, row.stream) for row in session.execute(_UNFINISHED)]


def kafka_topics(session: Session, replay_id: int) -> dict[str, str | None]:
    """Return the topics that a replay still reads from Kafka, with the ids they must have.

    None: the log was cut short, its offsets are other packets now.
    """
    rows = session.execute(_KAFKA_TOPICS, {"replay_id": replay_id})
    return {row.topic: None if row.was_cut else row.topic_id for row in rows}


def moved_topics(wanted: Mapping[str, str | None], found: Mapping[str, str]) -> list[str]:
    """Return the topics that no longer hold the messages which a replay means."""
    return [
        topic
        for topic, topic_id in wanted.items()
        if topic_id is None or found.get(topic) != topic_id
    ]
