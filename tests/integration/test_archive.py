"""The archive: what was written is there, and what is not whole is never handed out."""

import zlib
from datetime import date

import pytest

from broker import archive_index
from broker.archive import ArchiveWriter
from broker.archive_index import (
    ArchiveError,
    ArchiveReader,
    segments_named,
    segments_of_nights,
)
from broker.kafka_types import Packet

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("session")]
NIGHT = date(2026, 8, 1)
PACKETS = [Packet(5, 1000, b"first packet"), Packet(6, 1001, b"second"), Packet(9, 1002, b"x" * 99)]


@pytest.fixture
def root(tmp_path):
    return tmp_path / "archive"


@pytest.fixture
def writer(root):
    made = ArchiveWriter(root, segment_bytes=1000)
    yield made
    made.close()


def segment_files(root):
    return sorted(root.rglob("*.seg"))


def read_slice(session, root, piece):
    (segment,) = segments_named(session, [piece.segment_id])
    return archive_index.read_slice(root, segment, piece)


def found_by_index(session, root, survey, source_id, partition):
    """Return what one partition's packets are, as the sidecars tell."""
    segments = segments_of_nights(session, survey, NIGHT, NIGHT)
    return ArchiveReader(root).read(segments, source_id, partition, 0, 2**62).packets


def test_a_packet_is_read_back_as_it_was(writer, root, session):
    slices = writer.append("ztf", NIGHT, 1, 0, PACKETS)

    assert [read_slice(session, root, piece) for piece in slices] == [
        packet.value for packet in PACKETS
    ]
    assert [piece.crc32 for piece in slices] == [zlib.crc32(packet.value) for packet in PACKETS]


def test_ranges_of_one_night_share_a_segment_and_nights_do_not(writer, root):
    writer.append("ztf", NIGHT, 1, 0, PACKETS)
    writer.append("ztf", NIGHT, 1, 1, PACKETS)
    writer.append("ztf", date(2026, 8, 2), 1, 0, PACKETS)

    assert [path.parent.name for path in segment_files(root)] == ["20260801", "20260802"]


def test_a_full_segment_is_closed_with_its_checksum(writer, root, session):
    writer.append("ztf", NIGHT, 1, 0, [Packet(1, 0, b"y" * 1001)])
    writer.append("ztf", NIGHT, 1, 0, [Packet(2, 0, b"z")])

    closed = session.connection().exec_driver_sql(
        "SELECT bytes, sha256 FROM archive_segments WHERE closed_at IS NOT NULL"
    )
    # 1001 times "y" through sha256sum
    checksum = "51ab1bfb007b9e54a74c83152fd7d8f6461ae7f53f07bd94fd7a990e92c70369"
    assert closed.all() == [(1001, checksum)]


def test_a_changed_byte_is_an_error_and_not_a_wrong_packet(writer, root, session):
    (piece, *_) = writer.append("ztf", NIGHT, 1, 0, PACKETS)
    (file,) = segment_files(root)
    file.write_bytes(b"F" + file.read_bytes()[1:])

    with pytest.raises(ArchiveError, match="checksum is wrong"):
        read_slice(session, root, piece)


def test_a_torn_tail_is_an_error(writer, root, session):
    *_, last = writer.append("ztf", NIGHT, 1, 0, PACKETS)
    (file,) = segment_files(root)
    file.write_bytes(file.read_bytes()[:-1])

    with pytest.raises(ArchiveError, match="ends before the packet"):
        read_slice(session, root, last)


def test_a_missing_segment_is_named(writer, root, session):
    (piece, *_) = writer.append("ztf", NIGHT, 1, 0, PACKETS)
    (file,) = segment_files(root)
    file.unlink()

    with pytest.raises(ArchiveError, match="not on this machine, or expired"):
        read_slice(session, root, piece)


def test_a_segment_is_cut_by_its_index_each_coordinate_once(writer, root, session):
    writer.append("ztf", NIGHT, 7, 3, PACKETS)
    writer.append("ztf", NIGHT, 7, 3, PACKETS[:2])

    assert found_by_index(session, root, "ztf", 7, 3) == PACKETS
    assert found_by_index(session, root, "ztf", 7, 4) == []


def test_a_damaged_packet_and_a_torn_index_are_passed_over(writer, root, session):
    writer.append("ztf", NIGHT, 7, 3, PACKETS)
    (file,) = segment_files(root)
    file.write_bytes(b"F" + file.read_bytes()[1:])
    index = file.with_suffix(".idx")
    index.write_bytes(index.read_bytes()[:-5])

    assert found_by_index(session, root, "ztf", 7, 3) == [PACKETS[1]]


def test_nothing_to_write_opens_no_segment(writer, root):
    assert writer.append("ztf", NIGHT, 1, 0, []) == []
    assert not root.exists()


def test_a_full_disk_gives_the_segment_up_and_the_next_call_starts_another(
    writer, root, session, monkeypatch
):
    writer.append("ztf", NIGHT, 1, 0, PACKETS[:1])

    def full(fd, pieces):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("broker.archive._write_all", full)
        with pytest.raises(OSError, match="No space"):
            writer.append("ztf", NIGHT, 1, 0, PACKETS[1:2])
    (piece,) = writer.append("ztf", NIGHT, 1, 0, PACKETS[1:2])

    assert len(segment_files(root)) == 2
    assert read_slice(session, root, piece) == b"second"


def test_offsets_survive_in_the_index_beyond_32_bits(writer, root, session):
    far = Packet(2**40 + 1, 2**41, b"far")
    writer.append("lsst", NIGHT, 2**33, 44, [far])

    assert found_by_index(session, root, "lsst", 2**33, 44) == [far]
