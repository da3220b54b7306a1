"""Dead letters in the admin: found, looked into, sent again, ignored; nothing in them runs."""

import hashlib
import json
import re
from datetime import UTC, date, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from sqlalchemy import text

from broker import admin
from broker.config import config
from broker.dead_letters import DeadLetter
from broker.errors import TransientError
from broker.ranges import second_tries, stops
from broker.ranges.replays import ReplayError
from pipeline.admin import dead_letters as pages
from tests.factories import make_dead_letter, make_segment, make_source
from tests.samples import container

pytestmark = pytest.mark.integration
LIST = "/admin/pipeline/deadletter/"
EVIL = "<script>alert(1)</script>"
SCHEMA = {
    "type": "record",
    "name": "alert",
    "fields": [
        {"name": "objectId", "type": "string"},
        {"name": "candid", "type": "long"},
        {"name": "tail", "type": "string"},
    ],
}
PACKET = container(SCHEMA, {"objectId": EVIL, "candid": 77, "tail": "x" * 40})


@pytest.fixture
def source(session):
    return make_source(session)


@pytest.fixture
def archived(session, source, tmp_path, monkeypatch):
    """Return a function that makes a letter whose packet is in the archive."""
    monkeypatch.setenv("NIGHTJAR_ARCHIVE__PATH", str(tmp_path))
    config.cache_clear()
    segment = make_segment(session)
    file = tmp_path / segment.path
    file.parent.mkdir(parents=True)

    def make(packet=PACKET, **given):
        start = file.stat().st_size if file.exists() else 0
        with file.open("ab") as opened:
            opened.write(packet)
        place = {
            "archive_segment_id": segment.id,
            "archive_start": start,
            "archive_length": len(packet),
            "sha256": hashlib.sha256(packet).digest(),
        }
        return make_dead_letter(session, source, **place | given)

    make.file = file
    yield make
    config.cache_clear()


@pytest.fixture
def retries(monkeypatch):
    """Stand in for replays, which the tests of replays cover; tell what was asked for."""
    asked = []

    def take(session, ids, by, _brokers):
        refused = {key: "gone" for key in ids if key in take.gone}
        if refused:
            raise ReplayError("gone", refused)
        asked.append((ids, by))
        session.execute(
            text("UPDATE dead_letters SET state = 'retried' WHERE id = ANY(:ids)"), {"ids": ids}
        )
        return len(ids)

    take.gone = set()
    take.asked = asked
    monkeypatch.setattr(second_tries, "retry_letters", take)
    monkeypatch.setattr(second_tries, "ask_brokers", lambda _ids: {})
    return take


@pytest.fixture
def operator(session):
    browser = Client(headers={"host": "localhost"})
    user = User.objects.create(username="ada", is_staff=True)
    for code in ("view_deadletter", "operate_deadletter"):
        user.user_permissions.add(Permission.objects.get(codename=code))
    browser.force_login(user)
    return browser


def listed(browser, **query):
    answer = browser.get(LIST, query)
    assert answer.status_code == 200, answer.headers
    return [int(key) for key in re.findall(r'name="_selected_action" value="(\d+)"', answer.text)]


def act(browser, action, keys, query="", **given):
    words = {"action": action, "_selected_action": [str(key) for key in keys], **given}
    return browser.post(f"{LIST}{query}", words, follow=True)


def state_of(session, letter):
    session.expire_all()
    return session.get(DeadLetter, letter.id).state


def many(session, source, count):
    session.execute(
        text("""
            INSERT INTO dead_letters (stream, topic, source_id, source_partition, source_offset,
                last_offset, reason, message, state, night, candid, first_seen_at)
            SELECT CASE n % 10 WHEN 0 THEN 'lsst' ELSE 'ztf' END, :topic, :source, n % 4, n, n,
                CASE WHEN n % 100 = 0 THEN 'truncated' ELSE 'bad_value' END, 'jd is NaN',
                CASE WHEN n % 50 = 0 THEN 'open' ELSE 'resolved' END,
                date '2024-11-20' - CAST(n / 1000 AS int), n + 5000000,
                timestamptz '2024-11-20' - n * interval '1 minute'
            FROM generate_series(1, :count) AS n
        """),
        {"topic": source.topic, "source": source.id, "count": count},
    )
    session.execute(text("ANALYZE dead_letters"))


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
    assert len(letters) == 5  # the newest night of each stream, the count, the page, the reasons
    assert len(captured) < 20


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


