"""What the admin's first page shows above its list of tables."""

from typing import Any

from django import template

from broker import admin_front

register = template.Library()


@register.inclusion_tag("admin/front.html", takes_context=True)
def front(context: dict[str, Any]) -> dict[str, Any]:
    """Return the lines that whoever asks may see."""
    return {"lines": admin_front.lines(context["request"].user)}
