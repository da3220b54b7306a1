"""Dead letters sent again."""

import pytest
from django.contrib.admin.models import LogEntry

from broker.errors import TransientError
from broker.ranges import second_tries
from broker.ranges.replays import ReplayError
from pipeline.admin import dead_letters as pages
from tests.factories import make_dead_letter
from tests.integration.dead_letter_pages.letters import LIST, act, listed, many, state_of

pytestmark = pytest.mark.integration


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
