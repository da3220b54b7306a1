"""Filters of the list of dead letters; their choices cost next to nothing to list."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from broker.mirror import all_of
from pipeline import models
from pipeline.admin.filters import nights_up_to
from pipeline.listened import stream_names

SHOWN_TOPICS = 20
_STREAM_NAMES = stream_names()


class NightFilter(admin.SimpleListFilter):
    """The nights up to the newest letter's."""

    title = "night"
    parameter_name = "night"

    def lookups(
        self, _request: HttpRequest, _model_admin: "admin.ModelAdmin[Any]"
    ) -> list[tuple[str, str]]:
        """Return the last nights, newest first, and the night that is being looked at."""
        rows = all_of(models.DeadLetter).filter(night__isnull=False).order_by("-night")
        lasts = [  # one by one, so that the index of stream and night serves
            rows.filter(stream=name).values_list("night", flat=True).first()
            for name in _STREAM_NAMES
        ]
        newest = max((last for last in lasts if last is not None), default=None)
        return [*nights_up_to(newest), ("none", "unknown")]

    def queryset(self, _request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Keep one night; naming every stream lets the index of stream and night be used."""
        value = self.value()
        if value is None:
            return rows
        if value == "none":
            return rows.filter(night__isnull=True)
        night = _day(value)
        return rows.filter(stream__in=_STREAM_NAMES, night=night) if night else rows.none()


class TopicFilter(admin.SimpleListFilter):
    """The topics read last."""

    title = "topic"
    parameter_name = "topic"

    def lookups(
        self, _request: HttpRequest, _model_admin: "admin.ModelAdmin[Any]"
    ) -> list[tuple[str, str]]:
        """Return the newest topics."""
        newest = all_of(models.Source).order_by("-pk").values_list("topic", flat=True)
        names = dict.fromkeys(newest[:SHOWN_TOPICS])
        return [(name, name) for name in names]

    def queryset(self, _request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Keep one topic; its sources let the index of coordinates be used."""
        topic = self.value()
        if not topic:
            return rows
        sources = all_of(models.Source).filter(topic=topic).order_by().values_list("pk", flat=True)
        return rows.filter(source__in=list(sources), topic=topic)


class PartitionFilter(admin.SimpleListFilter):
    """The partitions that listeners know."""

    title = "source partition"
    parameter_name = "partition"

    def lookups(
        self, _request: HttpRequest, _model_admin: "admin.ModelAdmin[Any]"
    ) -> list[tuple[str, str]]:
        """Return every number up to the largest partition."""
        largest = (
            all_of(models.StreamPartition)
            .order_by("-partition")
            .values_list("partition", flat=True)
            .first()
        )
        return [(str(at), str(at)) for at in range((largest or 0) + 1)]

    def queryset(self, _request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Keep one partition."""
        value = self.value()
        if not value:
            return rows
        return rows.filter(source_partition=int(value)) if value.isdecimal() else rows.none()


class FirstSeenFilter(admin.ListFilter):
    """Letters buried between two days (UTC), both included."""

    title = "first seen"
    template = "admin/pipeline/deadletter/day_range.html"
    names = ("seen_from", "seen_to")

    def __init__(
        self,
        request: HttpRequest,
        params: dict[str, Any],
        model: type[Any],
        model_admin: "admin.ModelAdmin[Any]",
    ) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.names:
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]

    def has_output(self) -> bool:
        """Return that it is always shown."""
        return True

    def expected_parameters(self) -> list[str | None]:
        """Return the names of its two days."""
        return list(self.names)

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """Return the two days, and what the form must keep of the rest of the query."""
        kept: Mapping[str, Any] = changelist.get_filters_params()
        others = {
            name: value[-1] if isinstance(value, list) else value
            for name, value in kept.items()
            if name not in self.names
        }
        yield {
            "days": [(name, self.used_parameters.get(name, "")) for name in self.names],
            "kept": list(others.items()) + [("q", changelist.query)] * bool(changelist.query),
            "clear": changelist.get_query_string(remove=list(self.names)),
            "is_used": bool(self.used_parameters),
        }

    def queryset(self, _request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the days from the first to the last."""
        first, last = (str(self.used_parameters.get(name, "")) for name in self.names)
        if first:
            day = _day(first)
            rows = rows.filter(first_seen_at__gte=_midnight(day)) if day else rows.none()
        if last:
            day = _day(last)
            if day is None:
                rows = rows.none()
            elif day < date.max:  # no letter came after the last day that there is
                rows = rows.filter(first_seen_at__lt=_midnight(day + timedelta(days=1)))
        return rows


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
