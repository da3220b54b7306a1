"""Who may do what on the bus: literal topics of one telescope, and groups of one's own name.

A right on the prefix ``telescope.`` would reach every other telescope's commands.
"""

from collections.abc import Iterator

from broker.config import Config
from broker.kafka_rights import Acl
from broker.sections.telescope import CONNECT
from pipeline.telescope.connector import NAME as CONNECTOR
from pipeline.telescope.connector import dlq_topic
from pipeline.telescope.record import Telescope, telescopes

READ, WRITE = ("READ", "DESCRIBE"), ("WRITE", "DESCRIBE")


def application_rights(telescope: Telescope, application: str) -> list[Acl]:
    """Return what an application of a telescope may do: obey, acknowledge, tell how it is.

    Raises
    ------
    RecordError
        If the telescope has no such application.
    """
    principal = telescope.principal(application)
    written = [telescope.acknowledgments, telescope.status]
    if telescope.application(application).writes_data:
        written.append(telescope.data)
    return [
        _on_topic(principal, telescope.commands, READ),
        *(_on_topic(principal, topic, WRITE) for topic in written),
        *_groups(principal),
    ]


def monitor_rights(telescope: Telescope, monitor: str) -> list[Acl]:
    """Return what who looks on may do: read all four topics of a telescope."""
    principal = telescope.principal(monitor)
    return [*(_on_topic(principal, topic, READ) for topic in telescope.topics), *_groups(principal)]


def pipeline_rights(settings: Config) -> Iterator[Acl]:
    """Yield what our own processes may do: command, listen, store, and bury data."""
    principal = settings.kafka.username
    for telescope in telescopes(settings):
        yield _on_topic(principal, telescope.commands, ("WRITE", *READ))  # recovery reads it back
        for topic in telescope.topics:
            if topic != telescope.commands:
                yield _on_topic(principal, topic, READ)
        yield _on_topic(principal, telescope.data_dlq, WRITE)  # a copy for people
    if settings.telescopes:
        group = settings.telescope.group_id
        yield Acl(principal, "group", group, is_prefix=True, operations=("READ",))


def connect_rights(settings: Config) -> Iterator[Acl]:
    """Yield what Kafka Connect may do: keep its own state, read data, bury what it cannot read."""
    found = telescopes(settings)
    if not found:
        return
    own = ("CREATE", "DESCRIBE_CONFIGS", "WRITE", *READ)
    yield Acl(CONNECT, "topic", f"{CONNECT}-", is_prefix=True, operations=own)
    for telescope in found:
        yield _on_topic(CONNECT, telescope.data, READ)
    yield _on_topic(CONNECT, dlq_topic(found), WRITE)
    for group in (f"nightjar-{CONNECT}", f"{CONNECT}-{CONNECTOR}"):
        # DELETE: to read everything again, its own group is emptied.
        yield Acl(CONNECT, "group", group, is_prefix=False, operations=("DELETE", *READ))


def _on_topic(principal: str, topic: str, operations: tuple[str, ...]) -> Acl:
    return Acl(principal, "topic", topic, is_prefix=False, operations=operations)


def _groups(principal: str) -> Iterator[Acl]:
    """Yield the right on the group of one's own name, and on those that begin with it and ``-``."""
    yield Acl(principal, "group", principal, is_prefix=False, operations=("READ",))
    yield Acl(principal, "group", f"{principal}-", is_prefix=True, operations=("READ",))
