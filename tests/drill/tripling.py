"""Rings for ranges that were rung for already, as a broker does that delivers twice."""

import celery
import psycopg

from broker.redis_transport import TRANSPORT_OPTIONS
from tests.drill.companion import Companion
from tests.e2e.system import System

COPIES = 3
COPY = "drill.copy"
"""What a worker of ``tests.drill.impatient`` logs of each task that it hears."""
EVERY_S = 0.05
_NEWER = """
    SELECT id, stream, topic, partition, first_offset, last_offset FROM stream_ranges
    WHERE id > %s ORDER BY id
"""


class Tripler(Companion):
    """Sends each new range's task three times more; use it as a context.

    What was sent stays in the queue.

    Parameters
    ----------
    system : System
        Whose ranges, and whose Redis.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        super().__init__("tripler")
        self.sent = 0

    def _run(self) -> None:
        newest = self._system.sql("SELECT coalesce(max(id), 0) FROM stream_ranges")[0][0]
        url = self._system.environment["NIGHTJAR_POSTGRES__URL"]
        broker = self._system.environment["NIGHTJAR_REDIS__URL"]
        with (
            celery.Celery(broker=broker, set_as_current=False) as app,
            psycopg.connect(url, autocommit=True) as connection,
        ):
            app.conf.broker_transport_options = TRANSPORT_OPTIONS
            while not self._is_ending.wait(EVERY_S):
                for number, *arguments in connection.execute(_NEWER, (newest,)).fetchall():
                    self._ring(app, arguments)
                    newest = number

    def _ring(self, app: celery.Celery, arguments: list[object]) -> None:
        for _ in range(COPIES):
            app.send_task("alerts.process", [*arguments, 0], queue="alerts", ignore_result=True)
            self.sent += 1
