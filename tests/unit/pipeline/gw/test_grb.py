"""When a burst's thread opens, and what makes its packets doubtful."""

from itertools import permutations

import pytest

from pipeline.gw.grb import Known, doubts, opener
from pipeline.gw.grb_cards import opening_card, packet_card
from pipeline.gw.voevents import parse_voevent
from tests.voevents import packet


def known(*kinds):
    return [Known(id=10 + n, packet_type=kind) for n, kind in enumerate(kinds)]


@pytest.mark.parametrize("kinds", [(), (61,), (67,), (81,), (61, 81), (67, 81, 67), (61, 61)])
def test_swift_waits_for_both_positions(kinds):
    assert opener("swift", known(*kinds)) is None


@pytest.mark.parametrize("kinds", list(permutations((61, 67, 81))))
def test_swift_opens_in_any_order_with_bats_packet(kinds):
    assert opener("swift", known(*kinds)) == 10 + kinds.index(61)


def test_the_first_of_two_packets_of_bat_opens():
    assert opener("swift", known(67, 61, 61)) == 11


@pytest.mark.parametrize("kinds", [(), (204,), (205, 209)])
def test_svom_waits_for_the_wake_up(kinds):
    assert opener("svom", known(*kinds)) is None


def test_svom_opens_with_the_wake_up():
    assert opener("svom", known(204, 202)) == 11


@pytest.mark.parametrize(
    ("ra_deg", "is_doubted"),
    [(10.2, False), (10.26, True), (9.74, True)],
    ids=["4 errors", "5.2 errors", "5.2 errors west"],
)
def test_positions_beyond_five_errors_are_doubted(ra_deg, is_doubted):
    one = parse_voevent(packet(61, place=(10.0, 0.0, 0.05)))
    other = parse_voevent(packet(67, place=(ra_deg, 0.0, 0.001)))

    assert bool(doubts(other, [one])) is is_doubted


@pytest.mark.parametrize("place", [None, (10.0, 0.0)])
def test_without_an_error_nobody_can_tell(place):
    one = parse_voevent(packet(61, place=(200.0, 0.0)))

    assert doubts(parse_voevent(packet(67, place=place)), [one]) == []


def test_a_packets_own_flags_are_doubts():
    event = parse_voevent(packet(61, Def_NOT_a_GRB="true"))

    assert doubts(event, []) == ["definitely not a GRB"]


def test_a_card_of_a_packet_that_says_nothing_says_so():
    card = opening_card(parse_voevent(packet(61, place=None, time=None, name=None)))
    texts = [field["text"] for field in card.blocks[2]["fields"]]

    assert card.text == "🔔 New Swift GRB / Trigger ID: 1423875"
    assert [text.split("\n")[1] for text in texts] == ["NA", "NA / NA sigma", "NA", "NA"]


def test_a_test_is_marked():
    event = parse_voevent(packet(61, role="test"))

    assert opening_card(event).text.startswith("🧪 TEST ")
    assert packet_card(event).text.startswith("🧪 TEST ")


def test_what_senders_write_is_shown_to_the_letter():
    event = parse_voevent(packet(202, mission="svom", Slew_Status="<!channel> & co"))
    texts = [field["text"] for field in opening_card(event).blocks[2]["fields"]]

    assert texts[-1] == "*Slew*\n&lt;!channel&gt; &amp; co"


def test_doubts_are_shown():
    blocks = packet_card(parse_voevent(packet(67)), ["one", "two"]).blocks

    assert blocks[-1]["elements"][0]["text"] == "⚠️ one; two"


@pytest.mark.parametrize(
    ("packet_type", "title"),
    [(204, "🛰️ Slew accepted"), (205, "🛑 Slew rejected"), (209, "🎯 MXT position")],
)
def test_svoms_later_packets_have_their_titles(packet_type, title):
    event = parse_voevent(packet(packet_type, mission="svom", name=None))

    assert packet_card(event).text == f"{title} of GRB 251214"
