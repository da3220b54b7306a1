"""``manage.py metrics_table``: write the table of metrics into ``docs/metrics.md``."""

from typing import Any

from broker import metrics_table
from broker.command import ProjectCommand


class Command(ProjectCommand):
    """Write the table of metrics."""

    help = "Write the table of every metric into docs/metrics.md, from what is declared."

    def handle(self, **_: Any) -> None:
        metrics_table.PAGE.write_text(metrics_table.page())
        self.stdout.write(f"wrote {metrics_table.PAGE.name}")
