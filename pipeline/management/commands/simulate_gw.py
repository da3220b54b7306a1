"""``manage.py simulate_gw``: a mock event's notices, sent as GCN would send them."""

import time
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from broker.kafka import Producer, own_connection
from broker.kafka_types import Message
from pipeline import topics
from pipeline.simulate import gw

STORIES = {"merger": gw.merger, "retracted": gw.retracted}
STREAM = "igwn"


class Command(BaseCommand):
    """Send the notices of one mock event, with the time between them that was asked for."""

    help = (
        "Send a mock gravitational-wave event (MS…) to our own Kafka, or write its notices into a "
        "folder. It stands high at midnight; merger: PRELIMINARY, UPDATE; retracted: PRELIMINARY, "
        "RETRACTION."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("story", choices=STORIES, nargs="?", default="merger")
        parser.add_argument("--gap", type=float, default=120.0, help="between notices [s] (120)")
        parser.add_argument("--name", help="superevent, as MS261121a (from the time)")
        parser.add_argument("--to", default="kafka", help="kafka, or a folder (kafka)")

    def handle(self, **options: Any) -> None:
        if options["gap"] < 0:
            raise CommandError("--gap: 0 or more seconds")
        if options["name"] and not options["name"].startswith("MS"):
            raise CommandError("--name: begins with MS, so that nobody takes it for real")
        now = datetime.now(UTC)
        event = gw.MockEvent.opposite_the_sun(now, options["name"])
        notices = STORIES[options["story"]](event, timedelta(seconds=options["gap"]))
        if options["to"] == "kafka":
            self._send(event, notices)
        else:
            self._write(event, notices, Path(options["to"]))

    def _send(self, event: gw.MockEvent, notices: list[gw.Notice]) -> None:
        topic = topics.notice_stream(STREAM).topics[0]
        producer = Producer(own_connection("feed"))
        started = time.monotonic()
        for number, notice in enumerate(notices, 1):
            time.sleep(max(0.0, started + notice.after.total_seconds() - time.monotonic()))
            key = event.superevent_id.encode()
            (error,) = producer.send([Message(topic, key, notice.raw, [])])
            if error is not None:
                raise CommandError(f"notice {number} did not reach {topic}: {error.text}")
            self.stdout.write(f"{event.superevent_id}: notice {number} of {len(notices)} sent")

    def _write(self, event: gw.MockEvent, notices: list[gw.Notice], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for number, notice in enumerate(notices, 1):
            path = folder / f"{event.superevent_id}-{number}.json"
            path.write_bytes(notice.raw)
            self.stdout.write(f"{path}")
