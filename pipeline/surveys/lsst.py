"""LSST, the Rubin Observatory's survey: packets of schema 3.0 to 11.1 in Confluent framing.

The schema is found by the id in front of the packet, never by the topic; containers of an allowed
schema are read too. Names that Rubin changed on the way to 5.0 are read as today's.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.avro import CONTAINER_MAGIC, Containers
from broker.avro_confluent import CONFLUENT_PREFIX, confluent_schema, read_confluent
from broker.avro_schema import (
    SchemaCache,
    SchemaUnreachableError,
    WriterSchema,
    load_definition,
)
from broker.avro_table import Table
from broker.config import config, project_path
from broker.kafka_types import Packet
from pipeline.alerts.batch import Batch, Column, Points, Rejected
from pipeline.clients.schema_registry import SchemaRegistry
from pipeline.photometry import abmag, abmag_error, limiting_abmag
from pipeline.surveys import columns, points
from pipeline.surveys.allowed import AllowList
from pipeline.surveys.packets import IMAGES, count_images, decode_packets, place_problems
from pipeline.surveys.reading import Reading, inside
from pipeline.surveys.record import Survey
from pipeline.surveys.rows import Record, Rows
from pipeline.surveys.table_rows import TableRows
from pipeline.times import mjd_tai_to_jd_utc

OUTPUT_SCHEMA = "babamul_lsst.avsc"
SCHEMA_PACKAGE = "lsst.alert.packet"
IDS_PER_MAJOR_VERSION = 100
NO_ID = 0
"""Rubin's "no such object" in every id."""

TODAYS_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "midPointTai": "midpointMjdTai",
        "filterName": "band",
        "decl": "dec",
        "declErr": "decErr",
        "psFlux": "psfFlux",
        "psFluxErr": "psfFluxErr",
        "psChi2": "psfChi2",
        "psNdata": "psfNdata",
        "totFlux": "scienceFlux",
        "totFluxErr": "scienceFluxErr",
        "trailDecl": "trailDec",
        "trailDeclErr": "trailDecErr",
    }
)
"""Old field names, up to 4.0. ``spuriousness`` is not here: it counted the other way."""

SOLAR_SYSTEM_PREFIX = "sso"
"""Before the number of an object of the solar system, which has no other name here."""
SOLAR_SYSTEM_RECORDS = ("ssSource", "ssObject")

_OLD_NAME = "midPointTai"
_IDS = ("diaObjectId", "ssObjectId", "parentDiaSourceId")
_DERIVED = (
    *("jd", "magpsf", "sigmapsf", "snr_psf", "chipsf", "diffmaglim"),
    *("magap", "sigmagap", "snr_ap", "jdstarthist"),
)
_HISTORY = ("midpointMjdTai", "psfFlux", "psfFluxErr", "ra", "dec", "extendedness")
_N_SOURCES = "nDiaSources"
_FIRST_TIME = "firstDiaSourceMjdTai"
_FORMER_NAMES = {today: former for former, today in TODAYS_NAMES.items()}
_FORCED = ("midpointMjdTai", "psfFlux", "psfFluxErr")


def decode(packets: Sequence[Packet]) -> tuple[Batch, list[Rejected]]:
    """Decode LSST packets; what cannot be read is returned beside the batch, never raised."""
    return decode_packets(packets, READING)


def read(value: bytes) -> dict[str, Any]:
    """Return the whole record of one packet, with today's names.

    Raises
    ------
    UnreadableError, SchemaUnreachableError
        Saying why not.
    """
    is_container = value.startswith(CONTAINER_MAGIC)
    record: dict[str, Any] = (
        _containers().read(value) if is_container else read_confluent(_schemas(), value)
    )
    return todays_names(record)


def todays_names(record: dict[str, Any]) -> dict[str, Any]:
    """Return a packet's record with today's names of fields."""
    return _renamed(record) if _OLD_NAME in record["diaSource"] else record


def split(value: bytes) -> tuple[WriterSchema, bytes]:
    """Return one packet's writer schema and the bytes of its record; raises as ``read``."""
    schema, datum = _locate(value)
    return schema, bytes(datum)


def _locate(value: bytes) -> tuple[WriterSchema, bytes | memoryview]:
    if value.startswith(CONTAINER_MAGIC):
        return _containers().locate(value)
    return confluent_schema(_schemas(), value), memoryview(value)[CONFLUENT_PREFIX.size :]


@cache
def _containers() -> Containers:
    """Return the reader of containers, as Rubin's first test alerts came in."""
    return Containers(AllowList().__contains__)


