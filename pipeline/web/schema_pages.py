"""Schemas of the public messages, and the newest message of each topic taken apart."""

import io
import json
from typing import Any

import fastavro
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from broker.access import PUBLIC, access
from broker.kafka_types import Packet
from broker.rest_json import write
from pipeline import topics
from pipeline.alerts import explain, field_docs
from pipeline.alerts.schemas import FOLDER, OUTPUT_TEXT
from pipeline.topics import SCHEMA_VERSION
from pipeline.web import figures
from pipeline.web.topic_pages import ALL

SHOWN_POINTS = 3
"""Points of a light curve that a page shows; the download holds all."""
NOTHING = "There is no message to show: the topic is empty, or Kafka does not answer."


@access(PUBLIC)
@require_safe
def schema(request: HttpRequest, name: str) -> HttpResponse:
    """Show a survey's message field by field; a topic leads to its survey's."""
    if name in ALL:
        survey = ALL[name].survey
        return redirect(f"/schemas/{survey}" if survey else f"/topics/{name}")
    context = {
        "survey": _survey(name),
        "records": field_docs.records(name),
        "version": SCHEMA_VERSION,
        "since": field_docs.SINCE,
        "topics": [each for each in (*topics.OUTPUTS, *topics.STEADY) if each.survey == name],
    }
    return render(request, "pipeline/schema.html", context)


@access(PUBLIC)
@require_safe
def avsc(_request: HttpRequest, name: str) -> HttpResponse:
    """Hand out a survey's Avro schema."""
    text = (FOLDER / f"babamul_{_survey(name)}.avsc").read_text()
    return _file(text.encode(), f"babamul_{name}.avsc", "application/json")


@access(PUBLIC)
@require_safe
def sample(request: HttpRequest, name: str) -> HttpResponse:
    """Show the newest message of a topic, or of a survey's busiest topic, decoded."""
    topic = _topic(name)
    packet = figures.newest_message(topic)
    context: dict[str, Any] = {"topic": topic, "problem": "" if packet else NOTHING}
    if packet:
        context |= _taken_apart(packet)
    return render(request, "pipeline/sample.html", context)


@access(PUBLIC)
@require_safe
def sample_json(_request: HttpRequest, name: str) -> HttpResponse:
    """Hand out the newest message of a topic as JSON; NaN becomes null."""
    packet = figures.newest_message(_topic(name))
    if packet is None:
        return JsonResponse({"message": NOTHING, "errors": {}}, status=503)
    return HttpResponse(write(_decoded(packet.value)), content_type="application/json")


@access(PUBLIC)
@require_safe
def sample_avro(_request: HttpRequest, name: str) -> HttpResponse:
    """Hand out the newest message of a topic as it came."""
    topic = _topic(name)
    packet = figures.newest_message(topic)
    if packet is None:
        raise Http404(NOTHING)
    return _file(packet.value, f"{topic}.avro", "application/octet-stream")


def _survey(name: str) -> str:
    if name not in OUTPUT_TEXT:
        raise Http404(f"no schema {name}; known: {', '.join(OUTPUT_TEXT)}")
    return name


def _topic(name: str) -> str:
    """Return the topic that ``name`` names, or the busiest of the survey of that name."""
    if name in ALL:
        return name
    if name not in explain.SURVEYS:
        raise Http404(f"no topic {name}")
    seen = figures.figures()
    counts = {each: figure.kept for each, figure in seen.value.items()} if seen else {}
    own = [each.name for each in topics.OUTPUTS if each.survey == name]
    return max(own, key=lambda each: counts.get(each, 0))


def _taken_apart(packet: Packet) -> dict[str, Any]:
    record = _decoded(packet.value)
    shown = _shortened(record)
    return {
        "at_s": packet.timestamp_ms / 1000,
        "size_bytes": len(packet.value),
        "object_id": record.get("objectId", ""),
        "candid": str(record.get("candid", "")),
        "text": json.dumps(json.loads(write(shown)), indent=1, ensure_ascii=False),
    }


def _decoded(value: bytes) -> dict[str, Any]:
    found = next(iter(fastavro.reader(io.BytesIO(value))))
    return dict(found) if isinstance(found, dict) else {"value": found}


def _shortened(record: Any) -> Any:
    """Return a record with the first points of its light curves only."""
    if isinstance(record, dict):
        return {name: _shortened(value) for name, value in record.items()}
    if isinstance(record, list) and len(record) > SHOWN_POINTS:
        more = f"… {len(record) - SHOWN_POINTS} more"
        return [*(_shortened(each) for each in record[:SHOWN_POINTS]), more]
    return record


def _file(content: bytes, name: str, kind: str) -> HttpResponse:
    return HttpResponse(
        content,
        content_type=kind,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
