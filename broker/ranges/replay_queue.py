"""Which replays there are to carry on, and whether Kafka still has what they mean."""

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.orm import Session

_UNFINISHED = text("SELECT id, stream FROM replays WHERE finished_at IS NULL ORDER BY id")
_KAFKA_TOPICS = text("""
    SELECT p.topic, min(s.topic_id) AS topic_id,
        bool_or(s.resets <> coalesce(now.resets, (
            SELECT max(same.resets) FROM sources AS same WHERE same.stream = s.stream
                AND same.topic = s.topic AND same.topic_id = s.topic_id
        ))) AS was_cut
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


_SWEEP = text("""
    WITH gone AS (
        DELETE FROM stream_ranges WHERE replay_id = :replay_id AND replay_id > 0
        RETURNING coalesce(read_count, 0) AS read, coalesce(stored_count, 0) AS stored,
            coalesce(duplicate_count, 0) AS duplicate, coalesce(dead_count, 0) AS dead,
            coalesce(published_count, 0) AS published
    ), total AS (
        SELECT sum(read) AS read, sum(stored) AS stored, sum(duplicate) AS duplicate,
            sum(dead) AS dead, sum(published) AS published
        FROM gone HAVING count(*) > 0
    )
    UPDATE replays SET read_count = read_count + total.read,
        stored_count = stored_count + total.stored,
        duplicate_count = duplicate_count + total.duplicate,
        dead_count = dead_count + total.dead, published_count = published_count + total.published
    FROM total WHERE id = :replay_id
""")


def sweep(session: Session, replay_id: int) -> None:
    """Count and delete what an ended replay had done beyond a range that was given up."""
    session.execute(_SWEEP, {"replay_id": replay_id})


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
