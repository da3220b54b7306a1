"""What lies near a position, in catalogs and among objects."""

import hpgeom
import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from broker.db import cursor
from pipeline.alerts import crossmatch
from pipeline.alerts.cones import accept_arrays, parameters, statement
from pipeline.alerts.crossmatch import (
    has_archival_source,
    match_catalog,
    match_objects,
    require_lspsc,
)
from pipeline.alerts.tables import SkyObject
from pipeline.catalogs import CATALOGS
from pipeline.catalogs.known import GCVS, LSPSC, TNS
from pipeline.catalogs.record import CatalogMissing
from tests.integration.catalogs.rows import ARCSEC_DEG, load_file, lspsc_file, sky

pytestmark = pytest.mark.integration


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
    ra, dec = sky(rng, n)
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
    load_file(connection, LSPSC, lspsc_file(tmp_path / "a.parquet", rows_ra, rows_dec))

    found = match_catalog(session, LSPSC, ra, dec, radius_arcsec)

    pairs = list(zip(found.alert.tolist(), found.columns["id"].tolist(), strict=True))
    assert len(pairs) == len(set(pairs)) > 2_000
    assert set(pairs) == _brute_force(ra, dec, rows_ra, rows_dec, radius_arcsec)
    order = np.lexsort((found.separation_arcsec, found.alert))
    assert order.tolist() == list(range(len(pairs)))


def test_rows_come_nearest_first_with_their_columns(connection, session, tmp_path):
    dec = np.array([10.0, 1.5, 1.0, 0.5]) * ARCSEC_DEG
    path = lspsc_file(
        tmp_path / "a.parquet",
        [0.0] * 4,
        dec,
        score=pa.array([0.1, 0.2, None, 0.4]),
        mag_white=pa.array([11.0, 12.0, 13.0, None]),
    )
    load_file(connection, LSPSC, path)

    found = match_catalog(session, LSPSC, np.array([180.0, 0.0]), np.array([0.0, 0.0]), 2.0)

    assert found.alert.tolist() == [1, 1, 1]
    assert found.separation_arcsec == pytest.approx([0.5, 1.0, 1.5])
    assert found.columns["id"].tolist() == [3, 2, 1]
    assert found.columns["score"] == pytest.approx([0.4, np.nan, 0.2], nan_ok=True)
    assert found.columns["mag_white"] == pytest.approx([np.nan, 13.0, 12.0], nan_ok=True)


def test_only_the_nearest_rows_are_returned_when_asked_for(connection, session, tmp_path):
    dec = np.tile(np.arange(1, 6) * 0.1 * ARCSEC_DEG, 2)
    load_file(
        connection, LSPSC, lspsc_file(tmp_path / "a.parquet", np.repeat([10.0, 20.0], 5), dec)
    )

    found = match_catalog(session, LSPSC, np.array([20.0, 15.0, 10.0]), np.zeros(3), 2.0, nearest=2)

    assert found.alert.tolist() == [0, 0, 2, 2]
    assert found.columns["id"].tolist() == [5, 6, 0, 1]


def test_a_row_at_the_very_radius_is_within(connection, session, tmp_path):
    load_file(connection, LSPSC, lspsc_file(tmp_path / "a.parquet", [0.0], [0.0]))
    reach = match_catalog(session, LSPSC, np.array([0.0]), np.array([5e-4]), 3.0)

    exactly = float(reach.separation_arcsec[0])

    at = (np.array([0.0]), np.array([5e-4]))
    assert len(match_catalog(session, LSPSC, *at, exactly).alert) == 1
    assert len(match_catalog(session, LSPSC, *at, np.nextafter(exactly, 0)).alert) == 0


def test_no_position_has_no_match(connection, session, tmp_path):
    load_file(connection, LSPSC, lspsc_file(tmp_path / "a.parquet", [1.0], [2.0]))

    found = match_catalog(session, LSPSC, np.empty(0), np.empty(0), 30.0)

    assert len(found.alert) == 0
    assert set(found.columns) == {"ra", "dec", "id", "score", "mag_white"}


def test_a_search_reads_the_index_and_never_the_table(connection, session, tmp_path):
    load_file(
        connection,
        LSPSC,
        lspsc_file(tmp_path / "a.parquet", *sky(np.random.default_rng(6), 50_000)),
    )
    ra, dec = sky(np.random.default_rng(7), 250)

    with cursor(session) as cur:
        accept_arrays(cur)
        cur.execute(crossmatch.PLANNER_OFF)
        cur.execute("EXPLAIN " + statement(LSPSC.table, LSPSC.columns), parameters(ra, dec, 30.0))
        plan = "\n".join(row[0] for row in cur)

    assert "Index Scan using lspsc_hpx29" in plan
    assert "Index Cond: ((hpx29 >= p.first) AND (hpx29 < p.last))" in plan
    assert "Seq Scan" not in plan
    assert "JIT" not in plan


