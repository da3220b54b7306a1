"""A selected alert as JSON: what Lasair's client, and our own listener, read of it."""

import json
from datetime import UTC, datetime

import pytest

from pipeline.alerts import selected_messages
from pipeline.alerts.selected_json import as_json
from pipeline.alerts.selected_messages import messages
from pipeline.alerts.selecting import Chosen
from pipeline.alerts.tables import OUTPUT_SELECTED, OUTPUT_SELECTED_JSON
from pipeline.lasair.message import read
from pipeline.surveys import lsst
from tests.unit.pipeline.surveys.lsst_packets import alert, packet

CAME = datetime(2026, 11, 21, 6, 7, 8, 900000, tzinfo=UTC)
MJD_TAI = 61220.238590839246
"""2026-06-29 05:42:57.249 UTC; TAI is 37 s ahead."""
FACTS = [("extendedness_median", 0.3), ("n_extendedness", 2), ("has_sssource", True)]


def source(**given):
    values = {"diaObjectId": 0, "ssObjectId": 9, "ra": 53.125}
    return values | {"dec": -27.5, "midpointMjdTai": MJD_TAI, "psfFlux": -0.1} | given


def columns(name="sso9", **given):
    record = alert(source(**given))
    return json.loads(as_json(record, name, FACTS, CAME))


def test_columns_have_the_names_that_lasair_gives_them():
    found = columns()

    assert (found["objectId"], found["ra"], found["decl"]) == ("sso9", 53.125, -27.5)
    assert (found["diaSourceId"], found["diaObjectId"], found["ssObjectId"]) == (2**60 + 1, None, 9)
    assert (found["latest_detection"], found["UTC"]) == (MJD_TAI, "2026-11-21 06:07:08")
    assert [found[name] for name, _ in FACTS] == [0.3, 2, True]


def test_a_single_has_no_more_digits_than_it_has_and_no_number_is_null():
    found = json.loads(
        as_json(
            lsst.read(packet(alert(source(psfFlux=0.1, snr=float("nan"))))), "sso9", FACTS, CAME
        )
    )

    assert (found["psfFlux"], found["snr"]) == (0.1, None)


def test_a_filter_may_say_words_and_what_is_no_number_is_null():
    facts = [("why", "faint"), ("score", float("nan"))]

    found = json.loads(as_json(alert(source()), "sso9", facts, CAME))

    assert (found["why"], found["score"]) == ("faint", None)


def test_an_alert_without_any_object_goes_by_its_source():
    assert columns(None, ssObjectId=0)["objectId"] == str(2**60 + 1)


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("170028502154444814", {"diaObjectId": 170028502154444814, "ssObjectId": 0}),
        ("sso9", {}),
    ],
)
def test_our_own_listener_of_lasairs_filters_takes_it(name, ids):
    raw = as_json(alert(source(**ids)), name, FACTS, CAME)

    said = read(raw, "lsst", ("first_detection", "latest_detection"), CAME)

    assert (said.object_id, said.problems) == (name, ())
    assert said.payload["utc_latest_detection"] == "2026-06-29 05:42:57.249"


def test_both_messages_of_an_alert_have_their_own_bit_topic_and_delivery(monkeypatch):
    sent = packet(alert(source()))
    row = {
        "candid": 2**60 + 1,
        "name": "sso9",
        "kafka_timestamp": CAME,
        "pending": OUTPUT_SELECTED | OUTPUT_SELECTED_JSON,
    }
    monkeypatch.setattr(selected_messages, "as_confluent", lambda *_: b"framed")

    (first, as_lasair), (second, whole) = messages(
        "lsst", row, Chosen(sent, {"extendedness": FACTS})
    )

    assert (first, second) == (OUTPUT_SELECTED_JSON, OUTPUT_SELECTED)
    assert as_lasair.topic == "lasair_1nightjar-extendedness"
    assert whole.topic == "lsst-extendedness-filtered"
    assert dict(as_lasair.headers)["delivery_id"] != dict(whole.headers)["delivery_id"]
    assert json.loads(as_lasair.value)["objectId"] == "sso9"
