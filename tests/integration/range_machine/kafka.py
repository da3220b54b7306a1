"""Kafka in memory, as far as listeners and workers can see it: logs, one group, its members."""

from dataclasses import dataclass, field
from typing import NamedTuple

from broker.errors import TransientError
from broker.kafka import Fenced, OffsetsExpired, Watermarks
from broker.kafka_types import DeliveryError, Packet, ReadResult
from tests.integration.range_machine.actors import crash_point, current

TIMED_OUT = DeliveryError("_MSG_TIMED_OUT", is_too_large=False, text="Local: Message timed out")


class Record(NamedTuple):
    """One message of a log: its packet, and what the machine knows of it."""

    value: bytes
    candid: int | None
    kind: str
    """good, bad or deadly."""


@dataclass
class Log:
    """One partition of one topic under one of its ids; a None is a gap.

    Attributes
    ----------
    must : set of int or None
        Offsets of a log that is gone which must be accounted for: those that somebody had seen.
        None while it is there: all of them.
    new_from, resets : int
        It was cut short there; a dead letter above is of this log if its source has these resets.
    """

    records: list[Record | None] = field(default_factory=list)
    low: int = 0
    must: set[int] | None = None
    new_from: int = 0
    resets: int = 0

    @property
    def high(self) -> int:
        return len(self.records)


@dataclass
class Topic:
    """A topic under one id; a topic made anew is another."""

    id: str
    logs: list[Log]


class Kafka:
    """Topics that exist now, and the group with its members and committed offsets."""

    def __init__(self, sleep) -> None:
        self.sleep = sleep
        self.topics: dict[str, Topic] = {}
        self.made: list[tuple[str, Topic]] = []
        self.committed: dict[tuple[str, int], int] = {}
        self.members: dict[str, Member] = {}
        self.assigned: dict[tuple[str, int], str | None] = {}
        self.targets: dict[tuple[str, int], str] = {}
        self.is_joining = False

    def make(self, name: str, partitions: int) -> None:
        topic = Topic(f"id-{len(self.made)}", [Log() for _ in range(partitions)])
        self.topics[name] = topic
        self.made.append((name, topic))
        self.rebalance()

    def delete(self, name: str, *, forgets_offsets: bool) -> None:
        """Delete a topic; the group's offsets go with it, or outlive it (both were seen)."""
        del self.topics[name]
        for place in [at for at in self.assigned if at[0] == name]:
            self.targets.pop(place, None)
        if forgets_offsets:
            self.committed = {at: n for at, n in self.committed.items() if at[0] != name}

    def log(self, topic: str, partition: int) -> Log | None:
        found = self.topics.get(topic)
        return None if found is None else found.logs[partition]

    def rebalance(self, turn: int = 0) -> None:
        """Spread the partitions over the members that the group believes alive."""
        alive = sorted(slot for slot, member in self.members.items() if not member.is_out)
        places = sorted(
            (name, number)
            for name, topic in self.topics.items()
            for number in range(len(topic.logs))
        )
        for at in list(self.assigned):
            if at not in places:
                self._withdraw(at)
                self.assigned.pop(at, None)
        for number, place in enumerate(places):
            self.assigned.setdefault(place, None)
            if alive:
                self.targets[place] = alive[(number + turn) % len(alive)]
        self.hand_over()

    def _withdraw(self, place: tuple[str, int]) -> None:
        self.targets.pop(place, None)
        owner = self.members.get(self.assigned.get(place) or "")
        if owner is not None:
            owner.to_revoke.add(place)

    def hand_over(self) -> None:
        """Give what nobody has to its target; ask back what another has (cooperative)."""
        for place, target in self.targets.items():
            has = self.members.get(self.assigned.get(place) or "")
            if has is not None and has.slot == target:
                has.to_revoke.discard(place)
            elif has is not None and not has.is_out:
                has.to_revoke.add(place)
            else:
                self.assigned[place] = target
                self.members[target].to_assign.add(place)

    def session_ends(self, slot: str) -> None:
        """Throw a silent member out: the others get what it had."""
        self.members[slot].is_out = True
        for place, owner in self.assigned.items():
            if owner == slot:
                self.assigned[place] = None
        if any(not member.is_out for member in self.members.values()):
            self.rebalance()
        else:
            self.targets.clear()


