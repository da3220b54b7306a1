"""``manage.py simulate_gw``: a mock event's notices, sent as GCN would send them."""

from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from broker.command import ProjectCommand
from broker.errors import TransientError
from pipeline.simulate import gw, gw_feed

STORIES = {"merger": gw.merger, "retracted": gw.retracted}


class Command(ProjectCommand):
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
        happened = datetime.now(UTC) - gw.FIRST_AFTER
        event = gw.MockEvent.opposite_the_sun(happened, options["name"])
        notices = STORIES[options["story"]](event, timedelta(seconds=options["gap"]))
        if options["to"] == "kafka":
            self._send(event, notices)
        else:
            self._write(event, notices, Path(options["to"]))

    def _send(self, event: gw.MockEvent, notices: list[gw.Notice]) -> None:
        try:
            for number, _ in enumerate(gw_feed.send(event, notices), 1):
                self.stdout.write(f"{event.superevent_id}: notice {number} of {len(notices)} sent")
        except TransientError as error:
            raise CommandError(str(error)) from None

    def _write(self, event: gw.MockEvent, notices: list[gw.Notice], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for number, notice in enumerate(notices, 1):
            path = folder / f"{event.superevent_id}-{number}.json"
            path.write_bytes(notice.raw)
            self.stdout.write(f"{path}")
