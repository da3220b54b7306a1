"""What people press: payloads as Slack makes them, signed, and sent to the app's address."""

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any

from pipeline.simulate.slack.workspace import TEAM, Entry, Workspace

PATIENCE_S = 3.0
"""Slack shows a warning to whoever clicked when no answer came by then."""
APP_ID = "A0NIGHTJAR"


@dataclass(frozen=True)
class Outcome:
    """What the app answered.

    Attributes
    ----------
    status : int
        Of HTTP; 0 without an answer.
    took_s : float
        Until then [s].
    body : str
        Empty, or what Slack shall do with a dialog.
    """

    status: int
    took_s: float
    body: str = ""


def sign(secret: str, timestamp_s: int, body: bytes) -> str:
    """Return the signature of a request, as Slack's documentation defines version 0."""
    signed = b"v0:%d:%b" % (timestamp_s, body)
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def send(url: str, secret: str, payload: Mapping[str, Any]) -> Outcome:
    """Send a payload, signed; an app that does not answer in time is an outcome too."""
    body = urllib.parse.urlencode({"payload": json.dumps(payload)}).encode()
    timestamp_s = int(time.time())
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": str(timestamp_s),
        "X-Slack-Signature": sign(secret, timestamp_s, body),
    }
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 of a setting
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:  # noqa: S310 as above
            return Outcome(reply.status, time.monotonic() - began, reply.read(100_000).decode())
    except urllib.error.HTTPError as error:
        return Outcome(error.code, time.monotonic() - began)
    except (OSError, HTTPException):
        return Outcome(0, time.monotonic() - began)


def press(workspace: Workspace, user: str, entry: Entry, action_id: str) -> dict[str, Any] | None:
    """Return the payload of a button of a message, or None where it has no such button."""
    found = _button(entry, action_id)
    if found is None:
        return None
    block_id, button = found
    container = {"type": "message", "message_ts": entry["ts"], "channel_id": entry["channel"]}
    if "thread_ts" in entry:
        container["thread_ts"] = entry["thread_ts"]
    action = {"type": "button", "block_id": block_id, "action_ts": workspace.new_ts()} | {
        name: button[name] for name in ("action_id", "text", "value", "style") if name in button
    }
    return {
        "type": "block_actions",
        **_who(workspace, user),
        "container": {**container, "is_ephemeral": False},
        "channel": {
            "id": entry["channel"],
            "name": workspace.channels[entry["channel"]].name,
        },
        "message": {name: value for name, value in entry.items() if name != "channel"},
        "state": {"values": {}},
        "actions": [action],
    }


def submit(
    workspace: Workspace, user: str, view: Mapping[str, Any], values: Mapping[str, list[str]]
) -> dict[str, Any]:
    """Return the payload of a dialog that was filled in.

    Parameters
    ----------
    workspace, user
        Who filled it in.
    view : mapping
        The dialog.
    values : mapping
        What was typed and chosen, by ``block_id/action_id``.
    """
    state: dict[str, dict[str, Any]] = {}
    for block in view.get("blocks", ()):
        if block["type"] == "input":
            element, block_id = block["element"], block["block_id"]
            given = values.get(f"{block_id}/{element['action_id']}", [])
            state.setdefault(block_id, {})[element["action_id"]] = _given(element, given)
    return {
        "type": "view_submission",
        **_who(workspace, user),
        "view": {**view, "state": {"values": state}, "hash": workspace.new_ts()},
        "response_urls": [],
    }


def refilled(view: Mapping[str, Any], values: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return a dialog that begins with what was filled in, as ``submit`` takes it."""
    blocks = [
        {**block, "element": _begun(block, values)} if block["type"] == "input" else block
        for block in view["blocks"]
    ]
    return {**view, "blocks": blocks}


def _begun(block: Mapping[str, Any], values: Mapping[str, list[str]]) -> dict[str, Any]:
    element = block["element"]
    given = _given(element, values.get(f"{block['block_id']}/{element['action_id']}", []))
    kept = {name: value for name, value in element.items() if not name.startswith("initial_")}
    began = {_INITIAL[name]: value for name, value in given.items() if name in _INITIAL and value}
    return kept | began


_INITIAL = {
    "value": "initial_value",
    "selected_option": "initial_option",
    "selected_options": "initial_options",
    "selected_date_time": "initial_date_time",
}
"""What a dialog calls at its begin what it calls so at its end."""


def _who(workspace: Workspace, user: str) -> dict[str, Any]:
    name = workspace.people[user]
    return {
        "team": TEAM,
        "user": {"id": user, "username": name.lower(), "name": name.lower(), "team_id": TEAM["id"]},
        "api_app_id": APP_ID,
        "is_enterprise_install": False,
        "enterprise": None,
        "trigger_id": workspace.new_ts(),
    }


def _button(entry: Entry, action_id: str) -> tuple[str, dict[str, Any]] | None:
    for place, block in enumerate(entry.get("blocks", ())):
        elements = [*block.get("elements", ()), block.get("accessory", {})]
        for element in elements:
            if element.get("type") == "button" and element.get("action_id") == action_id:
                return block.get("block_id", f"b{place}"), element
    return None


def _given(element: Mapping[str, Any], given: list[str]) -> dict[str, Any]:
    """Return the state of one input, by its kind."""
    kind = element["type"]
    chosen = [option for option in element.get("options", ()) if option["value"] in given]
    first = given[0] if given and given[0] else None
    if kind in {"multi_static_select", "checkboxes"}:
        return {"type": kind, "selected_options": chosen}
    if kind in {"static_select", "radio_buttons"}:
        return {"type": kind, "selected_option": chosen[0] if chosen else None}
    if kind == "datetimepicker":
        return {"type": kind, "selected_date_time": _unix_s(first) if first else None}
    return {"type": kind, "value": first}


def _unix_s(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
