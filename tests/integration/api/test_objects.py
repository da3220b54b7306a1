"""Objects: whole, searched, with catalogs and the other survey's object."""

import json

import pytest

from pipeline.catalogs.known import (
    ALLWISE,
    CATWISE,
    DESI,
    GAIA_DR3,
    LSDR10,
    MILLIQUAS,
    NED,
    TWOMASS,
    VSX,
)
from pipeline.simulate.scenario import epoch, make_lsst_packet, make_ztf_packet
from tests.integration.api.world import load_rows

pytestmark = pytest.mark.integration

JD = 2461254.75
NAME = "ZTF26aaaaaaa"
LSST_NAME = "170028496585752654"
HERE = {"ra": 150.0, "dec": 30.0}


def get(api, address, **query):
    response = api.get(f"/babamul{address}", query)
    assert response.status_code == 200, response.content
    return json.loads(response.content)["data"]


def test_an_object_is_its_newest_alert_with_its_whole_history(store, api):
    history = [epoch(JD - 3, "g", 19.0, alert_id=5), epoch(JD - 2, "r", alert_id=0)]
    store(
        "ztf",
        make_ztf_packet(candid=30, jd=JD + 1, magpsf=18.0, forced=()),
        make_ztf_packet(candid=40, jd=JD, magpsf=18.5, history=history),
    )

    found = get(api, f"/surveys/ztf/objects/{NAME}")
    assert (found["candid"], found["candidate"]["magpsf"]) == (30, 18.0)
    assert [(p["jd"], p["band"]) for p in found["prv_candidates"]] == [
        (JD - 3, "g"), (JD, "r"), (JD + 1, "r"),
    ]  # fmt: skip
    assert [p["jd"] for p in found["prv_nondetections"]] == [JD - 2]
    assert set(found["prv_nondetections"][0]) == {"jd", "psfFluxErr", "band"}
    # AB magnitude 19 in the client's 10⁶ nJy: 10^(−0.4 (19 − 23.9)) × 10⁹
    assert found["prv_candidates"][0]["psfFlux"] == pytest.approx(91201083935.59, rel=1e-6)
    assert found["classifications_history"] == []
    assert found["survey_matches"] == {"ztf": None, "lsst": None}
    assert {"fp_hists", "cross_matches", "properties", "classifications"} <= set(found)


def test_both_surveys_show_each_other(store, api):
    store("lsst", make_lsst_packet(diaSourceId=7, jd=JD))
    store("ztf", make_ztf_packet(candid=8, jd=JD + 1, dec=30.0 + 1 / 3600))

    of_ztf = get(api, f"/surveys/ztf/objects/{NAME}")["survey_matches"]["lsst"]
    of_lsst = get(api, f"/surveys/lsst/objects/{LSST_NAME}")
    assert of_ztf["objectId"] == LSST_NAME
    assert of_ztf["distance_arcsec"] == pytest.approx(1.0, abs=1e-6)
    assert [p["jd"] for p in of_ztf["prv_candidates"]] == [pytest.approx(JD, abs=1e-8)]
    assert "prv_nondetections" not in of_ztf
    assert of_lsst["survey_matches"]["ztf"]["objectId"] == NAME
    assert of_lsst["survey_matches"]["ztf"]["prv_nondetections"] == []
    assert "prv_nondetections" not in of_lsst
    assert "classifications_history" not in of_lsst


@pytest.mark.parametrize("address", ["objects/ZTF26zzzzzzz", "objects/ZTF26zzzzzzz/cross-matches"])
def test_an_unknown_object_is_404(api, address):
    response = api.get(f"/babamul/surveys/ztf/{address}")

    assert response.status_code == 404
    assert json.loads(response.content)["message"] == "no ZTF object 'ZTF26zzzzzzz'"


def test_catalog_rows_have_the_types_that_the_client_demands(store, session, api):
    store("ztf", make_ztf_packet(candid=8))
    load_rows(session, GAIA_DR3, [{"id": 2**60 + 1, **HERE, "parallax": float("nan")}])
    load_rows(session, VSX, [{**HERE, "name": "RR Lyr", "types": "RRAB|EA"}])
    load_rows(session, DESI, [{"id": 39627, **HERE, "z": 0.1, "zwarn": 4.0, "spectype": "QSO"}])
    load_rows(session, NED, [{**HERE, "objname": "NGC 1", "DistMpc": 70.5}])
    load_rows(session, CATWISE, [{**HERE, "source_name": None, "w1mpro": 15.5}])
    load_rows(session, MILLIQUAS, [{**HERE, "id": "Q1", "objtype": "QR"}])
    load_rows(session, ALLWISE, [{**HERE, "id": "J1000"}, {"ra": 150.1, "dec": 30, "id": "far"}])
    load_rows(session, TWOMASS, [])
    load_rows(session, LSDR10, [{"id": 9, **HERE, "z_spec": None}])

    found = get(api, f"/surveys/ztf/objects/{NAME}/cross-matches")
    assert {title: len(rows) for title, rows in found.items()} == {
        "LSPSC": 0, "Gaia_DR3": 1, "VSX": 1, "2MASS_PSC": 0, "AllWISE": 1, "CatWISE": 1, "NED": 1,
        "milliquas_v8": 1, "DESI_DR1": 1, "LSDR10": 1,
    }  # fmt: skip
    (gaia,) = found["Gaia_DR3"]
    assert (gaia["_id"], gaia["parallax"], gaia["distance_arcsec"]) == (2**60 + 1, None, 0.0)
    assert found["VSX"][0]["types"] == ["RRAB", "EA"]
    assert (found["VSX"][0]["_id"], found["VSX"][0]["name"]) == ("RR Lyr", "RR Lyr")
    assert found["DESI_DR1"][0]["zwarn"] == 4
    assert isinstance(found["DESI_DR1"][0]["zwarn"], int)
    assert (found["NED"][0]["_id"], found["NED"][0]["DistMpc"]) == ("NGC 1", 70.5)
    assert found["CatWISE"][0]["source_name"] == "150.000000+30.000000"
    assert get(api, f"/surveys/ztf/objects/{NAME}")["cross_matches"] == found


