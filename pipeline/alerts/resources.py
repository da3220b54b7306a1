"""What a worker process keeps open between ranges; made after the fork, on first use."""

from functools import cache

from broker.archive import ArchiveWriter
from broker.archive_index import ArchiveReader
from broker.config import Config, config, project_path
from broker.kafka import Producer, RangeReader, own_connection, stream_connection
from pipeline.sky import Footprint


class Resources:
    """Kafka clients, archive segments and footprint of this process.

    Parameters
    ----------
    settings : Config
        Where they are.
    """

    def __init__(self, settings: Config) -> None:
        self._settings = settings
        self._readers: dict[str, RangeReader] = {}
        self._producer: Producer | None = None
        self._archive: ArchiveWriter | None = None
        self._archive_reader: ArchiveReader | None = None
        self._footprint: Footprint | None = None

    def reader(self, stream: str) -> RangeReader:
        """Return the reader of ``stream``'s broker."""
        if stream not in self._readers:
            self._readers[stream] = RangeReader(
                stream_connection(stream), self._settings.streams.named(stream).group_prefix
            )
        return self._readers[stream]

    def producer(self) -> Producer:
        """Return the producer on our own broker."""
        if self._producer is None:
            self._producer = Producer(own_connection())
        return self._producer

    def archive(self) -> ArchiveWriter:
        """Return the writer of this process's archive segments."""
        if self._archive is None:
            self._archive = ArchiveWriter(
                project_path(self._settings.archive.path), self._settings.archive.segment_bytes
            )
        return self._archive

    def archive_reader(self) -> ArchiveReader:
        """Return the reader of archived packets, with the indexes it has met."""
        if self._archive_reader is None:
            self._archive_reader = ArchiveReader(project_path(self._settings.archive.path))
        return self._archive_reader

    def footprint(self) -> Footprint:
        """Return the point-source catalog's footprint."""
        if self._footprint is None:
            self._footprint = Footprint.load(self._settings.lspsc.footprint_moc)
        return self._footprint

    def close(self) -> None:
        """Close what is open; the archive's segments get their checksums."""
        if self._archive is not None:
            self._archive.close()
        for reader in self._readers.values():
            reader.close()


@cache
def resources() -> Resources:
    """Return this process's resources."""
    return Resources(config())
