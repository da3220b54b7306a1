"""``manage.py simulate_lasair``: what three filters of Lasair send; one of them sends garbage."""

import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError

from broker.command import ProjectCommand
from broker.errors import TransientError
from pipeline.simulate import lasair, lasair_feed


class Command(ProjectCommand):
    """Send the messages of three filters to our own Kafka, or print them."""

    help = (
        "Send simulated alerts of three Lasair filters to our own Kafka (topics "
        f"{', '.join(lasair.TOPICS)}; the last one sends garbage), or print them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--count", type=int, default=lasair.OBJECTS, help="messages of each filter (20)"
        )
        parser.add_argument(
            "--gap", type=float, default=0.0, help="between two of a filter [s] (0)"
        )
        parser.add_argument("--to", choices=("kafka", "stdout"), default="kafka")

    def handle(self, **options: Any) -> None:
        if options["count"] < 1 or options["gap"] < 0:
            raise CommandError("--count: 1 or more; --gap: 0 or more seconds")
        now = datetime.now(UTC)
        if options["to"] == "stdout":
            for topic, value in lasair.night(now, options["count"]):
                self.stdout.write(f"{topic} {value.decode(errors='replace')}")
            return
        try:
            for sent in lasair_feed.send(lasair.night(now, options["count"])):
                if sent.topic == lasair.TOPICS[-1]:
                    time.sleep(options["gap"])
        except TransientError as error:
            raise CommandError(str(error)) from None
        told = ", ".join(lasair.TOPICS)
        self.stdout.write(f"{options['count']} messages to each of {told}")
