"""What Slack shows of a group's plans: how far they are, what came out, what failed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.gw import blocks, buttons
from pipeline.gw import cards_words as words
from pipeline.gw.blocks import Message, escape, link, mention
from pipeline.gw.cards import LINK
from pipeline.gw.strategies import TITLES

STATES = {
    "done": "✅",
    "failed": "❌",
    "skipped": "➖",
    "superseded": "⏭️",
    "cancelled": "⏹️",
    "running": "⏳",
    "wanted": "🕐",
}
ENDED = ("done", "failed", "skipped", "superseded", "cancelled")


@dataclass(frozen=True)
class TelescopePlan:
    """One telescope's plan, how far it is and what came out.

    Attributes
    ----------
    telescope, state : str
        Its name; as in ``gw_plans.state``.
    stage : str
        One of ``plan_job.STAGES`` while it runs.
    cause : str
        Why it failed or was skipped, in a line.
    tile_count : int
        Tiles planned; 0 of a plan that is done means that nothing can be observed.
    probability : float or None
        Of the union of its tiles, 0 to 1.
    coverage : float or None
        Share of the 90 % region's area inside its tiles, 0 to 1.
    first_at, last_at : datetime or None
        Start of the first and of the last exposure, UTC.
    dark_until : datetime or None
        End of the night of its first tile, UTC.
    is_dark_now : bool
        That night has begun.
    """

    telescope: str
    state: str = "wanted"
    stage: str = ""
    cause: str = ""
    tile_count: int = 0
    probability: float | None = None
    coverage: float | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None
    dark_until: datetime | None = None
    is_dark_now: bool = False


@dataclass(frozen=True)
class PlanSummary:
    """The plans of one group of telescopes, made and told together.

    Attributes
    ----------
    trigger_id : str
        The event.
    reference : str
        Comes back with each button: the group's id.
    task_id : str
        Names the run in logs.
    strategy : str
        ``tiling`` or ``galaxies``.
    telescopes : tuple of TelescopePlan
        In the group's order.
    started_at, now : datetime
        UTC.
    typical : timedelta or None
        How long such a group took lately.
    notice : str
        For which notice, such as ``N°2 INITIAL``.
    owncloud : str or None
        Address of its folder.
    """

    trigger_id: str
    reference: str
    task_id: str
    strategy: str
    telescopes: tuple[TelescopePlan, ...]
    started_at: datetime
    now: datetime
    typical: timedelta | None = None
    notice: str = ""
    owncloud: str | None = None


def plan_started(plan: PlanSummary) -> Message:
    """Return the message of a group that is being planned; edited as it goes on."""
    ended = sum(each.state in ENDED for each in plan.telescopes)
    typical = f", typically {words.duration(plan.typical)}" if plan.typical else ""
    elapsed = words.duration(plan.now - plan.started_at)
    names = _aligned([each.telescope for each in plan.telescopes])
    title = f"🔭 Planning {plan.trigger_id}: {ended}/{len(plan.telescopes)} telescopes"
    return blocks.message(
        title,
        blocks.header(title),
        blocks.divider(),
        blocks.section([*_about(plan), f"*Elapsed:* {elapsed}{typical}"]),
        blocks.table([*map(_progress, plan.telescopes, names)]),
        blocks.actions([buttons.CANCEL_PLAN.block(plan.reference)]),
    )


def plan_finished(plan: PlanSummary) -> Message:
    """Return the same message when all of the group's plans ended."""
    states = Counter(each.state for each in plan.telescopes)
    has_tiles = any(each.tile_count for each in plan.telescopes)
    title = f"{_verdict(states, has_tiles=has_tiles)} {plan.trigger_id}"
    took = words.duration(plan.now - plan.started_at)
    names = _aligned(["telescope", *(each.telescope for each in plan.telescopes)])
    results = map(_result, plan.telescopes, names[1:])
    return blocks.message(
        f"{title}: " + ", ".join(f"{count} {state}" for state, count in states.items()),
        blocks.header(title),
        blocks.divider(),
        blocks.section([*_about(plan), f"*Took:* {took}"]),
        blocks.table([f"{names[0]}{_HEADINGS}", *results]),
        blocks.context(_SHARES) if states["done"] else None,
        blocks.section(_remarks(plan)),
        blocks.actions([blocks.link_button("📁 OwnCloud", f"{LINK}owncloud", plan.owncloud)]),
    )