def test_every_search_is_planned_for_its_own_ranges(connection, session, tmp_path):
    """A plan for any ranges is made after five searches; it would read the table."""
    ra, dec = sky(np.random.default_rng(6), 2000)
    load_file(connection, LSPSC, lspsc_file(tmp_path / "a.parquet", ra, dec))
    for _ in range(8):
        match_catalog(session, LSPSC, ra[:1], dec[:1], 10.0)

    with cursor(session) as cur:
        cur.execute(
            "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements"
            " WHERE statement LIKE 'SELECT p.position%'"
        )
        generic, custom = cur.fetchone()
    assert generic == 0
    assert custom > 0


def test_a_few_cones_read_the_index_of_the_sky_though_another_covers_the_table(
    connection, session, tmp_path
):
    file = lspsc_file(tmp_path / "a.parquet", *sky(np.random.default_rng(6), 50_000))
    load_file(connection, LSPSC, file)
    ra, dec = sky(np.random.default_rng(7), 4)

    with cursor(session) as cur:
        accept_arrays(cur)
        cur.execute(f"CREATE INDEX another ON {LSPSC.table} (id) INCLUDE (ra)")
        cur.execute(crossmatch.PLANNER_OFF)
        wanted = statement(LSPSC.table, LSPSC.columns, "AND t.id IS NOT NULL")
        cur.execute("EXPLAIN " + wanted, parameters(ra, dec, 30.0))
        plan = "\n".join(row[0] for row in cur)

    assert "Index Scan using lspsc_hpx29" in plan
    assert "another" not in plan


def test_a_search_leaves_the_planner_as_it_was(connection, session, tmp_path):
    load_file(connection, LSPSC, lspsc_file(tmp_path / "a.parquet", [1.0], [2.0]))

    match_catalog(session, LSPSC, np.array([1.0]), np.array([2.0]), 30.0)

    with cursor(session) as cur:
        shown = [cur.execute(f"SHOW {name}").fetchone()[0] for name in crossmatch.PLANNER]
    assert set(shown) == {"on", "auto"}


def test_a_search_of_a_missing_catalog_names_the_command(connection, session):
    with pytest.raises(CatalogMissing, match=r"manage\.py load_catalog gcvs PATH"):
        match_catalog(session, GCVS, np.array([1.0]), np.array([2.0]), 30.0)


def test_a_search_of_a_catalog_of_an_older_release_names_the_command(connection, session, tmp_path):
    load_file(connection, LSPSC, lspsc_file(tmp_path / "a.parquet", [1.0], [2.0]))
    connection.execute("ALTER TABLE catalogs.lspsc DROP COLUMN mag_white")

    with pytest.raises(CatalogMissing, match=r"mag_white.*load_catalog lspsc PATH"):
        match_catalog(session, LSPSC, np.array([1.0]), np.array([2.0]), 30.0)


def test_without_lspsc_rows_lsst_alerts_are_refused(connection, session, tmp_path):
    with pytest.raises(CatalogMissing, match="load_catalog lspsc"):
        require_lspsc(session)
    session.rollback()

    load_file(connection, LSPSC, lspsc_file(tmp_path / "a.parquet", [1.0], [2.0]))
    require_lspsc(session)
    session.rollback()

    connection.execute("TRUNCATE catalogs.lspsc")
    with pytest.raises(CatalogMissing, match="empty"):
        require_lspsc(session)


def test_a_row_of_any_archival_catalog_is_an_archival_source(connection, session, tmp_path):
    ra, dec = np.array([10.0, 20.0, 30.0, 40.0]), np.zeros(4)
    assert has_archival_source(session, ra, dec, 2.0).tolist() == [False] * 4
    session.rollback()
    load_file(
        connection, LSPSC, lspsc_file(tmp_path / "a.parquet", [10.0, 40.0], [0.0, 3 * ARCSEC_DEG])
    )
    pq.write_table(pa.table({"ra": [20.0], "dec": [0.0], "vartype": ["M"]}), tmp_path / "g.parquet")
    load_file(connection, GCVS, tmp_path / "g.parquet")
    pq.write_table(pa.table({"ra": [30.0], "dec": [0.0], "objid": [1]}), tmp_path / "t.parquet")
    load_file(connection, TNS, tmp_path / "t.parquet")

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


def test_every_catalog_can_be_made_and_searched(connection, session, tmp_path):
    for record in CATALOGS:
        cells = {column.name: ["7"] for column in record.columns}
        pacsv.write_csv(pa.table(cells), tmp_path / f"{record.name}.csv")
        load_file(connection, record, tmp_path / f"{record.name}.csv")

    found = [
        len(match_catalog(session, record, np.array([7.0]), np.array([7.0]), 1.0).alert)
        for record in CATALOGS
    ]

    assert found == [1] * len(CATALOGS)
