"""The first page of the admin: how every part is, what waits for somebody, and the way to it.

Each flow adds its own lines: a function named in the setting ``ADMIN_FRONT``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Model
from django.urls import reverse
from django.utils.module_loading import import_string

from broker import health
from broker.health_parts import State


@dataclass(frozen=True)
class Line:
    """One thing that staff should see at once.

    Attributes
    ----------
    title : str
        What it is.
    state : str
        As in ``broker.health_parts``: whether somebody should look.
    text : str
        How it stands.
    url : str
        Where more is to be seen and done; empty: nowhere in the admin.
    """

    title: str
    state: State
    text: str
    url: str = ""


def lines(user: Any) -> list[Line]:
    """Return what this member of staff may see."""
    found = parts()
    for name in settings.ADMIN_FRONT:
        found += import_string(name)(user)
    return found


def parts() -> list[Line]:
    """Return the state of every part, as ``/health`` answers it."""
    return [
        Line(each.name.replace("_", " ").capitalize(), each.state, each.text)
        for each in health.report().findings
        if each.name != "dead_letters"  # the pipeline says more of them
    ]


def line_of(
    user: Any, model: type[Model], title: str, told: Sequence[str], **filters: object
) -> list[Line]:
    """Return a line that links to a model's list; none for whoever may not see that.

    Parameters
    ----------
    user : User
        Of Django.
    model : type of Model
        Whose list is linked.
    title : str
        Of the line.
    told : sequence of str
        What should not be; a warning unless there is nothing.
    filters : object
        Of the list.
    """
    options = model._meta
    if not user.has_perm(f"{options.app_label}.view_{options.model_name}"):
        return []
    url = reverse(f"admin:{options.app_label}_{options.model_name}_changelist", query=filters)
    return [Line(title, "warning" if told else "ok", ", ".join(told) or "nothing waits", url)]


def counted(**counts: int) -> list[str]:
    """Return what there is of each name, without what there is none of."""
    return [f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count]
