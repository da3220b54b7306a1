"""What Slack says of a click or a filled-in dialog, as plain values; only what we act upon."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FOR_SHIFTERS = (
    "follow_up",
    "no_follow_up",
    "run_obs_plan",
    "plan_options",
    "cancel_plan",
    "retry_plan",
)
FOR_EVERYBODY = ("claim_tiles", "cannot_observe", "observation_done")
"""Any member of the channel: telescope teams need no account."""
WITH_DIALOG = ("plan_options", "cannot_observe")
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
    action_id : str
        Of the button, or the dialog's callback id.
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
    action_id: str
    user_id: str
    user_name: str
    action_ts: str | None = None
    value: str | None = None
    channel: str | None = None
    message_ts: str | None = None
    thread_ts: str | None = None
    form: dict[str, Any] | None = None
    trigger_id: str = field(default="", repr=False)

    @property
    def needs_shifter(self) -> bool:
        """Return whether it decides or plans."""
        return self.action_id in FOR_SHIFTERS


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
    action_id = str(action["action_id"])
    is_ours = action_id in (*FOR_SHIFTERS, *FOR_EVERYBODY)
    if action["type"] != "button" or not is_ours:
        return None  # buttons that open an address send their click too
    place = payload["container"]
    user, message_ts, action_ts = payload["user"], place["message_ts"], action["action_ts"]
    return Press(
        f"{user['id']}:{message_ts}:{action_id}:{action_ts}",
        action_id,
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
    callback_id = str(view["callback_id"])
    if callback_id not in WITH_DIALOG:
        return None
    place = json.loads(view["private_metadata"])
    return Press(
        f"view:{view['id']}",
        callback_id,
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
