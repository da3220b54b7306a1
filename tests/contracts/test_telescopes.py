"""Every telescope that is planned by itself is in the table, and every entry is sound."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from broker.config import build
from pipeline.gw.telescopes import telescope, telescopes

REVIEWED = [found for found in telescopes() if found.is_reviewed]


@pytest.mark.parametrize("found", telescopes(), ids=lambda found: found.name)
def test_a_telescope_says_where_its_facts_come_from(found):
    assert found.source
    assert not found.question or found.question.strip() == found.question


@pytest.mark.parametrize("found", REVIEWED, ids=lambda found: found.name)
def test_a_telescope_reaches_its_own_zenith(found):
    assert found.dec_min_deg <= found.latitude_deg <= found.dec_max_deg


@pytest.mark.parametrize("found", telescopes(), ids=lambda found: found.name)
def test_a_telescope_has_a_time_zone_that_fits_its_place(found):
    """Mean solar time and the clocks of a zone differ by some hours at most, in summer too."""
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    clocks = noon.astimezone(ZoneInfo(found.timezone)).utcoffset()
    longitude_deg = (found.longitude_deg + 180) % 360 - 180

    assert abs(clocks - timedelta(hours=longitude_deg / 15)) < timedelta(hours=3)


@pytest.mark.parametrize(
    "group", build().gw.plan_groups, ids=lambda group: "+".join(group.telescopes)
)
def test_a_group_that_is_planned_by_itself_names_known_telescopes(group):
    assert [telescope(name).name for name in group.telescopes] == list(group.telescopes)