def test_a_packet_is_shown_up_to_the_byte_that_broke_it(staff, archived):
    letter = archived(PACKET[:-50], reason="truncated")

    html = staff.get(f"{LIST}{letter.id}/change/").text

    assert "Avro object container" in html
    assert '<th scope="row" class="packet-depth-0">candid</th><td>77</td>' in html
    assert re.search(r"byte \d+ of the packet, in <b>tail</b>: 40 bytes are announced, 6 are", html)
    assert "<mark>" in html


def test_markup_in_a_packet_does_not_run(staff, archived):
    letter = archived(message=EVIL, object_id=EVIL, note=EVIL, traceback=EVIL)

    for url in (LIST, f"{LIST}{letter.id}/change/"):
        html = staff.get(url).text
        assert EVIL not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_markup_does_not_run_on_the_page_that_asks_why(staff, archived):
    letter = archived(message=EVIL)

    html = act(staff, "ignore", [letter.id]).text

    assert EVIL not in html
    assert "&lt;script&gt;" in html


def test_a_packet_that_decodes_says_why_it_was_buried_all_the_same(staff, archived):
    html = staff.get(f"{LIST}{archived(message='jd is NaN').id}/change/").text

    assert "decode to the last one. It was buried for what they say: jd is NaN" in html


def test_a_packet_whose_decoding_dies_still_has_a_page(staff, archived, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")

    html = staff.get(f"{LIST}{archived(reason='worker_died').id}/change/").text

    assert "decoding ended its process (exit 1): this packet is not shown decoded" in html
    assert "00000000  4f 62 6a 01" in html


def test_a_packet_is_downloaded_as_it_is_and_never_opened(staff, archived):
    answer = staff.get(f"{LIST}{archived().id}/packet")

    assert answer.content == PACKET
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_letter_without_its_segment_says_so(staff, archived):
    letter = archived()
    archived.file.unlink()

    html = staff.get(f"{LIST}{letter.id}/change/").text

    assert "is not on this machine, or expired." in html
    assert "Read it from Kafka" in html
    assert staff.get(f"{LIST}{letter.id}/packet").status_code == 404


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(lambda data: data[:-9], "ends before the packet does"), (bytes.upper, "is damaged")],
    ids=["short", "damaged"],
)
def test_a_segment_that_is_not_as_written_says_so(staff, archived, spoil, words):
    letter = archived()
    archived.file.write_bytes(spoil(PACKET))

    assert words in staff.get(f"{LIST}{letter.id}/change/").text


def test_an_interval_has_no_packet(staff, session, source):
    letter = make_dead_letter(session, source, last_offset=52, reason="expired_offsets")

    html = staff.get(f"{LIST}{letter.id}/change/").text

    assert "It stands for 10 offsets, not for one packet." in html
    assert "Read it from Kafka" not in html


def test_a_letter_that_was_never_archived_says_so(staff, session, source):
    letter = make_dead_letter(session, source, reason="worker_died", sha256=None)

    assert "buried before it was archived" in staff.get(f"{LIST}{letter.id}/change/").text


@pytest.mark.parametrize("key", ["999999", "0"])
def test_a_letter_that_is_not_there_is_no_error(staff, session, key):
    assert staff.get(f"{LIST}{key}/change/").status_code == 302
    assert staff.get(f"{LIST}{key}/packet").status_code == 404


def test_one_letter_is_sent_again_from_its_page_and_back(operator, session, source, retries):
    letter = make_dead_letter(session, source)
    assert ">Retry</button>" in operator.get(f"{LIST}{letter.id}/change/").text

    answer = act(operator, "retry", [letter.id], back_to=letter.id)

    assert retries.asked == [([letter.id], "ada")]
    assert answer.redirect_chain == [(f"{LIST}{letter.id}/change/", 302)]
    assert "1 letter sent again" in answer.text
    assert "<td>ada</td><td>Retried.</td>" in answer.text
    assert ">Retry</button>" not in answer.text


