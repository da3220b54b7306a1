"""Real packets of the sample folder, each as it is on Kafka; skips a test where there are none."""

import io
import struct
import tarfile
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import pytest

from broker.avro import CONTAINER_MAGIC, Containers
from broker.avro_schema import WriterSchema, writer_schema
from broker.config import config, project_path

RUBIN_SCHEMA_ID = 1000
LEGACY_SCHEMA_ID = 42
RUBIN = "rubin_v10_0.avro"
LEGACY = "legacy_decam_hits_10_psFlux_filterName.avro"


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
    return _framed(folder() / "lsst" / RUBIN, RUBIN_SCHEMA_ID)


@cache
def legacy() -> list[Sample]:
    """10 alerts of 2020 with the old names, under an id that only a schema directory knows."""
    return _framed(folder() / "lsst" / LEGACY, LEGACY_SCHEMA_ID)


@cache
def winter() -> list[Sample]:
    """11 alerts of WINTER, each in a container of its own; no survey here reads them."""
    found = []
    for path in sorted((folder() / "winter").glob("*.avro")):
        value = path.read_bytes()
        found.append(Sample(path.name, value, next(iter(fastavro.reader(io.BytesIO(value))))))
    return found


@cache
def _containers() -> Containers:
    return Containers(lambda _: True)


@cache
def _rubin_schema(name: str) -> WriterSchema:
    with (folder() / "lsst" / name).open("rb") as file:
        return writer_schema(fastavro.reader(file).writer_schema)


def split(sample: Sample) -> tuple[WriterSchema, bytes]:
    """Return the writer schema of a sample and the bytes of its record."""
    if sample.value.startswith(CONTAINER_MAGIC):
        return _containers().split(sample.value)
    (schema_id,) = struct.unpack_from(">I", sample.value, 1)
    name = RUBIN if schema_id == RUBIN_SCHEMA_ID else LEGACY
    return _rubin_schema(name), sample.value[5:]


def legacy_schema() -> Any:
    """Return the writer schema of the alerts of 2020."""
    path = folder() / "lsst" / LEGACY
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
