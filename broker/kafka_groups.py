"""Consumer groups as our broker sees them: who is in them, and how far they have read.

Asked as ``pipeline``, which may describe the groups of people and do nothing with them; so the web
process needs no password of ``admin``. Kafka names a member's client id and address, never its
principal.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription

from broker.errors import TransientError
from broker.kafka_cluster import Cluster
from broker.kafka_connection import (
    ANSWER_S,
    REQUEST_S,
    Partition,
    admin_client,
    answer,
    answer_of,
    own_connection,
)
from broker.kafka_rights import PUBLIC_PREFIX

_T = TypeVar("_T")

LOOK_S = 3
"""Longest that a page waits, for one answer and for a whole look."""
LOOKS = 4
"""At once in one process; one that Kafka keeps waiting must not hold the others."""
_GONE = frozenset({KafkaError.GROUP_ID_NOT_FOUND, KafkaError.NON_EMPTY_GROUP})


@dataclass(frozen=True)
class Member:
    """One consumer of a group."""

    client_id: str
    host: str
    partitions: tuple[Partition, ...]


@dataclass(frozen=True)
class Group:
    """A consumer group.

    Attributes
    ----------
    name : str
        Its id.
    state : str
        Kafka's word: STABLE, EMPTY, PREPARING_REBALANCING …
    members : tuple of Member
        Consumers that are connected.
    committed : dict
        Next offset to be read of each partition that the group ever committed.
    ends : dict
        Offset after the last message of these partitions.
    beginnings : dict
        Oldest offset that is kept of these partitions.
    fresh : dict
        First offset of these partitions that is not about to expire; None where all are.
    newest_ms : int or None
        Time of the newest message of these partitions [ms since 1970].
    """

    name: str
    state: str
    members: tuple[Member, ...]
    committed: dict[Partition, int]
    ends: dict[Partition, int]
    beginnings: dict[Partition, int]
    fresh: dict[Partition, int | None]
    newest_ms: int | None

    @property
    def position(self) -> int:
        """Sum of the committed offsets: it grows while the group reads."""
        return sum(self.committed.values())

    @property
    def lag(self) -> int:
        """Messages that are kept and not read, over all partitions that the group committed."""
        return sum(
            max(self.ends[place] - max(offset, self.beginnings.get(place, 0)), 0)
            for place, offset in self.committed.items()
            if place in self.ends
        )

    @property
    def lost(self) -> int:
        """Messages that expired before the group read them."""
        return sum(
            max(self.beginnings[place] - offset, 0)
            for place, offset in self.committed.items()
            if place in self.beginnings
        )

    @property
    def expiring(self) -> int:
        """Messages that are not read and about to expire."""
        return sum(self._expiring(place, offset) for place, offset in self.committed.items())

    def _expiring(self, place: Partition, offset: int) -> int:
        low, end = self.beginnings.get(place, 0), self.ends.get(place, 0)
        bound = self.fresh.get(place, low)
        return max((end if bound is None else bound) - max(offset, low), 0)

    @property
    def hosts(self) -> frozenset[str]:
        """Addresses of its members."""
        return frozenset(member.host for member in self.members)


def groups(prefix: str, *, kept_ms: int, limit: int) -> list[Group]:
    """Return the groups whose names begin with ``prefix``, the first ``limit`` by name.

    Parameters
    ----------
    prefix : str
        Of the groups.
    kept_ms : int
        A message older than this is about to expire [ms].
    limit : int
        Most groups to be looked at.

    Raises
    ------
    TransientError
        If the broker is away.
    """

    def look() -> list[Group]:
        names = group_names(prefix)[:limit]
        return [found for name in names if (found := _look(name, kept_ms)) is not None]

    return _in_time(look)


def group_names(prefix: str) -> list[str]:
    """Return the names of all groups that begin with ``prefix``, sorted."""
    listed = answer(_client().list_consumer_groups(request_timeout=LOOK_S))
    return sorted(each.group_id for each in listed.valid if each.group_id.startswith(prefix))


def public_topics() -> list[str]:
    """Return the names of all topics that people may read, sorted."""
    listed = answer_of(lambda: _client().list_topics(timeout=LOOK_S)).topics
    return sorted(name for name in listed if name.startswith(PUBLIC_PREFIX))


def delete_groups(names: Iterable[str]) -> list[str]:
    """Delete groups, as ``admin``; return those deleted. One that has members stays."""
    wanted = sorted(set(names))
    if not wanted:
        return []
    admin, deleted = admin_client(), []
    for name, future in admin.delete_consumer_groups(wanted, request_timeout=REQUEST_S).items():
        try:
            future.result(ANSWER_S)
        except KafkaException as error:
            if error.args[0].code() not in _GONE:
                raise TransientError(f"group {name}: {error.args[0].str()}") from error
        else:
            deleted.append(name)
    return deleted


def group(name: str, kept_ms: int) -> Group | None:
    """Return one group, or None if there is none of this name; see ``groups``."""
    return _in_time(lambda: _look(name, kept_ms))


def _look(name: str, kept_ms: int) -> Group | None:
    described = _described(name)
    if described is None:
        return None
    members, committed = _members(described), _committed(name)
    places = {*committed, *(place for member in members for place in member.partitions)}
    cluster = _cluster()
    return Group(
        name,
        described.state.name,
        tuple(members),
        committed,
        cluster.ends(places),
        cluster.beginnings(places),
        cluster.starting_at(places, int(time.time() * 1000) - kept_ms),
        max((at_ms for _, at_ms in cluster.newest(places).values()), default=None),
    )


def _in_time(look: Callable[[], _T]) -> _T:
    """Return what a look of several requests sees, all of them together within ``LOOK_S``."""
    future = _lookers().submit(look)
    try:
        return future.result(LOOK_S)
    except TimeoutError as error:
        future.cancel()
        raise TransientError(f"Kafka: no answer about groups in {LOOK_S} s") from error


def _described(name: str) -> ConsumerGroupDescription | None:
    (future,) = _client().describe_consumer_groups([name], request_timeout=LOOK_S).values()
    try:
        found = answer(future)
    except KafkaException as error:
        if error.args[0].code() in _GONE:
            return None
        raise TransientError(f"group {name}: {error.args[0].str()}") from error
    return None if found.state is ConsumerGroupState.DEAD else found


def _members(described: ConsumerGroupDescription) -> list[Member]:
    return [
        Member(
            member.client_id,
            member.host.lstrip("/"),
            tuple((each.topic, each.partition) for each in member.assignment.topic_partitions),
        )
        for member in described.members
    ]


def _committed(name: str) -> dict[Partition, int]:
    asked = [ConsumerGroupTopicPartitions(name)]
    (future,) = _client().list_consumer_group_offsets(asked, request_timeout=LOOK_S).values()
    found: list[TopicPartition] = answer(future).topic_partitions
    return {(each.topic, each.partition): each.offset for each in found if each.offset >= 0}


@cache
def _lookers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(LOOKS, thread_name_prefix="groups")


@cache
def _client() -> AdminClient:
    """Return a connection that this process keeps; made after the fork."""
    return AdminClient(own_connection() | {"log_level": 1})


@cache
def _cluster() -> Cluster:
    return Cluster(own_connection())
