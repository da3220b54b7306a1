"""Bursts in Slack: one thread each, every packet once, in the order of arrival."""

import pytest
from sqlalchemy import select

from pipeline.clients.slack import slack
from pipeline.gw import grb_intake, grb_tell, steps
from pipeline.gw.blocks import message
from pipeline.gw.gcn_intake import GCN_JSON
from pipeline.gw.grb_intake import VOEVENT
from pipeline.gw.grb_tables import GrbAlert
from pipeline.gw.steps import Skip, Wait
from pipeline.gw.tables import Delivery, GwStep
from tests import slack as stand_in
from tests.gw_arrivals import take
from tests.gw_rows import make_notice, run_all
from tests.voevents import packet


@pytest.fixture
def workspace(session, tmp_path, set_up, monkeypatch):
    monkeypatch.setattr(steps, "enqueue", lambda *_: None)
    with stand_in.serving(tmp_path / "slack") as running:
        given = stand_in.settings(running)
        set_up(**{name.removeprefix("NIGHTJAR_").lower(): text for name, text in given.items()})
        set_up(gw__mock_channel=stand_in.MOCK)
        slack.cache_clear()
        yield running.workspace
    slack.cache_clear()


def told(workspace, channel=stand_in.GW):
    """Return the texts in a channel; those in a thread begin with an arrow."""
    found = workspace.in_channel(channel)
    threads = [(entry, workspace.in_thread(channel, entry["ts"])) for entry in found]
    return [
        ("" if each is entry else "> ") + each["text"]
        for entry, thread in threads
        for each in [entry, *(reply for reply in thread if reply["ts"] != entry["ts"])]
    ]


OPENING = "🔔 New Swift GRB 251214 / Trigger ID: 1423875"


@pytest.mark.parametrize(
    ("kinds", "replies"),
    [
        ((61, 67, 81), ["🎯 XRT", "🔭 UVOT"]),
        ((67, 61, 81), ["🎯 XRT", "🔭 UVOT"]),
        ((81, 67, 61), ["🔭 UVOT", "🎯 XRT"]),
    ],
)
def test_a_burst_is_one_thread_in_the_order_of_arrival(session, workspace, kinds, replies):
    for kind in kinds:
        take(session, VOEVENT, packet(kind))
    run_all(session)

    expected = [OPENING, *(f"> {reply} position of GRB 251214" for reply in replies)]
    assert told(workspace) == expected


def test_what_comes_later_goes_to_the_thread(session, workspace):
    for kind in (61, 67):
        take(session, VOEVENT, packet(kind))
    run_all(session)
    take(session, VOEVENT, packet(67, number=2))
    run_all(session)

    xrt = "> 🎯 XRT position of GRB 251214"
    assert told(workspace) == [OPENING, xrt, xrt]
    assert len(set(session.scalars(select(GrbAlert.thread_ts)))) == 1


def test_svoms_slew_that_came_first_is_told_in_the_thread(session, workspace):
    take(session, VOEVENT, packet(204, mission="svom", trigger="sb25120806"))
    take(session, VOEVENT, packet(202, mission="svom", trigger="sb25120806"))
    run_all(session)

    assert told(workspace) == [
        "🔔 New SVOM GRB 251214 / sb25120806",
        "> 🛰️ Slew accepted of GRB 251214",
    ]


def test_the_next_packet_opens_the_thread_that_slack_refused(session, workspace, set_up):
    set_up(slack__gw_channel="C0FOREIGN")
    for kind in (61, 67):
        take(session, VOEVENT, packet(kind))
    run_all(session)
    assert session.scalars(select(GwStep.state)).all() == ["failed"]
    set_up(slack__gw_channel=stand_in.GW)

    take(session, VOEVENT, packet(81))
    run_all(session)

    replies = [f"> {name} position of GRB 251214" for name in ("🎯 XRT", "🔭 UVOT")]
    assert told(workspace) == [OPENING, *replies]


def test_a_step_that_is_done_again_posts_nothing(session, workspace):
    for kind in (61, 67):
        take(session, VOEVENT, packet(kind))
    run_all(session)
    session.execute(GwStep.__table__.update().values(state="wanted"))
    run_all(session)

    assert len(told(workspace)) == 2


def test_a_test_is_told_in_the_mock_channel(session, workspace):
    take(session, VOEVENT, packet(202, mission="svom", role="test"))
    run_all(session)

    assert told(workspace) == []
    assert told(workspace, stand_in.MOCK)[0].startswith("🧪 TEST 🔔 New SVOM")


def test_without_a_channel_nobody_is_told(session, workspace, set_up):
    take(session, VOEVENT, packet(202, mission="svom"))
    set_up(slack__gw_channel="")
    step = session.scalars(select(GwStep)).one()

    outcome = grb_tell.open_thread(steps.Step(1, step.step, "", None, step.id_grb, 1, "task"))
    assert isinstance(outcome, Skip)


def test_a_packet_waits_for_the_thread(session, workspace):
    take(session, VOEVENT, packet(81))
    (row,) = session.scalars(select(GrbAlert))

    outcome = grb_tell.tell_packet(steps.Step(1, grb_intake.CARD, "", None, row.id_grb, 1, "task"))
    assert isinstance(outcome, Wait)


def test_a_circular_is_told_with_its_link(session, workspace):
    thread_ts = slack().post(stand_in.GW, message("new event"), "1")
    notice = make_notice(session, thread_ts=thread_ts, channel=stand_in.GW)
    raw = b'{"subject": "LIGO/Virgo/KAGRA S241102br: <now>", "circularId": 38000}'
    take(session, GCN_JSON, raw, topic="gcn.circulars")
    run_all(session)

    delivery = session.scalars(select(Delivery)).one()
    assert (delivery.id_gw, delivery.state) == (notice.id_gw, "sent")
    entry = workspace.in_thread(stand_in.GW, thread_ts)[-1]
    assert entry["blocks"][0]["text"]["text"] == (
        "📄 <https://gcn.nasa.gov/circulars/38000|GCN circular 38000>: "
        "LIGO/Virgo/KAGRA S241102br: &lt;now&gt;"
    )
