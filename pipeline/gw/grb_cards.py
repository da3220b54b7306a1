"""What Slack shows of a gamma-ray burst: the message that opens its thread, and one per packet.

Pure: a packet in, blocks and one line of text out.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.gw.voevents import (
    BAT_POSITION,
    ECLAIRS_WAKEUP,
    MXT_POSITION,
    SLEW_ACCEPTED,
    SLEW_REJECTED,
    SWIFT,
    UVOT_POSITION,
    XRT_POSITION,
    VoEvent,
)

ARCMIN_PER_DEG = 60.0
TITLES = {
    BAT_POSITION: "📡 BAT position",
    XRT_POSITION: "🎯 XRT position",
    UVOT_POSITION: "🔭 UVOT position",
    ECLAIRS_WAKEUP: "📡 ECLAIRs position",
    SLEW_ACCEPTED: "🛰️ Slew accepted",
    SLEW_REJECTED: "🛑 Slew rejected",
    MXT_POSITION: "🎯 MXT position",
}
NOT_GIVEN = "NA"
LONGEST_HEADER = 150
"""Characters that Slack takes."""
_SHOWN_MISSIONS = {SWIFT: "Swift"}

Block = dict[str, Any]


class Card(NamedTuple):
    """One message: a line for notifications, and its blocks."""

    text: str
    blocks: list[Block]


def opening_card(event: VoEvent, doubts: Sequence[str] = (), link: str = "") -> Card:
    """Return the message that opens a burst's thread.

    Parameters
    ----------
    event : VoEvent
        The packet that found the burst.
    doubts : sequence of str
        What people must know before they trust it.
    link : str
        The burst's page on SkyPortal; empty: no button.
    """
    title = _title(event)
    fields = {
        "Trigger time (UTC)": _time(event),
        "Significance in rate / image": _significance(event),
        "Duration": NOT_GIVEN if event.duration_s is None else f"{event.duration_s:.1f} s",
        **_place(event),
    }
    if event.slew_status is not None:
        fields["Slew"] = event.slew_status
    blocks: list[Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": title[:LONGEST_HEADER]}},
        {"type": "divider"},
        _fields(fields),
        *_warning(doubts),
    ]
    if link:
        button = {"type": "plain_text", "text": "SkyPortal"}
        action = {"type": "button", "text": button, "url": link, "action_id": "open_skyportal"}
        blocks.append({"type": "actions", "elements": [action]})
    return Card(title, blocks)


def packet_card(event: VoEvent, doubts: Sequence[str] = ()) -> Card:
    """Return what the thread is told of a later packet.

    Parameters
    ----------
    event : VoEvent
        The packet.
    doubts : sequence of str
        What people must know before they trust it.
    """
    title = _badge(event) + TITLES.get(event.packet_type or 0, f"Packet {event.packet_type}")
    fields = _place(event) if event.position is not None else {}
    if event.burst_mag is not None:
        error = "" if event.burst_mag_error is None else f" ± {event.burst_mag_error:.2f}"
        fields["Magnitude (Vega)"] = f"{event.burst_mag:.2f}{error}"
    fields = {"Burst": _name(event), **fields}
    heading = {"type": "section", "text": {"type": "mrkdwn", "text": f"*{title}*"}}
    return Card(f"{title} of {_name(event)}", [heading, _fields(fields), *_warning(doubts)])


def _title(event: VoEvent) -> str:
    mission = _SHOWN_MISSIONS.get(event.mission or "", str(event.mission).upper())
    number = event.trigger_id if event.mission != SWIFT else f"Trigger ID: {event.trigger_id}"
    return f"{_badge(event)}🔔 New {mission} {_name(event)} / {number}"


def _badge(event: VoEvent) -> str:
    return "🧪 TEST " if event.is_test else ""


def _name(event: VoEvent) -> str:
    return f"GRB {event.grb_name}" if event.grb_name else "GRB"


def _time(event: VoEvent) -> str:
    when = event.trigger_time
    return NOT_GIVEN if when is None else f"{when:%Y-%m-%d %H:%M:%S}"


def _significance(event: VoEvent) -> str:
    sigmas = (event.rate_significance_sigma, event.image_significance_sigma)
    shown = [NOT_GIVEN if sigma is None else f"{sigma:.1f}" for sigma in sigmas]
    return f"{' / '.join(shown)} sigma"


def _place(event: VoEvent) -> dict[str, str]:
    where = event.position
    if where is None:
        return {"Position": NOT_GIVEN}
    error = NOT_GIVEN if where.error_deg is None else f"{where.error_deg * ARCMIN_PER_DEG:.2f}′"
    return {"Position (RA, Dec)": f"{where.ra_deg:.2f} {where.dec_deg:.2f}", "Error radius": error}


def _fields(named: dict[str, str]) -> Block:
    texts = [
        {"type": "mrkdwn", "text": f"*{name}*\n{escaped(value)}"} for name, value in named.items()
    ]
    return {"type": "section", "fields": texts}


def _warning(doubts: Sequence[str]) -> list[Block]:
    if not doubts:
        return []
    text = "⚠️ " + escaped("; ".join(doubts))
    return [{"type": "context", "elements": [{"type": "mrkdwn", "text": text[:2000]}]}]


def escaped(text: str) -> str:
    """Return ``text`` as Slack shows it to the letter."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
