"""The object page and what belongs to it: points, cutouts, packets, files; public data alone."""

import base64
import gzip
import io
import json
import math
import warnings

import fastavro
import numpy as np
import pytest
from astropy.io import fits

from pipeline.alerts import query_pages
from pipeline.catalogs.known import NED
from pipeline.simulate.scenario import epoch, make_lsst_packet, make_ztf_packet
from tests import samples
from tests.integration.api.world import load_rows

pytestmark = pytest.mark.integration

JD = 2461254.75
BIG = 2**53 + 1
HOME = "/objects/ztf/ZTF26aaaaaaa"


def test_the_page_tells_where_when_and_why(store, session, anybody):
    store("ztf", make_ztf_packet(candid=BIG, sgscore1=0.1, distpsnr1=1.0))
    store("lsst", make_lsst_packet(diaSourceId=7, jd=JD + 1))
    load_rows(session, NED, [{"ra": 150.0, "dec": 30.001, "objname": "NGC <1>", "z": 0.01}])

    page = anybody.get(HOME).content.decode()
    assert "10:00:00.00 +30:00:00.0" in page
    assert "150.000000, 30.000000" in page
    # Of astropy: SkyCoord(150, 30, unit="deg").galactic
    assert "198.1421, 52.4641" in page
    assert str(BIG) in page
    assert "babamul.ztf.no-lsst-match.hosted" in page
    assert "/objects/lsst/170028496585752654" in page
    assert "NGC &lt;1&gt;" in page
    assert "3.60″" in page
    assert "<noscript><svg" in page


def test_a_gated_alert_says_what_stopped_it_and_an_incomplete_one_is_shown(store, anybody):
    store(
        "ztf", make_ztf_packet(candid=5, ranr=-999.0), make_ztf_packet(candid=6, drb=0.1, jd=JD + 1)
    )

    page = anybody.get(HOME).content.decode()
    assert "a required field has no finite value" in page
    assert "is below 0.2" in page
    assert ">5</a>" in page


@pytest.mark.parametrize(
    "path", ["", "/data.json", "/light_curve.csv", "/cutouts/5.json", "/packets/5"]
)
def test_an_object_of_private_alerts_has_no_page(store, anybody, path):
    store("ztf", make_ztf_packet(candid=5, programid=2))

    assert anybody.get(HOME + path).status_code == 404


def test_private_alerts_of_a_public_object_are_not_shown(store, anybody):
    store(
        "ztf",
        make_ztf_packet(candid=555_555, programid=2, jd=JD + 1, magpsf=17.8125),
        make_ztf_packet(candid=6),
    )

    for path in ("", "/data.json", "/light_curve.csv"):
        response = anybody.get(HOME + path)
        text = b"".join(response).decode()
        assert response.status_code == 200
        assert "555555" not in text
        assert "17.81" not in text
    assert anybody.get(f"{HOME}/cutouts/555555.json").status_code == 404
    assert anybody.get(f"{HOME}/packets/555555").status_code == 404


@pytest.fixture
def long_history(store, monkeypatch):
    """Store five alerts, of which a page shows two; the third is private."""
    monkeypatch.setattr(query_pages, "SHOWN_ALERTS", 2)
    store(
        "ztf",
        *(
            make_ztf_packet(candid=100 + at, jd=JD + at, programid=2 if at == 2 else 1)
            for at in range(5)
        ),
    )


@pytest.mark.parametrize("candid", [100, 101, 103, 104])
def test_the_alert_that_is_asked_for_is_shown_however_old(long_history, anybody, candid):
    page = anybody.get(f"{HOME}?candid={candid}").content.decode()

    assert f'data-candid="{candid}">' in page.partition('id="images"')[2][:100]


def test_without_a_number_the_newest_is_shown(long_history, anybody):
    assert 'data-candid="104">' in anybody.get(HOME).content.decode()


@pytest.mark.parametrize("candid", ["102", "99", "0", "x", "-1", "١٠٠", "9" * 19, "9" * 4301])
def test_an_alert_that_the_object_has_not_is_not_found(long_history, anybody, candid):
    assert anybody.get(HOME, {"candid": candid}).status_code == 404


