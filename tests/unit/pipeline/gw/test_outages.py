from datetime import UTC, datetime

import pytest

from pipeline.gw.outages import noon_after_night


@pytest.mark.parametrize(
    ("longitude_deg", "now_h", "expected"),
    [
        (0.0, 11, datetime(2026, 11, 22, 12, tzinfo=UTC)),
        (0.0, 13, datetime(2026, 11, 22, 12, tzinfo=UTC)),
        (0.0, 5, datetime(2026, 11, 21, 12, tzinfo=UTC)),
        (90.0, 1, datetime(2026, 11, 22, 6, tzinfo=UTC)),
        (-75.0, 1, datetime(2026, 11, 21, 17, tzinfo=UTC)),
        (285.0, 1, datetime(2026, 11, 21, 17, tzinfo=UTC)),
        (0.0, 12, datetime(2026, 11, 22, 12, tzinfo=UTC)),
        (-70.5, 3, datetime(2026, 11, 21, 16, 42, tzinfo=UTC)),
        (179.0, 1, datetime(2026, 11, 22, 0, 4, tzinfo=UTC)),
    ],
)
def test_the_noon_after_the_night_at_hand_follows_the_sun(longitude_deg, now_h, expected):
    assert noon_after_night(longitude_deg, datetime(2026, 11, 21, now_h, tzinfo=UTC)) == expected
