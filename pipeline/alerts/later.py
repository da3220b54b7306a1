"""Send what waits of finished offsets, and mark it: what ``stranded`` and ``holdback`` share."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from broker import dead_letters
from broker.db import transaction
from broker.kafka_types import DeliveryError, Message
from pipeline.alerts import measured, publish, publish_letters
from pipeline.alerts.publish import Pending
from pipeline.surveys import survey as survey_named

STATEMENT_S = 20


class Sends(Protocol):
    """What is wanted of ``broker.kafka.Producer``."""

    def send(self, messages: Sequence[Message]) -> list[DeliveryError | None]:
        """Write all messages; return None for each that was acknowledged."""


class Place(NamedTuple):
    """The partition that alerts came from."""

    stream: str
    topic: str
    source_id: int
    partition: int


class Sent(NamedTuple):
    """What became of messages that waited.

    Attributes
    ----------
    messages, failed, too_large : int
        Acknowledged; not acknowledged now; never to be.
    is_whole : bool
        Every message that waits could be made.
    """

    messages: int
    failed: int
    too_large: int
    is_whole: bool


def send(producer: Sends, pending: Pending, place: Place) -> Sent:
    """Send what can be made of the pending messages; mark what Kafka has, bury what never fits.

    At least once, with the ids that the messages would have had. A selected alert whose packet is
    lost or unreadable goes on waiting, with a dead letter that says why; it is closed when the
    message goes out after all.
    """
    selected, unmade = publish.build_selected(pending)
    outgoing = [*publish.build(pending), *selected]
    outcomes = producer.send([sent.message for sent in outgoing])
    measured.published(pending.survey, outgoing, outcomes)
    delivered = publish.settle(outgoing, outcomes)
    cleared = set(delivered.cleared)
    with transaction(statement_timeout_s=STATEMENT_S) as session:
        publish.mark(session, delivered)
        survey = survey_named(pending.survey)
        letters = [
            *publish_letters.too_large_letters(delivered, survey, place.partition),
            *publish_letters.unmade_letters(unmade, survey, place.partition),
        ]
        dead_letters.bury(session, place.stream, place.topic, place.source_id, letters)
        made = [sent.offset for sent in selected if (sent.alert_id, sent.bit) in cleared]
        dead_letters.resolve(session, place.source_id, place.partition, made)
    return Sent(
        delivered.published,
        len(delivered.failed),
        len(delivered.too_large),
        publish.is_whole(pending, outgoing),
    )
