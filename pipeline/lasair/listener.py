"""Listen to all filters' topics: a thread for each, so that none waits for another's broker."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from broker.config import config
from broker.db import expect_threads
from broker.kafka import Cluster
from broker.kafka_messages import MessageReader
from broker.outages import OUTAGES
from broker.sections.lasair import LasairTopicSettings
from pipeline.lasair import day_files, topics
from pipeline.lasair.day_files import Place
from pipeline.lasair.reception import TopicReception
from pipeline.lasair.topic_listener import TopicListener

WRITE_EVERY_S = 2.0

log = structlog.get_logger(__name__)


class NoTopicsError(Exception):
    """Nothing is set to be read."""


class LasairListener:
    """Stores what the topics bring, and writes it into the files of its days.

    Parameters
    ----------
    listeners : dict of str to TopicListener
        By topic.
    place : Place
        Where is written.
    """

    def __init__(self, listeners: dict[str, TopicListener], place: Place) -> None:
        self._listeners = listeners
        self._place = place
        self._over = threading.Event()

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Listen and write until ``is_stopping``, or until one topic's slot is another's.

        Raises
        ------
        Fenced
            If another process took this slot; this one must end.
        """
        with ThreadPoolExecutor(len(self._listeners), "lasair") as pool:
            futures = [
                pool.submit(self._listen, topic, listener)
                for topic, listener in self._listeners.items()
            ]
            try:
                while not is_stopping() and not any(future.done() for future in futures):
                    self._write()
                    self._over.wait(WRITE_EVERY_S)
            finally:  # else the pool waits for threads that nobody ends
                self._over.set()
        self._write()
        for future in futures:
            future.result()

    def _listen(self, topic: str, listener: TopicListener) -> None:
        with structlog.contextvars.bound_contextvars(topic=topic):
            listener.run(self._over.is_set)

    def _write(self) -> None:
        try:
            day_files.write_waiting(self._place)
            day_files.close_settled(self._place)
        except OUTAGES as error:
            log.warning("lasair.not_written", error=str(error)[:500])


def make_lasair_listener(name: str) -> LasairListener:
    """Return the listener of one slot, made from the settings.

    Raises
    ------
    NoTopicsError
        If no topic is set.
    """
    wanted = config().lasair.topics
    if not wanted:
        raise NoTopicsError("no filter is named: set lasair.topics (docs/lasair.md)")
    expect_threads(len(wanted) + 1)
    place = Place.ours()
    return LasairListener({topic.name: _listener(topic, name, place) for topic in wanted}, place)


def _listener(topic: LasairTopicSettings, name: str, place: Place) -> TopicListener:
    settings = config()
    connection = topics.connection(settings, topic)
    reader = MessageReader(
        connection,
        settings.lasair.group(topic),
        name,
        [topic.name],
        start=settings.lasair.start,
        session_timeout_ms=settings.ranges.session_timeout_ms,
    )
    cluster = Cluster(connection)
    reception = TopicReception(topic, lambda: cluster.topic_id(topic.name), place)
    return TopicListener(reader, reception)
