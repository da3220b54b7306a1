"""What a packet means for its burst: when a thread opens, and what is told in it.

Pure functions of what is known. Swift's thread opens when BAT's and XRT's positions are both there,
in whichever order they came; SVOM's with the wake-up of ECLAIRs. Everything else is told in the
thread, and waits for it.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from pipeline.angles import ARCSEC_PER_DEG
from pipeline.gw.voevents import (
    BAT_POSITION,
    ECLAIRS_WAKEUP,
    SVOM,
    SWIFT,
    XRT_POSITION,
    Cone,
    VoEvent,
)
from pipeline.sky import separation_arcsec

OPENING = {
    SWIFT: frozenset({BAT_POSITION, XRT_POSITION}),
    SVOM: frozenset({ECLAIRS_WAKEUP}),
}
"""Kinds of packets that must all be there, by mission."""
OPENER = {SWIFT: BAT_POSITION, SVOM: ECLAIRS_WAKEUP}
"""The kind of packet that the thread's first message tells of."""
FAR_APART_ERRORS = 5.0
"""Positions of one burst that are farther apart than so many error radii are doubted."""


class Known(NamedTuple):
    """A stored packet of a burst: its number there, and its kind."""

    id: int
    packet_type: int


def opener(mission: str, known: Sequence[Known]) -> int | None:
    """Return the packet whose message opens the thread; None while packets are missing.

    Parameters
    ----------
    mission : str
        ``swift`` or ``svom``.
    known : sequence of Known
        The burst's packets in the order of their arrival.
    """
    if not OPENING[mission] <= {packet.packet_type for packet in known}:
        return None
    return next(packet.id for packet in known if packet.packet_type == OPENER[mission])


def doubts(event: VoEvent, earlier: Collection[VoEvent]) -> list[str]:
    """Return what makes a packet doubtful: its own flags, and positions that do not agree.

    Parameters
    ----------
    event : VoEvent
        The packet.
    earlier : collection of VoEvent
        Other packets of the same burst.
    """
    found = list(event.warnings)
    for other in earlier:
        if event.position is None or other.position is None:
            continue
        apart_deg = separation_deg(event.position, other.position)
        errors = (event.position.error_deg or 0.0, other.position.error_deg or 0.0)
        if max(errors) > 0 and apart_deg > FAR_APART_ERRORS * max(errors):
            name = other.instrument or "an earlier packet"
            found.append(f"{apart_deg:.1f}° from the position of {name}")
    return found


def separation_deg(one: Cone, other: Cone) -> float:
    """Return how far apart the centres of two positions are [deg]."""
    found = separation_arcsec(one.ra_deg, one.dec_deg, other.ra_deg, other.dec_deg)
    return float(found) / ARCSEC_PER_DEG
