"""Schemas, and the newest message of a topic."""

import io
import json

import fastavro
import pytest

from broker.errors import TransientError
from broker.kafka_types import Packet
from pipeline.alerts.schemas import OUTPUT_SCHEMAS
from pipeline.alerts.steady import test_alert as make_alert  # a maker, not a test
from pipeline.web import figures

pytestmark = pytest.mark.integration
TOPIC = "babamul.lsst-test"


@pytest.fixture
def message(monkeypatch):
    found = make_alert("lsst", 1_700_000_000.0)
    packet = Packet(5, 1_700_000_000_000, found.value)
    monkeypatch.setattr(figures, "newest_message", lambda _: packet)
    return found.value


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_every_field_is_explained(browser, survey):
    page = browser.get(f"/schemas/{survey}").text

    names = [field["name"] for field in OUTPUT_SCHEMAS[survey]["fields"]]
    assert all(f"<code>{name}</code>" in page for name in names)
    assert "<td></td>" not in page


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_the_schema_can_be_downloaded(browser, survey):
    answer = browser.get(f"/schemas/{survey}.avsc")

    assert (
        fastavro.parse_schema(json.loads(answer.content))["name"] == OUTPUT_SCHEMAS[survey]["name"]
    )
    assert answer["Content-Disposition"] == f'attachment; filename="babamul_{survey}.avsc"'


@pytest.mark.parametrize("path", ["/schemas/gw", "/schemas/gw.avsc", "/schemas/gw/sample"])
def test_what_is_no_schema_is_not_found(browser, path):
    assert browser.get(path).status_code == 404


def test_the_newest_message_is_shown_decoded(browser, message):
    page = browser.get(f"/schemas/{TOPIC}/sample").text

    record = next(fastavro.reader(io.BytesIO(message)))
    assert record["objectId"] in page
    assert "&quot;candidate&quot;" in page


def test_it_can_be_downloaded_as_it_came(browser, message):
    answer = browser.get(f"/schemas/{TOPIC}/sample.avro")

    assert answer.content == message
    assert answer["Content-Disposition"] == f'attachment; filename="{TOPIC}.avro"'


def test_as_json_every_key_is_there_and_nan_is_null(browser, message):
    found = browser.get(f"/schemas/{TOPIC}/sample.json").json()

    record = next(fastavro.reader(io.BytesIO(message)))
    assert found["candid"] == record["candid"]
    assert found["candidate"].keys() == record["candidate"].keys()


def test_an_empty_topic_says_so(browser, monkeypatch):
    monkeypatch.setattr(figures, "newest_message", lambda _: None)

    assert "There is no message to show" in browser.get(f"/schemas/{TOPIC}/sample").text
    assert browser.get(f"/schemas/{TOPIC}/sample.json").status_code == 503
    assert browser.get(f"/schemas/{TOPIC}/sample.avro").status_code == 404


def test_kafka_that_is_away_is_no_error(browser, monkeypatch):
    def fail(*_):
        raise TransientError("away")

    monkeypatch.setattr(figures, "read_last", fail)

    assert browser.get(f"/schemas/{TOPIC}/sample").status_code == 200


@pytest.mark.parametrize(
    ("name", "leads_to"),
    [
        ("babamul.ztf.lsst-match.hosted", "/schemas/ztf"),
        (TOPIC, "/schemas/lsst"),
        ("babamul.none", "/topics/babamul.none"),
    ],
)
def test_a_topic_leads_to_the_schema_of_its_survey(browser, name, leads_to):
    assert browser.get(f"/schemas/{name}")["Location"] == leads_to