class Member:
    """What a listener gets as ``PartitionOwner``: a static member of the group."""

    def __init__(self, kafka: Kafka, slot: str, listeners, note_commit) -> None:
        self._note_commit = note_commit
        self.slot = slot
        self.listeners = listeners
        self.is_out = False
        self.is_fenced = False
        self.owned: set[tuple[str, int]] = set()
        self.to_assign: set[tuple[str, int]] = set()
        self.to_revoke: set[tuple[str, int]] = set()
        self._kafka = kafka
        older = kafka.members.get(slot)
        kafka.members[slot] = self
        if older is not None and not older.is_out:
            older.is_fenced = True
            self.to_assign = {at for at, owner in kafka.assigned.items() if owner == slot}
        else:
            kafka.rebalance()

    def poll(self, timeout_s: float) -> None:
        crash_point("kafka")
        self._kafka.sleep(timeout_s)
        self._check()
        if self.is_out:
            self._rejoin()
        for place in sorted(self.to_revoke):
            self._give_back(place)
        if self.to_assign:
            came = sorted(self.to_assign)
            self.to_assign.clear()
            self.owned |= set(came)
            self.listeners.on_assign(came)

    def watch(self, ends) -> None:
        """Hint at nothing: time goes on in whole ticks here."""

    def commit(self, topic: str, partition: int, offset: int) -> bool:
        return self.commit_all({(topic, partition): offset})

    def commit_all(self, offsets) -> bool:
        if not offsets:
            return True
        crash_point("kafka")
        self._check()
        if self.is_out or self._kafka.is_joining:
            return False
        for place, offset in offsets.items():
            if place[0] in self._kafka.topics:
                self._kafka.committed[place] = offset
                self._note_commit(place, offset)
        return True

    def committed(self, partitions):
        crash_point("kafka")
        return {place: self._kafka.committed.get(place) for place in partitions}

    def close(self) -> None:
        """Stop; a static member keeps its partitions. A process that was killed closes nothing."""
        if current().is_killed or self.is_fenced or self.is_out:
            return
        self.listeners.on_revoke(sorted(self.owned))

    def _check(self) -> None:
        if self.is_fenced:
            raise Fenced("another process took this slot")

    def _rejoin(self) -> None:
        lost, self.owned = sorted(self.owned), set()
        self.to_assign.clear()
        self.to_revoke.clear()
        if lost:
            self.listeners.on_lost(lost)
        self.is_out = False
        self._kafka.rebalance()

    def _give_back(self, place: tuple[str, int]) -> None:
        self.to_revoke.discard(place)
        self.to_assign.discard(place)
        if place in self.owned:
            self.owned.discard(place)
            self.listeners.on_revoke([place])
        if self._kafka.assigned.get(place) == self.slot and not self.is_out:
            self._kafka.assigned[place] = None
            self._kafka.hand_over()


class Cluster:
    """What a listener asks about topics and offsets."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka

    def ends(self, partitions):
        crash_point("kafka")
        return {at: log.high for at in partitions if (log := self._kafka.log(*at))}

    def beginnings(self, partitions):
        crash_point("kafka")
        return {at: log.low for at in partitions if (log := self._kafka.log(*at))}

    def watermarks(self, partitions):
        low, high = self.beginnings(partitions), self.ends(partitions)
        return {at: Watermarks(low[at], high[at]) for at in low.keys() & high.keys()}

    def topic_ids(self, topics):
        crash_point("kafka")
        found = self._kafka.topics
        return {name: found[name].id for name in topics if name in found}


class Reader:
    """What a worker reads ranges with; it notes which packets are in its process."""

    def __init__(self, kafka: Kafka, note) -> None:
        self._kafka = kafka
        self._note = note

    def read(self, topic: str, partition: int, first: int, last: int) -> ReadResult:
        crash_point("read")
        log = self._kafka.log(topic, partition)
        if log is None or last >= log.high:
            raise TransientError(f"{topic}[{partition}]: nothing for 10 s")
        if first < log.low:
            raise OffsetsExpired(topic, partition, first, log.low)
        held = {offset: log.records[offset] for offset in range(first, last + 1)}
        self._note(held)
        packets = [
            Packet(offset, 1_785_400_000_000, record.value)
            for offset, record in held.items()
            if record is not None
        ]
        gaps = [(offset, offset) for offset, record in held.items() if record is None]
        return ReadResult(packets, _joined(gaps))


def _joined(gaps):
    joined: list[tuple[int, int]] = []
    for first, last in gaps:
        if joined and joined[-1][1] == first - 1:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


class Producer:
    """What a worker publishes with; ``note`` hears of each message that is in Kafka."""

    def __init__(self, note) -> None:
        self._note = note
        self.troubles: list[str] = []
        """What happens to the next messages: "lost" or "written", both reported as timed out."""

    def send(self, messages):
        if not messages:
            return []
        crash_point("send")
        outcomes = []
        for message in messages:
            trouble = self.troubles.pop(0) if self.troubles else ""
            if trouble != "lost":
                self._note(message, is_acknowledged=not trouble)
            outcomes.append(TIMED_OUT if trouble else None)
        crash_point("sent")
        return outcomes
