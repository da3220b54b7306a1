"""Bad questions: a precise 4xx with field and rule in one shape, never a 500."""

import json

import pytest

pytestmark = pytest.mark.integration

ALERTS = "/babamul/surveys/ztf/alerts"
JD = 2461254.75
CONE = {"ra": 150, "dec": 30, "radius_arcsec": 5}


def refused(response, status=400):
    assert response.status_code == status, response.content
    assert response["Content-Type"].startswith("application/json")
    answer = json.loads(response.content)
    assert set(answer) >= {"message", "errors"}
    return answer


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"radius_arcsec": 0}, "radius_arcsec", "must be in (0, 600]"),
        ({"radius_arcsec": 600.001}, "radius_arcsec", "must be in (0, 600]"),
        ({"radius_arcsec": "nan"}, "radius_arcsec", "must be in (0, 600]"),
        ({"radius_arcsec": "inf"}, "radius_arcsec", "must be in (0, 600]"),
        ({"radius_arcsec": "x"}, "radius_arcsec", "must be in (0, 600]"),
        ({"ra": 360}, "ra", "must be in [0, 360)"),
        ({"ra": -0.001}, "ra", "must be in [0, 360)"),
        ({"dec": 90.001}, "dec", "must be in [-90, 90]"),
        ({"limit": 0}, "limit", "must be a whole number in [1, 100000]"),
        ({"limit": 100_001}, "limit", "must be a whole number in [1, 100000]"),
        ({"limit": 1.5}, "limit", "must be a whole number in [1, 100000]"),
        ({"skip": -1}, "skip", "must be a whole number in [0, 1000000]"),
        ({"skip": 1_000_001}, "skip", "must be a whole number in [0, 1000000]"),
        ({"is_star": "yes"}, "is_star", "must be true or false"),
        ({"format": "xml"}, "format", "must be one of json, csv, parquet"),
        ({"min_magpsf": 19, "max_magpsf": 18}, "max_magpsf", "must not be below min_magpsf"),
        ({"min_drb": 0.9, "max_drb": 0.5}, "max_drb", "must not be below min_drb"),
        ({"min_drb": 0.9, "max_reliability": 0.5}, "max_reliability", "must not be below min_drb"),
        ({"min_reliability": 0.9, "max_drb": 0.5}, "max_drb", "must not be below min_reliability"),
        ({"min_drb": 0.9, "min_reliability": 0.1}, "min_reliability",
         "must not differ from min_drb: they are the same"),
        ({"max_drb": 0.9, "max_reliability": 0.8}, "max_reliability",
         "must not differ from max_drb: they are the same"),
        ({"object_id": "ZTF26aaaaaaa"}, "object_id", "must not be given with a position: choose one"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named_with_its_rule(api, change, field, rule):
    answer = refused(api.get(ALERTS, CONE | change))

    assert answer["errors"] == {field: [rule]}
    assert answer["message"] == f"{field}: {rule}"


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({}, ["start_jd", "end_jd"]),
        ({"start_jd": JD}, ["end_jd"]),
        ({"start_jd": JD, "end_jd": JD + 1.001}, ["end_jd"]),
        ({"start_jd": JD, "end_jd": JD - 1}, ["end_jd"]),
        ({"ra": 1, "dec": 2}, ["radius_arcsec"]),
        ({"radius_arcsec": 2}, ["ra", "dec"]),
    ],
)
def test_half_a_selector_is_refused(api, query, fields):
    assert list(refused(api.get(ALERTS, query))["errors"]) == fields


@pytest.mark.parametrize("ra", [0, 180, 359.9999])
@pytest.mark.parametrize("dec", [-90, 0, 90])
@pytest.mark.parametrize("radius_arcsec", [1e-6, 600])
def test_the_corners_of_the_sky_are_searched(store, api, ra, dec, radius_arcsec):
    store("ztf")
    response = api.get(ALERTS, {"ra": ra, "dec": dec, "radius_arcsec": radius_arcsec})

    assert response.status_code == 200, response.content


@pytest.mark.parametrize(
    "path", ["/babamul/surveys/atlas/alerts", "/babamul/surveys/ztf/nothing", "/babamul/nothing"]
)
def test_an_unknown_address_is_404_in_json(api, path):
    refused(api.get(path), 404)


def test_a_wrong_method_is_405_in_json(api):
    refused(api.delete(ALERTS), 405)
    refused(api.get(f"{ALERTS}/cone-search"), 405)


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[1]",
        '{"coordinates": {"a": [NaN, 0]}, "radius_arcsec": 2}',
        '{"coordinates": {"a": [1e999, 0]}, "radius_arcsec": 2}',
        '{"coordinates": ' + "[" * 5000 + "]" * 5000 + "}",
        "",
    ],
)
def test_a_malformed_body_is_400_in_json(api, body):
    refused(api.post(f"{ALERTS}/cone-search", body, content_type="application/json"))


@pytest.mark.parametrize(
    ("coordinates", "rule"),
    [
        ({}, "must have 1 to 5000 positions"),
        ({f"{at}": [0, 0] for at in range(5001)}, "must have 1 to 5000 positions"),
        ([1, 2], 'must be an object like {"name": [ra, dec]}'),
        ({"a": [1]}, "must be [ra, dec]"),
        ({"a": [1, "2"]}, "must be [ra, dec]"),
        ({"a": [True, 2]}, "must be [ra, dec]"),
        ({"a": [360, 2]}, "ra must be in [0, 360)"),
        ({"a": [0, -91]}, "dec must be in [-90, 90]"),
    ],
)
def test_wrong_coordinates_are_told(api, coordinates, rule):
    body = {"coordinates": coordinates, "radius_arcsec": 2}
    answer = refused(api.post(f"{ALERTS}/cone-search", body, content_type="application/json"))

    assert rule in answer["message"]
    assert answer["message"].startswith("coordinates")