def _schemas() -> SchemaCache:
    """Return the schemas by id; asked anew when an operator has put one into the folder."""
    folder = config().lsst.schema_dir
    try:
        changed_at_ns = project_path(folder).stat().st_mtime_ns if folder else 0
    except FileNotFoundError:
        changed_at_ns = 0
    return _schemas_as_of(changed_at_ns)


@lru_cache(maxsize=1)
def _schemas_as_of(_changed_at_ns: int) -> SchemaCache:
    settings = config().lsst
    sources = [package_schema]
    if settings.schema_dir:
        sources.append(lambda schema_id: directory_schema(settings.schema_dir, schema_id))
    if settings.registry_url:
        sources.append(SchemaRegistry(settings.registry_url).schema)
    return SchemaCache(sources)


def known_schema(schema_id: int) -> Any:
    """Return the writer schema of an id, in fastavro's form; None where no source has it."""
    try:
        return _schemas().get(schema_id).parsed
    except (LookupError, SchemaUnreachableError):
        return None


def package_schema(schema_id: int) -> Any:
    """Return the schema of the package lsst-alert-packet, None where it has no such version.

    The package is found, not imported: its modules draw in Rubin's resource library (0.4 s).
    """
    package = find_spec(SCHEMA_PACKAGE)
    if package is None or not package.submodule_search_locations:
        return None
    major, minor = divmod(schema_id, IDS_PER_MAJOR_VERSION)
    folder = Path(package.submodule_search_locations[0]) / "schema" / str(major) / str(minor)
    return load_definition(folder / f"lsst.v{major}_{minor}.alert.avsc")


def directory_schema(folder: str, schema_id: int) -> Any:
    """Return the schema in ``{folder}/{id}.avsc``, None where there is no such file."""
    return load_definition(project_path(folder) / f"{schema_id}.avsc")


def _renamed(record: Record) -> dict[str, Any]:
    found = dict(record)
    found["diaSource"] = _modern(record["diaSource"])
    for name in ("prvDiaSources", "prvDiaForcedSources"):
        found[name] = [_modern(row) for row in record.get(name) or ()]
    return found


def _modern(row: Record) -> Record:
    return {TODAYS_NAMES.get(name, name): value for name, value in row.items()}


def _to_batch(packets: list[Packet], rows: Rows) -> tuple[Batch, NDArray[np.object_]]:
    source = rows.within("diaSource")
    candidate = _candidate(source, rows.within("diaObject", is_optional=True))
    candid, jd, ra, dec = (candidate[name].values for name in ("diaSourceId", "jd", "ra", "dec"))
    band = columns.bands(source, "band")
    candidate["band"] = columns.band_column(band)
    names = ("diaSourceId", "midpointMjdTai", "ra", "dec")
    problems = place_problems(candid, jd, ra, dec, names)
    columns.refuse_beyond_int32(candidate, columns.fields_by_type(OUTPUT_SCHEMA)["int"], problems)
    has_cutouts, bad_images = count_images(rows)
    detections, extendedness = _sources(rows, candidate, band)
    batch = Batch(
        survey="lsst",
        packets=packets,
        candid=candid,
        object_id=candidate["objectId"].values,
        jd_utc=jd,
        ra_deg=ra,
        dec_deg=dec,
        band=band,
        is_public=np.ones(len(rows), bool),
        score=candidate["reliability"].values,
        has_cutouts=has_cutouts,
        bad_images=bad_images,
        candidate=candidate,
        detections=detections,
        limits=points.NO_LIMITS,
        forced=_forced(*rows.child("prvDiaForcedSources")),
        extendedness=extendedness,
        has_sssource=candidate["ssObjectId"].valid | _has_sssource(rows),
    )
    return batch, problems


def _candidate(source: Rows, dia_object: Rows) -> dict[str, Column]:
    names = columns.fields_by_type(OUTPUT_SCHEMA)
    given = [name for name in names["double"] + names["float"] if name not in _DERIVED]
    found = columns.number_columns(source, given)
    found |= columns.integer_columns(source, names["int"] + names["long"])
    found |= columns.integer_columns(source, _IDS, NO_ID)
    found |= columns.flag_columns(source, names["boolean"])
    found["objectId"] = columns.texts(
        [
            str(obj) if obj else f"{SOLAR_SYSTEM_PREFIX}{sso}" if sso else None
            for obj, sso in zip(
                found["diaObjectId"].values, found["ssObjectId"].values, strict=True
            )
        ]
    )
    found["ndethist"] = dia_object.integers(_N_SOURCES)
    found |= _times(found, dia_object)
    found |= _magnitudes(found)
    return found


