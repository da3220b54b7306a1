"""The partitions that a listener owns, and how their ranges stand in Postgres."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import structlog

from broker.db import transaction
from broker.kafka_owner import Fenced
from broker.ranges import bookkeeping
from broker.ranges.planning import Backlog, Cut, Place, RangeRow, done_prefix, plan_cuts

STATEMENT_S = 5

log = structlog.get_logger(__name__)


@dataclass
class OwnedPartition:
    """One partition as its listener remembers it between ticks.

    Attributes
    ----------
    cursor : int
        Everything below is finished, or was before we came.
    low, high : int
        What Kafka holds, as far as we know.
    kafka_committed : int or None
        What Kafka has been told; None: nothing by us.
    rows : list of RangeRow
        Ranges at or above the cursor.
    """

    place: Place
    guard: bookkeeping.Guard
    topic_id: str
    cursor: int
    low: int
    high: int
    kafka_committed: int | None = None
    rows: list[RangeRow] = field(default_factory=list)

    def in_flight(self) -> int:
        """Return the number of ranges that are not finished."""
        return sum(not row.is_done for row in self.rows)

    def uncut(self) -> int:
        """Return the offsets above the last range, as far as the log's end is known."""
        last = max((row.last for row in self.rows), default=self.cursor - 1)
        return max(0, self.high - 1 - last)

    def adopt(self, rows: Iterable[RangeRow]) -> list[RangeRow]:
        """Take the rows as they stand now; return those that were finished since."""
        rows = list(rows)
        was_waiting = {row.first for row in self.rows if not row.is_done}
        self.cursor = done_prefix(self.cursor, rows)
        self.rows = [row for row in rows if row.last >= self.cursor]
        return [row for row in rows if row.is_done and row.first in was_waiting]


class Holdings:
    """All partitions of one listener; every write to Postgres carries their guards.

    Parameters
    ----------
    stream : str
        Name of the stream.
    tonight : callable, optional
        Returns the night that offsets are booked on which nobody will read.
    """

    def __init__(self, stream: str, tonight: Callable[[], date] | None = None) -> None:
        self._stream = stream
        self._tonight = tonight
        self._served_last: Place | None = None
        self.owned: dict[Place, OwnedPartition] = {}
        self.to_take: set[Place] = set()
        self.reached: dict[Place, int] = {}
        """Ends that the logs of given-up partitions had when we last saw them."""
        self.is_stale = True

    def in_flight(self) -> int:
        """Return the number of ranges that are not finished."""
        return sum(partition.in_flight() for partition in self.owned.values())

    def uncut(self) -> int:
        """Return the offsets of all partitions that no range has yet."""
        return sum(partition.uncut() for partition in self.owned.values())

    def highs(self) -> dict[Place, int]:
        """Return where each log ended when we last looked."""
        return {place: each.high for place, each in self.owned.items()}

    def drop(self, places: Iterable[Place]) -> None:
        """Forget partitions; their ranges live on for the next owner."""
        for place in places:
            self.to_take.discard(place)
            self.reached.pop(place, None)
            self.owned.pop(place, None)

    def take_anew(self, place: Place) -> None:
        """Give a partition up and take it again, with a new epoch and a new beginning."""
        self.reached[place] = self.owned.pop(place).high
        self.to_take.add(place)

    def adopt(self, taken: Mapping[Place, OwnedPartition]) -> None:
        """Own partitions that were taken."""
        for place in taken:
            self.to_take.discard(place)
            self.reached.pop(place, None)
        self.owned |= taken
        self.is_stale = True

    def see_end(self, place: Place, high: int) -> None:
        """Note where a log ends now; one that is shorter than it was must be taken anew."""
        if high < self.owned[place].high:
            log.warning("listener.log_is_shorter", topic=place[0], partition=place[1], high=high)
            self.take_anew(place)
        else:
            self.owned[place].high = high

    def read_states(self, note: Callable[[int, int], None]) -> None:
        """Read our ranges and move the cursors; ``note`` hears (read, dead) of finished ones.

        While nothing is in flight there is nothing new, and Postgres is left alone.
        """
        if not self.owned or not (self.is_stale or self.in_flight()):
            return
        with transaction(statement_timeout_s=STATEMENT_S) as session:
            found = bookkeeping.read_rows(session, self._stream, self.cursors())
        for place, rows in found.items():
            for row in self.owned[place].adopt(rows):
                note(row.read, row.dead)
        self.is_stale = False

    def cut(self, window: int, longest: int, ring_after_s: float) -> list[Cut]:
        """Insert rows for what waits, as far as the window allows; return what went in."""
        backlogs = [
            Backlog(each.place, each.cursor, each.low, each.high, each.rows)
            for each in self.owned.values()
        ]
        cuts = plan_cuts(backlogs, window - self.in_flight(), longest, self._served_last)
        if not cuts:
            return []
        with transaction(statement_timeout_s=STATEMENT_S) as session:
            inserted = bookkeeping.insert_cuts(
                session,
                self._stream,
                [(cut, self.owned[cut.place].guard) for cut in cuts],
                ring_after_s,
                self._tonight and self._tonight(),
            )
        self._served_last = cuts[-1].place
        for cut in inserted:
            row = RangeRow(cut.first, cut.last, is_done=cut.is_expired)
            self.owned[cut.place].rows.append(row)
            self.is_stale |= cut.is_expired
        if len(inserted) < len(cuts):
            self.is_stale = True
            self._challenge({cut.place for cut in cuts} - {cut.place for cut in inserted})
        return inserted

    def take_due(self, ring_after_s: float) -> list[bookkeeping.Due]:
        """Return the ranges to ring now; leases that are over are ended."""
        with transaction(statement_timeout_s=STATEMENT_S) as session:
            return bookkeeping.take_due(session, self._stream, self.cursors(), ring_after_s)

    def finished(self) -> dict[Place, int]:
        """Return the cursors that Kafka does not know yet."""
        return {
            place: each.cursor
            for place, each in self.owned.items()
            if each.cursor != each.kafka_committed
        }

    def note_committed(self, offsets: Mapping[Place, int]) -> None:
        """Remember what Kafka was told."""
        for place in offsets.keys() & self.owned.keys():
            self.owned[place].kafka_committed = offsets[place]

    def write_committed(self) -> None:
        """Write what Kafka was told, and the watermarks, under our guards."""
        told = {
            place: (each.guard, each.kafka_committed, each.high)
            for place, each in self.owned.items()
            if each.kafka_committed is not None
        }
        if not told:
            return
        with transaction(statement_timeout_s=STATEMENT_S) as session:
            mine = bookkeeping.commit(session, self._stream, told)
        if missing := told.keys() - mine:
            self._challenge(missing)

    def cursors(self) -> dict[Place, int]:
        """Return the cursor of each partition."""
        return {place: each.cursor for place, each in self.owned.items()}

    def _challenge(self, places: Iterable[Place]) -> None:
        """Find out why Postgres refused us.

        A higher epoch belongs to a successor: we are a zombie. No row, a lower epoch or a server
        that was started since mean that the bookkeeping was emptied, or may be an older one than we
        have read: the partition is taken anew.
        """
        with transaction(statement_timeout_s=STATEMENT_S) as session:
            guards = bookkeeping.guards(session, self._stream)
        for place in places:
            mine, found = self.owned[place].guard, guards.get(place)
            if found is not None and found.epoch > mine.epoch:
                raise Fenced(f"{place}: epoch {mine.epoch} was followed by {found.epoch}")
            if found != mine:
                log.warning("listener.taking_anew", topic=place[0], partition=place[1])
                self.take_anew(place)
