"""A group of plans in Slack: one message from start to end, its failures, its tiles, its maps."""

import pytest

from pipeline.gw import steps
from pipeline.gw.plan_files import picture_file
from pipeline.gw.steps import Want
from pipeline.gw.tables import GwAlert, GwStep
from tests.gw_rows import make_group, make_plan, make_tile
from tests.slack import GW, texts

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def alert(take, work, session):
    """A notice with its thread and card."""
    take()
    work()
    return session.query(GwAlert).one()


@pytest.fixture
def group(session, alert):
    return make_group(session, alert, telescopes=["TCA", "TRE"], max_tiles=[10, 10])


@pytest.fixture
def tell(session, work, alert, group):
    """Return a function that does the step ``report`` for a plan that has ended, or the start."""

    def one(plan=None):
        key = f"{group.id}:{plan.id}" if plan else str(group.id)
        steps.want(session, [Want("report", id_gw=alert.id_gw, key=key)])
        work(with_pictures=True)

    return one


def starting(standin, words):
    return [text for text in texts(standin, GW) if words in text]


def test_a_group_has_one_message_from_start_to_end(session, group, tell, standin):
    plan = make_plan(session, group, state="running", ended_at=None)
    tell()
    assert len(starting(standin, "Planning S260102ab: 0/1 telescopes")) == 1

    plan.state, plan.tile_count = "done", 1
    session.flush()
    tell(plan)

    assert starting(standin, "Planning") == []
    assert len(starting(standin, "Plan ready")) == 1
    assert session.get(type(group), group.id).ts is not None


def test_a_failure_names_telescope_and_cause_once(session, group, tell, standin):
    plan = make_plan(session, group, state="failed", reason="ran out of memory")

    tell(plan)
    tell()

    assert len(starting(standin, "Plan failed: TCA for S260102ab: ran out of memory")) == 1


def test_tiles_come_with_their_buttons_and_the_map(session, group, tell, standin, tmp_path, set_up):
    set_up(NIGHTJAR_HOME=str(tmp_path))
    plan = make_plan(session, group, tile_count=1, folder="plans/1", covered_90_percent=88.3)
    make_tile(session, plan)
    picture = tmp_path / "plans/1" / picture_file("TCA")
    picture.parent.mkdir(parents=True)
    picture.write_bytes(PNG)

    tell(plan)

    assert len(starting(standin, "TCA: 1 tiles for S260102ab")) == 1
    assert any("coverage_TCA" in str(entry) for entry in standin.workspace.messages.values())


def test_a_plan_without_tiles_has_no_message_of_its_own(session, group, tell, standin):
    plan = make_plan(session, group, tile_count=0, reason="no dark time in the window")

    tell(plan)

    assert starting(standin, "tiles for") == []
    assert len(starting(standin, "Nothing observable")) == 1


def test_a_plan_of_an_event_without_a_thread_is_told_to_nobody(
    session, take, work, set_up, standin
):
    set_up(NIGHTJAR_SLACK__GW_CHANNEL="")
    take()
    work()
    alert = session.query(GwAlert).one()
    group = make_group(session, alert)
    steps.want(session, [Want("report", id_gw=alert.id_gw, key=str(group.id))])

    work()

    step = session.query(GwStep).filter_by(step="report").one()
    assert (step.state, step.last_error) == ("skipped", "its event has no thread")
    assert standin.workspace.messages == {}
