"""A range is cut into parts that fit, and no offset falls between them."""

import errno
import itertools

import psycopg
import pytest
import sqlalchemy.exc
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import TransientError
from broker.kafka_types import Packet, ReadResult
from pipeline.alerts.work import is_infrastructure, split
from pipeline.catalogs.record import CatalogMissing


@given(st.lists(st.integers(1, 12), max_size=20), st.sets(st.integers(0, 30)), st.integers(1, 30))
def test_the_parts_of_a_range_join_without_a_hole(sizes, holes, largest_bytes):
    offsets = [offset for offset in range(len(sizes) + len(holes)) if offset not in holes]
    packets = [Packet(o, 0, b"x" * size) for o, size in zip(offsets, sizes, strict=False)]
    last = max([*(p.offset for p in packets), *holes, 0])
    gaps = [(hole, hole) for hole in sorted(holes) if hole <= last]

    parts = list(split(ReadResult(packets, gaps), 0, last, largest_bytes))

    assert [packet for part, _, _ in parts for packet in part.packets] == packets
    assert [gap for part, _, _ in parts for gap in part.gaps] == gaps
    assert parts[0][1] == 0
    assert parts[-1][2] == last
    assert all(a[2] + 1 == b[1] for a, b in itertools.pairwise(parts))
    assert all(
        sum(len(p.value) for p in part.packets) <= largest_bytes or len(part.packets) == 1
        for part, _, _ in parts
    )


@pytest.mark.parametrize(
    "error",
    [
        TransientError("Kafka is away"),
        CatalogMissing("no LSPSC"),
        psycopg.OperationalError("gone"),
        psycopg.errors.DeadlockDetected("deadlock"),
        psycopg.errors.QueryCanceled("statement timeout"),
        sqlalchemy.exc.OperationalError("SELECT", {}, Exception("gone")),
        OSError(errno.ENOSPC, "no space"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_server_or_disk_that_is_away_is_no_packets_fault(error):
    assert is_infrastructure(error)


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), OSError(errno.ENOENT, "no file"), sqlalchemy.exc.DataError("I", {}, None)],
    ids=lambda error: type(error).__name__,
)
def test_a_wrong_value_or_a_bug_is_not_waited_for(error):
    assert not is_infrastructure(error)
