from datetime import UTC, datetime, timedelta

import pytest

from pipeline.gw.cards import Decision, Links
from pipeline.gw.cards_notice import Card, notice_card
from pipeline.gw.scored import score_notice
from tests.block_kit import buttons, faults, shown
from tests.gw_notices import NAMES, as_bytes, make_notice, raw, sample

NOW = datetime(2024, 11, 3, 20, 5, tzinfo=UTC)
LINKS = Links(
    skyportal="https://example.org/source/S241102br",
    gracedb="https://gracedb.ligo.org/superevents/S241102br/view/",
    owncloud="https://example.org/files",
)


def field(name, value):
    return {"type": "mrkdwn", "text": f"*{name}*\n{value}"}


def card(name, **given):
    return notice_card(Card(score_notice(raw(name)), "12", 1, NOW, **given))


def made(event=None, **given):
    return notice_card(
        Card(score_notice(as_bytes(make_notice(event, **given))), "12", 1, NOW)
    )  # fmt: skip


def test_the_card_of_an_update_says_all_of_it():
    message = notice_card(
        Card(
            score_notice(raw("S241102br-update")),
            reference="12",
            count=3,
            now=NOW,
            previous=score_notice(raw("S241102br-initial")),
            is_planning=True,
            links=LINKS,
        )
    )

    assert message.text == (
        "🔄 Alert N°3 - UPDATE of S241102br: BBH 99.2 %, 90 % 28.4 deg², 364 Mpc, score 2"
    )
    header, badges, divider, fields, suggestion, changes, links, planning, decide = message.blocks
    assert header["text"] == {
        "type": "plain_text",
        "text": "🔄 Alert N°3 - UPDATE",
        "emoji": True,
    }
    assert badges["elements"][0]["text"] == (
        "*REAL* · S241102br · significant · notice of 2024-11-03 20:04:48 UTC"
    )
    assert divider == {"type": "divider"}
    assert fields["fields"] == [
        field("Event time (T0)", "2024-11-02 12:40:58 UTC\n1 d 7 h before this was written"),
        field("Class", "BBH 99.2 %"),
        field("Other classes", "NSBH 0.8 % · Terrestrial &lt; 0.1 % · BNS &lt; 0.1 %"),
        field("Instruments", "H1 L1 V1"),
        field("Sky area", "90 %: 28.4 deg²\n50 %: 7.12 deg²"),
        field("Distance", "364 ± 54 Mpc"),
        field("False alarm rate", "1 per 2.8×10³³ years"),
        field("Found by", "CBC · gstlal · AllSky"),
        field(
            "GRANDMA score",
            "2: Should we GO GRANDMA?\n"
            "BBH, near and small (limits 500 Mpc, 500 deg²): maybe no counterpart",
        ),
        field("Decision", "none yet"),
    ]
    assert suggestion["text"]["text"].splitlines() == [
        "*Suggestion: FOLLOW UP*, a person decides",
        "✅ 90 % area &lt; 200 deg²",
        "❌ distance &lt; 200 Mpc",
        "✅ 90 % area &lt; 1000 deg²",
        "❌ joint with a gamma-ray burst or neutrino",
    ]
    assert changes["text"]["text"].splitlines() == [
        "*Changes since the INITIAL of 2024-11-02 12:58:43 UTC*",
        "90 % area: 44.9 deg² → *28.4 deg²*",
        "50 % area: 10.7 deg² → *7.12 deg²*",
        "Distance: 354 ± 63 Mpc → *364 ± 54 Mpc*",
        "Peak of the map moved by *0.2°*",
    ]
    assert [each["url"] for each in links["elements"]] == [
        LINKS.skyportal,
        LINKS.gracedb,
        LINKS.owncloud,
    ]
    assert planning["text"]["text"].startswith("🔭 Plans are being made")
    assert [each["action_id"] for each in decide["elements"]] == ["follow_up", "no_follow_up"]
    assert {each["value"] for each in decide["elements"]} == {"12"}


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_fits_slack(name):
    assert faults(card(name, links=LINKS, previous=score_notice(raw(NAMES[0])))) == []


@pytest.mark.parametrize(
    ("alert_type", "emoji"),
    [
        ("PRELIMINARY", "🟡"),
        ("INITIAL", "🟢"),
        ("UPDATE", "🔄"),
        ("EARLYWARNING", "❓"),
        ("NEW", "❓"),
    ],
)
def test_the_type_has_its_sign(alert_type, emoji):
    assert (
        made(alert_type=alert_type).blocks[0]["text"]["text"] == f"{emoji} Alert N°1 - {alert_type}"
    )


