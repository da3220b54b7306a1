import subprocess
import sys
from datetime import UTC, datetime

import pytest

from pipeline.gw.cards_notice import Card, notice_card
from pipeline.gw.scored import MapNumbers, score_notice, stored_alert, stored_notice
from tests.gw_notices import as_bytes, make_notice, raw

NOW = datetime(2024, 11, 3, 20, 5, tzinfo=UTC)


def kept(notice, kind=None):
    """Return a notice as its row gives it back."""
    return stored_notice(notice.payload, kind or notice.kind, significant=notice.significant)


def test_a_scored_alert_holds_what_its_map_says():
    alert = score_notice(raw("S241102br-update"))

    areas = (alert.area_50_deg2, alert.area_90_deg2, alert.area_95_deg2)
    assert areas == pytest.approx((7.118, 28.366, 39.893), rel=1e-3)
    assert (alert.distance_mpc, alert.distance_std_mpc) == pytest.approx((364.0, 53.8), abs=0.5)
    assert alert.distance_region_mpc == pytest.approx(347.9, abs=0.5)
    assert alert.skymap_cause is None


@pytest.mark.parametrize("name", ["S241102br-update", "gw_notice_significant"])
def test_a_stored_notice_is_the_same_alert_without_its_map(name):
    alert = score_notice(raw(name))

    stored = stored_alert(kept(alert.notice), MapNumbers.of(alert.sky_map))

    assert stored.sky_map is None
    assert (stored.score, stored.peak) == (alert.score, alert.peak)
    assert notice_card(Card(stored, "1", 1, NOW)) == notice_card(Card(alert, "1", 1, NOW))


def test_a_stored_notice_remembers_why_it_has_no_map():
    notice = kept(score_notice(raw("retraction")).notice)

    assert stored_alert(notice, None, "the map is not base64").skymap_cause == (
        "the map is not base64"
    )


def test_a_notice_that_was_marked_as_mock_scores_as_one():
    alert = score_notice(raw("S241102br-update"))

    stored = stored_alert(kept(alert.notice, kind="mock"), MapNumbers.of(alert.sky_map))

    assert (alert.score.score, stored.score.score) == (2, 0)


def test_a_notice_without_map_is_scored_without_it():
    alert = score_notice(as_bytes(make_notice({"skymap": None})))

    assert (alert.sky_map, alert.skymap_cause) == (None, "the notice has no map")
    assert alert.score.score == 2
    assert not alert.plans_itself()


@pytest.mark.parametrize(
    ("change", "flags", "expected"),
    [
        ({}, {}, True),
        ({"alert_type": "EARLYWARNING"}, {}, True),
        ({"alert_type": "EARLYWARNING"}, {"early_warning": False}, False),
        ({"superevent_id": "MS260102ab"}, {}, False),
        ({"superevent_id": "MS260102ab"}, {"mocks": True}, True),
        ({"superevent_id": "TS260102ab"}, {"mocks": True}, False),
        ({"alert_type": "RETRACTION"}, {}, False),
    ],
)
def test_what_is_planned_without_a_question(change, flags, expected):
    assert score_notice(as_bytes(make_notice(**change))).plans_itself(**flags) == expected


def test_an_insignificant_mock_of_score_zero_is_not_planned():
    noise = make_notice({"classification": {"Terrestrial": 1.0}}, superevent_id="MS260102ab")

    assert not score_notice(as_bytes(noise)).plans_itself(mocks=True)


@pytest.mark.slow
def test_the_library_needs_no_server_and_no_heavy_import():
    """Listeners use it: it must not load what draws, plans, serves or stores."""
    code = (
        "import sys, pipeline.gw.scored, pipeline.gw.cards_notice\n"
        "heavy = {'django', 'sqlalchemy', 'confluent_kafka', 'matplotlib', 'ligo', 'gwemopt',"
        " 'mocpy', 'httpx', 'slack_sdk'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
