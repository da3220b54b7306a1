"""How far every stream that is listened to is behind, and how long it has been silent."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Any

from broker import metrics
from broker.config import config
from broker.kafka import gcn_connection, own_connection, source_connection, stream_connection
from broker.kafka_lag import GroupLag
from broker.metrics_facts import Source, Told
from broker.sections import telescope
from pipeline import topics
from pipeline.selected import sources as selected
from pipeline.telescope.record import data_pattern, telescopes
from pipeline.watch.listened import lasair_topics

Place = tuple[Mapping[str, Any], str, Sequence[str]]
"""A connection, the group that reads there, and what it subscribes to."""


def sources() -> tuple[Source, ...]:
    """Return what is asked: each stream apart, for each may be on another broker."""
    return tuple(
        Source(f"stream-{name}", partial(stream, name, cache(partial(GroupLag, *place))))
        for name, place in places().items()
    )


def places() -> dict[str, Place]:
    """Return where each stream is read that the settings name."""
    settings = config()
    found: dict[str, Place] = {}
    for each in topics.STREAMS:
        found[each.name] = _range_stream(each.name, settings.streams.named(each.name).topic)
    for notices in topics.NOTICE_STREAMS:
        names = [settings.gcn.topic_prefix + topic for topic in notices.topics]
        found[notices.name] = gcn_connection(), f"{settings.gcn.group_id}-{notices.name}", names
    for name in selected.names():
        with suppress(KeyError):  # nobody has said where it is
            where = selected.settings_of(name)
            found[name] = source_connection(where), selected.group_of(name), [where.topic]
    for name, place in lasair_topics().items():
        found[name] = place.connection, place.group, [place.topic]
    if known := telescopes():
        data = topics.TELESCOPE_DATA.name
        found[data] = _range_stream(data, data_pattern())
        names = [topic for one in known for topic in (one.acknowledgments, one.status)]
        found[telescope.STREAM] = own_connection(), settings.telescope.group_id, names
    return found


def _range_stream(name: str, topic: str) -> Place:
    prefix = config().streams.named(name).group_prefix
    return stream_connection(name), f"{prefix}{name}", [topic]


def stream(name: str, open_lag: Any) -> Iterator[Told]:
    """Yield the facts of one stream; nothing of one that was never read.

    Parameters
    ----------
    name : str
        Of the stream.
    open_lag : callable
        Returns its ``GroupLag``, made by the thread that looks first.
    """
    behind = open_lag().look()
    if behind is None:
        return
    now_ms = time.time() * 1000
    oldest_ms = now_ms if behind.oldest_ms is None else behind.oldest_ms
    yield Told(metrics.STREAM_LAG, max(0.0, now_ms - oldest_ms) / 1000, (name,))
    yield Told(metrics.STREAM_UNREAD, behind.messages, (name,))
    if behind.newest_ms is not None:
        silent_s = max(0.0, now_ms - behind.newest_ms) / 1000
        yield Told(metrics.STREAM_SILENT, silent_s, (name,))
