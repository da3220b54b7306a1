"""After an older database was restored: how each stream comes to what Kafka has had since.

Alerts between the backup and now were published: their offsets are committed only behind that. So
live reading goes on where it was, and a replay that publishes nothing works what lies between.
Whoever reads message by message is put back to where it was when the backup was made: what it
stores twice it knows by its natural key. What Kafka has forgotten is buried, and told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from broker.kafka_connection import Partition
from broker.kafka_positions import Position, put_back
from broker.ranges import replays
from broker.ranges.expired import bury_interval
from broker.ranges.replays import Wish
from broker.ranges.sources import known_resets, known_source
from broker.ranges.whereabouts import Stretch
from pipeline import topics
from pipeline.backup.readings import Reading, Told

BY = "restore"
FORGOTTEN = "Kafka's retention overtook the restored backup"
EPOCHS = 1_000_000
"""Left out, so that no listener of before the restore has an epoch that is handed out again."""
_ALERTS = frozenset(stream.name for stream in topics.STREAMS)
_SKIP_EPOCHS = text("SELECT setval('stream_epochs', nextval('stream_epochs') + :epochs)")
_OWN = text("""
    INSERT INTO stream_partitions (stream, topic, partition, topic_id, resets, epoch,
        committed_offset, high_offset)
    VALUES (:stream, :topic, :partition, :topic_id, :resets, nextval('stream_epochs'), :at, :high)
    ON CONFLICT (stream, topic, partition) DO UPDATE SET topic_id = excluded.topic_id,
        resets = excluded.resets, epoch = excluded.epoch, owner = NULL,
        committed_offset = excluded.committed_offset, high_offset = excluded.high_offset
""")
_DROP_RANGES = text("""
    DELETE FROM stream_ranges WHERE stream = :stream AND topic = :topic AND partition = :partition
        AND replay_id = 0 AND first_offset < :at
""")
_DOUBT_COMMANDS = text("""
    UPDATE telescope_commands SET state = 'sending', owner = 'restore', noted_offset = 0,
        lease_until = now(), due_at = now()
    WHERE state = 'requested'
""")


@dataclass(frozen=True)
class Gap:
    """What one partition's reader has to work again: ``first`` up to, not including, ``end``."""

    place: Partition
    first: int
    end: int
    low: int
    high: int
    topic_id: str

    @property
    def lost(self) -> int:
        """Return how many offsets Kafka does not keep any more."""
        return max(0, min(self.low, self.end) - self.first)


@dataclass
class Course:
    """What is done for one stream.

    Attributes
    ----------
    reading : Reading
        Its group.
    error : str
        Why nothing can be done; what came since the backup stays out of the tables then.
    gaps : list of Gap
        By partition.
    """

    reading: Reading
    error: str = ""
    gaps: list[Gap] = field(default_factory=list)

    @property
    def is_replayed(self) -> bool:
        """Whether a replay works the gaps; else the group is put back."""
        return self.reading.stream in _ALERTS

    def __str__(self) -> str:
        count, lost = sum(gap.end - gap.first for gap in self.gaps), sum(g.lost for g in self.gaps)
        name = f"{self.reading.stream} (group {self.reading.group})"
        if self.error:
            return f"{name}: NOT KNOWN: {self.error}"
        how = "replayed, nothing published" if self.is_replayed else "read again"
        missing = f"; {lost} of them Kafka has forgotten" if lost else ""
        return f"{name}: {count} offsets since the backup, {how}{missing}"


def course(reading: Reading, then: Told | None, now: Told) -> Course:
    """Return what is to be done for one group.

    Parameters
    ----------
    reading : Reading
        The group as it is set now.
    then : Told or None
        How far it was when the backup was made; None: the backup does not know it.
    now : Told
        How far it is.
    """
    if now.error:
        return Course(reading, now.error)
    if then is None or then.error:
        return Course(reading, then.error if then else "the backup does not know this group")
    found = Course(reading)
    for place, position in sorted(now.at.items()):
        if position.committed is None:
            continue  # nothing read, so nothing missed
        is_same = then.ids.get(place[0]) == now.ids.get(place[0])
        first = _begin(then.at.get(place) if is_same else None, position, reading.start)
        if first < position.committed:
            topic_id = now.ids[place[0]]
            found.gaps.append(
                Gap(place, first, position.committed, position.low, position.high, topic_id)
            )
    return found


def _begin(then: Position | None, now: Position, start: str) -> int:
    """Return the first offset that the backup's rows do not know."""
    if then is None:
        return now.low  # a topic, or a partition, that came later
    if then.committed is not None:
        return then.committed
    return then.high if start == "latest" else then.low


def courses(
    wanted: Sequence[Reading], then: Mapping[str, Told], now: Sequence[Told]
) -> list[Course]:
    """Return what is to be done for each group."""
    return [
        course(reading, then.get(reading.group), told)
        for reading, told in zip(wanted, now, strict=True)
    ]


def put_readers_back(all_courses: Sequence[Course]) -> None:
    """Put back every group that reads message by message, and that of telescopes' data.

    Raises
    ------
    StillReadingError
        If a listener still runs.
    TransientError
        If a broker is away.
    """
    for each in all_courses:
        if not each.is_replayed:
            offsets = {gap.place: max(gap.first, gap.low) for gap in each.gaps}
            put_back(each.reading.connection, each.reading.group, offsets)


def note(session: Session, all_courses: Sequence[Course]) -> list[int]:
    """Write into the restored database how its streams go on; return the replays that were asked.

    Commands that waited are taken for sent, until their topic was read back: what is found there
    was, for the rest an operator decides.
    """
    session.execute(_SKIP_EPOCHS, {"epochs": EPOCHS})
    session.execute(_DOUBT_COMMANDS)
    asked: list[int] = []
    for each in all_courses:
        stretches = [
            stretch for gap in each.gaps if (stretch := _go_on(session, each, gap)) is not None
        ]
        if stretches:
            wish = Wish(each.reading.stream, "none", BY, "kafka")
            asked += replays.ask(session, wish, stretches)
    return asked


def _go_on(session: Session, of: Course, gap: Gap) -> Stretch | None:
    """Let one partition go on; return what a replay has to work of it."""
    stream, (topic, partition) = of.reading.stream, gap.place
    if not (of.is_replayed or gap.lost):
        return None
    resets = known_resets(session, stream, topic, gap.topic_id)
    source = known_source(session, stream, topic, gap.topic_id, resets)
    if gap.lost:
        last, night = gap.first + gap.lost - 1, datetime.now(UTC).date()
        bury_interval(session, stream, topic, source, partition, gap.first, last, FORGOTTEN, night)
    if not of.is_replayed:
        return None
    at = {"stream": stream, "topic": topic, "partition": partition, "at": gap.end}
    own = {"topic_id": gap.topic_id, "resets": resets, "high": gap.high}
    session.execute(_OWN, at | own)
    session.execute(_DROP_RANGES, at)
    first = gap.first + gap.lost
    return Stretch(gap.place, source, "kafka", first, gap.end - 1) if first < gap.end else None
