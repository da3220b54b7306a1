"""What is not public never leaves, on any route; a contract holds the list of routes whole."""

import json
import time
from contextlib import contextmanager

import pytest
from django.urls import get_resolver
from sqlalchemy import text

from pipeline.simulate.scenario import epoch, make_lsst_packet, make_ztf_packet
from pipeline.web import nights
from pipeline.web.api import stats, urls

pytestmark = pytest.mark.integration

JD = 2461254.75
PRIVATE = "ZTF26ppppppp"
MIXED = "ZTF26mmmmmmm"
SECRET_MAG = 17.8125
"""Of every private alert; no other number of an answer looks so."""
PRIVATE_CANDID, MIXED_PRIVATE_CANDID, MIXED_PUBLIC_CANDID = 111_111, 222_222, 222_223
WINDOW = f"start_jd={JD - 0.4}&end_jd={JD + 0.4}"
CONE = {"coordinates": {"a": [150.0, 30.0], "b": [151.0, 30.0]}, "radius_arcsec": 10}


@pytest.fixture
def sky(store):
    """An object of private alerts alone with a public LSST one upon it, and one with both kinds."""
    private = {"programid": 2, "magpsf": SECRET_MAG}
    store("lsst", make_lsst_packet(diaSourceId=7, jd=JD))
    store(
        "ztf",
        make_ztf_packet(candid=PRIVATE_CANDID, object_id=PRIVATE, **private),
        make_ztf_packet(
            candid=MIXED_PRIVATE_CANDID, object_id=MIXED, ra=151.0, jd=JD + 0.1, **private
        ),
        make_ztf_packet(candid=MIXED_PUBLIC_CANDID, object_id=MIXED, ra=151.0),
    )


def answer(api, method, path, body=None):
    if method == "GET":
        response = api.get(path)
    else:
        response = api.post(path, body, content_type="application/json")
    return response.status_code, b"".join(response).decode(errors="replace")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"/babamul/surveys/ztf/alerts?object_id={PRIVATE}", None, 200),
        ("GET", f"/babamul/surveys/ztf/alerts?object_id={PRIVATE}&format=csv", None, 200),
        ("GET", f"/babamul/surveys/ztf/alerts?object_id={MIXED}", None, 200),
        ("GET", "/babamul/surveys/ztf/alerts?ra=150&dec=30&radius_arcsec=10", None, 200),
        ("GET", "/babamul/surveys/ztf/alerts?ra=151&dec=30&radius_arcsec=10", None, 200),
        ("GET", f"/babamul/surveys/ztf/alerts?{WINDOW}", None, 200),
        ("POST", "/babamul/surveys/ztf/alerts/cone-search", CONE, 200),
        ("GET", f"/babamul/surveys/ztf/objects/{PRIVATE}", None, 404),
        ("GET", f"/babamul/surveys/ztf/objects/{PRIVATE}?format=csv", None, 404),
        ("GET", f"/babamul/surveys/ztf/objects/{MIXED}", None, 200),
        ("GET", f"/babamul/surveys/ztf/objects/{MIXED}?format=csv", None, 200),
        ("GET", "/babamul/surveys/lsst/objects/170028496585752654", None, 200),
        ("GET", f"/babamul/surveys/ztf/objects/{PRIVATE}/cross-matches", None, 404),
        ("POST", "/babamul/surveys/ztf/objects/cross-matches", {"object_ids": [PRIVATE]}, 200),
        ("POST", "/babamul/surveys/ztf/objects/cone-search", CONE, 200),
        ("GET", f"/babamul/surveys/ztf/cutouts?candid={PRIVATE_CANDID}", None, 404),
        ("GET", f"/babamul/surveys/ztf/cutouts?candid={MIXED_PRIVATE_CANDID}", None, 404),
        ("GET", f"/babamul/surveys/ztf/cutouts?objectId={PRIVATE}", None, 404),
        ("GET", f"/babamul/surveys/ztf/villar-fit?candid={PRIVATE_CANDID}", None, 404),
        ("GET", "/babamul/surveys/ztf/tracks/BT000001", None, 404),
        ("GET", "/babamul/objects?object_id=ZTF26p", None, 200),
        ("GET", "/babamul/objects?ra=150&dec=30&radius=10", None, 200),
        ("GET", "/vo/scs?RA=150&DEC=30&SR=0.01", None, 200),
        ("GET", "/babamul/stats/nightly?start_date=2026-08-01&end_date=2026-08-05", None, 200),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_route_tells_of_a_private_alert(sky, api, method, path, body, status):
    found, text = answer(api, method, path, body)

    assert found == status, text
    told = text.replace(path, "")
    assert str(SECRET_MAG) not in told
    assert str(PRIVATE_CANDID) not in told
    assert str(MIXED_PRIVATE_CANDID) not in told
    assert status == 404 or PRIVATE not in told