def test_all_of_a_reason_are_sent_again(operator, session, source, retries):
    many(session, source, 5000)
    keys = listed(operator, reason__exact="truncated", state__exact="open")

    answer = act(
        operator, "retry", keys[:1], "?reason__exact=truncated&state__exact=open", select_across="1"
    )

    assert "50 letters sent again" in answer.text
    assert len(retries.asked[0][0]) == 50
    assert LogEntry.objects.count() == 50


def test_letters_whose_packets_are_nowhere_are_named_and_the_others_go(
    operator, session, source, retries
):
    lost, found = (
        make_dead_letter(session, source, source_offset=at, last_offset=at) for at in (1, 2)
    )
    retries.gone.add(lost.id)

    answer = act(operator, "retry", [lost.id, found.id])

    assert "1 letter sent again" in answer.text
    assert "Not sent again: gone" in answer.text
    assert (state_of(session, lost), state_of(session, found)) == ("open", "retried")
    assert [entry.object_id for entry in LogEntry.objects.all()] == [str(found.id)]


def test_a_packet_that_goes_while_the_others_are_asked_for_is_named_too(
    operator, session, source, retries, monkeypatch
):
    letters = [
        make_dead_letter(session, source, source_offset=at, last_offset=at).id for at in range(3)
    ]

    def take(session, ids, by, brokers):
        gone = letters[3 - len(ids)]
        if len(ids) > 1:
            raise ReplayError("gone", {gone: "gone"})
        return retries(session, ids, by, brokers)

    monkeypatch.setattr(second_tries, "retry_letters", take)

    answer = act(operator, "retry", letters)

    assert "1 letter sent again" in answer.text
    assert "gone (2 letters)" in answer.text


def test_nothing_changes_while_kafka_is_away(operator, session, source, monkeypatch):
    def away(*_):
        raise TransientError("Kafka does not answer")

    monkeypatch.setattr(second_tries, "ask_brokers", away)
    letter = make_dead_letter(session, source)

    answer = act(operator, "retry", [letter.id])

    assert "Nothing was changed: Kafka does not answer" in answer.text
    assert (state_of(session, letter), LogEntry.objects.count()) == ("open", 0)


@pytest.mark.parametrize("state", ["retried", "resolved"])
def test_what_is_under_way_or_done_is_not_sent_again(operator, session, source, retries, state):
    letter = make_dead_letter(session, source, state=state)

    assert "nothing to send again" in act(operator, "retry", [letter.id]).text
    assert retries.asked == []


def test_ignoring_asks_for_a_reason_first(operator, session, source):
    letter = make_dead_letter(session, source)

    html = act(operator, "ignore", [letter.id]).text

    assert "Ignore 1 letter" in html
    assert '<textarea name="why"' in html
    assert state_of(session, letter) == "open"


@pytest.mark.parametrize("why", ["", "  \n"], ids=["empty", "blank"])
def test_ignoring_without_a_reason_is_refused(operator, session, source, why):
    letter = make_dead_letter(session, source)

    answer = act(operator, "ignore", [letter.id], why=why)

    assert "This field is required." in answer.text
    assert (state_of(session, letter), LogEntry.objects.count()) == ("open", 0)


def test_ignoring_stores_who_and_why_and_leaves_a_row_of_audit(operator, session, source):
    letter = make_dead_letter(session, source)

    answer = act(operator, "ignore", [letter.id], why="test night", back_to=letter.id)

    session.expire_all()
    row = session.get(DeadLetter, letter.id)
    assert (row.state, row.resolved_by, row.note) == ("ignored", "ada", "test night")
    [entry] = LogEntry.objects.all()
    assert (entry.object_id, entry.user.username) == (str(letter.id), "ada")
    assert "<td>Ignored: test night</td>" in answer.text


