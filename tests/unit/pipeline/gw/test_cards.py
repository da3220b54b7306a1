from datetime import UTC, datetime

from pipeline.gw.blocks import Message
from pipeline.gw.cards import (
    Decision,
    EventSummary,
    Links,
    mark_retracted,
    new_event,
    retraction,
)
from pipeline.gw.cards_lines import changes, claim_line, decision_line
from pipeline.gw.cards_notice import Card, notice_card
from pipeline.gw.scored import score_notice
from tests.block_kit import buttons, faults, shown
from tests.gw_notices import raw

NOW = datetime(2024, 11, 3, 20, 5, tzinfo=UTC)


def test_a_new_event_is_announced():
    message = new_event(EventSummary("S241102br"))

    assert message.text == "🔔 New GW alert received: S241102br"
    assert message.blocks[0]["text"]["text"] == "🔔 New GW alert received: S241102br"
    assert message.blocks[1] == {"type": "divider"}
    assert "Pending validation, see the thread" in message.blocks[2]["text"]["text"]
    assert buttons(message) == {}


def test_nothing_is_pending_once_an_event_is_over():
    message = new_event(EventSummary("S241102br", is_over=True))

    assert "Pending" not in shown(mark_retracted(message, "S241102br", NOW))
    assert faults(message) == []


def test_the_announcement_tells_decision_and_plan():
    latest = score_notice(raw("S241102br-update"))
    decision = Decision("FOLLOW UP", "U0ABCDEF1", NOW)

    message = new_event(EventSummary("S241102br", "real", latest, decision, "ready, 3 telescopes"))

    assert message.blocks[-1]["text"]["text"].splitlines() == [
        "*Latest notice:* UPDATE, BBH 99.2 %, score 2",
        "*Decision:* *FOLLOW UP* by <@U0ABCDEF1> on 03 Nov 20:05 UTC",
        "*Plan:* ready, 3 telescopes",
    ]


def test_a_mock_is_announced_as_one():
    message = new_event(EventSummary("MS241102br", "mock"))

    assert message.text.startswith("[MOCK] ")
    assert "🧪 *MOCK*: no real event" in shown(message)


def test_a_retraction_mentions_who_took_tiles():
    message = retraction("S241102br", NOW, ("U0ABCDEF1", "U0ABCDEF2"))

    assert message.text == "🟥 RETRACTED: S241102br is no event"
    assert "<@U0ABCDEF1> <@U0ABCDEF2>" in shown(message)


def test_an_earlier_card_is_marked_once_and_loses_its_buttons():
    alert = score_notice(raw("gw_notice_significant"))
    links = Links(gracedb=alert.notice.gracedb_url)
    card = notice_card(Card(alert, "12", 1, NOW, links=links))

    marked = mark_retracted(card, "S241004ap", NOW)

    assert marked.blocks[0]["text"]["text"] == "🟥 RETRACTED 🟥 S241004ap"
    assert marked.text.startswith("🟥 RETRACTED: 🟡 Alert N°1")
    assert set(buttons(marked)) == {"open_gracedb"}
    assert faults(marked) == []
    assert mark_retracted(marked, "S241004ap", NOW) is marked


def test_a_message_of_fifty_blocks_can_be_marked():
    full = Message("x", ({"type": "divider"},) * 50)

    assert faults(mark_retracted(full, "S241102br", NOW)) == []


def test_a_decision_is_told_in_one_line():
    alert = score_notice(raw("S241102br-update"))
    facts = (
        "New alert: S241102br · UPDATE · BBH 99.2 % · 90 % 28.4 deg² · 50 % 7.12 deg² · 364 Mpc · "
        "score 2 · "
    )

    assert decision_line(alert, "FOLLOW UP") == f"{facts}FOLLOW UP, waiting for the plan"
    assert (
        decision_line(alert, "FOLLOW UP", is_planned=True) == f"{facts}FOLLOW UP, the plan is ready"
    )
    assert decision_line(alert, "NO FOLLOW UP") == f"{facts}NO FOLLOW UP"


def test_what_is_unknown_is_named_in_the_line():
    assert "90 % n/a · 50 % n/a · distance n/a" in decision_line(
        score_notice(raw("retraction")), "NO FOLLOW UP"
    )


def test_a_claim_is_the_prescribed_line():
    line = claim_line("TCA", 1, 10080, 345.1035, 41.7526, 0.0412, "UPDATE", NOW)

    assert line == (
        "I received the plan and I will start observing with TCA id 1 tile id 10080 RA 345.1035 "
        "DEC 41.7526 probability 0.0412 on UPDATE date 2024-11-03 20:05:00 UTC"
    )


def test_every_change_of_a_notice_is_told():
    first, second = (score_notice(raw(f"S241102br-{name}")) for name in ("preliminary", "initial"))

    assert changes(first, second) == [
        "Class: BBH 98.3 % → *BBH 99.2 %*",
        "90 % area: 165 deg² → *44.9 deg²*",
        "50 % area: 31.9 deg² → *10.7 deg²*",
        "Distance: 465 ± 93 Mpc → *354 ± 63 Mpc*",
        "False alarm rate: 1 per 1,767 years → *1 per 2.8×10³³ years*",
        "Peak of the map moved by *3.0°*",
        "T0 moved by *-0.011 s*",
    ]


def test_the_same_notice_again_changes_nothing():
    alert = score_notice(raw("S241102br-update"))

    assert changes(alert, alert) == []
