"""Notices become rows: numbered, with one state whatever the order, and the steps that follow."""

import base64
import json
from datetime import UTC, datetime
from itertools import permutations

import numpy as np
import pytest
from sqlalchemy import create_engine, delete, select, text, update
from sqlalchemy.orm import Session

from broker.db import sqlalchemy_url
from pipeline.gw.life import Rules
from pipeline.gw.plan_tables import GwClaim, GwPlan, GwPlanGroup, GwPlanTile
from pipeline.gw.tables import Delivery, GwAlert, GwSkymap, GwStep
from tests.gw_messages import BNS, EVENT, notice, whole_sky
from tests.gw_notices import as_bytes, make_map
from tests.gw_rows import make_group, make_plan, make_tile

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 21, 21, tzinfo=UTC)
STORY = {
    "EARLYWARNING": notice("EARLYWARNING", 1, classification=BNS),
    "INITIAL": notice("INITIAL", 20, significant=False),
    "RETRACTION": notice("RETRACTION", 30),
    "UPDATE": notice("UPDATE", 40),
}


def rows(session: Session) -> list[GwAlert]:
    return list(session.scalars(select(GwAlert).order_by(GwAlert.reception_count)))


def step_names(session: Session, count: int) -> list[str]:
    found = (
        select(GwStep.step)
        .join(GwAlert, GwAlert.id_gw == GwStep.id_gw)
        .where(GwAlert.reception_count == count)
    )
    return list(session.scalars(found.order_by(GwStep.id)))


def plan(session: Session, row: GwAlert, state: str = "wanted") -> GwPlan:
    return make_plan(session, make_group(session, row, state=state), state=state, ended_at=None)


@pytest.mark.parametrize("order", list(permutations(STORY)), ids="-".join)
def test_any_order_of_an_events_notices_ends_in_the_same_state(take, session, order):
    for alert_type in order:
        take(STORY[alert_type])

    found = rows(session)
    assert [row.reception_count for row in found] == [1, 2, 3, 4]
    assert {row.alert_type: (row.state, row.significant, row.score) for row in found} == {
        "EARLYWARNING": ("retracted", True, 2),
        "INITIAL": ("retracted", False, 0),
        "RETRACTION": ("retracted", True, 0),
        "UPDATE": ("current", True, 1),
    }


def test_the_same_notice_again_changes_nothing(take, session):
    take(STORY["UPDATE"])
    before = session.execute(text("SELECT * FROM gw_alerts, gw_steps")).all()

    again = take(STORY["UPDATE"].replace(b", ", b",\n "))

    assert again.bells == ()
    assert session.execute(text("SELECT * FROM gw_alerts, gw_steps")).all() == before


def test_a_first_notice_is_told_shared_and_planned(take, session):
    take(notice(classification=BNS, skymap=whole_sky()))

    [row] = rows(session)
    assert (row.score, row.action, row.event_class) == (2, "GO", "BNS")
    assert row.area_90_deg2 == pytest.approx(0.9 * 41252.96, rel=0.1)  # twelve pixels: in tenths
    assert step_names(session, 1) == [
        "thread",
        "card",
        "picture",
        "folders",
        "notice_files",
        "plans",
    ]
    assert row.is_process_running
    assert "skymap" not in row.payload_json["event"]


def test_a_map_that_two_notices_carry_is_stored_once(take, session):
    take(notice("PRELIMINARY", 5, skymap=whole_sky()))
    take(notice("UPDATE", 6, skymap=whole_sky()))

    assert len(session.scalars(select(GwSkymap)).all()) == 1
    assert len({row.skymap_id for row in rows(session)}) == 1


def test_a_late_notice_is_numbered_but_does_not_count(take, session):
    take(notice("UPDATE", 20))
    take(notice("PRELIMINARY", 5, classification=BNS, skymap=whole_sky()))

    assert [(row.reception_count, row.state) for row in rows(session)] == [
        (1, "current"),
        (2, "superseded"),
    ]
    assert step_names(session, 2) == ["card", "picture", "folders", "notice_files"]


def test_a_thread_is_copied_to_the_next_notice(take, session):
    take(notice("PRELIMINARY", 5))
    session.execute(update(GwAlert).values(thread_ts="17.5", channel="C1"))
    session.execute(update(GwStep).values(state="done"))
    session.expire_all()

    take(notice("UPDATE", 20))

    assert [(row.thread_ts, row.channel) for row in rows(session)] == [("17.5", "C1")] * 2
    assert step_names(session, 2)[0] == "card"


def test_an_event_that_becomes_significant_is_told_from_then_on_and_counted_from_the_first(
    take, session
):
    take(notice("PRELIMINARY", 5, significant=False))
    assert step_names(session, 1) == []

    take(notice("UPDATE", 20))

    assert [row.reception_count for row in rows(session)] == [1, 2]
    assert step_names(session, 2) == ["thread", "card", "folders", "notice_files"]


def joint(skymap: str) -> bytes:
    """Return a notice with a map that was combined with another observatory's."""
    made = json.loads(notice(skymap=whole_sky()))
    coincidence = {"observatory": "Fermi", "search": "GRB", "combined_skymap": skymap}
    return as_bytes(made | {"external_coinc": coincidence})


def test_a_combined_map_that_cannot_be_read_is_left_out(take, session):
    take(joint("bm8gbWFw"))

    [row] = rows(session)
    assert row.combined_skymap_id is None
    assert row.skymap_id is not None


