"""Packets found in segments by their coordinates: the first copy whose checksum is right."""

import socket
import zlib

import numpy as np
import pytest

from broker import archive_index
from broker.archive import INDEX_RECORD
from broker.archive_index import ArchiveReader, Segment
from broker.errors import TransientError

HERE = socket.gethostname()


@pytest.fixture
def write(tmp_path):
    def written(name, packets, *, damaged=(), host=HERE):
        """Write (source, partition, offset, bytes) and return the segment; ids count up."""
        records = np.zeros(len(packets), INDEX_RECORD)
        data = b""
        for at, (source, partition, offset, value) in enumerate(packets):
            crc = zlib.crc32(value)
            records[at] = (source, partition, offset, 1000 + offset, len(data), len(value), crc)
            data += bytes(len(value)) if at in damaged else value
        file = tmp_path / f"{name}.seg"
        file.write_bytes(data)
        file.with_suffix(".idx").write_bytes(records.tobytes())
        return Segment(len(list(tmp_path.glob("*.seg"))), host, file.name)

    return written


@pytest.fixture
def reader(tmp_path):
    return ArchiveReader(tmp_path)


def test_a_range_is_found_across_segments_and_nothing_else(write, reader):
    segments = [
        write("a", [(1, 0, 5, b"five"), (1, 1, 6, b"other partition"), (2, 0, 6, b"other source")]),
        write("b", [(1, 0, 8, b"eight"), (1, 0, 6, b"six"), (1, 0, 9, b"beyond")]),
    ]

    found = reader.read(segments, 1, 0, 5, 8)

    assert [(p.offset, p.timestamp_ms, p.value) for p in found.packets] == [
        (5, 1005, b"five"),
        (6, 1006, b"six"),
        (8, 1008, b"eight"),
    ]
    assert found.slices[6] == (2, 5, 3, zlib.crc32(b"six"))


def test_of_copies_the_first_right_one_counts(write, reader):
    segments = [
        write("a", [(1, 0, 5, b"torn"), (1, 0, 5, b"good")], damaged={0}),
        write("b", [(1, 0, 5, b"late")]),
    ]

    found = reader.read(segments, 1, 0, 5, 5)

    assert [packet.value for packet in found.packets] == [b"good"]
    assert found.slices[5].segment_id == 1


def test_a_packet_without_a_right_copy_is_left_out(write, reader):
    segment = write("a", [(1, 0, 5, b"torn"), (1, 0, 6, b"good")], damaged={0})

    assert [p.offset for p in reader.read([segment], 1, 0, 5, 6).packets] == [6]


def test_a_segment_that_grew_is_read_again(write, reader, tmp_path):
    segment = write("a", [(1, 0, 5, b"five")])
    reader.read([segment], 1, 0, 0, 9)
    write("a", [(1, 0, 5, b"five"), (1, 0, 6, b"six")])

    assert [p.offset for p in reader.read([segment], 1, 0, 0, 9).packets] == [5, 6]


def test_a_torn_index_loses_only_its_last_record(write, reader, tmp_path):
    segment = write("a", [(1, 0, 5, b"five"), (1, 0, 6, b"six")])
    index = tmp_path / "a.idx"
    index.write_bytes(index.read_bytes()[:-1])

    assert [p.offset for p in reader.read([segment], 1, 0, 0, 9).packets] == [5]


def test_a_segment_that_is_gone_holds_nothing(write, reader, tmp_path):
    segment = write("a", [(1, 0, 5, b"five")])
    (tmp_path / "a.seg").unlink()

    assert reader.read([segment], 1, 0, 0, 9).packets == []


def test_a_segment_of_another_machine_is_no_empty_one(write, reader, tmp_path):
    segment = write("a", [(1, 0, 5, b"five")], host="elsewhere")
    assert len(reader.read([segment], 1, 0, 0, 9).packets) == 1  # a shared disk
    (tmp_path / "a.seg").unlink()

    with pytest.raises(TransientError, match="written on elsewhere"):
        reader.read([segment], 1, 0, 0, 9)


def test_no_more_indexes_are_kept_than_fit(write, reader, monkeypatch):
    size_bytes = INDEX_RECORD.itemsize
    monkeypatch.setattr(archive_index, "KEPT_BYTES", 2 * size_bytes)
    segments = [write(name, [(1, 0, at, b"x")]) for at, name in enumerate("abc")]
    reads = []
    real = archive_index._sorted_index
    monkeypatch.setattr(
        archive_index, "_sorted_index", lambda file: reads.append(file.stem) or real(file)
    )

    for at in (0, 1, 0, 2, 0, 1):
        assert len(reader.records(segments[at])) == 1

    assert reads == ["a", "b", "c", "b"]  # of a, b the older use goes when c comes


def test_an_index_for_which_there_is_no_memory_is_no_packets_fault(write, reader, monkeypatch):
    segment = write("a", [(1, 0, 5, b"five")])

    def starve(_):
        raise MemoryError

    with monkeypatch.context() as starved:
        starved.setattr(archive_index, "_sorted_index", starve)
        with pytest.raises(TransientError, match="no memory for the index of"):
            reader.read([segment], 1, 0, 5, 5)

    assert len(reader.read([segment], 1, 0, 5, 5).packets) == 1