def test_bulk_cutouts_call_a_private_alert_missing(sky, api):
    candids = [MIXED_PRIVATE_CANDID, MIXED_PUBLIC_CANDID, 999]
    _, text = answer(api, "POST", "/babamul/surveys/ztf/cutouts", {"candids": candids})

    data = json.loads(text)["data"]
    assert [found["candid"] for found in data["cutouts"]] == [MIXED_PUBLIC_CANDID]
    assert data["missing"] == [MIXED_PRIVATE_CANDID, 999]


def test_the_brightest_alert_of_an_object_is_a_public_one(sky, api):
    _, text = answer(api, "GET", f"/babamul/surveys/ztf/cutouts?objectId={MIXED}")

    assert json.loads(text)["data"]["candid"] == MIXED_PUBLIC_CANDID


def test_an_object_seen_by_private_alerts_alone_is_no_match(sky, api):
    _, text = answer(api, "GET", "/babamul/surveys/lsst/objects/170028496585752654")

    assert json.loads(text)["data"]["survey_matches"]["ztf"] is None


def test_a_public_point_in_a_private_alerts_history_makes_no_object(store, api):
    history = [epoch(JD - 3, alert_id=5)]
    store(
        "ztf",
        make_ztf_packet(
            candid=1, object_id=PRIVATE, programid=2, history=history, magpsf=SECRET_MAG
        ),
    )

    assert api.get(f"/babamul/surveys/ztf/objects/{PRIVATE}").status_code == 404
    _, text = answer(api, "GET", "/babamul/objects?object_id=ZTF26p")
    assert json.loads(text)["data"] == []


def test_counts_of_nights_leave_private_alerts_out(store, api):
    jd_of_a_past_night = 2460635.75
    store(
        "ztf",
        make_ztf_packet(candid=1, programid=2, jd=jd_of_a_past_night),
        make_ztf_packet(candid=2, object_id="ZTF26bbbbbbb", jd=jd_of_a_past_night),
    )

    path = "/babamul/stats/nightly?start_date=2024-11-20&end_date=2024-11-20"
    _, text = answer(api, "GET", path)
    assert json.loads(text)["data"] == [{"date": "2024-11-20", "ztf": 1}]


def test_nights_are_added_up_once_and_few_at_once(store, api, monkeypatch):
    places = []

    @contextmanager
    def place(bucket, key, **_):
        places.append((bucket, key))
        yield

    monkeypatch.setattr(stats, "concurrent", place)
    # A night of its own: all workers of a run share the cache.
    path = "/babamul/stats/nightly?start_date=2024-11-21&end_date=2024-11-21"

    assert [answer(api, "GET", path)[0] for _ in range(3)] == [200, 200, 200]
    assert places == [("nights", "127.0.0.1")]


def test_counts_of_tables_leave_private_alerts_out(store, api, session):
    private = [
        make_ztf_packet(candid=n, object_id="ZTF26ppppppp", programid=2, jd=JD + n / 100)
        for n in range(1, 10)
    ]
    store("ztf", make_ztf_packet(candid=99), *private)
    session.execute(text("ANALYZE alerts, objects"))

    _, told = answer(api, "GET", "/babamul/stats/collections")
    counts = {one["name"]: one["count"] for one in json.loads(told)["data"]["collections"]}
    assert (counts["alerts"], counts["objects"]) == (1, 1)


def test_last_nights_counts_leave_private_alerts_out(store):
    jd_utc = time.time() / 86_400 + 2440587.5 - 0.01
    store(
        "ztf",
        make_ztf_packet(candid=1, jd=jd_utc),
        make_ztf_packet(candid=2, object_id="ZTF26bbbbbbb", jd=jd_utc, programid=2),
        make_ztf_packet(candid=3, object_id="ZTF26ccccccc", jd=jd_utc, programid=3, drb=0.01),
    )

    night = nights._look("ztf")
    assert (night.passed, dict(night.gated)) == (1, {})


def test_every_route_of_the_data_stands_in_these_tests():
    told = {
        "alerts", "alerts/cone-search", "alerts/skymap-search", "objects/cross-matches",
        "objects/cone-search", "objects/<str:object_id>", "objects/<str:object_id>/cross-matches",
        "cutouts", "tracks/<str:track_id>", "villar-fit", "schemas",
    }  # fmt: skip
    assert {str(route.pattern) for route in urls.of_survey} == told
    assert {str(route.pattern) for route in urls.urlpatterns} == {
        "babamul/surveys/<survey:survey>/", "babamul/objects", "babamul/stats/nightly",
        "babamul/stats/collections", "babamul/stats/kafka", "vo/scs",
        "api/telescope/",  # staff's own, and no alert in it
        "babamul/filters", "babamul/filters/",  # tests/integration/filter_pages/test_gating.py
    }  # fmt: skip
    assert get_resolver().resolve("/babamul/surveys/LSST/schemas").kwargs == {"survey": "lsst"}
