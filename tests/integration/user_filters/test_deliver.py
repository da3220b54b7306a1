"""What filters caught, as rows: counted, limited, sent once more, let go."""

from datetime import date

import numpy as np
import pytest

from broker.db import cursor
from broker.kafka_types import DeliveryError
from pipeline.alerts import publish, replaying
from pipeline.alerts.publish import mark, settle
from pipeline.alerts.store import Source
from pipeline.alerts.tables import OUTPUT_USER_FILTERS as FILTERS
from pipeline.user_filters import deliver
from pipeline.user_filters.check import checked, reads
from pipeline.user_filters.deliver import Stored
from pipeline.user_filters.live import Caught, LiveFilter
from tests import factories

pytestmark = pytest.mark.integration
NIGHT = date(2024, 11, 20)
AWAY = DeliveryError("_TIMED_OUT", is_too_large=False, text="timed out")
MANY = 5000


def live(filter_id, name="bright", version=1):
    tree = checked("magpsf < 19", "ztf")
    return LiveFilter(filter_id, name, "ztf", version, tree, reads(tree))


def stored(*alerts, night=NIGHT):
    return Stored(
        at=np.arange(len(alerts)),
        alert_id=np.array([alert.id for alert in alerts], np.int64),
        candid=np.array([alert.candid for alert in alerts], np.int64),
        night=[night] * len(alerts),
    )


def caught(*found):
    masks = [(one, np.array(mask, bool)) for one, mask in found]
    return Caught(masks, np.ones(2, bool), {})


@pytest.fixture
def alerts(session, make_alert):
    owner = factories.make_object(session)
    bits = {"outputs": 1 | FILTERS, "pending": 1 | FILTERS, "published_at": None}
    return [make_alert(offset, object_id=owner.id, **bits) for offset in (10, 11)]


def pending(session, alerts):
    return publish.read_pending(session, "ztf", Source(alerts[0].source_id, 3), 0, 99)


def nights(sql):
    return sql("SELECT filter_id, night, matched, delivered FROM filter_nights ORDER BY 1, 2")


def test_each_match_waits_once_and_is_counted_in_its_night(session, sql, make_filter, alerts):
    one, other = make_filter("one"), make_filter("other")
    said = caught((live(one), [1, 1]), (live(other), [0, 1]))

    assert deliver.record(session, "ztf", said, stored(*alerts), MANY) == 3

    assert nights(sql) == [(one, NIGHT, 2, 2), (other, NIGHT, 1, 1)]
    rows = sql("SELECT filter_id, version, alert_id, survey, candid, pending"
               " FROM filter_deliveries ORDER BY id")  # fmt: skip
    assert rows == [
        (one, 1, alerts[0].id, "ztf", alerts[0].candid, True),
        (one, 1, alerts[1].id, "ztf", alerts[1].candid, True),
        (other, 1, alerts[1].id, "ztf", alerts[1].candid, True),
    ]


def test_beyond_the_limit_of_a_night_a_filter_is_paused(session, sql, make_filter, alerts):
    filter_id = make_filter()
    said = caught((live(filter_id), [1, 1]))

    assert deliver.record(session, "ztf", said, stored(*alerts), 1) == 1
    assert deliver.record(session, "ztf", said, stored(*alerts), 1) == 0

    assert nights(sql) == [(filter_id, NIGHT, 4, 1)]
    [(reason, text)] = sql("SELECT pause_reason, pause_text FROM filter_states")
    assert reason == "limit"
    assert "more than 1 alerts in the night of 2024-11-20" in text


def test_the_limit_of_one_night_is_not_that_of_another(session, sql, make_filter, alerts):
    filter_id = make_filter()
    said = caught((live(filter_id), [1, 1]))
    deliver.record(session, "ztf", said, stored(*alerts), 2)

    assert deliver.record(session, "ztf", said, stored(*alerts, night=date(2024, 11, 21)), 2) == 2
    assert sql("SELECT 1 FROM filter_states") == []


