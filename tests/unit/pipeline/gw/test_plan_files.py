"""Tables that teams read: aligned, parsed again, and honest when empty."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from astropy.table import Table

from pipeline.gw.plan_files import NO_TILES, Telescope, aligned, all_file, write_tables
from pipeline.gw.plan_job import Galaxy, PlannedTile, PlanResult

START = datetime(2024, 11, 2, 17, 26, 37, 404942, UTC)


def tile(rank, number, ra, dec, probability, galaxies=()):
    start = START + timedelta(seconds=35 * (rank - 1))
    return PlannedTile(
        rank_id=rank,
        tile_id=number,
        ra_deg=ra,
        dec_deg=dec,
        probability=probability,
        cumulative_probability=probability,
        start=start,
        end=start + timedelta(seconds=30),
        exposure_s=30.0,
        filter="r",
        airmass=1.104,
        galaxies=galaxies,
    )


TILES = (
    tile(1, 10080, 345.10345, 41.75258, 0.24988),
    tile(
        2,
        9935,
        345.5034,
        -9.8969,
        1.25e-5,
        (Galaxy(ra_deg=1, dec_deg=2, distance_mpc=40, weight=1),),
    ),
)


@pytest.fixture
def written(tmp_path):
    write_tables(
        PlanResult(telescope="TCA", strategy="tiling", scheduler="greedy_slew", tiles=TILES),
        tmp_path,
    )
    return tmp_path


def test_numbers_stand_right_aligned_under_their_names():
    lines = aligned("TCA", TILES).splitlines()

    assert lines[0] == "# TCA"
    assert len({len(line) for line in lines[1:]}) == 1
    ends = {len(lines[1][: lines[1].index(name) + len(name)]) for name in ("rank_id", "RA", "Prob")}
    for line in lines[2:]:
        assert all(line[end - 1] != " " and line[end] == " " for end in ends)
    assert lines[3].split() == [
        "2",
        "9935",
        "345.5034",
        "-9.8969",
        "0.0000",
        "2024-11-02",
        "17:27:12.404",
    ]


def test_an_empty_plan_says_so():
    assert aligned("TCH", ()) == f"# TCH\n{NO_TILES}\n"


def test_csv_keeps_full_precision(written):
    rows = list(csv.DictReader(io.StringIO((written / "tiles_TCA.csv").read_text())))

    assert float(rows[1]["Prob"]) == 1.25e-5
    assert rows[0]["Timeend"] == "2024-11-02 17:27:07.404"
    assert rows[1]["galaxies"] == "[[1.0, 2.0, 40.0]]"


def test_ecsv_tells_units(written):
    table = Table.read(written / "tiles_TCA.ecsv", format="ascii.ecsv")

    assert str(table["RA"].unit) == "deg"
    assert table["tile_id"].tolist() == [10080, 9935]


def test_tables_of_an_empty_plan_have_their_columns(tmp_path):
    empty = PlanResult(telescope="TCH", strategy="tiling", scheduler="x", reason="no dark time")

    write_tables(empty, tmp_path)

    assert (tmp_path / "tiles_TCH.csv").read_text().startswith("rank_id,tile_id,RA,DEC,Prob")
    assert (
        Table.read(tmp_path / "tiles_TCH.ecsv", format="ascii.ecsv").meta["reason"]
        == "no dark time"
    )


def test_all_txt_names_every_telescope_with_a_blank_line_between():
    text = all_file(
        [Telescope("KAO", TILES), Telescope("COLIBRI", note="failed: ran out of memory")]
    )

    first, second = text.split("\n\n")
    assert first.startswith("# KAO\n")
    assert second == f"# COLIBRI\n{NO_TILES}\n# failed: ran out of memory\n"


def test_all_txt_without_galaxy_telescopes_is_written_all_the_same():
    assert all_file([]) == f"{NO_TILES}\n"
