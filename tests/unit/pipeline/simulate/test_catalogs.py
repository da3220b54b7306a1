import numpy as np
import pytest
from pyarrow import csv, parquet

from pipeline.simulate import sky
from pipeline.simulate.catalogs import write_catalog
from tests.unit.pipeline.simulate import readings


def test_the_catalog_has_the_loaders_columns():
    catalogs = readings.small_sky().catalogs(100)

    assert list(catalogs["lspsc"]) == ["id", "ra", "dec", "score", "mag_white"]
    assert list(catalogs["gaia_dr3"]) == ["id", "ra", "dec", "phot_g_mean_mag"]


def test_rows_are_plausible_and_their_ids_unique():
    rows = readings.small_sky().catalogs(500)["lspsc"]

    assert len(set(rows["id"].tolist())) == len(rows["id"])
    assert ((rows["score"] >= 0) & (rows["score"] <= 1)).all()
    assert ((rows["ra"] >= 0) & (rows["ra"] < 360)).all()


def test_background_rows_are_added_and_change_no_neighbourhood():
    one = readings.small_sky()
    bare, full = (one.catalogs(rows)["lspsc"] for rows in (0, 3000))
    sources = one.plan.sources[:40]

    assert len(full["ra"]) - len(bare["ra"]) == 3000
    for source in sources:
        near = [
            np.sort(
                rows["score"][readings.separations_arcsec(source.ra_deg, source.dec_deg, rows) < 35]
            )
            for rows in (bare, full)
        ]
        np.testing.assert_array_equal(*near)


def test_no_row_lies_outside_the_footprint():
    rows = readings.small_sky().catalogs(3000)["lspsc"]
    latitude = readings.SkyCoord(rows["ra"], rows["dec"], unit="deg").galactic.b.deg

    assert abs(latitude).min() > 18


@pytest.mark.parametrize(
    ("name", "read"),
    [("rows.csv", csv.read_csv), ("rows.parquet", parquet.read_table)],
)
def test_files_hold_the_rows(tmp_path, name, read):
    columns = sky(1, ztf=20, lsst=20).catalogs(10)["lspsc"]

    rows = write_catalog(columns, tmp_path / name)

    table = read(tmp_path / name)
    assert table.num_rows == rows == len(columns["ra"])
    np.testing.assert_array_equal(table.column("score").to_numpy(), columns["score"])


def test_the_same_seed_gives_the_same_catalog():
    once, again = (sky(1, ztf=30, lsst=30).catalogs(50)["lspsc"] for _ in range(2))

    for name, values in once.items():
        np.testing.assert_array_equal(values, again[name])
