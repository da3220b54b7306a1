"""Cards that say what is so no more by the time that they lie in Slack."""

import pytest
from sqlalchemy import select

from pipeline.gw import deliver
from pipeline.gw.tables import GwAlert, GwStep
from pipeline.simulate.slack.faults import Fault
from tests.slack import GW, buttons
from tests.standins.webdav_server import PASSWORD, USER, webdav_server

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

ENDS = pytest.mark.parametrize(
    ("ended_by", "shown"), [("RETRACTION", "RETRACTED"), ("UPDATE", "Superseded by N°2")]
)


def first_card(session, standin):
    session.expire_all()
    row = session.scalars(select(GwAlert).where(GwAlert.reception_count == 1)).one()
    return standin.workspace.messages[GW, row.message_ts]


@ENDS
def test_a_card_shows_what_came_while_it_was_being_posted(
    take, work, session, standin, monkeypatch, ended_by, shown
):
    post = deliver.post
    newer = [ended_by]

    def slowly(address, said):
        ts = post(address, said)
        if address.kind == "M2" and newer:
            take(newer.pop(), minute=9)
            work()
        return ts

    monkeypatch.setattr(deliver, "post", slowly)
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
    later()
    work()

    card = first_card(session, standin)
    assert shown in str(card["blocks"])
    assert "follow_up" not in buttons(card)


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
