"""Become the owner of partitions: epoch, topic id, and where to begin."""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Literal, NamedTuple

import structlog
from sqlalchemy.orm import Session

from broker.db import transaction
from broker.kafka import Cluster, PartitionOwner
from broker.ranges import bookkeeping
from broker.ranges.doubts import Doubts
from broker.ranges.holdings import OwnedPartition
from broker.ranges.planning import Place, choose_start
from broker.ranges.sources import is_made_anew, known_resets

SURE_AFTER_S = 2.0
"""A log is believed to be shorter when it still is after this time: a new leader may not know for a
moment how far its followers have come."""

log = structlog.get_logger(__name__)


class _Log(NamedTuple):
    """A partition as Kafka has it: its topic's id, and both ends."""

    topic_id: str
    low: int
    high: int


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
    tonight : callable, optional
        Returns the night that offsets are booked on which nobody will read.
    """

    def __init__(
        self,
        stream: str,
        owner: str,
        policy: Literal["earliest", "latest"],
        kafka: PartitionOwner,
        cluster: Cluster,
        tonight: Callable[[], date] | None = None,
    ) -> None:
        self._stream = stream
        self._owner = owner
        self._policy = policy
        self._kafka = kafka
        self._cluster = cluster
        self._tonight = tonight
        self._doubts: Doubts[Place] = Doubts(SURE_AFTER_S)

    def take(
        self, places: Collection[Place], reached: Mapping[Place, int], now_s: float
    ) -> dict[Place, OwnedPartition]:
        """Take partitions over; those that are not to be had yet are left out.

        That is, those whose leader is not known, or whose log is shorter than it was, until that is
        sure.

        Parameters
        ----------
        places : collection of (topic, partition)
            Which ones.
        reached : mapping
            Where the logs of some of them ended when we owned them.
        now_s : float
            Of a clock that only goes forward.

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
        found = {}
        for place in known:
            found_log = _Log(topic_ids[place[0]], lows[place], highs[place])
            start = (committed[place], policy, reached.get(place, 0))
            taken = self._take(place, found_log, *start, now_s)
            if taken is not None:
                found[place] = taken
        return found

    def _take(
        self,
        place: Place,
        found: _Log,
        committed: int | None,
        policy: Literal["earliest", "latest"],
        reached: int,
        now_s: float,
    ) -> OwnedPartition | None:
        topic, partition = place
        with transaction() as session:
            taken = bookkeeping.take(session, self._stream, place, self._owner)
            if taken.topic_id == found.topic_id:
                resets = taken.resets
            else:
                resets = known_resets(session, self._stream, topic, found.topic_id)
            # Without a row, ``sources`` remembers: the group's offsets may outlive a deleted topic.
            if taken.topic_id not in {None, found.topic_id} or (
                taken.topic_id is None
                and is_made_anew(session, self._stream, topic, found.topic_id)
            ):
                why = "the topic was made anew"
                self._forget(session, place, taken, why)
                log.error("listener.topic_made_anew", topic=topic, partition=partition)
                cursor = found.low
            else:
                start = choose_start(
                    committed, taken.committed_offset, found.low, found.high, policy
                )
                cursor = start.cursor
                reached = max(reached, bookkeeping.reached(session, self._stream, place, taken))
                if start.is_reset or found.high < reached:
                    if not self._doubts.is_sure(place, now_s):
                        return None
                    resets += 1
                    self._reset(session, place, taken, reached)
                    log.error(
                        "listener.offsets_reset", was=reached, **found._asdict(), cursor=cursor
                    )
            self._doubts.drop(place)
            bookkeeping.begin(
                session, self._stream, place, taken, found.topic_id, cursor, found.high, resets
            )
        log.info(
            "listener.took",
            topic=topic,
            partition=partition,
            epoch=taken.epoch,
            cursor=cursor,
            high=found.high,
        )
        guard = bookkeeping.Guard(taken.epoch, taken.server_start)
        return OwnedPartition(place, guard, found.topic_id, cursor, found.low, found.high)

    def _reset(
        self, session: Session, place: Place, taken: bookkeeping.Taken, reached: int
    ) -> None:
        """Forget a log that became shorter: its end is lost, and other packets come in its place.

        Kafka cannot say where the two logs part. What lies below both the cursor and the new end is
        taken to be the same; what was unfinished is buried, and whatever of it is there is read
        again under another source, so that no new packet meets the coordinates of an old one.
        """
        known = taken._replace(high_offset=reached)
        self._forget(session, place, known, "the log became shorter")

    def _forget(self, session: Session, place: Place, taken: bookkeeping.Taken, why: str) -> None:
        night = self._tonight and self._tonight()
        bookkeeping.forget(session, self._stream, place, taken, why, night)
