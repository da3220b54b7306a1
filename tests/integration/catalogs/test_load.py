"""A catalog's file becomes its table: every value, whole or not at all, while others search."""

import threading
from concurrent.futures import ThreadPoolExecutor

import hpgeom
import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy.orm import Session

from pipeline.alerts.crossmatch import match_catalog
from pipeline.catalogs import stage
from pipeline.catalogs.known import GCVS, LSPSC
from pipeline.catalogs.record import LoadError
from tests.integration.catalogs.rows import load_file, lspsc_file, lspsc_ids, sky, tables

pytestmark = pytest.mark.integration


def test_every_value_arrives_as_it_was(connection, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "_id,ra,dec,score,magwhite\n"
        "9223372036854775807,359.99999,-89.5,0.25,17.125\n"
        "-1,-0.5,0,,NaN\n"
    )

    load_file(connection, LSPSC, path)

    rows = connection.execute('SELECT * FROM catalogs.lspsc ORDER BY "id"').fetchall()
    assert rows == [
        (359.5, 0.0, -1, None, None, int(hpgeom.angle_to_pixel(2**29, 359.5, 0.0))),
        (
            359.99999,
            -89.5,
            2**63 - 1,
            0.25,
            17.125,
            int(hpgeom.angle_to_pixel(2**29, 359.99999, -89.5)),
        ),
    ]


def test_text_of_any_alphabet_arrives(connection, tmp_path):
    names = ["β Lyr", "", "星" * 40, "a"]
    table = pa.table({"ra": [1.0] * 4, "dec": [2.0] * 4, "vartype": names})
    pq.write_table(table, tmp_path / "a.parquet")

    load_file(connection, GCVS, tmp_path / "a.parquet")

    found = connection.execute("SELECT var_type, name FROM catalogs.gcvs").fetchall()
    assert {row[0] for row in found} == {"β Lyr", None, "星" * 40, "a"}
    assert {row[1] for row in found} == {None}


@pytest.mark.parametrize("limit_bytes", [stage.SORTED_IN_MEMORY_BYTES, 1], ids=["memory", "disk"])
def test_rows_lie_in_the_order_of_the_index(connection, tmp_path, monkeypatch, limit_bytes):
    monkeypatch.setattr(stage, "SORTED_IN_MEMORY_BYTES", limit_bytes)
    ra, dec = sky(np.random.default_rng(2), 200_000)
    folder = tmp_path / "parts"
    folder.mkdir()
    for at, part in enumerate(np.array_split(np.arange(200_000), 3)):
        lspsc_file(folder / f"{at}.parquet", ra[part], dec[part], id=part)

    loaded = load_file(connection, LSPSC, folder)

    assert loaded.rows == 200_000
    stored = [row[0] for row in connection.execute("SELECT hpx29 FROM catalogs.lspsc")]
    assert stored == np.sort(hpgeom.angle_to_pixel(2**29, ra, dec)).tolist()
    assert tables(connection) == ["loaded", "lspsc"]


def test_a_loaded_table_is_indexed_clustered_analysed_and_logged(connection, tmp_path):
    load_file(
        connection, LSPSC, lspsc_file(tmp_path / "a.parquet", *sky(np.random.default_rng(3), 500))
    )

    found = connection.execute(
        "SELECT i.relname, indisvalid, indisclustered, t.relpersistence, t.reltuples"
        " FROM pg_index JOIN pg_class i ON i.oid = indexrelid JOIN pg_class t ON t.oid = indrelid"
        " WHERE indrelid = 'catalogs.lspsc'::regclass"
    ).fetchall()
    assert found == [("lspsc_hpx29", True, True, "p", 500.0)]


def test_the_same_file_again_is_no_work(connection, tmp_path):
    path = lspsc_file(tmp_path / "a.parquet", [1.0, 2.0], [3.0, 4.0])
    load_file(connection, LSPSC, path)
    before = connection.execute("SELECT 'catalogs.lspsc'::regclass::oid").fetchone()

    again = load_file(connection, LSPSC, path.rename(tmp_path / "b.parquet"))

    assert again.was_there
    assert again.rows == 2
    assert connection.execute("SELECT 'catalogs.lspsc'::regclass::oid").fetchone() == before


def test_the_same_file_is_loaded_when_asked_for_paired_otherwise_or_lost(connection, tmp_path):
    path = lspsc_file(tmp_path / "a.parquet", [1.0, 2.0], [3.0, 4.0])
    load_file(connection, LSPSC, path)

    assert not load_file(connection, LSPSC, path, is_forced=True).was_there
    assert not load_file(connection, LSPSC, path, chosen={"mag_white": "score"}).was_there
    connection.execute("DROP TABLE catalogs.lspsc")
    assert not load_file(connection, LSPSC, path, chosen={"mag_white": "score"}).was_there


def test_a_load_is_noted_with_its_bad_rows(connection, tmp_path):
    path = lspsc_file(tmp_path / "a.parquet", [1.0, -999.0, 2.0], [3.0, 4.0, 91.0])

    loaded = load_file(connection, LSPSC, path)

    assert (loaded.rows, loaded.bad_rows) == (1, 2)
    assert [(bad.row, bad.ra, bad.dec) for bad in loaded.bad] == [
        (2, "-999.0", "4.0"),
        (3, "2.0", "91.0"),
    ]
    noted = connection.execute("SELECT name, rows, bad_rows, file_name FROM catalogs.loaded")
    assert noted.fetchall() == [("lspsc", 1, 2, "a.parquet")]


