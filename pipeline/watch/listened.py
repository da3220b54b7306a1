"""Topics that are listened to, and which broker is asked how much waits there."""

from contextlib import suppress

from broker.config import config
from broker.kafka import source_connection
from broker.kafka_unread import Place
from pipeline.lasair import topics
from pipeline.selected import sources


def sources_elsewhere(names: list[str]) -> dict[str, Place]:
    """Return where those of these sources are read that other brokers have.

    A source that the settings know no more is not read, and in none.
    """
    found = {}
    for name in names:
        with suppress(KeyError):
            where = sources.settings_of(name)
            if where.bootstrap_servers:
                group = sources.group_of(name)
                connection = source_connection(where)
                found[name] = Place(connection, group, where.topic, where.start)
    return found


def lasair_topics() -> dict[str, Place]:
    """Return where each topic of Lasair is read that the settings name."""
    settings = config()
    return {
        topic.name: Place(
            topics.connection(settings, topic),
            settings.lasair.group(topic),
            topic.name,
            settings.lasair.start,
        )
        for topic in settings.lasair.topics
    }
