"""Whether a run did what it was given: each check returns what is wrong, and nothing is excused."""

import uuid
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tests.bench.expected import NONE_TOPIC, Expected

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_OID, "nightjar.delivery")
CLASS_BIT, NONE_BIT = 1, 2
SHOWN = 3


class Row(NamedTuple):
    """One alert as Postgres has it."""

    candid: int
    gate: str | None
    alert_class: str | None
    output_topic: str | None
    outputs: int
    pending: int
    is_marked: bool
    archive: tuple[str, int, int, int]
    """File, start, length, checksum."""


class Seen(NamedTuple):
    """One message as a consumer has it."""

    topic: str
    candid: int
    delivery_id: str
    timestamp_ms: int


class Account(NamedTuple):
    """Totals beside the rows.

    Attributes
    ----------
    duplicates, dead_letters, gaps, unfinished : int
        Rows of their tables; ranges that are not done.
    committed, ends : mapping
        By topic and partition: Kafka's committed offset of the listener's group, and the end.
    """

    duplicates: int
    dead_letters: int
    gaps: int
    unfinished: int
    committed: Mapping[tuple[str, int], int]
    ends: Mapping[tuple[str, int], int]


def rows(sent: Sequence[Expected], stored: Sequence[Row]) -> list[str]:
    """Rows committed are the packets sent, and each decision is the oracle's."""
    wanted = {one.candid: one for one in sent}
    counts = Counter(row.candid for row in stored)
    wrong = []
    if missing := [candid for candid in wanted if candid not in counts]:
        wrong.append(f"{len(missing)} packets have no row: {missing[:SHOWN]}")
    if extra := [candid for candid in counts if candid not in wanted]:
        wrong.append(f"{len(extra)} rows of packets that were not sent: {extra[:SHOWN]}")
    if twice := [candid for candid, count in counts.items() if count > 1]:
        wrong.append(f"{len(twice)} alerts have two rows: {twice[:SHOWN]}")
    decided = [
        f"{row.candid}: gate {row.gate}, class {row.alert_class}, topic {row.output_topic}; wanted"
        f" {one.gate}, {one.alert_class}, {one.topics}"
        for row in stored
        if (one := wanted.get(row.candid)) is not None
        and (row.gate, row.alert_class, _topics(row)) != (one.gate, one.alert_class, one.topics)
    ]
    return wrong + _shown("decisions differ from the oracle's", decided)


def marks(stored: Sequence[Row]) -> list[str]:
    """No message waits, and what was published bears its mark."""
    waiting = [row.candid for row in stored if row.pending]
    unmarked = [row.candid for row in stored if row.outputs and not row.is_marked]
    return _shown("rows still wait for an acknowledgment", waiting) + _shown(
        "published rows bear no mark", unmarked
    )


def marked_as_acknowledged(sent: Sequence[Expected], stored: Sequence[Row]) -> list[str]:
    """What is marked as acknowledged per topic is what the oracle counts.

    The marks are the system's own word; ``consumed`` asks Kafka.
    """
    found = Counter(
        topic
        for row in stored
        for topic in _topics(row._replace(outputs=row.outputs & ~row.pending))
    )
    return _compared("marked as acknowledged", found, _wanted(sent))


def consumed(sent: Sequence[Expected], seen: Sequence[Seen]) -> list[str]:
    """What a consumer finds per topic is what the oracle counts, and no message comes twice."""
    wrong = _compared("consumed", Counter(one.topic for one in seen), _wanted(sent))
    ids = Counter(one.delivery_id for one in seen)
    wrong += _shown("delivery ids come twice", [text for text, count in ids.items() if count > 1])
    pairs = {(topic, one.candid) for one in sent for topic in one.topics}
    strange = [one for one in seen if (one.topic, one.candid) not in pairs]
    wrong += _shown("messages that no packet asks for", strange)
    survey = {one.candid: _survey(one) for one in sent}
    false = [
        one
        for one in seen
        if one.candid in survey
        and one.delivery_id
        != str(uuid.uuid5(NAMESPACE, f"{survey[one.candid]}:{one.candid}:{one.topic}"))
    ]
    return wrong + _shown("messages bear another's delivery id", false)


def accounts(account: Account, sent: int) -> list[str]:
    """Nothing was buried or copied, all is finished, and Kafka knows it."""
    wrong = [
        f"{count} {name}"
        for name, count in (
            ("dead letters", account.dead_letters),
            ("duplicates", account.duplicates),
            ("gaps", account.gaps),
            ("ranges that are not done", account.unfinished),
        )
        if count
    ]
    if sum(account.ends.values()) != sent:
        wrong.append(f"the input topics hold {sum(account.ends.values())} packets of {sent}")
    wrong += [
        f"{topic}[{partition}]: committed {account.committed.get((topic, partition))} of {end}"
        for (topic, partition), end in account.ends.items()
        if account.committed.get((topic, partition), 0) != end
    ]
    return wrong


def archive(
    stored: Sequence[Row],
    read: Callable[[str, int, int], bytes],
    packet: Callable[[int], bytes],
    every: int,
) -> list[str]:
    """Every row's slice has its checksum; one in ``every`` is the packet, byte for byte."""
    wrong = []
    for at, row in enumerate(stored):
        path, start, length, crc32 = row.archive
        value = read(path, start, length)
        if len(value) != length or zlib.crc32(value) != crc32:
            wrong.append(f"{row.candid} in {path} at {start}")
        elif at % every == 0 and value != packet(row.candid):
            wrong.append(f"{row.candid} in {path} is another packet")
    return _shown("archive slices are wrong", wrong)


def _topics(row: Row) -> tuple[str, ...]:
    found = []
    if row.outputs & CLASS_BIT and row.output_topic is not None:
        found.append(row.output_topic)
    if row.outputs & NONE_BIT:
        found.append(NONE_TOPIC)
    return tuple(found)


def _wanted(sent: Sequence[Expected]) -> Counter[str]:
    return Counter(topic for one in sent for topic in one.topics)


def _survey(one: Expected) -> str:
    return one.topics[0].split(".")[1] if one.topics else ""


def _compared(verb: str, found: Counter[str], wanted: Counter[str]) -> list[str]:
    return [
        f"{verb} on {topic}: {found[topic]}, the oracle counts {wanted[topic]}"
        for topic in sorted(found | wanted)
        if found[topic] != wanted[topic]
    ]


def _shown(what: str, wrong: Sequence[object]) -> list[str]:
    if not wrong:
        return []
    return [f"{len(wrong)} {what}: " + "; ".join(str(one) for one in wrong[:SHOWN])]
