"""Lists of alerts: selectors, filters, pages, many cones."""

import json
import math

import fastavro
import pytest

from pipeline.simulate.scenario import make_lsst_packet, make_ztf_packet
from tests import samples

pytestmark = pytest.mark.integration

JD = 2461254.75
BASE = "/babamul/surveys/ztf/alerts"


def get(api, address, **query):
    return api.get(address, query)


def candids(response):
    assert response.status_code == 200, response.content
    return [row["candid"] for row in json.loads(response.content)["data"]]


def ztf(candid, **fields):
    return make_ztf_packet(candid=candid, **{"object_id": f"ZTF26{candid:07d}"} | fields)


def test_alerts_of_an_object_come_by_candid_whatever_their_time(store, api):
    store(
        "ztf",
        ztf(12, object_id="ZTF26abcdefg", jd=JD),
        ztf(11, object_id="ZTF26abcdefg", jd=JD + 2),
        ztf(13, object_id="ZTF26abcdefh", jd=JD),
    )

    assert candids(get(api, BASE, object_id="ZTF26abcdefg")) == [11, 12]
    assert candids(get(api, "/babamul/surveys/ZtF/alerts", object_id="ZTF26abcdefg")) == [11, 12]
    assert candids(get(api, BASE, object_id="ZTF26unknown")) == []


def test_a_row_has_every_key_of_the_message_but_no_light_curve(store, api):
    store("ztf", ztf(11, magpsf=18.25))
    (row,) = json.loads(get(api, BASE, object_id="ZTF260000011").content)["data"]

    assert set(row) == {"candid", "objectId", "candidate", "properties", "classifications"}
    schema = json.loads(api.get("/babamul/surveys/ztf/schemas").content)
    types = {field["name"]: field["type"] for field in schema["fields"]}
    for record in ("candidate", "properties"):
        assert set(row[record]) == {field["name"] for field in types[record]["fields"]}
    assert row["candidate"]["magpsf"] == 18.25
    assert row["candidate"]["candid"] == row["candid"] == 11
    assert row["classifications"] is None


def test_a_cone_reaches_across_ra_0_and_over_the_poles(store, api):
    store(
        "ztf",
        ztf(1, ra=359.9999, dec=10.0),
        ztf(2, ra=0.0001, dec=10.0),
        ztf(3, ra=0.01, dec=10.0),
        ztf(4, ra=0.0, dec=89.9999),
        ztf(5, ra=180.0, dec=89.9999),
    )

    near_zero = candids(get(api, BASE, ra=0, dec=10, radius_arcsec=1))
    assert near_zero == [1, 2]  # 0.35 arcsec to either side; the third is 35 arcsec away
    assert candids(get(api, BASE, ra=90, dec=90, radius_arcsec=0.5)) == [4, 5]
    assert candids(get(api, BASE, ra=0, dec=89.9999, radius_arcsec=0.5)) == [4]
    assert candids(get(api, BASE, ra=359.9999, dec=10, radius_arcsec=600)) == [1, 2, 3]


@pytest.mark.parametrize(("separation", "is_found"), [(9.999, True), (10.001, False)])
def test_the_edge_of_a_cone_is_exact(store, api, separation, is_found):
    store("ztf", ztf(1, ra=120.0 + separation / 3600 / math.cos(math.radians(60)), dec=60.0))

    assert candids(get(api, BASE, ra=120, dec=60, radius_arcsec=10)) == ([1] if is_found else [])


def test_a_time_holds_both_its_ends(store, api):
    store("ztf", *(ztf(at, jd=JD + at / 4) for at in range(1, 6)))

    found = candids(get(api, BASE, start_jd=JD + 0.5, end_jd=JD + 1))
    assert found == [2, 3, 4]


def test_filters_are_inclusive_and_null_is_neither(store, api):
    store(
        "ztf",
        ztf(1, magpsf=18.5, drb=0.5, isdiffpos="t"),
        ztf(2, magpsf=19.5, drb=0.75, isdiffpos="f"),
        ztf(3, magpsf=20.5, drb=None, isdiffpos="t", ssdistnr=1.0, ssmagnr=19.0),
    )
    window = {"start_jd": JD - 0.4, "end_jd": JD + 0.4}

    def found(**query):
        return candids(get(api, BASE, **window, **query))

    assert found(min_magpsf=18.5, max_magpsf=19.5) == [1, 2]
    assert found(min_drb=0.75) == [2]
    assert found(max_drb=0.75) == [1, 2]
    assert found(min_reliability=0.6) == [2]
    assert found(is_positive="true") == [1, 3]
    assert found(is_positive="false") == [2]
    assert found(is_rock="True") == [3]
    assert found(is_rock="false") == [1, 2]


def test_gated_alerts_are_shown_and_incomplete_ones_are_not(store, api):
    store(
        "ztf",
        ztf(1, drb=0.01),  # low_drb: stored and gated
        ztf(2, ranr=-999.0, drb=0.01),  # also lacks what the client requires
        ztf(3),
    )

    assert candids(get(api, BASE, start_jd=JD - 0.4, end_jd=JD + 0.4)) == [1, 3]


