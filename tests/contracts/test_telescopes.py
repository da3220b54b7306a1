"""Every telescope that is planned by itself is in the table, and every entry is sound."""

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


@pytest.mark.parametrize(
    "group", build().gw.plan_groups, ids=lambda group: "+".join(group.telescopes)
)
def test_a_group_that_is_planned_by_itself_names_known_telescopes(group):
    assert [telescope(name).name for name in group.telescopes] == list(group.telescopes)
