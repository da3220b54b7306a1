"""LSST packets made here: whole, plain, and with what a test wants different."""

from broker.kafka_types import Packet
from pipeline.surveys import lsst
from tests.samples import framed

SCHEMA_ID = 1101
OLD_SCHEMA_ID = 400
FITS = b"SIMPLE  =                    T"


def row(**values):
    given = {
        "diaSourceId": 11,
        "visit": 2026010100001,
        "detector": 90,
        "x": 1.0,
        "y": 2.0,
        "midpointMjdTai": 61220.25,
        "timeProcessedMjdTai": 61220.26,
        "ra": 53.0,
        "dec": -28.0,
        "psfNdata": 100,
        "trailNdata": 0,
        "dipoleNdata": 0,
        "bboxSize": 30,
        "psfFlux": 1000.0,
        "psfFluxErr": 50.0,
        "band": "i",
        "diaObjectId": 2**60 + 3,
    }
    return given | values


def forced(**values):
    given = {
        "diaForcedSourceId": 5,
        "diaObjectId": 1,
        "ra": 53.0,
        "dec": -28.0,
        "visit": 1,
        "detector": 1,
        "midpointMjdTai": 61219.0,
        "timeProcessedMjdTai": 61219.1,
        "psfFlux": -20.0,
        "psfFluxErr": 40.0,
        "band": "y",
    }
    return given | values


def alert(source=None, **values):
    source = row(diaSourceId=2**60 + 1, **source or {})
    cutouts = {f"cutout{kind}": FITS for kind in ("Science", "Template", "Difference")}
    return {"diaSourceId": source["diaSourceId"], "diaSource": source} | cutouts | values


def old_source(**values):
    """Return a source with the names of schema 4.0."""
    schema = lsst.package_schema(OLD_SCHEMA_ID)
    fields = next(f for f in schema["fields"] if f["name"] == "diaSource")["type"]["fields"]
    zeros = {"long": 1, "int": 1, "double": 1.0, "float": 1.0, "string": "r"}
    source = {f["name"]: zeros[f["type"]] for f in fields if f["type"] in list(zeros)}
    source |= {"midPointTai": 57095.0, "decl": -5.0, "psFlux": -70.0, "psFluxErr": 7.0}
    return source | values


def packet(record, schema_id=SCHEMA_ID):
    return framed(lsst.package_schema(schema_id), schema_id, record)


def decode(*alerts):
    values = [one if isinstance(one, bytes) else packet(one) for one in alerts]
    return lsst.decode([Packet(i, 0, value) for i, value in enumerate(values)])


def only(one):
    batch, rejected = decode(one)
    assert (len(batch), rejected) == (1, [])
    return batch


def value(batch, name):
    column = batch.candidate[name]
    return column.values[0] if column.valid[0] else None
