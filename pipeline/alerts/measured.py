"""What the alert flow tells Prometheus; each is called where the thing is done."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from broker import metrics
from broker.kafka_types import DeliveryError
from pipeline.alerts.batch import Rejected
from pipeline.alerts.delivery import Outgoing


def stored(survey: str, new: int, duplicates: int, rejected: Sequence[Rejected]) -> None:
    """Count what became of the packets of a batch that is stored now."""
    metrics.ALERTS.labels(survey, "ok", "stored").inc(new)
    metrics.ALERTS.labels(survey, "ok", "duplicate").inc(duplicates)
    for bad in rejected:
        metrics.ALERTS.labels(survey, "error", bad.reason).inc()


def routed(survey: str, with_topic: int, without: int) -> None:
    """Count alerts that were judged for topics, public ones and those of selected alerts."""
    metrics.FILTERED.labels(survey, "ok", "routed").inc(with_topic)
    metrics.FILTERED.labels(survey, "ok", "unrouted").inc(without)


def published(
    survey: str, outgoing: Sequence[Outgoing], outcomes: Sequence[DeliveryError | None]
) -> None:
    """Count what Kafka acknowledged just now, and how long after its packet came."""
    now = datetime.now(UTC)
    sent = [each for each, error in zip(outgoing, outcomes, strict=True) if error is None]
    for topic, count in Counter(each.message.topic for each in sent).items():
        metrics.PUBLISHED.labels(survey, topic).inc(count)
    for each in sent:
        metrics.LATENCY.observe(max(0.0, (now - each.kafka_timestamp).total_seconds()))
