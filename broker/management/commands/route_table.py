"""Write ``docs/routes.md`` from the views' own words."""

from typing import Any

from broker.command import ProjectCommand
from broker.route_table import FILE, table


class Command(ProjectCommand):
    """Write the table of every URL and who may open it."""

    help = "Write docs/routes.md: every URL and who may open it."

    def handle(self, *args: Any, **options: Any) -> None:
        FILE.write_text(table())
        self.stdout.write(f"wrote {FILE.relative_to(FILE.parents[1])}")
