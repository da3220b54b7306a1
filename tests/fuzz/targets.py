"""One function per decoder: it takes any bytes, and raises only where the decoder is wrong.

A refusal must be the one that is expected, with a known reason; "unexpected" is none: it says that
nobody thought of these bytes.
"""

import contextlib
import gzip
import json
import tempfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

from broker import anatomy
from broker.avro import Containers, UnreadableError, container_schema, read_datum
from broker.avro_program import NotCompilableError
from broker.avro_schema import SchemaError, WriterSchema, writer_schema_of_text
from broker.dead_letters import REASONS
from broker.kafka_types import Packet
from pipeline import light_curves, surveys
from pipeline.alerts.batch import SERIES
from pipeline.alerts.skymap_files import SkyMapError
from pipeline.catalogs.record import LoadError
from pipeline.catalogs.source import Format, find, open_source
from pipeline.gw import notices
from pipeline.gw.gcn_intake import judge
from pipeline.gw.notices import BadNotice
from pipeline.gw.scored import MapNumbers, score_notice
from pipeline.gw.skymap import SkyMap
from pipeline.gw.voevents import parse_voevent
from pipeline.surveys.identify import MAX_ID, identify
from tests import gw_notices, hostile, voevents
from tests.avro_columns import compare

EXPECTED = frozenset(REASONS) - {"unexpected"}
NOTHING = b""
CATALOG = b"id,ra,dec,mag\n1,10.5,-3.25,18.5\n2,359.9,89.9,\n"


class Target(NamedTuple):
    """A decoder under fuzz: what is called with the bytes, and bytes to begin with."""

    try_bytes: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


class WrongRefusalError(AssertionError):
    """A decoder refused in a way that nobody expects."""


def _decode(survey: str, value: bytes) -> None:
    batch, rejected = surveys.survey(survey).decode([Packet(0, 0, value)])
    if len(batch) + len(rejected) != 1:
        raise WrongRefusalError(f"{len(batch)} alerts and {len(rejected)} refused of one packet")
    for one in rejected:
        if one.reason not in EXPECTED:
            raise WrongRefusalError(f"{one.reason}: {one.message}\n{one.traceback}")


def _decode_ztf(value: bytes) -> None:
    _decode("ztf", value)


def _decode_ztf_datum(datum: bytes) -> None:
    head, tail = _around_datum()
    _decode("ztf", head + hostile.zigzag(len(datum)) + datum + tail)


def _decode_columns(datum: bytes) -> None:
    """What the compiled kernel accepts, fastavro accepts with the same values."""
    compare(_ztf_schema(), [datum])


@cache
def _ztf_schema() -> WriterSchema:
    return container_schema(hostile.good("ztf"))


def _decode_lsst(value: bytes) -> None:
    _decode("lsst", value)


@cache
def _around_datum() -> tuple[bytes, bytes]:
    """Return what stands before a datum's length and behind the datum."""
    sync = bytes(range(hostile.SYNC_BYTES))
    empty = hostile.wrapped("ztf", NOTHING)
    return empty[: -hostile.SYNC_BYTES - 1], sync


def _read_container(value: bytes) -> None:
    """Read with whatever schema the bytes bring along, as if all were allowed."""
    with _refusals():
        Containers(lambda _: True).read(value)


def _take_apart(value: bytes) -> None:
    """Take apart what a worker buries, and what an operator looks at; nothing is refused."""
    anatomy.dissect(value)
    candid, object_id = identify(value)
    if not (candid is None or 0 <= candid <= MAX_ID):
        raise WrongRefusalError(f"candid {candid}, object {object_id}")


def _resolve_schema(value: bytes) -> None:
    """Parse a schema, then decode a short and a long datum of zeros with it, in both ways."""
    try:
        schema = writer_schema_of_text(value)
    except SchemaError:
        return
    datums = [bytes(8), bytes(100_000)]
    for datum in datums:
        with _refusals():
            read_datum(schema, datum, 0, len(datum))
    with contextlib.suppress(NotCompilableError):
        compare(schema, datums)


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except UnreadableError as error:
        if error.reason not in EXPECTED:
            raise WrongRefusalError(f"{error.reason}: {error}") from error


def _unpack_curve(value: bytes) -> None:
    """Unpack as each series of each survey; any whole number of points must be readable."""
    series = value[0] % len(SERIES) if value else 0
    survey = "ztf" if len(value) % 2 else "lsst"
    points = value[1:]
    is_whole = len(points) % SERIES[series].itemsize == 0
    try:
        found = light_curves.unpack(survey, series, points)
    except ValueError:
        if is_whole:
            raise
        return
    if len(found) != len(points) // SERIES[series].itemsize:
        raise WrongRefusalError(f"{len(found)} points of {len(points)} bytes")


