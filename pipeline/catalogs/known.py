"""The catalogs, one record each; columns that REST shows bear the published client's names."""

from pipeline.catalogs.record import Catalog, Column


def _id(*accepts: str) -> Column:
    return Column("id", "text", "identifier in the catalog", ("_id", *accepts))


def _number(name: str, meaning: str, *accepts: str, required: bool = False) -> Column:
    return Column(name, "real", meaning, accepts, required)


def _precise(name: str, meaning: str, *accepts: str) -> Column:
    return Column(name, "double", meaning, accepts, is_required=False)


def _text(name: str, meaning: str, *accepts: str, required: bool = False) -> Column:
    return Column(name, "text", meaning, accepts, required)


LSPSC = Catalog(
    name="lspsc",
    title="LSPSC",
    description="Legacy Survey Point Source Catalog (arXiv:2505.17174); decides LSST's classes",
    payload=(
        Column("id", "bigint", "identifier in the catalog", ("_id", "ls_id")),
        _number("score", "0 resolved … 1 point source", required=True),
        _number("mag_white", "white-light magnitude [AB mag]", "magwhite", required=True),
    ),
    radius_arcsec=30.0,
)

GAIA_DR3 = Catalog(
    name="gaia_dr3",
    title="Gaia_DR3",
    description="Gaia data release 3",
    payload=(
        Column("id", "bigint", "source id", ("_id", "source_id")),
        _precise("parallax", "parallax [mas]", "plx"),
        _number("parallax_error", "[mas]", "e_plx"),
        _number("pmra", "proper motion times cos(dec) [mas/yr]"),
        _number("pmra_error", "[mas/yr]", "e_pmra"),
        _number("pmdec", "proper motion [mas/yr]", "pmde"),
        _number("pmdec_error", "[mas/yr]", "e_pmde"),
        _number("phot_g_mean_mag", "G [Vega mag]", "gmag"),
        _number("phot_bp_mean_mag", "BP [Vega mag]", "bpmag"),
        _number("phot_rp_mean_mag", "RP [Vega mag]", "rpmag"),
        _number("ruwe", "renormalised unit weight error"),
    ),
    max_matches=10,
)

PS1 = Catalog(
    name="ps1",
    title="PS1_DR2",
    description="Pan-STARRS 1 sources, with point-source scores where known",
    payload=(
        Column("id", "bigint", "objID", ("_id", "objid")),
        _number("ps_score", "0 resolved … 1 point source; 0.5 unknown", "score"),
        _number("gMeanPSFMag", "g [AB mag]", "gmag"),
        _number("rMeanPSFMag", "r [AB mag]", "rmag"),
        _number("iMeanPSFMag", "i [AB mag]", "imag"),
        _number("zMeanPSFMag", "z [AB mag]", "zmag"),
        _number("yMeanPSFMag", "y [AB mag]", "ymag"),
    ),
    max_matches=10,
)

MILLIQUAS = Catalog(
    name="milliquas",
    title="milliquas_v8",
    description="Million Quasars catalog, version 8",
    payload=(
        _id("name"),
        _text("objtype", "type and classification legend", "type"),
        _number("z", "redshift", "redshift"),
    ),
)

GCVS = Catalog(
    name="gcvs",
    title="GCVS",
    description="General Catalogue of Variable Stars",
    payload=(
        _text("name", "designation", "gcvs"),
        _text("var_type", "type of variability", "vartype", required=True),
    ),
)

VSX = Catalog(
    name="vsx",
    title="VSX",
    description="AAVSO International Variable Star Index",
    payload=(
        _text("name", "designation", required=True),
        _text("types", "types of variability", "type"),
        _precise("period", "[d]"),
    ),
)

TWOMASS = Catalog(
    name="2mass_psc",
    title="2MASS_PSC",
    description="Two Micron All Sky Survey, point sources",
    payload=(
        _id("designation", "2mass"),
        _number("j_m", "J [Vega mag]", "jmag"),
        _number("h_m", "H [Vega mag]", "hmag"),
        _number("k_m", "Ks [Vega mag]", "kmag"),
    ),
)

