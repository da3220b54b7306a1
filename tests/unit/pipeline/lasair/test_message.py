"""Messages of Lasair's filters: ids, dates, and what is bad about the others."""

import json
from datetime import UTC, datetime

import pytest

from pipeline.lasair.message import MAX_MESSAGE_BYTES, BadMessage, read, to_jd_utc, to_utc, utc_text

WRITTEN_AT = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
FIELDS = ("first_detection", "latest_detection")


def take(document, survey="ztf"):
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read(raw, survey, FIELDS, WRITTEN_AT)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b"\x00\x01", "not_json"),
        (b"[1]", "not_json"),
        (b'"ZTF18abc"', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"objectId": 1' + b"9" * 5000 + b"}", "not_json"),
        (b" " * (MAX_MESSAGE_BYTES + 1), "too_large"),
        (b'{"ramean": 12.5}', "no_id"),
        (b'{"objectId": null}', "no_id"),
        (b'{"objectId": ""}', "no_id"),
        (b'{"objectId": true}', "no_id"),
        (b'{"objectId": 1.7e17}', "no_id"),
        (b'{"objectId": "../../etc/passwd"}', "no_id"),
        (b'{"objectId": ".."}', "no_id"),
        (b'{"objectId": {"a": 1}}', "no_id"),
    ],
)
def test_what_cannot_be_used_is_named(raw, reason):
    with pytest.raises(BadMessage) as caught:
        take(raw)

    assert caught.value.reason == reason
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("jd", "text"),
    [
        (2460824.0, "2025-05-28 12:00:00.000"),
        (2461122.0372917, "2026-03-22 12:53:42.003"),
        ("2460824.0", "2025-05-28 12:00:00.000"),
        (60823.5, "2025-05-28 12:00:00.000"),
    ],
    ids=["JD", "milliseconds", "as text", "MJD"],
)
def test_dates_get_their_utc(jd, text):
    said = take({"objectId": "ZTF18abcdefg", "latest_detection": jd, "mag": 18.25})

    assert said.payload["utc_latest_detection"] == text
    assert utc_text(said.detected_at) == text
    assert said.problems == ()
    assert said.payload["mag"] == 18.25


def test_a_modified_date_of_lsst_is_tai():
    """The instant of surveys.md §2, which the other survey would read as UTC."""
    mjd = 61220.238590839246

    assert utc_text(to_utc(to_jd_utc(mjd, "lsst"))) == "2026-06-29 05:42:57.249"
    assert utc_text(to_utc(to_jd_utc(mjd, "ztf"))) == "2026-06-29 05:43:34.249"


@pytest.mark.parametrize(
    "value", ["soon", "nan", float("nan"), 1e999, 0, -1, 2441000.5, 2488070.0, 500_000, True, [1]]
)
def test_what_is_no_date_is_none_and_the_alert_stays(value):
    raw = json.dumps({"objectId": "ZTF18abcdefg", "latest_detection": value})

    said = take(raw.encode())

    assert said.payload["utc_latest_detection"] is None
    assert said.jd_utc is None
    assert said.detected_at == WRITTEN_AT
    # NaN and numbers beyond the largest are no JSON: they are read as null, and null is no mistake.
    assert len(said.problems) == (0 if "NaN" in raw or "Infinity" in raw else 1)


def test_the_last_date_field_dates_the_alert():
    said = take({"objectId": "a", "first_detection": 2460800.0, "latest_detection": 2460824.0})

    assert said.jd_utc == 2460824.0
    assert said.payload["utc_first_detection"] == "2025-05-04 12:00:00.000"


@pytest.mark.parametrize(
    ("extra", "expected", "problems"),
    [
        ({"first_detection": 2460800.0}, WRITTEN_AT, 0),
        ({"UTC": "2026-11-20 01:02:03"}, datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC), 0),
        ({"UTC": "yesterday"}, WRITTEN_AT, 1),
        ({"UTC": "0001-01-01 00:00:00"}, WRITTEN_AT, 1),
        ({"UTC": None}, WRITTEN_AT, 0),
    ],
    ids=["first only", "filter's", "no time", "ancient", "null"],
)
def test_without_that_the_filters_time_dates_it_and_then_kafkas(extra, expected, problems):
    said = take({"objectId": "ZTF18abcdefg", **extra})

    assert (said.detected_at, len(said.problems)) == (expected, problems)
    assert said.jd_utc is None


@pytest.mark.parametrize("value", [170032915988086813, "170032915988086813"])
def test_an_id_of_lsst_keeps_its_digits(value):
    said = take({"diaObjectId": value, "ra": 1.0, "decl": 2.0}, "lsst")

    assert said.object_id == "170032915988086813"
    assert said.payload["diaObjectId"] == value
