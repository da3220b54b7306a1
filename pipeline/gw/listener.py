"""The loop of a listener that stores notices one by one and commits each after it is stored."""

from importlib import import_module

import structlog
from sqlalchemy import func, select

from broker.config import config
from broker.db import transaction
from broker.failpoints import failpoint
from broker.kafka import Cluster, gcn_connection
from broker.kafka_messages import MessageReader
from broker.message_loop import ReceptionLoop
from broker.outages import OUTAGES
from pipeline.gw.reception import Reception
from pipeline.gw.step_registry import KINDS, named
from pipeline.gw.tables import GwStep
from pipeline.topics import notice_stream

PAUSE_ABOVE = 500
RESUME_BELOW = 250
"""Steps that wait; between the two nothing changes."""
QUEUES = ("gw", "notify")
"""Whose steps count: a notice is planned and told through them."""
POLL_S = 0.5

log = structlog.get_logger(__name__)


class NoticeListener(ReceptionLoop[Reception]):
    """Takes the messages of a stream's topics one by one; see ``ReceptionLoop``."""

    look_every_s = 2.0

    def tick(self) -> None:
        """Take the next message, if one comes; what cannot be stored now is taken again."""
        message = None
        try:
            self.look_when_due()
            message = self.reader.next(POLL_S)
            if message is None:
                return
            self.reception.take(message)
            self.commit([message])
            failpoint("notice_committed")
        except OUTAGES as error:
            self.take_again([] if message is None else [message], error)

    def look(self) -> None:
        """Stop reading while more steps wait than workers can be expected to do soon."""
        waiting = _waiting_steps()
        if waiting > PAUSE_ABOVE and not self.reader.is_paused:
            log.warning("listener.paused", waiting_steps=waiting)
            self.reader.pause()
        elif waiting < RESUME_BELOW and self.reader.is_paused:
            log.info("listener.resumed", waiting_steps=waiting)
            self.reader.resume()


def make_notice_listener(stream: str, name: str) -> NoticeListener:
    """Return the listener of one slot, made from the settings.

    Parameters
    ----------
    stream : str
        Of ``topics.NOTICE_STREAMS``.
    name : str
        Of the slot.
    """
    record, settings = notice_stream(stream), config()
    connection, prefix = gcn_connection(), settings.gcn.topic_prefix
    reader = MessageReader(
        connection,
        f"{settings.gcn.group_id}-{stream}",
        name,
        [prefix + topic for topic in record.topics],
        start=settings.gcn.start,
        session_timeout_ms=settings.ranges.session_timeout_ms,
    )
    cluster = Cluster(connection)
    intake = named(record.intake)
    for module in intake.modules:
        import_module(module)  # the first notice shall not wait a second for it
    reception = Reception(
        stream,
        intake,
        # A notice never waits for an id that a broker does not tell: coming twice changes nothing.
        lambda topic: cluster.topic_ids([topic]).get(topic, ""),
        topic_prefix=prefix,
    )
    return NoticeListener(reader, reception)


def _waiting_steps() -> int:
    """Return how many steps wait that a notice must pass, counted no further than matters.

    Those that rest wait for somebody else: OwnCloud's password stops no notice.
    """
    passed = [kind.name for kind in KINDS if kind.queue in QUEUES]
    due = GwStep.state == "wanted", GwStep.not_before <= func.now(), GwStep.step.in_(passed)
    some = select(GwStep.id).where(*due).limit(PAUSE_ABOVE + 1).subquery()
    with transaction() as session:
        return session.scalar(select(func.count()).select_from(some)) or 0
