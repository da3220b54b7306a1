"""Packets to make others of: real ones, or without the sample folder those of our simulator."""

import io
from functools import cache
from typing import Any, NamedTuple

import fastavro

from tests import samples

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


@cache
def of_survey(survey: str) -> tuple[str, list[Template]]:
    """Return where the templates come from, and them."""
    if not samples.are_there():
        return "generated", _generated(survey)
    if survey == "lsst":
        return "real", [_confluent(one) for one in samples.rubin()]
    return "real", [_container(one) for one in samples.ztf_rewritten() + samples.ztf_originals()]


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


def _confluent(sample: samples.Sample) -> Template:
    is_rock = bool(sample.record["diaSource"]["ssObjectId"])
    return Template(sample.value[:5], b"", rubin_schema(), sample.record, True, is_rock)


@cache
def rubin_schema() -> Any:
    """Return the schema of the run's LSST packets, parsed."""
    if not samples.are_there():
        from pipeline.simulate import lsst

        return fastavro.parse_schema(lsst.schema(samples.RUBIN_SCHEMA_ID))
    with (samples.folder() / "lsst/rubin_v10_0.avro").open("rb") as file:
        return fastavro.parse_schema(fastavro.reader(file).writer_schema)


def read(survey: str, value: bytes) -> dict[str, Any]:
    """Return the record of one packet, as fastavro reads it."""
    return _read_container(value) if survey == "ztf" else _read_confluent(value)


def _read_container(value: bytes) -> dict[str, Any]:
    return next(fastavro.reader(io.BytesIO(value)))


def _read_confluent(value: bytes) -> dict[str, Any]:
    return fastavro.schemaless_reader(io.BytesIO(value[5:]), rubin_schema(), None)
