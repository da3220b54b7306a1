"""Runs of which no telescope is planned: they end like others, and leave those that run alone."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text

from broker.config import config
from pipeline.gw import steps
from pipeline.gw.plan_tables import GwPlan, GwTelescopeOutage
from pipeline.gw.tables import GwStep
from tests.gw_rows import make_map, make_notice, make_step
from tests.integration.gw.test_hosts import TABLE

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("bells")]


@pytest.fixture
def alert(session):
    session.execute(text(TABLE))  # an empty catalog of galaxies
    sky_map = make_map(session, distance_mpc=364.0, distance_std_mpc=54.0)
    return make_notice(session, skymap_id=sky_map.id, event_class="BBH", is_process_running=True)


def run(session, alert, key=""):
    """Begin a run of the default groups."""
    step = make_step(session, step="plans", id_gw=alert.id_gw, key=key)
    steps.run(step.id, "worker")
    session.expire_all()
    assert step.state == "done"


def mark_all_out(session):
    until = datetime.now(UTC) + timedelta(days=1)
    names = [name for group in config().gw.plan_groups for name in group.telescopes]
    session.add_all(
        GwTelescopeOutage(telescope=name, reason="snow", until_at=until, reported_by="A")
        for name in names
    )
    session.flush()


def wanted(session, *names):
    found = select(GwStep.step).where(GwStep.step.in_(names), GwStep.state == "wanted")
    return sorted(session.scalars(found))


def test_a_run_whose_telescopes_are_all_out_ends_with_its_file_and_edits(session, alert):
    mark_all_out(session)

    run(session, alert)

    assert set(session.scalars(select(GwPlan.state))) == {"skipped"}
    assert not alert.is_process_running
    follow = ("all_file", "card_again", "headline")
    assert wanted(session, *follow) == list(follow)


def test_a_run_that_adds_no_plan_leaves_those_of_the_one_before_running(session, alert):
    run(session, alert)
    mark_all_out(session)

    run(session, alert, "replan-2")

    assert session.scalar(select(func.count()).where(GwPlan.state == "wanted")) == 8
    assert alert.is_process_running
    assert wanted(session, "all_file") == []