def test_points_have_ids_as_text_and_true_units(store, anybody):
    history = [epoch(JD - 2, "g", alert_id=0, limit_abmag=20.5)]
    store("ztf", make_ztf_packet(candid=BIG, magpsf=18.5, history=history, forced=()))

    data = json.loads(anybody.get(f"{HOME}/data.json").content)
    limit = next(one for one in data["series"] if one["kind"] == "limit")
    seen = next(one for one in data["series"] if one["kind"] == "alert")
    assert seen["candid"] == [str(BIG)]
    assert seen["mag"] == [pytest.approx(18.5, abs=1e-5)]
    assert seen["flux_njy"] == [pytest.approx(144_544, rel=1e-4)]
    assert limit["limmag"] == [pytest.approx(20.5, abs=1e-5)]


def test_the_other_surveys_points_are_beside(store, anybody):
    store("ztf", make_ztf_packet(candid=6))
    store("lsst", make_lsst_packet(diaSourceId=7, jd=JD + 1))

    data = json.loads(anybody.get("/objects/lsst/170028496585752654/data.json").content)
    assert {one["survey"] for one in data["series"]} == {"ztf", "lsst"}


@pytest.mark.samples
def test_pixels_are_those_of_the_packets_nan_included(store, anybody):
    packet = next(
        one
        for one in samples.ztf_rewritten()
        if one.record["candidate"]["programid"] == 1 and np.isnan(pixels_of(one.record)).any()
    )
    store("ztf", packet.value)

    home = f"/objects/ztf/{packet.record['objectId']}"
    data = json.loads(anybody.get(f"{home}/cutouts/{packet.record['candid']}.json").content)
    image = data["images"][0]
    raw = np.frombuffer(base64.b64decode(image["pixels"]), "<f4")
    expected = pixels_of(packet.record)
    assert data["candid"] == str(packet.record["candid"])
    assert (image["name"], image["height"], image["width"]) == ("science", *expected.shape)
    np.testing.assert_array_equal(raw.reshape(expected.shape), expected.astype("f4"))


def pixels_of(record):
    warnings.simplefilter("ignore")  # ZTF's headers break the standard in small things
    with fits.open(io.BytesIO(gzip.decompress(record["cutoutScience"]["stampData"]))) as file:
        return np.array(file[0].data)


def test_an_alert_without_images_has_none(store, anybody):
    store("ztf", make_ztf_packet(candid=6, has_cutouts=False))

    assert json.loads(anybody.get(f"{HOME}/cutouts/6.json").content)["images"] == []


def test_the_raw_packet_comes_whole_unless_its_history_is_private(store, anybody):
    public = make_ztf_packet(candid=6)
    store("ztf", public)
    assert anybody.get(f"{HOME}/packets/6").content == public


def test_a_packet_with_private_history_stays_here(store, anybody):
    packet = make_ztf_packet(candid=6, history=[epoch(JD - 2, alert_id=5)])
    reader = fastavro.reader(io.BytesIO(packet))
    record = next(iter(reader))
    record["prv_candidates"][0]["programid"] = 2
    store("ztf", samples.container(reader.writer_schema, record))

    assert anybody.get(HOME).status_code == 200
    assert anybody.get(f"{HOME}/packets/6").status_code == 404


def test_an_expired_packet_is_told(store, anybody, archive):
    store("ztf", make_ztf_packet(candid=6))
    for file in archive.rglob("*.seg"):
        file.unlink()

    response = anybody.get(f"{HOME}/cutouts/6.json")
    assert response.status_code == 404
    assert "archive expired" in json.loads(response.content)["message"]
    assert anybody.get(HOME).status_code == 200


def test_an_lsst_object_full_of_nulls_has_a_page(store, anybody):
    store("lsst", make_lsst_packet(diaSourceId=7, apFlux=None, apFluxErr=math.nan, band="y"))

    assert anybody.get("/objects/lsst/170028496585752654").status_code == 200
