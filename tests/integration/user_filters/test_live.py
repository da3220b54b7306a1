"""Which filters are live, and what is written of their cost."""

import pytest

from broker.sections.user_filters import UserFilterSettings
from pipeline.user_filters import pauses
from pipeline.user_filters.live import LEAST_ALERTS, LEAST_RANGE_S, Watch

pytestmark = pytest.mark.integration
ALWAYS = UserFilterSettings(refresh_s=0.001)


@pytest.fixture
def watch():
    return Watch()


def names(watch, session, survey="ztf"):
    watch.forget()
    return [one.name for one in watch.filters(session, survey, ALWAYS)]


def state(sql, filter_id):
    rows = sql(
        "SELECT pause_reason, pause_text, evaluated, spent_s, last_match_at IS NOT NULL"
        " FROM filter_states WHERE filter_id = %s",
        filter_id,
    )
    return rows[0] if rows else None


@pytest.mark.parametrize(
    "change",
    ["wish = 'stopped'", "wish = 'deleted'", "topic_state = 'wanted'", "live_number = NULL"],
)
def test_only_what_is_wanted_and_has_its_topic_is_live(session, sql, watch, make_filter, change):
    make_filter("one")
    make_filter("other", survey="lsst")
    assert names(watch, session) == ["one"]

    sql(f"UPDATE user_filters SET {change} WHERE name = 'one'")

    assert names(watch, session) == []
    assert names(watch, session, "lsst") == ["other"]


def test_a_version_that_is_started_takes_the_place_of_the_other(session, sql, watch, make_filter):
    filter_id = make_filter("one", "magpsf < 19")
    names(watch, session)
    sql(
        "INSERT INTO user_filter_versions (filter_id, number, expression, created_at)"
        " VALUES (%s, 2, 'drb > 0.5', now())",
        filter_id,
    )
    sql("UPDATE user_filters SET live_number = 2")

    watch.forget()
    [one] = watch.filters(session, "ztf", ALWAYS)

    assert (one.version, one.reads) == (2, {"drb"})


def test_a_filter_rests_until_it_is_started_again(session, sql, watch, make_filter):
    filter_id = make_filter()
    pauses.pause(session, {filter_id: "too many"}, pauses.LIMIT)
    pauses.pause(session, {filter_id: "another word"}, pauses.COST)
    assert names(watch, session) == []
    assert state(sql, filter_id)[:2] == ("limit", "too many")

    sql("UPDATE user_filters SET started_at = clock_timestamp()")
    assert names(watch, session) == ["bright"]

    pauses.pause(session, {filter_id: "again"}, pauses.STAFF)
    assert state(sql, filter_id)[:2] == ("staff", "again")


def test_an_expression_that_is_understood_no_more_is_paused(session, sql, watch, make_filter):
    filter_id = make_filter("old", "no_such_column < 19")
    make_filter("good")

    assert names(watch, session) == ["good"]
    assert names(watch, session) == ["good"]

    reason, text, *_ = state(sql, filter_id)
    assert reason == "error"
    assert "no_such_column" in text


def test_what_filters_cost_is_added_up(session, sql, watch, make_filter):
    one, other = make_filter("one"), make_filter("other")
    for _ in range(2):
        watch.meter.add(one, 0.5, 100, 3)
        watch.meter.add(other, 0.25, 100, 0)
        names(watch, session)

    assert state(sql, one)[2:] == (200, 1.0, True)
    assert state(sql, other)[2:] == (200, 0.5, False)


@pytest.mark.parametrize(("took_s", "is_paused"), [(9.0, True), (11.0, False)])
def test_the_dearest_is_paused_when_all_take_more_than_their_share(
    session, sql, watch, make_filter, took_s, is_paused
):
    cheap, dear = make_filter("cheap"), make_filter("dear")
    watch.meter.add(cheap, 0.2, 100, 0)
    watch.meter.add(dear, 0.8, 100, 0)
    watch.meter.end_range(LEAST_ALERTS, took_s)

    names(watch, session)

    assert names(watch, session) == (["cheap"] if is_paused else ["cheap", "dear"])
    if is_paused:
        reason, text, *_ = state(sql, dear)
        assert reason == "cost"
        assert "11% of the workers' time" in text


def test_small_ranges_and_a_short_time_prove_nothing(session, watch, make_filter):
    dear = make_filter("dear")
    watch.meter.add(dear, 5.0, 1, 0)
    watch.meter.end_range(LEAST_ALERTS - 1, 2 * LEAST_RANGE_S)
    watch.meter.add(dear, 4.0, 100, 0)
    watch.meter.end_range(100, LEAST_RANGE_S - 0.1)

    names(watch, session)

    assert names(watch, session) == ["dear"]
