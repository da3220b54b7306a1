"""What Slack says of a click or a filled-in dialog, as plain values; only what we act upon."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.gw import buttons
from pipeline.gw.buttons import Button

LONGEST_NAME, LONGEST_VALUE = 200, 2000


class PayloadError(ValueError):
    """A signed request that is not laid out as Slack's are."""


@dataclass(frozen=True)
class Press:
    """One button that was pressed, or one dialog that was filled in.

    Attributes
    ----------
    key : str
        The same for a request that Slack repeats.
    button : Button
        Which one; of a dialog the one that opened it.
    user_id, user_name : str
        Slack's.
    action_ts, value, channel, message_ts, thread_ts : str or None
        Of the button's message.
    form : dict or None
        What was filled in, by block.
    trigger_id : str
        Lets a dialog be opened within 3 s.
    """

    key: str
    button: Button
    user_id: str
    user_name: str
    action_ts: str | None = None
    value: str | None = None
    channel: str | None = None
    message_ts: str | None = None
    thread_ts: str | None = None
    form: dict[str, Any] | None = None
    trigger_id: str = field(default="", repr=False)


def read(text: str) -> Press | None:
    """Return what a payload asks for; None where it asks for nothing of ours.

    Raises
    ------
    PayloadError
        If it is not JSON, or lacks what Slack always sends.
    """
    try:
        payload = json.loads(text)
        kind = payload["type"]
        if kind == "block_actions":
            return _pressed(payload)
        return _submitted(payload) if kind == "view_submission" else None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise PayloadError(f"no payload of Slack's: {error!r}") from None


def _pressed(payload: Mapping[str, Any]) -> Press | None:
    """Read the first action: a message's buttons come one at a time."""
    action = payload["actions"][0]
    button = buttons.find(str(action["action_id"]))
    if action["type"] != "button" or button is None:
        return None  # buttons that open an address send their click too
    place = payload["container"]
    user, message_ts, action_ts = payload["user"], place["message_ts"], action["action_ts"]
    return Press(
        f"{user['id']}:{message_ts}:{button.name}:{action_ts}",
        button,
        str(user["id"]),
        _name(user),
        str(action_ts),
        str(action.get("value", ""))[:LONGEST_VALUE],
        str(place["channel_id"]),
        str(message_ts),
        place.get("thread_ts"),
        trigger_id=str(payload["trigger_id"]),
    )


def _submitted(payload: Mapping[str, Any]) -> Press | None:
    view, user = payload["view"], payload["user"]
    button = buttons.find(str(view["callback_id"]))
    if button is None or button.dialog is None:
        return None
    place = json.loads(view["private_metadata"])
    return Press(
        f"view:{view['id']}",
        button,
        str(user["id"]),
        _name(user),
        value=str(place.get("value", "")),
        channel=str(place["channel"]),
        message_ts=str(place["message_ts"]),
        thread_ts=place.get("thread_ts"),
        form=_filled_in(view["state"]["values"]),
    )


def _filled_in(values: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return plain values by block: text, number, Unix time, one choice or several."""
    return {block: _plain(next(iter(states.values()))) for block, states in values.items()}


def _plain(state: Mapping[str, Any]) -> Any:
    if "selected_options" in state:
        return [option["value"] for option in state["selected_options"]]
    if "selected_option" in state:
        return state["selected_option"] and state["selected_option"]["value"]
    return state.get("selected_date_time", state.get("value"))


def _name(user: Mapping[str, Any]) -> str:
    return str(user.get("name") or user.get("username") or user["id"])[:LONGEST_NAME]
