"""``manage.py listen STREAM --slot N``: cut new offsets into ranges until SIGTERM."""

import os
import socket
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import structlog
from django.core.management.base import CommandError

from broker import logs, metrics_serving
from broker.celery import doorbell, enqueue
from broker.command import ProjectCommand
from broker.config import config, project_path
from broker.db import transaction
from broker.kafka import Cluster, Fenced, LoginRefusedError, PartitionOwner, stream_connection
from broker.migrate import require_migrated
from broker.ranges.brakes import Brakes
from broker.ranges.listener import Listener, ListenerSettings
from broker.sections import telescope
from broker.stop import Stop
from pipeline import topics
from pipeline.alerts.crossmatch import require_lspsc
from pipeline.catalogs.record import CatalogMissing
from pipeline.listened import stream_names
from pipeline.selected import sources
from pipeline.surveys import survey as survey_named

DRAIN_S = 2.0

log = structlog.get_logger(__name__)


class Command(ProjectCommand):
    """Own partitions of a stream and keep a window of ranges in flight."""

    help = "Cut a stream's new offsets into ranges and ring for a task on each, until SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("stream", choices=stream_names())
        parser.add_argument(
            "--slot", type=int, default=0, help="which of this stream's listeners this is"
        )

    def handle(self, *, stream: str, slot: int, **_: Any) -> None:
        logs.configure()
        require_migrated()
        metrics_serving.serve()
        stop = Stop()
        name = f"{stream}-{slot}"
        make = _maker(stream)
        with structlog.contextvars.bound_contextvars(stream=stream, slot=slot):
            log.info("listener.started")
            try:
                make(stream, name).run(lambda: stop.is_asked)
            except LoginRefusedError as error:
                raise CommandError(f"{stream}: {error}; see its settings") from None
            except Fenced as error:
                log.error("listener.fenced", error=str(error))  # noqa: TRY400 no trace: it says all
                raise CommandError(f"listener {name} was fenced: {error}") from None
            doorbell.drain(DRAIN_S)
            log.info("listener.ended")


def _maker(stream: str) -> Callable[[str, str], Any]:
    """Return what makes the listener of a stream, by the way in which it is read."""
    if stream in {each.name for each in topics.NOTICE_STREAMS}:
        from pipeline.gw.listener import make_notice_listener  # noqa: PLC0415 alerts go on without GW

        return make_notice_listener
    if stream in sources.names():
        return _make_selected
    if stream == topics.LASAIR:
        return _make_lasair
    if stream == telescope.STREAM:
        return _make_telescope
    if stream == topics.TELESCOPE_DATA.name:
        return _make_telescope_data
    _require_catalogs(topics.stream(stream).survey)
    return make_listener


def _make_selected(stream: str, name: str) -> Any:
    """Return the listener of one slot of a source of selected alerts."""
    from pipeline.selected.listener import make_selected_listener  # noqa: PLC0415 as above

    try:
        return make_selected_listener(stream, name)
    except (KeyError, sources.SelectionTakenError) as error:
        raise CommandError(str(error.args[0])) from None


def _make_lasair(_stream: str, name: str) -> Any:
    """Return the listener of one slot of all filters of Lasair."""
    from pipeline.lasair import listener  # noqa: PLC0415 as above

    try:
        return listener.make_lasair_listener(name)
    except listener.NoTopicsError as error:
        raise CommandError(str(error)) from None


def _make_telescope(stream: str, name: str) -> Any:
    """Return the listener of one slot of all telescopes."""
    from pipeline.telescope import codec, listener, record  # noqa: PLC0415 as above

    try:
        return listener.make_telescope_listener(stream, name)
    except (listener.NoTelescopesError, record.RecordError, *codec.REFUSALS) as error:
        raise CommandError(str(error)) from None


def _require_catalogs(survey: str) -> None:
    """Refuse to listen to what could only be classified wrongly."""
    if survey != "lsst":
        return
    try:
        with transaction() as session:
            require_lspsc(session)
    except CatalogMissing as error:
        raise CommandError(str(error)) from None


def make_listener(stream: str, name: str) -> Listener:
    """Return the listener of one slot, made from the settings."""
    settings = config()
    survey = survey_named(topics.stream(stream).survey)
    return _range_listener(
        stream,
        name,
        settings.streams.named(stream).topic,
        settings.ranges.alerts_per_task,
        lambda: survey.night(datetime.now(UTC)),
    )


def _make_telescope_data(stream: str, name: str) -> Listener:
    """Return the listener of one slot of all telescopes' data topics; nights are UTC dates."""
    from pipeline.telescope import record  # noqa: PLC0415 alerts go on without telescopes

    try:
        topic = record.data_pattern()
    except record.RecordError as error:
        raise CommandError(str(error)) from None
    longest = config().streams.telescope_data.offsets_per_task
    return _range_listener(stream, name, topic, longest, lambda: datetime.now(UTC).date())


def _range_listener(
    stream: str, name: str, topic: str, longest: int, tonight: Callable[[], date]
) -> Listener:
    record, settings = topics.range_stream(stream), config()
    source, ranges = settings.streams.named(stream), settings.ranges
    connection = stream_connection(stream)
    join = partial(
        PartitionOwner,
        connection,
        f"{source.group_prefix}{stream}",
        name,
        topic,
        session_timeout_ms=ranges.session_timeout_ms,
    )
    return Listener(
        ListenerSettings(
            stream=stream,
            task=record.task,
            queue=record.queue,
            owner=f"{name} {socket.gethostname()}:{os.getpid()}",
            start=source.start,
            window=ranges.window_size,
            longest=longest,
            tick_s=ranges.poll_interval_ms / 1000,
            ring_after_s=ranges.ring_after_s,
            tonight=tonight,
        ),
        join,
        Cluster(connection),
        Brakes(stream, project_path(settings.archive.path)),
        enqueue,
    )
