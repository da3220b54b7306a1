"""Packets of bursts into rows and steps, in any order."""

from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import select

from pipeline.gw import grb_intake
from pipeline.gw.grb_intake import VOEVENT
from pipeline.gw.grb_tables import GrbAlert
from pipeline.gw.tables import GwStep
from pipeline.gw.voevents import parse_voevent
from tests.gw_arrivals import NOW, take
from tests.voevents import packet


def rows(session):
    return list(session.scalars(select(GrbAlert).order_by(GrbAlert.reception_count)))


def wanted(session):
    """Return the steps with the kinds of their packets."""
    found = select(GwStep.step, GrbAlert.packet_type).join(
        GrbAlert, GrbAlert.id_grb == GwStep.id_grb
    )
    return {tuple(row) for row in session.execute(found)}


def open_thread(session):
    """Do what the step does that opens a thread."""
    for row in rows(session):
        row.thread_ts, row.channel = "1.0", "C0GRB"
    session.flush()


@pytest.mark.parametrize("kinds", [(61,), (67,), (81,), (61, 81), (81, 67)])
def test_a_burst_that_is_not_complete_waits(session, kinds):
    for kind in kinds:
        take(session, VOEVENT, packet(kind))

    assert [row.packet_type for row in rows(session)] == list(kinds)
    assert wanted(session) == set()


@pytest.mark.parametrize("kinds", list(permutations((61, 67, 81))))
def test_any_order_opens_one_thread_with_bats_packet(session, kinds):
    for kind in kinds:
        take(session, VOEVENT, packet(kind))

    assert wanted(session) == {(grb_intake.THREAD, 61)}
    assert [row.reception_count for row in rows(session)] == [1, 2, 3]


def test_svom_opens_with_the_wake_up_only(session):
    take(session, VOEVENT, packet(204, mission="svom", trigger="sb25120806"))
    assert wanted(session) == set()
    take(session, VOEVENT, packet(202, mission="svom", trigger="sb25120806"))

    assert wanted(session) == {(grb_intake.THREAD, 202)}


def test_a_packet_after_the_opening_goes_to_the_thread(session):
    for kind in (61, 67):
        take(session, VOEVENT, packet(kind))
    open_thread(session)
    take(session, VOEVENT, packet(81))
    take(session, VOEVENT, packet(67, number=2))

    assert wanted(session) >= {(grb_intake.CARD, 81), (grb_intake.CARD, 67)}
    assert {row.thread_ts for row in rows(session)} == {"1.0"}


def test_the_same_packet_again_changes_nothing(session):
    first = take(session, VOEVENT, packet(202, mission="svom"))
    again = take(session, VOEVENT, packet(202, mission="svom"), offset=1)

    assert [bell.step for bell in first.bells] == [grb_intake.THREAD]
    assert again.bells == ()
    assert len(rows(session)) == 1


def test_bursts_do_not_mix(session):
    take(session, VOEVENT, packet(61, trigger="1"))
    take(session, VOEVENT, packet(67, trigger="2"))

    assert wanted(session) == set()


@pytest.mark.parametrize(("test_kind", "real_kind"), [(61, 67), (67, 61)])
def test_a_test_opens_no_real_thread(session, test_kind, real_kind):
    take(session, VOEVENT, packet(test_kind, role="test"))
    take(session, VOEVENT, packet(real_kind))

    assert wanted(session) == set()


def test_tests_open_a_thread_of_their_own(session):
    for kind in (61, 67):
        take(session, VOEVENT, packet(kind, Test_Submission="true"))

    assert wanted(session) == {(grb_intake.THREAD, 61)}
    assert {row.role for row in rows(session)} == {"test"}


def test_a_packet_that_comes_days_late_is_stored_without_a_word(session):
    for kind in (61, 67):
        take(session, VOEVENT, packet(kind), received_at=NOW + timedelta(days=2))

    assert len(rows(session)) == 2
    assert wanted(session) == set()


@pytest.mark.parametrize(
    "raw", [packet(99), packet(61, ivorn="ivo://nasa.gsfc.gcn/Fermi#GBM_1"), packet(None)]
)
def test_what_nobody_follows_is_passed_over(session, raw):
    assert "no mission or kind" in take(session, VOEVENT, raw).text
    assert rows(session) == []


@pytest.mark.parametrize(
    "raw",
    [
        packet(61, Rate_Signif="22.02", Image_Signif="8.62", Integ_Time="0.256"),
        packet(81, Burst_Mag="1746", Mag_Error="40", Def_NOT_a_GRB="true"),
        packet(205, mission="svom", place=None, time=None, name=None, Slew_Status="x"),
        packet(61, role="test", place=(10, 20)),
    ],
)
def test_a_row_gives_back_the_packet(session, raw):
    take(session, VOEVENT, raw)
    (row,) = rows(session)

    assert grb_intake.event_of(row) == parse_voevent(raw)
    assert row.xml_payload == raw.decode()


def test_what_is_missing_is_null(session):
    take(session, VOEVENT, packet(61, place=None, time=None, name=None))
    (row,) = rows(session)

    missing = (row.ra_deg, row.dec_deg, row.error_deg, row.trigger_time, row.grb_name)
    assert missing == (None,) * 5