def _times(candidate: Mapping[str, Column], dia_object: Rows) -> dict[str, Column]:
    [first_mjd_tai] = dia_object.numbers([_FIRST_TIME])
    values = {
        "jd": mjd_tai_to_jd_utc(candidate["midpointMjdTai"].values),
        # 0 and less mean none; they lie before 1972, where the conversion gives NaN.
        "jdstarthist": mjd_tai_to_jd_utc(first_mjd_tai),
    }
    return {name: columns.derived(value) for name, value in values.items()}


def _magnitudes(candidate: Mapping[str, Column]) -> dict[str, Column]:
    psf_flux, psf_err = candidate["psfFlux"].values, candidate["psfFluxErr"].values
    ap_flux, ap_err = candidate["apFlux"].values, candidate["apFluxErr"].values
    n_pixels = candidate["psfNdata"].values
    with np.errstate(all="ignore"):
        snr_psf = np.abs(psf_flux) / psf_err
        values = {
            "magpsf": abmag(psf_flux, "lsst"),
            "sigmapsf": abmag_error(psf_flux, psf_err),
            "snr_psf": snr_psf,
            "snr": np.where(candidate["snr"].valid, candidate["snr"].values, snr_psf),
            "chipsf": np.where(n_pixels > 0, candidate["psfChi2"].values / n_pixels, np.nan),
            "diffmaglim": limiting_abmag(psf_err, "lsst"),
            "magap": abmag(ap_flux, "lsst"),
            "sigmagap": abmag_error(ap_flux, ap_err),
            "snr_ap": np.abs(ap_flux) / ap_err,
        }
        found = {name: columns.derived(value) for name, value in values.items()}
        found["isdiffpos"] = Column(psf_flux > 0, candidate["psfFlux"].valid)
    return found


def _sources(
    rows: Rows, candidate: Mapping[str, Column], band: NDArray[np.int64]
) -> tuple[Points, Points]:
    """Return the detections and the extendedness of own and earlier sources."""
    own, names = np.arange(len(rows)), ("jd", "psfFlux", "psfFluxErr", "ra", "dec")
    jd, flux, flux_err, ra, dec = (candidate[name].values for name in names)
    detections = points.detections(own, jd, flux, flux_err, band, ra, dec)
    extendedness = points.measured(own, candidate["extendedness"].values)
    parent, previous = rows.child("prvDiaSources")
    mjd_tai, flux, flux_err, ra, dec, extended = previous.numbers(_HISTORY)
    jd, band = mjd_tai_to_jd_utc(mjd_tai), columns.bands(previous, "band")
    earlier = points.detections(parent, jd, flux, flux_err, band, ra, dec)
    return (
        points.join(detections, earlier),
        points.join(extendedness, points.measured(parent, extended)),
    )


def _has_sssource(rows: Rows) -> NDArray[np.bool_]:
    """Return which packets carry a solar-system record; before 8.0 it was the object's."""
    ss_source, ss_object = (rows.is_there(name) for name in SOLAR_SYSTEM_RECORDS)
    return ss_source | ss_object


def _forced(parent: NDArray[np.int64], rows: Rows) -> Points:
    mjd_tai, flux, flux_err = rows.numbers(_FORCED)
    band = columns.bands(rows, "band")
    return points.forced(parent, mjd_tai_to_jd_utc(mjd_tai), flux, flux_err, band)


def _of_table(table: Table) -> Rows:
    """Return the rows of a table with today's names, as ``todays_names`` does for records."""
    is_old = f"diaSource.{_OLD_NAME}" in table.leaves
    return TableRows(table, "", _FORMER_NAMES if is_old else {})


READING = Reading(
    read=read,
    locate=_locate,
    convert=_to_batch,
    of_table=_of_table,
    wanted=frozenset(
        [
            *(*IMAGES, *SOLAR_SYSTEM_RECORDS),
            *inside(
                "diaSource", [*columns.fields_of_candidate(OUTPUT_SCHEMA), *_IDS, *TODAYS_NAMES]
            ),
            *inside("diaObject", [_N_SOURCES, _FIRST_TIME]),
            *inside("prvDiaSources", [*_HISTORY, "band", *TODAYS_NAMES]),
            *inside("prvDiaForcedSources", [*_FORCED, "band", *TODAYS_NAMES]),
        ]
    ),
)

SURVEY = Survey(
    name="lsst",
    output_schema=OUTPUT_SCHEMA,
    decode=decode,
    dec_range_deg=(-90.0, 33.5),
    position_error_arcsec=0.1,
    night_utc_offset_h=-3,
    has_limits=False,
    is_wholly_public=True,
    read=read,
    split=split,
    # Days from 2010-01-01 above 42 bits of exposure, detector and counter; one bit above them is
    # set in every id.
    ids_zero=date(2010, 1, 1) - timedelta(days=2**15),
    ids_per_day=2**42,
)