ALLWISE = Catalog(
    name="allwise",
    title="AllWISE",
    description="AllWISE source catalog",
    payload=(
        _id("designation", "source_id", "allwise"),
        _number("w1mpro", "W1 [Vega mag]", "w1mag"),
        _number("w2mpro", "W2 [Vega mag]", "w2mag"),
        _number("w3mpro", "W3 [Vega mag]", "w3mag"),
        _number("w4mpro", "W4 [Vega mag]", "w4mag"),
    ),
)

CATWISE = Catalog(
    name="catwise",
    title="CatWISE",
    description="CatWISE2020",
    payload=(
        _text("source_name", "designation", "name", required=True),
        _number("w1mpro", "W1 [Vega mag]"),
        _number("w2mpro", "W2 [Vega mag]"),
    ),
)

GALEX = Catalog(
    name="galex",
    title="GALEX",
    description="Galaxy Evolution Explorer, ultraviolet sources",
    payload=(
        _id("objid", "name"),
        _number("fuv_mag", "far ultraviolet [AB mag]", "fuvmag"),
        _number("nuv_mag", "near ultraviolet [AB mag]", "nuvmag"),
    ),
)

NED = Catalog(
    name="ned",
    title="NED",
    description="NASA/IPAC Extragalactic Database, local volume sample",
    payload=(
        _text("objname", "designation", "obj_name", "_id", "name", required=True),
        _text("objtype", "type"),
        _precise("z", "redshift", "redshift"),
        _text("z_tech", "SPEC or PHOT"),
        _number("DistMpc", "[Mpc]", "distance_mpc"),
    ),
    radius_arcsec=30.0,
    max_matches=10,
)

DESI = Catalog(
    name="desi_dr1",
    title="DESI_DR1",
    description="Dark Energy Spectroscopic Instrument, redshifts of data release 1",
    payload=(
        Column("id", "bigint", "target id", ("_id", "targetid")),
        _precise("z", "redshift"),
        _number("zerr", "redshift error"),
        _number("zwarn", "redshift warning bits"),
        _text("spectype", "GALAXY, QSO or STAR"),
    ),
    ra=Column("ra", "double", "right ascension, ICRS [deg]", ("target_ra", "mean_fiber_ra")),
    dec=Column("dec", "double", "declination, ICRS [deg]", ("target_dec", "mean_fiber_dec")),
    radius_arcsec=30.0,
    max_matches=10,
)

LSDR10 = Catalog(
    name="lsdr10",
    title="LSDR10",
    description="DESI Legacy Imaging Surveys, data release 10",
    payload=(
        Column("id", "bigint", "Legacy Survey id", ("_id", "ls_id")),
        _text("objtype", "morphological model", "type"),
        _number("z_spec", "spectroscopic redshift"),
        _number("z_phot_median", "photometric redshift"),
        _number("z_phot_std", "its spread"),
        _number("flux_r", "r [nanomaggy]"),
    ),
    radius_arcsec=30.0,
    max_matches=10,
)

BLAZARS = Catalog(
    name="3hsp",
    title="3HSP",
    description="High-synchrotron-peaked blazars",
    payload=(
        _text("name", "designation", "3hsp source name", required=True),
        _text("gamma_name", "γ-ray counterpart", "γ-ray counterpart"),
    ),
)

GALAXIES = Catalog(
    name="galaxies",
    title="GLADE",
    description="Galaxies with distances, for galaxy targeting (GLADE+ and MANGROVE layouts)",
    payload=(
        _number(
            "distance_mpc", "luminosity distance [Mpc]", "distmpc", "dist", "d_l", required=True
        ),
        _number("mag_b", "B [mag]", "magb", "bmag", "b"),
        _precise("stellar_mass", "[solar masses]", "mstar", "stellarmass"),
        _number("z", "redshift", "redshift", "z_cmb"),
    ),
    radius_arcsec=30.0,
    max_matches=10,
)

TNS = Catalog(
    name="tns",
    title="TNS",
    description="Transient Name Server, reported transients",
    payload=(
        _id("objid"),
        _text("name_prefix", "AT, SN …"),
        _text("name", "designation"),
        _text("type", "class"),
        _number("redshift", "redshift"),
        _number("discovery_mag", "magnitude at discovery [mag]", "discoverymag"),
        _text("internal_names", "names given by surveys"),
    ),
    is_archival=False,
)
