"""Real catalog files, as their makers wrote them."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.alerts.crossmatch import match_catalog
from pipeline.catalogs.known import BLAZARS, GALAXIES, GCVS, LSPSC, PS1, TNS
from pipeline.catalogs.record import LoadError
from tests import samples
from tests.integration.catalogs.rows import load_file

pytestmark = pytest.mark.integration


@pytest.fixture
def catalogs() -> Path:
    return samples.folder() / "catalogs"


@pytest.mark.samples
def test_padded_quoted_sexagesimal_blazars_are_read(connection, catalogs):
    loaded = load_file(connection, BLAZARS, catalogs / "3hsp.csv")

    assert (loaded.rows, loaded.bad_rows) == (2_013, 0)
    row = connection.execute(
        "SELECT ra, dec, gamma_name FROM catalogs.\"3hsp\" WHERE name = '3HSPJ000132.7-415525'"
    ).fetchone()
    # 15 × (1 / 60 + 32.74 / 3600) and −(41 + 55 / 60 + 24.99 / 3600)
    assert row == (pytest.approx(0.386416667), pytest.approx(-41.923608333), "4FGL J0001.6-4156")


@pytest.mark.samples
def test_galaxies_with_byte_marks_are_read(connection, catalogs):
    loaded = load_file(connection, GALAXIES, catalogs / "gwemopt_catalog_glade_expected.csv")

    assert (loaded.rows, loaded.bad_rows) == (2_000, 0)
    first = connection.execute("SELECT distance_mpc FROM catalogs.galaxies WHERE ra = 11.781363")
    assert first.fetchone() == (pytest.approx(244.250311897, rel=1e-6),)


@pytest.mark.samples
def test_transients_with_another_name_for_declination_are_read(connection, catalogs):
    assert load_file(connection, TNS, catalogs / "tns_raw.parquet").rows == 3


@pytest.mark.samples
def test_variable_stars_lie_near_23_of_the_sample_alerts(connection, session, catalogs):
    assert load_file(connection, GCVS, catalogs / "gcvs.parquet").rows == 59_099

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
    assert load_file(connection, PS1, path).rows == 3_118

    found = match_catalog(session, PS1, *_sample_positions(), radius_arcsec)

    assert len(set(found.alert.tolist())) == alerts


@pytest.mark.samples
def test_ps1_stands_in_for_lspsc_when_its_columns_are_paired_by_hand(connection, catalogs):
    path = catalogs / "ps1_psc_from_ztf_alerts.csv"
    chosen = {"id": "objID", "score": "ps_score", "mag_white": "rmag"}

    with pytest.raises(LoadError, match="score"):
        load_file(connection, LSPSC, path)
    loaded = load_file(connection, LSPSC, path, chosen=chosen)

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
