"""Kill switches: a stream's messages held back, and let go again."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from typing_extensions import override

from broker.admin import MirrorAdmin
from broker.db import transaction
from broker.mirror import all_of
from broker.ranges import switches
from broker.reasons import LONGEST_REASON
from pipeline import models
from pipeline.topics import STREAMS


class TurnForm(forms.Form):
    """What an operator must say to hold a stream back or let it go."""

    stream = forms.ChoiceField(choices=[(each.name, each.name) for each in STREAMS])
    publishing = forms.ChoiceField(choices=[("on", "publish"), ("off", "hold back")])
    reason = forms.CharField(max_length=LONGEST_REASON, label="Why")


@admin.register(models.StreamSwitch)
class StreamSwitchAdmin(MirrorAdmin):
    """One page with the switch of every stream."""

    @override
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show every stream's switch; a POST turns one."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._turn(request)
        context = {
            **self.admin_site.each_context(request),
            "title": "Kill switches",
            "opts": self.opts,
            "media": self.media,
            "switches": _switches(),
            "may_turn": self._may_turn(request),
            "longest_reason": LONGEST_REASON,
        }
        return TemplateResponse(request, "admin/pipeline/streamswitch/switches.html", context)

    def _may_turn(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("pipeline.operate_streamswitch"))

    def _turn(self, request: HttpRequest) -> HttpResponse:
        if not self._may_turn(request):
            raise PermissionDenied
        form = TurnForm(request.POST)
        if not form.is_valid():
            for field, errors in form.errors.get_json_data().items():
                told = " ".join(error["message"] for error in errors)
                self.message_user(request, f"{field}: {told}", messages.ERROR)
            return redirect(request.path)
        stream, reason = form.cleaned_data["stream"], form.cleaned_data["reason"]
        publishing = form.cleaned_data["publishing"] == "on"
        entry = _note(request, stream, reason, publishing=publishing)
        with transaction() as session:
            by = str(request.user)
            is_done = switches.turn(session, stream, by, reason, publishing=publishing)
        if entry is not None and not is_done:
            entry.delete()
        words = "is published" if publishing else "is held back: alerts are stored and wait"
        told = f"Stream {stream} {words}." if is_done else f"Nothing to change: {stream} {words}."
        self.message_user(request, told, messages.SUCCESS if is_done else messages.INFO)
        return redirect(request.path)


@admin.register(models.HeldRange)
class HeldRangeAdmin(MirrorAdmin):
    """Offsets whose messages wait for their stream's switch."""

    list_display = ("pk", "stream", "source", "source_partition", "first_offset", "last_offset")
    list_filter = ("stream",)
    list_select_related = ("source",)


def _switches() -> list[dict[str, Any]]:
    rows = {row.stream: row for row in all_of(models.StreamSwitch)}
    held = {
        row["stream"]: row
        for row in all_of(models.HeldRange)
        .order_by()
        .values("stream")
        .annotate(ranges=Count("pk"), offsets=Sum(F("last_offset") - F("first_offset") + 1))
    }
    return [
        {
            "stream": stream.name,
            "row": rows.get(stream.name),
            "publishing": stream.name not in rows or rows[stream.name].publishing,
            "held": held.get(stream.name),
        }
        for stream in STREAMS
    ]


def _note(request: HttpRequest, stream: str, reason: str, *, publishing: bool) -> LogEntry | None:
    """Write the act into the admin's own history, before it is done.

    The two are written by connections of their own. Whoever dies between them leaves an entry of
    what was not done, never a deed that nobody did.
    """
    if request.user.pk is None:
        return None
    row = all_of(models.StreamSwitch).filter(stream=stream).first()
    return LogEntry.objects.create(
        user_id=request.user.pk,
        content_type=ContentType.objects.get_for_model(models.StreamSwitch),
        object_id=str(row.pk) if row else None,  # a stream never turned has no row yet
        object_repr=str(row) if row else stream,
        action_flag=CHANGE,
        change_message=f"{'Published again' if publishing else 'Held back'}: {reason}",
    )
