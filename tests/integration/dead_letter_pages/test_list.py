"""Dead letters are found by what an operator knows, in bounded time."""

import json
import re
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from sqlalchemy import text

from broker import admin
from pipeline.admin import dead_letters as pages
from pipeline.listened import stream_names
from tests.factories import make_dead_letter, make_source
from tests.integration.dead_letter_pages.letters import LIST, listed, many

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"stream__exact": "lsst"}, ["c"]),
        ({"reason__exact": "truncated"}, ["b"]),
        ({"state__exact": "ignored"}, ["c"]),
        ({"night": "2024-11-20"}, ["b"]),
        ({"night": "none"}, ["c"]),
        ({"topic": "ztf_20241121_programid1"}, ["a", "b"]),
        ({"partition": "7"}, ["b"]),
        ({"seen_from": "2024-11-21"}, ["a", "b"]),
        ({"seen_to": "2024-11-20"}, ["c"]),
        ({"seen_from": "2024-11-21", "seen_to": "2024-11-21"}, ["b"]),
        ({"seen_from": "rubbish"}, []),
        ({"partition": "rubbish"}, []),
        ({"night": "rubbish"}, []),
        ({"q": "150"}, ["a"]),
        ({"q": "44"}, ["b"]),
        ({"q": "99"}, ["b"]),
        ({"q": "ZTF24bbb"}, ["b"]),
        ({"q": "IS NAN"}, ["a"]),
        ({"q": "99999999999999999999"}, []),
    ],
    ids=str,
)
def test_letters_are_found_by_what_an_operator_knows(staff, session, source, query, found):
    lsst = make_source(session, stream="lsst", topic="lsst-alerts-v11")
    letters = {
        "a": make_dead_letter(
            session, source, source_offset=100, last_offset=200, reason="expired_offsets",
            first_seen_at=datetime(2024, 11, 22, 5, tzinfo=UTC),
        ),
        "b": make_dead_letter(
            session, source, source_partition=7, source_offset=44, last_offset=44, candid=99,
            object_id="ZTF24bbb", reason="truncated", message="cut", night=date(2024, 11, 20),
            first_seen_at=datetime(2024, 11, 21, 23, 59, tzinfo=UTC),
        ),
        "c": make_dead_letter(
            session, lsst, source_offset=5, last_offset=5, state="ignored", night=None,
            message="odd", first_seen_at=datetime(2024, 11, 20, tzinfo=UTC),
        ),
    }  # fmt: skip

    assert set(listed(staff, **query)) == {letters[name].id for name in found}


def test_reasons_are_counted_over_the_table_within_the_other_filters(staff, session, source):
    for offset, reason in enumerate(["truncated", "truncated", "bad_value"]):
        make_dead_letter(session, source, source_offset=offset, last_offset=offset, reason=reason)
    make_dead_letter(session, source, source_offset=9, last_offset=9, state="resolved")

    html = staff.get(LIST, {"state__exact": "open", "reason__exact": "truncated"}).text

    counts = re.findall(r"([a-z ]+) <b>(\d+)</b>", html)
    assert counts == [("truncated", "2"), ("bad value", "1")]
    assert 'class="selected" aria-current="true">truncated' in html


def test_no_more_reasons_are_counted_than_pages_reach(staff, session, source, monkeypatch):
    monkeypatch.setattr(pages, "COUNTED_LETTERS", 2)
    for offset, reason in enumerate(["truncated", "bad_value", "bad_value"]):
        make_dead_letter(session, source, source_offset=offset, last_offset=offset, reason=reason)

    counts = re.findall(r"([a-z ]+) <b>(\d+)</b>", staff.get(LIST).text)

    assert counts == [("bad value", "2")]


def test_counting_the_reasons_is_bounded_as_the_list_is(staff, session, source, monkeypatch):
    def slow(*_):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")

    make_dead_letter(session, source)
    monkeypatch.setattr(admin, "LIST_TIMEOUT_MS", 100)
    monkeypatch.setattr(pages.DeadLetterAdmin, "_reason_counts", slow)

    answer = staff.get(LIST, {"q": "word"})

    assert (answer.status_code, answer["Location"]) == (302, LIST)


@pytest.mark.parametrize(("last", "count"), [("9999-12-31", 1), ("0001-01-01", 0), ("x", 0)])
def test_the_last_of_all_days_is_a_day(staff, session, source, last, count):
    make_dead_letter(session, source)

    assert len(listed(staff, seen_to=last)) == count


def test_an_empty_list_says_that_this_is_good(staff, session):
    assert "every one became an alert" in staff.get(LIST).text


def test_a_page_of_letters_takes_one_query_for_all_of_them(staff, session, source):
    many(session, source, 500)
    with CaptureQueriesContext(connection) as captured:
        assert len(listed(staff)) == 50

    letters = [each["sql"] for each in captured if 'FROM "dead_letters"' in each["sql"]]
    # The newest night of each stream; the count, the page, the reasons.
    assert len(letters) == len(stream_names()) + 3
    assert len(captured) < len(letters) + 12


QUERIES = (
    {},
    {"state__exact": "open", "reason__exact": "truncated"},
    {"reason__exact": "truncated"},
    {"state__exact": "open", "stream__exact": "lsst"},
    {"night": "2024-11-15"},
    {"seen_from": "2024-11-19", "seen_to": "2024-11-19"},
    {"q": "5004321"},
    {"q": "4321"},
    {"topic": "ztf_20241121_programid1", "partition": "2"},
)


def plan_of(browser, session, query):
    """Return how Postgres reads the rows of one page."""
    with CaptureQueriesContext(connection) as captured:
        assert listed(browser, **query)
    [page] = [each["sql"] for each in captured if '"dead_letters"."message"' in each["sql"]]
    explain = text("EXPLAIN (FORMAT JSON) " + page.replace(":", r"\:"))
    return json.dumps(session.execute(explain).scalar_one())


@pytest.mark.slow
def test_lists_of_a_hundred_thousand_letters_use_an_index(staff, session, source):
    many(session, source, 100_000)

    plans = {str(query): plan_of(staff, session, query) for query in QUERIES}

    assert [query for query, plan in plans.items() if "Seq Scan" in plan] == []
    assert all("Index" in plan for plan in plans.values())