def test_a_cone_with_too_many_alerts_is_refused_whole(store, api, monkeypatch):
    from pipeline.simulate.scenario import make_ztf_packet

    store("ztf", *(make_ztf_packet(candid=at) for at in range(1, 5)))
    monkeypatch.setattr("pipeline.alerts.query_alerts.MAX_ALERTS", 3)

    answer = refused(api.get(ALERTS, CONE))
    assert "more than 3 alerts" in answer["errors"]["radius_arcsec"][0]
    monkeypatch.setattr("pipeline.alerts.query_alerts._BOX_ROWS", 2)
    refused(api.get(ALERTS, CONE))


def test_a_search_that_takes_too_long_says_so(api, monkeypatch):
    from broker.refusals import TooLongError

    def slow(*_):
        raise TooLongError("the search took longer than 25 s")

    monkeypatch.setattr("pipeline.web.api.alerts.query_alerts.in_cone", slow)
    assert "25 s" in refused(api.get(ALERTS, CONE))["message"]


def test_a_body_above_the_cap_is_413(api):
    body = b"[" + b" " * (1 << 20) + b"]"
    refused(api.post(f"{ALERTS}/cone-search", body, content_type="application/json"), 413)


@pytest.mark.parametrize("path", [ALERTS, "/babamul/objects", "/babamul/surveys/ztf/objects/X"])
def test_data_needs_a_token(db, client, path):
    response = client.get(path, headers={"host": "localhost"})

    assert response["WWW-Authenticate"].startswith("Bearer")
    refused(response, 401)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "ra"),
        ({"object_id": "ZTF", "ra": 1, "dec": 1, "radius": 1}, "object_id"),
        ({"object_id": "ZTF", "limit": 101}, "limit"),
        ({"ra": 1, "dec": 1, "radius": 601}, "radius"),
        ({"object_id": "ZTF\x00"}, None),
    ],
)
def test_object_searches_are_checked(api, query, field):
    answer = refused(api.get("/babamul/objects", query))

    assert field is None or field in answer["errors"]


@pytest.mark.parametrize(
    "body", [{"candids": []}, {"candids": list(range(1, 102))}, {"candids": ["x"]}, {}]
)
def test_bulk_cutouts_take_1_to_100_ids(api, body):
    path = "/babamul/surveys/ztf/cutouts"
    answer = refused(api.post(path, body, content_type="application/json"))

    assert next(iter(answer["errors"])).startswith("candids")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/babamul/surveys/ztf/cutouts", 400),
        ("/babamul/surveys/ztf/cutouts?candid=9223372036854775808", 400),
        ("/babamul/surveys/ztf/cutouts?candid=1", 404),
        ("/babamul/surveys/ztf/cutouts?objectId=ZTF26aaaaaaa&which=best", 400),
        ("/babamul/surveys/lsst/villar-fit?candid=1", 400),
        ("/babamul/surveys/ztf/villar-fit", 400),
        ("/babamul/surveys/ztf/villar-fit?objectId=ZTF26aaaaaaa&which=last", 404),
        ("/babamul/surveys/lsst/tracks/BT000001", 404),
        ("/babamul/stats/nightly?start_date=2017-12-31&end_date=2018-01-02", 400),
        ("/babamul/stats/nightly?start_date=2020-01-02&end_date=2020-01-01", 400),
        ("/babamul/stats/nightly?start_date=2020-01-02&end_date=2999-01-01", 400),
        ("/babamul/stats/nightly?start_date=2020-01-01&end_date=2021-02-04", 400),
        ("/babamul/stats/nightly?start_date=x&end_date=2020-01-01", 400),
        ("/babamul/stats/nightly", 400),
    ],
)
def test_other_routes_refuse_precisely(api, path, status):
    refused(api.get(path), status)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_catalog_rows_come_as_json_alone(api, form):
    one = api.get(f"/babamul/surveys/ztf/objects/ZTF26aaaaaaa/cross-matches?format={form}")
    many = api.post(
        f"/babamul/surveys/ztf/objects/cross-matches?format={form}",
        {"object_ids": ["ZTF26aaaaaaa"]},
        content_type="application/json",
    )

    for answer in (refused(one), refused(many)):
        assert list(answer["errors"]) == ["format"]


def test_two_lists_of_names_that_differ_are_refused(api):
    path = "/babamul/surveys/ztf/objects/cross-matches"
    names = {"object_ids": ["ZTF26aaaaaaa"], "objectIds": ["ZTF26bbbbbbb"]}
    same = {"object_ids": ["ZTF26aaaaaaa"], "objectIds": ["ZTF26aaaaaaa"]}

    answer = refused(api.post(path, names, content_type="application/json"))

    assert answer["errors"] == {"objectIds": ["must not differ from object_ids: they are the same"]}
    assert api.post(path, same, content_type="application/json").status_code == 200


def test_the_longest_range_of_nights_is_answered(api):
    path = "/babamul/stats/nightly?start_date=2020-01-01&end_date=2021-02-03"

    assert api.get(path).status_code == 200


def test_collections_name_tables_with_sizes(api):
    data = json.loads(api.get("/babamul/stats/collections").content)["data"]

    names = [one["name"] for one in data["collections"]]
    assert names[:3] == ["alerts", "light_curves", "objects"]
    assert data["n_collections"] == len(names)
    assert all(one["size_bytes"] > 0 for one in data["collections"])
