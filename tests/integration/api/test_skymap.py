"""Sky-map search: MOCs, flat maps in both orders, multi-order maps; what is inside says mocpy."""

import base64
import bz2
import gzip
import io
import json
import lzma
import zipfile

import hpgeom
import numpy as np
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from mocpy import MOC

from broker.config import config
from pipeline.simulate.scenario import make_ztf_packet
from pipeline.web.api import alerts

pytestmark = pytest.mark.integration

JD = 2461254.75
PATH = "/babamul/surveys/ztf/alerts/skymap-search"
WINDOW = {"start_jd": JD - 3, "end_jd": JD + 3}
INSIDE, OUTSIDE = (45.0, 10.0), (225.0, -10.0)


def as_base64(content):
    return base64.b64encode(content).decode()


def moc_fits(tmp_path, ra, dec, radius_deg):
    moc = MOC.from_cone(lon=ra * u.deg, lat=dec * u.deg, radius=radius_deg * u.deg, max_depth=9)
    moc.save(tmp_path / "moc.fits", format="fits")
    return (tmp_path / "moc.fits").read_bytes()


def flat_map(order, place, *, nested, extra=()):
    """90 % of the probability in the pixel of ``place``, the rest on its antipode."""
    nside = 2**order
    values = np.zeros(12 * nside**2)
    opposite = ((place[0] + 180) % 360, -place[1])
    for (ra, dec), share in ((place, 0.9), (opposite, 0.1)):
        values[hpgeom.angle_to_pixel(nside, ra, dec, nest=nested)] = share
    columns = [fits.Column("PROB", "D", array=values)]
    columns += [fits.Column(name, "D", array=np.ones_like(values)) for name in extra]
    table = fits.BinTableHDU.from_columns(columns)
    table.header["ORDERING"] = "NESTED" if nested else "RING"
    table.header["NSIDE"] = nside
    return fits_bytes(table)


