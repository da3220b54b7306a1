"""What Slack refuses in blocks and dialogs, by the limits that its reference states."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

MESSAGE_BLOCKS, DIALOG_BLOCKS = 50, 100
HEADER, SECTION, FIELD, FIELDS = 150, 3000, 2000, 10
BUTTONS, BUTTON_TEXT, BUTTON_VALUE, ADDRESS = 25, 75, 2000, 3000
CONTEXT_ELEMENTS, ALT_TEXT, LABEL, NAME = 10, 2000, 2000, 255
OPTIONS, OPTION_TEXT, OPTION_VALUE, PLACEHOLDER = 100, 75, 150, 150
BOXES = 10
DIALOG_TITLE, PRIVATE = 24, 3000

Element = Mapping[str, Any]
Problems = Iterator[str]


def problems_of_blocks(blocks: Any, most: int = MESSAGE_BLOCKS) -> Problems:
    """Yield what Slack would refuse in the blocks of a message or a dialog."""
    if not isinstance(blocks, list):
        yield "blocks: must be a list"
        return
    if len(blocks) > most:
        yield f"blocks: {len(blocks)} of them, no more than {most} are allowed"
    names = [block["block_id"] for block in blocks if "block_id" in block]
    if len(names) != len(set(names)):
        yield "blocks: a block_id stands twice"
    for place, block in enumerate(blocks):
        check = _BLOCKS.get(block.get("type"))
        found = check(block) if check else iter([f"unsupported type {block.get('type')!r}"])
        for problem in (*found, *_name(block, "block_id")):
            yield f"blocks/{place}: {problem}"


def problems_of_view(view: Any) -> Problems:
    """Yield what Slack would refuse in a dialog."""
    if not isinstance(view, dict) or view.get("type") != "modal":
        yield "view: must be a modal"
        return
    for name in ("title", "submit", "close"):
        if name == "title" or name in view:
            yield from _text(view.get(name), DIALOG_TITLE, f"view/{name}", plain=True)
    if len(view.get("private_metadata", "")) > PRIVATE:
        yield f"view/private_metadata: more than {PRIVATE} characters"
    has_input = any(block.get("type") == "input" for block in view.get("blocks") or ())
    if has_input and "submit" not in view:
        yield "view: submit is required with an input block"
    yield from _name(view, "callback_id")
    yield from problems_of_blocks(view.get("blocks"), DIALOG_BLOCKS)


def _text(text: Any, most: int, where: str, *, plain: bool = False) -> Problems:
    """Yield what is wrong with a text object."""
    kinds = {"plain_text"} if plain else {"plain_text", "mrkdwn"}
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield f"{where}: must be {' or '.join(sorted(kinds))}"
    elif not 1 <= len(text.get("text") or "") <= most:
        yield f"{where}: must have 1 to {most} characters"


def _name(holder: Element, key: str) -> Problems:
    if len(holder.get(key, "")) > NAME:
        yield f"{key}: more than {NAME} characters"


def _header(block: Element) -> Problems:
    yield from _text(block.get("text"), HEADER, "text", plain=True)


def _section(block: Element) -> Problems:
    fields = block.get("fields")
    if "text" not in block and not fields:
        yield "a section needs text or fields"
    if "text" in block:
        yield from _text(block["text"], SECTION, "text")
    for place, field in enumerate(fields or ()):
        yield from _text(field, FIELD, f"fields/{place}")
    if len(fields or ()) > FIELDS:
        yield f"fields: no more than {FIELDS} are allowed"
    if "accessory" in block:
        yield from _element(block["accessory"])


def _image(block: Element) -> Problems:
    if not ({"image_url", "slack_file"} & block.keys()):
        yield "an image needs image_url or slack_file"
    if not 1 <= len(block.get("alt_text", "")) <= ALT_TEXT:
        yield f"alt_text: must have 1 to {ALT_TEXT} characters"


def _context(block: Element) -> Problems:
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= CONTEXT_ELEMENTS:
        yield f"elements: must be 1 to {CONTEXT_ELEMENTS}"
    for place, element in enumerate(elements):
        if element.get("type") == "image":
            yield from _image(element)
        else:
            yield from _text(element, SECTION, f"elements/{place}")


def _actions(block: Element) -> Problems:
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= BUTTONS:
        yield f"elements: must be 1 to {BUTTONS}"
    names = [element.get("action_id") for element in elements if element.get("action_id")]
    if len(names) != len(set(names)):
        yield "elements: an action_id stands twice"
    for element in elements:
        yield from _element(element)


def _input(block: Element) -> Problems:
    yield from _text(block.get("label"), LABEL, "label", plain=True)
    if "hint" in block:
        yield from _text(block["hint"], LABEL, "hint", plain=True)
    yield from _element(block.get("element") or {})


def _element(element: Element) -> Problems:
    """Yield what is wrong with something to press, to choose or to type in."""
    kind = element.get("type")
    yield from _name(element, "action_id")
    if "placeholder" in element:
        yield from _text(element["placeholder"], PLACEHOLDER, "placeholder", plain=True)
    if kind == "button":
        yield from _button(element)
    elif kind in {"static_select", "multi_static_select"}:
        yield from _options(element, OPTIONS)
    elif kind in {"checkboxes", "radio_buttons"}:
        yield from _options(element, BOXES)
    elif kind == "number_input":
        if not isinstance(element.get("is_decimal_allowed"), bool):
            yield "number_input: is_decimal_allowed is required"
    elif kind not in {"plain_text_input", "datetimepicker", "image"}:
        yield f"unsupported element {kind!r}"


def _button(button: Element) -> Problems:
    yield from _text(button.get("text"), BUTTON_TEXT, "button", plain=True)
    if len(button.get("value", "")) > BUTTON_VALUE:
        yield f"button value: more than {BUTTON_VALUE} characters"
    if len(button.get("url", "")) > ADDRESS:
        yield f"button url: more than {ADDRESS} characters"
    if button.get("style", "primary") not in {"primary", "danger"}:
        yield f"button style: {button['style']!r} is none"


def _options(element: Element, most: int) -> Problems:
    options = element.get("options") or []
    if not 1 <= len(options) <= most:
        yield f"options: must be 1 to {most}"
    for option in options:
        yield from _text(option.get("text"), OPTION_TEXT, "option")
        if not 1 <= len(option.get("value", "")) <= OPTION_VALUE:
            yield f"option value: must have 1 to {OPTION_VALUE} characters"
    chosen = [element.get("initial_option"), *element.get("initial_options", ())]
    for option in filter(None, chosen):
        if option not in options:
            yield f"initial option {option.get('value')!r} is none of the options"


def _divider(_: Element) -> Problems:
    yield from ()


_BLOCKS: Mapping[Any, Callable[[Element], Problems]] = {
    "header": _header,
    "section": _section,
    "divider": _divider,
    "image": _image,
    "context": _context,
    "actions": _actions,
    "input": _input,
}
