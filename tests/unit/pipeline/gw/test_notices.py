import json
from datetime import UTC, datetime

import pytest

from pipeline.gw.notices import Coincidence, read_notice
from tests.gw_notices import NAMES, as_bytes, make_map, make_notice, raw, sample, with_map

T0 = datetime(2024, 11, 2, 12, 40, 58, 788000, tzinfo=UTC)


def read(event=None, **given):
    return read_notice(as_bytes(make_notice(event, **given)))


def test_a_notice_says_all_that_it_holds():
    notice = read_notice(raw("S241102br-update"))

    assert (notice.trigger_id, notice.alert_type, notice.kind) == ("S241102br", "UPDATE", "real")
    assert notice.time_created == datetime(2024, 11, 3, 20, 4, 48, tzinfo=UTC)
    assert notice.event_time == T0
    assert notice.significant
    assert notice.far_hz == 1.14177774199959e-41
    assert notice.instruments == ("H1", "L1", "V1")
    assert (notice.group, notice.pipeline, notice.search) == ("CBC", "gstlal", "AllSky")
    assert notice.classification["BBH"] == 0.9921335082053966
    assert notice.properties["HasMassGap"] == 0.0002537427048972342
    assert (notice.duration_s, notice.central_frequency_hz, notice.mchirp_source) == (None,) * 3
    assert notice.gracedb_url == "https://gracedb.ligo.org/superevents/S241102br/view/"
    assert notice.external_coinc is None
    assert len(notice.skymap_fits) == 1159680 * 3 // 4
    assert notice.skymap_cause is None


def test_a_retraction_has_no_event():
    notice = read_notice(raw("retraction"))

    assert notice.is_retraction
    assert (notice.trigger_id, notice.event_time, notice.far_hz) == ("S241126dm", None, None)
    assert (notice.classification, notice.instruments) == ({}, ())
    assert notice.skymap_cause == "the notice has no map"


@pytest.mark.parametrize("name", NAMES)
def test_the_payload_is_the_notice_without_its_maps(name):
    expected = sample(name)
    (expected["event"] or {}).pop("skymap", None)

    assert read_notice(raw(name)).payload == expected


@pytest.mark.parametrize(
    ("trigger_id", "kind"),
    [("S260102ab", "real"), ("MS260102ab", "mock"), ("TS260102ab", "test"), ("GW260102", "test")],
)
def test_the_name_tells_whether_it_is_real(trigger_id, kind):
    assert read(superevent_id=trigger_id).kind == kind


def test_the_order_of_keys_and_spaces_do_not_change_the_identity():
    document = sample("S241102br-initial")
    event = document["event"]
    event["classification"] = dict(reversed(event["classification"].items()))
    document["event"] = dict(reversed(event.items()))
    permuted = json.dumps(dict(reversed(document.items())), indent=3).encode()

    first, second = read_notice(raw("S241102br-initial")), read_notice(permuted)

    assert first.sha256 == second.sha256
    assert first == second


def test_another_map_is_another_notice():
    other = make_map(density=[0] * 11 + [0.954929658551372])

    assert read().sha256 != read_notice(with_map(other)).sha256


def test_numbers_that_are_none_are_null():
    text = as_bytes(make_notice()).replace(b'"far": 3.17e-10', b'"far": NaN')
    text = text.replace(b'"HasNS": 1.0', b'"HasNS": -Infinity, "HasRemnant": 1e999, "HasSSM": 0.5')

    notice = read_notice(text)

    assert notice.far_hz is None
    assert notice.properties == {"HasSSM": 0.5}
    assert notice.payload["event"]["far"] is None
    assert notice.payload["event"]["properties"]["HasRemnant"] is None


def test_a_joint_event_is_read_with_its_map():
    joint = {
        "gcn_notice_id": 1089012,
        "ivorn": "ivo://nasa.gsfc.gcn/Fermi#GBM_1",
        "observatory": "Fermi",
        "search": "GRB",
        "time_difference": -1.7,
        "time_coincidence_far": 1.2e-8,
        "time_sky_position_coincidence_far": 3.4e-9,
        "combined_skymap": "U0lNUExF",
    }

    notice = read(external_coinc=joint)

    assert notice.external_coinc == Coincidence(
        "Fermi", "GRB", "ivo://nasa.gsfc.gcn/Fermi#GBM_1", "1089012", -1.7, 1.2e-8, 3.4e-9
    )
    assert notice.combined_skymap_fits == b"SIMPLE"
    assert "combined_skymap" not in notice.payload["external_coinc"]


def test_a_burst_has_duration_and_frequency():
    notice = read({"group": "Burst", "duration": 0.03, "central_frequency": 123.4})

    assert (notice.group, notice.duration_s, notice.central_frequency_hz) == ("Burst", 0.03, 123.4)


@pytest.mark.parametrize(
    ("written", "hour"),
    [("2026-01-02T03:00:00", 3), ("2026-01-02T03:00:00+02:00", 1), ("2026-01-02 03:00:00Z", 3)],
    ids=["no zone is UTC", "another zone", "a blank"],
)
def test_times_are_utc(written, hour):
    assert read(time_created=written).time_created == datetime(2026, 1, 2, hour, tzinfo=UTC)