@pytest.mark.parametrize("key", ["object_ids", "objectIds"])
def test_catalogs_of_many_objects_leave_unknown_ones_out(store, session, api, key):
    store(
        "ztf",
        make_ztf_packet(candid=8),
        make_ztf_packet(candid=9, object_id="ZTF26bbbbbbb", ra=10.0),
    )
    load_rows(session, ALLWISE, [{**HERE, "id": "J1000"}])

    response = api.post(
        "/babamul/surveys/ztf/objects/cross-matches",
        {key: ["ZTF26bbbbbbb", NAME, "ZTF26zzzzzzz"]},
        content_type="application/json",
    )
    data = json.loads(response.content)["data"]
    assert {name: len(found["AllWISE"]) for name, found in data.items()} == {
        NAME: 1, "ZTF26bbbbbbb": 0,
    }  # fmt: skip


def test_cones_of_objects_are_nearest_first(store, api):
    store(
        "ztf",
        make_ztf_packet(candid=8, dec=30.0 + 3 / 3600),
        make_ztf_packet(candid=9, object_id="ZTF26bbbbbbb", dec=30.0 + 1 / 3600),
    )
    body = {"coordinates": {"here": [150.0, 30.0], "there": [0, 0]}, "radius_arcsec": 5}

    response = api.post(
        "/babamul/surveys/ztf/objects/cone-search", body, content_type="application/json"
    )
    data = json.loads(response.content)["data"]
    assert [row["objectId"] for row in data["here"]] == ["ZTF26bbbbbbb", NAME]
    assert data["here"][1] == {
        "objectId": NAME, "survey": "ZTF", "ra": 150.0, "dec": 30.0 + 3 / 3600,
    }  # fmt: skip
    assert data["there"] == []


def test_a_position_finds_objects_of_both_surveys(store, api):
    store("ztf", make_ztf_packet(candid=8, dec=30.0 + 1.5 / 3600))
    store("lsst", make_lsst_packet(diaSourceId=7, dec=30.0 + 0.5 / 3600))

    found = get(api, "/objects", ra=150, dec=30, radius=2)
    assert [(row["survey"], row["objectId"]) for row in found] == [
        ("LSST", LSST_NAME), ("ZTF", NAME),
    ]  # fmt: skip
    assert [row["distance_arcsec"] for row in found] == [
        pytest.approx(0.5, abs=1e-6), pytest.approx(1.5, abs=1e-6),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("Z", {"ZTF26aaaaaaa", "ZTF18bcdefgh"}),
        ("ZT", {"ZTF26aaaaaaa", "ZTF18bcdefgh"}),
        ("ZTF", {"ZTF26aaaaaaa", "ZTF18bcdefgh"}),
        ("ZTF1", {"ZTF18bcdefgh"}),
        ("ZTF26", {"ZTF26aaaaaaa"}),
        ("ztf18BCD", {"ZTF18bcdefgh"}),
        ("18bc", {"ZTF18bcdefgh"}),
        ("L", {LSST_NAME}),
        ("LSST", {LSST_NAME}),
        ("LSST1700", {LSST_NAME}),
        ("170028496585752654", {LSST_NAME}),
        ("18", set()),
        ("ZTF18x", set()),
    ],
)
def test_a_part_of_a_name_finds_objects(store, api, part, found):
    store("ztf", make_ztf_packet(candid=8))
    store("ztf", make_ztf_packet(candid=9, object_id="ZTF18bcdefgh", ra=10.0))
    store("lsst", make_lsst_packet(diaSourceId=7))

    assert {row["objectId"] for row in get(api, "/objects", object_id=part)} == found


@pytest.mark.parametrize(
    "part",
    ["ZTFa", "ZTF1a", "X", "ZTF.*", "^ZTF", "ZTF18%", "18abcdefgh", "LSSTa", "ZTF18_", " ", "١٨"],
)
def test_what_is_no_part_of_a_name_is_400(api, part):
    response = api.get("/babamul/objects", {"object_id": part})

    assert response.status_code == 400
    assert list(json.loads(response.content)["errors"]) == ["object_id"]


def test_names_come_in_order_and_no_more_than_asked_for(store, api):
    store(
        "ztf",
        *(
            make_ztf_packet(candid=at, object_id=f"ZTF26aaaaaa{letter}", ra=10.0 * at)
            for at, letter in enumerate("dbca", start=1)
        ),
    )

    found = get(api, "/objects", object_id="ZTF26a", limit=3)
    assert [row["objectId"] for row in found] == ["ZTF26aaaaaaa", "ZTF26aaaaaab", "ZTF26aaaaaac"]