def test_a_low_score_offers_to_plan():
    message = card("gw_notice_significant")

    assert set(buttons(message)) == {"run_obs_plan", "plan_options", "follow_up", "no_follow_up"}
    assert "No plan is made by itself" in shown(message)


def test_a_retraction_only_says_so():
    message = card("retraction", links=LINKS)

    assert message.text == "❌ Alert N°1 - RETRACTION: S241126dm is no event"
    assert set(buttons(message)) == {"open_skyportal", "open_gracedb", "open_owncloud"}
    assert "S241126dm was retracted* on 2024-11-26 23:06:05 UTC" in shown(message)


def test_without_a_map_no_plan_is_offered_and_the_cause_is_told():
    message = made({"skymap": "!!!!"})

    assert set(buttons(message)) == {"follow_up", "no_follow_up"}
    assert "No plan can be made: the map is not base64" in shown(message)
    assert "*Sky area*\nn/a: the map is not base64" in shown(message)


def test_a_notice_without_classes_has_the_seeds_words():
    message = made({"classification": {}})

    assert "*Class*\nNo classification available" in shown(message)
    assert "*Other classes*\nn/a" in shown(message)


def test_what_is_missing_is_not_available():
    message = made(
        {
            "far": None,
            "instruments": [],
            "pipeline": None,
            "search": None,
            "group": None,
            "time": None,
        }
    )

    for name in ("Event time (T0)", "Instruments", "False alarm rate", "Found by", "Distance"):
        assert f"*{name}*\nn/a" in shown(message)


def test_a_mock_shows_what_a_real_event_would_score():
    mock = sample("S241102br-update") | {"superevent_id": "MS241102br"}
    message = notice_card(Card(score_notice(as_bytes(mock)), "12", 1, NOW))

    assert "score 0: a mock; 2 (GO) if it were real" in message.text
    assert "0: a mock; 2 (GO) if it were real\nBBH, near and small" in shown(message)
    assert "*Suggestion if it were real: FOLLOW UP*" in shown(message)


def test_a_mock_wears_its_badge():
    message = made(superevent_id="MS260102ab")

    assert message.text.startswith("[MOCK] ")
    assert "🧪 *MOCK*, no real event" in shown(message)


def test_an_early_warning_may_come_before_its_event():
    early = score_notice(raw("S250910b-earlywarning"))

    message = notice_card(Card(early, "1", 1, early.notice.event_time - timedelta(seconds=7)))

    assert "2025-09-10 00:07:57 UTC\n7 s after this was written" in shown(message)
    assert "*Suggestion: WAIT*" in shown(message)


def test_a_joint_event_is_told():
    joint = {
        "observatory": "Fermi",
        "search": "GRB",
        "time_difference": 1.7,
        "time_sky_position_coincidence_far": 1e-8,
    }

    message = made(external_coinc=joint)

    assert "⚡ *Joint with Fermi GRB*, 1.7 s from T0; by chance 1 per 3.17 years" in shown(message)


def test_a_burst_shows_what_it_has():
    message = made(
        {"group": "Burst", "search": "BBH", "duration": 0.03, "central_frequency": 123.4}
    )

    assert "Burst · gstlal · BBH · lasting 0.03 s · at 123 Hz" in shown(message)


def test_a_decision_names_who_and_why():
    decision = Decision("NO FOLLOW UP", "U0ABCDEF1", NOW, "too <far> & faint")

    message = card("S241102br-update", decision=decision)

    assert (
        "*NO FOLLOW UP* by <@U0ABCDEF1> on 03 Nov 20:05 UTC: too &lt;far&gt; &amp; faint"
        in shown(message)
    )


def test_absurd_notices_fit_slack():
    long = "<&>" * 4000
    event = {
        "pipeline": long,
        "search": long,
        "group": long,
        "instruments": [long] * 300,
        "classification": {f"{long}{at}": 1 / (at + 2) for at in range(300)},
        "far": 1e-320,
    }
    alert = score_notice(
        as_bytes(make_notice(event, alert_type=long, external_coinc={"search": long}))
    )

    message = notice_card(
        Card(alert, "1" * 5000, 10**9, NOW, alert, Decision(long, long, NOW, long), links=LINKS)
    )

    assert faults(message) == []
    assert "<&>" not in shown(message)
