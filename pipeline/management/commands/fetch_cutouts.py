"""``manage.py fetch_cutouts``: images for Lasair's alerts, now and here."""

from argparse import ArgumentParser
from collections import Counter
from datetime import date
from typing import Any

from broker import logs
from broker.command import ProjectCommand, day
from broker.config import config
from pipeline.lasair import requests, stamps

SHOWN = 20


class Command(ProjectCommand):
    """Work the requests for images of this host that are due, in this process."""

    help = (
        "Fetch the images of Lasair's alerts that are due, from our archive or from ALeRCE. With "
        "--missing also those that were given up or rest. Workers may run meanwhile: each image is "
        "fetched once. Those for another host's disk are left to its workers."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--missing", action="store_true", help="also what was given up or rests"
        )
        parser.add_argument("--night", type=day, help="detections of this UTC date alone")

    def handle(self, **options: Any) -> None:
        quiet = config().logs.model_copy(update={"level": "warning", "format": "console"})
        logs.configure(config().model_copy(update={"logs": quiet}))
        added = requests.add_for_alerts(options["night"])
        if options["missing"]:
            requests.want_missing(options["night"])
        ids = requests.due(options["night"])
        for request_id in ids:
            stamps.run(request_id, f"fetch_cutouts {request_id}")
        self.stdout.write(f"{len(ids)} requests worked, {added} of them new.")
        self._tell(options["night"])

    def _tell(self, night: date | None) -> None:
        found = requests.told(night)
        counts = Counter(request.state for request in found)
        self.stdout.write(
            ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "None."
        )
        without = [request for request in found if request.last_error and request.state != "done"]
        for request in without[:SHOWN]:
            self.stdout.write(
                f"  {request.object_id} {request.detected_at:%Y-%m-%d %H:%M:%S}: "
                f"{request.state}, {request.last_error}"
            )
        if len(without) > SHOWN:
            self.stdout.write(f"  … and {len(without) - SHOWN} others")
