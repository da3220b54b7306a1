"""The names of all streams, however they are read."""

from broker.sections import telescope
from pipeline import topics
from pipeline.selected import sources


def stream_names() -> tuple[str, ...]:
    """Return what ``manage.py listen`` takes, and what dead letters and the archive are kept by."""
    fixed = (stream.name for stream in (*topics.RANGE_STREAMS, *topics.NOTICE_STREAMS))
    return (*fixed, *sources.names(), topics.LASAIR, telescope.STREAM)
