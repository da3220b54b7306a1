"""Notices and clicks of one event take turns: the second sees what the first one left."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from broker.db import transaction
from pipeline.gw import act, plan_rows, steps
from pipeline.gw.action_tables import GwSlackAction
from pipeline.gw.plan_tables import GwPlan, GwPlanGroup
from pipeline.gw.standing import lock_event
from pipeline.gw.tables import GwAlert
from tests.gw_rows import make_group, make_notice, make_plan
from tests.gw_work import store_notice
from tests.slack import SHIFTER
from tests.turns import await_waiter

pytestmark = [pytest.mark.integration]
PATIENCE_S = 60.0


def store(alert_type: str, minute: int) -> None:
    with transaction() as session:
        store_notice(session, alert_type, minute)


@pytest.mark.usefixtures("database", "set_up")
def test_of_two_notices_at_once_the_second_counts_the_first():
    with ThreadPoolExecutor(1) as pool:
        with transaction() as session:
            store_notice(session, "PRELIMINARY", 5)
            second = pool.submit(store, "UPDATE", 9)
            await_waiter(session, second)
        second.result(PATIENCE_S)

    with transaction() as session:
        found = session.execute(
            select(GwAlert.reception_count, GwAlert.alert_type, GwAlert.state).order_by(
                GwAlert.reception_count
            )
        ).all()
    assert [tuple(row) for row in found] == [
        (1, "PRELIMINARY", "superseded"),
        (2, "UPDATE", "current"),
    ]


@pytest.mark.usefixtures("database", "set_up")
def test_a_group_that_ended_while_its_cancel_waited_stays_done(monkeypatch):
    monkeypatch.setattr(steps, "enqueue", lambda *_: None)
    with transaction() as session:
        group = make_group(session, make_notice(session), state="running")
        plan = make_plan(session, group, state="running", ended_at=None)
        click = GwSlackAction(
            key="1", action_id="cancel_plan", user_id=SHIFTER, role="shifter", value=str(group.id)
        )
        session.add(click)
        session.flush()

    with ThreadPoolExecutor(1) as pool:
        with transaction() as session:
            lock_event(session, "S241102br")
            cancel = pool.submit(act.run, click.id, "worker")
            await_waiter(session, cancel)
            ended = session.get_one(GwPlan, plan.id)
            ended.state, ended.ended_at = "done", func.now()
            plan_rows.settle_group(session, group.id)
        cancel.result(PATIENCE_S)

    with transaction() as session:
        assert session.get_one(GwPlanGroup, group.id).state == "done"
        assert session.get_one(GwPlan, plan.id).state == "done"
        assert session.get_one(GwSlackAction, click.id).state == "skipped"
