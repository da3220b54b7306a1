"""The two dialogs: a plan with options, and why a telescope cannot observe until when.

Block ids name what the forms hold: the fields of ``pipeline.gw.act_forms``.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from broker.config import config
from broker.db import transaction
from broker.sections.gw_plans import LONGEST_EXPOSURE_S, MOST_TILES
from pipeline.gw import outages
from pipeline.gw.cards_plan import STRATEGIES
from pipeline.gw.plan_tables import GwPlan
from pipeline.gw.telescopes import TelescopeError, telescope, telescopes
from pipeline.web.slack_payloads import Press

View = dict[str, Any]
FIELD = "field"
"""Action id of the one input of each block."""


def options(press: Press) -> View:
    """Return what is asked before plans are made otherwise than by default."""
    plans = config().gw.plans
    begin = datetime.now(UTC) + timedelta(hours=plans.begin_after_h)
    known = [_option(each.name, each.name) for each in telescopes()]
    defaults = {name for group in config().gw.plan_groups for name in group.telescopes}
    chosen = [each for each in known if each["value"] in defaults]
    strategies = [_option(name, text) for name, text in STRATEGIES.items()]
    select = {"type": "multi_static_select", "options": known, "initial_options": chosen}
    exposure = _number(round(plans.exposure_s), 1, LONGEST_EXPOSURE_S)
    radio = {"type": "radio_buttons", "options": strategies, "initial_option": strategies[0]}
    return _view(
        press,
        "Plan with options",
        "Plan",
        _input("telescopes", "Telescopes", select),
        _input("strategy", "Strategy", radio),
        _input("max_tiles", "Tiles of each telescope", _number(10, 1, MOST_TILES)),
        _input("exposure_s", "Exposure [s]", exposure),
        _input("window_start", "Not before", _moment(begin)),
        _input("window_end", "Not after", _moment(begin + timedelta(hours=plans.window_h))),
    )


def outage(press: Press) -> View:
    """Return what is asked of a team that cannot observe."""
    reason = {"type": "plain_text_input", "max_length": outages.MAX_REASON}
    until = _moment(_until(press.value or ""))
    return _view(
        press,
        "Cannot observe",
        "Send",
        _input("reason", "Why?", reason),
        _input("until", "Until", until),
    )


def _until(plan_id: str) -> datetime:
    """Return the next noon at a plan's telescope; tomorrow where it is not known."""
    now = datetime.now(UTC)
    with transaction() as session:
        plan = session.get(GwPlan, int(plan_id)) if plan_id.isdigit() else None
    try:
        found = telescope(plan.telescope) if plan else None
    except TelescopeError:
        found = None
    return outages.next_noon(found.longitude_deg if found else 0.0, now)


def _view(press: Press, title: str, submit: str, *blocks: View) -> View:
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
        "blocks": list(blocks),
    }


def _input(block_id: str, label: str, element: View) -> View:
    return {
        "type": "input",
        "block_id": block_id,
        "label": _plain(label),
        "element": element | {"action_id": FIELD},
    }


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
