"""The published client, unmodified: every call of its REST side, on the real packets."""

import json
from pathlib import Path

import pytest
from astropy import units as u
from mocpy import MOC

from tests import oracle, samples
from tests.e2e import published_client
from tests.e2e.rest.conftest import JD, LSST_OBJECT, MANY, MANY_JD, Rest
from tests.integration.api.test_skymap import flat_map

pytestmark = [pytest.mark.samples, pytest.mark.slow]

ZTF = {
    "object_id": "ZTF26aaaaaaa",
    "candid": (1 << 53) + 1,
    "ra": 150.0,
    "dec": 30.0,
    "jd": JD + 0.5,
}
LSST = {"object_id": str(LSST_OBJECT), "candid": 1 << 57}
DISTANCES = ("DISTMU", "DISTSIGMA", "DISTNORM")


def public_records():
    """Return the newest generation's public packets, as fastavro reads them."""
    return [
        record
        for record in oracle.ztf_container(samples.folder())
        if record["candidate"]["programid"] == 1
    ]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the client shall ask for."""
    folder = tmp_path_factory.mktemp("facts")
    place = (ZTF["ra"], ZTF["dec"])
    degrees = {"lon": place[0] * u.deg, "lat": place[1] * u.deg, "radius": 1 * u.deg}
    MOC.from_cone(**degrees, max_depth=8).save(folder / "moc.fits", format="fits")
    (folder / "flat.fits").write_bytes(flat_map(6, place, nested=False))
    (folder / "volume.fits").write_bytes(flat_map(6, place, nested=True, extra=DISTANCES))
    records = public_records()
    file = folder / "facts.json"
    file.write_text(
        json.dumps(
            {
                "ztf": ZTF,
                "lsst": LSST,
                "many_jd": MANY_JD,
                "places": [(r["candidate"]["ra"], r["candidate"]["dec"]) for r in records],
                "moc": str(folder / "moc.fits"),
                "flat": str(folder / "flat.fits"),
                "volume": str(folder / "volume.fits"),
                "candids": [record["candid"] for record in records[:50]],
                "names": [record["objectId"] for record in records[:150]],
                "private_candid": 777,
            }
        )
    )
    return file


@pytest.fixture(scope="module")
def told(rest: Rest, facts: Path) -> dict:
    """What the client made of every answer."""
    return published_client.ask_rest(rest.personal, facts)


def test_the_client_logs_no_failed_batch(told):
    assert told["complaints"] == []


def test_it_knows_whose_token_it_is(told):
    assert told["profile"] == "ada@example.org"


def test_alerts_come_by_object(told):
    (alert,) = told["by_id"]
    assert (alert["model"], alert["candid"]) == ("ZtfAlert", (1 << 53) + 1)
    assert alert["magpsf"] == pytest.approx(18.5, abs=1e-5)
    (alert,) = told["lsst_by_id"]
    assert (alert["model"], alert["object_id"]) == ("LsstAlert", LSST["object_id"])
    assert told["unknown"] == []


def test_more_than_a_page_is_read_to_its_end(told):
    assert told["many"] == MANY


def test_a_cone_is_filtered(told):
    assert [alert["candid"] for alert in told["cone"]] == [ZTF["candid"]]
    assert [alert["star"] for alert in told["cone_not_star"]] == [False]


def test_cones_in_threads_find_every_public_packet(told):
    records = public_records()
    assert len(told["cones"]) == len(records)
    for at, record in enumerate(records):
        assert record["candid"] in told["cones"][str(at)]
    assert told["cones_of_skycoord"] == ["coord_0"]
    for at, record in enumerate(records[:30]):
        assert record["objectId"] in told["objects_in_cones"][str(at)]


def test_regions_of_the_sky_are_searched(told):
    assert told["moc"] == [ZTF["candid"]]
    assert told["flat"] == [ZTF["candid"]]
    assert told["volume"] == [[ZTF["candid"], None]]


def test_cutouts_are_the_packets(told):
    records = {record["candid"]: record for record in public_records()[:50]}
    assert told["cutouts_bulk"] == sorted(records)
    assert all(size > 0 for size in told["cutouts"])
    assert told["lsst_cutouts"] > 0
    assert told["private"] == told["not_found"]


def test_an_object_of_each_survey_is_whole(told):
    found, other = told["object"], told["lsst_object"]
    assert (found["match"], found["match_points"]) == (LSST["object_id"], 1)
    assert (other["match"], other["match_points"]) == (ZTF["object_id"], 1)
    assert [point[1] for point in found["points"]] == ["r"]
    assert found["points"][0][2] == pytest.approx(18.5, abs=1e-5)
    assert found["catalogs"] == ["LSPSC", "NED"]
    assert told["lspsc"] == 1
    assert told["photometry"] == 1
    assert told["row_photometry"] >= 1


def test_catalogs_come_alone_and_in_bulk(told):
    assert told["catalogs"] == told["added"] == ["LSPSC", "NED"]
    assert told["catalogs_bulk"] == sorted({r["objectId"] for r in public_records()[:150]})


def test_objects_are_searched_by_part_of_a_name(told):
    assert told["search"] == [ZTF["object_id"]]
    assert told["search_lsst"] == ["LSST"]


@pytest.mark.parametrize("call", ["track", "fit", "no_object"])
def test_what_is_not_there_is_not_found(told, call):
    assert told[call] == told["not_found"]


def test_a_log_in_token_opens_the_same(rest: Rest, facts: Path, told):
    assert published_client.ask_rest(rest.login, facts) == told
