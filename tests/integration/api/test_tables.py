"""CSV and Parquet: the same rows as JSON, ids whole, nothing that a spreadsheet would run."""

import csv
import io
import json

import pyarrow.parquet as pq
import pytest

from pipeline.simulate.scenario import epoch, make_lsst_packet, make_ztf_packet

pytestmark = pytest.mark.integration

JD = 2461254.75
BIG = 2**53 + 1
WINDOW = {"start_jd": JD - 0.4, "end_jd": JD + 0.4}
ALERTS = "/babamul/surveys/ztf/alerts"


def text(response):
    assert response.status_code == 200
    return b"".join(response).decode()


def read_csv(response):
    return list(csv.DictReader(io.StringIO(text(response))))


def read_parquet(response):
    return pq.read_table(io.BytesIO(b"".join(response))).to_pylist()


def test_rows_and_large_ids_are_equal_in_every_form(store, api):
    store(
        "ztf", make_ztf_packet(candid=BIG, magpsf=18.25), make_ztf_packet(candid=BIG + 2, drb=0.1)
    )

    rows = json.loads(api.get(ALERTS, WINDOW).content)["data"]
    as_csv = read_csv(api.get(ALERTS, WINDOW | {"format": "csv"}))
    as_parquet = read_parquet(api.get(ALERTS, WINDOW | {"format": "parquet"}))
    assert [row["candid"] for row in as_csv] == [str(BIG), str(BIG + 2)]
    assert [row["candid"] for row in as_parquet] == [BIG, BIG + 2]
    assert [row["objectId"] for row in as_parquet] == [row["objectId"] for row in rows]
    assert as_csv[0]["magpsf"] == "18.25"
    assert as_csv[0]["isdiffpos"] == "true"
    for name, value in rows[0]["candidate"].items():
        assert as_parquet[0][name] == value
    assert set(as_csv[0]) == set(as_parquet[0])


def test_text_never_begins_like_a_formula(store, api):
    store("ztf", make_ztf_packet(candid=1, ssnamenr="=2+2"))

    (row,) = read_csv(api.get(ALERTS, WINDOW | {"format": "csv"}))
    assert row["ssnamenr"] == "'=2+2"


def test_cones_say_whose_row_it_is(store, api):
    store("ztf", make_ztf_packet(candid=1), make_ztf_packet(candid=2, ra=10.0))
    body = {"coordinates": {"b": [10.0, 30.0], "a": [150.0, 30.0]}, "radius_arcsec": 5}

    path = f"{ALERTS}/cone-search?format=csv"
    rows = read_csv(api.post(path, body, content_type="application/json"))
    assert [(row["name"], row["candid"]) for row in rows] == [("b", "2"), ("a", "1")]


def test_cones_of_objects_say_whose_row_it_is(store, api):
    store("ztf", make_ztf_packet(candid=1))
    body = {"coordinates": {"b": [10.0, 30.0], "a": [150.0, 30.0]}, "radius_arcsec": 5}
    path = "/babamul/surveys/ztf/objects/cone-search?format="

    as_csv = read_csv(api.post(f"{path}csv", body, content_type="application/json"))
    as_parquet = read_parquet(api.post(f"{path}parquet", body, content_type="application/json"))

    assert [(row["name"], row["objectId"]) for row in as_csv] == [("a", "ZTF26aaaaaaa")]
    assert [(row["name"], row["objectId"]) for row in as_parquet] == [("a", "ZTF26aaaaaaa")]


@pytest.mark.parametrize(("form", "read"), [("csv", read_csv), ("parquet", read_parquet)])
def test_an_object_as_a_table_is_its_light_curve_in_true_units(store, api, form, read):
    history = [epoch(JD - 2, "g", alert_id=0, limit_abmag=20.5)]
    store("ztf", make_ztf_packet(candid=BIG, magpsf=18.5, history=history, forced=()))

    rows = read(api.get("/babamul/surveys/ztf/objects/ZTF26aaaaaaa", {"format": form}))
    limit, detection = rows
    assert int(detection["candid"]) == BIG
    assert float(detection["mag"]) == pytest.approx(18.5, abs=1e-5)
    # 3631 Jy × 10^(−0.4 × 18.5) = 144 544 nJy: true ones, not the stream's
    assert float(detection["flux_njy"]) == pytest.approx(144_544, rel=1e-4)
    assert float(detection["mjd"]) == pytest.approx(JD - 2400000.5)
    assert float(limit["limmag"]) == pytest.approx(20.5, abs=1e-5)
    assert limit["mag"] in {"", None}
    assert str(detection["is_detection"]).lower() == "true"
    assert list(detection) == [
        "object_id", "candid", "survey", "mjd", "jd", "band", "mag", "magerr", "limmag", "magsys",
        "flux_njy", "flux_err_njy", "snr", "is_detection", "is_forced", "is_positive", "ra", "dec",
        "programid", "source",
    ]  # fmt: skip


def test_an_lsst_light_curve_is_in_true_units_too(store, api):
    store("lsst", make_lsst_packet(diaSourceId=7, psfFlux=1000.0, psfFluxErr=100.0))

    path = "/babamul/surveys/lsst/objects/170028496585752654"
    rows = read_csv(api.get(path, {"format": "csv"}))
    assert float(rows[-1]["flux_njy"]) == pytest.approx(1000.0, rel=1e-6)
    assert float(rows[-1]["mag"]) == pytest.approx(23.9, abs=1e-5)
    assert rows[-1]["programid"] == ""


def test_found_objects_come_as_a_table(store, api):
    store("ztf", make_ztf_packet(candid=1))

    rows = read_csv(api.get("/babamul/objects", {"object_id": "ZTF26", "format": "csv"}))
    assert rows == [
        {"objectId": "ZTF26aaaaaaa", "survey": "ZTF", "ra": "150.0", "dec": "30.0",
         "distance_arcsec": ""}
    ]  # fmt: skip
