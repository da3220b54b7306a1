"""Every notice of an event finds its thread, whenever that opens."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from broker.db import transaction
from pipeline.gw import steps, tell
from pipeline.gw.standing import lock_event
from pipeline.gw.steps import Step, Wait
from pipeline.gw.tables import GwAlert, GwStep
from pipeline.gw.tell_view import event_of
from tests.gw_rows import make_notice, make_step
from tests.slack import GW, texts
from tests.turns import await_waiter

pytestmark = [pytest.mark.integration]
PATIENCE_S = 60.0


def test_a_notice_that_is_stored_while_the_thread_opens_is_in_it(database, set_up, standin):
    with transaction() as session:
        first = make_notice(session)
        step_id = make_step(session, id_gw=first.id_gw, step="thread").id
    with ThreadPoolExecutor(1) as pool:
        with transaction() as session:
            lock_event(session, "S241102br")
            worker = pool.submit(steps.run, step_id, "worker")
            await_waiter(session, worker)
            make_notice(session, reception_count=2, payload_sha256="2")
        worker.result(PATIENCE_S)

    with transaction() as session:
        assert session.get_one(GwStep, step_id).state == "done"
        [thread_ts] = set(session.scalars(select(GwAlert.thread_ts)))
    assert thread_ts is not None
    assert len(texts(standin, GW)) == 1


@pytest.mark.django_db
def test_a_card_that_saw_no_thread_waits_when_it_has_opened_since(take, work, session):
    take()
    row = session.scalars(select(GwAlert)).one()
    before = event_of(Step(1, "card", "", row.id_gw, None, 1, "worker"))
    work()

    assert isinstance(tell.await_thread(before), Wait)
