"""Alerts whose packets come again from a topic that was made anew while their messages waited.

A range publishes only what is stored under its own coordinates. The range of the old topic is gone
with it, so that such an alert would wait for ever; it follows its packet to the new place instead.
"""

from collections.abc import Mapping
from typing import Any

import psycopg

_LOCK = """
    SELECT a.id, a.source_id, a.source_partition, a.source_offset, u.new_offset
    FROM unnest(%(ids)s::bigint[], %(offsets)s::bigint[]) AS u (id, new_offset)
    JOIN alerts AS a ON a.id = u.id
    JOIN sources AS was ON was.id = a.source_id
    JOIN sources AS here ON here.id = %(source)s
    WHERE a.pending <> 0 AND was.id < here.id AND was.stream = here.stream
        AND was.topic = here.topic
        AND NOT EXISTS (SELECT FROM alerts AS holder WHERE holder.source_id = here.id
            AND holder.source_partition = %(partition)s AND holder.source_offset = u.new_offset)
    ORDER BY a.id FOR UPDATE OF a
"""
_MOVE = """
    UPDATE alerts AS a SET source_id = %s, source_partition = %s, source_offset = u.new_offset
    FROM unnest(%s::bigint[], %s::bigint[]) AS u (id, new_offset) WHERE a.id = u.id
"""
_LEAVE = """
    INSERT INTO alert_duplicates (source_id, source_partition, source_offset, alert_id)
    SELECT * FROM unnest(%s::bigint[], %s::int[], %s::bigint[], %s::bigint[])
    ON CONFLICT DO NOTHING
"""
_ARRIVE = """
    DELETE FROM alert_duplicates
    WHERE source_id = %s AND source_partition = %s AND source_offset = ANY(%s)
"""


def follow(
    cur: psycopg.Cursor[tuple[Any, ...]],
    source_id: int,
    partition: int,
    copies: Mapping[int, int],
) -> set[int]:
    """Move alerts that still wait to where their packets came again; return which moved.

    Only towards a newer source of the same stream and topic, so that no replay of an old topic
    takes an alert from the live range that is about to publish it. The old place becomes a
    duplicate's: the books of the old topic keep counting its offset. Of two workers with one alert
    the second finds it moved, and counts a duplicate.

    Parameters
    ----------
    cur : psycopg.Cursor
        In transaction A2.
    source_id, partition : int
        Where the packets came again.
    copies : mapping
        ``alerts.id`` → offset of its packet's first copy there.
    """
    cur.execute(
        _LOCK,
        {
            "ids": list(copies),
            "offsets": list(copies.values()),
            "source": source_id,
            "partition": partition,
        },
    )
    moving = cur.fetchall()
    if not moving:
        return set()
    ids, sources, partitions, offsets, new_offsets = (
        list(each) for each in zip(*moving, strict=True)
    )
    cur.execute(_MOVE, (source_id, partition, ids, new_offsets))
    cur.execute(_LEAVE, (sources, partitions, offsets, ids))
    cur.execute(_ARRIVE, (source_id, partition, new_offsets))
    return set(ids)
