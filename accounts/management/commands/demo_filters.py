"""Two public filters of the demo's account, live before the first alert comes."""

from typing import Any

from accounts import filter_topics, filters
from accounts.management.commands.demo_credentials import DEMO_EMAIL
from accounts.models import BabamulUser
from broker.command import ProjectCommand

FILTERS = {
    "bright-hostless": ("ztf", "class = 'hostless' and magpsf < 19.5", "Bright, and no host seen"),
    "light-beside-galaxies": (
        "lsst",
        "class = 'hosted' and isdiffpos and not rock",
        "New light beside a galaxy",
    ),
}
"""Survey, expression and description by name."""


class Command(ProjectCommand):
    """Make and start the demo's filters; a second run leaves what its owner changed."""

    help = "Make two public filters of the account demo@nightjar.invalid, and start them."

    def handle(self, **_options: Any) -> str:
        owner = BabamulUser.objects.get(email=DEMO_EMAIL)
        known = {one.name for one in filters.own(owner)}
        for name, (survey, expression, description) in FILTERS.items():
            if name not in known:
                filters.create(owner, name, survey, expression, description, is_public=True)
                filters.start(owner, name, 1)
        filter_topics.settle()
        return "\n".join(FILTERS)
