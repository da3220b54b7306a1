"""Blocks and dialogs as HTML; buttons are forms that send what was pressed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape, unescape
from typing import Any

from pipeline.simulate.slack.mrkdwn import to_html
from pipeline.simulate.slack.workspace import Entry

Element = Mapping[str, Any]


@dataclass(frozen=True)
class Viewer:
    """Who looks at the page, and at which thread."""

    user: str
    people: Mapping[str, str]
    thread: str = ""

    def hidden(self, entry: Entry) -> str:
        """Return the fields of a form that say where a button stands and who presses it."""
        fields = {
            "user": self.user,
            "thread": self.thread,
            "channel": entry["channel"],
            "ts": entry["ts"],
        }
        return "".join(
            f'<input type="hidden" name="{name}" value="{escape(value)}">'
            for name, value in fields.items()
        )


def message_html(entry: Entry, viewer: Viewer) -> str:
    """Return the body of a message: its blocks, else its text, then its files."""
    shown = "".join(_block(block, entry, viewer) for block in entry.get("blocks") or ())
    if not shown and entry.get("text"):
        shown = f'<p class="text">{to_html(entry["text"], viewer.people)}</p>'
    return shown + "".join(_file(file) for file in entry.get("files", ()))


def dialog_html(view: Element, viewer: Viewer, errors: Mapping[str, str]) -> str:
    """Return the inputs of a dialog, each with what was wrong with it."""
    return "".join(
        _input(block, errors) if block["type"] == "input" else _block(block, _NOWHERE, viewer)
        for block in view.get("blocks", ())
    )


_NOWHERE: Entry = {"channel": "", "ts": ""}
"""A dialog's texts stand in no message."""


def _text(text: Element, viewer: Viewer) -> str:
    if text["type"] == "plain_text":
        return escape(unescape(str(text["text"]))).replace("\n", "<br>")
    return to_html(str(text["text"]), viewer.people)


def _block(block: Element, entry: Entry, viewer: Viewer) -> str:
    return _BLOCKS[str(block["type"])](block, entry, viewer)


def _header(block: Element, _: Entry, viewer: Viewer) -> str:
    return f"<h3>{_text(block['text'], viewer)}</h3>"


def _divider(_: Element, __: Entry, ___: Viewer) -> str:
    return "<hr>"


def _section(block: Element, entry: Entry, viewer: Viewer) -> str:
    text = f'<p class="text">{_text(block["text"], viewer)}</p>' if "text" in block else ""
    fields = "".join(f"<div>{_text(field, viewer)}</div>" for field in block.get("fields", ()))
    grid = f'<div class="fields">{fields}</div>' if fields else ""
    accessory = block.get("accessory")
    beside = _element(accessory, entry, viewer) if accessory else ""
    return f'<div class="section"><div>{text}{grid}</div>{beside}</div>'


def _context(block: Element, _: Entry, viewer: Viewer) -> str:
    parts = (
        _picture(each) if each["type"] == "image" else f"<span>{_text(each, viewer)}</span>"
        for each in block["elements"]
    )
    return f'<div class="context">{"".join(parts)}</div>'


def _image(block: Element, _: Entry, viewer: Viewer) -> str:
    title = f"<figcaption>{_text(block['title'], viewer)}</figcaption>" if "title" in block else ""
    return f"<figure>{title}{_picture(block)}</figure>"


def _picture(image: Element) -> str:
    source = image.get("image_url") or f"/files/{image['slack_file']['id']}"
    return f'<img src="{escape(source)}" alt="{escape(image["alt_text"])}">'


def _file(file: Element) -> str:
    source = f"/files/{escape(file['id'])}"
    image = f'<img src="{source}" alt="{escape(file["alt_txt"])}">'
    caption = f"<figcaption>{escape(file['title'])}</figcaption>"
    return f'<figure>{caption}<a href="{source}">{image}</a></figure>'


def _actions(block: Element, entry: Entry, viewer: Viewer) -> str:
    inside = "".join(_element(each, entry, viewer) for each in block["elements"])
    return f'<div class="actions">{inside}</div>'


