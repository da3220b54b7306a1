"""Plans of gwemopt on a real map: the published numbers, and every row judged by astropy.

Numbers were computed with another implementation (mocpy's footprints at order 14, upstream's own
run of gwemopt); the tenth tile of TCA is a tie within one per cent.
"""

import itertools
from datetime import UTC, datetime, timedelta

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body, get_sun
from astropy.time import Time

from pipeline.gw.plan_files import VISIBILITY, file_name, picture_file
from pipeline.gw.plan_job import Galaxy, PlanJob
from pipeline.gw.plan_night import stay_offline
from pipeline.gw.telescopes import telescope
from tests import plans

pytestmark = [
    pytest.mark.integration,
    pytest.mark.samples,
    pytest.mark.slow,
    pytest.mark.xdist_group("gwemopt"),
]

SAMPLE = "S241102br-update"
NAMES = ("TCA", "TRE", "TCH")
SURE = {10080, 9935, 10221, 9934, 9786, 9785, 10079, 10222, 9632}
TIE = {10081, 10357}
ALONE_IN_2028 = """
import socket, time

def refuse(*_, **__):
    raise OSError("no network here")

socket.socket.connect = socket.getaddrinfo = refuse
now = time.time
time.time = lambda: now() + 2 * 366 * 86400
"""


def job(name, event_time, **values):
    given = {
        "event": "S241102br",
        "telescope": telescope(name),
        "strategy": "tiling",
        "event_time": event_time,
        "start": event_time,
        "end": event_time + timedelta(days=1),
        "max_tiles": 10,
        "exposure_s": 30.0,
    }
    return PlanJob(**given | values)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Jobs, plans and folders by telescope."""
    plans.install()
    fits, event_time = plans.sample(SAMPLE)
    above = tmp_path_factory.mktemp("plans")
    jobs = {name: job(name, event_time) for name in NAMES}
    results = {name: plans.make(each, fits, above / name) for name, each in jobs.items()}
    return jobs, results, above


def test_tca_observes_the_published_tiles(made):
    tiles = made[1]["TCA"].tiles

    assert {tile.tile_id for tile in tiles} - TIE == SURE
    assert len(tiles) == 10


def test_tca_begins_with_the_best_tile_when_it_is_dark(made):
    first = made[1]["TCA"].tiles[0]

    assert (first.ra_deg, first.dec_deg) == pytest.approx((345.1035, 41.7526), abs=1e-4)
    assert abs((first.start - datetime(2024, 11, 2, 17, 26, 37, tzinfo=UTC)).total_seconds()) < 1
    assert first.airmass == pytest.approx(1.104, abs=0.01)
    assert first.probability == pytest.approx(0.249, abs=0.0015)


def test_what_tca_covers_is_exact(made):
    found = made[1]["TCA"]

    assert found.probability == pytest.approx(0.888, abs=0.003)
    assert found.area_deg2 == pytest.approx(35.1, abs=0.3)
    assert found.covered_90_percent == pytest.approx(88.3, abs=0.5)
    assert found.surface_ratio_percent == pytest.approx(127, abs=1)


def test_tre_observes_one_tile(made):
    found = made[1]["TRE"]

    assert [tile.tile_id for tile in found.tiles] == [1994]
    assert found.probability == pytest.approx(0.181, abs=0.002)
    assert found.area_deg2 == pytest.approx(17.6, abs=0.1)


def test_tch_observes_nothing_and_says_why(made):
    found = made[1]["TCH"]

    assert found.tiles == ()
    assert found.reason == "no tile of the region is high enough in the dark"


@pytest.mark.parametrize("name", NAMES)
def test_every_exposure_is_dark_high_and_far_from_the_moon_at_both_ends(made, name):
    """Computed here from the telescope's facts, beside the check that the plan went through."""
    stay_offline()
    facts = made[0][name].telescope
    place = EarthLocation(
        lon=facts.longitude_deg * u.deg,
        lat=facts.latitude_deg * u.deg,
        height=facts.elevation_m * u.m,
    )
    for tile in made[1][name].tiles:
        times = Time([tile.start, tile.end])
        frame = AltAz(obstime=times, location=place)
        target = SkyCoord(tile.ra_deg, tile.dec_deg, unit="deg").transform_to(frame)
        moon = get_body("moon", times, place).transform_to(frame)

        assert target.alt.deg.min() >= max(facts.horizon_deg, 23.58) - 0.2  # airmass 2.5
        airmass = 1 / np.sin(target.alt.rad[0])
        assert airmass == pytest.approx(tile.airmass, abs=0.01)
        assert get_sun(times).transform_to(frame).alt.deg.max() <= -12 + 0.05
        assert target.separation(moon).deg.min() >= facts.moon_min_deg - 0.7
    assert made[1][name].removed == ()


def test_between_exposures_there_is_time_to_read_out_and_to_move(made):
    facts, tiles = made[0]["TCA"].telescope, made[1]["TCA"].tiles
    places = SkyCoord([[tile.ra_deg, tile.dec_deg] for tile in tiles], unit="deg")
    moves_s = places[1:].separation(places[:-1]).deg / facts.slew_deg_per_s

    for (one, other), move_s in zip(itertools.pairwise(tiles), moves_s, strict=True):
        gap_s = (other.start - one.end).total_seconds()
        assert gap_s >= max(facts.readout_s, move_s) - 0.001


@pytest.mark.parametrize("name", NAMES)
def test_every_plan_has_its_files(made, name):
    folder = made[2] / name

    for picture in (picture_file(name), picture_file(name, VISIBILITY)):
        assert (folder / picture).read_bytes().startswith(b"\x89PNG")
        assert (folder / picture).stat().st_size < 250_000
    assert all((folder / file_name(name, each)).stat().st_size for each in ("txt", "csv", "ecsv"))


def test_a_plan_needs_no_network_and_no_young_table_of_earths_rotation(made, tmp_path):
    fits, event_time = plans.sample(SAMPLE)
    later = event_time.replace(year=2028)

    found = plans.make(job("TCA", later, max_tiles=2), fits, tmp_path / "plan", ALONE_IN_2028)

    assert len(found.tiles) == 2
    assert found.removed == ()


def test_galaxies_are_pointed_at_by_their_weight(made, tmp_path):
    fits, event_time = plans.sample(SAMPLE)
    galaxies = tuple(
        Galaxy(ra_deg=344.8 + 0.9 * i, dec_deg=41.0, distance_mpc=364.0, weight=weight)
        for i, weight in enumerate((0.4, 0.3, 0.2, 0.1))
    )
    beside = Galaxy(ra_deg=344.85, dec_deg=41.05, distance_mpc=364.0, weight=0.0)

    found = plans.make(
        job("COLIBRI", event_time, strategy="galaxies", galaxies=(*galaxies, beside), max_tiles=3),
        fits,
        tmp_path / "plan",
    )

    assert {tile.tile_id for tile in found.tiles} == {1, 2, 3}
    best = next(tile for tile in found.tiles if tile.tile_id == 1)
    assert (best.ra_deg, best.probability) == pytest.approx((344.8, 0.4))
    assert best.galaxies == (galaxies[0], beside)
    assert found.tiles[-1].cumulative_probability == pytest.approx(0.9)