def plan_failed(trigger_id: str, telescope: str, cause: str, reference: str) -> Message:
    """Return the message of one telescope's plan that failed; ``reference`` is the plan's id."""
    title = f"❌ Plan failed: {telescope}"
    return blocks.message(
        f"{title} for {trigger_id}: {cause}",
        blocks.header(title),
        blocks.section([f"*{escape(trigger_id)}*: {escape(cause)}"]),
        blocks.actions([buttons.RETRY_PLAN.block(reference)]),
    )


def run_failed(trigger_id: str, cause: str) -> Message:
    """Return the message that plans of an event could not even begin."""
    title = f"❌ No plans for {trigger_id}"
    return blocks.message(
        f"{title}: {cause}",
        blocks.header(title),
        blocks.section([escape(cause), "*Run plan* on the card tries again."]),
    )


def manual_plan(trigger_id: str, user: str) -> Message:
    """Return the message that somebody asked for a plan."""
    title = f"Manual GWEMOPT processing for {trigger_id}"
    return blocks.message(
        title, blocks.header(title), blocks.section([f"Triggered by {mention(user)}"])
    )


def already_running(trigger_id: str, permalink: str) -> Message:
    """Return the answer to a second click: where the running plan is."""
    text = f"A plan for {trigger_id} is already running"
    return blocks.message(text, blocks.section([f"{escape(text)}: {link(permalink, 'see it')}"]))


_MIN_NAME_WIDTH, _MAX_NAME_WIDTH = 12, 40
_SPAN_WIDTH = len("22 Nov 23:50–23 Nov 00:10")
_WORDS = {"wanted": "queued", "running": "starting"}
"""What people read for a state that is none of their concern."""
_SPAN = f"{'first – last UTC':<{_SPAN_WIDTH}}"
_HEADINGS = f" tiles   prob  of 90 %  {_SPAN}  dark until UTC"
_SHARES = "prob: that the source lies in its tiles · of 90 %: area of the 90 % region in its tiles"


def _about(plan: PlanSummary) -> Iterator[str]:
    yield f"*Strategy:* {TITLES.get(plan.strategy, escape(plan.strategy))}"
    if plan.notice:
        yield f"*Notice:* {escape(plan.notice)}"
    yield f"*Task:* {escape(plan.task_id)}"
    yield f"*Start:* {words.moment(plan.started_at)}"


def _aligned(names: Sequence[str]) -> list[str]:
    """Return names as a column as wide as the longest of them."""
    cut = [name[:_MAX_NAME_WIDTH] for name in names]
    width = max([_MIN_NAME_WIDTH, *map(len, cut)])
    return [f"{name:<{width}}" for name in cut]


def _progress(plan: TelescopePlan, name: str) -> str:
    word = _WORDS.get(plan.state, plan.state)
    if plan.state == "running" and plan.stage:
        word = plan.stage
    return f"{STATES.get(plan.state, '?')} {name} {word[:40]}"


def _verdict(states: Counter[str], *, has_tiles: bool) -> str:
    if states["superseded"]:
        return "⏭️ Plan superseded by a newer notice:"
    if states["cancelled"]:
        return "⏹️ Plan cancelled:"
    if states["failed"]:
        return "❌ Plan failed:" if not states["done"] else "⚠️ Plan ready in part:"
    if states["done"]:
        return "✅ Plan ready:" if has_tiles else "➖ Nothing observable:"
    return "➖ Nothing to plan:"


def _result(plan: TelescopePlan, name: str) -> str:
    if plan.state != "done":
        return f"{name} {plan.state[:40]}"
    if not plan.tile_count:
        return f"{name}     0  nothing to observe"
    return (
        f"{name} {plan.tile_count:>5} {words.percent(plan.probability):>6} "
        f"{words.percent(plan.coverage):>8}  {_span(plan)}"
    )


def _span(plan: TelescopePlan) -> str:
    if plan.first_at is None or plan.last_at is None:
        return words.NONE
    span = f"{words.short_moment(plan.first_at)}–{_last(plan.first_at, plan.last_at)}"
    until = words.NONE if plan.dark_until is None else words.short_moment(plan.dark_until)
    return f"{span:<{_SPAN_WIDTH}}  {until}{', dark now' if plan.is_dark_now else ''}"


def _last(first_at: datetime, last_at: datetime) -> str:
    """Return the end of a span, with its date where that is another one."""
    is_same_day = last_at.date() == first_at.date()
    return f"{last_at:%H:%M}" if is_same_day else words.short_moment(last_at)


def _remarks(plan: PlanSummary) -> Iterator[str]:
    for each in plan.telescopes:
        if each.cause:
            yield f"{STATES.get(each.state, '?')} *{escape(each.telescope)}*: {escape(each.cause)}"