def _element(element: Element, entry: Entry, viewer: Viewer) -> str:
    """Return a button, or the picture beside a section."""
    if element["type"] == "image":
        return _picture(element)
    label, kind = _text(element["text"], viewer), element.get("style", "plain")
    name = escape(element.get("action_id", ""))
    hidden = viewer.hidden(entry) + f'<input type="hidden" name="action_id" value="{name}">'
    if "url" in element:
        link = (
            f'<a class="button" href="{escape(element["url"])}" target="_blank" rel="noreferrer">'
        )
        return f'<form class="leads-out" action="/press">{hidden}{link}{label} ↗</a></form>'
    button = f'<button class="button {kind}"{_confirm(element)}>{label}</button>'
    return f'<form method="post" action="/press">{hidden}{button}</form>'


def _confirm(element: Element) -> str:
    question = element.get("confirm", {}).get("text", {}).get("text", "")
    return f' data-confirm="{escape(question)}"' if question else ""


def _input(block: Element, errors: Mapping[str, str]) -> str:
    element, block_id = block["element"], str(block["block_id"])
    name = escape(f"{block_id}/{element['action_id']}")
    label, hint = escape(block["label"]["text"]), escape(block.get("hint", {}).get("text", ""))
    is_optional = bool(block.get("optional"))
    required = "" if is_optional else " required"
    field = _FIELDS[str(element["type"])](element, name, required)
    mark = ' <small class="faint">optional</small>' if is_optional else ""
    below = f'<small class="faint">{hint}</small>' if hint else ""
    wrong = f'<small class="wrong">{escape(errors[block_id])}</small>' if block_id in errors else ""
    return f'<div class="input"><label>{label}{mark}</label>{field}{below}{wrong}</div>'


def _typed(element: Element, name: str, required: str) -> str:
    value = escape(str(element.get("initial_value", "")))
    if element.get("multiline"):
        return f'<textarea name="{name}" rows="3"{required}>{value}</textarea>'
    return f'<input type="text" name="{name}" value="{value}"{required}>'


def _number(element: Element, name: str, required: str) -> str:
    step = "any" if element["is_decimal_allowed"] else "1"
    bounds = "".join(
        f' {side}="{escape(str(element[f"{side}_value"]))}"'
        for side in ("min", "max")
        if f"{side}_value" in element
    )
    value = escape(str(element.get("initial_value", "")))
    return f'<input type="number" step="{step}"{bounds} name="{name}" value="{value}"{required}>'


def _moment(element: Element, name: str, required: str) -> str:
    seconds = element.get("initial_date_time")
    value = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M") if seconds else ""
    return f'<input type="datetime-local" name="{name}" value="{value}"{required}> UTC'


def _select(element: Element, name: str, required: str) -> str:
    options = "".join(
        f'<option value="{escape(value)}"{" selected" if chosen else ""}>{text}</option>'
        for value, text, chosen in _options(element)
    )
    several = " multiple" if element["type"].startswith("multi_") else ""
    return f'<select name="{name}"{several}{required}>{options}</select>'


def _choices(element: Element, name: str, _: str) -> str:
    kind = "radio" if element["type"] == "radio_buttons" else "checkbox"
    return "".join(
        f'<label class="choice"><input type="{kind}" name="{name}" value="{escape(value)}"'
        f"{' checked' if chosen else ''}> {text}</label>"
        for value, text, chosen in _options(element)
    )


def _options(element: Element) -> list[tuple[str, str, bool]]:
    chosen = [element.get("initial_option"), *element.get("initial_options", ())]
    return [
        (option["value"], escape(option["text"]["text"]), option in chosen)
        for option in element["options"]
    ]


_BLOCKS: Mapping[str, Callable[[Element, Entry, Viewer], str]] = {
    "header": _header,
    "section": _section,
    "divider": _divider,
    "image": _image,
    "context": _context,
    "actions": _actions,
}
_FIELDS: Mapping[str, Callable[[Element, str, str], str]] = {
    "plain_text_input": _typed,
    "number_input": _number,
    "datetimepicker": _moment,
    "static_select": _select,
    "multi_static_select": _select,
    "checkboxes": _choices,
    "radio_buttons": _choices,
}
