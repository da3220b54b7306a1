"""The body of the real task, and what the model's workers keep open for it."""

from collections.abc import Callable
from typing import Any

from broker.archive import Slice
from broker.config import config
from pipeline.alerts import tasks
from pipeline.alerts.resources import Resources
from tests.integration.range_machine.actors import crash_point
from tests.integration.range_machine.kafka import Kafka, Reader, Record
from tests.integration.range_machine.lives import Life, Task


class WorkerResources(Resources):
    """What the model's workers keep open: nothing that reaches a server."""

    def __init__(
        self,
        kafka: Kafka,
        note_read: Callable[[dict[int, Record | None]], None],
        life: Callable[[], Life],
    ) -> None:
        super().__init__(config())
        self._kafka = kafka
        self._note_read = note_read
        self._life = life

    def reader(self, _stream: str) -> Any:
        return Reader(self._kafka, self._note_read)

    def producer(self) -> Any:
        return self._life().producer

    def archive(self) -> Any:
        return self

    def append(self, *given):
        crash_point("archive")
        return [Slice(1, 0, len(packet.value), 0) for packet in given[-1]]


def run_task(task: Task) -> None:
    """Run the body of the real task under the id of its message."""
    tasks.process.push_request(id=task.id)
    try:
        tasks.process.run(*task.arguments)
    finally:
        tasks.process.pop_request()
