"""A notice that plans by itself, from its card to its plans, and then once more."""

import sys

import pytest
from sqlalchemy import select

from pipeline.gw import deliver, plan_process, planner
from pipeline.gw.plan_job import RESULT_FILE, PlanResult
from pipeline.gw.tables import GwAlert, GwStep
from tests.slack import GW, buttons

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

PLANNING = ("plans", "plan")
RESULT = PlanResult(telescope="TCA", strategy="tiling", scheduler="greedy_slew", reason="no dark")
WRITES = "import pathlib, sys; pathlib.Path(sys.argv[1], sys.argv[2]).write_text(sys.argv[3])"
GROUP = '[{"telescopes": ["TCA"], "max_tiles": [10], "strategy": "tiling"}]'


@pytest.fixture(autouse=True)
def _one_telescope(set_up, tmp_path, monkeypatch):
    """Plan for one telescope, with a program that writes its result at once."""
    set_up(NIGHTJAR_HOME=str(tmp_path), NIGHTJAR_GW__PLAN_GROUPS=GROUP)
    result = RESULT.model_dump_json()
    monkeypatch.setattr(planner, "is_here", lambda: True)
    monkeypatch.setattr(
        plan_process,
        "command",
        lambda folder: (sys.executable, "-c", WRITES, str(folder), RESULT_FILE, result),
    )


def runs(session):
    session.expire_all()
    return list(session.scalars(select(GwStep.key).where(GwStep.step == "plans")))


def test_its_card_has_the_buttons_to_plan_once_its_plans_have_ended(
    take, work, press, session, standin
):
    take()
    work()
    row = session.scalars(select(GwAlert)).one()
    card = standin.workspace.messages[GW, row.message_ts]
    assert "Plans are being made" in str(card["blocks"])
    assert "run_obs_plan" not in buttons(card)

    work(also=PLANNING)

    for ts in (row.message_ts, row.thread_ts):
        said = str(standin.workspace.messages[GW, ts]["blocks"])
        assert "lans are being made" not in said
        assert "0 of 1 telescopes can observe" in said
        assert "No plan is made by itself" not in said
    assert {"run_obs_plan", "plan_options"} <= buttons(
        standin.workspace.messages[GW, row.message_ts]
    )

    again = press(row.message_ts, "run_obs_plan")
    work(also=PLANNING)

    assert runs(session) == ["", f"action-{again.id}"]
    assert "run_obs_plan" in buttons(standin.workspace.messages[GW, row.message_ts])


def test_its_card_has_them_when_its_plans_end_while_it_is_being_posted(
    take, work, session, standin, monkeypatch
):
    post = deliver.post

    def slowly(address, said):
        if address.kind == "M2":
            work(also=PLANNING)
        return post(address, said)

    monkeypatch.setattr(deliver, "post", slowly)
    take()
    work()

    row = session.scalars(select(GwAlert)).one()
    assert "run_obs_plan" in buttons(standin.workspace.messages[GW, row.message_ts])
