"""Pages of objects, with their light curves."""

import math
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from broker.admin import MirrorAdmin, html_table, link, list_link
from broker.mirror import all_of
from pipeline import models
from pipeline.admin import cells
from pipeline.admin.cells import SURVEYS
from pipeline.light_curves import Photometry, unpack
from pipeline.plots import light_curve_svg

SHOWN_ALERTS = 100
SHOWN_POINTS = 200


@admin.register(models.SkyObject)
class SkyObjectAdmin(MirrorAdmin):
    """One object: its match, its alerts, its light curve."""

    list_display = (
        "object_id",
        "survey",
        "position",
        "alert_count",
        "last_time",
        "match_link",
    )
    list_filter = ("survey",)
    list_select_related = ("survey_match",)
    search_help_text = "the whole name of an object"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "survey",
                    "object_id",
                    "position",
                    "hpx29",
                    "is_public",
                    "match_link",
                    "alert_count",
                    "first_time",
                    "last_time",
                    "created_at",
                )
            },
        ),
        ("Light curve", {"fields": ("plot", "points")}),
        ("Alerts", {"fields": ("alerts",)}),
    )

    def find(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Return the objects with this name."""
        return rows.filter(survey__in=SURVEYS, object_id=term)

    @admin.display(description="ra, dec [deg]")
    def position(self, row: Any) -> str:
        """Return right ascension and declination."""
        return cells.position(row)

    @admin.display(description="survey match")
    def match_link(self, row: Any) -> str:
        """Return a link to the object in the other survey, and how far away it was."""
        if row.survey_match is None:
            return "–"
        arcsec = row.survey_match_arcsec
        distance = "" if arcsec is None else f", {arcsec:.2f} arcsec"
        return format_html("{}{}", link(row.survey_match, row.survey_match.object_id), distance)

    @admin.display(description="first (UTC)")
    def first_time(self, row: Any) -> str:
        """Return when it was first seen."""
        return cells.time(row.first_jd_utc)

    @admin.display(description="last (UTC)")
    def last_time(self, row: Any) -> str:
        """Return when it was last seen."""
        return cells.time(row.last_jd_utc)

    @admin.display(description="plot")
    def plot(self, row: Any) -> SafeString | str:
        """Return the light curve as a picture."""
        svg = light_curve_svg(_curves(row))
        return mark_safe(svg) if svg else "no public points"  # noqa: S308 every text in it is escaped

    @admin.display(description="points, newest first")
    def points(self, row: Any) -> SafeString | str:
        """Return the newest points of all series."""
        curves = _curves(row)
        rows = sorted((each for curve in curves for each in _point_rows(curve)), reverse=True)
        headings = ("time (UTC)", "series", "band", "AB mag", "±", "flux [nJy]", "± [nJy]")
        more = len(rows) - SHOWN_POINTS
        note = f"and {more} older points" if more > 0 else ""
        return format_html("{}{}", html_table(headings, rows[:SHOWN_POINTS]), note)

    @admin.display(description="newest first")
    def alerts(self, row: Any) -> SafeString:
        """Return links to its newest alerts."""
        found = all_of(models.Alert).filter(object=row).defer("candidate", "properties")
        rows = [
            (
                link(alert, str(alert.candid)),
                cells.time(alert.jd_utc),
                alert.band or "–",
                cells.abmag(alert.magpsf_abmag),
                cells.outcome(alert),
                alert.output_topic or "–",
            )
            for alert in found.order_by("-jd_utc")[:SHOWN_ALERTS]
        ]
        table = html_table(("candid", "time (UTC)", "band", "AB mag", "outcome", "topic"), rows)
        return format_html(
            "{}{}", table, list_link(models.Alert, "in the list of alerts", q=row.object_id)
        )


def _curves(row: Any) -> list[Photometry]:
    stored = all_of(models.LightCurve).filter(object=row).order_by("series")
    return [unpack(row.survey, curve.series, bytes(curve.points)) for curve in stored]


def _point_rows(curve: Photometry) -> Iterator[tuple[str, ...]]:
    name = models.SERIES_NAMES[curve.series]
    columns = (
        (curve.abmag, ".3f"),
        (curve.abmag_err, ".3f"),
        (curve.flux_njy, ".1f"),
        (curve.flux_err_njy, ".1f"),
    )
    for at, band in enumerate(curve.band):
        numbers = [
            f"{values[at]:{form}}" if math.isfinite(values[at]) else "–" for values, form in columns
        ]
        yield (cells.time(float(curve.jd_utc[at])), name, band, *numbers)
