"""``manage.py listen telescope``: acknowledgments and status of all telescopes, one group."""

from broker.config import config
from broker.kafka import Cluster, own_connection
from broker.kafka_messages import MessageReader
from broker.message_loop import BatchLoop
from broker.retakes import take_retried
from broker.sections.telescope import STREAM
from pipeline.clients.schema_registry import SchemaRegistry
from pipeline.telescope.codec import codec
from pipeline.telescope.reception import TelescopeReception
from pipeline.telescope.record import telescopes
from pipeline.telescope.registering import Registrar
from pipeline.telescope.registration import subjects


class NoTelescopesError(Exception):
    """Nobody is to be listened to."""


class TelescopeListener(BatchLoop[TelescopeReception]):
    """Takes what telescopes say, in order, each message once into the tables.

    Parameters
    ----------
    reader : MessageReader
        Hands out messages.
    reception : TelescopeReception
        Stores or buries them.
    registrar : Registrar
        Registers schemas once the registry is there.
    """

    poll_s = 0.1  # who waits for an acknowledgment looks at it

    def __init__(
        self, reader: MessageReader, reception: TelescopeReception, registrar: Registrar
    ) -> None:
        super().__init__(reader, reception)
        self._registrar = registrar

    def look(self) -> None:
        """Take letters again that shall be; register schemas that could not be at the start."""
        self._registrar.register_when_due()
        self.try_letters(lambda: take_retried(STREAM, self.reception.take_again))


def make_telescope_listener(_stream: str, name: str) -> TelescopeListener:
    """Return the listener of one slot, made from the settings.

    Raises
    ------
    NoTelescopesError
        If no telescope has a record.
    RecordError
        If a record does not fit.
    SchemaIdError, EvolutionError, SchemaRefusedError
        If the registry has other schemas than it had, or than applications in the field know.
    """
    known = telescopes()
    if not known:
        raise NoTelescopesError("no telescope has a record: set [telescopes.NAME]")
    settings, connection = config(), own_connection()
    registry = SchemaRegistry(settings.registry.url, settings.registry.timeout_s)
    registrar = Registrar(registry, subjects(known))
    registrar.register_when_due()
    reader = MessageReader(
        connection,
        settings.telescope.group_id,
        name,
        # Each by its name: a pattern would also find what no record names.
        [topic for one in known for topic in (one.acknowledgments, one.status)],
        session_timeout_ms=settings.ranges.session_timeout_ms,
    )
    cluster = Cluster(connection)
    reception = TelescopeReception(cluster.topic_id, codec())
    return TelescopeListener(reader, reception, registrar)
