"""Millions of alerts, objects and light curves, written by binary COPY from NumPy's arrays."""

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import fastavro
import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from broker.archive import Slice
from broker.config import config, project_path
from broker.db import cursor
from pipeline.alerts.batch import DETECTION, FORCED
from pipeline.alerts.encode import encode_candidates
from pipeline.catalogs.packing import HEADER, TRAILER
from pipeline.simulate.scenario import make_lsst_packet, make_ztf_packet
from pipeline.sky import hpx29
from pipeline.surveys import survey as survey_named
from tests.bench_api import indexes
from tests.bench_api.profiles import SEED, Profile

FIRST_JD_UTC = 2460635.5
CHUNK_ROWS = 100_000
SEGMENT = "bench.seg"
ZTF_SHARE = 0.75
POSTGRES_EPOCH = date(2000, 1, 1)
DEEP_FIELD = (150.0, 2.2, 3.0)
"""A tenth of the objects lie within so many degrees [ra, dec, radius]: there cones are full."""
FLAGS = 0b10_01_01_01_01_10
JITTER_DEG = 0.1 / 3600


@dataclass(frozen=True)
class Filled:
    """What was written, to ask about.

    Attributes
    ----------
    names : dict of str to object[n]
        Names of objects, by survey.
    ra_deg, dec_deg : dict of str to float64[n]
        Their places.
    """

    names: dict[str, NDArray[np.object_]]
    ra_deg: dict[str, NDArray[np.float64]]
    dec_deg: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class _Objects:
    survey: str
    ids: NDArray[np.int64]
    names: NDArray[np.object_]
    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]


def fill(session: Session, profile: Profile) -> Filled:
    """Empty the tables and write the whole sky of a profile."""
    rng = np.random.default_rng(SEED)
    with cursor(session) as cur:
        cur.execute("TRUNCATE alerts, objects, light_curves, sources, archive_segments")
    with indexes.without(session, "alerts", "objects", "light_curves"):
        made = _write(session, rng, profile)
    with cursor(session) as cur:
        for table in ("objects", "light_curves", "alerts"):
            cur.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
            )
    return Filled(
        {one.survey: one.names for one in made},
        {one.survey: one.ra_deg for one in made},
        {one.survey: one.dec_deg for one in made},
    )


def _write(session: Session, rng: np.random.Generator, profile: Profile) -> list["_Objects"]:
    source, segment = _origin(session)
    pieces = _archived(segment)
    made = []
    first_id, first_candid = 1, 1_000_000_000_000_000_001
    for survey, share in (("ztf", ZTF_SHARE), ("lsst", 1 - ZTF_SHARE)):
        count = max(int(profile.alerts * share) // profile.alerts_per_object, 1)
        objects = _objects(rng, survey, first_id, count)
        _copy(session, "objects", _object_rows(objects))
        _copy(session, "light_curves", _curve_rows(rng, objects, profile))
        alerts = _alert_rows(rng, objects, profile, source, pieces[survey], first_candid)
        _copy(session, "alerts", alerts)
        first_id += count
        first_candid += count * profile.alerts_per_object
        made.append(objects)
    return made


def _objects(rng: np.random.Generator, survey: str, first_id: int, count: int) -> _Objects:
    ra = rng.uniform(0, 360, count)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, count)))
    crowd = count // 10
    angle, radius = rng.uniform(0, 2 * np.pi, crowd), DEEP_FIELD[2] * np.sqrt(rng.random(crowd))
    ra[:crowd] = DEEP_FIELD[0] + radius * np.cos(angle) / np.cos(np.radians(DEEP_FIELD[1]))
    dec[:crowd] = DEEP_FIELD[1] + radius * np.sin(angle)
    ids = np.arange(first_id, first_id + count)
    return _Objects(survey, ids, _names(survey, count), ra, dec)


def _names(survey: str, count: int) -> NDArray[np.object_]:
    if survey == "lsst":
        return np.array([str(170_000_000_000_000_000 + at) for at in range(count)], object)
    letters = np.empty((count, 7), "U1")
    rest = np.arange(count)
    for place in range(6, -1, -1):
        letters[:, place] = np.array(list("abcdefghijklmnopqrstuvwxyz"))[rest % 26]
        rest //= 26
    return np.array([f"ZTF24{''.join(row)}" for row in letters], object)