def test_a_letter_that_comes_while_the_reason_is_written_stays_open(operator, session, source):
    seen = make_dead_letter(session, source, source_offset=1, last_offset=1)
    late = make_dead_letter(session, source, source_offset=2, last_offset=2)

    act(
        operator, "ignore", [seen.id], "?state__exact=open", select_across="1", newest=seen.id,
        why="test night",
    )  # fmt: skip

    assert (state_of(session, seen), state_of(session, late)) == ("ignored", "open")


def test_one_action_takes_a_bounded_number(operator, session, source, retries, monkeypatch):
    monkeypatch.setattr(pages, "MAX_IGNORED", 2)
    letters = [
        make_dead_letter(session, source, source_offset=at, last_offset=at) for at in range(3)
    ]

    answer = act(operator, "ignore", [each.id for each in letters], why="test night")

    assert "2 letters ignored" in answer.text
    assert "1 letter more wait" in answer.text
    assert [state_of(session, each) for each in letters] == ["ignored", "ignored", "open"]


def test_a_retry_takes_fewer_for_each_packet_is_looked_for(
    operator, session, source, retries, monkeypatch
):
    monkeypatch.setattr(pages, "MAX_RETRIED", 2)
    letters = [
        make_dead_letter(session, source, source_offset=at, last_offset=at) for at in range(3)
    ]

    answer = act(operator, "retry", [each.id for each in letters])

    assert "1 letter more wait: at most 2" in answer.text
    assert [len(ids) for ids, _ in retries.asked] == [2]


def test_looking_does_not_allow_acting(session, source, retries):
    browser = Client(headers={"host": "localhost"})
    user = User.objects.create(username="guest", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
    browser.force_login(user)
    letter = make_dead_letter(session, source)

    act(browser, "retry", [letter.id])
    act(browser, "ignore", [letter.id], why="I may not")

    assert ">Retry</button>" not in browser.get(f"{LIST}{letter.id}/change/").text
    assert (state_of(session, letter), retries.asked) == ("open", [])


def test_without_the_permission_to_look_there_is_no_packet(session, archived):
    browser = Client(headers={"host": "localhost"})
    browser.force_login(User.objects.create(username="guest", is_staff=True))
    letter = archived()

    for tail in ("", f"{letter.id}/change/", f"{letter.id}/packet"):
        assert browser.get(LIST + tail).status_code == 403


@pytest.mark.parametrize("action", ["retry", "ignore"])
def test_nothing_is_done_by_a_link_or_from_another_site(session, source, retries, action):
    browser = Client(headers={"host": "localhost"}, enforce_csrf_checks=True)
    browser.force_login(User.objects.create(username="boss", is_staff=True, is_superuser=True))
    letter = make_dead_letter(session, source)
    words = {"action": action, "_selected_action": letter.id, "why": "forged"}

    assert browser.post(LIST, words).status_code == 403
    browser.get(LIST, words)

    assert (state_of(session, letter), retries.asked) == ("open", [])


def resume(browser, session):
    key = session.execute(text("SELECT id FROM streams")).scalar_one()
    words = {"action": "resume", "_selected_action": key}
    return browser.post("/admin/pipeline/stream/", words, follow=True)


def test_a_stopped_stream_is_started_again(staff, session):
    stops.stop(session, "ztf", "60 of the last 100 packets became dead letters")
    assert "60 of the last 100" in staff.get("/admin/pipeline/stream/").text

    answer = resume(staff, session)

    assert "Stream ztf runs again; it stood because: 60 of the last 100" in answer.text
    assert stops.stop_reason(session, "ztf") is None
    assert [entry.get_change_message() for entry in LogEntry.objects.all()] == ["Resumed."]
    assert "None of them stands." in resume(staff, session).text


def test_looking_at_streams_does_not_start_them(session):
    browser = Client(headers={"host": "localhost"})
    user = User.objects.create(username="guest", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_stream"))
    browser.force_login(user)
    stops.stop(session, "ztf", "a reason")

    resume(browser, session)

    assert stops.stop_reason(session, "ztf") == "a reason"
