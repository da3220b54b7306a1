"""``manage.py morning``: print what the last day brought, as it is told each morning."""

from datetime import UTC, datetime
from typing import Any

from django.template.loader import render_to_string

from broker.command import ProjectCommand
from broker.config import config
from broker.migrate import require_migrated
from pipeline.watch import letter, tell
from pipeline.watch.alarms import look
from pipeline.watch.summary import DAY, summarise


class Command(ProjectCommand):
    """Print the summary of the last 24 hours, with what is amiss; tell nobody."""

    help = "Print the morning summary as of now: rows, cutouts, what is amiss and what to do."

    def handle(self, **_: Any) -> None:
        require_migrated()
        now = datetime.now(UTC)
        said = letter.of_summary(summarise(now, look(now - DAY).alarms), config().web.public_url)
        self.stdout.write(render_to_string(f"{tell.TEMPLATE}.txt", {"letter": said}))
