"""Static catalogs: a record each, loaded into Postgres, searched in bulk.

In order of the flow: ``record`` says what a catalog is, ``known`` holds the records, ``read_*``
open files, ``columns`` pairs their columns with ours, ``convert`` makes typed rows, ``packing``
turns them into bytes for COPY, ``load`` sorts, stages and swaps. ``pipeline.alerts.crossmatch``
searches.
"""

from broker.registry import by_name
from pipeline.catalogs.known import (
    ALLWISE,
    BLAZARS,
    CATWISE,
    DESI,
    GAIA_DR3,
    GALAXIES,
    GALEX,
    GCVS,
    LSDR10,
    LSPSC,
    MILLIQUAS,
    NED,
    PS1,
    TNS,
    TWOMASS,
    VSX,
)
from pipeline.catalogs.record import Catalog

CATALOGS: tuple[Catalog, ...] = (
    LSPSC,
    GAIA_DR3,
    PS1,
    MILLIQUAS,
    GCVS,
    VSX,
    TWOMASS,
    ALLWISE,
    CATWISE,
    GALEX,
    NED,
    DESI,
    LSDR10,
    BLAZARS,
    GALAXIES,
    TNS,
)


def catalog(name: str) -> Catalog:
    """Return the record called ``name``; KeyError names the known ones."""
    return by_name("catalog", name, CATALOGS)
