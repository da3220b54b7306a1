"""Simulated filters of Lasair: as Lasair's, with images that fit, and one that sends garbage."""

from datetime import UTC, date, datetime
from itertools import islice

import pytest

from pipeline.lasair.message import BadMessage, read
from pipeline.simulate import lasair
from pipeline.surveys.images import read_pixels

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
FIELDS = ("first_detection", "latest_detection")


def said(topic, count):
    values = islice(lasair.messages(topic, NOW), count)
    return [read(value, lasair.SURVEYS[topic], FIELDS, NOW) for value in values]


def test_garbage_is_garbage():
    for value in islice(lasair.messages(lasair.GARBAGE, NOW), 20):
        with pytest.raises(BadMessage):
            read(value, "ztf", FIELDS, NOW)


@pytest.mark.parametrize("topic", [lasair.BRIGHT, lasair.YOUNG])
def test_every_object_was_detected_tonight_and_alerce_knows_when(topic):
    survey = lasair.SURVEYS[topic]
    every = said(topic, lasair.OBJECTS)

    assert [each.object_id for each in every] == [one.id for one in lasair.objects(survey)]
    for each, one in zip(every, lasair.objects(survey), strict=True):
        mjd_utc = one.mjd_utc(date(2026, 11, 22))
        assert each.jd_utc == pytest.approx(mjd_utc + 2_400_000.5, abs=1e-6)
        assert each.detected_at.date() == date(2026, 11, 22)
        assert each.problems == ()


def test_images_can_be_seen_and_one_object_has_no_template():
    for one in lasair.objects("ztf"):
        shown = one.detections(date(2026, 11, 22))[-1]
        assert ("template" in shown.images) is (one.number != lasair.ABSENT)
        assert {read_pixels(image).shape for image in shown.images.values()} == {(63, 63)}


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_no_two_detections_share_an_id(survey):
    ids = [
        shown.id for one in lasair.objects(survey) for shown in one.detections(date(2026, 11, 22))
    ]

    assert len(set(ids)) == len(ids)


def test_a_stranger_has_no_detections():
    assert lasair.find("ztf", "ZTF99zzzzzzz") == []
    assert len(lasair.find("ztf", lasair.objects("ztf")[0].id)) == lasair.DAYS


def test_filters_send_in_turn():
    topics = [topic for topic, _ in lasair.night(NOW, 2)]

    assert topics == [*lasair.TOPICS, *lasair.TOPICS]
