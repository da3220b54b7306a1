import io

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS

from pipeline.simulate import sky
from tests import samples
from tests.unit.pipeline.simulate import readings


def test_packets_hold_what_the_truth_says():
    for packet, record in readings.alerts("lsst"):
        truth, source = packet.truth, record["diaSource"]
        assert record["diaSourceId"] == source["diaSourceId"] == truth.alert_id
        assert (source["ra"], source["dec"], source["band"]) == (
            truth.ra_deg,
            truth.dec_deg,
            truth.band,
        )


def test_times_are_tai():
    packet, record = readings.alerts("lsst")[0]

    time = Time(record["diaSource"]["midpointMjdTai"], format="mjd", scale="tai")

    assert time.utc.jd == pytest.approx(packet.truth.jd_utc, abs=1e-8)


def test_object_ids_follow_the_output_topics():
    def expected(source):
        if source["diaObjectId"]:
            return str(source["diaObjectId"])
        return f"sso{source['ssObjectId']}" if source["ssObjectId"] else None

    alerts = readings.alerts("lsst")

    assert [expected(record["diaSource"]) for _, record in alerts] == [
        packet.truth.object_id for packet, _ in alerts
    ]


def test_a_solar_system_alert_has_an_orbit_and_no_object():
    rocks = [r for p, r in readings.alerts("lsst") if p.truth.category == "rock"]

    assert rocks
    for record in rocks:
        assert record["diaObject"] is None
        assert record["diaSource"]["diaObjectId"] == 0
        assert record["ssSource"]["ssObjectId"] == record["diaSource"]["ssObjectId"] > 2**53
        assert record["mpc_orbits"]["designation"] == record["ssSource"]["designation"]


def test_the_number_of_a_solar_system_object_is_its_packed_designation():
    rocks = [r for p, r in readings.alerts("lsst") if p.truth.category == "rock"]

    # Among Rubin's own alerts K17SA9A has the number 21164736943044929.
    assert int.from_bytes(b"K17SA9A", "big") == 21164736943044929
    for record in rocks:
        text = record["ssSource"]["designation"].encode()
        assert int.from_bytes(text, "big") == record["ssSource"]["ssObjectId"]


def test_brute_force_over_the_catalog_gives_the_expected_class():
    catalog = readings.small_sky().catalogs(500)["lspsc"]
    alerts = readings.alerts("lsst")

    found = [
        readings.lsst_class(r["diaSource"]["ra"], r["diaSource"]["dec"], catalog) for _, r in alerts
    ]

    assert found == [packet.truth.expected_class for packet, _ in alerts]
    assert set(found) == {"stellar", "hosted", "hostless", "unknown"}


def test_the_first_reason_read_from_the_packet_is_the_expected_gate():
    def gate(source):
        if source["ssObjectId"]:
            return "rock"
        if source["pixelFlags"]:
            return "pixel_flags"
        if not source["diaObjectId"]:
            return "no_object_id"
        return None if source["psfFlux"] else "no_flux"

    alerts = readings.alerts("lsst")

    found = [gate(record["diaSource"]) for _, record in alerts]

    assert found == [packet.truth.expected_gate for packet, _ in alerts]
    assert set(found) == {None, "rock", "pixel_flags", "no_object_id", "no_flux"}


def test_the_current_source_is_not_repeated_in_its_history():
    for _, record in readings.alerts("lsst"):
        earlier = {row["diaSourceId"] for row in record["prvDiaSources"] or []}
        assert record["diaSourceId"] not in earlier


def test_the_object_counts_its_sources():
    for _, record in readings.alerts("lsst"):
        if record["diaObject"]:
            earlier = record["prvDiaSources"] or []
            times = [row["midpointMjdTai"] for row in earlier]
            own = record["diaSource"]["midpointMjdTai"]
            assert record["diaObject"]["nDiaSources"] == len(earlier) + 1
            assert record["diaObject"]["firstDiaSourceMjdTai"] == min([*times, own])


def test_cutouts_have_image_variance_and_psf():
    for _, record in readings.alerts("lsst"):
        for name in readings.CUTOUTS:
            with fits.open(io.BytesIO(record[name])) as file:
                file.verify("exception")
                names = [unit.name for unit in file]
                shapes = [unit.data.shape for unit in file]
                kinds = [unit.data.dtype.str for unit in file]
            assert names == ["PRIMARY", "UNCERT", "PSFIMAGE"]
            assert shapes[0] == shapes[1]
            assert shapes[2] == (41, 41)
            assert 30 <= shapes[0][0] <= 102
            assert kinds == [">f4", ">f4", ">f8"]


def test_the_coordinates_put_the_alert_in_the_middle():
    packet, record = readings.alerts("lsst")[0]
    with fits.open(io.BytesIO(record["cutoutScience"])) as file:
        coordinates, image = WCS(file[0].header), file[0].data

    x, y = coordinates.world_to_pixel_values(packet.truth.ra_deg, packet.truth.dec_deg)

    assert (float(x), float(y)) == pytest.approx((image.shape[1] // 2, image.shape[0] // 2))
    assert coordinates.proj_plane_pixel_scales()[0].to_value("arcsec") == pytest.approx(0.2)


def test_the_light_in_the_difference_is_the_psf_flux():
    checked = 0
    for packet, record in readings.alerts("lsst"):
        source = record["diaSource"]
        if packet.truth.category != "hostless" or source["snr"] < 50:
            continue
        with fits.open(io.BytesIO(record["cutoutDifference"])) as file:
            image, psf = np.array(file[0].data, float), np.array(file[2].data, float)
        y, x = image.shape[0] // 2, image.shape[1] // 2
        profile = psf[20 - 10 : 20 + 11, 20 - 10 : 20 + 11]
        part = image[y - 10 : y + 11, x - 10 : x + 11]
        if np.isfinite(part).all():
            assert (part * profile).sum() / (profile**2).sum() == pytest.approx(
                source["psfFlux"], rel=0.1
            )
            checked += 1
    assert checked > 0


def test_schemas_can_be_taken_in_turn():
    values = [p.value for p in sky(3, ztf=0, lsst=8, lsst_schemas=(1101, 1000)).packets()]

    ids = {int.from_bytes(value[1:5], "big") for value in values}

    assert ids == {1101, 1000}
    assert all(readings.lsst_record(value)["diaSource"]["visit"] for value in values)


@pytest.mark.samples
def test_packets_are_as_large_as_rubins():
    theirs = sorted(len(sample.value) for sample in samples.rubin())
    ours = sorted(len(packet.value) for packet, _ in readings.alerts("lsst"))

    assert theirs[0] * 0.9 < ours[len(ours) // 2] < theirs[len(theirs) // 2] * 1.1


@pytest.mark.samples
def test_fields_that_rubin_always_fills_are_filled():
    always = set.intersection(
        *({k for k, v in s.record["diaSource"].items() if v is not None} for s in samples.rubin())
    )
    found = [r["diaSource"] for p, r in readings.alerts("lsst") if p.truth.category == "hosted"]

    missing = {name for name in always if any(source[name] is None for source in found)}

    assert missing == set()
