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
TRY_EVERY_S = 30.0
"""While somebody else has the port."""


class Command(ProjectCommand):
    """Serve what no process counts by itself: lags, what waits, disks, credentials."""

    help = "Serve facts about streams, tables, disks and people's groups to Prometheus."

    def handle(self, **_: Any) -> None:
        logs.configure()
        stop = Stop()
        if not config().metrics.port:
            raise CommandError("metrics.port is 0: set NIGHTJAR_METRICS__PORT")
        facts = Facts(sources())
        is_serving, try_at_s = False, 0.0
        while not stop.is_asked:
            if not is_serving and time.monotonic() >= try_at_s:
                is_serving = metrics_serving.serve(facts)
                try_at_s = time.monotonic() + TRY_EVERY_S
            time.sleep(WAIT_S)
