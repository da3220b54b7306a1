"""Admin pages of what the streams wrote; they read, and never write.

alerts, objects, dead_letters, replays, bookkeeping, selected, streams, switches, gw, s3,
telescope, user_filters: pages · filters, cells: what they share.
"""

from pipeline.admin import (
    alerts,
    bookkeeping,
    dead_letters,
    gw,
    objects,
    replays,
    s3,
    selected,
    streams,
    switches,
    telescope,
    user_filters,
)

__all__ = [
    "alerts",
    "bookkeeping",
    "dead_letters",
    "gw",
    "objects",
    "replays",
    "s3",
    "selected",
    "streams",
    "switches",
    "telescope",
    "user_filters",
]
