"""The loop of a consumer of selected alerts: a batch to rows, the offsets, then the files."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from broker.config import config
from broker.db import transaction
from broker.failpoints import failpoint
from broker.kafka import Cluster, source_connection
from broker.kafka_messages import MessageReader, Received
from broker.message_loop import REST_S, MessageLoop
from broker.outages import OUTAGES
from broker.sections.selected import SourceSettings
from pipeline.clients.antares import Antares
from pipeline.selected import closing, messages, sources
from pipeline.selected.antares import BATCH_MESSAGES, AntaresReader
from pipeline.selected.messages import Reader
from pipeline.selected.others import OthersReader
from pipeline.selected.reception import Images, Reception
from pipeline.selected.runs import RunBook
from pipeline.selected.sources import Target
from pipeline.selected.thumbnails import Thumbnails
from pipeline.selected.writer import Writer

BATCH_BYTES = 64 * 2**20
POLL_S = 0.5
LOOK_EVERY_S = 10.0
"""For a night that is over, and for rows that a dead process left."""


class SelectedListener(MessageLoop):
    """Takes the messages of one source, each exactly once into rows and files.

    Parameters
    ----------
    reader : MessageReader
        Hands out messages.
    reception : Reception
        Stores them.
    writer : Writer
        Writes what is stored.
    target : Target
        Whose nights are closed.
    most : int
        Messages of a batch.
    fetch : callable
        Called before rows are written, to fetch images that some of them wait for.
    rest_s : float
        Pause after a server was away [s].
    clock : callable
        Returns the time, UTC.
    """

    def __init__(
        self,
        reader: MessageReader,
        reception: Reception,
        writer: Writer,
        target: Target,
        *,
        most: int,
        fetch: Callable[[], None] = lambda: None,
        rest_s: float = REST_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(rest_s=rest_s)
        self.reader = reader
        self._reception = reception
        self._writer = writer
        self._target = target
        self._most = most
        self._fetch = fetch
        self._clock = clock
        self._look_at = 0.0

    def close(self) -> None:
        """Give everything back."""
        self.reader.close()
        self._reception.close()
        self._writer.close()

    def tick(self) -> Sequence[Received]:
        """Take the next batch; what cannot be stored now is taken again.

        Returns
        -------
        sequence of Received
            What was stored; empty if nothing came, or nothing could be stored.
        """
        batch: Sequence[Received] = ()
        try:
            self._look()
            batch = self.reader.batch(self._most, BATCH_BYTES, POLL_S)
            if not batch:
                return ()
            images = self._reception.take(batch)
        except OUTAGES as error:
            self._reception.forget_sources()
            self._take_again(batch)
            self.rest(error)
            return ()
        self._finish(batch, images)
        return batch

    def settle(self) -> None:
        """Write what is still to be written, and end the nights that are over.

        Raises
        ------
        OUTAGES
            If the disk or a server is away.
        """
        self._fetch()
        self._writer.write({})
        closing.close_due(self._target, self._clock())

    def _finish(self, batch: Sequence[Received], images: dict[int, Images]) -> None:
        """Commit what is stored and write it; if that fails now, the next look does it."""
        try:
            ends = {(message.topic, message.partition): message.offset + 1 for message in batch}
            self.reader.commit_all(ends)
            failpoint("selected_committed")
            self._writer.write(images)
        except OUTAGES as error:
            self._look_at = 0.0
            self.rest(error)

    def _look(self) -> None:
        """Write what others left, and end the nights that are over.

        A disk that is full lets nothing further be read: rows without files would pile up.
        """
        if time.monotonic() < self._look_at:
            return
        self.settle()
        self._look_at = time.monotonic() + LOOK_EVERY_S

    def _take_again(self, batch: Sequence[Received]) -> None:
        first: dict[tuple[str, int], Received] = {}
        for message in batch:
            first.setdefault((message.topic, message.partition), message)
        for message in first.values():
            self.reader.rewind(message)


def make_selected_listener(
    source: str, slot: str, *, kind: str = "listen", workers: int | None = None
) -> tuple[SelectedListener, RunBook]:
    """Return the listener of one slot of a source, made from the settings, and its books.

    Raises
    ------
    KeyError
        If there is no such source, or nobody has said where it is.
    SelectionTakenError
        If another host writes this selection.
    """
    where, settings = sources.settings_of(source), config()
    with transaction() as session:
        target = sources.claim(session, source)
    connection = source_connection(where)
    reader = MessageReader(
        connection,
        sources.group_of(source),
        slot,
        [where.topic],
        start=where.start,
        session_timeout_ms=settings.ranges.session_timeout_ms,
    )
    book = RunBook(target.id, kind, slot)
    intake = _intake(source, target)
    reception = Reception(target, book, partial(_topic_id, Cluster(connection)), read=intake.read)
    writer = Writer(target, workers or settings.collect.workers)
    most = min(intake.most, settings.collect.batch_messages)
    listener = SelectedListener(reader, reception, writer, target, most=most, fetch=intake.fetch)
    return listener, book


class _Intake(NamedTuple):
    """How the messages of a source are read, how many at once, and who fetches their images."""

    read: Reader
    most: int
    fetch: Callable[[], None]


def _intake(source: str, target: Target) -> _Intake:
    settings, where = config(), sources.settings_of(source)
    if isinstance(where, SourceSettings):
        read = OthersReader(where).read
        return _Intake(read, settings.collect.batch_messages, lambda: None)
    if source != sources.ANTARES:
        is_ours = not where.bootstrap_servers
        read = partial(messages.read, is_ours=is_ours)
        return _Intake(read, settings.collect.batch_messages, lambda: None)
    wanted = settings.antares
    client = Antares.from_settings(wanted) if wanted.url else None
    thumbnails = Thumbnails(target, client, wanted.images_wait_s)
    return _Intake(AntaresReader(client).read, BATCH_MESSAGES, thumbnails.fetch)


def _topic_id(cluster: Cluster, topic: str) -> str:
    return cluster.topic_ids([topic]).get(topic, "")
