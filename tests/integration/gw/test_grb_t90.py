"""Swift's page of a burst, looked at some minutes after: told once, or not at all."""

import pytest
from sqlalchemy import func, select, update

from broker.sections.outside import SwiftSettings
from pipeline.clients.slack import slack
from pipeline.clients.swift import SwiftPages
from pipeline.gw import grb_t90, steps
from pipeline.gw.grb_intake import VOEVENT
from pipeline.gw.grb_tables import GrbAlert
from pipeline.gw.tables import GwStep
from tests import slack as stand_in
from tests.gw_arrivals import take
from tests.gw_rows import run_all
from tests.standins.gracedb import gracedb
from tests.standins.schema_registry import busy, moved
from tests.unit.pipeline.gw.test_swift_page import PAGE
from tests.voevents import packet

pytestmark = pytest.mark.integration

PATH = "/1423875/bascript/top.html"
TITLE = "📈 BAT analysis of GRB 251214"


@pytest.fixture
def pages():
    """A server of Swift's pages; what it knows can be changed."""
    known = {}
    with gracedb(known) as server:
        server.known = known
        yield server


@pytest.fixture
def workspace(session, tmp_path, set_up, monkeypatch, pages):
    monkeypatch.setattr(steps, "enqueue", lambda *_: None)
    with stand_in.serving(tmp_path / "slack") as running:
        given = stand_in.settings(running)
        set_up(**{name.removeprefix("NIGHTJAR_").lower(): text for name, text in given.items()})
        set_up(swift__url=f"http://127.0.0.1:{pages.server_port}")
        slack.cache_clear()
        yield running.workspace
    slack.cache_clear()


@pytest.fixture
def burst(session, workspace, monkeypatch):
    """A burst with its thread, at the time of the first look."""
    for kind in (61, 67):
        take(session, VOEVENT, packet(kind))
    run_all(session)
    assert step(session).last_error == "Swift's analysis is not made yet"
    monkeypatch.setattr(grb_t90, "FIRST_LOOK_S", -60.0)


def step(session):
    session.expire_all()
    return session.scalars(select(GwStep).where(GwStep.step == "grb_t90")).one()


def look(session, times=1):
    for _ in range(times):
        mine = update(GwStep).where(GwStep.step == "grb_t90", GwStep.state == "wanted")
        session.execute(mine.values(not_before=func.now()))
        steps.run(step(session).id, "worker")
    return step(session)


def told(workspace):
    return [text for text in map(str, workspace.messages.values()) if TITLE in text]


@pytest.mark.parametrize(
    "answer", [None, moved, b"<html>in preparation"], ids=["absent", "moved", "empty"]
)
def test_nothing_found_is_looked_for_four_times_and_told_to_nobody(
    session, burst, workspace, pages, answer
):
    if answer is not None:
        pages.known[PATH] = answer

    first = look(session)
    rest = select(func.extract("epoch", GwStep.not_before - func.now()))
    rest_s = session.scalar(rest.where(GwStep.id == first.id))
    assert (first.state, first.attempts) == ("wanted", 1)
    assert 290 < rest_s <= 375

    last = look(session, 3)
    assert (last.state, last.attempts) == ("skipped", 4)
    assert pages.asked == [PATH] * 4
    assert told(workspace) == []


def test_a_server_that_is_busy_is_asked_again(session, burst, workspace, pages):
    pages.known[PATH] = busy
    assert "503" in look(session).last_error

    pages.known[PATH] = PAGE
    assert look(session).state == "done"
    assert len(told(workspace)) == 1


def test_what_is_found_is_told_in_the_thread_and_kept(session, burst, workspace, pages):
    pages.known[PATH] = PAGE

    assert look(session).state == "done"

    [said] = told(workspace)
    for words in ("0.30 ± 0.05 s", "0.25 s", "1.73", "6.25e-08 erg/cm²", PATH):
        assert words in said
    row = session.scalars(select(GrbAlert).where(GrbAlert.packet_type == 61)).one()
    assert f"'thread_ts': '{row.thread_ts}'" in said
    assert row.t90["t90_s"] == 0.3


def test_a_test_burst_and_one_of_svom_are_not_looked_for(session, workspace):
    for kind in (61, 67):
        take(session, VOEVENT, packet(kind, role="test"))
    run_all(session)

    assert session.scalars(select(GwStep).where(GwStep.step == "grb_t90")).all() == []


def test_without_an_address_nobody_is_asked(session, burst, set_up, pages):
    set_up(swift__url="")

    assert look(session).state == "skipped"
    assert pages.asked == []


def test_a_page_too_large_and_an_odd_number_are_none(pages, set_up):
    pages.known[PATH] = b"T90: 1 +/- 1 " * 200_000
    settings = SwiftSettings(url=f"http://127.0.0.1:{pages.server_port}/")
    with SwiftPages.from_settings(settings) as client:
        assert client.bat_page("1423875") is None
        assert client.bat_page("../../etc/passwd") is None
    assert pages.asked == [PATH]
