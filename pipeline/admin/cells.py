"""What several pages show the same way."""

import io
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from fastavro import schemaless_reader

from broker.admin import html_table, link
from pipeline.alerts.schemas import record_schema
from pipeline.plots import utc
from pipeline.topics import STREAMS

SURVEYS = tuple(stream.survey for stream in STREAMS)


def time(jd_utc: float | None) -> str:
    """Return date and time (UTC) of a Julian date, to the second, on one line."""
    if jd_utc is None:
        return "–"
    return format_html('<span class="nowrap">{}</span>', f"{utc(jd_utc):%Y-%m-%d %H:%M:%S}")


def position(row: Any) -> str:
    """Return right ascension and declination [deg] of an alert or an object."""
    return f"{row.ra_deg:.6f}, {row.dec_deg:+.6f}"


def abmag(value: float | None) -> str:
    """Return a magnitude."""
    return "–" if value is None else f"{value:.2f}"


def outcome(alert: Any) -> str:
    """Return what stopped an alert, or whether Kafka has it."""
    if alert.gate_reason:
        return f"stopped: {alert.gate_reason}"
    if alert.pending:
        return "waiting"
    return "published" if alert.published_at else "not sent"


def archive_position(row: Any) -> str:
    """Return a link to a row's archive segment, with the bytes that are the packet."""
    if row.archive_segment is None:
        return "–"
    end = row.archive_start + row.archive_length
    segment = link(row.archive_segment, row.archive_segment.path)
    return format_html("{}, bytes {} to {}", segment, row.archive_start, end)


def record_table(survey: str, part: str, encoded: bytes | None) -> SafeString | str:
    """Return every field of a stored candidate or properties record."""
    if encoded is None:
        return "–"
    record: Any = schemaless_reader(io.BytesIO(bytes(encoded)), record_schema(survey, part))
    return html_table(
        ("field", "value"),
        ((name, "–" if value is None else value) for name, value in record.items()),
    )
