"""A batch of messages to rows, in one transaction; safe to repeat at any point."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from itertools import compress
from typing import Any

import structlog
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from broker import dead_letters
from broker.archive import ArchiveWriter
from broker.attempts import Attempts
from broker.config import config, project_path
from broker.db import transaction
from broker.dead_letters import Letter
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.isolating import taken
from broker.kafka_messages import Received
from broker.kafka_types import Packet
from broker.message_letters import Bad, keep, letter_of
from broker.ranges.sources import known_source
from pipeline.clients import bounded
from pipeline.selected import cutouts, files, judging, packets, recheck
from pipeline.selected.cutouts import Room
from pipeline.selected.judging import Alert, Images
from pipeline.selected.messages import Reader
from pipeline.selected.rows import row_values
from pipeline.selected.runs import Counts, RunBook
from pipeline.selected.sources import SURVEY, Target
from pipeline.selected.tables import SelectedAlert

IMAGES_BYTES = 128 * 2**20
"""Of a batch, plain, until they are written: three times what real ones of 250 alerts have."""
MOST_S = 120.0
"""Others are asked about a batch for so long [s]: the group must hear of its listener."""
REFUSED = "the packet was read, and refused by our own thresholds"

_GIVEN = [
    column.name
    for column in SelectedAlert.__table__.columns
    if column.name not in {"id", "csv_seq"}
]
# One text for any number of rows: the driver takes apart each new one, of 250 rows for 40 ms.
_INSERT = text(f"""
    INSERT INTO selected_alerts ({", ".join(_GIVEN)})
    SELECT {", ".join(_GIVEN)}
    FROM json_populate_recordset(CAST(NULL AS selected_alerts), CAST(:rows AS json))
    ON CONFLICT DO NOTHING
    RETURNING dia_source_id, id
""")  # noqa: S608 names of our own columns

log = structlog.get_logger(__name__)


class _NightOverError(Exception):
    """The table of a moment takes no row any more; rows carry a later one."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at)
        self.at = at


