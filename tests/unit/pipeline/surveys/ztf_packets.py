"""ZTF packets made here: whole, plain, and with what a test wants different."""

from broker.avro_schema import load_definition
from broker.kafka_types import Packet
from pipeline.surveys import ztf
from pipeline.surveys.columns import SCHEMAS
from tests.samples import container

SCHEMA = load_definition(SCHEMAS / "ztf_simulated.avsc")
FITS = b"\x1f\x8bstamp"


def row(**values):
    return {"jd": 2461000.5, "fid": 1, "pid": 1, "programid": 1, "rbversion": "t17", **values}


def detection(**values):
    given = {"candid": 1, "isdiffpos": "t", "magpsf": 20.0, "sigmapsf": 0.1, "ra": 10.0, "dec": 5.0}
    return row(**given | values)


def forced(**values):
    given = {
        "rfid": 1,
        "ranr": 10.0,
        "decnr": 5.0,
        "forcediffimflux": 100.0,
        "forcediffimfluxunc": 10.0,
        "magzpsci": 26.0,
        "procstatus": "0",
    }
    return row(**given | values)


def alert(candidate=None, **values):
    required = {
        "jd": 2461001.75,
        "fid": 2,
        "pid": 7,
        "programid": 1,
        "candid": 2**61 + 1,
        "isdiffpos": "t",
        "ra": 150.25,
        "dec": -12.5,
        "magpsf": 18.5,
        "sigmapsf": 0.05,
        "ranr": 150.25,
        "decnr": -12.5,
        "ndethist": 3,
        "ncovhist": 9,
        "nmtchps": 4,
        "drb": 0.75,
        "sgscore1": 0.5,
        "magap": 18.0,
        "sigmagap": 0.25,
        "rfid": 1,
        "jdstartref": 2458000.5,
        "jdendref": 2458100.5,
        "nframesref": 15,
        "rbversion": "t17",
        "drbversion": "d6",
        "nmatches": 8,
    }
    packet = {
        "schemavsn": "4.02",
        "publisher": "test",
        "objectId": "ZTF26aaaaaaa",
        "candid": 2**61 + 1,
        "candidate": required | (candidate or {}),
        **{f"cutout{kind}": stamp(FITS) for kind in ("Science", "Template", "Difference")},
    }
    return packet | values


def stamp(data):
    return {"fileName": "x.fits.gz", "stampData": data}


def decode(*alerts):
    values = [one if isinstance(one, bytes) else container(SCHEMA, one) for one in alerts]
    return ztf.decode([Packet(i, 0, value) for i, value in enumerate(values)])


def only(one):
    batch, rejected = decode(one)
    assert (len(batch), rejected) == (1, [])
    return batch


def why(one):
    batch, (rejected,) = decode(one)
    assert len(batch) == 0
    return rejected.reason, rejected.message
