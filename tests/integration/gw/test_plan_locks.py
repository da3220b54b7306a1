"""What a plan's making keeps others from: nothing, until its result is stored."""

import pytest
from sqlalchemy import event

from pipeline.gw import plan_process, plan_steps
from pipeline.gw.plan_process import Ended
from tests.gw_rows import T0, held, make_group, make_map, make_notice, make_plan

pytestmark = pytest.mark.integration


def test_no_row_is_locked_while_a_job_is_made_and_done(session, set_up, tmp_path, monkeypatch):
    set_up(home=tmp_path)
    alert = make_notice(session, skymap_id=make_map(session).id)
    plan = make_plan(session, make_group(session, alert, window_end=T0), state="wanted")
    locking = []

    @event.listens_for(session.get_bind().engine, "before_cursor_execute")
    def note(_connection, _cursor, statement, *_):
        if "FOR UPDATE" in statement or statement.startswith("UPDATE gw_plans"):
            locking.append(statement)

    monkeypatch.setattr(
        plan_process,
        "run",
        lambda *_, **__: Ended("", "superseded", is_crash=False, duration_s=0.0),
    )
    outcome = plan_steps.make(held(alert, "plan", str(plan.id)))

    assert outcome.why == "superseded"
    assert locking == []
