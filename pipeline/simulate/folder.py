"""Real packets from a folder, as they came over Kafka: for the demo and the tests."""

import io
import struct
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import fastavro

from broker.config import config

_RUBIN_VERSION = "lsst.v"
_CONFLUENT = struct.Struct(">bI")


class FolderPacket(NamedTuple):
    """One Kafka message to be."""

    stream: str
    topic: str
    key: bytes | None
    value: bytes


def packets(folder: Path) -> Iterator[FolderPacket]:
    """Yield every alert packet below ``folder``, in the order of file names.

    Reads Avro containers, alone or in tar files, and what ``simulate --to DIR`` wrote. A container
    of one record is a message as it is; one of many is cut into messages: ZTF records become
    containers of their own, Rubin records get the Confluent prefix with the id of their version.

    Raises
    ------
    FileNotFoundError
        If no packet is found there.
    """
    found = False
    for path in sorted(folder.rglob("*")):
        for packet in _in_file(path):
            found = True
            yield packet
    if not found:
        raise FileNotFoundError(
            f"{folder} holds no ZTF or Rubin packet (*.avro, *.tar, *.confluent)"
        )


def _in_file(path: Path) -> Iterator[FolderPacket]:
    if path.suffix == ".avro":
        yield from _in_container(path.read_bytes())
    elif path.suffix == ".confluent":
        yield FolderPacket("lsst", _lsst_topic(), None, path.read_bytes())
    elif path.suffix == ".tar":
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member)
                if file is not None and member.name.endswith(".avro"):
                    yield from _in_container(file.read())


def _in_container(container: bytes) -> Iterator[FolderPacket]:
    reader = fastavro.reader(io.BytesIO(container))
    schema = reader.writer_schema
    name = f"{schema.get('namespace', '')}.{schema['name']}".lstrip(".")
    records = list(reader)
    if name.startswith(_RUBIN_VERSION):
        parsed = fastavro.parse_schema(schema)
        for record in records:
            yield FolderPacket("lsst", _lsst_topic(), None, _confluent(name, parsed, record))
    elif name.startswith("lsst"):
        for record in records:
            yield FolderPacket(
                "lsst", _lsst_topic(), None, _single(schema, record, container, records)
            )
    elif name.startswith("ztf"):
        for record in records:
            topic = _ztf_topic(record["candidate"]["programid"])
            value = _single(schema, record, container, records)
            yield FolderPacket("ztf", topic, None, value)


def _confluent(name: str, schema: Any, record: Any) -> bytes:
    """Return a Rubin record as on Rubin's Kafka; ``lsst.v10_0.alert`` has the id 1000."""
    major, minor = name.removeprefix(_RUBIN_VERSION).partition(".")[0].split("_")
    buffer = io.BytesIO()
    buffer.write(_CONFLUENT.pack(0, int(major) * 100 + int(minor)))
    fastavro.schemaless_writer(buffer, schema, record)
    return buffer.getvalue()


def _single(schema: Any, record: Any, container: bytes, records: list[Any]) -> bytes:
    if len(records) == 1:
        return container
    buffer = io.BytesIO()
    fastavro.writer(buffer, schema, [record])
    return buffer.getvalue()


def _ztf_topic(programid: int) -> str:
    """Return tonight's topic; old test packets have programid 0, which has none of its own."""
    return f"ztf_{datetime.now(UTC):%Y%m%d}_programid{max(programid, 1)}"


def _lsst_topic() -> str:
    return config().streams.lsst.topic
