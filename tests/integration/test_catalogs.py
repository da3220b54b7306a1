"""Catalogs on a real Postgres: loading, swapping, and finding what lies near."""

import io
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import hpgeom
import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from psycopg import sql
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import cursor, sqlalchemy_url
from pipeline.alerts import crossmatch
from pipeline.alerts.cones import accept_arrays, parameters, statement
from pipeline.alerts.crossmatch import (
    has_archival_source,
    match_catalog,
    match_objects,
    require_lspsc,
)
from pipeline.alerts.tables import SkyObject
from pipeline.catalogs import CATALOGS, stage
from pipeline.catalogs.known import BLAZARS, GALAXIES, GCVS, LSPSC, PS1, TNS
from pipeline.catalogs.load import Loaded, Wish, load
from pipeline.catalogs.record import CatalogMissing, LoadError
from pipeline.management.commands import load_catalog
from tests import samples

pytestmark = pytest.mark.integration

ARCSEC_DEG = 1 / 3600


@pytest.fixture(scope="module")
def database(parts) -> Iterator[str]:
    """A database of this module's own, because loads commit."""
    home = config().postgres.url.get_secret_value()
    name = f"nightjar_catalogs_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(home, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield psycopg.conninfo.make_conninfo(home, dbname=name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def engine(database) -> Iterator[Engine]:
    engine = create_engine(
        sqlalchemy_url("postgresql://"), creator=lambda: psycopg.connect(database)
    )
    SkyObject.__table__.create(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(database) -> Iterator[psycopg.Connection]:
    """A connection that commits by itself, on a database without catalogs."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS catalogs CASCADE")
        yield connection


@pytest.fixture
def session(engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session
        session.rollback()


def _load(connection, catalog, path, **wish) -> Loaded:
    return load(connection, catalog, Wish(Path(path), **wish), lambda _: None)


def _lspsc(path, ra, dec, **columns):
    """Write an LSPSC file; returns its path."""
    n = len(ra)
    whole = {"id": np.arange(n), "ra": ra, "dec": dec}
    whole |= {"score": np.full(n, 0.5), "mag_white": np.full(n, 20.0)} | columns
    pq.write_table(pa.table(whole), path)
    return path


def _sky(rng, n):
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


def _tables(connection):
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('catalogs')"
        " AND relkind = 'r' ORDER BY 1"
    )
    return [row[0] for row in found]


def _ids(connection):
    return [row[0] for row in connection.execute("SELECT id FROM catalogs.lspsc ORDER BY id")]


# Loading


def test_every_value_arrives_as_it_was(connection, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "_id,ra,dec,score,magwhite\n"
        "9223372036854775807,359.99999,-89.5,0.25,17.125\n"
        "-1,-0.5,0,,NaN\n"
    )

    _load(connection, LSPSC, path)

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

    _load(connection, GCVS, tmp_path / "a.parquet")

    found = connection.execute("SELECT var_type, name FROM catalogs.gcvs").fetchall()
    assert {row[0] for row in found} == {"β Lyr", None, "星" * 40, "a"}
    assert {row[1] for row in found} == {None}


@pytest.mark.parametrize("limit_bytes", [stage.SORTED_IN_MEMORY_BYTES, 1], ids=["memory", "disk"])
def test_rows_lie_in_the_order_of_the_index(connection, tmp_path, monkeypatch, limit_bytes):
    monkeypatch.setattr(stage, "SORTED_IN_MEMORY_BYTES", limit_bytes)
    ra, dec = _sky(np.random.default_rng(2), 200_000)
    folder = tmp_path / "parts"
    folder.mkdir()
    for at, part in enumerate(np.array_split(np.arange(200_000), 3)):
        _lspsc(folder / f"{at}.parquet", ra[part], dec[part], id=part)

    loaded = _load(connection, LSPSC, folder)

    assert loaded.rows == 200_000
    stored = [row[0] for row in connection.execute("SELECT hpx29 FROM catalogs.lspsc")]
    assert stored == np.sort(hpgeom.angle_to_pixel(2**29, ra, dec)).tolist()
    assert _tables(connection) == ["loaded", "lspsc"]


def test_a_loaded_table_is_indexed_clustered_analysed_and_logged(connection, tmp_path):
    _load(connection, LSPSC, _lspsc(tmp_path / "a.parquet", *_sky(np.random.default_rng(3), 500)))

    found = connection.execute(
        "SELECT i.relname, indisvalid, indisclustered, t.relpersistence, t.reltuples"
        " FROM pg_index JOIN pg_class i ON i.oid = indexrelid JOIN pg_class t ON t.oid = indrelid"
        " WHERE indrelid = 'catalogs.lspsc'::regclass"
    ).fetchall()
    assert found == [("lspsc_hpx29", True, True, "p", 500.0)]


def test_the_same_file_again_is_no_work(connection, tmp_path):
    path = _lspsc(tmp_path / "a.parquet", [1.0, 2.0], [3.0, 4.0])
    _load(connection, LSPSC, path)
    before = connection.execute("SELECT 'catalogs.lspsc'::regclass::oid").fetchone()

    again = _load(connection, LSPSC, path.rename(tmp_path / "b.parquet"))

    assert again.was_there
    assert again.rows == 2
    assert connection.execute("SELECT 'catalogs.lspsc'::regclass::oid").fetchone() == before


def test_the_same_file_is_loaded_when_asked_for_paired_otherwise_or_lost(connection, tmp_path):
    path = _lspsc(tmp_path / "a.parquet", [1.0, 2.0], [3.0, 4.0])
    _load(connection, LSPSC, path)

    assert not _load(connection, LSPSC, path, is_forced=True).was_there
    assert not _load(connection, LSPSC, path, chosen={"mag_white": "score"}).was_there
    connection.execute("DROP TABLE catalogs.lspsc")
    assert not _load(connection, LSPSC, path, chosen={"mag_white": "score"}).was_there


def test_a_load_is_noted_with_its_bad_rows(connection, tmp_path):
    path = _lspsc(tmp_path / "a.parquet", [1.0, -999.0, 2.0], [3.0, 4.0, 91.0])

    loaded = _load(connection, LSPSC, path)

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
    _load(connection, LSPSC, _lspsc(tmp_path / "a.parquet", [1.0], [2.0], id=[77]))
    (tmp_path / "bad.csv").write_text(text)

    with pytest.raises(LoadError):
        _load(connection, LSPSC, tmp_path / "bad.csv")

    assert _ids(connection) == [77]
    assert _tables(connection) == ["loaded", "lspsc"]


def test_a_broken_file_is_one_clear_error(connection, tmp_path):
    whole = _lspsc(tmp_path / "a.parquet", np.full(5000, 1.0), np.full(5000, 2.0)).read_bytes()
    broken = tmp_path / "broken.parquet"
    for length in (5, len(whole) // 2, len(whole) - 9):
        broken.write_bytes(whole[:length])
        with pytest.raises(LoadError, match=r"broken\.parquet"):
            _load(connection, LSPSC, broken)


def test_a_large_catalog_never_gives_way_to_a_tiny_one_unasked(connection, tmp_path):
    many = _lspsc(tmp_path / "many.parquet", np.arange(100) * 1.0, np.zeros(100))
    tenth = _lspsc(tmp_path / "tenth.parquet", np.arange(10) * 1.0, np.zeros(10))
    tiny = _lspsc(tmp_path / "tiny.parquet", np.arange(9) * 1.0, np.zeros(9))
    _load(connection, LSPSC, many)
    with pytest.raises(LoadError, match=r"tiny\.parquet has 9 rows, .* holds 100, .*--force"):
        _load(connection, LSPSC, tiny)
    assert len(_ids(connection)) == 100

    _load(connection, LSPSC, tenth)
    assert len(_ids(connection)) == 10
    _load(connection, LSPSC, many)
    _load(connection, LSPSC, tiny, is_forced=True)
    assert len(_ids(connection)) == 9


def test_a_wrong_row_far_down_leaves_nothing_behind(connection, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "SORTED_IN_MEMORY_BYTES", 1)
    folder = tmp_path / "parts"
    folder.mkdir()
    for at, count in enumerate((3, 3, 3)):
        _lspsc(folder / f"{at}.parquet", [1.0] * count, [2.0] * count)
    _lspsc(folder / "9.parquet", [1.0], [2.0], id=pa.array([None], pa.int64()))

    with pytest.raises(LoadError, match="column id, row 10"):
        _load(connection, LSPSC, folder)

    assert _tables(connection) == ["loaded"]


def test_what_a_crashed_load_left_is_cleared_by_the_next(connection, tmp_path):
    path = _lspsc(tmp_path / "a.parquet", [1.0], [2.0])
    _load(connection, LSPSC, path)
    connection.execute("CREATE TABLE catalogs.lspsc__staging (x int)")
    connection.execute("CREATE UNLOGGED TABLE catalogs.lspsc__unsorted (x int)")

    _load(connection, LSPSC, path, is_forced=True)

    assert _tables(connection) == ["loaded", "lspsc"]


def test_two_loads_at_once_both_end_well(database, connection, tmp_path):
    ra, dec = _sky(np.random.default_rng(4), 30_000)
    paths = [_lspsc(tmp_path / f"{n}.parquet", ra[:n], dec[:n]) for n in (10_000, 30_000)]
    outcomes: list[object] = []

    def run(path):
        try:
            with psycopg.connect(database, autocommit=True) as own:
                outcomes.append(_load(own, LSPSC, path).rows)
        except Exception as error:  # noqa: BLE001 it belongs to the test's thread
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(path,)) for path in (*paths, *paths)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(outcomes) == [10_000, 10_000, 30_000, 30_000]
    assert _tables(connection) == ["loaded", "lspsc"]
    stored = connection.execute("SELECT count(*) FROM catalogs.lspsc").fetchone()
    noted = connection.execute("SELECT rows FROM catalogs.loaded").fetchone()
    assert stored == noted


def test_a_search_goes_on_while_its_catalog_is_replaced(engine, connection, tmp_path):
    ra, dec = _sky(np.random.default_rng(5), 2_000)
    path = _lspsc(tmp_path / "a.parquet", ra, dec)
    _load(connection, LSPSC, path)
    is_over = threading.Event()
    found: list[object] = []

    def search():
        while not is_over.is_set():
            try:
                with Session(engine) as own:
                    found.append(len(match_catalog(own, LSPSC, ra[:50], dec[:50], 1.0).alert))
            except Exception as error:  # noqa: BLE001 it belongs to the test's thread
                found.append(error)

    thread = threading.Thread(target=search)
    thread.start()
    for _ in range(8):
        _load(connection, LSPSC, path, is_forced=True)
    is_over.set()
    thread.join(30)

    assert len(found) > 1
    assert set(found) == {50}


# Searching


def _brute_force(ra, dec, rows_ra, rows_dec, radius_arcsec):
    """Return every pair within the radius, by the length of the chord between unit vectors."""

    def vectors(ra, dec):
        ra, dec = np.radians(ra), np.radians(dec)
        return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])

    here, there = vectors(ra, dec), vectors(rows_ra, rows_dec)
    radius = np.radians(radius_arcsec * ARCSEC_DEG)
    pairs = set()
    for start in range(0, len(here), 250):
        close = here[start : start + 250] @ there.T > np.cos(2 * radius) - 1e-12
        alert, row = np.nonzero(close)
        chord = np.linalg.norm(here[start + alert] - there[row], axis=1)
        within = 2 * np.arcsin(chord / 2) <= radius
        pairs |= set(zip((start + alert[within]).tolist(), row[within].tolist(), strict=True))
    return pairs


def _hard_positions(rng, n, radius_arcsec):
    """Uniform, about the poles, about RA 0, and at corners of cells of several orders."""
    quarter = n // 4
    ra, dec = _sky(rng, n)
    reach = 4 * radius_arcsec * ARCSEC_DEG
    dec[:quarter] = (90 - rng.uniform(0, reach, quarter)) * rng.choice([-1, 1], quarter)
    ra[quarter : 2 * quarter] = rng.normal(0, reach, quarter) % 360
    for at, order in enumerate((0, 1, 8, 12)):
        size = quarter // 4
        part = slice(2 * quarter + at * size, 2 * quarter + (at + 1) * size)
        cells = rng.integers(0, 12 * 4**order, size)
        corner_ra, corner_dec = hpgeom.boundaries(2**order, cells, 1)
        which = rng.integers(0, 4, size)
        ra[part] = corner_ra[np.arange(size), which]
        dec[part] = corner_dec[np.arange(size), which]
    return ra, dec


def _scattered(rng, ra, dec, reach_deg):
    """Return a position near each given one, uniform in a disc, exact at the poles too."""
    bearing = rng.uniform(0, 2 * np.pi, len(ra))
    way = np.radians(reach_deg) * np.sqrt(rng.random(len(ra)))
    lat = np.radians(dec)
    sine = np.sin(lat) * np.cos(way) + np.cos(lat) * np.sin(way) * np.cos(bearing)
    turn = np.arctan2(np.sin(bearing) * np.sin(way) * np.cos(lat), np.cos(way) - np.sin(lat) * sine)
    return (ra + np.degrees(turn)) % 360, np.degrees(np.arcsin(np.clip(sine, -1, 1)))


@pytest.mark.slow
@pytest.mark.parametrize("radius_arcsec", [1.0, 2.0, 7.5, 30.0, 300.0])
def test_matches_are_those_of_brute_force(connection, session, tmp_path, radius_arcsec):
    rng = np.random.default_rng(int(radius_arcsec * 10))
    ra, dec = _hard_positions(rng, 2_000, radius_arcsec)
    rows = [_scattered(rng, ra, dec, 1.3 * radius_arcsec * ARCSEC_DEG) for _ in range(4)]
    rows_ra, rows_dec = (np.concatenate(part) for part in zip(*rows, strict=True))
    _load(connection, LSPSC, _lspsc(tmp_path / "a.parquet", rows_ra, rows_dec))

    found = match_catalog(session, LSPSC, ra, dec, radius_arcsec)

    pairs = list(zip(found.alert.tolist(), found.columns["id"].tolist(), strict=True))
    assert len(pairs) == len(set(pairs)) > 2_000
    assert set(pairs) == _brute_force(ra, dec, rows_ra, rows_dec, radius_arcsec)
    order = np.lexsort((found.separation_arcsec, found.alert))
    assert order.tolist() == list(range(len(pairs)))


def test_rows_come_nearest_first_with_their_columns(connection, session, tmp_path):
    dec = np.array([10.0, 1.5, 1.0, 0.5]) * ARCSEC_DEG
    path = _lspsc(
        tmp_path / "a.parquet",
        [0.0] * 4,
        dec,
        score=pa.array([0.1, 0.2, None, 0.4]),
        mag_white=pa.array([11.0, 12.0, 13.0, None]),
    )
    _load(connection, LSPSC, path)

    found = match_catalog(session, LSPSC, np.array([180.0, 0.0]), np.array([0.0, 0.0]), 2.0)

    assert found.alert.tolist() == [1, 1, 1]
    assert found.separation_arcsec == pytest.approx([0.5, 1.0, 1.5])
    assert found.columns["id"].tolist() == [3, 2, 1]
    assert found.columns["score"] == pytest.approx([0.4, np.nan, 0.2], nan_ok=True)
    assert found.columns["mag_white"] == pytest.approx([np.nan, 13.0, 12.0], nan_ok=True)


def test_only_the_nearest_rows_are_returned_when_asked_for(connection, session, tmp_path):
    dec = np.tile(np.arange(1, 6) * 0.1 * ARCSEC_DEG, 2)
    _load(connection, LSPSC, _lspsc(tmp_path / "a.parquet", np.repeat([10.0, 20.0], 5), dec))

    found = match_catalog(session, LSPSC, np.array([20.0, 15.0, 10.0]), np.zeros(3), 2.0, nearest=2)

    assert found.alert.tolist() == [0, 0, 2, 2]
    assert found.columns["id"].tolist() == [5, 6, 0, 1]


def test_a_row_at_the_very_radius_is_within(connection, session, tmp_path):
    _load(connection, LSPSC, _lspsc(tmp_path / "a.parquet", [0.0], [0.0]))
    reach = match_catalog(session, LSPSC, np.array([0.0]), np.array([5e-4]), 3.0)

    exactly = float(reach.separation_arcsec[0])

    at = (np.array([0.0]), np.array([5e-4]))
    assert len(match_catalog(session, LSPSC, *at, exactly).alert) == 1
    assert len(match_catalog(session, LSPSC, *at, np.nextafter(exactly, 0)).alert) == 0


def test_no_position_has_no_match(connection, session, tmp_path):
    _load(connection, LSPSC, _lspsc(tmp_path / "a.parquet", [1.0], [2.0]))

    found = match_catalog(session, LSPSC, np.empty(0), np.empty(0), 30.0)

    assert len(found.alert) == 0
    assert set(found.columns) == {"ra", "dec", "id", "score", "mag_white"}


def test_a_search_reads_the_index_and_never_the_table(connection, session, tmp_path):
    _load(
        connection, LSPSC, _lspsc(tmp_path / "a.parquet", *_sky(np.random.default_rng(6), 50_000))
    )
    ra, dec = _sky(np.random.default_rng(7), 250)

    with cursor(session) as cur:
        accept_arrays(cur)
        cur.execute(crossmatch.PLANNER_OFF)
        cur.execute("EXPLAIN " + statement(LSPSC.table, LSPSC.columns), parameters(ra, dec, 30.0))
        plan = "\n".join(row[0] for row in cur)

    assert "Index Scan using lspsc_hpx29" in plan
    assert "Index Cond: ((hpx29 >= p.first) AND (hpx29 < p.last))" in plan
    assert "Seq Scan" not in plan
    assert "JIT" not in plan


def test_a_search_leaves_the_planner_as_it_was(connection, session, tmp_path):
    _load(connection, LSPSC, _lspsc(tmp_path / "a.parquet", [1.0], [2.0]))

    match_catalog(session, LSPSC, np.array([1.0]), np.array([2.0]), 30.0)

    with cursor(session) as cur:
        shown = [cur.execute(f"SHOW {name}").fetchone()[0] for name in crossmatch.PLANNER]
    assert set(shown) == {"on"}


def test_a_search_of_a_missing_catalog_names_the_command(connection, session):
    with pytest.raises(CatalogMissing, match=r"manage\.py load_catalog gcvs PATH"):
        match_catalog(session, GCVS, np.array([1.0]), np.array([2.0]), 30.0)


def test_a_search_of_a_catalog_of_an_older_release_names_the_command(connection, session, tmp_path):
    _load(connection, LSPSC, _lspsc(tmp_path / "a.parquet", [1.0], [2.0]))
    connection.execute("ALTER TABLE catalogs.lspsc DROP COLUMN mag_white")

    with pytest.raises(CatalogMissing, match=r"mag_white.*load_catalog lspsc PATH"):
        match_catalog(session, LSPSC, np.array([1.0]), np.array([2.0]), 30.0)


def test_without_lspsc_rows_lsst_alerts_are_refused(connection, session, tmp_path):
    with pytest.raises(CatalogMissing, match="load_catalog lspsc"):
        require_lspsc(session)
    session.rollback()

    _load(connection, LSPSC, _lspsc(tmp_path / "a.parquet", [1.0], [2.0]))
    require_lspsc(session)
    session.rollback()

    connection.execute("TRUNCATE catalogs.lspsc")
    with pytest.raises(CatalogMissing, match="empty"):
        require_lspsc(session)


def test_a_row_of_any_archival_catalog_is_an_archival_source(connection, session, tmp_path):
    ra, dec = np.array([10.0, 20.0, 30.0, 40.0]), np.zeros(4)
    assert has_archival_source(session, ra, dec, 2.0).tolist() == [False] * 4
    session.rollback()
    _load(connection, LSPSC, _lspsc(tmp_path / "a.parquet", [10.0, 40.0], [0.0, 3 * ARCSEC_DEG]))
    pq.write_table(pa.table({"ra": [20.0], "dec": [0.0], "vartype": ["M"]}), tmp_path / "g.parquet")
    _load(connection, GCVS, tmp_path / "g.parquet")
    pq.write_table(pa.table({"ra": [30.0], "dec": [0.0], "objid": [1]}), tmp_path / "t.parquet")
    _load(connection, TNS, tmp_path / "t.parquet")

    assert has_archival_source(session, ra, dec, 2.0).tolist() == [True, True, False, False]


def test_objects_of_a_survey_are_found_if_they_are_public_and_fixed(session):
    def put(key, survey, object_id, dec_arcsec, *, is_public):
        dec = dec_arcsec * ARCSEC_DEG
        session.add(
            SkyObject(
                id=key,
                survey=survey,
                object_id=object_id,
                ra_deg=359.9999,
                dec_deg=dec,
                hpx29=int(hpgeom.angle_to_pixel(2**29, 359.9999, dec)),
                is_public=is_public,
            )
        )

    put(101, "ztf", "ZTF26aaaaaaa", 1.0, is_public=True)
    put(102, "ztf", "ZTF26aaaaaab", 0.5, is_public=True)
    put(103, "ztf", "ZTF26aaaaaac", 0.1, is_public=False)
    put(104, "ztf", "ZTF26aaaaaad", 2.1, is_public=True)
    put(105, "lsst", "170046085932777529", 0.2, is_public=True)
    put(106, "lsst", "sso20897", 0.1, is_public=True)
    session.flush()
    ra, dec = np.array([120.0, 359.9999]), np.zeros(2)

    ztf, lsst = (match_objects(session, survey, ra, dec, 2.0) for survey in ("ztf", "lsst"))

    assert ztf.alert.tolist() == [1, 1]
    assert ztf.object_id.tolist() == [102, 101]
    assert ztf.separation_arcsec == pytest.approx([0.5, 1.0])
    assert lsst.object_id.tolist() == [105]


# Real files


@pytest.fixture
def catalogs() -> Path:
    return samples.folder() / "catalogs"


@pytest.mark.samples
def test_padded_quoted_sexagesimal_blazars_are_read(connection, catalogs):
    loaded = _load(connection, BLAZARS, catalogs / "3hsp.csv")

    assert (loaded.rows, loaded.bad_rows) == (2_013, 0)
    row = connection.execute(
        "SELECT ra, dec, gamma_name FROM catalogs.\"3hsp\" WHERE name = '3HSPJ000132.7-415525'"
    ).fetchone()
    # 15 × (1 / 60 + 32.74 / 3600) and −(41 + 55 / 60 + 24.99 / 3600)
    assert row == (pytest.approx(0.386416667), pytest.approx(-41.923608333), "4FGL J0001.6-4156")


@pytest.mark.samples
def test_galaxies_with_byte_marks_are_read(connection, catalogs):
    loaded = _load(connection, GALAXIES, catalogs / "gwemopt_catalog_glade_expected.csv")

    assert (loaded.rows, loaded.bad_rows) == (2_000, 0)
    first = connection.execute("SELECT distance_mpc FROM catalogs.galaxies WHERE ra = 11.781363")
    assert first.fetchone() == (pytest.approx(244.250311897, rel=1e-6),)


@pytest.mark.samples
def test_transients_with_another_name_for_declination_are_read(connection, catalogs):
    assert _load(connection, TNS, catalogs / "tns_raw.parquet").rows == 3


@pytest.mark.samples
def test_variable_stars_lie_near_23_of_the_sample_alerts(connection, session, catalogs):
    assert _load(connection, GCVS, catalogs / "gcvs.parquet").rows == 59_099

    found = match_catalog(session, GCVS, *_sample_positions(), 2.0)

    assert len(set(found.alert.tolist())) == 23
    assert not [kind for kind in found.columns["var_type"] if kind != kind.strip()]


# Counts of ../shared/data/README.md.
@pytest.mark.samples
@pytest.mark.parametrize(("radius_arcsec", "alerts"), [(1.0, 459), (2.0, 527), (30.0, 821)])
def test_ps1_sources_lie_near_the_sample_alerts(
    connection, session, catalogs, radius_arcsec, alerts
):
    path = catalogs / "ps1_psc_from_ztf_alerts.csv"
    assert _load(connection, PS1, path).rows == 3_118

    found = match_catalog(session, PS1, *_sample_positions(), radius_arcsec)

    assert len(set(found.alert.tolist())) == alerts


@pytest.mark.samples
def test_ps1_stands_in_for_lspsc_when_its_columns_are_paired_by_hand(connection, catalogs):
    path = catalogs / "ps1_psc_from_ztf_alerts.csv"
    chosen = {"id": "objID", "score": "ps_score", "mag_white": "rmag"}

    with pytest.raises(LoadError, match="score"):
        _load(connection, LSPSC, path)
    loaded = _load(connection, LSPSC, path, chosen=chosen)

    assert loaded.unused == ("gmag", "imag", "zmag")
    counts = connection.execute(
        "SELECT count(*) FILTER (WHERE score > 0.5), count(*) FILTER (WHERE score < 0.5),"
        " count(*) FILTER (WHERE mag_white IS NULL) FROM catalogs.lspsc"
    ).fetchone()
    assert counts == (1_409, 1_091, 638)


def _sample_positions():
    packets = [*samples.ztf_originals(), *samples.ztf_rewritten()]
    positions = [(s.record["candidate"]["ra"], s.record["candidate"]["dec"]) for s in packets]
    ra, dec = np.array(positions).T
    return ra, dec


# The command


@pytest.fixture
def run(connection, monkeypatch):
    """Run the command on this module's database; returns what it printed."""
    monkeypatch.setattr(load_catalog, "own_connection", lambda: _Lent(connection))

    def run(*words):
        out = io.StringIO()
        call_command("load_catalog", *map(str, words), stdout=out)
        return out.getvalue()

    return run


class _Lent:
    def __init__(self, connection):
        self._connection = connection

    def __enter__(self):
        return self._connection

    def __exit__(self, *_):
        return None


def test_the_command_says_what_it_took_and_what_it_left(run, tmp_path):
    path = tmp_path / "a.tsv"
    rows = {"ra": ["10", "bad"], "dec": ["1", "2"], "VarType": ["M", "SR"], "Epoch": ["1", "2"]}
    pacsv.write_csv(pa.table(rows), path, pacsv.WriteOptions(delimiter="|"))

    said = run("gcvs", path, "--separator", "pipe")

    assert "gcvs: 1 rows in" in said
    assert "var_type from VarType" in said
    assert "empty, the file has none: name" in said
    assert "not used: Epoch" in said
    assert "row 2: ra bad, dec 2" in said
    assert "same file is loaded already, 1 rows" in run("gcvs", path, "--separator", "pipe")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--column", "score"], "wanted OURS=THEIRS"),
        (["--column", "kind=VarType"], "gcvs has no column kind"),
        (["--separator", "::"], "separator '::'"),
        ([], "no column for ra"),
    ],
)
def test_the_command_refuses_with_one_line(run, tmp_path, words, said):
    path = tmp_path / "a.csv"
    path.write_text("VarType\nM\n")

    with pytest.raises(CommandError, match=said):
        run("gcvs", path, *words)


def test_every_catalog_can_be_made_and_searched(connection, session, tmp_path):
    for record in CATALOGS:
        cells = {column.name: ["7"] for column in record.columns}
        pacsv.write_csv(pa.table(cells), tmp_path / f"{record.name}.csv")
        _load(connection, record, tmp_path / f"{record.name}.csv")

    found = [
        len(match_catalog(session, record, np.array([7.0]), np.array([7.0]), 1.0).alert)
        for record in CATALOGS
    ]

    assert found == [1] * len(CATALOGS)
