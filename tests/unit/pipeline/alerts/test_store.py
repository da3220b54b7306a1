"""Kafka timestamps are whatever a producer wrote there."""

from datetime import UTC, datetime

import pytest

from pipeline.alerts.store import utc_from_ms
from pipeline.surveys import SURVEYS


def test_a_timestamp_counts_milliseconds_since_1970():
    # date -u -d @1732190400 (GNU coreutils)
    assert utc_from_ms(1_732_190_400_250) == datetime(2024, 11, 21, 12, 0, 0, 250_000, UTC)


@pytest.mark.parametrize("survey", SURVEYS, ids=lambda survey: survey.name)
@pytest.mark.parametrize("timestamp_ms", [-(2**63), -1, 2**63 - 1])
def test_an_absurd_timestamp_breaks_no_range(timestamp_ms, survey):
    at = utc_from_ms(timestamp_ms)

    assert datetime(1970, 1, 1, tzinfo=UTC) <= at <= datetime(2100, 1, 1, tzinfo=UTC)
    assert survey.night(at).year in range(1969, 2101)
