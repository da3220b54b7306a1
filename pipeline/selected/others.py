"""Packets on a broker of others, as the settings of that source say that they are framed."""

from broker.avro import CONTAINER_MAGIC, UnreadableError
from broker.avro_confluent import CONFLUENT_PREFIX, confluent_schema, read_confluent
from broker.avro_schema import SchemaCache
from broker.sections.selected import SourceSettings
from pipeline.alerts.selected_messages import container
from pipeline.clients.schema_registry import SchemaRegistry
from pipeline.selected import messages
from pipeline.selected.messages import Read
from pipeline.surveys import lsst


class OthersReader:
    """Says what the messages of one source say.

    Parameters
    ----------
    source : SourceSettings
        Framing, and where its schemas are.
    """

    def __init__(self, source: SourceSettings) -> None:
        self._is_confluent = source.wire == "confluent"
        self._schemas = _schemas(source)

    def read(self, value: bytes) -> Read:
        """Return a message's packet.

        Raises
        ------
        UnreadableError
            If it is none, or framed otherwise; what fails with a schema names the schema's id.
        SchemaUnreachableError
            While the source's registry is away.
        """
        messages.check_size(value)
        return self._confluent(value) if self._is_confluent else _container(value)

    def _confluent(self, value: bytes) -> Read:
        """Return a packet, and what is kept of it: ids of others mean nothing in our archive."""
        record = messages.packet_of(read_confluent(self._schemas, value))
        schema = confluent_schema(self._schemas, value)
        return Read(record, container=container(schema, value[CONFLUENT_PREFIX.size :]))


def _container(value: bytes) -> Read:
    if not value.startswith(CONTAINER_MAGIC):
        raise UnreadableError("bad_value", f"{value[:4]!r} begins no container, as wire says")
    return messages.read(value, is_ours=False)


def _schemas(source: SourceSettings) -> SchemaCache:
    """Return the schemas of a source by id: files, its registry, and last Rubin's own."""
    found = []
    if source.schema_dir:
        found.append(lambda schema_id: lsst.directory_schema(source.schema_dir, schema_id))
    if source.registry_url:
        found.append(SchemaRegistry(source.registry_url).schema)
    return SchemaCache([*found, lsst.package_schema])
