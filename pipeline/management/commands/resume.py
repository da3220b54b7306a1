"""``manage.py resume STREAM``: start a stream again that the breaker or an operator stopped."""

from argparse import ArgumentParser
from typing import Any

from broker.command import ProjectCommand
from broker.db import transaction
from broker.ranges import stops
from pipeline import topics


class Command(ProjectCommand):
    """Let a stopped stream run again."""

    help = "Start a stream again that was stopped because most of its packets were bad."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("stream", choices=[stream.name for stream in topics.RANGE_STREAMS])

    def handle(self, *, stream: str, **_: Any) -> None:
        with transaction() as session:
            reason = stops.stop_reason(session, stream)
            stops.resume(session, stream)
        if reason is None:
            self.stdout.write(f"{stream} is not stopped")
        else:
            self.stdout.write(f"{stream} runs again; it was stopped because: {reason}")
