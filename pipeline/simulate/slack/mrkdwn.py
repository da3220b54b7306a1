"""Slack's own markup as HTML; what is not markup is text and stays text."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape, unescape

EMOJI = {
    "bell": "🔔",
    "x": "❌",
    "warning": "⚠️",
    "white_check_mark": "✅",
    "hourglass_flowing_sand": "⏳",
}
_CODE = re.compile(r"```\n?(?P<block>.+?)\n?```|`(?P<line>[^`\n]+)`", re.DOTALL)
_ANGLE = re.compile(r"<([^<>]+)>")
_STYLES = tuple(
    (re.compile(rf"(?<![\w{mark}]){mark}(?=\S)([^\n]+?)(?<=\S){mark}(?![\w{mark}])"), tag)
    for mark, tag in ((r"\*", "strong"), ("_", "em"), ("~", "s"))
)
_EMOJI = re.compile(r":([a-z_]+):")


def to_html(text: str, people: Mapping[str, str]) -> str:
    """Return the HTML of a text in Slack's markup.

    Parameters
    ----------
    text : str
        With ``& < >`` escaped, as Slack wants it.
    people : mapping
        Name of each user id, for mentions.
    """
    html, at = "", 0
    for code in _CODE.finditer(text):
        html += _prose(text[at : code.start()], people)
        if code["block"] is not None:
            html += f"<pre>{_plain(code['block'])}</pre>"
        else:
            html += f"<code>{_plain(code['line'])}</code>"
        at = code.end()
    return html + _prose(text[at:], people)


def _plain(text: str) -> str:
    return escape(unescape(text))


def _prose(text: str, people: Mapping[str, str]) -> str:
    html, at = "", 0
    for angle in _ANGLE.finditer(text):
        html += _styled(text[at : angle.start()]) + _reference(angle[1], people)
        at = angle.end()
    return (html + _styled(text[at:])).replace("\n", "<br>")


def _styled(text: str) -> str:
    html = _plain(text)
    for pattern, tag in _STYLES:
        html = pattern.sub(rf"<{tag}>\1</{tag}>", html)
    return _EMOJI.sub(lambda found: EMOJI.get(found[1], found[0]), html)


def _reference(inside: str, people: Mapping[str, str]) -> str:
    """Return the HTML of a link, a mention or a date."""
    target, _, label = inside.partition("|")
    if target.startswith("@"):
        return f'<span class="mention">@{escape(people.get(target[1:], target[1:]))}</span>'
    if target.startswith("!date^"):
        seconds = target.split("^")[1]
        shown = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M UTC")
        return f"<time>{escape(shown)}</time>"
    if target.startswith(("http://", "https://")):
        return f'<a href="{_plain(target)}" rel="noreferrer">{_plain(label or target)}</a>'
    return _plain(f"<{inside}>")
