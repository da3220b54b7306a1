"""Packets of a segment that another machine wrote, read from its copy on S3."""

import zlib

import pytest

from broker.archive import Slice
from broker.archive_index import (
    ArchiveAwayError,
    ArchiveElsewhereError,
    ArchiveError,
    Segment,
    read_slice,
)
from broker.config import config
from pipeline.clients.s3 import Bucket

pytestmark = pytest.mark.integration
KEY = "archive/ztf/20261122/host-b-1-1.seg"
CONTENT = b"before" + b"packet" + b"behind"
PIECE = Slice(7, 6, 6, zlib.crc32(b"packet"))


@pytest.fixture
def far(bucket):
    with Bucket.from_settings(config().s3) as store:
        store.client.put_object(Bucket=store.name, Key=KEY, Body=CONTENT)
    return Segment(7, "host-b", "ztf/20261122/host-b-1-1.seg", s3_key=KEY)


def test_a_packet_is_one_range_of_the_copy(far, tmp_path):
    assert read_slice(tmp_path, far, PIECE) == b"packet"


def test_a_packet_that_is_not_copied_yet_is_elsewhere(far, tmp_path):
    with pytest.raises(ArchiveElsewhereError, match="written on host-b, is not on this machine"):
        read_slice(tmp_path, far._replace(s3_key=None), PIECE)


def test_a_copy_is_checked_like_a_file(far, tmp_path):
    with pytest.raises(ArchiveError, match="checksum is wrong"):
        read_slice(tmp_path, far, PIECE._replace(start=5))


def test_a_copy_that_is_gone_says_so(far, tmp_path):
    with pytest.raises(ArchiveAwayError, match=r"its copy cannot be read now: S3: read .* 404"):
        read_slice(tmp_path, far._replace(s3_key="archive/none.seg"), PIECE)
