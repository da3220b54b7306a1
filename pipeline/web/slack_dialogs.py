"""The dialogs: a plan with options, which tiles, why a telescope cannot observe until when.

Block ids name what the forms hold: the fields of ``pipeline.gw.act_forms``.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from broker.config import config
from broker.db import transaction
from broker.sections.gw_plans import LONGEST_EXPOSURE_S, MOST_TILES
from pipeline.gw import blocks, outages, ranks, tile_claims
from pipeline.gw.act_answers import number
from pipeline.gw.plan_tables import GwPlan
from pipeline.gw.strategies import TITLES
from pipeline.gw.telescopes import TelescopeError, canonical, telescope, telescopes
from pipeline.gw.tile_claims import Tiles
from pipeline.web.slack_payloads import Press

View = dict[str, Any]
FIELD = "field"
"""Action id of the one input of each block."""
TELESCOPES_HINT = "Chosen are those that are planned by tiling when nobody asks."


def options(press: Press) -> View:
    """Return what is asked before plans are made otherwise than by default."""
    plans = config().gw.plans
    begin = datetime.now(UTC) + timedelta(hours=plans.begin_after_h)
    known = [_option(each.name, each.name) for each in telescopes()]
    strategies = [_option(name, text) for name, text in TITLES.items()]
    chosen = _planned_by(strategies[0]["value"])
    initial = [each for each in known if each["value"] in chosen]
    select = {"type": "multi_static_select", "options": known}
    if initial:
        select["initial_options"] = initial
    exposure = _number(round(plans.exposure_s), 1, LONGEST_EXPOSURE_S)
    radio = {"type": "radio_buttons", "options": strategies, "initial_option": strategies[0]}
    return _view(
        press,
        "Plan with options",
        "Plan",
        _input("telescopes", "Telescopes", select, TELESCOPES_HINT),
        _input("strategy", "Strategy", radio),
        _input("max_tiles", "Tiles of each telescope", _number(10, 1, MOST_TILES)),
        _input("exposure_s", "Exposure [s]", exposure),
        _input("window_start", "Not before", _moment(begin), _begin_hint(plans.begin_after_h)),
        _input("window_end", "Not after", _moment(begin + timedelta(hours=plans.window_h))),
    )


def outage(press: Press) -> View:
    """Return what is asked of a team that cannot observe."""
    reason = {"type": "plain_text_input", "max_length": outages.MAX_REASON}
    until = _moment(_until(number(press.value)))
    return _view(
        press,
        "Cannot observe",
        "Send",
        _input("reason", "Why?", reason),
        _input("until", "Until", until),
    )


def tiles_to_take(press: Press) -> View | None:
    """Return the question which tiles somebody takes: all that are free, unless said otherwise."""
    tiles = _tiles(press)
    return _tile_view(press, "I take tiles", "Take", tiles, tiles.free)


def tiles_done(press: Press) -> View | None:
    """Return the question which tiles were observed: one's own, unless said otherwise."""
    tiles = _tiles(press)
    return _tile_view(
        press, "Observation done", "Send", tiles, tiles.taken(press.user_id) or tiles.taken()
    )


def _planned_by(strategy: str) -> set[str]:
    """Return the telescopes that are planned by themselves in this way."""
    groups = [group for group in config().gw.plan_groups if group.strategy == strategy]
    return {canonical(name) for group in groups for name in group.telescopes}


def _begin_hint(after_h: float) -> str:
    if not after_h:
        return ""
    return f"{after_h:g} h from now gives teams time to get ready; it may be earlier, even now."


def _tiles(press: Press) -> Tiles:
    with transaction() as session:
        return tile_claims.of_plan(session, number(press.value))


def _tile_view(
    press: Press, title: str, submit: str, tiles: Tiles, chosen: Sequence[int]
) -> View | None:
    """Return a question for ranks, below who has which; None where no tile can be chosen."""
    if not chosen:
        return None
    lines = [f"*Free:* {ranks.shown(tiles.free) or 'none'}"]
    if tiles.claims:
        lines.append(f"*Taken:* {blocks.escape(tiles.holders(tiles.every), blocks.MAX_FIELD)}")
    text = {"type": "plain_text_input", "initial_value": ranks.shown(chosen)}
    hint = f"Ranks as in the table, single or from one to another: {ranks.EXAMPLE}"
    return _view(press, title, submit, blocks.section(lines), _input("tiles", "Tiles", text, hint))


def _until(plan_id: int) -> datetime:
    """Return the noon after a plan's night at its telescope; in UTC where that is not known."""
    now = datetime.now(UTC)
    with transaction() as session:
        plan = session.get(GwPlan, plan_id)
    if plan and plan.last_end_at:
        now = max(now, plan.last_end_at)
    try:
        found = telescope(plan.telescope) if plan else None
    except TelescopeError:
        found = None
    return outages.noon_after_night(found.longitude_deg if found else 0.0, now)


def _view(press: Press, title: str, submit: str, *shown: View | None) -> View:
    """Return the dialog of a button, with what shall come back beside the form."""
    place = {
        "channel": press.channel,
        "message_ts": press.message_ts,
        "thread_ts": press.thread_ts,
        "value": press.value,
    }
    return {
        "type": "modal",
        "callback_id": press.button.name,
        "private_metadata": json.dumps(place),
        "title": _plain(title),
        "submit": _plain(submit),
        "close": _plain("Cancel"),
        "blocks": [each for each in shown if each],
    }


def _input(block_id: str, label: str, element: View, hint: str = "") -> View:
    made = {
        "type": "input",
        "block_id": block_id,
        "label": _plain(label),
        "element": element | {"action_id": FIELD},
    }
    return made | ({"hint": _plain(hint)} if hint else {})


def _number(initial: int, least: int, most: int) -> View:
    bounds = {"min_value": str(least), "max_value": str(most)}
    return {
        "type": "number_input",
        "is_decimal_allowed": False,
        "initial_value": str(initial),
    } | bounds


def _moment(at: datetime) -> View:
    return {"type": "datetimepicker", "initial_date_time": int(at.timestamp())}


def _option(value: str, text: str) -> View:
    return {"text": _plain(text), "value": value}


def _plain(text: str) -> View:
    return {"type": "plain_text", "text": text, "emoji": True}
