"""REST shows of an alert what its Kafka message says, to the last bit."""

import io
import json
import math

import fastavro
import pytest

from broker.db import cursor
from pipeline.alerts import publish
from pipeline.simulate.scenario import make_lsst_packet, make_ztf_packet
from tests import samples

pytestmark = pytest.mark.integration

JD = 2461254.75


def messages(session, survey):
    """Return the messages that wait for Kafka, decoded by fastavro, by candid."""
    with cursor(session) as cur:
        cur.execute("SELECT id FROM alerts WHERE survey = %s AND pending <> 0", (survey,))
        ids = [row[0] for row in cur]
    sent = publish.build(publish.read_alerts(session, survey, ids))
    decoded = [next(fastavro.reader(io.BytesIO(one.message.value))) for one in sent]
    return {record["candid"]: record for record in decoded}


def without_nan(value):
    if isinstance(value, dict):
        return {name: without_nan(each) for name, each in value.items()}
    if isinstance(value, list):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def shown(api, survey, object_id):
    response = api.get(f"/babamul/surveys/{survey}/objects/{object_id}")
    assert response.status_code == 200, response.content
    return json.loads(response.content)["data"]


def assert_same(found, message):
    for name, value in without_nan(message).items():
        if name != "survey_matches":
            assert found[name] == value, name
    for survey, match in without_nan(message["survey_matches"]).items():
        told = found["survey_matches"][survey]
        if match is None:
            assert told is None
            continue
        assert told["distance_arcsec"] < 2
        kept = {name: value for name, value in match.items() if name in told}
        assert {name: told[name] for name in kept} == kept


@pytest.mark.samples
@pytest.mark.parametrize(
    ("survey", "packets"),
    [("ztf", samples.ztf_rewritten), ("lsst", samples.rubin)],
    ids=["ztf", "lsst"],
)
def test_real_alerts_read_the_same_both_ways(store, session, api, survey, packets):
    store(survey, *(packet.value for packet in packets()[:40]))
    sent = messages(session, survey)

    by_object: dict = {}
    for message in sent.values():
        kept = by_object.setdefault(message["objectId"], message)
        if message["candidate"]["jd"] > kept["candidate"]["jd"]:
            by_object[message["objectId"]] = message
    assert len(by_object) > 20
    for object_id, message in by_object.items():
        found = shown(api, survey, object_id)
        if found["candid"] == message["candid"]:  # else a gated alert is the newest
            assert_same(found, message)
            listed = api.get(f"/babamul/surveys/{survey}/alerts", {"object_id": object_id})
            rows = {row["candid"]: row for row in json.loads(listed.content)["data"]}
            row = rows[message["candid"]]
            assert row["candidate"] == without_nan(message["candidate"])
            assert row["properties"] == without_nan(message["properties"])


def test_a_counterpart_reads_the_same_both_ways(store, session, api):
    store("lsst", make_lsst_packet(diaSourceId=7, jd=JD, apFlux=None))
    store("ztf", make_ztf_packet(candid=8, jd=JD + 1))

    (message,) = messages(session, "ztf").values()
    assert message["survey_matches"]["lsst"]["objectId"] == "170028496585752654"
    assert_same(shown(api, "ztf", "ZTF26aaaaaaa"), message)
