import gzip
import io

import astropy.units as u
import hpgeom
import numpy as np
import pytest
from astropy.table import Table
from mocpy import MOC

from pipeline.gw.notices import read_notice
from pipeline.gw.sky_index import SkyIndex
from pipeline.gw.skymap import SPHERE_DEG2, SkyMap
from tests.gw_notices import make_map, raw

GOLDEN = {
    "S241102br-preliminary": ((31.93, 165.29, 226.82), (347.019, 43.606), (464.9, 92.9), (426.1, 93.7)),
    "S241102br-initial": ((10.70, 44.86, 62.53), (345.015, 41.039), (354.3, 63.0), (330.4, 64.2)),
    "S241102br-update": ((7.118, 28.366, 39.893), (344.817, 41.014), (364.0, 53.8), (347.9, 55.3)),
    "S250910b-earlywarning": ((2454.1, 9571.3, 12344.3), (90.703, -19.155), (134.1, 45.3), (105.1, 45.0)),
    "gw_notice_significant": ((1107.87, 3613.16, 4493.58), (14.766, 30.000), None, None),
}  # fmt: skip
"""Areas within 50, 90 and 95 % [deg²], peak [deg], header's and region's distance [Mpc]: of
ligo.skymap and of the files' headers."""

samples = pytest.mark.parametrize("name", GOLDEN)


def sky_map(name):
    return SkyMap.from_fits(read_notice(raw(name)).skymap_fits)


@samples
def test_areas_are_those_of_ligo_skymap(name):
    areas = [sky_map(name).area_deg2(level) for level in (0.5, 0.9, 0.95)]

    assert areas == pytest.approx(GOLDEN[name][0], rel=1e-3)


@samples
def test_areas_are_those_of_a_sum_by_hand(name):
    table = Table.read(io.BytesIO(read_notice(raw(name)).skymap_fits))
    level = np.array([(int(uniq) // 4).bit_length() - 1 >> 1 for uniq in table["UNIQ"]])
    area_sr = 4 * np.pi / 12 / 4.0**level
    by_density = np.argsort(-np.asarray(table["PROBDENSITY"]), kind="stable")
    probability = (table["PROBDENSITY"] * area_sr)[by_density]
    before = np.cumsum(probability) < 0.9

    expected = area_sr[by_density][before].sum() * (180 / np.pi) ** 2

    assert sky_map(name).area_deg2(0.9) == pytest.approx(expected, rel=1e-3)


@samples
def test_the_peak_is_the_densest_pixel(name):
    assert sky_map(name).peak == pytest.approx(GOLDEN[name][1], abs=1e-3)


@samples
def test_the_distance_is_the_headers(name):
    found = sky_map(name)

    assert (found.distance_mpc, found.distance_std_mpc) == (
        pytest.approx(GOLDEN[name][2], abs=0.5) if GOLDEN[name][2] else (None, None)
    )


@samples
def test_the_distance_of_the_region_is_a_plain_mean(name):
    found = sky_map(name).region_distance

    expected = GOLDEN[name][3]
    assert expected == (found and pytest.approx((found.mean_mpc, found.std_mpc), abs=0.5))


@pytest.mark.parametrize(
    ("name", "place", "level"),
    [
        ("S241102br-update", (344.817, 41.014), 0.0001),
        ("S241102br-update", (345, 40), 0.1281),
        ("S241102br-update", (342, 40), 0.9769),
        ("S241102br-update", (10, 10), 1),
        ("S241102br-update", (0, 0), 1),
        ("S241102br-update", (0, 90), 1),
        ("S241102br-initial", (345, 40), 0.0742),
        ("S241102br-initial", (342, 40), 0.9435),
        ("S250910b-earlywarning", (85, -15), 0.0188),
        ("S250910b-earlywarning", (200, 0), 0.7672),
        ("S250910b-earlywarning", (270, 30), 0.99999),
        ("gw_notice_significant", (0, 0), 0.7315),
    ],
)
def test_a_point_has_the_credible_level_of_ligo_skymap(name, place, level):
    ra_deg, dec_deg = place

    assert SkyIndex.of(sky_map(name)).levels([ra_deg], [dec_deg])[0] == pytest.approx(
        level, abs=1e-4
    )


def test_the_share_of_points_within_a_level_is_its_area():
    found = sky_map("S250910b-earlywarning")
    rng = np.random.default_rng(7)
    ra = rng.uniform(0, 360, 200_000)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, 200_000)))

    share = np.mean(SkyIndex.of(found).levels(ra, dec) < 0.9)

    assert share * SPHERE_DEG2 == pytest.approx(9571.3, rel=0.02)


@samples
def test_the_moc_of_a_region_has_its_area(name):
    found = sky_map(name)

    moc = MOC.from_json(found.region_moc(0.9))

    assert moc.sky_fraction * SPHERE_DEG2 == pytest.approx(GOLDEN[name][0][1], rel=1e-3)
    assert moc.contains_lonlat(*_quantities(found.peak)).all()


def test_a_half_sky_has_half_its_area():
    uniform = SkyMap.from_fits(make_map(density=[1 / (2 * np.pi)] * 6 + [0.0] * 6))

    assert uniform.area_deg2(0.49) == pytest.approx(SPHERE_DEG2 * 2 / 12)
    assert uniform.area_deg2(0.51) == pytest.approx(SPHERE_DEG2 * 3 / 12)
    assert uniform.area_deg2(0) == 0


def test_a_pixel_that_holds_more_than_the_level_is_the_region():
    first_of_twelve = SkyMap.from_fits(make_map())

    assert first_of_twelve.area_deg2(0.9) == pytest.approx(SPHERE_DEG2 / 12)
    assert MOC.from_json(first_of_twelve.region_moc(0.9)).sky_fraction == pytest.approx(1 / 12)


def test_a_place_without_pixel_has_level_one():
    part = make_map(uniq=[4, 5], density=[1.5 / np.pi, 1.5 / np.pi])
    index = SkyIndex.of(SkyMap.from_fits(part))
    ra, dec = hpgeom.pixel_to_angle(1, np.arange(12))

    levels = index.levels(ra, dec)

    assert levels[:2] == pytest.approx([0.5, 1.0])
    assert (levels[2:] == 1).all()


def test_any_angle_names_the_same_meridian():
    index = SkyIndex.of(sky_map("S241102br-update"))

    assert len(set(index.levels([-15.0, 345.0, 705.0], [40.0] * 3))) == 1


def test_a_gzipped_map_is_the_same_map():
    content = read_notice(raw("S241102br-update")).skymap_fits

    assert SkyMap.from_fits(gzip.compress(content)).peak == SkyMap.from_fits(content).peak


def _quantities(place):
    return [place[0]] * u.deg, [place[1]] * u.deg
