"""The stand-in's page: what whoever pressed sees when it led to nothing."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from pipeline.simulate.slack.server import CHANGED, CLOSED
from tests.slack import GW, SHIFTER

pytestmark = pytest.mark.integration


def outcome(answer):
    """Return what the page that is led to says of a click."""
    assert answer.status_code == 303
    led_to = urlsplit(answer.headers["Location"])
    assert led_to.path == f"/channels/{GW}"
    return parse_qs(led_to.query)["outcome"][0]


def test_a_button_that_has_gone_leads_to_the_message_as_it_stands(standin):
    standin.workspace.keep({"channel": GW, "ts": "1.0", "text": "now without", "blocks": []})
    form = {"channel": GW, "ts": "1.0", "user": SHIFTER, "action_id": "run_obs_plan"}

    pressed = httpx.post(f"{standin.url}/press", data=form)

    assert outcome(pressed) == CHANGED
    shown = httpx.get(standin.url + pressed.headers["Location"]).text
    assert CHANGED in shown
    assert "now without" in shown


def test_a_dialog_that_was_closed_says_so(standin):
    form = {"channel": GW, "user": SHIFTER, "view": "V9"}

    assert outcome(httpx.post(f"{standin.url}/submit", data=form)) == CLOSED


@pytest.mark.parametrize("changed", [{"user": "U0NOBODY"}, {"channel": "C0NONE"}])
def test_a_click_of_nobody_is_not_found(standin, changed):
    form = {"channel": GW, "ts": "1.0", "user": SHIFTER, "action_id": "x"} | changed

    assert httpx.post(f"{standin.url}/press", data=form).status_code == 404
