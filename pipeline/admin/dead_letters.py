"""Pages of packets that could not become an alert, and what an operator does about them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotFound
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from typing_extensions import override

from broker import dead_letters
from broker.admin import MirrorAdmin, ReasonForm, html_table
from broker.db import transaction
from broker.errors import TransientError
from broker.letter_packets import NoPacketError, archived_packet, kafka_packet, living_log
from broker.mirror import all_of
from broker.ranges.second_tries import try_again
from pipeline import models
from pipeline.admin import cells
from pipeline.admin.letter_filters import FirstSeenFilter, NightFilter, PartitionFilter, TopicFilter
from pipeline.admin.packets import packet_html

MAX_IGNORED = 10_000
MAX_RETRIED = 1_000
"""Fewer: each packet is looked for, while the browser waits."""
COUNTED_LETTERS = 10_000
SHOWN_REASONS = 5
SHOWN_MESSAGE = 120
BIGGEST_ID = 2**63 - 1


class IgnoreForm(ReasonForm):
    """Why nobody shall look at these packets again."""

    why = forms.CharField(
        max_length=dead_letters.NOTE_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 80, "autofocus": True}),
        label="Reason",
        help_text="Kept with each letter, with your name; the books show it for ever.",
    )


@admin.register(models.DeadLetter)
class DeadLetterAdmin(MirrorAdmin):
    """One packet that could not become an alert.

    Looking needs the permission "view", Retry and Ignore the permission "operate".
    """

    list_display = (
        "pk",
        "stream",
        "reason",
        "state",
        "coordinates",
        "alert",
        "night",
        "seen",
        "short_message",
    )
    list_filter = (
        "stream",
        "reason",
        "state",
        NightFilter,
        FirstSeenFilter,
        TopicFilter,
        PartitionFilter,
    )
    actions = ("retry", "ignore")
    search_help_text = "an offset, a candid, the whole name of an object, or words of the message"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "stream",
                    "reason",
                    "message",
                    "state",
                    "attempts",
                    "resolved_by",
                    "note",
                    "first_seen_at",
                    "updated_at",
                )
            },
        ),
        (
            "Where it came from",
            {
                "fields": (
                    "coordinates",
                    "kafka_timestamp",
                    "night",
                    "candid",
                    "object_id",
                    "archive",
                    "digest",
                )
            },
        ),
        ("Traceback", {"fields": ("trace",)}),
        ("What was done", {"fields": ("deeds",)}),
    )

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out what only one page needs."""
        return super().get_queryset(request).defer("traceback", "sha256")

    @override
    def get_urls(self) -> list[Any]:
        """Add the packet's bytes."""
        view = self.admin_site.admin_view(require_safe(self.packet))
        own: list[URLPattern] = [
            path("<int:key>/packet", view, name="pipeline_deadletter_packet"),
        ]
        return own + super().get_urls()

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may retry and ignore."""
        return bool(request.user.has_perm("pipeline.operate_deadletter"))

    def find(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Return the letters at this offset, of this alert or object, or with these words."""
        if not term.isdecimal():
            return rows.filter(Q(message__icontains=term) | Q(object_id=term))
        number = int(term)
        if number > BIGGEST_ID:
            return rows.none()
        # Written so that each part has an index of its own.
        is_interval = Q(last_offset__gt=F("source_offset"))
        return rows.filter(
            Q(source_offset=number)
            | (is_interval & Q(source_offset__lte=number, last_offset__gte=number))
            | Q(candid=number)
            | Q(object_id=term)
        )

    @override
    def add_to_list(self, request: HttpRequest, context: dict[str, Any]) -> None:
        """Add the counts of the reasons."""
        context["reason_counts"] = self._reason_counts(request, context["cl"])

    def _reason_counts(self, request: HttpRequest, changes: Any) -> list[dict[str, Any]]:
        """Count the reasons of what the other filters keep, with a link to each.

        The newest ``COUNTED_LETTERS`` are counted, as pages reach no more.
        """
        rows = changes.root_queryset
        for spec in changes.filter_specs:
            if "reason__exact" not in spec.expected_parameters():
                kept = spec.queryset(request, rows)
                rows = rows if kept is None else kept
        rows, _ = self.get_search_results(request, rows, changes.query)
        newest = rows.order_by("-pk").values("pk")[:COUNTED_LETTERS]
        counted = all_of(models.DeadLetter).filter(pk__in=newest).order_by().values("reason")
        counts = counted.annotate(n=Count("pk")).order_by("-n", "reason")
        chosen = request.GET.get("reason__exact")
        return [
            {
                "name": each["reason"].replace("_", " "),
                "n": each["n"],
                "is_chosen": each["reason"] == chosen,
                "url": changes.get_query_string({"reason__exact": each["reason"]}, ["p"]),
            }
            for each in counts
        ]

    @override
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one letter with its packet, decoded as far as it goes."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {**(extra_context or {})}
        letter = self.get_object(request, object_id) if object_id.isdecimal() else None
        if letter is not None and request.method == "GET":
            may = self.has_operate_permission(request)
            context |= self._packet_context(request, letter)
            context["may_retry"] = may and letter.state in dead_letters.RETRIED_STATES
            context["may_ignore"] = may and letter.state in dead_letters.IGNORED_STATES
        return super().change_view(request, object_id, form_url, context)

    def _packet_context(self, request: HttpRequest, letter: Any) -> dict[str, Any]:
        from_kafka = request.GET.get("from") == "kafka"
        try:
            packet = _packet(letter.pk, from_kafka=from_kafka)
        except NoPacketError as error:
            return {"no_packet": str(error), "asked_kafka": from_kafka}
        url = reverse("admin:pipeline_deadletter_packet", args=[letter.pk])
        return {
            "packet": packet_html(packet, letter.message),
            "packet_source": "Kafka" if from_kafka else "the archive",
            "download_url": f"{url}?from=kafka" if from_kafka else url,
        }

    def packet(self, request: HttpRequest, key: int) -> HttpResponse:
        """Send a letter's packet as it is; a browser must not look into it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            packet = _packet(key, from_kafka=request.GET.get("from") == "kafka")
        except NoPacketError as error:
            return HttpResponseNotFound(str(error), content_type="text/plain; charset=utf-8")
        answer = HttpResponse(packet, content_type="application/octet-stream")
        answer["Content-Disposition"] = f'attachment; filename="dead-letter-{key}.avro"'
        answer["X-Content-Type-Options"] = "nosniff"
        answer["Content-Security-Policy"] = "sandbox"
        return answer

    @admin.action(description="Retry: work the packets once more", permissions=["operate"])
    def retry(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Ask for a replay of each packet; tell how many, and why not the others."""
        ids, left = _ids(rows.filter(state__in=dead_letters.RETRIED_STATES), MAX_RETRIED)
        asked = rows.count() if not ids else None
        by = request.user.get_username()
        try:
            tried = try_again(ids, by)
        except TransientError as error:
            text = f"Nothing was changed: {error}"
            self.message_user(request, text, messages.ERROR)
            return
        _log(request, tried.taken, "Retried.")
        if tried.taken:
            text = f"{_letters(len(tried.taken))} sent again; the outcome shows here in a moment."
            self.message_user(request, text, messages.SUCCESS)
        reasons = tried.why_refused()
        for why in reasons[:SHOWN_REASONS]:
            self.message_user(request, f"Not sent again: {why}", messages.WARNING)
        if len(reasons) > SHOWN_REASONS:
            text = f"… and {len(reasons) - SHOWN_REASONS} more reasons, for other letters."
            self.message_user(request, text, messages.WARNING)
        if asked is not None:
            text = f"Of {_letters(asked)} none is open or ignored: nothing to send again."
            self.message_user(request, text, messages.INFO)
        self._tell_left(request, left, MAX_RETRIED)

    @admin.action(description="Ignore, with a reason", permissions=["operate"])
    def ignore(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        """Ask for the reason; then close the letters for good."""
        rows = rows.filter(state__in=dead_letters.IGNORED_STATES)
        newest = request.POST.get("newest", "")
        if newest.isdecimal():
            rows = rows.filter(pk__lte=int(newest))  # what came while the reason was being written
        ids, left = _ids(rows, MAX_IGNORED)
        if not ids:
            self.message_user(request, "None of them is open.", messages.INFO)
            return None
        form = IgnoreForm(request.POST if "why" in request.POST else None)
        if not form.is_valid():
            return self._ask_why(request, form, ids, left)
        with transaction() as session:
            why = form.cleaned_data["why"]
            ignored = dead_letters.ignore(session, ids, request.user.get_username(), why)
            _log(request, ignored, f"Ignored: {why}")
        self.message_user(request, f"{_letters(len(ignored))} ignored.", messages.SUCCESS)
        self._tell_left(request, left, MAX_IGNORED)
        return None

    def _ask_why(
        self, request: HttpRequest, form: IgnoreForm, ids: list[int], left: int
    ) -> HttpResponse:
        found = all_of(models.DeadLetter).filter(pk__in=ids)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Ignore {_letters(len(ids))}",
            "opts": self.opts,
            "form": form,
            "counts": found.order_by().values("stream", "reason").annotate(n=Count("pk")),
            "first_letters": found.order_by("-pk")[:SHOWN_REASONS],
            "left": left,
            "newest": max(ids),
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "checkbox": ACTION_CHECKBOX_NAME,
            "media": self.media,
        }
        template = "admin/pipeline/deadletter/ignore.html"
        return TemplateResponse(request, template, context)

    def _tell_left(self, request: HttpRequest, left: int, most: int) -> None:
        if left:
            text = f"{_letters(left)} more wait: at most {most:,} are done at once."
            self.message_user(request, text, messages.WARNING)

    @override
    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Act; what a button of a letter's page did is shown on that page."""
        response = super().response_action(request, queryset, *args, **kwargs)
        key = request.POST.get("back_to", "")
        if key.isdecimal() and response is not None and response.status_code == 302:  # noqa: PLR2004 a redirect
            return redirect("admin:pipeline_deadletter_change", key)
        return response

    @admin.display(description="topic, partition, offset")
    def coordinates(self, letter: Any) -> str:
        """Return where the packet, or the interval of offsets, stood in Kafka."""
        is_interval = letter.last_offset > letter.source_offset
        end = f" to {letter.last_offset}" if is_interval else ""
        return f"{letter.topic} / {letter.source_partition} / {letter.source_offset}{end}"

    @admin.display(description="candid, object")
    def alert(self, letter: Any) -> str:
        """Return which alert it would have been, where that is known."""
        known = [str(each) for each in (letter.candid, letter.object_id) if each is not None]
        return ", ".join(known) or "–"

    @admin.display(description="first seen (UTC)")
    def seen(self, letter: Any) -> SafeString:
        """Return when it was buried."""
        return format_html(
            '<span class="nowrap">{}</span>', f"{letter.first_seen_at:%Y-%m-%d %H:%M:%S}"
        )

    @admin.display(description="message")
    def short_message(self, letter: Any) -> str:
        """Return the beginning of the message."""
        text: str = letter.message
        return text if len(text) <= SHOWN_MESSAGE else f"{text[:SHOWN_MESSAGE]}…"

    @admin.display(description="archive")
    def archive(self, row: Any) -> str:
        """Return where the packet lies on disk."""
        return cells.archive_position(row)

    @admin.display(description="sha256")
    def digest(self, letter: Any) -> str:
        """Return the packet's checksum."""
        return "–" if letter.sha256 is None else bytes(letter.sha256).hex()

    @admin.display(description="traceback")
    def trace(self, letter: Any) -> SafeString | str:
        """Return the traceback in lines."""
        return format_html("<pre>{}</pre>", letter.traceback) if letter.traceback else "–"

    @admin.display(description="by operators")
    def deeds(self, letter: Any) -> SafeString | str:
        """Return who did what to it, and when."""
        found = LogEntry.objects.filter(
            content_type=get_content_type_for_model(letter), object_id=str(letter.pk)
        ).select_related("user")
        rows = [
            (f"{entry.action_time:%Y-%m-%d %H:%M:%S}", entry.user, entry.get_change_message())
            for entry in found.order_by("-pk")
        ]
        return html_table(("time (UTC)", "who", "what"), rows) if rows else "nothing yet"


def _packet(key: int, *, from_kafka: bool) -> bytes:
    with transaction() as session:
        letter = session.get(dead_letters.DeadLetter, key)
        if letter is None:
            raise Http404
        if not from_kafka:
            return archived_packet(session, letter)
        living = living_log(session, letter)
    return kafka_packet(letter, living)


def _ids(rows: QuerySet[Any], most: int) -> tuple[list[int], int]:
    """Return the oldest letters that one action takes, and how many are left."""
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:most])
    return ids, rows.count() - len(ids) if len(ids) == most else 0


def _log(request: HttpRequest, ids: list[int], text: str) -> None:
    """Write a row of audit for each letter, in the transaction of the request."""
    letters = all_of(models.DeadLetter).filter(pk__in=ids).defer("traceback", "sha256")
    if ids and request.user.pk is not None:
        LogEntry.objects.log_actions(request.user.pk, letters, CHANGE, text)


def _letters(count: int) -> str:
    return "1 letter" if count == 1 else f"{count:,} letters"
