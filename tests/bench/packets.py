"""The packets of a run: real ones with new ids, times and places, written to a spool beforehand.

A packet keeps the header of its template, byte for byte, and so its generation's schema. Without
the sample folder the templates come from our simulator.
"""

import io
import json
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import numpy as np
import pytest
from numpy.typing import NDArray

from tests import samples
from tests.bench import expected
from tests.bench.expected import Beside, Expected
from tests.bench.profiles import SEED, Profile
from tests.bench.world import OTHER, Places, Sky, Surroundings

PROCESSES = 2
CHUNK = 500
BASE_JD_UTC = 2461365.7
"""Night of 20 November 2026 at both observatories."""
BASE_MJD_TAI = 61365.2 + 37 / 86400
STEP_D = 1e-6
FIRST_ID = {"ztf": 3_100_000_000_000_000_000, "lsst": 1_700_000_000_000_000_000}
FIRST_OBJECT = {"ztf": 0, "lsst": 1_600_000_000_000_000_000}
FIRST_SSO = 21_000_000_000_000_000
SHARES = {
    "ztf": {"non_public": 0.03, "rock": 0.08, "low_drb": 0.10},
    "lsst": {"rock": 0.08, "pixel_flags": 0.10},
}
GOOD_DRB = 0.9
MAX_FORCED = 30
GENERATED = 24
"""Templates that the simulator makes when there are no samples."""


class Template(NamedTuple):
    """One packet to make others of: what stands before and after its datum, schema, record."""

    head: bytes
    tail: bytes
    schema: Any
    record: dict[str, Any]
    has_drb: bool
    is_rock: bool


@dataclass(frozen=True)
class Spool:
    """Packets in a file, in order, with what the oracle expects of each."""

    survey: str
    origin: str
    path: Path
    ends: NDArray[np.int64]
    expected: list[Expected]

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.ends, prepend=0)

    def values(self, first: int, last: int) -> Iterator[bytes]:
        """Yield the packets of [first, last)."""
        with self.path.open("rb") as file:
            file.seek(int(self.ends[first - 1]) if first else 0)
            for length in self.lengths[first:last].tolist():
                yield file.read(length)


def object_name(survey: str, number: int) -> str:
    """Return the id of one of the run's objects."""
    if survey == "lsst":
        return str(FIRST_OBJECT["lsst"] + number)
    letters = ""
    for _ in range(7):
        number, digit = divmod(number, 26)
        letters = chr(ord("a") + digit) + letters
    return f"ZTF26{letters}"


def spool(survey: str, profile: Profile, sky: Sky, near: Surroundings, folder: Path) -> Spool:
    """Return the packets of one survey; those of an earlier run of the same sizes are reused."""
    origin, _ = templates(survey)
    name = f"{survey}-{_fingerprint(survey, profile, origin)}"
    path, notes = folder / f"{name}.spool", folder / f"{name}.pickle"
    if not notes.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{survey}-*"):
            old.unlink()
        notes.write_bytes(pickle.dumps(_write(survey, sky, near, path)))
    ends, alerts = pickle.loads(notes.read_bytes())
    return Spool(survey, origin, path, ends, alerts)


@cache
def templates(survey: str) -> tuple[str, list[Template]]:
    """Return where the templates come from, and them."""
    try:
        samples.folder()
    except pytest.skip.Exception:
        return "generated", _generated(survey)
    if survey == "lsst":
        return "real", [_confluent(one) for one in samples.rubin()]
    return "real", [_container(one) for one in samples.ztf_rewritten() + samples.ztf_originals()]


def _fingerprint(survey: str, profile: Profile, origin: str) -> str:
    sources = (
        b"".join(
            (Path(__file__).parent / name).read_bytes()
            for name in ("packets.py", "world.py", "expected.py")
        )
        + (Path(__file__).parents[1] / "oracle.py").read_bytes()
    )
    sizes = json.dumps([asdict(profile), SEED, survey, origin], sort_keys=True).encode()
    return sha256(sizes + sources).hexdigest()[:12]


def _write(
    survey: str, sky: Sky, near: Surroundings, path: Path
) -> tuple[NDArray[np.int64], list[Expected]]:
    count = len(sky.object_of[survey])
    lengths: list[int] = []
    alerts: list[Expected] = []
    with path.open("wb") as file, ProcessPoolExecutor(PROCESSES) as pool:
        chunks = [
            (survey, first, sky.object_of[survey][first : first + CHUNK],
             _part(sky.alerts[survey], first), _near(near, first))
            for first in range(0, count, CHUNK)
        ]  # fmt: skip
        for values, found in pool.map(_chunk, chunks):
            file.writelines(values)
            lengths += map(len, values)
            alerts += found
            if len(lengths) % (10 * CHUNK) == 0 or len(lengths) == count:
                print(f"{survey} packets: {len(lengths)} of {count}")
    return np.cumsum(lengths), alerts


def _part(places: Places, first: int) -> Places:
    return Places(places.ra_deg[first : first + CHUNK], places.dec_deg[first : first + CHUNK])


