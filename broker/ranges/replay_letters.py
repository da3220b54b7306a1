"""What becomes of dead letters that are tried again, where the flow does not decide it."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

OF_PLACE = """(l.id = p.letter_id OR (p.letter_id IS NOT NULL AND l.state = 'retried'
    AND l.source_id = p.source_id AND l.source_partition = p.partition
    AND l.source_offset = p.first_offset AND l.last_offset = p.last_offset))"""
"""Letters ``l`` that a place ``p`` was made for. A packet may have several, each for its
reason: it is worked once, and they all follow."""
_SETTLE = text(f"""
    UPDATE dead_letters AS l SET updated_at = now(), attempts = l.attempts
            + CASE WHEN p.read_count > p.last_offset - p.first_offset THEN 0 ELSE 1 END,
        state = CASE WHEN p.read_count > p.last_offset - p.first_offset
            THEN 'resolved' ELSE 'open' END,
        resolved_by = CASE WHEN p.read_count > p.last_offset - p.first_offset
            THEN CASE WHEN p.dead_count = 0 THEN 'the packet became an alert'
                ELSE 'its packet has a dead letter of its own' END
            || ', replay ' || p.replay_id END
    FROM replay_places AS p
    WHERE p.id = ANY(:ids) AND {OF_PLACE} AND l.state = 'retried'
""")  # noqa: S608 a constant of this module
"""The flow resolves a letter, or opens it again, as it works on the packet; these are the rest: a
message that fits now, an interval, a packet that could not be had."""
_LETTERS_BACK = text(f"""
    UPDATE dead_letters AS l SET state = 'open', updated_at = now()
    FROM replay_places AS p
    WHERE p.replay_id = :replay_id AND {OF_PLACE} AND l.state = 'retried'
        AND p.cursor_offset <= p.last_offset AND NOT EXISTS (
            SELECT 1 FROM stream_ranges AS r WHERE r.replay_id = p.replay_id
                AND r.replay_id > 0 AND r.topic = p.topic AND r.partition = p.partition
                AND r.first_offset BETWEEN p.first_offset AND p.last_offset
        )
""")  # noqa: S608 a constant of this module
"""Letters whose packets no worker has, or will have; those in work are settled by their ranges."""


def settle_letters(session: Session, place_ids: Sequence[int]) -> None:
    """Close, or open again, the letters of finished places that nothing else has judged."""
    session.execute(_SETTLE, {"ids": list(place_ids)})


def letters_back(session: Session, replay_id: int) -> None:
    """Open the dead letters again whose packets a replay will not come to."""
    session.execute(_LETTERS_BACK, {"replay_id": replay_id})