@pytest.mark.parametrize(
    "text",
    [
        "id,ra,dec,score,mag_white\n1,2,3,high,5\n",
        "id,ra,dec,score,mag_white\n1,2,3\n",
        "id,ra,dec,score\n1,2,3,4\n",
        "id,ra,dec,score,mag_white\n1,x,3,0.5,5\n",
        "id,ra,dec,score,mag_white\n",
    ],
    ids=["no number", "short row", "missing column", "no position", "no row"],
)
def test_a_load_that_fails_leaves_the_old_rows(connection, tmp_path, text):
    load_file(connection, LSPSC, lspsc_file(tmp_path / "a.parquet", [1.0], [2.0], id=[77]))
    (tmp_path / "bad.csv").write_text(text)

    with pytest.raises(LoadError):
        load_file(connection, LSPSC, tmp_path / "bad.csv")

    assert lspsc_ids(connection) == [77]
    assert tables(connection) == ["loaded", "lspsc"]


def test_a_broken_file_is_one_clear_error(connection, tmp_path):
    whole = lspsc_file(tmp_path / "a.parquet", np.full(5000, 1.0), np.full(5000, 2.0)).read_bytes()
    broken = tmp_path / "broken.parquet"
    for length in (5, len(whole) // 2, len(whole) - 9):
        broken.write_bytes(whole[:length])
        with pytest.raises(LoadError, match=r"broken\.parquet"):
            load_file(connection, LSPSC, broken)


def test_a_large_catalog_never_gives_way_to_a_tiny_one_unasked(connection, tmp_path):
    many = lspsc_file(tmp_path / "many.parquet", np.arange(100) * 1.0, np.zeros(100))
    tenth = lspsc_file(tmp_path / "tenth.parquet", np.arange(10) * 1.0, np.zeros(10))
    tiny = lspsc_file(tmp_path / "tiny.parquet", np.arange(9) * 1.0, np.zeros(9))
    load_file(connection, LSPSC, many)
    with pytest.raises(LoadError, match=r"tiny\.parquet has 9 rows, .* holds 100, .*--force"):
        load_file(connection, LSPSC, tiny)
    assert len(lspsc_ids(connection)) == 100

    load_file(connection, LSPSC, tenth)
    assert len(lspsc_ids(connection)) == 10
    load_file(connection, LSPSC, many)
    load_file(connection, LSPSC, tiny, is_forced=True)
    assert len(lspsc_ids(connection)) == 9


def test_a_wrong_row_far_down_leaves_nothing_behind(connection, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "SORTED_IN_MEMORY_BYTES", 1)
    folder = tmp_path / "parts"
    folder.mkdir()
    for at, count in enumerate((3, 3, 3)):
        lspsc_file(folder / f"{at}.parquet", [1.0] * count, [2.0] * count)
    lspsc_file(folder / "9.parquet", [1.0], [2.0], id=pa.array([None], pa.int64()))

    with pytest.raises(LoadError, match="column id, row 10"):
        load_file(connection, LSPSC, folder)

    assert tables(connection) == ["loaded"]


def test_what_a_crashed_load_left_is_cleared_by_the_next(connection, tmp_path):
    path = lspsc_file(tmp_path / "a.parquet", [1.0], [2.0])
    load_file(connection, LSPSC, path)
    connection.execute("CREATE TABLE catalogs.lspsc__staging (x int)")
    connection.execute("CREATE UNLOGGED TABLE catalogs.lspsc__unsorted (x int)")

    load_file(connection, LSPSC, path, is_forced=True)

    assert tables(connection) == ["loaded", "lspsc"]


def test_two_loads_at_once_both_end_well(database, connection, tmp_path):
    ra, dec = sky(np.random.default_rng(4), 30_000)
    paths = [lspsc_file(tmp_path / f"{n}.parquet", ra[:n], dec[:n]) for n in (10_000, 30_000)]

    def run(path):
        with psycopg.connect(database, autocommit=True) as own:
            return load_file(own, LSPSC, path).rows

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(run, (*paths, *paths), timeout=60))

    assert sorted(outcomes) == [10_000, 10_000, 30_000, 30_000]
    assert tables(connection) == ["loaded", "lspsc"]
    stored = connection.execute("SELECT count(*) FROM catalogs.lspsc").fetchone()
    noted = connection.execute("SELECT rows FROM catalogs.loaded").fetchone()
    assert stored == noted


def test_a_search_goes_on_while_its_catalog_is_replaced(engine, connection, tmp_path):
    ra, dec = sky(np.random.default_rng(5), 2_000)
    path = lspsc_file(tmp_path / "a.parquet", ra, dec)
    load_file(connection, LSPSC, path)
    is_over = threading.Event()

    def search():
        found = []
        while not is_over.is_set():
            with Session(engine) as own:
                found.append(len(match_catalog(own, LSPSC, ra[:50], dec[:50], 1.0).alert))
        return found

    with ThreadPoolExecutor(1) as pool:
        searches = pool.submit(search)
        try:
            for _ in range(8):
                load_file(connection, LSPSC, path, is_forced=True)
        finally:
            is_over.set()
        found = searches.result(30)

    assert len(found) > 1
    assert set(found) == {50}
