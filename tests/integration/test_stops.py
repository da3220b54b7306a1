"""Streams that stand."""

import pytest

from broker.db import transaction
from broker.ranges import stops
from tests.integration.range_rows import STREAM

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("database")]


def test_a_stream_is_stopped_with_its_first_reason_and_resumed():
    with transaction() as session:
        assert stops.stop_reason(session, STREAM) is None
        stops.stop(session, STREAM, "51 of the last 100 packets became dead letters")
        stops.stop(session, STREAM, "another")
        assert stops.stop_reason(session, STREAM).startswith("51 of the last 100")
        assert stops.resume(session, STREAM)
        assert not stops.resume(session, STREAM)
        assert stops.stop_reason(session, STREAM) is None
        stops.stop(session, STREAM, "again")
        assert stops.stop_reason(session, STREAM) == "again"
