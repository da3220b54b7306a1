"""The page on which people of the demo read and press: channels, messages, a thread, a dialog."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import urlencode

from pipeline.simulate.slack import clicks
from pipeline.simulate.slack.blocks import Viewer, dialog_html, message_html
from pipeline.simulate.slack.workspace import Entry, Workspace

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Slack stand-in</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<script src="/page.js" defer></script>
</head>
<body data-version="{version}"{thread_open}>
<nav><h1>Slack stand-in</h1><p class="faint">Messages of this machine, for demo and tests</p>
<h2>Channels</h2>{channels}<h2>You are</h2>{people}</nav>
<main><header><h2>{title}</h2>{outcome}</header><div class="messages">{messages}</div></main>
{thread}{dialog}
</body>
</html>
"""


@dataclass(frozen=True)
class Look:
    """What somebody looks at.

    Attributes
    ----------
    channel, user : str
        Ids.
    thread : str
        ts of the thread beside the channel, or empty.
    view : str
        Id of the dialog that is open, or empty.
    outcome : str
        What the last click led to.
    errors : mapping
        What was wrong with a dialog, by block.
    typed : mapping
        What had been filled in then, by ``block_id/action_id``.
    """

    channel: str
    user: str
    thread: str = ""
    view: str = ""
    outcome: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, list[str]] = field(default_factory=dict)

    def address(self, **changed: str) -> str:
        """Return the address of this page, or of one that differs a little."""
        values = {"channel": self.channel, "user": self.user, "thread": self.thread} | changed
        channel = values.pop("channel")
        return f"/channels/{channel}?{urlencode({k: v for k, v in values.items() if v})}"


def render(workspace: Workspace, look: Look) -> str:
    """Return the page."""
    viewer = Viewer(look.user, workspace.people, look.thread)
    with workspace.lock:
        version = workspace.version
    return _PAGE.format(
        title=escape(f"#{workspace.channels[look.channel].name}"),
        version=version,
        thread_open=' class="with-thread"' if look.thread else "",
        channels=_channels(workspace, look),
        people=_people(workspace, look),
        outcome=f'<p class="outcome">{escape(look.outcome)}</p>' if look.outcome else "",
        messages=_messages(workspace, look, viewer),
        thread=_thread(workspace, look, viewer),
        dialog=_dialog(workspace, look, viewer),
    )


def _channels(workspace: Workspace, look: Look) -> str:
    with workspace.lock:
        channels = list(workspace.channels.values())
    return "".join(
        f'<a href="{escape(look.address(channel=each.id, thread=""))}"'
        f"{_current(each.id == look.channel)}># {escape(each.name)}"
        f' <span class="faint">{len(workspace.in_channel(each.id)) or ""}</span></a>'
        for each in channels
    )


def _people(workspace: Workspace, look: Look) -> str:
    return "".join(
        f'<a href="{escape(look.address(user=user))}"{_current(user == look.user)}>'
        f'{escape(name)} <span class="faint">{user}</span></a>'
        for user, name in workspace.people.items()
    )


def _current(is_current: bool) -> str:  # noqa: FBT001 a yes or no of a link
    return ' aria-current="page"' if is_current else ""


def _messages(workspace: Workspace, look: Look, viewer: Viewer) -> str:
    found = [
        _message(each, viewer, _replies(workspace, look, each))
        for each in workspace.in_channel(look.channel)
    ]
    found += _whispers(workspace, look, viewer, "")
    return "".join(found) or '<p class="faint">Nothing was posted here yet.</p>'


def _replies(workspace: Workspace, look: Look, entry: Entry) -> str:
    count = len(workspace.in_thread(look.channel, entry["ts"])) - 1
    if not count:
        return ""
    word = "reply" if count == 1 else "replies"
    link = escape(look.address(thread=entry["ts"]))
    return f'<a class="replies" href="{link}">{count} {word}</a>'


def _thread(workspace: Workspace, look: Look, viewer: Viewer) -> str:
    if not look.thread:
        return ""
    found = [_message(each, viewer) for each in workspace.in_thread(look.channel, look.thread)]
    found += _whispers(workspace, look, viewer, look.thread)
    close = escape(look.address(thread=""))
    return (
        f'<aside><header><h2>Thread</h2><a href="{close}" aria-label="close the thread">✕</a>'
        f'</header><div class="messages">{"".join(found)}</div></aside>'
    )


def _whispers(workspace: Workspace, look: Look, viewer: Viewer, thread: str) -> list[str]:
    with workspace.lock:
        mine = [
            each
            for each in workspace.whispers
            if (each["to"], each["channel"], each["thread_ts"]) == (look.user, look.channel, thread)
        ]
    return [_message(each, viewer, note="Only visible to you") for each in mine]


def _message(entry: Entry, viewer: Viewer, below: str = "", note: str = "") -> str:
    at = datetime.fromtimestamp(float(entry["ts"]), UTC)
    edited = ' <span class="faint">(edited)</span>' if "edited" in entry else ""
    kind = ' class="whisper"' if note else ""
    return (
        f'<article id="{entry["ts"]}"{kind}><div class="face">N</div><div class="said">'
        f'<p class="who"><b>Nightjar</b> <i>app</i> <time>{at:%Y-%m-%d %H:%M:%S} UTC</time>'
        f'{edited} <span class="faint">{note}</span></p>'
        f"{message_html(entry, viewer)}{below}</div></article>"
    )


def _dialog(workspace: Workspace, look: Look, viewer: Viewer) -> str:
    opened = workspace.triggers.view(look.view) if look.view else None
    if opened is None:
        return ""
    view = clicks.refilled(opened[1], look.typed) if look.errors else opened[1]
    hidden = {
        "user": look.user,
        "view": look.view,
        "channel": look.channel,
        "thread": look.thread,
    }
    fields = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in hidden.items()
    )
    back = escape(look.address())
    return (
        f'<div class="shade"><form class="dialog" method="post" action="/submit">{fields}'
        f"<h2>{_label(view, 'title', '')}</h2>{dialog_html(view, viewer, look.errors)}"
        f'<p class="ends"><a class="button" href="{back}">{_label(view, "close", "Cancel")}</a>'
        f'<button class="button primary">{_label(view, "submit", "Submit")}</button></p>'
        "</form></div>"
    )


def _label(view: Mapping[str, Any], name: str, default: str) -> str:
    return escape(str(view.get(name, {}).get("text", default)))
