"""Real packets of the sample folder, each as it is on Kafka; skips a test where there are none."""

import io
import struct
import tarfile
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import pytest

from broker.config import config, project_path

RUBIN_SCHEMA_ID = 1000
LEGACY_SCHEMA_ID = 42


class Sample(NamedTuple):
    """A message value, and fastavro's own reading of it."""

    name: str
    value: bytes
    record: dict[str, Any]


def are_there() -> bool:
    return (_path() / "README.md").exists()


def folder() -> Path:
    if not are_there():
        pytest.skip(f"no sample data in {_path()} (testing.samples)")
    return _path()


def _path() -> Path:
    return project_path(config().testing.samples)


@cache
def ztf_originals() -> list[Sample]:
    """448 packets of nine generations."""
    found = []
    with tarfile.open(folder() / "ztf/ztf_packets.tar") as tar:
        for member in tar:
            if (file := tar.extractfile(member)) is not None:
                value = file.read()
                record = next(iter(fastavro.reader(io.BytesIO(value))))
                found.append(Sample(member.name, value, record))
    return found


@cache
def ztf_rewritten() -> list[Sample]:
    """384 alerts of one container, each in a container of its own."""
    with (folder() / "ztf/ztf_v4.02.avro").open("rb") as file:
        reader = fastavro.reader(file)
        return [
            Sample(str(record["candid"]), container(reader.writer_schema, record), record)
            for record in reader
        ]


@cache
def rubin() -> list[Sample]:
    """45 alerts of schema 10.0, in Confluent framing."""
    return _framed(folder() / "lsst/rubin_v10_0.avro", RUBIN_SCHEMA_ID)


@cache
def legacy() -> list[Sample]:
    """10 alerts of 2020 with the old names, under an id that only a schema directory knows."""
    return _framed(folder() / "lsst/legacy_decam_hits_10_psFlux_filterName.avro", LEGACY_SCHEMA_ID)


def legacy_schema() -> Any:
    """Return the writer schema of the alerts of 2020."""
    path = folder() / "lsst/legacy_decam_hits_10_psFlux_filterName.avro"
    with path.open("rb") as file:
        return fastavro.reader(file).writer_schema


def container(schema: Any, *records: Any, codec: str = "null") -> bytes:
    """Return a container with its records in one block."""
    stream = io.BytesIO()
    fastavro.writer(stream, schema, records, codec=codec)
    return stream.getvalue()


def framed(schema: Any, schema_id: int, record: Any) -> bytes:
    """Return a record in Confluent framing."""
    stream = io.BytesIO()
    stream.write(struct.pack(">bI", 0, schema_id))
    fastavro.schemaless_writer(stream, schema, record)
    return stream.getvalue()


def _framed(path: Path, schema_id: int) -> list[Sample]:
    with path.open("rb") as file:
        reader = fastavro.reader(file)
        schema = reader.writer_schema
        return [
            Sample(
                str(record["diaSource"]["diaSourceId"]), framed(schema, schema_id, record), record
            )
            for record in reader
        ]
