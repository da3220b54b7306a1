"""A segment that was left half written is never written to again."""

import os
import zlib
from datetime import date

import pytest

from broker.archive import ArchiveWriter, _Segment
from broker.kafka_types import Packet

NIGHT = date(2026, 8, 1)


class OutOfTimeError(Exception):
    """Stands for the soft time limit, which may strike between any two lines."""


class Writer(ArchiveWriter):
    """Makes its segments without a database."""

    def __init__(self, root):
        super().__init__(root, segment_bytes=1000)
        self.made = []

    def _create(self, _survey, _night):
        file = self._root / f"{len(self.made)}.seg"
        self.made.append(file)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        return _Segment(
            len(self.made), os.open(file, flags), os.open(file.with_suffix(".idx"), flags)
        )


def test_a_segment_interrupted_between_bytes_and_count_is_given_up(tmp_path, monkeypatch):
    writer = Writer(tmp_path)
    sync = os.fdatasync

    def interrupted(fd):
        monkeypatch.setattr(os, "fdatasync", sync)
        raise OutOfTimeError

    monkeypatch.setattr(os, "fdatasync", interrupted)
    with pytest.raises(OutOfTimeError):
        writer.append("ztf", NIGHT, 1, 0, [Packet(1, 0, b"interrupted")])

    (piece,) = writer.append("ztf", NIGHT, 1, 0, [Packet(2, 0, b"next")])

    stored = writer.made[piece.segment_id - 1].read_bytes()
    assert stored[piece.start : piece.start + piece.length] == b"next"
    assert piece.crc32 == zlib.crc32(b"next")


def test_a_write_that_stops_early_goes_on_where_it_stopped(tmp_path, monkeypatch):
    writer = Writer(tmp_path)
    packets = [Packet(n, 0, bytes([n % 251]) * (n % 7)) for n in range(2500)]
    writev = os.writev

    def a_little(fd, pieces):
        return os.write(fd, b"".join(pieces[:3])[:5]) if len(pieces) > 1 else writev(fd, pieces)

    monkeypatch.setattr(os, "writev", a_little)
    slices = writer.append("ztf", NIGHT, 1, 0, packets)

    written = writer.made[0].read_bytes()
    assert written == b"".join(packet.value for packet in packets)
    assert [written[one.start :][: one.length] for one in slices] == [p.value for p in packets]
