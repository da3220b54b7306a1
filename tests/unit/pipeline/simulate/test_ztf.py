import io
import json
from pathlib import Path

import fastavro
import numpy as np
import pytest
from fastavro.schema import load_schema, to_parsing_canonical_form

from pipeline.simulate import ztf
from tests import samples
from tests.unit.pipeline.simulate import readings


def ours():
    return json.loads(Path(ztf.SCHEMA_FILE).read_text(encoding="utf-8"))


@pytest.mark.samples
def test_the_schema_agrees_with_the_official_one_in_names_order_and_types():
    official = load_schema(samples.folder() / "ztf/schema_4.02/ztf.alert.avsc")

    assert to_parsing_canonical_form(ours()) == to_parsing_canonical_form(official)


@pytest.mark.samples
def test_the_schema_has_words_of_its_own():
    official = (samples.folder() / "ztf/schema_4.02/ztf.alert.candidate.avsc").read_text()
    theirs = {field.get("doc") for field in json.loads(official)["fields"]}
    (candidate,) = (f["type"] for f in ours()["fields"] if f["name"] == "candidate")

    assert not theirs & {field["doc"] for field in candidate["fields"] if "doc" in field}


def test_a_packet_carries_its_schema():
    (packet, _), *_ = readings.alerts("ztf")
    header = packet.value[: packet.value.index(b"nightjar-simulat")]

    embedded = json.loads(header[header.index(b"{") : header.rindex(b"}") + 1])

    assert embedded == ours()
    assert len(embedded["fields"]) == 10


def test_packets_hold_what_the_truth_says():
    for packet, record in readings.alerts("ztf"):
        truth, candidate = packet.truth, record["candidate"]
        assert record["candid"] == candidate["candid"] == truth.alert_id
        assert record["objectId"] == truth.object_id
        assert (candidate["jd"], candidate["ra"], candidate["dec"]) == (
            truth.jd_utc,
            truth.ra_deg,
            truth.dec_deg,
        )
        assert candidate["fid"] == {"g": 1, "r": 2, "i": 3}[truth.band]


def test_the_flowchart_read_from_the_packet_gives_the_expected_class():
    alerts = readings.alerts("ztf")

    found = [readings.ztf_class(record["candidate"]) for _, record in alerts]

    assert found == [packet.truth.expected_class for packet, _ in alerts]
    assert set(found) == {"stellar", "hosted", "hostless"}


def test_the_first_reason_read_from_the_packet_is_the_expected_gate():
    def gate(candidate):
        if candidate["programid"] != 1:
            return "non_public"
        if 0 <= candidate["ssdistnr"] < 12 and candidate["ssmagnr"] >= 0:
            return "rock"
        return "low_drb" if candidate["drb"] < 0.2 else None

    alerts = readings.alerts("ztf")

    found = [gate(record["candidate"]) for _, record in alerts]

    assert found == [packet.truth.expected_gate for packet, _ in alerts]
    assert set(found) == {None, "non_public", "rock", "low_drb"}


def test_the_history_is_older_than_the_alert_by_less_than_a_month_and_a_bit():
    for _, record in readings.alerts("ztf"):
        jd = record["candidate"]["jd"]
        rows = (record["prv_candidates"] or []) + (record["fp_hists"] or [])
        assert all(jd - 30 <= row["jd"] < jd for row in rows)


def test_an_upper_limit_has_no_measurement():
    rows = [row for _, record in readings.alerts("ztf") for row in record["prv_candidates"] or []]
    limits = [row for row in rows if row["candid"] is None]

    assert 0.2 < len(limits) / len(rows) < 0.9
    assert all(row["magpsf"] is None and row["isdiffpos"] is None for row in limits)
    assert all(18 < row["diffmaglim"] < 22 for row in limits)


def test_a_public_alert_has_only_public_history():
    for _, record in readings.alerts("ztf"):
        rows = (record["prv_candidates"] or []) + (record["fp_hists"] or [])
        programs = {row["programid"] for row in rows}
        assert programs <= {record["candidate"]["programid"]}