def _origin(session: Session) -> tuple[int, int]:
    with cursor(session) as cur:
        cur.execute(
            "INSERT INTO sources (stream, topic, topic_id) VALUES ('ztf', 'bench', 'b') RETURNING id"
        )
        source = cur.fetchall()[0][0]
        cur.execute(
            "INSERT INTO archive_segments (host, path, survey, night)"
            f" VALUES ('bench', '{SEGMENT}', 'ztf', '2024-11-20') RETURNING id"
        )
        return source, cur.fetchall()[0][0]


def _archived(segment: int) -> dict[str, Slice]:
    """Write one packet of each survey into the archive; every alert of the survey lies there."""
    packets = {"ztf": make_ztf_packet(), "lsst": make_lsst_packet()}
    root = project_path(config().archive.path)
    root.mkdir(parents=True, exist_ok=True)
    (root / SEGMENT).write_bytes(b"".join(packets.values()))
    ends = np.cumsum([len(packet) for packet in packets.values()]).tolist()
    return {
        survey: Slice(segment, end - len(packet), len(packet), zlib.crc32(packet))
        for (survey, packet), end in zip(packets.items(), ends, strict=True)
    }


def _object_rows(objects: _Objects) -> Iterator[tuple[list[str], bytes]]:
    n = len(objects.ids)
    yield _packed(
        {
            "id": (">i8", objects.ids),
            "survey": _text(objects.survey, n),
            "object_id": _texts(objects.names),
            "ra_deg": (">f8", objects.ra_deg),
            "dec_deg": (">f8", objects.dec_deg),
            "hpx29": (">i8", hpx29(objects.ra_deg, objects.dec_deg)),
            "is_public": ("u1", np.ones(n, np.uint8)),
            "alert_count": (">i4", np.ones(n, np.int32)),
            "first_jd_utc": (">f8", np.full(n, FIRST_JD_UTC)),
            "last_jd_utc": (">f8", np.full(n, FIRST_JD_UTC)),
        }
    )


