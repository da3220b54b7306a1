"""Messages of a data topic: read by their writers' schemas, judged by what the table can hold."""

import traceback
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from nightjar_telescope import TelescopeData
from nightjar_telescope.messages import Message

from broker.avro import UnreadableError
from broker.kafka_types import Packet
from broker.ranges.working import is_packets_fault
from pipeline.telescope.record import Telescope

DAY_MS = 86_400_000
M = TypeVar("M", bound=Message)


class Decodes(Protocol):
    """What is wanted of ``pipeline.telescope.codec.Codec``."""

    def decode(self, message: type[M], value: bytes) -> tuple[M, list[str]]:
        """Return a message out of its bytes; UnreadableError says why it is none."""


class Piece(NamedTuple):
    """A message that can be stored."""

    packet: Packet
    row: TelescopeData


class Refused(NamedTuple):
    """A message that cannot be stored: reason of ``dead_letters.REASONS``, and the cause."""

    packet: Packet
    reason: str
    why: str
    trace: str | None = None


def decode(
    packets: Sequence[Packet], telescope: Telescope, codec: Decodes, known: Iterable[Telescope]
) -> tuple[list[Piece], list[Refused]]:
    """Return what can be stored of messages, and what cannot, both in their order.

    Parameters
    ----------
    packets : sequence of Packet
        Messages of one data topic.
    telescope : Telescope
        Whose topic it is.
    codec : Decodes
        Reads them.
    known : iterable of Telescope
        All that there are: none may use the ids of another.

    Raises
    ------
    TransientError
        If the registry, which knows a schema, is away: nothing is judged then.
    """
    pieces: list[Piece] = []
    refused: list[Refused] = []
    others = frozenset(each.name for each in known) - {telescope.name}
    for packet in packets:
        try:
            row, _ = codec.decode(TelescopeData, packet.value)
            _check_owner(row, telescope, others)
        except UnreadableError as error:
            refused.append(Refused(packet, error.reason, str(error)))
        except Exception as error:
            if not is_packets_fault(error):
                raise
            trace = traceback.format_exc()
            refused.append(Refused(packet, "unexpected", repr(error), trace))
        else:
            pieces.append(Piece(packet, row))
    return pieces, refused


def odd_times(pieces: Sequence[Piece], now_ms: int) -> int:
    """Return how many capture times are before 1970 or more than a day ahead of ``now_ms`` [ms].

    Such data are stored all the same: a clock that is wrong must not cost the observation.
    """
    return sum(is_odd_time(piece.row.timestamp, now_ms) for piece in pieces)


def is_odd_time(timestamp_ms: int, now_ms: int) -> bool:
    """Return whether a time of the wire [ms] is before 1970, or more than a day ahead of now."""
    return not 0 <= timestamp_ms <= now_ms + DAY_MS


def _check_owner(row: TelescopeData, telescope: Telescope, others: Collection[str]) -> None:
    """Refuse an id in which another telescope's data could come, or come already."""
    prefix = telescope.data_id_prefix
    if not row.data_id.startswith(prefix):
        raise UnreadableError(
            "bad_value", f"data_id = {row.data_id!r}: those of {telescope.name} begin with {prefix}"
        )
    owner, dash, _ = row.data_id.partition("-")  # names hold none
    if dash and owner in others:
        said = f"data_id = {row.data_id!r}: {owner}- begins those of {owner}"
        raise UnreadableError("bad_value", said)
