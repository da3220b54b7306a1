"""What a batch of messages says: alerts that can be stored, and messages that cannot."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from broker.archive import Slice
from broker.avro import UnreadableError
from broker.failpoints import strike
from broker.kafka_messages import Received
from broker.message_letters import Bad
from broker.outages import OUTAGES
from pipeline.selected import cutouts
from pipeline.selected.cutouts import Cutout, Room
from pipeline.selected.messages import Read, Reader
from pipeline.selected.rows import row_values

Images = dict[str, Cutout]

log = structlog.get_logger(__name__)


@dataclass
class Alert:
    """One message that became an alert.

    Attributes
    ----------
    message : Received
        Which.
    values : dict
        Columns of ``selected_alerts`` that the record says.
    is_packet : bool
        Whether the record is the whole packet.
    images : dict of str to Cutout
        By kind.
    kept : bytes
        What goes into the archive where nobody has the packet.
    slice : Slice or None
        Where the packet lies.
    """

    message: Received
    values: dict[str, Any]
    is_packet: bool
    images: Images
    kept: bytes
    slice: Slice | None = None


def judge(read: Reader, batch: Sequence[Received], room: Room) -> tuple[list[Alert], list[Bad]]:
    """Read every message; of an alert that comes twice in a batch the first counts.

    Parameters
    ----------
    read : callable
        Says what a message says.
    batch : sequence of Received
        The messages.
    room : Room
        For their images; of those that find none the states alone are kept.

    Raises
    ------
    OUTAGES
        If somebody who must be asked is away: take the batch again.
    """
    alerts: dict[int, Alert] = {}
    bad: list[Bad] = []
    for message in batch:
        try:
            alert = _judge(read, message, room)
        except UnreadableError as error:
            bad.append(Bad(message, error.reason, str(error)))
        except OUTAGES:
            raise
        except Exception as error:
            log.exception("selected.not_judged", offset=message.offset)
            bad.append(Bad(message, "unexpected", repr(error), traceback.format_exc()))
        else:
            alerts.setdefault(alert.values["dia_source_id"], alert)
    return list(alerts.values()), bad


def _judge(read: Reader, message: Received, room: Room) -> Alert:
    found = read(message.value)
    kept = found.container or message.value
    values = row_values(found.record)
    strike([values["alert_id"]])
    return Alert(message, values, found.is_packet, room.take(_images(found)), kept)


def _images(found: Read) -> Images:
    if found.is_packet:
        return cutouts.cutouts_of(found.record)
    return cutouts.WANTED if found.has_thumbnails else cutouts.NONE