def _curve_rows(
    rng: np.random.Generator, objects: _Objects, profile: Profile
) -> Iterator[tuple[list[str], bytes]]:
    for series, dtype, size in (
        (0, DETECTION, profile.points_per_curve),
        (2, FORCED, profile.points_per_curve // 2),
    ):
        for start in range(0, len(objects.ids), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            n = len(objects.ids[part])
            rows = np.zeros((n, size), dtype)
            rows["jd_utc"] = np.sort(rng.uniform(0, profile.nights, (n, size))) + FIRST_JD_UTC
            rows["flux"] = rng.uniform(1e10, 1e12, (n, size))
            rows["flux_err"] = 1e9
            rows["band"] = 2 * rng.integers(0, 3, (n, size))
            if dtype is DETECTION:
                rows["ra_deg"] = objects.ra_deg[part, None]
                rows["dec_deg"] = objects.dec_deg[part, None]
            else:
                rows["has_flux"] = 2
            width = size * dtype.itemsize
            yield _packed(
                {
                    "object_id": (">i8", objects.ids[part]),
                    "series": (">i2", np.full(n, series)),
                    "n": (">i4", np.full(n, size)),
                    "last_jd_utc": (">f8", rows["jd_utc"][:, -1]),
                    "points": (f"V{width}", rows.view(f"V{width}").ravel()),
                }
            )


def _alert_rows(
    rng: np.random.Generator,
    objects: _Objects,
    profile: Profile,
    source: int,
    piece: Slice,
    first_candid: int,
) -> Iterator[tuple[list[str], bytes]]:
    candidate, properties = _records(objects.survey)
    total = len(objects.ids) * profile.alerts_per_object
    for start in range(0, total, CHUNK_ROWS):
        number = np.arange(start, min(start + CHUNK_ROWS, total))
        n = len(number)
        # An object's alerts come weeks apart, as they do: not side by side on the disk.
        at = number % len(objects.ids)
        visit = number // len(objects.ids)
        span = profile.nights / profile.alerts_per_object
        jd = FIRST_JD_UTC + (visit + rng.random(n)) * span
        ra = (objects.ra_deg[at] + rng.normal(0, JITTER_DEG, n)) % 360
        dec = np.clip(objects.dec_deg[at] + rng.normal(0, JITTER_DEG, n), -90, 90)
        night = (np.floor(jd - 2451544.5)).astype(np.int32)
        yield _packed(
            {
                "survey": _text(objects.survey, n),
                "candid": (">i8", first_candid + number),
                "source_id": (">i8", np.full(n, source)),
                "source_partition": (">i4", np.full(n, 0 if objects.survey == "ztf" else 1)),
                "source_offset": (">i8", number),
                "kafka_timestamp": (">i8", ((jd - 2451544.5) * 86_400_000_000).astype(np.int64)),
                "object_id": (">i8", objects.ids[at]),
                "jd_utc": (">f8", jd),
                "night": (">i4", night),
                "ra_deg": (">f8", ra),
                "dec_deg": (">f8", dec),
                "hpx29": (">i8", hpx29(ra, dec)),
                "band": _text("r", n),
                **({"programid": (">i2", np.ones(n))} if objects.survey == "ztf" else {}),
                "magpsf_abmag": (">f4", rng.uniform(15, 21, n)),
                "score": (">f4", rng.random(n)),
                "flags": (">i2", np.full(n, FLAGS)),
                "alert_class": _text("hosted", n),
                "output_topic": _text(f"babamul.{objects.survey}.hosted", n),
                "rule_version": _text("seed", n),
                "archive_segment_id": (">i8", np.full(n, piece.segment_id)),
                "archive_start": (">i8", np.full(n, piece.start)),
                "archive_length": (">i4", np.full(n, piece.length)),
                "archive_crc32": (">i8", np.full(n, piece.crc32)),
                "candidate": _bytes(candidate, n),
                "properties": _bytes(properties, n),
                "outputs": (">i2", np.ones(n)),
                "pending": (">i2", np.zeros(n)),
            }
        )


def _records(survey: str) -> tuple[bytes, bytes]:
    """Return the stored bytes of one simulated alert; all alerts carry them."""
    from broker.kafka_types import Packet
    from pipeline.alerts.schemas import record_schema

    packet = make_ztf_packet() if survey == "ztf" else make_lsst_packet()
    batch, _ = survey_named(survey).decode([Packet(0, 0, packet)])
    schema = record_schema(survey, "properties")
    rate = {"rate": 0.1, "rate_error": 0.01, "red_chi2": 1.0, "nb_data": 9, "dt": 3.0}
    band = {
        "peak_jd": FIRST_JD_UTC, "peak_mag": 18.0, "peak_mag_err": 0.05, "dt": 3.0,
        "rising": rate, "fading": rate,
    }  # fmt: skip
    stats = dict.fromkeys("grizyujhk") | {"g": band, "r": band}
    record = {
        "rock": False, "star": False, "near_brightstar": False, "stationary": True,
        "photstats": stats, "multisurvey_photstats": stats, "sso": None,
    }  # fmt: skip
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, record)
    return encode_candidates(batch)[0], stream.getvalue()


def _text(value: str, n: int) -> tuple[str, NDArray[Any]]:
    return _bytes(value.encode(), n)


def _texts(values: NDArray[np.object_]) -> tuple[str, NDArray[Any]]:
    """Return texts of one length."""
    encoded = np.array([value.encode() for value in values])
    return f"V{encoded.itemsize}", encoded.view(f"V{encoded.itemsize}")


def _bytes(value: bytes, n: int) -> tuple[str, NDArray[Any]]:
    one = np.frombuffer(value, f"V{len(value)}")
    return f"V{len(value)}", np.broadcast_to(one, n)


def _packed(columns: dict[str, tuple[str, NDArray[Any]]]) -> tuple[list[str], bytes]:
    """Return column names and the rows in COPY's form; no value is null, all have one width."""
    layout: list[tuple[str, str]] = [("count", ">i2")]
    for name, (wire, _) in columns.items():
        layout += [(f"{name}_length", ">i4"), (name, wire)]
    rows = np.empty(len(next(iter(columns.values()))[1]), layout)
    rows["count"] = len(columns)
    for name, (wire, values) in columns.items():
        rows[f"{name}_length"] = np.dtype(wire).itemsize
        rows[name] = values
    return list(columns), rows.tobytes()


def _copy(session: Session, table: str, parts: Iterator[tuple[list[str], bytes]]) -> None:
    for names, rows in parts:
        listed = ", ".join(f'"{name}"' for name in names)
        statement = f"COPY {table} ({listed}) FROM STDIN (FORMAT BINARY)"
        with cursor(session) as cur, cur.copy(statement) as copy:
            copy.write(HEADER + rows + TRAILER)
