"""A notice becomes a thread and cards: in order, in the right channel, edited as things go on."""

import pytest
from sqlalchemy import select

from pipeline.gw import orders, steps, tell_picture
from pipeline.gw.tables import Delivery, GwAlert, GwStep
from pipeline.simulate.slack.faults import Fault
from tests.slack import GW, MOCK, OBSERVATIONS, buttons, texts

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def rows(session):
    session.expire_all()
    return list(session.scalars(select(GwAlert).order_by(GwAlert.reception_count)))


def states(session, *names):
    session.expire_all()
    found = select(GwStep.state).where(GwStep.step.in_(names)).order_by(GwStep.id)
    return list(session.scalars(found))


def message(standin, channel, ts):
    return standin.workspace.messages[channel, ts]


def test_a_first_notice_opens_a_thread_and_puts_its_card_there(take, work, session, standin):
    take(event={"classification": {"Terrestrial": 1.0}})  # which does not plan by itself
    work()

    [row] = rows(session)
    announced = message(standin, GW, row.thread_ts)
    card = message(standin, GW, row.message_ts)
    assert announced["text"].startswith("🔔 New GW alert received: S260102ab")
    assert "thread_ts" not in announced
    assert card["thread_ts"] == row.thread_ts
    assert row.thread_ts < row.message_ts
    assert {"run_obs_plan", "follow_up", "no_follow_up"} <= buttons(card)
    assert texts(standin, MOCK) == texts(standin, OBSERVATIONS) == []


def test_the_card_does_not_wait_for_a_thread_that_never_opens(take, work, session, set_up, standin):
    set_up(NIGHTJAR_SLACK__GW_CHANNEL="")
    take()
    work()

    assert states(session, "thread", "card") == ["skipped", "skipped"]
    assert standin.workspace.messages == {}


def test_without_a_token_nothing_is_posted(take, work, session, set_up):
    set_up(NIGHTJAR_SLACK__TOKEN="")
    take()
    work()

    assert states(session, "thread") == ["skipped"]


def test_a_second_notice_comes_into_the_same_thread_and_ends_the_first_card(
    take, work, session, standin
):
    take()
    work()
    take("UPDATE", minute=9)
    work()

    first, second = rows(session)
    assert second.thread_ts == first.thread_ts
    assert "N°2" in message(standin, GW, second.message_ts)["text"]
    old = message(standin, GW, first.message_ts)
    assert "Superseded by N°2" in str(old["blocks"][-1])
    assert not {"run_obs_plan", "follow_up"} & buttons(old)
    assert "UPDATE" in str(message(standin, GW, first.thread_ts)["blocks"])


def test_two_notices_at_once_open_one_thread(take, work, session, standin):
    take()
    take("INITIAL", minute=6)
    work()

    assert len(standin.workspace.in_channel(GW)) == 1
    assert len(texts(standin, GW)) == 3


def test_a_retraction_marks_everything_and_says_so_in_the_thread(take, work, session, standin):
    take()
    take("INITIAL", minute=6)
    work()
    take("RETRACTION", minute=9)
    work()

    *cards, end = rows(session)
    assert [row.state for row in (*cards, end)] == ["retracted"] * 3
    assert "RETRACTED" in message(standin, GW, end.message_ts)["text"]
    for ts in (end.thread_ts, *(row.message_ts for row in cards)):
        marked = message(standin, GW, ts)
        assert marked["blocks"][0]["block_id"] == "retracted"
        assert not any(name and not name.startswith("open_") for name in buttons(marked))


def test_a_retraction_of_an_unknown_event_says_nothing(take, work, standin):
    take("RETRACTION")
    work()

    assert standin.workspace.messages == {}


def test_a_mock_is_told_in_its_own_channel_with_a_badge(take, work, standin):
    take(superevent_id="MS260102ab")
    work()

    announced, card = texts(standin, MOCK)
    assert announced.startswith("[MOCK] ")
    assert card.startswith("[MOCK] ")
    assert texts(standin, GW) == []


def test_a_mock_is_not_told_without_a_channel_for_it(take, work, session, set_up, standin):
    set_up(NIGHTJAR_GW__MOCK_CHANNEL="")
    take(superevent_id="MS260102ab")
    work()

    assert standin.workspace.messages == {}


def test_a_deleted_and_replayed_event_is_told_again(take, work, session, standin):
    take()
    work()
    session.delete(rows(session)[0])
    session.commit()
    take()
    work()

    assert len(standin.workspace.in_channel(GW)) == 2


def test_what_was_refused_for_good_is_sent_once_it_is_mended(take, work, session, set_up, standin):
    set_up(NIGHTJAR_SLACK__GW_CHANNEL="C0FOREIGN")
    take()
    work()
    assert states(session, "thread") == ["failed"]
    assert (
        session.scalars(select(Delivery.last_error)).one()
        == "Slack: chat.postMessage: not_in_channel"
    )

    standin.workspace.channels["C0FOREIGN"].has_bot = True
    orders.send_again(session, rows(session)[0].id_gw)
    session.commit()
    work()

    assert states(session, "thread", "card") == ["done", "done"]
    assert len(texts(standin, "C0FOREIGN")) == 2


def test_a_thread_that_a_later_notice_opened_is_opened_once(take, work, session, set_up, standin):
    set_up(NIGHTJAR_SLACK__GW_CHANNEL="C0FOREIGN")
    take()
    work()
    standin.workspace.channels["C0FOREIGN"].has_bot = True
    take("INITIAL", minute=6)
    work()
    orders.send_again(session, rows(session)[0].id_gw)
    session.commit()
    work()

    assert states(session, "thread") == ["skipped", "done"]
    assert len(standin.workspace.in_channel("C0FOREIGN")) == 1
    assert len({row.thread_ts for row in rows(session)}) == 1


def test_the_sky_map_follows_the_card_and_comes_once(take, work, later, session, standin):
    standin.faults.add("files.completeUploadExternal", Fault("drop"))
    take()
    for _ in range(3):
        work(with_pictures=True)
        later()

    [row] = rows(session)
    shown = [each for each in standin.workspace.in_thread(GW, row.thread_ts) if each.get("files")]
    [entry] = shown
    assert entry["ts"] > row.message_ts
    assert entry["files"][0]["title"] == "Sky map of S260102ab, N°1"
    assert "90 %" in entry["files"][0]["alt_txt"]
    assert states(session, "picture") == ["done"]


def test_a_card_posted_while_its_picture_looks_for_it_is_seen(
    take, work, session, standin, monkeypatch
):
    def then_the_card_is_posted(look):
        def looked(given):
            found = look(given)
            work()
            return found

        return looked

    for look in ("event_of", "card_state"):
        seen = then_the_card_is_posted(getattr(tell_picture, look))
        monkeypatch.setattr(tell_picture, look, seen)
    take()
    [picture] = session.scalars(select(GwStep.id).where(GwStep.step == "picture"))

    steps.run(picture, "another worker")

    assert states(session, "card", "picture") == ["done", "done"]
