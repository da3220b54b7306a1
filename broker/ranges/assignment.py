"""Become the owner of partitions: epoch, topic id, and where to begin."""

from collections.abc import Collection
from typing import Literal

import structlog

from broker.db import transaction
from broker.kafka import Cluster, PartitionOwner
from broker.ranges import bookkeeping
from broker.ranges.holdings import OwnedPartition
from broker.ranges.planning import Place, choose_start

log = structlog.get_logger(__name__)


class Assigner:
    """Takes partitions over, for one listener of one stream.

    Parameters
    ----------
    stream : str
        Name of the stream.
    owner : str
        Who we are, for people.
    policy : str
        Where a group without offsets begins.
    """

    def __init__(
        self,
        stream: str,
        owner: str,
        policy: Literal["earliest", "latest"],
        kafka: PartitionOwner,
        cluster: Cluster,
    ) -> None:
        self._stream = stream
        self._owner = owner
        self._policy = policy
        self._kafka = kafka
        self._cluster = cluster

    def take(self, places: Collection[Place]) -> dict[Place, OwnedPartition]:
        """Take partitions over; those whose leader is not known yet are left out.

        ``latest`` holds for the first start only: a topic that appears later (the next night's) is
        read from its beginning, or its first packets would be lost.
        """
        topic_ids = self._cluster.topic_ids({topic for topic, _ in places})
        lows = self._cluster.beginnings(places)
        highs = self._cluster.ends(places)
        known = [p for p in places if p[0] in topic_ids and p in lows and p in highs]
        if not known:
            return {}
        committed = self._kafka.committed(known)
        with transaction() as session:
            is_later_topic = bookkeeping.knows_other_topics(
                session, self._stream, [topic for topic, _ in known]
            )
        policy = "earliest" if is_later_topic else self._policy
        return {
            place: self._take(
                place, topic_ids[place[0]], lows[place], highs[place], committed[place], policy
            )
            for place in known
        }

    def _take(
        self,
        place: Place,
        topic_id: str,
        low: int,
        high: int,
        committed: int | None,
        policy: Literal["earliest", "latest"],
    ) -> OwnedPartition:
        with transaction() as session:
            taken = bookkeeping.take(session, self._stream, place, self._owner)
            if taken.topic_id not in {None, topic_id}:
                why = "the topic was made anew"
                bookkeeping.forget(session, self._stream, place, taken, why)
                log.error("listener.topic_made_anew", topic=place[0], partition=place[1])
                cursor = low
            else:
                start = choose_start(committed, taken.committed_offset, low, high, policy)
                cursor = start.cursor
                if start.is_reset:
                    bookkeeping.forget(session, self._stream, place, taken, None)
                    log.error("listener.offsets_reset", topic=place[0], partition=place[1], low=low)
            bookkeeping.begin(session, self._stream, place, taken, topic_id, cursor, high)
        log.info(
            "listener.took",
            topic=place[0],
            partition=place[1],
            epoch=taken.epoch,
            cursor=cursor,
            high=high,
        )
        guard = bookkeeping.Guard(taken.epoch, taken.server_start)
        return OwnedPartition(place, guard, topic_id, cursor, low, high)
