"""Cutouts: the packet's own bytes, or a plain word that there are none."""

import base64
import json
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from pipeline.alerts import query_cutouts
from pipeline.simulate.scenario import make_lsst_packet, make_ztf_packet
from pipeline.web import object_pages
from pipeline.web.api import cutouts
from tests import samples

pytestmark = pytest.mark.integration

NAMES = ("cutoutScience", "cutoutTemplate", "cutoutDifference")
JD = 2461254.75


def post(api, candids, survey="ztf"):
    response = api.post(
        f"/babamul/surveys/{survey}/cutouts", {"candids": candids}, content_type="application/json"
    )
    return json.loads(response.content)["data"]


def stamp(record, name):
    image = record[name]
    return (image["stampData"] if isinstance(image, dict) else image) or b""


@pytest.mark.samples
@pytest.mark.parametrize(
    ("survey", "packets"),
    [("ztf", samples.ztf_rewritten), ("lsst", samples.rubin)],
    ids=["ztf", "lsst"],
)
def test_the_bytes_of_real_packets_come_back(store, api, survey, packets):
    chosen = packets()[:20]
    store(survey, *(packet.value for packet in chosen))
    records = {
        packet.record.get("candid", packet.record.get("diaSourceId")): packet.record
        for packet in chosen
    }

    data = post(api, list(records), survey)
    assert data["cutouts"]
    for found in data["cutouts"]:
        for name in NAMES:
            assert base64.b64decode(found[name]) == stamp(records[found["candid"]], name)
    shown = {one["candid"] for one in data["cutouts"]}
    assert shown | set(data["missing"]) == set(records)


def test_many_come_in_the_order_asked_and_the_rest_is_missing(store, api):
    store(
        "ztf",
        make_ztf_packet(candid=1),
        make_ztf_packet(candid=2, has_cutouts=False),
        make_ztf_packet(candid=3),
    )

    data = post(api, [3, 9, 2, 1])
    assert [found["candid"] for found in data["cutouts"]] == [3, 1]
    assert data["missing"] == [9, 2]
    assert data["cutouts"][0]["jd"] == JD


def test_one_alert_without_images_has_empty_ones(store, api):
    store("lsst", make_lsst_packet(diaSourceId=5, has_cutouts=False))

    response = api.get("/babamul/surveys/lsst/cutouts", {"candid": 5})
    assert json.loads(response.content)["data"] == {"candid": 5, **dict.fromkeys(NAMES, "")}


@pytest.mark.parametrize(
    ("query", "candid"),
    [
        ({}, 2),
        ({"which": "brightest"}, 2),
        ({"which": "faintest"}, 3),
        ({"which": "first"}, 3),
        ({"which": "last"}, 1),
        ({"which": "brightest", "band": "g"}, 3),
    ],
)
def test_an_object_offers_a_choice_of_its_alerts(store, api, query, candid):
    name = {"object_id": "ZTF26aaaaaaa"}
    store(
        "ztf",
        make_ztf_packet(candid=1, jd=JD + 2, magpsf=18.5, **name),
        make_ztf_packet(candid=2, jd=JD + 1, magpsf=17.5, **name),
        make_ztf_packet(candid=3, jd=JD, magpsf=19.5, band="g", **name),
    )

    response = api.get("/babamul/surveys/ztf/cutouts", {"objectId": "ZTF26aaaaaaa", **query})
    assert json.loads(response.content)["data"]["candid"] == candid


def test_an_expired_archive_file_is_told_and_is_no_failure(store, api, archive):
    store("ztf", make_ztf_packet(candid=1))
    for file in archive.rglob("*.seg"):
        file.unlink()

    response = api.get("/babamul/surveys/ztf/cutouts", {"candid": 1})
    assert response.status_code == 404
    assert json.loads(response.content)["message"].startswith("archive expired")
    assert post(api, [1]) == {"cutouts": [], "missing": [1]}


def test_an_archive_file_that_is_not_known_any_more_is_no_failure(store, api, session):
    store("ztf", make_ztf_packet(candid=1))
    session.execute(text("UPDATE alerts SET archive_segment_id = 999999"))

    assert post(api, [1]) == {"cutouts": [], "missing": [1]}


def test_packets_are_read_while_no_connection_is_held(store, api, monkeypatch):
    store("ztf", make_ztf_packet(candid=1))
    held = []
    browsing, read_slice = cutouts.browsing, query_cutouts.read_slice

    @contextmanager
    def watched_reading():
        held.append(1)
        with browsing() as session:
            yield session
        held.pop()

    def watched_read(*given):
        assert not held
        return read_slice(*given)

    monkeypatch.setattr(cutouts, "browsing", watched_reading)
    monkeypatch.setattr(object_pages, "browsing", watched_reading)
    monkeypatch.setattr(query_cutouts, "read_slice", watched_read)

    assert [one["candid"] for one in post(api, [1])["cutouts"]] == [1]
    assert api.get("/babamul/surveys/ztf/cutouts", {"candid": 1}).status_code == 200
    assert api.get("/objects/ztf/ZTF26aaaaaaa/packets/1").status_code == 200


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_a_test_alert_has_images(survey, api, session):
    sent, old = -int(time.time() * 1000) + 5_000, -1
    single = api.get(f"/babamul/surveys/{survey}/cutouts", {"candid": sent})
    data = post(api, [old, sent], survey)

    assert all(base64.b64decode(json.loads(single.content)["data"][name]) for name in NAMES)
    assert [one["candid"] for one in data["cutouts"]] == [sent]
    assert data["missing"] == [old]
    assert api.get(f"/babamul/surveys/{survey}/cutouts", {"candid": old}).status_code == 404