def test_pages_fit_together(store, api):
    store("ztf", *(ztf(at) for at in range(1, 8)))
    window = {"start_jd": JD - 0.4, "end_jd": JD + 0.4}

    pages = [candids(get(api, BASE, **window, limit=3, skip=skip)) for skip in (0, 3, 6, 9)]
    assert pages == [[1, 2, 3], [4, 5, 6], [7], []]
    cone = {"ra": 150, "dec": 30, "radius_arcsec": 5, "limit": 3, "skip": 3}
    assert candids(get(api, BASE, **cone)) == [4, 5, 6]


def test_many_cones_are_answered_by_name(store, api):
    store("ztf", ztf(1, ra=10.0, dec=5.0), ztf(2, ra=20.0, dec=5.0), ztf(3, ra=20.0003, dec=5.0))
    body = {
        "coordinates": {"a": [10.0, 5.0], "b": [20.0, 5.0], "none": [30, 5], "again": [10.0, 5.0]},
        "radius_arcsec": 5,
    }

    response = api.post(f"{BASE}/cone-search", body, content_type="application/json")
    data = json.loads(response.content)["data"]
    assert {name: [row["candid"] for row in rows] for name, rows in data.items()} == {
        "a": [1],
        "b": [2, 3],
        "none": [],
        "again": [1],
    }


def test_5000_cones_are_one_question(store, api):
    store("ztf", ztf(1, ra=10.0, dec=5.0))
    places = {f"n{at}": [(10 + at * 0.01) % 360, 5.0] for at in range(5000)}
    body = {"coordinates": places, "radius_arcsec": 2}

    response = api.post(f"{BASE}/cone-search", body, content_type="application/json")
    data = json.loads(response.content)["data"]
    assert len(data) == 5000
    assert [name for name, rows in data.items() if rows] == ["n0"]


def test_a_long_list_is_streamed_and_is_the_same_json(store, api, monkeypatch):
    store("ztf", *(ztf(at) for at in range(1, 8)))
    window = {"start_jd": JD - 0.4, "end_jd": JD + 0.4}
    whole = json.loads(get(api, BASE, **window).content)
    body = {"coordinates": {"a": [150, 30], "b": [0, 0], 'c"': [150, 30]}, "radius_arcsec": 5}
    cones = json.loads(
        api.post(f"{BASE}/cone-search", body, content_type="application/json").content
    )

    monkeypatch.setattr("pipeline.web.api.answers.AT_ONCE", 2)
    streamed = get(api, BASE, **window)
    many = api.post(f"{BASE}/cone-search", body, content_type="application/json")
    assert streamed.streaming
    assert json.loads(b"".join(streamed)) == whole
    assert json.loads(b"".join(many)) == cones


def test_large_ids_stay_whole(store, api):
    big = 2**53 + 1
    store("ztf", ztf(big, object_id="ZTF26abcdefg"))

    response = get(api, BASE, object_id="ZTF26abcdefg")
    assert f'"candid":{big},' in response.content.decode()


def test_an_lsst_alert_full_of_nulls_keeps_every_key(store, api):
    store("lsst", make_lsst_packet(diaSourceId=77, apFlux=None, apFluxErr=math.nan))

    response = get(api, "/babamul/surveys/lsst/alerts", start_jd=JD - 0.4, end_jd=JD + 0.4)
    (row,) = json.loads(response.content, parse_constant=pytest.fail)["data"]
    assert len(row["candidate"]) == 87
    assert row["candidate"]["magap"] is None
    assert set(row) == {"candid", "objectId", "candidate", "properties"}


def finite(value):
    return isinstance(value, int | float) and math.isfinite(value) and value != -999


@pytest.mark.samples
def test_real_public_packets_are_all_there_and_private_ones_are_not(store, api):
    packets = samples.ztf_rewritten()
    store("ztf", *(packet.value for packet in packets))
    required = ("jd", "ra", "dec", "magpsf", "sigmapsf", "ranr", "decnr")
    expected = {
        packet.record["candid"]: packet.record["candidate"]
        for packet in packets
        if packet.record["candidate"]["programid"] == 1
        and all(finite(packet.record["candidate"][name]) for name in required)
    }

    found = {}
    for night in sorted({int(c["jd"] + 0.5) for c in expected.values()}):
        response = get(api, BASE, start_jd=night - 0.5, end_jd=night + 0.499999)
        found |= {row["candid"]: row for row in json.loads(response.content)["data"]}

    assert len(expected) > 300
    assert set(found) == set(expected)
    for candid, candidate in expected.items():
        row = found[candid]["candidate"]
        assert (row["ra"], row["dec"], row["jd"]) == tuple(
            candidate[n] for n in ("ra", "dec", "jd")
        )
        assert row["magpsf"] == pytest.approx(candidate["magpsf"], abs=1e-6)


def test_the_schema_parses(api):
    for survey in ("ztf", "lsst"):
        schema = json.loads(api.get(f"/babamul/surveys/{survey}/schemas").content)
        assert fastavro.parse_schema(schema)["type"] == "record"
