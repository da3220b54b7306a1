"""Messages of selected alerts: the packet's own bytes, in a container that any reader takes."""

import io
import struct
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import fastavro
import pytest

from broker.archive import Slice
from broker.archive_index import ArchiveError, Segment
from broker.avro import Containers, UnreadableError
from broker.avro_schema import plain_definition, writer_schema
from broker.config import config
from broker.errors import TransientError
from pipeline.alerts import selected_messages
from pipeline.alerts.delivery import delivery_id
from pipeline.alerts.schema_ids import SchemaIds
from pipeline.alerts.selected_messages import Place, archived, as_confluent, as_container, messages
from pipeline.alerts.selecting import Chosen
from pipeline.alerts.tables import OUTPUT_SELECTED
from pipeline.filters import extendedness
from pipeline.surveys import lsst
from tests import samples
from tests.unit.pipeline.surveys.lsst_packets import SCHEMA_ID, alert, packet

CANDID = 2**60 + 1
CAME = datetime(2026, 11, 21, 6, tzinfo=UTC)


@pytest.fixture
def value():
    return packet(alert({"extendedness": 0.25, "ssObjectId": 9}))


def row(**given):
    return {"candid": CANDID, "name": "sso9", "pending": OUTPUT_SELECTED} | given


def chosen(value):
    return Chosen(value, {"extendedness": [("n_extendedness", 1)]})


def test_a_packet_leaves_as_a_container_around_the_bytes_that_came(value):
    sent = as_container("lsst", value)

    reader = fastavro.reader(io.BytesIO(sent))
    (record,) = reader
    assert record["diaSource"]["extendedness"] == 0.25
    assert record["cutoutScience"] == alert()["cutoutScience"]
    assert value[5:] in sent
    assert b"__fastavro" not in sent
    schema = lsst.package_schema(SCHEMA_ID)
    assert writer_schema(reader.writer_schema).fingerprint == writer_schema(schema).fingerprint


def test_our_own_reader_takes_what_was_sent(value):
    schema, body = lsst.split(value)
    container = as_container("lsst", value)
    again = selected_messages.survey_named("lsst")

    assert (schema.name, body) == ("lsst.v11_1.alert", value[5:])
    with pytest.raises(UnreadableError, match="allow-list"):
        again.read(container)  # whose schema nobody has allowed in containers


def test_a_container_leaves_as_it_came():
    came = samples.container({"type": "record", "name": "x", "fields": []}, {})

    assert as_container("lsst", came) is came


def test_a_packet_whose_schema_nobody_knows_is_not_sent():
    with pytest.raises(UnreadableError, match="no schema has the id 7"):
        as_container("lsst", struct.pack(">bI", 0, 7) + b"x")


def test_marks_of_the_library_are_not_in_a_schemas_definition():
    marked = {"type": "record", "__x": 1, "fields": [{"type": {"__fastavro_parsed": True}}]}

    assert plain_definition(marked) == {"type": "record", "fields": [{"type": {}}]}


def test_a_message_names_its_filter_and_what_it_found(value):
    ((bit, message),) = messages("lsst", row(), chosen(value))

    assert bit == OUTPUT_SELECTED
    assert message.topic == "lsst-extendedness-filtered"
    assert message.key == b"9"
    assert message.headers == [
        ("delivery_id", delivery_id("lsst", CANDID, message.topic).encode()),
        ("filter", b"extendedness"),
        ("filter_version", b"1"),
        ("n_extendedness", b"1"),
    ]


@pytest.mark.parametrize(
    ("fact", "text"), [(True, b"true"), (0.1, b"0.1"), (float("nan"), b"nan"), ("faint", b"faint")]
)
def test_a_header_has_a_fact_as_text(value, fact, text):
    said = Chosen(value, {"extendedness": [("fact", fact)]})

    ((_, message),) = messages("lsst", row(), said)

    assert message.headers[-1] == ("fact", text)


