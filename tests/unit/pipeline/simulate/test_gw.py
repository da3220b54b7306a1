from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from astropy.coordinates import angular_separation, get_body
from astropy.time import Time

from pipeline.gw import notice_schema
from pipeline.gw.notices import MOCK, read_notice
from pipeline.gw.scored import score_notice
from pipeline.gw.skymap import SkyMap
from pipeline.simulate.gw import MockEvent, merger, mock_id, notice, retracted, sky_map

T0 = datetime(2026, 11, 21, 20, 15, 30, tzinfo=UTC)
EVENT = MockEvent("MS261121a", T0, 359.5, 30.0)
GAP = timedelta(minutes=2)


def test_the_map_has_the_area_place_and_distance_asked_for():
    found = SkyMap.from_fits(sky_map(EVENT, 30.0))

    assert found.area_deg2(0.9) == pytest.approx(30.0, rel=0.03)
    assert found.area_deg2(0.5) == pytest.approx(30.0 * 0.30103, rel=0.05)  # log10(2) of it
    assert found.distance_mpc == EVENT.distance_mpc
    assert found.peak == pytest.approx((EVENT.ra_deg, EVENT.dec_deg), abs=0.3)


def test_the_sky_is_covered_once():
    found = SkyMap.from_fits(sky_map(EVENT, 30.0))

    assert sum(4.0**-found.order) == pytest.approx(12)


@pytest.mark.parametrize("story", [merger, retracted])
def test_notices_are_such_as_the_published_schema_describes(story):
    assert [notice_schema.problems(each.raw) for each in story(EVENT, GAP)] == [None, None]


def test_a_merger_is_a_mock_that_would_be_planned_were_it_real():
    first, second = (score_notice(each.raw) for each in merger(EVENT, GAP))

    assert first.notice.kind == second.notice.kind == MOCK
    assert first.score.score == 0
    assert first.score.score_if_real == second.score.score_if_real == 3
    assert second.area_90_deg2 < first.area_90_deg2
    assert second.notice.time_created - first.notice.time_created == GAP


def test_a_retraction_names_no_event():
    _, last = retracted(EVENT, GAP)

    assert read_notice(last.raw).alert_type == "RETRACTION"
    assert read_notice(last.raw).event_time is None


def test_the_sky_opposite_the_sun_is_high_at_midnight():
    """The Sun's right ascension is 0° at the March equinox of 2026 (March 20, 14:46 UTC)."""
    event = MockEvent.opposite_the_sun(datetime(2026, 3, 20, 14, 46, tzinfo=UTC))

    assert event.ra_deg == pytest.approx(180.0, abs=0.5)


@pytest.mark.parametrize("day", range(1, 31, 3))
def test_the_moon_keeps_away_from_an_event(day):
    """Of a whole month; the Moon stands up to 1° elsewhere for those who are not at the centre."""
    at = datetime(2026, 11, day, 22, tzinfo=UTC)
    event = MockEvent.opposite_the_sun(at)
    moon = get_body("moon", Time(at))

    place = np.radians([moon.ra.deg, moon.dec.deg, event.ra_deg, event.dec_deg])

    assert np.degrees(angular_separation(*place)) > 59


def test_each_second_has_its_own_name():
    names = {mock_id(T0.replace(second=second)) for second in range(60)}

    assert len(names) == 60
    assert all(name.startswith("MS261121") for name in names)
    assert mock_id(datetime(2026, 11, 21, tzinfo=UTC)) == "MS261121a"


def test_times_are_written_as_gracedb_writes_them():
    assert b'"time_created": "2026-11-21T20:16:30.000Z"' in notice(EVENT, "RETRACTION", GAP / 2)