class Reception:
    """Stores the messages of one source.

    Parameters
    ----------
    target : Target
        Whose rows they become; its name is also the stream of their dead letters.
    book : RunBook
        Counts them.
    topic_id : callable
        Returns Kafka's id of a topic.
    read : callable
        Says what a message says.
    clock : callable
        Returns the time, UTC.
    """

    def __init__(
        self,
        target: Target,
        book: RunBook,
        topic_id: Callable[[str], str],
        *,
        read: Reader,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._target = target
        self._book = book
        self._topic_id = topic_id
        self._read = read
        self._clock = clock
        self._open_from = datetime.min.replace(tzinfo=UTC)
        archive = config().archive
        self._archive = ArchiveWriter(project_path(archive.path), archive.segment_bytes)
        self._attempts = Attempts()
        self._sources: dict[str, int] = {}

    def take(self, batch: Sequence[Received]) -> dict[int, Images]:
        """Store a batch: new alerts as rows, bad messages as dead letters, all counted.

        Returns
        -------
        dict of int to images
            Of the new rows, by ``selected_alerts.id``, whose files are to be written; without those
            that there was no room for, which the writer reads from the archive.

        Raises
        ------
        OUTAGES
            If a server or the disk is away: take the batch again.
        """
        self._know_sources(batch)
        images: dict[int, Images] = {}
        with bounded.until(time.monotonic() + MOST_S):
            for found in taken(self._attempts, batch, self._sources, self._take_good, self._bury):
                images |= found
        return images

    def take_again(self, message: Received, source_id: int) -> str | None:
        """Take the message of a dead letter, under the log (``sources.id``) that it came from.

        Its files are made from its row at the writer's next look; raises as ``take``.

        Returns
        -------
        str or None
            What it became, if it could be read and is no row all the same.
        """
        known, self._sources = self._sources, {message.topic: source_id}
        filtered = self._book.total.filtered
        try:
            self.take([message])
        finally:
            self._sources = known
        return REFUSED if self._book.total.filtered > filtered else None

    def close(self) -> None:
        """Close the archive's segment, with its checksum."""
        self._archive.close()

    def forget_sources(self) -> None:
        """Ask for the topics' ids again: one may have been made anew."""
        self._sources.clear()

    def _take_good(self, batch: Sequence[Received]) -> dict[int, Images]:
        room = Room(IMAGES_BYTES)
        return self._take(batch, *judging.judge(self._read, batch, room), room=room)

    def _bury(self, bad: Bad) -> dict[int, Images]:
        return self._take([bad.message], [], [bad], room=Room(IMAGES_BYTES))

    def _take(
        self,
        batch: Sequence[Received],
        alerts: Sequence[Alert],
        bad: Sequence[Bad],
        *,
        room: Room,
    ) -> dict[int, Images]:
        read = len(alerts)
        is_selected = recheck.selected(self._target.name, [one.values for one in alerts])
        alerts = list(compress(alerts, is_selected))
        self._find_packets(alerts, room)
        letters = [(one.message.topic, self._letter(one)) for one in bad]
        filtered = read - len(alerts)
        try:
            return self._book_of(batch, alerts, letters, filtered)
        except _NightOverError as over:
            self._open_from = over.at
            return self._book_of(batch, alerts, letters, filtered)

    def _book_of(
        self,
        batch: Sequence[Received],
        alerts: Sequence[Alert],
        letters: Sequence[tuple[str, Letter]],
        filtered: int,
    ) -> dict[int, Images]:
        """Store and count a batch: the run of the very date whose table has the rows.

        Raises
        ------
        _NightOverError
            If that table is closed meanwhile: nothing is stored.
        """
        at = max(self._clock(), self._open_from)
        self._book.begin(at.date())
        with transaction() as session:
            new = self._store(session, alerts, at)
            for topic, letter in letters:
                source_id = self._sources[topic]
                dead_letters.bury(session, self._target.name, topic, source_id, [letter])
            stored = [alert for alert in alerts if alert.values["dia_source_id"] in new]
            counts = _count(len(batch), len(letters), filtered, stored)
            self._book.add(session, counts)
        self._book.total.add(counts)
        failpoint("selected_stored")
        log.info("selected.stored", **counts.columns())
        return {
            new[alert.values["dia_source_id"]]: alert.images
            for alert in stored
            if cutouts.is_held(alert.images)
        }

    def _know_sources(self, batch: Sequence[Received]) -> None:
        for topic in {message.topic for message in batch} - self._sources.keys():
            topic_id = self._topic_id(topic)
            with transaction() as session:
                found = known_source(session, self._target.name, topic, topic_id)
            self._sources[topic] = found

    def _find_packets(self, alerts: Sequence[Alert], room: Room) -> None:
        """Learn where the packets of new rows lie; keep what nobody kept, read what is short.

        What comes again has its row, and needs no second place in the archive.

        Raises
        ------
        TransientError
            If what is short cannot be read just now.
        """
        with transaction() as session:
            alerts = self._unknown(session, alerts)
            candids = [alert.values["dia_source_id"] for alert in alerts]
            known = packets.known_slices(session, candids)
        here = packets.here(known.values())
        for alert in alerts:
            piece = known.get(alert.values["dia_source_id"])
            # Files may have to be made from it later, when its message comes no more.
            is_usable = piece is None or piece.segment_id in here or not alert.is_packet
            alert.slice = piece if is_usable else None
        self._keep([alert for alert in alerts if alert.slice is None and alert.is_packet])
        short = {at: one.slice for at, one in enumerate(alerts) if one.slice and not one.is_packet}
        unread = packets.Unread({}, {})
        for at, record in packets.records(short, unread):
            alert = alerts[at]
            alert.values = row_values(record)
            alert.images, alert.is_packet = room.take(cutouts.cutouts_of(record)), True
        for why in unread.away.values():
            raise TransientError(why)

    def _letter(self, bad: Bad) -> Letter:
        """Return the letter of a bad message, whose bytes are in the archive then."""
        message = bad.message
        piece = keep(self._archive, self._target.name, self._sources[message.topic], message)
        return letter_of(message, bad.reason, bad.why, trace=bad.trace, archive=piece)

    def _keep(self, alerts: Sequence[Alert]) -> None:
        """Put packets that no stream of ours has carried into the archive."""
        places: defaultdict[tuple[date, str, int], list[Alert]] = defaultdict(list)
        for alert in alerts:
            message = alert.message
            places[message.written_at.date(), message.topic, message.partition].append(alert)
        for (night, topic, partition), some in places.items():
            raw = [Packet(a.message.offset, a.message.timestamp_ms, a.kept) for a in some]
            slices = self._archive.append(
                self._target.name, night, self._sources[topic], partition, raw
            )
            for alert, piece in zip(some, slices, strict=True):
                alert.slice = piece

    def _store(
        self, session: Session, alerts: Sequence[Alert], wanted_at: datetime
    ) -> dict[int, int]:
        """Insert the rows that are new, as of a moment; return their ids by their sources'."""
        alerts = self._unknown(session, alerts)
        if not alerts:
            return {}  # a night without a row has no table
        extra = config().output.extra_columns
        file, at = files.begin_csv(session, self._target, wanted_at, extra)
        if at != wanted_at:
            raise _NightOverError(at)
        rows = [self._columns(alert, file.id, at) for alert in alerts]
        found = session.execute(_INSERT, {"rows": json.dumps(rows, default=datetime.isoformat)})
        return {row.dia_source_id: row.id for row in found}

    def _unknown(self, session: Session, alerts: Sequence[Alert]) -> list[Alert]:
        numbers = [alert.values["dia_source_id"] for alert in alerts]
        known = select(SelectedAlert.dia_source_id).where(
            SelectedAlert.selection_id == self._target.id,
            SelectedAlert.survey == SURVEY,
            SelectedAlert.dia_source_id.in_(numbers),
        )
        old = set(session.scalars(known))
        return [alert for alert in alerts if alert.values["dia_source_id"] not in old]

    def _columns(self, alert: Alert, file_id: int, at: datetime) -> dict[str, Any]:
        piece = alert.slice
        number = alert.values["dia_source_id"]
        values = alert.values | {
            "selection_id": self._target.id,
            "survey": SURVEY,
            "source_id": self._sources[alert.message.topic],
            "source_partition": alert.message.partition,
            "source_offset": alert.message.offset,
            "processed_at": at,
            "file_id": file_id,
            "archive_segment_id": piece and piece.segment_id,
            "archive_start": piece and piece.start,
            "archive_length": piece and piece.length,
            "archive_crc32": piece and piece.crc32,
        }
        for kind, image in alert.images.items():
            values[f"{kind}_state"] = image.state
            values[f"{kind}_path"] = (
                files.cutout_path(self._target, number, kind, at)
                if image.state == "present"
                else None
            )
        return values


def _count(read: int, failed: int, filtered: int, stored: Sequence[Alert]) -> Counts:
    states = [image.state for alert in stored for image in alert.images.values()]
    return Counts(
        read=read,
        written=len(stored),
        filtered=filtered,
        failed=failed,
        duplicate=read - failed - filtered - len(stored),
        no_packet=sum(not alert.is_packet for alert in stored),
        missing_cutout=states.count("absent"),
        broken_cutout=states.count("broken"),
    )
