"""What doctor says of a system that runs, in the system's own words."""

import io
import json
import urllib.error
from email.message import Message

import pytest

from compose.native import doctor
from compose.native.crashes import Crash
from compose.native.home import Home

PARTS = {
    "kafka": {"state": "ok", "text": "answers"},
    "workers": {"state": "down", "text": "no worker serves the queue notify: no mail is sent"},
}


@pytest.fixture
def page(monkeypatch):
    """Return a function that lets the page for machines fail in a given way."""

    def fail(error):
        def raises(*_args, **_options):
            raise error

        monkeypatch.setattr("urllib.request.urlopen", raises)

    return fail


def test_what_is_down_is_read_from_the_page_also_when_it_says_503(page):
    body = io.BytesIO(json.dumps({"parts": PARTS}).encode())
    page(urllib.error.HTTPError("http://127.0.0.1/health", 503, "", Message(), body))

    assert doctor._health(4000) == PARTS


def test_a_web_process_that_is_away_says_nothing(page):
    page(urllib.error.URLError("refused"))

    assert doctor._health(4000) == {}


def test_without_a_web_process_nothing_is_asked(tmp_path):
    assert doctor._unwell(Home(tmp_path)) == []


def test_a_process_that_ended_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.crashes, "found", lambda _: [Crash("worker-gw", 3, [])])

    (need,) = doctor._crashing(Home(tmp_path))

    assert not need.is_met
    assert "worker-gw" in str(need)
    assert "3 times" in str(need)


def test_before_the_first_start_the_ports_of_the_stand_ins_are_looked_at_too(tmp_path):
    names = {need.name for need in doctor._listening(Home(tmp_path))}

    assert {":postgres", ":web", ":slack", ":webdav", ":s3"} <= names


def test_a_port_of_a_stand_in_that_is_taken_is_named_with_the_setting(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.ports, "is_free", lambda port: port != 18090)

    [slack] = [each for each in doctor._listening(Home(tmp_path)) if each.name == ":slack"]
    assert not slack.is_met
    assert "native.slack_port" in slack.text
