"""The loop of a consumer of selected alerts: a batch to rows, the offsets, then the files."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from broker.config import config
from broker.db import transaction
from broker.failpoints import failpoint
from broker.kafka import Cluster, LoginRefusedError, source_connection
from broker.kafka_messages import MessageReader, Received
from broker.message_loop import REST_S, ReceptionLoop
from broker.outages import OUTAGES
from broker.retakes import take_retried
from broker.sections.selected import SourceSettings
from pipeline.clients.antares import Antares
from pipeline.selected import closing, messages, sources
from pipeline.selected.antares import BATCH_MESSAGES, AntaresReader
from pipeline.selected.judging import Images
from pipeline.selected.messages import Reader
from pipeline.selected.others import OthersReader
from pipeline.selected.reception import Reception
from pipeline.selected.runs import Counts, RunBook
from pipeline.selected.sources import Target
from pipeline.selected.thumbnails import Thumbnails
from pipeline.selected.writer import Writer, Wrote

BATCH_BYTES = 64 * 2**20
POLL_S = 0.5


class SelectedListener(ReceptionLoop[Reception]):
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
    book : RunBook
        Of the reception's counts; ``run`` ends it.
    most : int
        Messages of a batch.
    fetch : callable
        Called before rows are written, to fetch images that some of them wait for.
    forget : callable
        Called when what was taken comes no more: a batch is committed, or letters are taken.
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
        book: RunBook,
        most: int,
        fetch: Callable[[], None] = lambda: None,
        forget: Callable[[], None] = lambda: None,
        rest_s: float = REST_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(reader, reception, rest_s=rest_s)
        self._writer = writer
        self._target = target
        self.book = book
        self._most = most
        self._fetch = fetch
        self._forget = forget
        self._clock = clock
        self._has_read = False

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Tick until ``is_stopping``, and note how the run ended; raises as ``MessageLoop.run``."""
        try:
            super().run(is_stopping)
        except BaseException as error:
            self.book.end("failed", error=repr(error)[:500])
            raise
        self.book.end("done")

    def close(self) -> None:
        """Give everything back."""
        super().close()
        self._writer.close()

    def tick(self) -> Sequence[Received]:
        """Take the next batch; what cannot be stored now is taken again.

        Returns
        -------
        sequence of Received
            What was stored; empty if nothing came, or nothing could be stored.

        Raises
        ------
        LoginRefusedError
            Where nothing was ever read: whoever set it up is to hear of it.
        """
        batch: Sequence[Received] = ()
        try:
            self.look_when_due()
            batch = self.reader.batch(self._most, BATCH_BYTES, POLL_S)
            self._has_read = self._has_read or bool(self.reader.owned)
            if not batch:
                return ()
            images = self.reception.take(batch)
        except OUTAGES as error:
            # Not by what is owned now: a machine that stood still has lost its partitions, and a
            # handshake that times out is told like a login that is refused.
            if isinstance(error, LoginRefusedError) and not self._has_read:
                raise
            self.take_again(batch, error)
            return ()
        self._finish(batch, images)
        return batch

    def unwritten(self) -> int:
        """Return how many rows are in no file, though they wait for no image."""
        return self._writer.unwritten()

    def look(self) -> None:
        """Take letters again that shall be, write what waits, and end the nights that are over.

        While the disk is full nothing further is read: rows without files would pile up.

        Raises
        ------
        OUTAGES
            If the disk or a server is away.
        """
        if self.try_letters(lambda: take_retried(self._target.name, self.reception.take_again)):
            self._forget()
        self._fetch()
        wrote = self._writer.write({})
        closed = closing.close_due(self._target, self._clock())
        self._note(wrote, sum(each.mended for each in closed))

    def _finish(self, batch: Sequence[Received], images: dict[int, Images]) -> None:
        """Commit what is stored and write it; if that fails now, the next look does it."""
        try:
            self.commit(batch)
            self._forget()
            failpoint("selected_committed")
            self._note(self._writer.write(images))
        except OUTAGES as error:
            self.look_at = 0.0
            self.rest(error)

    def _note(self, wrote: Wrote | None, mended: int = 0) -> None:
        """Count what was made good of what stood there before, and what was lost, if anything."""
        wrote = wrote or Wrote()
        healed = Counts(late=wrote.late, mended=wrote.mended + mended, broken_cutout=wrote.broken)
        if healed == Counts():
            return
        self.book.begin(self._clock().date())
        with transaction() as session:
            self.book.add(session, healed)
        self.book.total.add(healed)


def make_selected_listener(
    source: str,
    slot: str,
    *,
    book: RunBook | None = None,
    workers: int | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SelectedListener:
    """Return the listener of one slot of a source, made from the settings.

    Parameters
    ----------
    source : str
        Of ``sources.names()``.
    slot : str
        Which process of its kind.
    book : RunBook, optional
        Of a run that has begun; a listener's own when not given.
    workers : int, optional
        Cutouts written at once; that of the settings when not given.
    clock : callable
        Returns the time (UTC) at which alerts are written.

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
    book = book or RunBook(target.id, "listen", slot)
    intake = _intake(source, target)
    topic_id = Cluster(connection).topic_id
    reception = Reception(target, book, topic_id, read=intake.read, clock=clock)
    writer = Writer(target, workers or settings.collect.workers, clock)
    most = min(intake.most, settings.collect.batch_messages)
    return SelectedListener(
        reader, reception, writer, target,
        book=book, most=most, fetch=intake.fetch, forget=intake.forget, clock=clock,
    )  # fmt: skip


class _Intake(NamedTuple):
    """How the messages of a source are read, how many at once, and who fetches their images."""

    read: Reader
    most: int
    fetch: Callable[[], None] = lambda: None
    forget: Callable[[], None] = lambda: None


def _intake(source: str, target: Target) -> _Intake:
    settings, where = config(), sources.settings_of(source)
    if isinstance(where, SourceSettings):
        read = OthersReader(where).read
        return _Intake(read, settings.collect.batch_messages)
    if source != sources.ANTARES:
        is_ours = not where.bootstrap_servers
        read = partial(messages.read, is_ours=is_ours)
        return _Intake(read, settings.collect.batch_messages)
    wanted = settings.antares
    client = Antares.from_settings(wanted) if wanted.url else None
    thumbnails = Thumbnails(target, client, wanted.images_wait_s)
    reader = AntaresReader(client)
    return _Intake(reader.read, BATCH_MESSAGES, thumbnails.fetch, reader.forget)
