"""Slack's Block Kit as plain values: whatever text comes, the blocks stay within Slack's limits.

Texts are handed over as they are; here they are escaped and cut. What is ``mrkdwn`` already (made
with ``escape``, ``link`` or ``mention``) says so in its name.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MAX_HEADER = 150
MAX_SECTION = 3000
MAX_FIELD = 2000
MAX_FIELDS = 10
MAX_BLOCKS = 50
MAX_BUTTONS = 25
MAX_BUTTON_TEXT = 75
MAX_VALUE = 2000
MAX_URL = 3000
MAX_TEXT = 300
"""Of the line that notifications show."""
MAX_PIECE = 200
"""Of a text inside a sentence."""
CUT = "…"

Block = dict[str, Any]

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_USER = re.compile(r"[UW][A-Z0-9]{2,20}")
_URL = re.compile(r"https?://[^\s<>|]+")


@dataclass(frozen=True)
class Message:
    """What a Slack message shows: a line for notifications, and its blocks."""

    text: str
    blocks: tuple[Block, ...]


def message(text: str, *blocks: Block | None) -> Message:
    """Return a message of the blocks that are given; beyond Slack's number they are left out."""
    kept = tuple(block for block in blocks if block is not None)
    return Message(escape(text, MAX_TEXT), kept[:MAX_BLOCKS])


def escape(text: str, limit: int = MAX_PIECE) -> str:
    """Return a text in which nothing means anything to Slack, at most ``limit`` characters long."""
    escaped = _escaped(" ".join(text.split()))
    if len(escaped) <= limit:
        return escaped
    kept, size = [], 0
    for letter in text:
        piece = _escaped(" " if letter.isspace() else letter)
        size += len(piece)
        if size > limit - len(CUT):
            break
        kept.append(piece)
    return "".join(kept) + CUT


def link(url: str, text: str) -> str:
    """Return a link; only the text where the address is none."""
    return f"<{_escaped(url)}|{escape(text)}>" if is_url(url) else escape(text)


def is_url(url: str | None) -> bool:
    """Tell whether Slack would take an address."""
    return bool(url and len(url) <= MAX_URL and _URL.fullmatch(url))


def mention(user: str) -> str:
    """Return a mention of a Slack user id; any other name as text."""
    return f"<@{user}>" if _USER.fullmatch(user) else escape(user)


def header(text: str) -> Block:
    """Return a headline."""
    return {"type": "header", "text": _plain(text, MAX_HEADER)}


def divider() -> Block:
    """Return a line across."""
    return {"type": "divider"}


def section(lines_mrkdwn: Iterable[str]) -> Block | None:
    """Return a paragraph of lines; those that do not fit are counted. None without any."""
    text = "\n".join(fitting(list(lines_mrkdwn), MAX_SECTION))
    return {"type": "section", "text": _mrkdwn(text)} if text else None


def table(lines: Sequence[str]) -> Block:
    """Return lines of text in a font of fixed width, their columns aligned."""
    escaped = [_escaped(line.replace("`", "'")) for line in lines]
    text = "\n".join(fitting(escaped, MAX_SECTION - 8))
    return {"type": "section", "text": _mrkdwn(f"```\n{text}\n```")}


def fields(named_mrkdwn: Iterable[tuple[str, str]]) -> Block:
    """Return pairs of a name and its value, side by side."""
    texts = [
        _mrkdwn(f"*{name}*\n{value}"[:MAX_FIELD]) for name, value in list(named_mrkdwn)[:MAX_FIELDS]
    ]
    return {"type": "section", "fields": texts}


def context(line_mrkdwn: str) -> Block:
    """Return a line in small print."""
    return {"type": "context", "elements": [_mrkdwn(line_mrkdwn[:MAX_SECTION])]}


def actions(buttons: Iterable[Block | None]) -> Block | None:
    """Return a row of buttons; None without any."""
    kept = [button for button in buttons if button is not None][:MAX_BUTTONS]
    return {"type": "actions", "elements": kept} if kept else None


def button(text: str, action_id: str, value: str, style: str | None = None) -> Block:
    """Return a button that calls us; ``style`` is ``primary`` or ``danger``."""
    made: Block = {
        "type": "button",
        "text": _plain(text, MAX_BUTTON_TEXT),
        "action_id": action_id,
        "value": value[:MAX_VALUE],
    }
    return made | ({"style": style} if style else {})


def link_button(text: str, action_id: str, url: str | None) -> Block | None:
    """Return a button that opens an address; None where it is none."""
    if not is_url(url):
        return None
    return {
        "type": "button",
        "text": _plain(text, MAX_BUTTON_TEXT),
        "action_id": action_id,
        "url": url,
    }


def fitting(lines: Sequence[str], limit: int) -> list[str]:
    """Return as many whole lines as fit, and a last one that counts the others."""
    kept: list[str] = []
    left = limit - len(f"{CUT} and {len(lines)} more")
    for line in lines:
        left -= len(line) + 1
        if left < 0:
            return [*kept, f"{CUT} and {len(lines) - len(kept)} more"]
        kept.append(line)
    return kept


def _plain(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": escape(text, limit) or "-", "emoji": True}


def _mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def _escaped(text: str) -> str:
    for letter, code in _ESCAPES.items():
        text = text.replace(letter, code)
    return text