def test_a_combined_map_is_kept_and_the_gw_map_scores(take, session):
    smaller = make_map(np.arange(16, 64), np.where(np.arange(48) == 0, 12 / np.pi, 0.0))
    take(joint(base64.b64encode(smaller).decode()))

    [row] = rows(session)
    combined = session.get(GwSkymap, row.combined_skymap_id)
    assert combined.area_90_deg2 < 1000
    assert row.area_90_deg2 == session.get(GwSkymap, row.skymap_id).area_90_deg2 > 30_000


@pytest.mark.parametrize("state", ["wanted", "running"])
def test_a_newer_notice_supersedes_plans_however_it_scores(take, session, state):
    take(notice("PRELIMINARY", 5, classification=BNS, skymap=whole_sky()))
    [first] = rows(session)
    made = plan(session, first, state)

    take(notice("UPDATE", 20, classification={"Terrestrial": 1.0}))

    session.expire_all()
    assert (made.state, made.reason) == ("superseded", "superseded by N°2")
    assert session.scalars(select(GwPlanGroup.state)).all() == ["superseded"]
    ended = select(GwStep.state).where(GwStep.step == "plans")
    assert session.scalars(ended).all() == ["cancelled"]
    assert not any(row.is_process_running for row in rows(session))


def test_a_retraction_cancels_plans_and_is_told(take, session):
    take(notice("PRELIMINARY", 5, classification=BNS, skymap=whole_sky()))
    made = plan(session, rows(session)[0])

    take(notice("RETRACTION", 20))

    session.expire_all()
    assert [row.state for row in rows(session)] == ["retracted", "retracted"]
    assert (made.state, made.reason) == ("cancelled", "the event was retracted")
    assert step_names(session, 2) == ["card", "retract", "withdraw"]
    assert not any(row.is_process_running for row in rows(session))


def test_a_late_retracted_notice_leaves_the_plans_of_the_living_one(take, session):
    take(notice("RETRACTION", 10))
    take(notice("UPDATE", 20, classification=BNS, skymap=whole_sky()))
    take(notice("PRELIMINARY", 5))

    assert [row.state for row in rows(session)] == ["retracted", "current", "retracted"]
    assert rows(session)[1].is_process_running
    assert step_names(session, 3) == []


def test_a_mock_is_told_but_neither_shared_nor_planned(take, session):
    take(notice(trigger_id="MS261121a", classification=BNS, skymap=whole_sky()))

    assert [(row.kind, row.score) for row in rows(session)] == [("mock", 0)]
    assert step_names(session, 1) == ["thread", "card", "picture"]


def test_a_mock_plans_where_the_settings_say_so(take, session):
    raw = notice(trigger_id="MS261121a", classification=BNS, skymap=whole_sky())

    take(raw, Rules(plans_mocks=True))

    assert step_names(session, 1)[-1] == "plans"


def test_an_event_marked_as_mock_by_hand_stays_one(take, session):
    take(notice("PRELIMINARY", 5))
    session.execute(update(GwAlert).values(kind="mock"))
    session.expire_all()

    take(notice("UPDATE", 6, classification=BNS, skymap=whole_sky()))

    row = rows(session)[1]
    assert (row.kind, row.score, row.action) == ("mock", 0, "NO")
    assert row.score_rule == "marked as mock by hand"
    assert not row.is_process_running


def test_an_old_notice_is_stored_without_a_word(take, session):
    take(notice(), Rules(max_age_s=60))

    assert [(row.is_silent, row.state) for row in rows(session)] == [(True, "current")]
    assert step_names(session, 1) == []


def test_a_notice_whose_steps_nobody_could_do_is_not_stored(take, monkeypatch):
    monkeypatch.setattr("pipeline.gw.step_registry.KINDS", ())

    with pytest.raises(KeyError, match="thread"):
        take(notice(classification=BNS, skymap=whole_sky()))


def test_an_event_is_deleted_with_all_that_hangs_on_it_and_told_again(take, session):
    raw = notice(classification=BNS, skymap=whole_sky())
    take(raw)
    made = plan(session, rows(session)[0])
    tile = make_tile(session, made)
    session.add(GwClaim(plan_id=made.id, telescope="TCA", tile_id=tile.id, claimed_by="Ada"))
    session.add(Delivery(id_gw=made.id_gw, channel="C1", kind="M2", key="1"))
    session.flush()

    assert len(session.execute(text("SELECT * FROM gw_alerts")).all()) == 1
    session.execute(text(f"""DELETE FROM gw_alerts WHERE "triggerId" = '{EVENT}'"""))

    for table in (GwStep, Delivery, GwPlanGroup, GwPlan, GwPlanTile, GwClaim):
        assert session.scalar(select(table.id)) is None
    session.expire_all()
    take(raw)
    assert step_names(session, 1)[:2] == ["thread", "card"]


def test_a_plain_script_reads_notices_with_a_session_of_its_own(database):
    engine = create_engine(sqlalchemy_url(database))
    with Session(engine) as session:
        session.add(
            GwAlert(
                trigger_id=EVENT,
                reception_count=1,
                payload_json={},
                alert_type="UPDATE",
                time_created=NOW,
                payload_sha256="",
                kind="real",
                significant=True,
            )
        )
        session.commit()

    with Session(engine) as session:
        found = session.query(GwAlert).all()

    assert [(row.trigger_id, row.reception_count, row.score) for row in found] == [(EVENT, 1, 0)]
    with Session(engine) as session:
        session.execute(delete(GwAlert))
        session.commit()
    engine.dispose()
