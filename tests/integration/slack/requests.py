"""What Slack would send, made by the stand-in and handed to the site; what is kept of it."""

import json
import time
from urllib.parse import urlencode

from django.test import Client
from sqlalchemy import select

from pipeline.gw.action_tables import GwSlackAction
from pipeline.simulate.slack import clicks
from tests.slack import GW, SECRET, SHIFTER

URL = "/api/slack/actions"
BUTTON = {"type": "button", "text": {"type": "plain_text", "text": "x"}, "value": "7"}


def pressed(standin, action_id, user=SHIFTER, **button):
    """Return what Slack would send for a button, which may open a dialog."""
    element = BUTTON | {"action_id": action_id} | button
    entry = {"channel": GW, "ts": "1.000001", "thread_ts": "1.000000", "text": ""}
    entry["blocks"] = [{"type": "actions", "elements": [element]}]
    payload = clicks.press(standin.workspace, user, entry, action_id)
    standin.workspace.triggers.make(payload["trigger_id"], user)
    return payload


def send(payload, **given):
    return answered(payload, **given).status_code


def answered(payload, *, secret=SECRET, late_s=0, body=None):
    body = urlencode({"payload": json.dumps(payload)}).encode() if body is None else body
    at_s = int(time.time()) - late_s
    return Client(headers={"host": "localhost"}).post(
        URL,
        body,
        content_type="application/x-www-form-urlencoded",
        headers={
            "X-Slack-Request-Timestamp": str(at_s),
            "X-Slack-Signature": clicks.sign(secret, at_s, body),
        },
    )


def opened(standin, payload):
    """Send a click; return the dialog that it leads to, None without one."""
    assert send(payload) == 200
    found = standin.workspace.triggers.view(
        standin.workspace.triggers.opened_by(payload["trigger_id"])
    )
    return found and found[1]


def kept(session):
    session.expire_all()
    return list(session.scalars(select(GwSlackAction).order_by(GwSlackAction.id)))