def _near(near: Surroundings, first: int) -> Surroundings:
    part = slice(first, first + CHUNK)
    return Surroundings(
        near.match[part], near.is_archival[part], near.is_inside[part], near.point_sources[part]
    )


def _chunk(asked: tuple[str, int, Any, Places, Surroundings]) -> tuple[list[bytes], list[Expected]]:
    survey, first, object_of, places, near = asked
    make, read, judge = {
        "ztf": (_ztf, _read_container, expected.ztf),
        "lsst": (_lsst, _read_confluent, expected.lsst),
    }[survey]
    values, found = [], []
    for at, number in enumerate(object_of.tolist()):
        value = make(first + at, number, float(places.ra_deg[at]), float(places.dec_deg[at]))
        values.append(value)
        match = int(near.match[at])
        name = None if match < 0 else object_name(OTHER[survey], match)
        found.append(
            judge(
                read(value),
                Beside(
                    name,
                    bool(near.is_archival[at]),
                    bool(near.is_inside[at]),
                    near.point_sources[at],
                ),
            )
        )
    return values, found


def _ztf(at: int, number: int, ra: float, dec: float) -> bytes:
    rng = np.random.default_rng([SEED, 4, at])
    kind = _kind("ztf", rng)
    template = _chosen("ztf", rng, kind)
    record = dict(template.record)
    jd = BASE_JD_UTC + at * STEP_D
    shift = jd - record["candidate"]["jd"]
    candid = FIRST_ID["ztf"] + at
    candidate = {
        **record["candidate"],
        "candid": candid,
        "jd": jd,
        "ra": ra,
        "dec": dec,
        "programid": 2 if kind == "non_public" else 1,
        "ssdistnr": 3.0 if kind == "rock" else -999.0,
        "ssmagnr": 18.0 if kind == "rock" else -999.0,
        "drb": 0.05 if kind == "low_drb" else GOOD_DRB,
    }
    previous = record.get("prv_candidates")
    record |= {
        "objectId": object_name("ztf", number),
        "candid": candid,
        "candidate": candidate,
        "prv_candidates": previous and [_ztf_row(row, shift, ra, dec) for row in previous],
    }
    if (form := _forced_fields(template)) is not None:
        record["fp_hists"] = _forced(record, form, shift)
    return _packed_container(template, record)


def _ztf_row(row: dict[str, Any], shift: float, ra: float, dec: float) -> dict[str, Any]:
    moved = {**row, "jd": row["jd"] + shift}
    if row.get("ra") is not None:
        moved |= {"ra": ra, "dec": dec}
    return moved


def _forced(record: dict[str, Any], form: dict[str, Any], shift: float) -> list[dict[str, Any]]:
    """Return the packet's forced photometry; where its broker dropped it, one row per visit."""
    if record.get("fp_hists"):
        return [{**row, "jd": row["jd"] + shift} for row in record["fp_hists"]]
    return [
        {
            **form,
            "jd": row["jd"] + 1e-4,
            "fid": row["fid"],
            "programid": 1,
            "magzpsci": 26.25,
            "forcediffimflux": 40.0 + 7 * i,
            "forcediffimfluxunc": 9.5,
            "procstatus": "0",
        }
        for i, row in enumerate((record["prv_candidates"] or [])[-MAX_FORCED:])
    ]


def _forced_fields(template: Template) -> dict[str, Any] | None:
    """Return a forced row with a plain value in each field, None where the schema has none."""
    if template.head not in _FORM:
        _FORM[template.head] = _plain_forced(template.schema)
    return _FORM[template.head]


_FORM: dict[bytes, dict[str, Any] | None] = {}


def _plain_forced(schema: Any) -> dict[str, Any] | None:
    for field in schema["fields"]:
        if field["name"] == "fp_hists":
            array = next(part for part in field["type"] if isinstance(part, dict))
            return {
                one["name"]: None if isinstance(one["type"], list) else _ZERO[one["type"]]
                for one in array["items"]["fields"]
            }
    return None


_ZERO = {"int": 1, "long": 1, "float": 1.0, "double": 1.0, "string": "x"}


def _lsst(at: int, number: int, ra: float, dec: float) -> bytes:
    rng = np.random.default_rng([SEED, 5, at])
    kind = _kind("lsst", rng)
    template = _chosen("lsst", rng, kind)
    record = dict(template.record)
    mjd = BASE_MJD_TAI + at * STEP_D
    shift = mjd - record["diaSource"]["midpointMjdTai"]
    source_id = FIRST_ID["lsst"] + at
    object_id = FIRST_OBJECT["lsst"] + number
    is_rock = kind == "rock"
    record["diaSourceId"] = source_id
    record["diaSource"] = {
        **record["diaSource"],
        "diaSourceId": source_id,
        "diaObjectId": 0 if is_rock else object_id,
        "ssObjectId": FIRST_SSO + at if is_rock else 0,
        "midpointMjdTai": mjd,
        "ra": ra,
        "dec": dec,
        "pixelFlags": kind == "pixel_flags",
    }
    if record.get("diaObject") is not None:
        record["diaObject"] = {**record["diaObject"], "diaObjectId": object_id}
    for name in ("prvDiaSources", "prvDiaForcedSources"):
        rows = record.get(name)
        record[name] = rows and [
            {**row, "midpointMjdTai": row["midpointMjdTai"] + shift, "ra": ra, "dec": dec}
            for row in rows
        ]
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, template.schema, record)
    return template.head + stream.getvalue()


