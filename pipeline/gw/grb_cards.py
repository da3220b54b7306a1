"""What Slack shows of a gamma-ray burst: the message that opens its thread, and one per packet.

Pure: a packet in, blocks and one line of text out.
"""

from collections.abc import Sequence

from pipeline.angles import ARCMIN_PER_DEG
from pipeline.gw import blocks
from pipeline.gw.blocks import Block, Message
from pipeline.gw.swift_page import BatAnalysis
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
LONGEST_WARNING = 1000
"""Characters."""
_SHOWN_MISSIONS = {SWIFT: "Swift"}


def opening_card(event: VoEvent, doubts: Sequence[str] = (), link: str = "") -> Message:
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
    seconds = event.duration_s
    fields = [
        ("Trigger time (UTC)", _time(event)),
        ("Significance in rate / image", _significance(event)),
        ("Duration", NOT_GIVEN if seconds is None else f"{seconds:.1f} s"),
        *_place(event),
    ]
    if event.slew_status is not None:
        fields.append(("Slew", blocks.escape(event.slew_status)))
    return blocks.message(
        title,
        blocks.header(title),
        blocks.divider(),
        blocks.fields(fields),
        _warning(doubts),
        blocks.actions([blocks.link_button("SkyPortal", "open_skyportal", link)]),
    )


def packet_card(event: VoEvent, doubts: Sequence[str] = ()) -> Message:
    """Return what the thread is told of a later packet.

    Parameters
    ----------
    event : VoEvent
        The packet.
    doubts : sequence of str
        What people must know before they trust it.
    """
    title = _badge(event) + TITLES.get(event.packet_type or 0, f"Packet {event.packet_type}")
    fields = [("Burst", blocks.escape(_name(event)))]
    if event.position is not None:
        fields += _place(event)
    if event.burst_mag is not None:
        error = "" if event.burst_mag_error is None else f" ± {event.burst_mag_error:.2f}"
        fields.append(("Magnitude (Vega)", f"{event.burst_mag:.2f}{error}"))
    return blocks.message(
        f"{title} of {_name(event)}",
        blocks.section([f"*{title}*"]),
        blocks.fields(fields),
        _warning(doubts),
    )


def analysis_card(grb_name: str | None, found: BatAnalysis, url: str) -> Message:
    """Return what the thread is told of BAT's analysis.

    Parameters
    ----------
    grb_name : str or None
        As 251214.
    found : BatAnalysis
        What the page says.
    url : str
        Of the page.
    """
    title = f"📈 BAT analysis of GRB {grb_name}" if grb_name else "📈 BAT analysis"
    error = "" if found.t90_error_s is None else f" ± {found.t90_error_s:.2f}"
    fields = [
        ("T90, 15–150 keV", found.t90_s, "{:.2f}" + error + " s"),
        ("T90, 50–300 keV", found.t90_50_300_s, "{:.2f} s"),
        ("Hardness ratio", found.hardness_ratio, "{:.2f}"),
        ("Fluence, 15–150 keV", found.fluence_erg_per_cm2, "{:.2e} erg/cm²"),
    ]
    shown = [(name, form.format(value)) for name, value, form in fields if value is not None]
    return blocks.message(
        title,
        blocks.section([f"*{title}*"]),
        blocks.fields(shown),
        blocks.actions([blocks.link_button("Swift's page", "open_swift", url)]),
    )


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


def _place(event: VoEvent) -> list[tuple[str, str]]:
    where = event.position
    if where is None:
        return [("Position", NOT_GIVEN)]
    error = NOT_GIVEN if where.error_deg is None else f"{where.error_deg * ARCMIN_PER_DEG:.2f}′"
    place = f"{where.ra_deg:.2f} {where.dec_deg:.2f}"
    return [("Position (RA, Dec)", place), ("Error radius", error)]


def _warning(doubts: Sequence[str]) -> Block | None:
    return (
        blocks.context("⚠️ " + blocks.escape("; ".join(doubts), LONGEST_WARNING)) if doubts else None
    )
