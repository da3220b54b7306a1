"""How far every stream that is listened to is behind, and how long it has been silent."""

import time
from collections.abc import Iterator, Mapping
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
from pipeline.watch.listened import lasair_topics

Place = tuple[Mapping[str, Any], str]
"""A connection and the group that reads there."""


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
        prefix = settings.streams.named(each.name).group_prefix
        found[each.name] = stream_connection(each.name), f"{prefix}{each.name}"
    for notices in topics.NOTICE_STREAMS:
        found[notices.name] = gcn_connection(), f"{settings.gcn.group_id}-{notices.name}"
    for name in selected.names():
        with suppress(KeyError):  # nobody has said where it is
            where = selected.settings_of(name)
            found[name] = source_connection(where), selected.group_of(name)
    for name, place in lasair_topics().items():
        found[name] = place.connection, place.group
    if settings.telescopes:
        data = topics.TELESCOPE_DATA.name
        prefix = settings.streams.named(data).group_prefix
        found[data] = stream_connection(data), f"{prefix}{data}"
        found[telescope.STREAM] = own_connection(), settings.telescope.group_id
    return found


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
