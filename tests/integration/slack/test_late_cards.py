"""Cards that say what is so no more by the time that they lie in Slack."""

from contextlib import contextmanager

import pytest
from sqlalchemy import select

from broker.db import lock
from pipeline.gw import deliver, steps, tell
from pipeline.gw.steps import Want
from pipeline.gw.tables import Delivery, GwAlert, GwStep
from pipeline.simulate.slack.faults import Fault
from tests.gw_rows import make_group, make_plan, make_tile
from tests.slack import GW, buttons
from tests.standins.webdav_server import PASSWORD, USER, webdav_server

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

ENDS = pytest.mark.parametrize(
    ("ended_by", "shown"), [("RETRACTION", "RETRACTED"), ("UPDATE", "Superseded by N°2")]
)


def sent(session, *kinds):
    """Return the messages of these kinds that were posted, by their ts."""
    return list(session.scalars(select(Delivery.ts).where(Delivery.kind.in_(kinds))))


def first_card(session, standin):
    session.expire_all()
    row = session.scalars(select(GwAlert).where(GwAlert.reception_count == 1)).one()
    return standin.workspace.messages[GW, row.message_ts]


@pytest.fixture
def meanwhile(take, work, monkeypatch):
    """Return a function that lets a notice come while a message of some kind is being posted."""
    post = deliver.post

    def give(kind, alert_type):
        newer = [alert_type]

        def slowly(address, said):
            if address.kind == kind and newer:
                take(newer.pop(), minute=9)
                work()
            return post(address, said)

        monkeypatch.setattr(deliver, "post", slowly)

    return give


@ENDS
def test_a_card_shows_what_came_while_it_was_being_posted(
    take, work, session, standin, meanwhile, ended_by, shown
):
    meanwhile("M2", ended_by)
    take()
    work()

    card = first_card(session, standin)
    assert shown in str(card["blocks"])
    assert not {"follow_up", "no_follow_up", "run_obs_plan"} & buttons(card)


@ENDS
def test_a_card_that_is_found_after_a_crash_shows_what_has_come_since(
    take, work, later, session, standin, ended_by, shown
):
    standin.faults.add("chat.postMessage", Fault("hang", 0.0))
    standin.faults.add("chat.postMessage", Fault("drop"))
    take()
    work()
    take(ended_by, minute=9)
    work()  # while the first card rests
    later()
    work()

    card = first_card(session, standin)
    assert shown in str(card["blocks"])
    assert "follow_up" not in buttons(card)


@pytest.mark.parametrize("kind", ["M3", "M5", "M9"])
def test_messages_of_plans_that_were_posted_beside_the_retraction_are_marked(
    told, work, session, standin, meanwhile, kind
):
    state = "failed" if kind == "M5" else "done"
    group = make_group(session, told, telescopes=["TCA"], max_tiles=[10], state=state)
    plan = make_plan(session, group, state=state, tile_count=1, reason="out of memory")
    make_tile(session, plan)
    meanwhile(kind, "RETRACTION")
    steps.want(session, [Want("report", told.id_gw, key=f"{group.id}:{plan.id}")])
    session.commit()
    work()

    posted = [standin.workspace.messages[GW, ts] for ts in sent(session, "M3", "M5", "M9")]
    assert len(posted) == (1 if kind == "M3" else 2)
    assert {each["blocks"][0].get("block_id") for each in posted} == {"retracted"}


def test_who_finds_another_at_an_edit_waits_for_his_turn(told, work, later, press, standin):
    with lock(f"slack.edit.{GW}.{told.message_ts}"):
        press(told.message_ts, "follow_up")
        assert "FOLLOW UP* by" not in str(standin.workspace.messages[GW, told.message_ts])

    later()
    work()

    assert "FOLLOW UP* by" in str(standin.workspace.messages[GW, told.message_ts]["blocks"])


def test_an_edit_says_what_is_so_when_its_turn_comes(
    told, take, session, standin, monkeypatch, bells
):
    newer = ["RETRACTION"]

    @contextmanager
    def late(name):
        if newer:
            take(newer.pop(), minute=9)
        with lock(name) as is_mine:
            yield is_mine

    monkeypatch.setattr(tell, "lock", late)
    steps.want(session, [Want("card_again", told.id_gw, key="test")])
    session.commit()
    again = session.scalars(select(GwStep).where(GwStep.key == "test")).one()
    steps.run(again.id, "worker")

    assert "RETRACTED" in str(standin.workspace.messages[GW, told.message_ts]["blocks"])


def test_a_card_links_to_the_folders_that_were_made_after_it(
    take, work, session, standin, set_up, tmp_path
):
    (tmp_path / "dav").mkdir()
    with webdav_server(tmp_path / "dav") as cloud:
        set_up(
            NIGHTJAR_OWNCLOUD__URL=cloud.settings().url,
            NIGHTJAR_OWNCLOUD__USER=USER,
            NIGHTJAR_OWNCLOUD__PASSWORD=PASSWORD,
            NIGHTJAR_OWNCLOUD__LINK_BASE="https://cloud.example.org/?dir=/",
        )
        take()
        work()
        before = buttons(first_card(session, standin))
        work(also=("folders",))

    links = {"open_owncloud", "open_images", "open_logbook"}
    assert not links & before
    assert links <= buttons(first_card(session, standin))


def test_a_card_that_says_what_is_so_is_not_written_twice(take, work, session):
    take(event={"classification": {"Terrestrial": 1.0}})
    work()

    assert session.scalars(select(GwStep).where(GwStep.step == "card_again")).all() == []