def test_an_alert_waits_for_a_filter_that_fails_and_its_neighbours_messages_go(value, monkeypatch):
    broken = replace(extendedness.FILTER, name="broken", number=7)
    monkeypatch.setattr(selected_messages, "FILTERS", (broken, extendedness.FILTER))
    wait = messages("lsst", row(pending=OUTPUT_SELECTED | broken.bit), chosen(value))

    assert next(wait)[0] == OUTPUT_SELECTED
    with pytest.raises(TransientError, match="broken"):
        next(wait)


@pytest.mark.parametrize(("name", "key"), [("170", b"170"), (None, None)])
def test_alerts_of_one_object_share_a_key(value, name, key):
    ((_, message),) = messages("lsst", row(name=name), chosen(value))

    assert message.key == key


def test_what_does_not_wait_for_the_filters_topic_is_not_sent(value):
    assert list(messages("lsst", row(pending=3), chosen(value))) == []


@pytest.fixture
def archive(tmp_path, monkeypatch, value):
    settings = config().model_copy(deep=True)
    there = settings.archive.model_copy(update={"path": str(tmp_path)})
    settings = settings.model_copy(update={"archive": there})
    monkeypatch.setattr(selected_messages, "config", lambda: settings)
    (tmp_path / "a.seg").write_bytes(b"before" + value)
    return Place(Segment(1, "here", "a.seg"), Slice(1, 6, len(value), zlib.crc32(value)), CAME)


def test_a_packet_is_read_back_from_the_archive_with_what_the_filter_says(archive, value):
    found = archived("lsst", archive)

    assert found.packet == value
    assert dict(found.facts["extendedness"])["extendedness_median"] == 0.25


def test_a_packet_that_is_gone_or_damaged_is_not_sent(archive, tmp_path):
    (tmp_path / "a.seg").write_bytes(b"\0" * 10_000)
    with pytest.raises(ArchiveError, match="damaged"):
        archived("lsst", archive)

    Path(tmp_path / "a.seg").unlink()
    with pytest.raises(ArchiveError, match="not on this machine"):
        archived("lsst", archive)


@pytest.mark.samples
def test_every_real_packet_survives_its_container():
    for one in samples.rubin():
        (record,) = fastavro.reader(io.BytesIO(as_container("lsst", one.value)))
        assert record == one.record


class Registry:
    """Gives every schema the id 7, or fails."""

    def __init__(self, error=None):
        self.error = error
        self.subjects = []

    def register(self, subject, _definition):
        self.subjects.append(subject)
        if self.error:
            raise self.error
        return 7


@pytest.fixture
def confluent(monkeypatch):
    settings = config().model_copy(
        update={"selected": config().selected.model_copy(update={"wire": "confluent"})}
    )
    monkeypatch.setattr(selected_messages, "config", lambda: settings)

    def answered_by(registry):
        ids = SchemaIds(registry)
        monkeypatch.setattr(selected_messages, "_ids", lambda: ids)
        return registry

    return answered_by


def test_without_an_id_a_message_waits(confluent, value):
    confluent(Registry(TransientError("away")))

    with pytest.raises(selected_messages.NOT_NOW, match="away"):
        list(messages("lsst", row(), chosen(value)))


def test_in_confluent_framing_the_topics_subject_gives_the_id(confluent, value):
    registry = confluent(Registry())

    ((_, message),) = messages("lsst", row(), chosen(value))

    assert message.value == struct.pack(">bI", 0, 7) + value[5:]
    assert registry.subjects == ["lsst-extendedness-filtered-value"]


def test_a_container_loses_its_header_for_the_framing():
    came = samples.container(lsst.package_schema(SCHEMA_ID), alert({"extendedness": 0.5}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lsst, "_containers", lambda: Containers(lambda _: True))

        sent = as_confluent("lsst", came, "s", SchemaIds(Registry()))

    assert sent[5:] in came
    assert (
        fastavro.schemaless_reader(io.BytesIO(sent[5:]), lsst.package_schema(SCHEMA_ID), None)[
            "diaSource"
        ]["extendedness"]
        == 0.5
    )
