"""``manage.py metrics``: ask servers for facts and serve them to Prometheus until SIGTERM."""

import time
from typing import Any

from django.core.management.base import CommandError

from broker import logs, metrics_serving
from broker.command import ProjectCommand
from broker.config import config
from broker.metrics_facts import Facts, sources
from broker.stop import Stop

WAIT_S = 0.5


class Command(ProjectCommand):
    """Serve what no process counts by itself: lags, what waits, disks, credentials."""

    help = "Serve facts about streams, tables, disks and people's groups to Prometheus."

    def handle(self, **_: Any) -> None:
        logs.configure()
        stop = Stop()
        if not config().metrics.port:
            raise CommandError("metrics.port is 0: set NIGHTJAR_METRICS__PORT")
        if not metrics_serving.serve(Facts(sources())):
            raise CommandError(f"port {config().metrics.port} is taken: see above")
        while not stop.is_asked:
            time.sleep(WAIT_S)