def _read_catalog(value: bytes) -> None:
    """Read a whole catalog file, in the format that its first bytes tell."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalog.csv"
        path.write_bytes(value)
        with contextlib.suppress(LoadError):
            source = open_source(find(path), Format())
            for table, _ in source.batches(list(source.columns)):
                table.validate(full=True)


def _refuse_by_name(read: Callable[[bytes], object], value: bytes) -> None:
    try:
        read(value)
    except BadNotice as error:
        if error.reason not in notices.REASONS:
            raise WrongRefusalError(f"{error.reason}: {error}") from error


def _read_sky_map(value: bytes) -> None:
    """Read a map, and ask it for all that is ever asked."""
    with contextlib.suppress(SkyMapError):
        MapNumbers.of(SkyMap.from_fits(value))


def _notice_seeds() -> list[bytes]:
    return [
        gw_notices.as_bytes(gw_notices.make_notice()),
        gw_notices.as_bytes(gw_notices.make_notice({"skymap": None})),
        gw_notices.as_bytes(gw_notices.make_notice() | {"event": None}),
    ]


def _voevent_seeds() -> list[bytes]:
    return [voevents.packet(), voevents.packet(202, mission="svom", Slew_Status="x")]


def _gcn_seeds() -> list[bytes]:
    return [b'{"id": ["1"], "ra": 1.5, "dec": -2, "ra_dec_error": [1, 2, 3], "subject": "S1"}']


def _sky_map_seeds() -> list[bytes]:
    distances = {"DISTMU": [100.0] * 12, "DISTSIGMA": [10.0] * 12}
    return [gw_notices.make_map(), gw_notices.make_map(**distances)]


def _ztf_seeds() -> list[bytes]:
    return [hostile.good("ztf"), *_values("ztf")]


def _ztf_datum_seeds() -> list[bytes]:
    row = hostile.smallest_row("ztf")
    history = b"\2" + hostile.zigzag(2) + row * 2 + b"\0"
    return [
        hostile.body("ztf", hostile.good("ztf")),
        hostile.with_history("ztf", history),
        hostile.with_history("ztf", b"\2" + hostile.zigzag(2**27)),
        hostile.with_text("ztf", hostile.zigzag(-1)),
    ]


def _lsst_seeds() -> list[bytes]:
    row = hostile.smallest_row("lsst")
    history = b"\2" + hostile.zigzag(2) + row * 2 + b"\0"
    whole = hostile.wrapped("lsst", hostile.with_history("lsst", history))
    return [hostile.good("lsst"), whole, *_values("lsst")]


def _values(survey: str) -> list[bytes]:
    """Return the poisons that are short enough to be worth changing."""
    short = 100_000
    values = (poison.value for poison in hostile.poisons(survey).values())
    return [value for value in values if len(value) < short]


def _container_seeds() -> list[bytes]:
    point: Any = {
        "type": "record",
        "name": "p",
        "fields": [
            {"name": "a", "type": ["null", {"type": "array", "items": "double"}]},
            {"name": "m", "type": {"type": "map", "values": "string"}},
            {"name": "e", "type": {"type": "enum", "name": "e", "symbols": ["x", "y"]}},
            {"name": "f", "type": {"type": "fixed", "name": "f", "size": 3}},
            {"name": "d", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4}},
            {"name": "t", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "u", "type": {"type": "string", "logicalType": "uuid"}},
        ],
    }
    datum = b"\2\2\0\0\0\0\0\0\0\0\0\2\2k\2v\0\2abc\2\1\2" + b"\x48" + b"0" * 36
    return [
        hostile.with_schema(point, datum),
        *(poison.value for poison in hostile.poisons("ztf").values() if len(poison.value) < 2000),
    ]


def _anatomy_seeds() -> list[bytes]:
    """Return containers around every kind of schema, cut packets, and framed ones."""
    bodies = (json.loads(schema) for schema in _schema_seeds())
    short = hostile.good("lsst")[:200]
    return [*(hostile.with_schema(one, bytes(40)) for one in bodies), *_container_seeds(), short]


def _schema_seeds() -> list[bytes]:
    types: list[Any] = [
        ["null", "int"],
        {"type": "array", "items": "a"},
        {"type": "map", "values": "null"},
        {"type": "fixed", "name": "f", "size": 4},
        {"type": "enum", "name": "e", "symbols": ["A"], "default": "A"},
        {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2},
    ]
    return [
        json.dumps(
            {"type": "record", "name": "a", "fields": [{"name": "x", "type": kind}]}
        ).encode()
        for kind in types
    ]


def _curve_seeds() -> list[bytes]:
    return [bytes([at]) + bytes(dtype.itemsize * 2) for at, dtype in enumerate(SERIES)]


def _catalog_seeds() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        columns = {"id": [1, 2], "ra": [10.5, 359.9], "dec": [-3.25, 89.9]}
        pq.write_table(pa.table(columns), place / "a.parquet")
        made = [
            fits.Column("ra", "D", array=np.array([10.5, 359.9])),
            fits.Column("name", "4A", array=np.array(["a", "b"])),
            fits.Column("n", "J", array=np.array([1, 2]), null=-1, bzero=2**31),
        ]
        fits.BinTableHDU.from_columns(made).writeto(place / "a.fits")
        files = [(place / name).read_bytes() for name in ("a.parquet", "a.fits")]
    padded = b'id , "ra" , "dec"\n1 , "10.5" , "2"\n'
    return [CATALOG, padded, gzip.compress(CATALOG), *files]


TARGETS = {
    "ztf": Target(_decode_ztf, _ztf_seeds),
    "ztf-datum": Target(_decode_ztf_datum, _ztf_datum_seeds),
    "columns": Target(_decode_columns, _ztf_datum_seeds),
    "lsst": Target(_decode_lsst, _lsst_seeds),
    "container": Target(_read_container, _container_seeds),
    "anatomy": Target(_take_apart, _anatomy_seeds),
    "schema": Target(_resolve_schema, _schema_seeds),
    "curves": Target(_unpack_curve, _curve_seeds),
    "catalogs": Target(_read_catalog, _catalog_seeds),
    "gw-notice": Target(partial(_refuse_by_name, score_notice), _notice_seeds),
    "voevent": Target(partial(_refuse_by_name, parse_voevent), _voevent_seeds),
    "gcn-json": Target(partial(_refuse_by_name, partial(judge, topic="")), _gcn_seeds),
    "sky-map": Target(_read_sky_map, _sky_map_seeds),
}
"""Decoders by name. Cutouts (gzip, FITS) are opened nowhere yet: they get a target then."""
