"""Telescopes that plans are made for, and which of them cannot observe until when."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from broker.access import PUBLIC, access, has_role, staff
from broker.config import config
from broker.db import transaction
from pipeline.alerts.query import reading
from pipeline.gw import outages
from pipeline.gw.telescopes import canonical, is_known, telescope, telescopes

MARKERS = ("shifter", "operator", "admin")
PAGE = "/gw/telescopes"


class OutageForm(forms.Form):
    """Which telescope cannot observe, why, and until when."""

    telescope = forms.ChoiceField(choices=lambda: [(t.name, t.name) for t in telescopes()])
    reason = forms.CharField(max_length=outages.MAX_REASON)
    until = forms.DateTimeField(
        label="Until (UTC)",
        required=False,
        help_text="Empty: until the noon after the next night there.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )

    def until_at(self) -> datetime:
        """Return the end of the outage; at noon after the next night where none was given."""
        given: datetime | None = self.cleaned_data["until"]
        if given is not None:
            return given
        longitude_deg = telescope(self.cleaned_data["telescope"]).longitude_deg
        return outages.noon_after_night(longitude_deg, datetime.now(UTC))


@access(PUBLIC)
@require_http_methods(["GET", "HEAD"])
def page(request: HttpRequest) -> HttpResponse:
    """Show the table of telescopes; staff of some roles also a form."""
    return _shown(request, OutageForm())


@access(staff(*MARKERS))
@require_POST
def mark(request: HttpRequest) -> HttpResponse:
    """Note that a telescope cannot observe."""
    form = OutageForm(request.POST)
    if not form.is_valid():
        return _shown(request, form, status=400)
    name, until_at = form.cleaned_data["telescope"], form.until_at()
    try:
        with transaction() as session:
            by = request.user.get_username()
            outages.mark(session, name, form.cleaned_data["reason"], until_at, by)
    except outages.OutageError as error:
        form.add_error(None, str(error))
        return _shown(request, form, status=400)
    messages.success(request, f"{name} is left out of plans until {until_at:%Y-%m-%d %H:%M} UTC.")
    return redirect(PAGE)


@access(staff(*MARKERS))
@require_POST
def end(request: HttpRequest, outage_id: int) -> HttpResponse:
    """Take an outage back."""
    with transaction() as session:
        has_ended = outages.end(session, outage_id, request.user.get_username())
    if has_ended:
        messages.success(request, "The telescope is planned again from the next plan on.")
    else:
        messages.warning(request, "That outage had ended already.")
    return redirect(PAGE)


def _shown(request: HttpRequest, form: OutageForm, status: int = 200) -> HttpResponse:
    user: Any = request.user
    with reading() as session:
        marked = outages.current(session, datetime.now(UTC))
    context = {
        "rows": [(each, marked.get(each.name)) for each in telescopes()],
        "may_mark": user.is_active and user.is_staff and has_role(user, MARKERS),
        "by_default": _by_default(),
        "form": form,
    }
    return render(request, "pipeline/gw/telescopes.html", context, status=status)


def _by_default() -> frozenset[str]:
    """Return the telescopes that are planned for without anybody asking."""
    named = (name for group in config().gw.plan_groups for name in group.telescopes)
    return frozenset(canonical(name) for name in named if is_known(name))
