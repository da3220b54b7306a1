"""Admin pages of what the streams wrote; they read, and never write.

alerts, objects, dead_letters, replays, bookkeeping, streams, switches, gw, s3: a page each ·
filters, cells: what they share.
"""

from pipeline.admin import (
    alerts,
    bookkeeping,
    dead_letters,
    gw,
    objects,
    replays,
    s3,
    streams,
    switches,
)

__all__ = [
    "alerts",
    "bookkeeping",
    "dead_letters",
    "gw",
    "objects",
    "replays",
    "s3",
    "streams",
    "switches",
]
