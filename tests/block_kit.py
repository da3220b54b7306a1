"""What Slack would refuse of a message; the numbers are those of its documentation."""

from typing import Any

from pipeline.gw.blocks import Message


def faults(message: Message) -> list[str]:
    """Return every limit that a message breaks."""
    found = [] if 0 < len(message.text) <= 4000 else ["text"]
    if not 0 < len(message.blocks) <= 50:
        found.append("number of blocks")
    return [*found, *(fault for block in message.blocks for fault in _CHECKS[block["type"]](block))]


def shown(message: Message) -> str:
    """Return all that a message shows, a line for each text."""
    lines = [message.text]
    for block in message.blocks:
        parts = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
        lines += [_text(part) for part in parts if part]
    return "\n".join(lines)


def buttons(message: Message) -> dict[str, str]:
    """Return value or address of each button by its action id."""
    elements = [each for block in message.blocks for each in block.get("elements", ())]
    return {
        each["action_id"]: each.get("value") or each["url"]
        for each in elements
        if each["type"] == "button"
    }


def _text(part: dict[str, Any]) -> str:
    return str(part["text"] if isinstance(part["text"], str) else part["text"]["text"])


def _too_long(name: str, text: str, limit: int) -> list[str]:
    return [] if 0 < len(text) <= limit else [f"{name} has {len(text)} characters"]


def _header(block: dict[str, Any]) -> list[str]:
    return _too_long("header", block["text"]["text"], 150)


def _section(block: dict[str, Any]) -> list[str]:
    if "fields" not in block:
        return _too_long("section", block["text"]["text"], 3000)
    found = [] if len(block["fields"]) <= 10 else ["number of fields"]
    return found + [
        fault for each in block["fields"] for fault in _too_long("field", each["text"], 2000)
    ]


def _context(block: dict[str, Any]) -> list[str]:
    return _too_long("context", block["elements"][0]["text"], 3000)


def _actions(block: dict[str, Any]) -> list[str]:
    found = [] if 0 < len(block["elements"]) <= 25 else ["number of buttons"]
    for each in block["elements"]:
        found += _too_long("button", each["text"]["text"], 75)
        found += _too_long("action id", each["action_id"], 255)
        found += _too_long("value", each.get("value", "-"), 2000)
        found += _too_long("url", each.get("url", "-"), 3000)
    return found


def _divider(_block: dict[str, Any]) -> list[str]:
    return []


_CHECKS = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
}
