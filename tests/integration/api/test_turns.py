"""A place of the searches at once is held until the last byte of the answer has left."""

from contextlib import contextmanager

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections

from pipeline.simulate.scenario import make_ztf_packet
from pipeline.web.api import answers, views

pytestmark = pytest.mark.integration
ALERTS = "/babamul/surveys/ztf/alerts"
CONES = f"{ALERTS}/cone-search"
CONE = {"ra": 150, "dec": 30, "radius_arcsec": 5}
COORDINATES = {"coordinates": {"here": [150, 30]}, "radius_arcsec": 5}


@pytest.fixture
def places(monkeypatch):
    """What happened to places, in order."""
    seen = []

    @contextmanager
    def place(*_, **__):
        seen.append("taken")
        yield
        seen.append("left")

    monkeypatch.setattr(views, "concurrent", place)
    return seen


@pytest.fixture
def many(store, monkeypatch):
    """More alerts than are read in one piece."""
    store("ztf", *(make_ztf_packet(candid=at) for at in range(1, 5)))
    monkeypatch.setattr(answers, "AT_ONCE", 1)


WAYS = {
    "list": lambda api: api.get(ALERTS, CONE),
    "csv": lambda api: api.get(ALERTS, {**CONE, "format": "csv"}),
    "parquet": lambda api: api.get(ALERTS, {**CONE, "format": "parquet"}),
    "cones": lambda api: api.post(CONES, COORDINATES, content_type="application/json"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_long_answer_holds_its_place_to_the_end(many, api, places, way):
    response = WAYS[way](api)
    assert places == ["taken"]

    body = b"".join(response.streaming_content)

    assert places == ["taken", "left"]
    assert len(body) > 1000


@pytest.fixture
def kept_open():
    """Keep Django from closing the connection that this test's transaction is on."""
    request_finished.disconnect(close_old_connections)
    yield
    request_finished.connect(close_old_connections)


@pytest.mark.parametrize("way", WAYS)
def test_a_reader_who_leaves_gives_the_place_back(many, api, places, kept_open, way):
    response = WAYS[way](api)

    response.close()

    assert places == ["taken", "left"]


def test_a_short_answer_and_a_refusal_give_it_back_at_once(store, api, places, monkeypatch):
    from broker.refusals import TooLongError

    store("ztf", make_ztf_packet())
    assert api.get(ALERTS, CONE).status_code == 200
    assert places == ["taken", "left"]

    def slow(*_):
        raise TooLongError("the search took longer than 25 s")

    monkeypatch.setattr("pipeline.web.api.alerts.query_alerts.in_cone", slow)
    assert api.get(ALERTS, CONE).status_code == 400
    assert places == ["taken", "left"] * 2