def test_an_earlier_alert_of_the_object_is_in_the_history_of_the_next():
    by_object = {}
    for packet, record in readings.alerts("ztf"):
        if not packet.truth.is_duplicate:
            by_object.setdefault(record["objectId"], []).append(record)
    first, second = next(records for records in by_object.values() if len(records) > 1)[:2]

    (row,) = (r for r in second["prv_candidates"] if r["candid"] == first["candid"])

    same = ("jd", "fid", "ra", "dec", "magpsf", "sigmapsf", "isdiffpos")
    assert {name: row[name] for name in same} == {n: first["candidate"][n] for n in same}


def test_forced_photometry_agrees_with_the_detection_of_the_same_visit():
    for _, record in readings.alerts("ztf"):
        found = {row["jd"]: row for row in record["prv_candidates"] or [] if row["candid"]}
        for row in record["fp_hists"] or []:
            if row["jd"] in found and row["procstatus"] == "0":
                magnitude = row["magzpsci"] - 2.5 * np.log10(abs(row["forcediffimflux"]))
                assert magnitude == pytest.approx(found[row["jd"]]["magpsf"], abs=1e-3)


def test_failed_forced_photometry_has_the_surveys_sentinel():
    rows = [row for _, record in readings.alerts("ztf") for row in record["fp_hists"] or []]
    failed = [row for row in rows if row["procstatus"] != "0"]

    assert failed
    assert {row["forcediffimflux"] for row in failed} == {-99999.0}


def test_cutouts_open_and_show_the_alert_in_the_middle():
    significance = []
    for packet, record in readings.alerts("ztf"):
        science, template, difference = readings.images(record)
        assert science.shape == template.shape == difference.shape
        noise = 1.48 * np.nanmedian(np.abs(difference - np.nanmedian(difference)))
        y, x = science.shape[0] // 2, science.shape[1] // 2
        middle = difference[y - 1 : y + 2, x - 1 : x + 2]
        sign = 1 if record["candidate"]["isdiffpos"] == "t" else -1
        if packet.truth.category in {"stellar", "hosted", "hostless"} and np.isfinite(middle).all():
            significance.append(sign * middle.sum() / (3 * noise))

    # The faintest are just above five sigma, of which nine pixels hold a part.
    assert len(significance) > 30
    assert min(significance) > 0.5
    assert np.median(significance) > 4


def test_most_cutouts_are_63_pixels_wide_and_some_have_edges():
    pictures = [readings.images(record)[0] for _, record in readings.alerts("ztf")]

    full = sum(picture.shape == (63, 63) for picture in pictures)
    with_edge = sum(bool(np.isnan(picture).any()) for picture in pictures)

    assert full / len(pictures) > 0.94
    assert 0.05 < with_edge / len(pictures) < 0.25


def test_cutouts_compress_to_the_surveys_sizes():
    sizes = [len(packet.value) for packet, _ in readings.alerts("ztf")]

    # The real ones: 45 872 to 90 468 bytes, median 66 107.
    assert min(sizes) > 45_000
    assert max(sizes) < 91_000
    assert 58_000 < np.median(sizes) < 75_000


def test_topics_carry_the_date_in_utc():
    # 2026-08-01 at 23:59 and 2026-08-02 at 00:01 UTC.
    assert ztf.topic(2461254.5 - 1 / 1440, 1) == "ztf_20260801_programid1"
    assert ztf.topic(2461254.5 + 1 / 1440, 3) == "ztf_20260802_programid3"


def test_every_packet_is_a_container_of_one_block_without_codec():
    (packet, _), *_ = readings.alerts("ztf")
    with_metadata = fastavro.reader(io.BytesIO(packet.value))

    assert with_metadata.metadata["avro.codec"] == "null"
    assert len(list(with_metadata)) == 1
