import pytest

from pipeline.catalogs import CATALOGS, catalog
from pipeline.catalogs.record import SQL_TYPES, Column, names_sql

RESERVED = {"hpx29"}


def test_names_and_titles_of_catalogs_are_their_own():
    names = [record.name for record in CATALOGS]
    titles = [record.title for record in CATALOGS]

    assert len(set(names)) == len(names)
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("record", CATALOGS, ids=lambda record: record.name)
def test_a_catalog_has_distinct_columns_of_known_types(record):
    names = [column.name for column in record.columns]

    assert len(set(names)) == len(names)
    assert not RESERVED & set(names)
    assert {column.type for column in record.columns} <= set(SQL_TYPES)


@pytest.mark.parametrize("record", CATALOGS, ids=lambda record: record.name)
def test_a_catalogs_working_tables_fit_postgres_names(record):
    assert len(f"{record.name}__staging_hpx29".encode()) <= 63
    assert record.name != "loaded"


# What the published client 0.2.0 cannot do without in a row of each catalog, beside ra and dec.
NEEDED_BY_THE_CLIENT = {
    "Gaia_DR3": "id",
    "LSPSC": "id",
    "milliquas_v8": "id",
    "2MASS_PSC": "id",
    "GALEX": "id",
    "TNS": "id",
    "DESI_DR1": "id",
    "PS1_DR2": "id",
    "LSDR10": "id",
    "AllWISE": "id",
    "CatWISE": "source_name",
    "VSX": "name",
    "NED": "objname",
}


@pytest.mark.parametrize(("title", "needed"), NEEDED_BY_THE_CLIENT.items())
def test_a_catalog_of_the_published_client_requires_the_clients_key(title, needed):
    record = next(record for record in CATALOGS if record.title == title)
    column = next(column for column in record.payload if column.name == needed)

    assert column.is_required


@pytest.mark.parametrize("name", ["2mass_psc", "allwise"])
def test_ids_that_the_client_wants_as_text_are_text(name):
    column = next(column for column in catalog(name).payload if column.name == "id")

    assert column.type == "text"


def test_transients_that_brokers_report_are_no_archival_sources():
    assert [record.name for record in CATALOGS if not record.is_archival] == ["tns"]


def test_an_unknown_catalog_is_refused_with_the_known_names():
    with pytest.raises(KeyError, match="lspsc"):
        catalog("lspcs")


def test_an_optional_column_cannot_be_a_bigint():
    with pytest.raises(ValueError, match="count"):
        Column("count", "bigint", "sources", is_required=False)


def test_names_are_quoted_for_sql():
    columns = (Column("gMeanPSFMag", "real", "g"), Column("id", "bigint", "id"))

    assert names_sql(columns, "t.") == 't."gMeanPSFMag", t."id"'
