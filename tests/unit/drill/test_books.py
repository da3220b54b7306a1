"""A drill that cannot fail proves nothing: every kind of mistake is found."""

from collections import Counter

import pytest

from tests.drill.books import (
    Accounts,
    Letter,
    Living,
    Seen,
    delivery_mistakes,
    effect_mistakes,
    mistakes,
)
from tests.drill.load import Sent
from tests.e2e.published import Published

A, B = ("night", 0, 0), ("night", 0, 1)
SENT = {A: Sent("ztf", 11, "", 77, 0.0), B: Sent("ztf", None, "truncated", 88, 0.0)}
LIVING = {A: Living(11, False, 77, 0.0)}
LETTERS = {B: Letter("truncated", "open", 0.0)}


def accounts(living=None, letters=None, twice=()):
    return Accounts(LIVING | (living or {}), LETTERS | (letters or {}), frozenset(twice))


def message(delivery_id="a", topic="class", candid="11"):
    headers = {"survey": "ZTF", "candid": candid, "delivery_id": delivery_id}
    return Published(topic, "key", headers, b"")


DECIDED = Counter([("ZTF", "11", "class")])


def test_right_books_have_no_mistake():
    assert mistakes(accounts(), SENT) == []


def test_what_nobody_wrote_down_is_missing():
    assert Accounts({}, LETTERS, frozenset()).missing(SENT) == {A}


@pytest.mark.parametrize(
    ("living", "letters", "said"),
    [
        ({("night", 1, 0): Living(12, False, 1, 0.0)}, {}, "nobody sent"),
        ({A: Living(12, False, 77, 0.0)}, {}, "something else"),
        ({A: Living(11, False, 78, 0.0)}, {}, "something else"),
        ({B: Living(11, False, 88, 0.0)}, {}, "stored twice"),
        ({}, {A: Letter("worker_died", "open", 0.0)}, "something else"),
        ({}, {B: Letter("empty", "open", 0.0)}, "something else"),
    ],
    ids=["foreign", "another alert", "other bytes", "twice", "buried alive", "another reason"],
)
def test_a_wrong_entry_is_told(living, letters, said):
    assert any(said in told for told in mistakes(accounts(living, letters), SENT))


def test_an_offset_that_is_alert_and_duplicate_is_told():
    assert mistakes(accounts(twice=[A]), SENT)


def test_a_letter_that_was_resolved_may_stand_beside_its_alert():
    assert mistakes(accounts(letters={A: Letter("worker_died", "resolved", 0.0)}), SENT) == []


def test_a_good_packet_may_be_buried_where_the_case_says_so():
    buried = Accounts({}, LETTERS | {A: Letter("expired_offsets", "open", 0.0)}, frozenset())

    assert mistakes(buried, SENT)
    assert mistakes(buried, SENT, ["expired_offsets"]) == []


def test_copies_of_a_decided_message_are_no_mistake():
    assert delivery_mistakes([message(), message()], DECIDED) == []


@pytest.mark.parametrize(
    ("published", "said"),
    [
        ([], "never came"),
        ([message(), message(topic="other", delivery_id="b")], "nobody decided"),
        ([message(), message(delivery_id="b")], "different delivery ids"),
    ],
    ids=["absent", "foreign", "two ids"],
)
def test_a_wrong_message_is_told(published, said):
    assert any(said in told for told in delivery_mistakes(published, DECIDED))


def test_messages_that_share_a_delivery_id_are_told():
    decided = DECIDED + Counter([("ZTF", "12", "class")])

    assert delivery_mistakes([message(), message(candid="12")], decided)


def seen(alert_count=2, points=2, is_first_right=True, candids=(11, 12)):
    return Seen(list(candids), alert_count, 2, 2, points, is_first_right, is_last_right=True)


GOOD = {at: Sent("ztf", candid, "", 0, 0.0) for candid, at in ((11, A), (12, B))}


def test_an_object_counted_once_has_no_mistake():
    assert effect_mistakes([seen()], GOOD, are_all_stored=True) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (seen(alert_count=3), "counts or times"),
        (seen(is_first_right=False), "counts or times"),
        (seen(points=1), "one detection"),
        (seen(points=3), "one detection"),
    ],
)
def test_an_effect_that_came_twice_or_never_is_found(wrong, said):
    [found] = effect_mistakes([seen(), wrong], GOOD, are_all_stored=True)
    assert said in found


def test_points_of_buried_packets_are_no_mistake():
    assert effect_mistakes([seen(points=3)], GOOD, are_all_stored=False) == []
    assert effect_mistakes([seen(points=1)], GOOD, are_all_stored=False) != []


def test_curves_of_spoiled_packets_are_nobodys_business():
    assert effect_mistakes([seen(points=9, candids=(11, 99))], GOOD, are_all_stored=True) == []
