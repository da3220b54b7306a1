"""``manage.py steady``: write test alerts and the heartbeat until SIGTERM."""

from typing import Any

import structlog

from broker import logs, metrics_serving
from broker.command import ProjectCommand
from broker.config import config
from broker.kafka import Producer, own_connection
from broker.stop import Stop
from pipeline.alerts import steady

log = structlog.get_logger(__name__)


class Command(ProjectCommand):
    """Send what comes day and night."""

    help = "Write test alerts and the heartbeat, each at its period, until SIGTERM."

    def handle(self, **_: Any) -> None:
        logs.configure()
        metrics_serving.serve()
        stop = Stop()
        producer = Producer(own_connection())
        log.info("steady.started")
        steady.run(steady.beats(config()), producer.send, lambda: stop.is_asked)
        producer.close()
        log.info("steady.ended")
