"""Credentials and the consumer groups of people, as facts for Prometheus."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models.functions import Now

from accounts.models import DriftReport, KafkaCredential
from accounts.principals import NAMED
from broker import kafka_consumption, metrics
from broker.config import config
from broker.django_tasks import rows_of_django
from broker.errors import TransientError
from broker.kafka_rights import GROUP_PREFIX
from broker.metrics_facts import Source, Told

COMPARED_WITHIN = timedelta(minutes=20)
"""Credentials are compared every five minutes; an older report says nothing of now."""
UNKNOWN = "unattributed"
"""Whose group it is, where no credential names it: e-mail logins share a prefix."""


def sources() -> tuple[Source, ...]:
    """Return what is asked."""
    return Source("credentials", credentials), Source("consumers", consumers)


def credentials() -> Iterator[Told]:
    """Yield how many credentials differed from Kafka's listing the last time.

    Raises
    ------
    TransientError
        If they were not compared of late, or could not be.
    """
    with rows_of_django():
        report = DriftReport.objects.filter(at__gt=Now() - COMPARED_WITHIN).order_by("-at").first()
    if report is None:
        raise TransientError(f"credentials were not compared within {COMPARED_WITHIN}")
    if report.error:
        raise TransientError(f"credentials were not compared: {report.error}")
    yield Told(metrics.DRIFT, len(report.lines))


def consumers() -> Iterator[Told]:
    """Yield how far each group of people is, and how many have a consumer.

    A group whose name holds an address is left out: that is nothing for a label.
    """
    active, names = kafka_consumption.active_groups(GROUP_PREFIX)
    yield Told(metrics.CONSUMER_GROUPS, active)
    with rows_of_django():
        rows = KafkaCredential.objects.exclude(state="revoked").filter(kind="named")
        owners = dict(rows.values_list("principal", "user_id"))
    told = [name for name in names if "@" not in name][: config().metrics.groups]
    for each in kafka_consumption.reads(told):
        found = NAMED.match(each.group)
        owner = owners.get(found[0], UNKNOWN) if found else UNKNOWN
        labels = str(owner), each.topic, each.group
        yield Told(metrics.CONSUMER_OFFSET, each.offset, labels)
        yield Told(metrics.CONSUMER_LAG, each.lag, labels)
        yield Told(metrics.CONSUMER_FRACTION, each.fraction, labels)