def test_a_filter_that_failed_is_paused_with_its_words(session, sql, make_filter, alerts):
    filter_id = make_filter()

    deliver.record(session, "ztf", Caught([], np.zeros(2, bool), {filter_id: "oh"}), stored(), MANY)

    assert sql("SELECT pause_reason, pause_text FROM filter_states") == [("error", "oh")]


def test_messages_carry_filter_and_version_beside_the_class_topics(session, make_filter, alerts):
    one, other = make_filter("one"), make_filter("other")
    said = caught((live(one, version=4), [1, 0]), (live(other), [1, 0]))
    deliver.record(session, "ztf", said, stored(*alerts), MANY)

    outgoing = [sent for sent in publish.build(pending(session, alerts)) if sent.offset == 10]

    topics = [sent.message.topic for sent in outgoing]
    assert topics == ["babamul.ztf.no-lsst-match.hosted", "babamul.filter.one",
                      "babamul.filter.other"]  # fmt: skip
    headers = [dict(sent.message.headers) for sent in outgoing]
    assert "filter" not in headers[0]
    assert (headers[1]["filter"], headers[1]["filter_version"]) == (b"one", b"4")
    assert len({each["delivery_id"] for each in headers}) == 3
    assert len({sent.message.value for sent in outgoing}) == 1


def test_a_bit_with_nothing_behind_it_waits_no_more(session, make_filter, alerts):
    found = pending(session, alerts)

    assert [row["pending"] for row in found.rows] == [1, 1]
    assert publish.is_whole(found, publish.build(found))
    session.expire_all()
    assert [alert.pending for alert in alerts] == [1, 1]


@pytest.mark.parametrize("change", ["topic_state = 'removing'", "topic_state = 'gone'"])
def test_what_waits_for_a_topic_that_is_gone_is_let_go(session, sql, make_filter, alerts, change):
    deliver.record(session, "ztf", caught((live(make_filter()), [1, 1])), stored(*alerts), MANY)
    sql(f"UPDATE user_filters SET {change}")

    assert {sent.bit for sent in publish.build(pending(session, alerts))} == {1}

    session.expire_all()
    assert [alert.pending for alert in alerts] == [1, 1]
    assert sql("SELECT pending, published_at FROM filter_deliveries") == [(False, None)] * 2


def test_what_kafka_has_is_marked_and_the_rest_waits(session, sql, make_filter, alerts):
    one, other = make_filter("one"), make_filter("other")
    said = caught((live(one), [1, 0]), (live(other), [1, 0]))
    deliver.record(session, "ztf", said, stored(*alerts), MANY)
    outgoing = [sent for sent in publish.build(pending(session, alerts)) if sent.offset == 10]

    mark(session, settle(outgoing, [None, None, AWAY]))

    session.expire_all()
    assert (alerts[0].pending, alerts[0].published_at) == (FILTERS, None)
    left = publish.build(pending(session, alerts))
    assert [sent.message.topic for sent in left if sent.offset == 10] == ["babamul.filter.other"]

    mark(session, settle(left, [None] * len(left)))

    session.expire_all()
    assert alerts[0].pending == 0
    assert alerts[0].published_at is not None
    assert sql("SELECT count(*) FROM filter_deliveries WHERE pending OR published_at IS NULL") == [
        (0,)
    ]


@pytest.mark.parametrize(("publish_what", "again"), [("all", 1), ("new", 0), ("none", 0)])
def test_a_replay_sends_to_filters_what_it_sends_to_everybody(
    session, sql, make_filter, alerts, publish_what, again
):
    deliver.record(session, "ztf", caught((live(make_filter()), [1, 0])), stored(*alerts), MANY)
    outgoing = publish.build(pending(session, alerts))
    mark(session, settle(outgoing, [None] * len(outgoing)))

    source_id = alerts[0].source_id
    replaying.ask_again(session, publish_what, [(source_id, 3, 0, 99, False)])

    topics = [sent.message.topic for sent in publish.build(pending(session, alerts))]
    assert topics.count("babamul.filter.bright") == again


def test_marking_nothing_asks_nothing(session):
    with cursor(session) as cur:
        deliver.mark(cur, [], [])
        assert cur.rowcount == -1
