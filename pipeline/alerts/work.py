"""One claimed range: what it needs, what became of its packets, how it is cut into parts."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from billiard.exceptions import SoftTimeLimitExceeded

from broker.archive import Slice
from broker.config import Config
from broker.kafka_types import Packet, ReadResult
from broker.ranges import working
from broker.ranges.claim import Claim, Counts
from broker.ranges.replays import Order
from pipeline.alerts.resources import Resources
from pipeline.alerts.selecting import Chosen
from pipeline.alerts.store import Source
from pipeline.catalogs.record import CatalogMissing
from pipeline.surveys.record import Survey
from pipeline.user_filters.live import LiveFilter


@dataclass
class Tally:
    """What became of the packets of one range."""

    read: int = 0
    stored: int = 0
    duplicates: int = 0
    dead: int = 0
    published: int = 0
    selected: int = 0
    """By any filter, packets that came before included."""
    refused: Counter[str] = field(default_factory=Counter)
    """By filter and reason."""
    caught: int = 0
    """Messages for topics of users' filters."""

    def counts(self) -> Counts:
        """Return the tally as the range row keeps it."""
        return Counts(self.read, self.stored, self.duplicates, self.dead, self.published)


@dataclass
class Replaying:
    """What a range of a replay has beside others.

    Attributes
    ----------
    order : Order
        Where it is read, and what shall be published.
    slices : dict
        Where the packets lie that were read from the archive, by offset.
    absent : list of (first, last)
        Offsets, inclusive, that could not be read.
    """

    order: Order
    slices: dict[int, Slice] = field(default_factory=dict)
    absent: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class RangeWork:
    """One claimed range and what it needs: settings, open clients, where it was read."""

    claim: Claim
    source: Source
    survey: Survey
    settings: Config
    resources: Resources
    replay: Replaying | None = None
    """None: live."""
    is_publishing: bool = True
    """Else an operator holds the stream's messages back."""
    filters: tuple[LiveFilter, ...] = ()
    """Users' live filters of the survey."""
    tally: Tally = field(default_factory=Tally)
    chosen: dict[int, Chosen] = field(default_factory=dict)
    """Selected packets of the part at hand, by offset."""
    stage_s: dict[str, float] = field(default_factory=dict)
    """Wall seconds by step, for the log and the benchmark."""
    stage_cpu_s: dict[str, float] = field(default_factory=dict)
    """This thread's CPU seconds by step; servers and clients' own threads are not in it."""
    part_s: dict[str, float] = field(default_factory=dict)
    """Wall seconds of what is part of a step, for the same."""

    @property
    def is_silent(self) -> bool:
        """Return whether nothing of this range may be published."""
        return self.replay is not None and self.replay.order.publish == "none"

    @property
    def statement_timeout_s(self) -> int:
        """Return the longest statement [s]: all waits together end before the worker's limit."""
        return self.settings.postgres.worker_statement_timeout_s

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the enclosed lines to the step ``name``."""
        began, began_cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            for spent, took_s in (
                (self.stage_s, time.perf_counter() - began),
                (self.stage_cpu_s, time.thread_time() - began_cpu),
            ):
                spent[name] = spent.get(name, 0.0) + took_s

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the time of the enclosed lines, which are part of a step, to ``name``."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.part_s[name] = self.part_s.get(name, 0.0) + time.perf_counter() - began


def split(
    result: ReadResult, first: int, last: int, largest_bytes: int
) -> Iterator[tuple[ReadResult, int, int]]:
    """Cut what was read into parts of at most ``largest_bytes``, each with its offsets.

    The offsets of the parts join without a hole, so that every gap belongs to one part.
    """
    packets: list[Packet] = []
    size_bytes = 0
    for packet in result.packets:
        if packets and size_bytes + len(packet.value) > largest_bytes:
            yield _part(packets, result.gaps, first, packet.offset - 1), first, packet.offset - 1
            first, packets, size_bytes = packet.offset, [], 0
        packets.append(packet)
        size_bytes += len(packet.value)
    yield _part(packets, result.gaps, first, last), first, last


def is_infrastructure(error: BaseException) -> bool:
    """Return whether a server, a catalog or the disk is missing, rather than a packet at fault."""
    return isinstance(error, CatalogMissing) or working.is_infrastructure(error)


def is_packets_fault(error: BaseException) -> bool:
    """Return whether a packet may have caused the error, so that isolating packets can help.

    The soft time limit strikes wherever the work happens to be: burying the packet at hand would
    bury an innocent one.
    """
    return not isinstance(error, SoftTimeLimitExceeded) and not is_infrastructure(error)


def _part(
    packets: list[Packet], gaps: Sequence[tuple[int, int]], first: int, last: int
) -> ReadResult:
    return ReadResult(packets, [gap for gap in gaps if first <= gap[0] <= last])
