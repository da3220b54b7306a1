"""Numbers and times as people read them."""

import time
from datetime import UTC, datetime

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from broker.shown import shown

register = template.Library()
register.filter(shown)

Number = float | str | None
"""Text where a template found nothing to look a number up in."""

THIN_SPACE = "\u202f"
NONE = "–"
_STEPS = ((86_400 * 2, 86_400, "d"), (3600 * 2, 3600, "h"), (60 * 2, 60, "min"), (0, 1, "s"))


@register.filter
def grouped(number: Number) -> str:
    """Return a whole number with a thin space between thousands."""
    return (
        NONE
        if number is None or isinstance(number, str)
        else f"{round(number):,}".replace(",", THIN_SPACE)
    )


@register.filter
def rate(per_minute: Number) -> str:
    """Return a rate with as many digits as it deserves."""
    if per_minute is None or isinstance(per_minute, str):
        return NONE
    return grouped(per_minute) if per_minute >= 100 else f"{per_minute:.3g}"  # noqa: PLR2004 digits


@register.filter
def megabytes(size_bytes: Number) -> str:
    """Return an amount in MB or GB."""
    if size_bytes is None or isinstance(size_bytes, str):
        return NONE
    return f"{size_bytes / 1e9:.2g} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.2g} MB"  # noqa: PLR2004 one GB


@register.filter
def ago(at_s: Number, count: Number = None) -> SafeString | str:
    """Return how long ago a time [s since 1970] was; the time itself shows on hover.

    Where there is a ``count`` of what came, something did: its time is then only unknown.
    """
    if at_s is None or isinstance(at_s, str):
        return "not known yet" if count else "never"
    age_s = max(0.0, time.time() - at_s)
    unit_s, unit = next((size, name) for least, size, name in _STEPS if age_s >= least)
    moment = datetime.fromtimestamp(at_s, UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}{}{} ago</time>',
        f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        f"{moment:%Y-%m-%d %H:%M:%S} UTC",
        int(age_s // unit_s),
        THIN_SPACE,
        unit,
    )


@register.filter
def duration(seconds: Number) -> str:
    """Return how long something holds, in the largest unit that it is a whole number of."""
    if seconds is None or isinstance(seconds, str):
        return NONE
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds:.0f} seconds"


@register.filter
def utc(moment: datetime | None) -> SafeString | str:
    """Return a time in UTC; the viewer's own shows on hover."""
    if moment is None:
        return NONE
    at = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}">{} UTC</time>', f"{at:%Y-%m-%dT%H:%M:%SZ}", f"{at:%Y-%m-%d %H:%M:%S}"
    )


@register.filter
def dotted(name: str) -> SafeString:
    """Return a dotted name that may break behind its dots."""
    return SafeString(escape(name).replace(".", ".<wbr>"))
