"""Rows of catalogs: written to a file, loaded, and what stands in the tables then."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.catalogs.load import Loaded, Wish, load

ARCSEC_DEG = 1 / 3600


def load_file(connection, catalog, path, **wish) -> Loaded:
    return load(connection, catalog, Wish(Path(path), **wish), lambda _: None)


def lspsc_file(path, ra, dec, **columns):
    """Write an LSPSC file; returns its path."""
    n = len(ra)
    whole = {"id": np.arange(n), "ra": ra, "dec": dec}
    whole |= {"score": np.full(n, 0.5), "mag_white": np.full(n, 20.0)} | columns
    pq.write_table(pa.table(whole), path)
    return path


def sky(rng, n):
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


def tables(connection):
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('catalogs')"
        " AND relkind = 'r' ORDER BY 1"
    )
    return [row[0] for row in found]


def lspsc_ids(connection):
    return [row[0] for row in connection.execute("SELECT id FROM catalogs.lspsc ORDER BY id")]
