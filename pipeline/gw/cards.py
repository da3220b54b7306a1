"""What Slack shows of an event: its announcement and its retraction.

All of it is pure data: a step fills in the dataclasses, a client sends the blocks.
"""

from dataclasses import dataclass
from datetime import datetime

from pipeline.gw import blocks
from pipeline.gw import cards_words as words
from pipeline.gw.blocks import Block, Message, escape, mention
from pipeline.gw.cards_lines import class_text
from pipeline.gw.notices import REAL
from pipeline.gw.scored import ScoredAlert

LINK = "open_"
"""Begins the action id of a button that only opens an address."""
RETRACTED = "retracted"
"""Block id of the banner; a message that has it is not marked again."""


@dataclass(frozen=True)
class Links:
    """Addresses behind a card's buttons; None is no button."""

    skyportal: str | None = None
    gracedb: str | None = None
    owncloud: str | None = None
    images: str | None = None
    logbook: str | None = None


@dataclass(frozen=True)
class Decision:
    """What a shifter decided.

    Attributes
    ----------
    advice : str
        ``FOLLOW UP`` or ``NO FOLLOW UP``.
    by : str
        Slack user id, or a name.
    at : datetime
        When, UTC.
    why : str
        In the shifter's words; may be empty.
    """

    advice: str
    by: str
    at: datetime
    why: str = ""


@dataclass(frozen=True)
class EventSummary:
    """What the announcement of an event says, which is edited as things go on.

    Attributes
    ----------
    trigger_id, kind : str
        Of the event.
    latest : ScoredAlert or None
        The current notice; None when the event is new.
    decision : Decision or None
        The last one.
    plan : str
        How far planning is, in words; empty: nothing to tell.
    is_over : bool
        It was retracted, so that nothing is pending.
    """

    trigger_id: str
    kind: str = REAL
    latest: ScoredAlert | None = None
    decision: Decision | None = None
    plan: str = ""
    is_over: bool = False


def new_event(event: EventSummary) -> Message:
    """Return the announcement of an event in the channel; its thread holds the rest."""
    title = f"🔔 New GW alert received: {event.trigger_id}"
    if event.latest is None:
        lines = [] if event.is_over else ["_Pending validation, see the thread._"]
    else:
        latest = f"{event.latest.notice.alert_type}, {class_text(event.latest)}"
        lines = [
            f"*Latest notice:* {escape(latest)}, score {event.latest.score.text(event.kind)}",
            f"*Decision:* {decision_text(event.decision)}",
        ]
        if event.plan:
            lines.append(f"*Plan:* {escape(event.plan)}")
    return blocks.message(
        badge(event.kind) + title,
        blocks.header(title),
        mock_line(event.kind),
        blocks.divider(),
        blocks.section(lines),
    )


def retraction(trigger_id: str, at: datetime, claimants: tuple[str, ...] = ()) -> Message:
    """Return the message that tells an event's thread of its end.

    Parameters
    ----------
    trigger_id : str
        The event.
    at : datetime
        When the retraction was made, UTC.
    claimants : tuple of str
        Slack user ids of those who took tiles.
    """
    lines = [retracted_text(trigger_id, at), "Nothing more is planned; please stop observing it."]
    if claimants:
        lines.append("Tiles were taken by " + " ".join(mention(user) for user in claimants))
    title = f"🟥 RETRACTED: {trigger_id}"
    return blocks.message(
        f"{title} is no event", blocks.header(title), blocks.divider(), blocks.section(lines)
    )


def mark_retracted(message: Message, trigger_id: str, at: datetime) -> Message:
    """Return an earlier message under the red banner, without the buttons that start something.

    A message that is marked already stays as it is. One without blocks shows its lines below.
    """
    if any(block.get("block_id") == RETRACTED for block in message.blocks):
        return message
    banner = blocks.header(f"🟥 RETRACTED 🟥 {trigger_id}") | {"block_id": RETRACTED}
    shown = message.blocks or (blocks.section([text]) for text in message.text.splitlines())
    kept = (_only_links(block) for block in shown if block is not None)
    line = blocks.section([retracted_text(trigger_id, at)])
    marked = blocks.message("", banner, line, *kept)
    return Message(f"🟥 RETRACTED: {message.text}"[: blocks.MAX_TEXT], marked.blocks)


def _only_links(block: Block) -> Block | None:
    if block["type"] != "actions":
        return block
    return blocks.actions(button for button in block["elements"] if "url" in button)


def badge(kind: str) -> str:
    """Return what stands before the name of an event that is not real."""
    return "" if kind == REAL else f"[{kind.upper()}] "


def mock_line(kind: str) -> Block | None:
    """Return the badge of an event that is not real."""
    text = f"🧪 *{kind.upper()}*: no real event"
    return None if kind == REAL else blocks.context(text)


def link_buttons(links: Links) -> Block | None:
    """Return the buttons that only open an address."""
    named = (
        ("🌌 SkyPortal", "skyportal", links.skyportal),
        ("GraceDB", "gracedb", links.gracedb),
        ("📁 OwnCloud", "owncloud", links.owncloud),
        ("🖼️ Images", "images", links.images),
        ("📓 Logbook", "logbook", links.logbook),
    )
    return blocks.actions(blocks.link_button(text, LINK + name, url) for text, name, url in named)


def decision_text(decision: Decision | None) -> str:
    """Return a decision in one line."""
    if decision is None:
        return "none yet"
    why = f": {escape(decision.why)}" if decision.why else ""
    made = f"{words.short_moment(decision.at)} UTC"
    return f"*{escape(decision.advice)}* by {mention(decision.by)} on {made}{why}"


def retracted_text(trigger_id: str, at: datetime) -> str:
    """Return the sentence of a retraction."""
    return f"❌ *{escape(trigger_id)} was retracted* on {words.moment(at)}: it is no event."
