"""What a message of selected alerts says: Rubin's packet, or a Babamul message of one."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import product
from typing import Any, NamedTuple

from broker.avro import CONTAINER_MAGIC, MAX_VALUE_BYTES, Containers, UnreadableError
from broker.avro_confluent import read_confluent
from broker.avro_schema import SchemaCache, SchemaError, writer_schema
from broker.config import config
from pipeline.alerts.selected_messages import container
from pipeline.clients.schema_registry import SchemaRegistry
from pipeline.selected.sources import SURVEY
from pipeline.surveys import lsst
from pipeline.surveys.allowed import AllowList

VERSIONS = 30
"""Major and minor versions that are looked for; 11.1 is the newest of 2026."""


class Read(NamedTuple):
    """A record in the form of a packet, with today's names.

    Attributes
    ----------
    record : dict
        As Rubin's, or only its ``diaSource`` and id.
    is_packet : bool
        Else history and images are only in the packet itself.
    has_thumbnails : bool
        Whether images are to be asked for elsewhere when nobody has the packet.
    container : bytes or None
        The packet as it is kept, where its own framing means nothing here.
    """

    record: dict[str, Any]
    is_packet: bool = True
    has_thumbnails: bool = False
    container: bytes | None = None


Reader = Callable[[bytes], Read]
"""Says what a message says; raises as ``read``."""


def read(value: bytes, *, is_ours: bool) -> Read:
    """Return what a message says.

    Parameters
    ----------
    value : bytes
        As it was on Kafka.
    is_ours : bool
        Whether our own pipeline wrote it: then with a schema that was allowed when it came, and in
        Confluent framing with an id of our registry's; else such an id is Rubin's.

    Raises
    ------
    UnreadableError, SchemaUnreachableError
        Saying why not.
    """
    check_size(value)
    if not value.startswith(CONTAINER_MAGIC):
        return _of_ours(value) if is_ours else _of_rubin(value)
    record = (_ours() if is_ours else _theirs()).read(value)
    if "candidate" in record:
        return Read(_of_babamul(record), is_packet=False)
    return Read(packet_of(record))


def check_size(value: bytes) -> None:
    """Raise UnreadableError for a message without value, or with too much of it."""
    if not value:
        raise UnreadableError("empty", "the message has no value")
    if len(value) > MAX_VALUE_BYTES:
        raise UnreadableError("too_large", f"{len(value)} bytes; at most {MAX_VALUE_BYTES}")


def packet_of(record: Any) -> dict[str, Any]:
    """Return a record of Rubin's with today's names; UnreadableError for any other."""
    if not isinstance(record, dict) or not isinstance(record.get("diaSource"), dict):
        raise UnreadableError("bad_value", "a record without diaSource is no packet of Rubin's")
    return lsst.todays_names(record)


def read_kept(value: bytes, stream: str) -> dict[str, Any]:
    """Return the record of a packet in our archive; raises as ``read``.

    Parameters
    ----------
    value : bytes
        As it was kept.
    stream : str
        That kept it: ids in Rubin's own stream are Rubin's, in all others our registry's.
    """
    if stream == SURVEY and not value.startswith(CONTAINER_MAGIC):
        return lsst.read(value)
    return read(value, is_ours=True).record


def _of_ours(value: bytes) -> Read:
    # Nobody else is asked: a registry counts from 1, and so does every other.
    return Read(packet_of(read_confluent(_our_schemas(), value)))


def _of_rubin(value: bytes) -> Read:
    """Return a packet, and what is kept of it: in a source's archive an id is our registry's."""
    record, (schema, body) = lsst.read(value), lsst.split(value)
    return Read(record, container=container(schema, body))


def _of_babamul(record: dict[str, Any]) -> dict[str, Any]:
    candidate = record["candidate"]
    if not isinstance(candidate, dict) or "midpointMjdTai" not in candidate:
        raise UnreadableError(
            "bad_value", "a ZTF alert: tables of selected alerts hold LSST's only"
        )
    return {"diaSourceId": record.get("candid"), "diaSource": candidate}


@cache
def _our_schemas() -> SchemaCache:
    registry = config().registry
    return SchemaCache([SchemaRegistry(registry.url, timeout_s=registry.timeout_s).schema])


@cache
def _ours() -> Containers:
    return Containers(lambda _fingerprint: True)


@cache
def _theirs() -> Containers:
    return Containers(_known_schema())


def _known_schema() -> Callable[[str], bool]:
    accepted = AllowList()
    return lambda name: name in accepted or name in _rubins()


@cache
def _rubins() -> frozenset[str]:
    """Return the fingerprints of the schemas that the package lsst-alert-packet has (0.5 s)."""
    found = set()
    for major, minor in product(range(1, VERSIONS), range(VERSIONS)):
        with suppress(SchemaError):
            definition = lsst.package_schema(lsst.IDS_PER_MAJOR_VERSION * major + minor)
            if definition is not None:
                found.add(writer_schema(definition).fingerprint)
    return frozenset(found)