def _kind(survey: str, rng: np.random.Generator) -> str:
    drawn = rng.random()
    for kind, share in SHARES[survey].items():
        if drawn < share:
            return kind
        drawn -= share
    return "good"


def _chosen(survey: str, rng: np.random.Generator, kind: str) -> Template:
    """Return a template that can be of this kind.

    Packets older than the deep score have none and are all stopped by that gate: they make up its
    share, so that every generation is decoded and the mix is still the night's.
    """
    _, every = templates(survey)
    if survey == "lsst":
        fitting = [one for one in every if one.is_rock == (kind == "rock")]
    else:
        fitting = [one for one in every if one.has_drb != (kind == "low_drb")]
    fitting = fitting or every
    return fitting[int(rng.integers(len(fitting)))]


def _container(sample: samples.Sample) -> Template:
    reader = fastavro.reader(io.BytesIO(sample.value))
    marker = sample.value[-16:]
    head = sample.value[: sample.value.index(marker) + 16]
    has_drb = "drb" in sample.record["candidate"]
    schema = fastavro.parse_schema(reader.writer_schema)
    return Template(head, marker, schema, _without_repeats(sample.record), has_drb, is_rock=False)


def _without_repeats(record: dict[str, Any]) -> dict[str, Any]:
    """Drop history rows whose time and band stood before.

    Of such two the lower bytes stay in the light curve; that hangs on the last bit of a flux, which
    the naive baseline's arithmetic and ours need not share.
    """
    found = dict(record)
    known = {(record["candidate"]["jd"], record["candidate"]["fid"])}
    for name in ("prv_candidates", "fp_hists"):
        if record.get(name):
            rows = {(row["jd"], row["fid"]): row for row in reversed(record[name])}
            found[name] = [row for key, row in reversed(rows.items()) if key not in known]
    return found


def _packed_container(template: Template, record: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, template.schema, record)
    datum = stream.getvalue()
    return b"".join((template.head, _zigzag(1), _zigzag(len(datum)), datum, template.tail))


def _confluent(sample: samples.Sample) -> Template:
    is_rock = bool(sample.record["diaSource"]["ssObjectId"])
    return Template(sample.value[:5], b"", rubin_schema(), sample.record, True, is_rock)


@cache
def rubin_schema() -> Any:
    """Return the schema of the run's LSST packets, parsed."""
    if templates_are_generated():
        from pipeline.simulate import lsst

        return fastavro.parse_schema(lsst.schema(samples.RUBIN_SCHEMA_ID))
    with (samples.folder() / "lsst/rubin_v10_0.avro").open("rb") as file:
        return fastavro.parse_schema(fastavro.reader(file).writer_schema)


@cache
def templates_are_generated() -> bool:
    try:
        samples.folder()
    except pytest.skip.Exception:
        return True
    return False


def _generated(survey: str) -> list[Template]:
    """Return templates of the simulator, with 20 earlier visits each."""
    from pipeline.simulate.single import JD_UTC, epoch, make_lsst_packet, make_ztf_packet

    found = []
    for i in range(GENERATED):
        visits = [
            epoch(
                JD_UTC - 3.0 * (20 - k),
                "gr"[k % 2],
                18.5 + 0.05 * k,
                alert_id=10**18 + k if k % 3 else 0,
            )
            for k in range(20)
        ]
        if survey == "ztf":
            value = make_ztf_packet(history=visits, sgscore1=(0.9, 0.1, 0.5)[i % 3], distpsnr1=1.0)
            found.append(_container(samples.Sample(str(i), value, _read_container(value))))
        else:
            designation = "K17SA9A" if i % 6 == 0 else None
            value = make_lsst_packet(
                history=visits, designation=designation, schema_id=samples.RUBIN_SCHEMA_ID
            )
            found.append(_confluent(samples.Sample(str(i), value, _read_confluent(value))))
    return found


def _read_container(value: bytes) -> dict[str, Any]:
    return next(fastavro.reader(io.BytesIO(value)))


def _read_confluent(value: bytes) -> dict[str, Any]:
    return fastavro.schemaless_reader(io.BytesIO(value[5:]), rubin_schema(), None)


def read(survey: str, value: bytes) -> dict[str, Any]:
    """Return the record of one packet, as fastavro reads it."""
    return _read_container(value) if survey == "ztf" else _read_confluent(value)


def _zigzag(value: int) -> bytes:
    rest, found = value << 1, bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)