def multi_order_map(place):
    """The same in three pixels of different orders."""
    opposite = ((place[0] + 180) % 360, -place[1])
    rows = []
    for (ra, dec), order, share in ((place, 5, 0.9), (opposite, 3, 0.1)):
        pixel = int(hpgeom.angle_to_pixel(2**order, ra, dec))
        area = 4 * np.pi / (12 * 4**order)
        rows.append((4 * 4**order + pixel, share / area))
    columns = [
        fits.Column("UNIQ", "K", array=[row[0] for row in rows]),
        fits.Column("PROBDENSITY", "D", array=[row[1] for row in rows]),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    table.header["ORDERING"] = "NUNIQ"
    return fits_bytes(table)


def fits_bytes(table):
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    return stream.getvalue()


def zipped(content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("map.fits", content)
    return stream.getvalue()


@pytest.fixture
def sky(store):
    store(
        "ztf",
        make_ztf_packet(candid=1, object_id="ZTF26aaaaaaa", ra=INSIDE[0], dec=INSIDE[1]),
        make_ztf_packet(candid=2, object_id="ZTF26aaaaaab", ra=OUTSIDE[0], dec=OUTSIDE[1]),
        make_ztf_packet(candid=3, object_id="ZTF26aaaaaac", ra=INSIDE[0], dec=INSIDE[1], jd=JD - 5),
    )


def search(api, **body):
    response = api.post(PATH, WINDOW | body, content_type="application/json")
    assert response.status_code == 200, response.content
    answer = json.loads(response.content)
    return [row["candid"] for row in answer["data"]], answer


def test_a_moc_holds_what_lies_in_it_and_in_time(sky, api, tmp_path):
    content = moc_fits(tmp_path, *INSIDE, 1.0)
    found, answer = search(api, moc_fits_base64=as_base64(content))

    assert found == [1]
    assert answer["data"][0]["host_searched_prob_vol"] is None


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_is_inside_comes_as_a_table(sky, api, tmp_path, form):
    body = WINDOW | {"moc_fits_base64": as_base64(moc_fits(tmp_path, *INSIDE, 1.0))}

    answer = api.post(f"{PATH}?format={form}", body, content_type="application/json")

    content = b"".join(answer)
    table = (
        pa_csv.read_csv(io.BytesIO(content))
        if form == "csv"
        else pq.read_table(io.BytesIO(content))
    )
    assert table["candid"].to_pylist() == [1]


def test_a_mocs_edge_is_its_cells(store, api, tmp_path):
    center = SkyCoord(45 * u.deg, 10 * u.deg)
    places = [
        center.directional_offset_by(angle * u.deg, radius * u.deg)
        for angle in range(0, 360, 30)
        for radius in (0.3, 0.95, 1.05, 2.0)
    ]
    store(
        "ztf",
        *(
            make_ztf_packet(
                candid=at, object_id=f"ZTF26{at:07d}", ra=place.ra.deg, dec=place.dec.deg
            )
            for at, place in enumerate(places, start=1)
        ),
    )
    content = moc_fits(tmp_path, 45.0, 10.0, 1.0)
    moc = MOC.load(tmp_path / "moc.fits", format="fits")
    expected = [
        at for at, place in enumerate(places, start=1) if moc.contains_skycoords(place).item()
    ]

    assert search(api, moc_fits_base64=as_base64(content))[0] == expected
    assert 20 < len(expected) < 40


@pytest.mark.parametrize("nested", [True, False], ids=["nested", "ring"])
@pytest.mark.parametrize(("level", "found"), [(0.5, [1]), (0.9, [1]), (0.95, [1, 2]), (1, [1, 2])])
def test_a_flat_map_is_searched_to_its_level(sky, api, nested, level, found):
    content = flat_map(6, INSIDE, nested=nested)

    assert search(api, skymap_fits_base64=as_base64(content), credible_level=level)[0] == found


def test_the_level_is_90_percent_unless_given(sky, api):
    assert search(api, skymap_fits_base64=as_base64(flat_map(6, INSIDE, nested=True)))[0] == [1]


def test_a_gzipped_map_and_a_multi_order_map_are_read(sky, api):
    packed = gzip.compress(flat_map(6, INSIDE, nested=False))
    assert search(api, skymap_fits_base64=as_base64(packed))[0] == [1]
    several = as_base64(multi_order_map(INSIDE))
    assert search(api, skymap_fits_base64=several)[0] == [1]
    assert search(api, skymap_fits_base64=several, credible_level=0.99)[0] == [1, 2]


def test_a_map_with_distances_is_searched_in_projection_and_says_so(sky, api):
    content = flat_map(5, INSIDE, nested=True, extra=("DISTMU", "DISTSIGMA", "DISTNORM"))
    found, answer = search(api, skymap_fits_base64=as_base64(content))

    assert found == [1]
    assert "projection" in answer["message"]


def test_more_than_the_limit_is_told(store, api, tmp_path):
    store("ztf", *(make_ztf_packet(candid=at, ra=45.0, dec=10.0) for at in (1, 2, 3)))
    moc = as_base64(moc_fits(tmp_path, *INSIDE, 1.0))
    found, answer = search(api, moc_fits_base64=moc, limit=2)

    assert found == [1, 2]
    assert "more than 2" in answer["message"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, "skymap_fits_base64"),
        ({"skymap_fits_base64": "AA==", "moc_fits_base64": "AA=="}, "skymap_fits_base64"),
        ({"moc_fits_base64": "AA==", "credible_level": 0.5}, "credible_level"),
        ({"skymap_fits_base64": "AA==", "credible_level": 0}, "credible_level"),
        ({"skymap_fits_base64": "AA==", "credible_level": 1.01}, "credible_level"),
        ({"moc_fits_base64": "AA==", "end_jd": JD + 4.001}, "end_jd"),
        ({"moc_fits_base64": "AA==", "end_jd": JD - 3}, "end_jd"),
        ({"moc_fits_base64": "AA==", "limit": 10_001}, "limit"),
        ({"moc_fits_base64": "not base64!"}, "moc_fits_base64"),
        ({"moc_fits_base64": "AAAA"}, "moc_fits_base64"),
        ({"skymap_fits_base64": "AAAA"}, "skymap_fits_base64"),
        ({"skymap_fits_base64": as_base64(b"\x1f\x8b" + b"x" * 100)}, "skymap_fits_base64"),
        ({"skymap_fits_base64": as_base64(b"SIMPLE  =  T" + b" " * 3000)}, "skymap_fits_base64"),
    ],
)  # fmt: skip
def test_what_is_no_map_is_refused(api, change, field):
    response = api.post(PATH, WINDOW | change, content_type="application/json")

    assert response.status_code == 400, response.content
    assert list(json.loads(response.content)["errors"]) == [field]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([0.5] + [0.0] * 11, "sum to 0.5000"),
        ([1.5, -0.5] + [0.0] * 10, "negative"),
        ([1.0] * 5, "no HEALPix map"),
    ],
)
def test_a_map_that_is_no_probability_is_refused(api, values, why):
    table = fits.BinTableHDU.from_columns([fits.Column("PROB", "D", array=values)])
    body = WINDOW | {"skymap_fits_base64": as_base64(fits_bytes(table))}
    response = api.post(PATH, body, content_type="application/json")

    assert response.status_code == 400
    assert why in json.loads(response.content)["message"]


def test_a_bomb_is_refused_before_it_is_unpacked(api, monkeypatch):
    monkeypatch.setattr("pipeline.alerts.skymaps.MAX_INFLATED_BYTES", 1 << 20)
    body = WINDOW | {"skymap_fits_base64": as_base64(gzip.compress(bytes(1 << 24)))}
    response = api.post(PATH, body, content_type="application/json")

    assert response.status_code == 400
    assert "unpacked it has more than" in json.loads(response.content)["message"]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zipped])
def test_what_is_packed_twice_is_not_unpacked_again(api, pack):
    """Astropy would, without any limit."""
    twice = gzip.compress(pack(flat_map(6, INSIDE, nested=True)))
    body = WINDOW | {"skymap_fits_base64": as_base64(twice)}
    response = api.post(PATH, body, content_type="application/json")

    assert response.status_code == 400
    assert "no FITS file" in json.loads(response.content)["message"]


def test_who_finds_another_map_being_read_waits_and_is_then_refused(api, monkeypatch):
    monkeypatch.setenv("NIGHTJAR_LIMITS__SEARCH_WAIT_S", "0")
    config.cache_clear()
    body = WINDOW | {"skymap_fits_base64": as_base64(flat_map(3, INSIDE, nested=True))}
    with alerts._one_map_at_once():
        response = api.post(PATH, body, content_type="application/json")

    assert response.status_code == 429
    assert api.post(PATH, body, content_type="application/json").status_code == 200
