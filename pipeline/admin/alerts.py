"""Pages of alerts."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from broker.admin import MirrorAdmin, html_table, link
from broker.config import config
from broker.mirror import all_of
from pipeline import models
from pipeline.admin import cells
from pipeline.admin.cells import SURVEYS
from pipeline.admin.filters import NightFilter, OutcomeFilter
from pipeline.alerts.ledger import copy_topics
from pipeline.alerts.tables import OUTPUT_CLASS_TOPIC

FLAG_NAMES = ("positive", "rock", "star", "near_brightstar", "stationary", "complete")
FLAG_WORDS = ("unknown", "no", "yes", "?")


@admin.register(models.Alert)
class AlertAdmin(MirrorAdmin):
    """One packet that became an alert."""

    list_display = (
        "candid",
        "survey",
        "object_link",
        "time",
        "band",
        "magnitude",
        "alert_class",
        "outcome",
    )
    list_filter = ("survey", "alert_class", OutcomeFilter, NightFilter)
    list_select_related = ("object",)
    search_help_text = "candid, or the whole name of an object"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "survey",
                    "candid",
                    "object_link",
                    "time",
                    "position",
                    "hpx29",
                    "band",
                    "magnitude",
                    "score",
                    "programid",
                    "flag_words",
                )
            },
        ),
        (
            "Decision",
            {
                "fields": (
                    "alert_class",
                    "gate_reason",
                    "match_link",
                    "rule_version",
                    "output_words",
                    "published_at",
                )
            },
        ),
        (
            "Where it came from",
            {"fields": ("coordinates", "kafka_timestamp", "archive", "night", "created_at")},
        ),
        (
            "Candidate and properties as published",
            {"fields": ("candidate_table", "properties_table")},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out the encoded records, which only one page needs."""
        return super().get_queryset(request).defer("candidate", "properties")

    def find(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Return the alert with this candid and the alerts of the object with this name."""
        named = all_of(models.SkyObject).filter(survey__in=SURVEYS, object_id=term)
        wanted = Q(object_id__in=list(named.values_list("pk", flat=True)))
        if term.isdecimal():
            wanted |= Q(survey__in=SURVEYS, candid=int(term))
        return rows.filter(wanted)

    @admin.display(description="object")
    def object_link(self, alert: Any) -> str:
        """Return a link to its object."""
        return link(alert.object, alert.object and alert.object.object_id)

    @admin.display(description="survey match")
    def match_link(self, alert: Any) -> str:
        """Return a link to the object in the other survey."""
        found = alert.survey_match
        return link(found, found and f"{found.survey.upper()} {found.object_id}")

    @admin.display(description="time (UTC)", ordering="pk")
    def time(self, alert: Any) -> str:
        """Return date and time."""
        return cells.time(alert.jd_utc)

    @admin.display(description="ra, dec [deg]")
    def position(self, alert: Any) -> str:
        """Return right ascension and declination."""
        return cells.position(alert)

    @admin.display(description="AB mag")
    def magnitude(self, alert: Any) -> str:
        """Return the magnitude."""
        return cells.abmag(alert.magpsf_abmag)

    @admin.display(description="flags")
    def flag_words(self, alert: Any) -> SafeString:
        """Return each flag's name and state."""
        states = [FLAG_WORDS[alert.flags >> (2 * at) & 3] for at in range(len(FLAG_NAMES))]
        return html_table(FLAG_NAMES, [states])

    @admin.display(description="outcome")
    def outcome(self, alert: Any) -> str:
        """Return why it was stopped, or where it goes."""
        return cells.outcome(alert)

    @admin.display(description="outputs")
    def output_words(self, alert: Any) -> SafeString | str:
        """Return each topic it goes to, and whether Kafka has it."""
        names = {OUTPUT_CLASS_TOPIC: alert.output_topic} | copy_topics(config().selected)
        sent = "published" if alert.pending or alert.published_at else "not sent"
        rows = [
            (name, "waiting" if alert.pending & bit else sent)
            for bit, name in names.items()
            if alert.outputs & bit
        ]
        return html_table(("topic", "state"), rows) if rows else "none"

    @admin.display(description="topic, partition, offset")
    def coordinates(self, alert: Any) -> str:
        """Return where the packet stood in Kafka."""
        return f"{alert.source.topic} / {alert.source_partition} / {alert.source_offset}"

    @admin.display(description="archive")
    def archive(self, row: Any) -> str:
        """Return where the packet lies on disk."""
        return cells.archive_position(row)

    @admin.display(description="candidate")
    def candidate_table(self, alert: Any) -> SafeString | str:
        """Return every field of the published candidate."""
        return cells.record_table(alert.survey, "candidate", alert.candidate)

    @admin.display(description="properties")
    def properties_table(self, alert: Any) -> SafeString | str:
        """Return every field of the published properties."""
        return cells.record_table(alert.survey, "properties", alert.properties)
