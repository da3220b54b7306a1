"""The card of one notice in an event's thread."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.gw import blocks, buttons
from pipeline.gw import cards_words as words
from pipeline.gw.blocks import Block, Message, escape
from pipeline.gw.cards import (
    Decision,
    Links,
    badge,
    decision_text,
    link_buttons,
    mock_line,
    retracted_text,
)
from pipeline.gw.cards_lines import changes, class_text, distance_text
from pipeline.gw.notices import INITIAL, PRELIMINARY, REAL, RETRACTION, UPDATE, Notice
from pipeline.gw.scored import ScoredAlert
from pipeline.gw.suggestion import Criterion

EMOJI = {RETRACTION: "❌", PRELIMINARY: "🟡", INITIAL: "🟢", UPDATE: "🔄"}
OTHER_EMOJI = "❓"
TICKS = {True: "✅", False: "❌", None: "➖"}
MAX_OTHER_CLASSES = 6


@dataclass(frozen=True)
class Card:
    """What the card of one notice shows.

    Attributes
    ----------
    alert : ScoredAlert
        The notice.
    reference : str
        Comes back with each button: the row's ``id_gw``.
    count : int
        Number of the notice among its event's, from 1.
    now : datetime
        When the card is written, UTC.
    previous : ScoredAlert or None
        The event's notice before it.
    decision : Decision or None
        The last one.
    is_planning : bool
        Plans are being made.
    links : Links
        Behind the buttons.
    outcome : str
        How many telescopes can observe, in words; empty: nothing was planned.
    is_over : bool
        It was superseded or retracted, so that nothing is planned any more.
    """

    alert: ScoredAlert
    reference: str
    count: int
    now: datetime
    previous: ScoredAlert | None = None
    decision: Decision | None = None
    is_planning: bool = False
    links: Links = field(default_factory=Links)
    outcome: str = ""
    is_over: bool = False


def notice_card(card: Card) -> Message:
    """Return the card of one notice."""
    notice, alert = card.alert.notice, card.alert
    emoji = EMOJI.get(notice.alert_type, OTHER_EMOJI)
    title = f"{emoji} Alert N°{card.count} - {notice.alert_type}"
    text = (
        f"{badge(notice.kind)}{title} of {notice.trigger_id}: {class_text(alert)}, "
        f"90 % {words.area(alert.area_90_deg2)}, {distance_text(alert)}, "
        f"score {alert.score.text(notice.kind)}"
    )
    if notice.is_retraction:
        return blocks.message(
            f"{badge(notice.kind)}{title}: {notice.trigger_id} is no event",
            blocks.header(title),
            mock_line(notice.kind),
            blocks.divider(),
            blocks.section([retracted_text(notice.trigger_id, notice.time_created)]),
            link_buttons(card.links),
        )
    return blocks.message(
        text,
        blocks.header(title),
        blocks.context(_badges(notice)),
        blocks.divider(),
        blocks.fields(_fields(card)),
        blocks.section(_joint(notice)),
        blocks.section(_suggestion(alert)),
        blocks.section(_changes(card)),
        link_buttons(card.links),
        blocks.section([] if card.is_over else [_planning(card)]),
        _card_buttons(card),
    )


def _badges(notice: Notice) -> str:
    word = "*REAL*" if notice.kind == REAL else f"🧪 *{notice.kind.upper()}*, no real event"
    significance = "significant" if notice.significant else "not significant"
    made = words.moment(notice.time_created)
    return f"{word} · {escape(notice.trigger_id)} · {significance} · notice of {made}"


def _fields(card: Card) -> Iterator[tuple[str, str]]:
    alert, notice = card.alert, card.alert.notice
    t0 = words.moment(notice.event_time)
    if notice.event_time:
        t0 += f"\n{words.since(notice.event_time, card.now)}"
    yield "Event time (T0)", t0
    yield "Class", escape(class_text(alert))
    yield "Other classes", _other_classes(alert)
    yield "Instruments", escape(" ".join(notice.instruments) or words.NONE)
    yield "Sky area", _area(alert)
    yield "Distance", words.distance(alert.distance_mpc, alert.distance_std_mpc)
    yield "False alarm rate", words.rate(notice.far_hz)
    yield "Found by", _found_by(notice)
    yield "GRANDMA score", _score(alert)
    yield "Decision", decision_text(card.decision)


def _score(alert: ScoredAlert) -> str:
    score, kind = alert.score, alert.notice.kind
    if kind == REAL:
        return f"{score.score}: {escape(score.label)}\n{escape(score.rule)}"
    return f"{escape(score.text(kind))}\n{escape(score.rule_if_real)}"


def _other_classes(alert: ScoredAlert) -> str:
    others = sorted(
        (-share, name)
        for name, share in alert.notice.classification.items()
        if name != alert.score.class_name
    )
    texts = [f"{name} {words.percent(-share)}" for share, name in others[:MAX_OTHER_CLASSES]]
    return escape(" · ".join(texts) or words.NONE)


def _area(alert: ScoredAlert) -> str:
    if alert.area_90_deg2 is None:
        return f"{words.NONE}: {escape(alert.skymap_cause or 'no map')}"
    return f"90 %: {words.area(alert.area_90_deg2)}\n50 %: {words.area(alert.area_50_deg2)}"


def _found_by(notice: Notice) -> str:
    parts = [notice.group, notice.pipeline, notice.search]
    if notice.duration_s is not None:
        parts.append(f"lasting {words.seconds(notice.duration_s)}")
    if notice.central_frequency_hz is not None:
        parts.append(f"at {notice.central_frequency_hz:.0f} Hz")
    return escape(" · ".join(part for part in parts if part) or words.NONE)


def _joint(notice: Notice) -> Iterator[str]:
    if not (found := notice.external_coinc):
        return
    who = " ".join(each for each in (found.observatory, found.search) if each)
    far_hz = found.far_hz if found.sky_far_hz is None else found.sky_far_hz
    yield (
        f"⚡ *Joint with {escape(who or 'another mission')}*, "
        f"{words.seconds(found.time_difference_s)} from T0; by chance {words.rate(far_hz)}"
    )


def _suggestion(alert: ScoredAlert) -> Iterator[str]:
    found = alert.score.suggestion
    strength = " (strong)" if found.is_strong else ""
    if_real = "" if alert.notice.kind == REAL else " if it were real"
    yield f"*Suggestion{if_real}: {found.advice}{strength}*, a person decides"
    yield from (_tick(each) for each in found.criteria)
    if found.remark:
        yield f"→ {escape(found.remark)}"


def _tick(criterion: Criterion) -> str:
    unknown = " (not known)" if criterion.is_met is None else ""
    return f"{TICKS[criterion.is_met]} {escape(criterion.text)}{unknown}"


def _changes(card: Card) -> Iterator[str]:
    if card.previous is None:
        return
    before = escape(card.previous.notice.alert_type)
    found = changes(card.previous, card.alert)
    yield f"*Changes since the {before} of {words.moment(card.previous.notice.time_created)}*"
    yield from found or ["none in the numbers shown"]


def _planning(card: Card) -> str:
    if card.alert.area_90_deg2 is None:
        return f"⚠️ No plan can be made: {escape(card.alert.skymap_cause or 'there is no map')}"
    if card.is_planning:
        return "🔭 Plans are being made, see below in the thread."
    if card.outcome:
        return f"🔭 Planned: {card.outcome}, see below in the thread. *Run plan* plans anew."
    return "⚠️ No plan is made by itself. *Run plan* makes one for the default telescopes."


def _card_buttons(card: Card) -> Block | None:
    reference = card.reference
    can_plan = card.alert.area_90_deg2 is not None and not card.is_planning
    return blocks.actions(
        [
            buttons.RUN_PLAN.block(reference) if can_plan else None,
            buttons.PLAN_OPTIONS.block(reference) if can_plan else None,
            buttons.FOLLOW_UP.block(reference),
            buttons.NO_FOLLOW_UP.block(reference),
        ]
    )
