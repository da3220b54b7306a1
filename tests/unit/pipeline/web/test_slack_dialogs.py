from datetime import UTC, datetime

import pytest

from pipeline.web.slack_dialogs import next_noon


@pytest.mark.parametrize(
    ("longitude_deg", "now", "noon"),
    [
        (0, "2026-01-02T11:59", "2026-01-02T12:00"),
        (0, "2026-01-02T12:00", "2026-01-03T12:00"),
        (-70.5, "2026-01-02T03:00", "2026-01-02T16:42"),
        (150, "2026-01-02T03:00", "2026-01-03T02:00"),
        (210, "2026-01-02T21:00", "2026-01-02T22:00"),
    ],
)
def test_the_next_noon_is_the_sites_own(longitude_deg, now, noon):
    found = next_noon(longitude_deg, datetime.fromisoformat(now).replace(tzinfo=UTC))

    assert found == datetime.fromisoformat(noon).replace(tzinfo=UTC)
