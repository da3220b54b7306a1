"""What is refused, what is forgiven, and that nothing else is raised."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.gw.notices import MAX_NOTICE_BYTES, REASONS, BadNotice, read_notice
from pipeline.gw.scored import score_notice
from tests.gw_notices import as_bytes, make_notice

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
FIELDS = sorted(make_notice())
EVENT_FIELDS = sorted(make_notice()["event"])


def read(event=None, **given):
    return read_notice(as_bytes(make_notice(event, **given)))


@pytest.mark.parametrize(
    ("content", "reason", "text"),
    [
        (b" " * (MAX_NOTICE_BYTES + 1), "too_large", "8388609 bytes"),
        (b"", "not_json", "no JSON"),
        (b"<?xml version='1.0'?>", "not_json", "no JSON"),
        (b'{"superevent_id": "S1"', "not_json", "no JSON"),
        (b"\xff\xfe\xfa", "not_json", "no JSON"),
        (b"[" * 5000, "not_json", "no JSON"),
        (b'{"a":' * 800 + b"1" + b"}" * 800, "not_json", "recursion"),
        (b"9" * 5000, "not_json", "no JSON"),
        (b"[1, 2]", "not_json", "list, not an object"),
        (b"null", "not_json", "NoneType"),
    ],
    ids=["large", "empty", "XML", "cut", "bytes", "deep", "deep objects", "digits", "list", "null"],
)  # fmt: skip
def test_what_is_no_notice_is_refused(content, reason, text):
    with pytest.raises(BadNotice, match=text) as caught:
        read_notice(content)

    assert caught.value.reason == reason


@pytest.mark.parametrize("trigger_id", [None, "", 7, "S", "../../etc", "S1 2", "S" * 80, "<S1>"])
def test_a_name_that_is_none_is_refused(trigger_id):
    with pytest.raises(BadNotice, match="superevent_id") as caught:
        read(superevent_id=trigger_id)

    assert caught.value.reason == "no_id"


@pytest.mark.parametrize(
    "time", [None, "", "yesterday", 1700000000, "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]
)
def test_a_time_that_is_none_is_refused(time):
    with pytest.raises(BadNotice, match="time_created") as caught:
        read(time_created=time)

    assert caught.value.reason == "bad_time"


@pytest.mark.parametrize("alert_type", ["PRELIMINARY", "RETRACTATION", None])
def test_only_a_retraction_may_lack_its_event(alert_type):
    with pytest.raises(BadNotice, match="event is missing") as caught:
        read_notice(as_bytes(make_notice() | {"event": None, "alert_type": alert_type}))

    assert caught.value.reason == "event_missing"


@pytest.mark.parametrize(
    ("written", "alert_type", "rules_of"),
    [
        ("retraction", "RETRACTION", "RETRACTION"),
        ("Initial", "INITIAL", "INITIAL"),
        ("EXTERNAL_COINC", "EXTERNAL_COINC", "UPDATE"),
        (None, "UNKNOWN", "UPDATE"),
    ],
)
def test_an_unknown_type_is_shown_as_written_and_treated_as_update(written, alert_type, rules_of):
    notice = read(alert_type=written)

    assert (notice.alert_type, notice.treated_as) == (alert_type, rules_of)


@pytest.mark.parametrize("field", [field for field in EVENT_FIELDS if field != "time"])
def test_a_key_that_is_missing_is_forgiven(field):
    whole = make_notice()
    whole["event"].pop(field)

    assert read_notice(as_bytes(whole)).trigger_id == "S260102ab"


def test_what_is_missing_has_a_default():
    notice = read_notice(
        as_bytes(make_notice() | {"event": {}, "urls": {}, "external_coinc": None})
    )

    assert (notice.far_hz, notice.properties, notice.significant) == (None, {}, False)
    assert notice.gracedb_url == "https://gracedb.ligo.org/superevents/S260102ab/view/"


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://a b", "https://x|<y>", 5])
def test_only_a_safe_link_is_taken(link):
    notice = read(urls={"gracedb": link})

    assert notice.gracedb_url == "https://gracedb.ligo.org/superevents/S260102ab/view/"


def test_unknown_instruments_are_shown_as_written():
    assert read({"instruments": ["K1", "X9", 3, None]}).instruments == ("K1", "X9")


def test_a_probability_out_of_range_is_left_out():
    notice = read({"classification": {"BNS": 1.5, "BBH": -1, "NSBH": "0.5", "MassGap": 0.5}})

    assert notice.classification == {"MassGap": 0.5}


@pytest.mark.parametrize(
    ("skymap", "cause"),
    [
        (None, "no map"),
        ("!!!!", "not base64"),
        ("U0lN\nUExF", "not base64"),
        ("ü", "not base64"),
        ({"url": 1}, "dict"),
    ],
)
def test_a_map_that_is_none_has_a_cause(skymap, cause):
    notice = read({"skymap": skymap})

    assert notice.skymap_fits is None
    assert cause in notice.skymap_cause


def test_characters_that_no_database_takes_are_replaced():
    notice = read({"pipeline": "a\x00b", "search": "\ud800"})

    assert (notice.pipeline, notice.search) == ("a\ufffdb", "\ufffd")
    assert notice.payload["event"]["pipeline"] == "a\ufffdb"


def test_texts_of_any_length_are_cut():
    notice = read({"pipeline": "p" * 10_000, "instruments": ["x" * 10_000] * 100})

    assert len(notice.pipeline) == 200
    assert (len(notice.instruments), len(notice.instruments[0])) == (50, 200)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_notice_or_a_bad_one(content):
    with pytest.raises(BadNotice) as caught:
        score_notice(content)

    assert caught.value.reason in REASONS


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=3),
    st.dictionaries(st.sampled_from(EVENT_FIELDS), json_values, max_size=4),
)
def test_any_values_are_a_notice_or_a_bad_one(given_fields, event):
    reason, points = None, 0
    try:
        points = score_notice(as_bytes(make_notice(event) | given_fields)).score.score
    except BadNotice as error:
        reason = error.reason

    assert reason is None or reason in REASONS
    assert 0 <= points <= 3
